/* From a method and a path to a route. */
#ifndef ROWLOCK_CORE_ROUTER_H
#define ROWLOCK_CORE_ROUTER_H

#include "base/arena.h"
#include "core/route.h"

#define ROUTER_SEGMENTS_MAX 8

struct router;

struct router *router_new(void);
void router_free(struct router *router);
/* number: what a match says of the route, beside the route itself. */
void router_add(struct router *router, const struct route *route, size_t number);

struct router_match {
    const struct route *route;                  /* NULL: no such path, or allow says what it has */
    size_t number;                              /* of the route */
    const char *allow;                          /* "GET, HEAD, PATCH"; NULL when the path is unknown */
    bool malformed;                             /* the path is not well-formed percent-encoded UTF-8 */
    struct slice segments[ROUTER_SEGMENTS_MAX]; /* the values of {…}, decoded, in the arena */
    size_t segment_count;
};

/* One trailing slash is ignored; HEAD finds GET. The path "*" is that of OPTIONS for the whole
 * server: no route, and the methods of all. */
void router_find(const struct router *router, enum http_method method, struct slice path, struct arena *arena,
                 struct router_match *match);

/* The route of the table with this method and path, "/orders/{id}" for example. NULL: it is not served. */
const struct route *router_route(const struct router *router, enum http_method method, const char *path);

#endif
