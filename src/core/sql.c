#include <config.h>

#include "core/sql.h"

#include <string.h>

const char *sql_text(const char *engine, const char *name)
{
    for (size_t i = 0; i < sql_statement_count; i++)
        if (strcmp(sql_statements[i].engine, engine) == 0 && strcmp(sql_statements[i].name, name) == 0)
            return sql_statements[i].text;
    return NULL;
}

int sql_level(const char *engine)
{
    int level = 0;
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, engine) == 0 && sql_migrations[i].version > level)
            level = sql_migrations[i].version;
    return level;
}
