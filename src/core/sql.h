/* The SQL of the tree, embedded at build time by build-aux/embed-sql.awk. */
#ifndef ROWLOCK_CORE_SQL_H
#define ROWLOCK_CORE_SQL_H

#include <stdbool.h>
#include <stddef.h>

struct sql_statement {
    const char *engine, *name, *text; /* engine: "postgres" or "sqlite" */
};

struct sql_migration {
    const char *engine, *name;
    int version, serves; /* serves: the oldest server, by its newest migration, that still works on it */
    const char *text;
};

extern const struct sql_statement sql_statements[];
extern const size_t sql_statement_count;
extern const struct sql_migration sql_migrations[]; /* in order of version for each engine */
extern const size_t sql_migration_count;

/* NULL when there is none of that name. */
const char *sql_text(const char *engine, const char *name);

/* Whether a statement may change something, of which a lock on a row is one; and whether it may have to wait for a
 * row that another transaction has locked: not if it only adds rows of its own, nor if it locks with SKIP LOCKED what
 * it changes. */
bool sql_writes(const char *text);
bool sql_waits(const char *text, bool set);

/* The newest version that this program knows: its level. */
int sql_level(const char *engine);

#endif
