/* The SQL of the tree, embedded at build time by build-aux/embed-sql.awk. */
#ifndef ROWLOCK_CORE_SQL_H
#define ROWLOCK_CORE_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/statements.h"

struct sql_migration {
    const char *engine, *name;
    int version, serves; /* serves: the oldest server, by its newest migration, that still works on it */
    bool apart; /* each of its statements stands outside of a transaction, and ends with ";" and its line */
    const char *text;
};

extern const struct sql_migration sql_migrations[]; /* in order of version for each engine */
extern const size_t sql_migration_count;

/* The newest migration that this program knows. */
int sql_newest(const char *engine);

#endif
