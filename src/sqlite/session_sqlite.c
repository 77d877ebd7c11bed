/* A session for commands on a file of SQLite: each query is prepared, run and freed. */
#include <config.h>

#include "sqlite/session_sqlite.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sqlite/sqlite_block.h"
#include "sqlite/sqlite_file.h"

#define BUSY_MS 10000 /* a command may wait for the server's writes */

struct sqlite_session {
    struct session session;
    struct sqlite_file *file;
    struct sqlite_rows rows;
};

static const struct session_ops sqlite_session_ops;

static struct session *session_of(struct sqlite_file *file)
{
    if (file == NULL)
        return NULL;
    struct sqlite_session *own = mem_new(sizeof *own);
    own->session.ops = &sqlite_session_ops;
    own->session.engine = "sqlite";
    own->file = file;
    return &own->session;
}

struct session *session_open_sqlite(const char *path, char **error)
{
    return session_of(sqlite_file_open(path, BUSY_MS, error));
}

bool session_look_sqlite(const char *path, struct session **session, char **error)
{
    struct sqlite_file *file;
    *session = NULL;
    if (!sqlite_file_look(path, &file, error))
        return false;
    *session = session_of(file);
    return true;
}

static void sqlite_session_close(struct session *session)
{
    struct sqlite_session *own = (struct sqlite_session *)session;
    sqlite_rows_fini(&own->rows);
    sqlite_file_close(own->file);
    free(own);
}

static enum db_error sqlite_session_check(struct sqlite_session *own, enum db_error error)
{
    snprintf(own->session.error, sizeof own->session.error, "%s",
             error == DB_OK ? "" : sqlite_file_error(own->file));
    return error;
}

static enum db_error sqlite_script(struct session *session, const char *sql)
{
    struct sqlite_session *own = (struct sqlite_session *)session;
    return sqlite_session_check(own, sqlite_file_script(own->file, sql));
}

static enum db_error sqlite_query(struct session *session, const char *sql, const char *const *params,
                                  unsigned count, const struct db_rows **rows)
{
    struct sqlite_session *own = (struct sqlite_session *)session;
    struct db_param values[DB_PARAMS_MAX];
    struct statement_param declared[DB_PARAMS_MAX];
    for (unsigned i = 0; i < count && i < DB_PARAMS_MAX; i++) {
        declared[i].type = DB_TEXT;
        values[i] = (struct db_param){.null = params[i] == NULL, .text = slice_of(params[i])};
    }
    sqlite_rows_fini(&own->rows);
    own->rows = (struct sqlite_rows){.bytes = {.max = 0}};
    *rows = &own->rows.base;
    struct sqlite_block *block = sqlite_block_new(own->file, sql);
    if (block == NULL)
        return sqlite_session_check(own, DB_SCHEMA);
    enum db_error error =
        sqlite_session_check(own, sqlite_block_run(block, values, declared, count, &own->rows));
    sqlite_block_free(block);
    return error;
}

static const struct session_ops sqlite_session_ops = {sqlite_script, sqlite_query, sqlite_session_close};
