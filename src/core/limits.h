/* No caller gets more than it may (core/allowance.h): so many requests in a time, so many at once. Counted by the
 * name of its key, else by the address of the client (core/caller.h), in all processes of a server together (core/buckets.h, core/crowd.h).
 *
 * What is left is told by the fields RateLimit and RateLimit-Policy as draft-ietf-httpapi-ratelimit-headers-11 (May
 * 2026) has them: lists of structured fields (RFC 9651), in place of the RateLimit-Limit, -Remaining and -Reset that
 * drafts before the seventh had. */
#ifndef ROWLOCK_CORE_LIMITS_H
#define ROWLOCK_CORE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

struct request;

/* Makes room for what all processes count, before the first fork: for as many as metrics_open. False with errno. */
bool limits_open(size_t processes);
void limits_close(void);
void limits_attach(void); /* this process counts, behind metrics_attach */

enum limits_use {
    LIMITS_TAKE, /* one request, which is inside until limits_leave */
    LIMITS_LOOK, /* none: what would be answered */
};

/* Whether the request may go on; false when it was answered, with 429. In any case its reply says what is left. */
bool limits_admit(struct request *request, enum limits_use use);

#endif
