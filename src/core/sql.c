#include <config.h>

#include "core/sql.h"

#include <string.h>

const char *sql_text(const char *engine, const struct statement *statement)
{
    return statement->text[strcmp(engine, "sqlite") == 0 ? DB_SQLITE : DB_POSTGRES];
}

int sql_level(const char *engine)
{
    int level = 0;
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, engine) == 0 && sql_migrations[i].version > level)
            level = sql_migrations[i].version;
    return level;
}
