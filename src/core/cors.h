/* Which pages of other sites may use the API from a browser (CORS, fetch.spec.whatwg.org section 3.2), as --cors-
 * origins says. Without it nothing of this is ever said. There are no credentials: what a cookie or a user's key
 * could do stays out of reach of such pages. */
#ifndef ROWLOCK_CORE_CORS_H
#define ROWLOCK_CORE_CORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "http/http_parse.h"

struct cors {
    char **origins; /* as browsers write them; owned */
    size_t count;   /* 0: CORS is off */
};

/* Origins by comma, each exactly as a browser writes it (RFC 6454 section 6.2): https://app.example or
 * http://localhost:3000. There is no "*". False with *right (static), what would be right. To be given to cors_fini
 * in any case. */
bool cors_parse(const char *text, struct cors *cors, const char **right);
void cors_fini(struct cors *cors);

/* Whether the request is one of a page that may. */
bool cors_allows(const struct cors *cors, const struct http_head *head);

/* Whether a browser asks on behalf of such a page if it may send another request: it wants to know at once. */
bool cors_is_preflight(const struct cors *cors, const struct http_head *head);

/* The fields that a reply gets; none while CORS is off. head: NULL when the request was not understood. */
void cors_add_fields(const struct cors *cors, const struct http_head *head, struct buf *fields);

/* What the answer to a preflight has besides: methods are those of the path, "GET, HEAD". */
void cors_add_preflight(struct buf *fields, const char *methods);

#endif
