/* Texts and migrations are constants in sql_texts.c, which the build makes. */
#include <config.h>

#include "core/sql.h"

#include <string.h>

int sql_newest(const char *engine)
{
    int newest = 0;
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, engine) == 0 && sql_migrations[i].version > newest)
            newest = sql_migrations[i].version;
    return newest;
}
