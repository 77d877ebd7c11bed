/* A session (session.h) on PostgreSQL. */
#ifndef ROWLOCK_PG_SESSION_PG_H
#define ROWLOCK_PG_SESSION_PG_H

#include <stdbool.h>

#include "db/session.h"

/* NULL and *error (to be freed). */
struct session *session_open_pg(const char *conninfo, char **error);

/* Is there no server to be reached, or one that is still starting? Asked when opening failed: then it may be worth
 * another try. A server that refuses the role, or knows no such database, is not away. */
bool session_pg_away(const char *conninfo);

#endif
