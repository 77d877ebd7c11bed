/* A database session for commands, which may wait: migrate, seed, import. Never used on the loop. Opened by
 * session_open_pg (session_pg.h) or session_open_sqlite (session_sqlite.h). */
#ifndef ROWLOCK_DB_SESSION_H
#define ROWLOCK_DB_SESSION_H

#include <stdbool.h>

#include "db/db.h"

struct session;

struct session_ops {
    enum db_error (*script)(struct session *session, const char *sql);
    enum db_error (*query)(struct session *session, const char *sql, const char *const *params,
                           unsigned count, const struct db_rows **rows);
    void (*close)(struct session *session);
};

struct session {
    const struct session_ops *ops;
    const char *engine; /* "postgres" or "sqlite" */
    char error[512];    /* of the last failure, one line */
    bool pooled;        /* each transaction may be another session of the database */
    bool again; /* the database undid the transaction for a passing reason (a deadlock): try it again */
};

/* Harmless for NULL. */
void session_close(struct session *session);

/* Several statements that give no rows, without parameters. */
enum db_error session_script(struct session *session, const char *sql);

/* The text of a statement for the session's engine. */
const char *session_text(const struct session *session, const struct statement *statement);

/* Parameters are text, as many as the statement has, and NULL is null; params is NULL when it has none. *rows (may be
 * NULL) is good until the next call. */
enum db_error session_query(struct session *session, const struct statement *statement,
                            const char *const *params, const struct db_rows **rows);

/* A statement that stores rows, an array of JSON, and answers with their number. DB_REFUSED when it is not the one
 * expected: a trigger or rule of the database's owner keeps some of them away. */
enum db_error session_store(struct session *session, const struct statement *statement, const char *rows,
                            int64_t expected);

/* A transaction that will write: on SQLite it takes the lock at once. */
enum db_error session_begin(struct session *session);

/* Undoes a transaction. error and again stay those of what failed before. */
void session_undo(struct session *session);

/* For a transaction that failed: undoes it, and waits a moment if it is worth another try; else, and after several
 * tries (*tries counts them from 0), false. */
bool session_retry(struct session *session, int *tries);

#endif
