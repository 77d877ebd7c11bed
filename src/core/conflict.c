/* conflict_free asks the database which of the tables, views and indexes that the missing migrations make (made of
 * their CREATE lines: created_by, made_before, add_names) are there already; complain says which service they seem to
 * be of. */
#include <config.h>

#include "core/conflict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/sql.h"

#define NAMES_MAX 16384
#define SHOWN_MAX 4

/* Columns that give a table away: the tables that Rowlock's services had before, and its own. */
static const struct {
    const char *table;
    const char *columns[3];
    const char *whose;
} marks[] = {
    {"orders", {"origin_lat", "taker"}, "Rowlock's own, without its table rowlock_migrations"},
    {"site", {"postcode_or_zip"}, "those of the Flask service for labs (site, computer, freezer, container)"},
    {"orders", {"distance", "status"}, "those of the Flask service for orders"},
    {"health_region", {"hr_uid"}, "those of the Django service for health regions"},
    {"messages", {"sender", "recipient", "message"}, "those of the Flask service for messages"},
    {"users", {"username", "type", "profile_url"}, "those of the Flask service for GitHub users"},
};

/* ---- what migrations make ---- */

static const char *word_behind(const char *text, const char *word)
{
    size_t length = strlen(word);
    return strncmp(text, word, length) == 0 ? text + length : NULL;
}

/* The name of what a line that begins with CREATE makes, when it is one that another can be in the way of. */
static struct slice created_by(const char *line)
{
    static const char *const kinds[] = {"TABLE ", "VIEW ", "INDEX "};
    const char *at = word_behind(line, "CREATE "), *kind = NULL;
    if (at == NULL)
        return (struct slice){NULL, 0};
    at = word_behind(at, "UNIQUE ") != NULL ? at + strlen("UNIQUE ") : at;
    for (size_t i = 0; kind == NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        kind = word_behind(at, kinds[i]);
    if (kind == NULL || word_behind(kind, "IF NOT EXISTS ") != NULL)
        return (struct slice){NULL, 0};
    return (struct slice){kind, strcspn(kind, " (\n")};
}

static bool makes(const char *text, struct slice name)
{
    for (; text != NULL; text = strchr(text, '\n')) {
        text += strspn(text, " \n");
        struct slice found = created_by(text);
        if (found.len == name.len && found.len > 0 && memcmp(found.ptr, name.ptr, name.len) == 0)
            return true;
    }
    return false;
}

/* What migrations have made before does not count. */
static bool made_before(const char *engine, int64_t version, struct slice name)
{
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, engine) == 0 && sql_migrations[i].version <= version &&
            makes(sql_migrations[i].text, name))
            return true;
    return false;
}

static void add_names(const struct sql_migration *migration, int64_t version, struct buf *names)
{
    for (const char *at = migration->text; at != NULL; at = strchr(at, '\n')) {
        at += strspn(at, " \n");
        struct slice name = created_by(at);
        if (name.len > 0 && !made_before(migration->engine, version, name))
            buf_printf(names, "%s%.*s", names->len > 0 ? "," : "", (int)name.len, name.ptr);
    }
}

/* ---- what there is ---- */

static bool equals(struct slice cell, const char *text)
{
    return cell.len == strlen(text) && memcmp(cell.ptr, text, cell.len) == 0;
}

/* columns: "id, name, mac" */
static bool has_column(struct slice columns, const char *name)
{
    for (const char *at = columns.ptr, *end = columns.ptr + columns.len; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t length = (size_t)((comma != NULL ? comma : end) - at);
        if (equals((struct slice){at, length}, name))
            return true;
        at += length + 2;
    }
    return false;
}

static const char *whose(const struct db_rows *rows)
{
    for (size_t mark = 0; mark < sizeof marks / sizeof marks[0]; mark++)
        for (int row = 0; row < rows->count; row++) {
            bool same = equals(rows->value(rows, row, COLUMN_RELATIONS_NAMED_NAME), marks[mark].table);
            for (size_t i = 0; same && i < 3 && marks[mark].columns[i] != NULL; i++)
                same = has_column(rows->value(rows, row, COLUMN_RELATIONS_NAMED_COLUMNS),
                                  marks[mark].columns[i]);
            if (same)
                return marks[mark].whose;
        }
    return NULL;
}

static bool complain(struct session *session, const struct db_rows *rows)
{
    struct buf text = BUF_INIT(sizeof session->error);
    const char *owner = whose(rows);
    buf_add_string(&text, "nothing was changed, because names that it needs are taken: ");
    for (int row = 0; row < rows->count && row < SHOWN_MAX; row++) {
        struct slice name = rows->value(rows, row, COLUMN_RELATIONS_NAMED_NAME);
        buf_printf(&text, "%s%.*s", row > 0 ? ", " : "", (int)name.len, name.ptr);
    }
    if (rows->count > SHOWN_MAX)
        buf_printf(&text, " and %d more", rows->count - SHOWN_MAX);
    if (owner != NULL)
        buf_printf(&text, "; they look like %s", owner);
    buf_printf(&text, ". Give Rowlock another %s; docs/coming-from.md says how to bring data over",
               strcmp(session->engine, "sqlite") == 0 ? "file" : "database, or another schema");
    snprintf(session->error, sizeof session->error, "%.*s", (int)text.len, text.data);
    buf_fini(&text);
    return false;
}

bool conflict_free(struct session *session, int64_t version)
{
    struct buf names = BUF_INIT(NAMES_MAX);
    const struct db_rows *rows;
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, session->engine) == 0 && sql_migrations[i].version > version)
            add_names(&sql_migrations[i], version, &names);
    if (names.len == 0) {
        buf_fini(&names);
        return true;
    }
    const char *params[] = {buf_text(&names)};
    bool ok = session_query(session, STATEMENT(RELATIONS_NAMED), params, &rows) == DB_OK;
    buf_fini(&names);
    return ok && (rows->count == 0 || complain(session, rows));
}
