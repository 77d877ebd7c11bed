/* A session (session.h) on a file of SQLite. */
#ifndef ROWLOCK_SQLITE_SESSION_SQLITE_H
#define ROWLOCK_SQLITE_SESSION_SQLITE_H

#include "db/session.h"

/* NULL and *error (to be freed). */
struct session *session_open_sqlite(const char *path, char **error);

/* One that reads only, and changes nothing (sqlite_file_look). True with *session NULL: there is no file yet, and it
 * can be made. False with *error (to be freed). */
bool session_look_sqlite(const char *path, struct session **session, char **error);

#endif
