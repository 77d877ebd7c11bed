/* A session (session.h) on a file of SQLite. */
#ifndef ROWLOCK_SQLITE_SESSION_SQLITE_H
#define ROWLOCK_SQLITE_SESSION_SQLITE_H

#include "db/session.h"

/* NULL and *error (to be freed). */
struct session *session_open_sqlite(const char *path, char **error);

#endif
