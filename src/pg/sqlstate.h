/* Inside PostgreSQL: what kind of error it is, by its SQLSTATE. */
#ifndef ROWLOCK_PG_SQLSTATE_H
#define ROWLOCK_PG_SQLSTATE_H

#include "db/db.h"

/* The one table of them, for the server as well as for commands. */
enum db_error sqlstate_error(const char *sqlstate);

#endif
