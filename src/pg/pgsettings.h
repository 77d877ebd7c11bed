/* Inside PostgreSQL: what our statements rely on and a role, a database, a pooler's other clients or the environment
 * may have set otherwise. One table for the server's sessions, for transactions behind a pooler, and for commands.
 *
 * A session is asked, once, who it is (pgsettings_ask), and in the same statement settled, unless a pooler stands
 * before it; then each transaction begins with PGSETTINGS_ISOLATION and what pgsettings_local writes. */
#ifndef ROWLOCK_PG_PGSETTINGS_H
#define ROWLOCK_PG_PGSETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "db/db.h"

struct pgsettings_limits {
    int64_t lock_ns,
        statement_ns; /* a statement may wait for a lock and run for so long; 0: as long as it likes */
    int64_t idle_ns;  /* likewise a transaction between its statements */
};

/* Before anything that reads: afterwards PostgreSQL no longer lets it be chosen. It says nothing of a session,
 * because the next transaction begins with the session's own again. */
#define PGSETTINGS_ISOLATION "SET transaction_isolation TO 'read committed'"

/* Whose session is to be settled for good. */
enum pgsettings_whose {
    PGSETTINGS_OURS,   /* ours alone */
    PGSETTINGS_ASKED,  /* ours if the process that answers is that which libpq was told of */
    PGSETTINGS_OTHERS, /* a pooler's: nothing may be left in it */
};

#define PGSETTINGS_HOME "rowlock_migrations" /* the table that tells where ours are */

/* Its one parameter is PGSETTINGS_HOME, its one row is for pgsettings_read. version: PQserverVersion; process:
 * PQbackendPID. */
void pgsettings_ask(struct buf *out, const struct pgsettings_limits *limits, enum pgsettings_whose whose,
                    int process, int version);

struct pgsettings_session {
    bool known;            /* the row was what it should be */
    bool settled;          /* it is ours, and is as we need it from now on */
    bool read_only;        /* it takes no writes, */
    bool standby;          /* because PostgreSQL is one: then it may take them one day, as it is */
    struct slice encoding; /* the database's, borrowed from the row */
    struct slice path;     /* search_path with the schema of our tables first; empty: they are not there */
};

struct pgsettings_session pgsettings_read(const struct db_rows *rows, int row);

/* A statement that settles the transaction in which it stands. path: see above. */
void pgsettings_local(struct buf *out, const struct pgsettings_limits *limits, struct slice path,
                      int version);

/* Why a database with that encoding is no good, in words that follow "it" or "the database"; false: it is good. */
bool pgsettings_misencoded(struct slice encoding, char *reason, size_t size);

#endif
