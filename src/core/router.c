/* A pattern is a path of segments with the routes of its methods. router_add keeps patterns in the order in which
 * they are tried (comes_before); router_find splits a path, decodes its segments and takes the first pattern that
 * fits. */
#include <config.h>

#include "core/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* One path of the table with the routes of its methods. */
struct pattern {
    struct slice segments[ROUTER_SEGMENTS_MAX];
    bool is_field[ROUTER_SEGMENTS_MAX];
    size_t count;
    const struct route *routes[HTTP_METHODS];
    size_t numbers[HTTP_METHODS];
    char allow[80];
};

struct router {
    struct pattern *patterns;
    size_t count;
    bool has[HTTP_METHODS]; /* some path has the method */
    char allow[80];
};

struct router *router_new(void)
{
    struct router *router = mem_new(sizeof *router);
    router->has[HTTP_OPTIONS] = true; /* with the target *, which needs no route */
    return router;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    free(router->patterns);
    free(router);
}

/* "/a/b/" to "a", "b". False when there are more segments than any route has. */
static bool split(struct slice path, struct slice segments[ROUTER_SEGMENTS_MAX], size_t *count)
{
    size_t i = 1; /* past the first slash */
    *count = 0;
    if (path.len > 1 && path.ptr[path.len - 1] == '/' && --path.len == 1)
        return false; /* "//" is not "/" */
    while (i < path.len) {
        const char *slash = memchr(path.ptr + i, '/', path.len - i);
        size_t end = slash == NULL ? path.len : (size_t)(slash - path.ptr);
        if (*count == ROUTER_SEGMENTS_MAX)
            return false;
        segments[(*count)++] = (struct slice){path.ptr + i, end - i};
        i = end + 1;
        if (i == path.len && slash != NULL) /* "//" at the end: an empty segment that no route has */
            return false;
    }
    return true;
}

/* Paths with a word where others have a field come first: /orders/claim before /orders/{id}. */
static bool comes_before(const struct pattern *a, const struct pattern *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (a->is_field[i] != b->is_field[i])
            return b->is_field[i];
    return false;
}

static struct pattern *pattern_for(struct router *router, const struct route *route)
{
    struct pattern fresh = {.count = 0};
    bool fits = split(slice_of(route->path), fresh.segments, &fresh.count);
    assert(fits);
    (void)fits;
    for (size_t i = 0; i < fresh.count; i++)
        fresh.is_field[i] = fresh.segments[i].ptr[0] == '{';
    for (size_t i = 0; i < router->count; i++) {
        const struct pattern *known = &router->patterns[i];
        bool same = known->count == fresh.count;
        for (size_t k = 0; same && k < fresh.count; k++)
            same = slice_equal(known->segments[k], fresh.segments[k]);
        if (same)
            return &router->patterns[i];
    }
    size_t at = 0;
    while (at < router->count && !comes_before(&fresh, &router->patterns[at]))
        at++;
    router->patterns = mem_resize(router->patterns, (router->count + 1) * sizeof fresh);
    memmove(&router->patterns[at + 1], &router->patterns[at], (router->count - at) * sizeof fresh);
    router->patterns[at] = fresh;
    router->count++;
    return &router->patterns[at];
}

static void write_allow(char *allow, size_t size, const bool *has)
{
    size_t used = 0;
    for (int method = 0; method < HTTP_METHODS; method++)
        if (has[method])
            used += (size_t)snprintf(allow + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     http_method_name((enum http_method)method));
}

void router_add(struct router *router, const struct route *route, size_t number)
{
    struct pattern *pattern = pattern_for(router, route);
    assert(pattern->routes[route->method] == NULL);
    pattern->routes[route->method] = route;
    pattern->numbers[route->method] = number;
    if (route->method == HTTP_GET) {
        pattern->routes[HTTP_HEAD] = route;
        pattern->numbers[HTTP_HEAD] = number;
    }
    bool has[HTTP_METHODS];
    for (int method = 0; method < HTTP_METHODS; method++) {
        has[method] = pattern->routes[method] != NULL;
        router->has[method] |= has[method];
    }
    write_allow(pattern->allow, sizeof pattern->allow, has);
    write_allow(router->allow, sizeof router->allow, router->has);
}

static const struct pattern *find_pattern(const struct router *router, const struct slice *segments,
                                          size_t count)
{
    for (size_t i = 0; i < router->count; i++) {
        const struct pattern *pattern = &router->patterns[i];
        bool same = pattern->count == count;
        for (size_t k = 0; same && k < count; k++)
            same =
                pattern->is_field[k] ? segments[k].len > 0 : slice_equal(pattern->segments[k], segments[k]);
        if (same)
            return pattern;
    }
    return NULL;
}

/* Decoding comes after splitting, so that %2F is a character of a segment and not a border. */
static bool decode(struct slice *segment, struct arena *arena)
{
    if (memchr(segment->ptr, '%', segment->len) == NULL)
        return true;
    size_t length;
    char *text = arena_alloc(arena, segment->len + 1);
    if (!text_percent_decode(*segment, false, text, &length))
        return false;
    *segment = (struct slice){text, length};
    return true;
}

void router_find(const struct router *router, enum http_method method, struct slice path, struct arena *arena,
                 struct router_match *match)
{
    struct slice segments[ROUTER_SEGMENTS_MAX];
    size_t count;
    match->route = NULL;
    match->allow = NULL;
    match->malformed = false;
    match->segment_count = 0;
    if (slice_equal(path, SLICE("*")))
        match->allow = router->allow;
    if (slice_equal(path, SLICE("*")) || !split(path, segments, &count))
        return;
    for (size_t i = 0; i < count; i++)
        if (!decode(&segments[i], arena)) {
            match->malformed = true;
            return;
        }
    const struct pattern *pattern = find_pattern(router, segments, count);
    if (pattern == NULL)
        return;
    match->allow = pattern->allow;
    match->route = pattern->routes[method];
    match->number = pattern->numbers[method];
    for (size_t i = 0; i < count; i++)
        if (pattern->is_field[i])
            match->segments[match->segment_count++] = segments[i];
}

const struct route *router_route(const struct router *router, enum http_method method, const char *path)
{
    for (size_t i = 0; i < router->count; i++) {
        const struct route *route = router->patterns[i].routes[method];
        if (route != NULL && strcmp(route->path, path) == 0)
            return route;
    }
    return NULL;
}
