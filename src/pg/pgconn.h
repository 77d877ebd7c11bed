/* One connection to PostgreSQL in pipeline mode, which connects again when it is lost. Callers see requests and states,
 * never sockets. */
#ifndef ROWLOCK_PG_PGCONN_H
#define ROWLOCK_PG_PGCONN_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "io/loop.h"

struct pgconn;
struct pgtarget;

struct pgconn_events {
    void (*on_ready)(struct pgconn *conn, void *argument); /* connected; requests may be sent */
    /* the others may be NULL */
    /* A request was answered, so there is room. full: the disk is, the answer says. wrote: a statement that writes was
     * answered without an error. */
    void (*on_answered)(struct pgconn *conn, bool full, bool wrote, void *argument);
    void (*on_lost)(struct pgconn *conn, const char *reason, void *argument); /* or not connected; tries on */
    void (*on_notify)(struct pgconn *conn, struct slice payload, void *argument);
    void *argument;
};

/* The target must outlive the connection. Starts to connect at once; no callback before this has returned. */
struct pgconn *pgconn_new(struct loop *loop, const struct pgtarget *target, const char *role,
                          unsigned statement_count, const struct pgconn_events *events);
void pgconn_free(struct pgconn *conn); /* outstanding requests are answered DB_LOST */

bool pgconn_ready(const struct pgconn *conn);
/* Ready, and one more request may be sent. */
bool pgconn_room(const struct pgconn *conn);
/* How many of the requests on its way may wait for a row's lock. */
unsigned pgconn_waits(const struct pgconn *conn);
/* Its session takes no writes, as far as was known when it began. */
bool pgconn_read_only(const struct pgconn *conn);
bool pgconn_stale(const struct pgconn *conn); /* read-only, and another session may take writes */
/* A pooler stands between: what is set for a session is lost or another's, and so is LISTEN. Known when it is ready. */
bool pgconn_pooled(const struct pgconn *conn);
/* Behind a pooler, where some session takes writes: a read-only one may be ended at once, though another was ended a
 * moment ago, because the session that replaces it is likely to take writes. */
void pgconn_allow_ending(struct pgconn *conn);

unsigned pgconn_depth(const struct pgconn *conn); /* requests sent and not answered */
/* Since the database last said something here, or was first asked; 0: nothing is outstanding. */
int64_t pgconn_silence(const struct pgconn *conn, int64_t now);

void pgconn_send(struct pgconn *conn, struct db_request *request); /* must be ready */
/* As pgconn_send. Behind a pooler the same transaction first ends its session if that is read-only and the server is
 * no standby; the request is then lost with it. Nothing may be outstanding, or it is pgconn_send, as it is within a
 * second of the last time. */
void pgconn_send_or_end(struct pgconn *conn, struct db_request *request);
void pgconn_lose(struct pgconn *conn, const char *reason); /* drop it and connect anew */
/* Another session in place of one that is read-only, when what is on its way has been answered; that is no news.
 * Behind a pooler it may be the next that we are given, and is ended there. */
void pgconn_renew_session(struct pgconn *conn);
/* The same if it began as a read-only one or, with missed_schema, before our tables were there. */
void pgconn_renew_unfit(struct pgconn *conn, bool missed_schema);
/* The database is said to be back: ends a pause before the next attempt to connect. */
void pgconn_hurry(struct pgconn *conn);

#endif
