/* One table of words, and how they are read. */
#include <config.h>

#include "core/scope.h"

#include "base/similar.h"

_Static_assert(SCOPES <= 32, "a scope is a bit of a scope_set");
_Static_assert(SCOPE_HINT_MAX == SIMILAR_HINT_MAX, "hints");

static const char *const words[SCOPES] = {
    [SCOPE_EVERY] = "*",
    [SCOPE_OPEN] = "open",
    [SCOPE_ORDERS_READ] = "orders:read",
    [SCOPE_ORDERS_WRITE] = "orders:write",
    [SCOPE_ORDERS_TAKE] = "orders:take",
    [SCOPE_SITES_READ] = "sites:read",
    [SCOPE_SITES_WRITE] = "sites:write",
    [SCOPE_REGIONS_READ] = "regions:read",
    [SCOPE_MESSAGES_READ] = "messages:read",
    [SCOPE_MESSAGES_WRITE] = "messages:write",
    [SCOPE_USERS_READ] = "users:read",
    [SCOPE_METRICS_READ] = "metrics:read",
};

const char *scope_name(enum scope scope)
{
    return words[scope];
}

/* "orders" is the beginning of "orders:read". */
static bool covers(struct slice word, const char *scope)
{
    return word.len > 0 && strncmp(scope, word.ptr, word.len) == 0 &&
           (scope[word.len] == '\0' || scope[word.len] == ':');
}

bool scope_parse(struct slice word, scope_set *set)
{
    *set = slice_equal(word, SLICE("*")) ? SCOPE_ALL : 0;
    for (int scope = SCOPE_OPEN + 1; scope < SCOPES; scope++)
        if (covers(word, words[scope]))
            *set |= UINT32_C(1) << scope;
    return *set != 0;
}

static bool is_between(char c)
{
    return c == ' ' || c == ',' || c == '\t';
}

bool scope_parse_list(struct slice text, scope_set *set, struct slice *wrong)
{
    *set = 0;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        scope_set one;
        while (end < text.len && !is_between(text.ptr[end]))
            end++;
        *wrong = (struct slice){text.ptr + i, end - i};
        if (wrong->len > 0 && !scope_parse(*wrong, &one))
            return false;
        *set |= wrong->len > 0 ? one : 0;
        i = end + 1;
    }
    return true;
}

const char *scope_hint(struct slice word, char hint[static SCOPE_HINT_MAX])
{
    struct similar similar = similar_to(word.ptr, word.len);
    for (int scope = SCOPE_OPEN + 1; scope < SCOPES; scope++)
        similar_try(&similar, words[scope]);
    return similar_hint(&similar, hint);
}
