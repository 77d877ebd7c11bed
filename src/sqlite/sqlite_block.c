/* Named statements on SQLite. sqlite_block_new prepares each SQL statement of the text as one step; sqlite_block_run
 * binds and executes them in order (bind, take_row) until one has given a row. */
#include <config.h>

#include "sqlite/sqlite_block.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "sqlite/sqlite_file.h"

#define STEPS_MAX 6u /* as the message says */
#define ROWS_BYTES_MAX ((size_t)256 << 20)

struct sqlite_block {
    struct sqlite_file *file;
    sqlite3_stmt *steps[STEPS_MAX];
    unsigned count;
    bool read_only;
};

struct sqlite_cell {
    size_t start, length;
    bool null;
};

struct sqlite_block *sqlite_block_new(struct sqlite_file *file, const char *sql)
{
    sqlite3 *db = sqlite_file_handle(file);
    if (db == NULL) {
        sqlite_file_note(file, SQLITE_CANTOPEN);
        return NULL;
    }
    struct sqlite_block *block = mem_new(sizeof *block);
    block->file = file;
    block->read_only = true;
    while (*sql != '\0') {
        sqlite3_stmt *step = NULL;
        int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &step, &sql);
        if (code != SQLITE_OK) {
            sqlite_file_note(file, code);
            sqlite_block_free(block);
            return NULL;
        }
        if (step == NULL)
            continue; /* a comment, or white space at the end */
        if (block->count == STEPS_MAX) {
            sqlite3_finalize(step);
            sqlite_file_complain(file, "a block holds more than 6 statements");
            sqlite_block_free(block);
            return NULL;
        }
        block->read_only &= sqlite3_stmt_readonly(step) != 0;
        block->steps[block->count++] = step;
    }
    return block;
}

void sqlite_block_free(struct sqlite_block *block)
{
    if (block == NULL)
        return;
    for (unsigned i = 0; i < block->count; i++)
        sqlite3_finalize(block->steps[i]);
    free(block);
}

bool sqlite_block_read_only(const struct sqlite_block *block)
{
    return block->read_only;
}

/* ---- rows ---- */

static struct slice sqlite_value(const struct db_rows *rows, int row, int column)
{
    const struct sqlite_rows *own = (const struct sqlite_rows *)rows;
    const struct sqlite_cell *cell = &own->cells[row * rows->columns + column];
    return cell->null ? (struct slice){NULL, 0} : (struct slice){own->bytes.data + cell->start, cell->length};
}

void sqlite_rows_fini(struct sqlite_rows *rows)
{
    buf_fini(&rows->bytes);
    free(rows->cells);
    rows->cells = NULL;
}

static void take_cell(sqlite3_stmt *step, int column, struct sqlite_rows *rows, struct sqlite_cell *cell)
{
    char number[32];
    struct slice text = {NULL, 0};
    cell->start = rows->bytes.len;
    cell->null = sqlite3_column_type(step, column) == SQLITE_NULL;
    if (cell->null)
        return;
    if (sqlite3_column_type(step, column) == SQLITE_FLOAT) { /* SQLite's own text keeps 15 digits only */
        text_from_double(number, sizeof number, sqlite3_column_double(step, column));
        text = slice_of(number);
    } else {
        text.ptr = (const char *)sqlite3_column_text(step, column);
        text.len = (size_t)sqlite3_column_bytes(step, column);
    }
    buf_add_slice(&rows->bytes, text);
    buf_add_char(&rows->bytes, '\0');
    cell->length = text.len;
}

static void take_row(sqlite3_stmt *step, struct sqlite_rows *rows)
{
    int columns = sqlite3_column_count(step);
    rows->base.columns = columns;
    size_t cells = (size_t)(rows->base.count + 1) * (size_t)columns;
    if ((rows->base.count & (rows->base.count - 1)) == 0) /* grows at 0, 1, 2, 4, 8 ... rows */
        rows->cells = mem_resize(rows->cells, 2 * cells * sizeof *rows->cells);
    for (int column = 0; column < columns; column++)
        take_cell(step, column, rows, &rows->cells[rows->base.count * columns + column]);
    rows->base.count++;
}

static void bind(sqlite3_stmt *step, const struct db_param *params, const struct statement_param *declared,
                 unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%u", i + 1); /* to SQLite $1 is a name, not a number */
        int index = sqlite3_bind_parameter_index(step, name);
        if (index == 0)
            continue;
        if (params[i].null)
            sqlite3_bind_null(step, index);
        else if (declared[i].type == DB_INT)
            sqlite3_bind_int64(step, index, params[i].integer);
        else if (declared[i].type == DB_FLOAT)
            sqlite3_bind_double(step, index, params[i].real);
        else
            sqlite3_bind_text64(step, index, params[i].text.ptr != NULL ? params[i].text.ptr : "",
                                params[i].text.len, SQLITE_STATIC, SQLITE_UTF8);
    }
}

enum db_error sqlite_block_run(struct sqlite_block *block, const struct db_param *params,
                               const struct statement_param *declared, unsigned count,
                               struct sqlite_rows *rows)
{
    *rows = (struct sqlite_rows){.base = {.value = sqlite_value}, .bytes = {.max = ROWS_BYTES_MAX}};
    for (unsigned i = 0; i < block->count && rows->base.count == 0; i++) {
        sqlite3_stmt *step = block->steps[i];
        int code;
        bind(step, params, declared, count);
        while ((code = sqlite3_step(step)) == SQLITE_ROW && !rows->bytes.failed)
            take_row(step, rows);
        enum db_error error = code == SQLITE_DONE ? DB_OK : sqlite_file_note(block->file, code);
        if (rows->bytes.failed)
            error = DB_FAILED;
        sqlite3_reset(step);
        sqlite3_clear_bindings(step);
        if (error != DB_OK)
            return error;
    }
    return DB_OK;
}
