/* PostgreSQL as a database: a few pipelined connections, one more that asks for its health, and
 * if wanted one that hears of changes. */
#ifndef ROWLOCK_PG_PG_H
#define ROWLOCK_PG_PG_H

#include "db/db.h"
#include "io/loop.h"
#include "pg/pooler.h"

struct pg_options {
    const char *conninfo; /* connection string or URI */
    enum pooler pooler;
    unsigned connections;
    int64_t deadline_ns;      /* of an HTTP request: statements are bounded below it, silence above it */
    unsigned statement_count; /* of the catalogue: every index is below it */
    const struct statement *room_spill, *room_write; /* the statements of those names */
    const struct db_question *health;                /* asked each second */
    /* Asked when the tables that health reads are not found; no row: they are not there. */
    const struct db_question *hidden;
    const struct statement *listen, *identity; /* of changes, and of which database it is; NULL: not wanted */
};

/* NULL and *error (to be freed) when the connection string is malformed. Connects in the background. */
struct db *pg_open(struct loop *loop, const struct pg_options *options, const struct db_events *events,
                   char **error);

#endif
