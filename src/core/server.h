/* One worker: everything that one event loop serves. */
#ifndef ROWLOCK_CORE_SERVER_H
#define ROWLOCK_CORE_SERVER_H

#include "base/list.h"
#include "core/settings.h"
#include "core/call.h"
#include "core/reply.h"
#include "core/router.h"
#include "core/stmt.h"
#include "db/session.h"
#include "http/http.h"

struct idempotency_purge;
struct import_file;
struct cache;
struct shared;
struct server;

/* An app: a name for --apps, its routes and its statements, and what it needs before the first request. */
struct app {
    const char *name;
    const struct route *routes;
    size_t route_count;
    struct stmt *const *statements;                     /* ends with NULL */
    int schema;                                         /* the newest migration that it needs */
    const struct setting_group *settings;               /* those of its own; NULL: none */
    bool idempotency;                                   /* some of its routes honour Idempotency-Key */
    bool (*start)(struct server *server, char **error); /* *error is to be freed; may be NULL, as stop */
    void (*stop)(struct server *server);
    /* Sample records: adds count of them (at most APP_SEED_CHUNK) within the session's transaction; false with
     * session->error. NULL: it has none. */
    bool (*seed)(struct session *session, int64_t count);
    /* Records from elsewhere, in place of made-up ones unless --offline is given: adds up to total, in transactions of
     * its own, and calls tell (unless NULL) as they come. *added says how many there were; on false, and when there are
     * no more, *word (to be freed) says why they are fewer. NULL: there is no elsewhere. */
    bool (*seed_from)(const struct settings *settings, struct session *session, int64_t total,
                      void (*tell)(int64_t added, int64_t total), int64_t *added, char **word);
    int64_t seed_total; /* how many when it is not said */
    const char *any;    /* a statement that gives a row when there are records */
    /* A statement that keeps others who seed or import out until the transaction ends; NULL: they do not mind one
     * another. */
    const char *lock;
    const char *samples; /* a statement that adds built-in records, which the others rest on; NULL: none */
    const struct import_file
        *imports; /* what rowlock import takes, in this order; ends with flag NULL; NULL: nothing */
};

#define APP_SEED_CHUNK 1000

struct server {
    const struct settings *settings;
    const struct app *const *apps; /* those that are served; ends with NULL */
    struct loop *loop;
    struct db *db;
    struct calls *calls;
    struct shared *shared;
    struct cache *cache;
    struct http *http;
    struct router *router;
    struct reply reply;   /* being written; one at a time */
    struct list requests; /* pending, oldest first */
    struct list streams;  /* those whose clients are taking what was sent */
    struct list spares;   /* requests that are over, with their memory */
    struct loop_timer *deadline, *drain_limit;
    struct stmt health, room_spill, room_write, listen, identity, constraint_columns;
    struct idempotency_purge *purge; /* NULL: no app has keys */
    int needed;                      /* the newest migration that the served apps need */
    int level;                       /* the newest that this program knows */
    enum http_queue queue;           /* what becomes of it in a drain */
    bool draining;                   /* says so in its health, and every response closes its connection */
    bool told_ready;                 /* what the log was told last */
    char told_reason[320];
};

/* Starts a server on descriptors that listen already (which it then owns). NULL and *error (to be freed). */
struct server *server_start(const struct settings *settings, const struct app *const *apps,
                            const int *listeners, size_t listener_count, char **error);

/* Until it was drained or told to stop. */
void server_run(struct server *server);

/* Stops accepting, finishes what is pending within the drain limit, then ends server_run. */
void server_drain(struct server *server);

/* Leaves the work to a successor on the same sockets: no client notices. Ends server_run when nobody is left. */
void server_retire(struct server *server);

void server_stop(struct server *server); /* ends server_run now */
void server_free(struct server *server);

enum check_status {
    CHECK_PASS,
    CHECK_UNKNOWN, /* it could not be made */
    CHECK_FAIL,
};

struct server_check {
    const char *name;
    enum check_status status;
    char reason[256]; /* unless it passed */
};

#define SERVER_CHECKS 3 /* "database", "schema", "drain" */

/* Each check by itself. The database's own words may name its host, role and name: in_full is for operators alone. */
void server_check(const struct server *server, bool in_full, struct server_check *checks);

/* Whether requests should be sent here: the database answers and can be written, the schema fits, not draining. On
 * false, the first check that failed, and its reason in full. */
bool server_ready(const struct server *server, const char **check, char *reason, size_t size);

#endif
