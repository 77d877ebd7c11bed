/* SQLite as a database on the loop: for development and small installations. Every call to it blocks, so the work
 * of a turn is bounded; what arrived together is committed together, in one transaction with a savepoint a call. */
#ifndef ROWLOCK_SQLITE_SQLITE_H
#define ROWLOCK_SQLITE_SQLITE_H

#include "db/db.h"
#include "io/loop.h"

/* NULL and *error (to be freed) when the file cannot be opened. Every statement's index is below statement_count. */
struct db *sqlite_open(struct loop *loop, const char *path, const struct db_question *health,
                       unsigned statement_count, const struct db_events *events, char **error);

#endif
