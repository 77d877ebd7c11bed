#include <config.h>

#include "io/session.h"

#include <string.h>

struct session *session_open(const char *sqlite_path, const char *conninfo, char **error)
{
    return sqlite_path != NULL ? session_open_sqlite(sqlite_path, error) : session_open_pg(conninfo, error);
}

void session_close(struct session *session)
{
    if (session != NULL)
        session->ops->close(session);
}

enum db_error session_script(struct session *session, const char *sql)
{
    return session->ops->script(session, sql);
}

enum db_error session_query(struct session *session, const char *sql, const char *const *params,
                            unsigned count, const struct db_rows **rows)
{
    const struct db_rows *ignored;
    return session->ops->query(session, sql, params, count, rows != NULL ? rows : &ignored);
}

enum db_error session_begin(struct session *session)
{
    return session_script(session, strcmp(session->engine, "sqlite") == 0 ? "BEGIN IMMEDIATE" : "BEGIN");
}
