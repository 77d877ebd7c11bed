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

/* "UPDATE " is also that of FOR UPDATE. A session that takes no writes takes no row locks either. */
bool sql_writes(const char *text)
{
    return strstr(text, "INSERT INTO ") != NULL || strstr(text, "UPDATE ") != NULL ||
           strstr(text, "DELETE FROM ") != NULL || strstr(text, "FOR SHARE") != NULL ||
           strstr(text, "FOR KEY SHARE") != NULL;
}

/* Is there a locking clause that does not say SKIP LOCKED? */
static bool locks_and_waits(const char *text)
{
    static const char *const clauses[] = {"FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE"};
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++)
        for (const char *at = strstr(text, clauses[i]); at != NULL; at = strstr(at + 1, clauses[i])) {
            const char *skip = strstr(at, "SKIP LOCKED"), *end = at + strcspn(at, "\n)");
            if (skip == NULL || skip > end)
                return true;
        }
    return false;
}

bool sql_waits(const char *text, bool set)
{
    if (!sql_writes(text))
        return false;
    bool changes = strstr(text, "UPDATE ") != NULL || strstr(text, "DELETE FROM ") != NULL;
    return !set || strstr(text, "ON CONFLICT") != NULL || locks_and_waits(text) ||
           (changes && strstr(text, "SKIP LOCKED") == NULL);
}

int sql_level(const char *engine)
{
    int level = 0;
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, engine) == 0 && sql_migrations[i].version > level)
            level = sql_migrations[i].version;
    return level;
}
