/* Notices of changes: one connection that LISTENs, so that kept replies can be dropped when a table changes. */
#ifndef ROWLOCK_PG_PGNOTICES_H
#define ROWLOCK_PG_PGNOTICES_H

#include "db/db.h"
#include "pg/pgconn.h"

struct pgnotices;

/* listen and identity: statements; how the database tells of changes, and which database it is. Calls on_change and
 * on_listening of the events. The target must outlive it. */
struct pgnotices *pgnotices_new(struct loop *loop, const struct pgtarget *target, unsigned statement_count,
                                const struct statement *listen, const struct statement *identity,
                                const struct db_events *events);
void pgnotices_free(struct pgnotices *notices); /* NULL is harmless */

/* Each second: whether the connection is still there. */
void pgnotices_tend(struct pgnotices *notices, int64_t now);

/* The tables have come: see pgconn_renew_unfit. */
void pgnotices_renew(struct pgnotices *notices);

#endif
