/* Whether a request may do what it asks for: by its API key (Authorization: Bearer, RFC 6750 section 2.1, or
 * X-Api-Key, or by the cookie of who has signed in, core/sign_in.h), or without one, as the scope of its route says
 * (core/scope.h). Where no keys are set everybody may do
 * everything. */
#ifndef ROWLOCK_CORE_ADMIT_H
#define ROWLOCK_CORE_ADMIT_H

#include "core/keys.h"
#include "core/request.h"

/* Finds the key by which a request asks, whatever for. */
void admit_find(struct request *request, const struct http_head *head);

/* Whether it may do what its route does. False: it may not, and was answered: 401 (RFC 9110 section 15.5.2), 403 with
 * the scope that its key lacks, or 400 when it names a key in more than one way (RFC 6750 section 3.1). */
bool admit(struct request *request);

/* Whether it may do what needs that scope as well, as when a page reads another route on its behalf. False: it was
 * answered, as by admit. */
bool admit_also(struct request *request, enum scope scope);

/* The key of that text; false: it does not count. */
bool admit_key(const struct request *request, struct slice text, struct api_key *key);

/* What was let in, for what goes on when its request is over. */
struct admitted {
    enum scope scope;
    bool has_key, takers_own;
    int64_t expires;                 /* as of struct api_key */
    unsigned char hash[DIGEST_SIZE]; /* of the key */
};

struct admitted admitted_as(const struct request *request);

/* Whether it would be let in now. */
bool admitted_still(const struct admitted *who, const struct server *server);

#endif
