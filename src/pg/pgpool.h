/* The pool: the connections that do the work, and which of them a statement is sent on. What a connection tells goes to
 * the events that were given; the pool itself only looks at connections when it is asked to. */
#ifndef ROWLOCK_PG_PGPOOL_H
#define ROWLOCK_PG_PGPOOL_H

#include "pg/pgconn.h"

struct pgpool;

/* deadline_ns: of an HTTP request; a connection that is silent for longer is given up. The target must outlive the
 * pool. */
struct pgpool *pgpool_new(struct loop *loop, const struct pgtarget *target, unsigned count,
                          unsigned statement_count, int64_t deadline_ns, const struct pgconn_events *events);
void pgpool_free(struct pgpool *pool); /* outstanding requests are answered DB_LOST */

unsigned pgpool_count(const struct pgpool *pool);
bool pgpool_ready(const struct pgpool *pool); /* one of them at least */

/* The connection with the fewest requests on its way that may take this statement now; NULL: there is none. */
struct pgconn *pgpool_pick(const struct pgpool *pool, const struct statement *statement);

/* Gives up what has been silent for too long. answers: the health's questions are answered meanwhile. */
void pgpool_drop_silent(struct pgpool *pool, int64_t now, bool answers);

/* The health has met a session that takes writes (writable), or one that does not. Replaces those that began as
 * read-only ones: all of them, or one that is stale. missed_schema: also those that began before the tables were
 * there. */
void pgpool_renew(struct pgpool *pool, bool writable, bool missed_schema);

void pgpool_hurry(struct pgpool *pool);        /* pgconn_hurry for all */
void pgpool_sample(const struct pgpool *pool); /* sets the metrics of the connections */
void pgpool_allow_ending(struct pgpool *pool); /* pgconn_allow_ending for all */

#endif
