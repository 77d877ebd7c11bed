/* What a key may be good for. Each route names its scope (core/route.h); a key has some (core/keys.h), and some may go
 * without a key (--anonymous). A new one is a name here and a word in scope.c. */
#ifndef ROWLOCK_CORE_SCOPE_H
#define ROWLOCK_CORE_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum scope {
    SCOPE_EVERY, /* of a route that names none: only what has all of them ("*") will do */
    SCOPE_OPEN,  /* of a route that needs none */
    SCOPE_ORDERS_READ,
    SCOPE_ORDERS_WRITE, /* to place them */
    SCOPE_ORDERS_TAKE,  /* to take, release and deliver them */
    SCOPE_SITES_READ,
    SCOPE_SITES_WRITE,
    SCOPE_REGIONS_READ,
    SCOPE_MESSAGES_READ,
    SCOPE_MESSAGES_WRITE,
    SCOPE_USERS_READ,
    SCOPE_METRICS_READ,
    SCOPES,
};

/* A set of scopes: a bit each. */
typedef uint32_t scope_set;

#define SCOPE_ALL UINT32_MAX /* "*": those that are to come, too */

static inline bool scope_in(scope_set set, enum scope scope)
{
    return scope == SCOPE_OPEN || (set & (UINT32_C(1) << scope)) != 0;
}

/* "orders:read"; "*" of SCOPE_EVERY, "open" of SCOPE_OPEN. */
const char *scope_name(enum scope scope);

/* The scopes of a word: "orders:read", "orders" for all that begin so, or "*". False: there is none. */
bool scope_parse(struct slice word, scope_set *set);

/* Words by comma or blank, none when the text is empty. False with *wrong: the first that is none. */
bool scope_parse_list(struct slice text, scope_set *set, struct slice *wrong);

#define SCOPE_HINT_MAX 96

/* " (did you mean orders:read?)", or "" when nothing is close. */
const char *scope_hint(struct slice word, char hint[static SCOPE_HINT_MAX]);

#endif
