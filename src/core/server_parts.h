/* What a server consists of, for the files that take a request through it: server.c, request.c, dispatch.c, obtain.c.
 * All others are given what they need of it, or see core/server.h. */
#ifndef ROWLOCK_CORE_SERVER_PARTS_H
#define ROWLOCK_CORE_SERVER_PARTS_H

#include "base/list.h"
#include "core/app.h"
#include "core/call.h"
#include "core/readiness.h"
#include "core/reply.h"
#include "http/http.h"

struct key_watch;
struct access_log;
struct chores;
struct cache;
struct gauges;
struct otlp;
struct shared;

/* Where requests come in: what is served there. */
struct door {
    struct server *server;
    struct router *router;
    bool has_pages; /* for people */
};

struct server {
    const struct settings *settings;
    const struct app *const *apps; /* those that are served; ends with NULL */
    void **states;                 /* of each of them, by the same index; NULL where it has none */
    struct loop *loop;
    struct db *db;
    struct calls *calls;
    struct shared *shared;
    struct cache *cache;
    struct otlp *otlp;             /* records traces; NULL: nobody does */
    struct access_log *access_log; /* NULL: requests are logged like all else */
    struct http *http;
    struct router *router;
    struct door door;
    /* The address for operators, if there is one; else NULL. */
    struct http *operators_http;
    struct router *operators_router;
    struct door operators_door;
    struct gauges *gauges;
    struct key_watch *key_watch; /* NULL: there are no keys, and everybody may do everything */
    struct reply reply;          /* being written; one at a time */
    struct list requests;        /* pending, oldest first */
    struct list streams;         /* those whose clients are taking what was sent */
    struct list feeds;           /* of events */
    struct list spares;          /* requests that are over, with their memory */
    struct loop_timer *deadline, *drain_limit;
    struct chores *chores; /* NULL: there are none */
    bool has_keys;         /* an app has keys, so they are purged */
    int schema_needed;     /* the newest migration that the served apps need */
    int schema_known;      /* the newest that this program knows */
    enum http_queue queue; /* what a drain does with connections that were not accepted yet */
    bool drained;          /* no connection is left */
    bool draining;         /* says so in its health, and every response closes its connection */
    bool told_ready;       /* what the log was told last */
    char told_reason[320];
    bool warned[READINESS_WARNINGS]; /* what the log was told is degraded */
};

#endif
