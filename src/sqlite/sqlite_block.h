/* A "block" is the text of one named statement on SQLite: it may hold several SQL statements, of which the first that
 * gives a row is the answer, and those after it do not run. */
#ifndef ROWLOCK_SQLITE_SQLITE_BLOCK_H
#define ROWLOCK_SQLITE_SQLITE_BLOCK_H

#include <stdbool.h>

#include "base/buf.h"
#include "db/db.h"

struct sqlite_file;
struct sqlite_block;

/* Prepared on first use, kept until the file is closed. NULL when it cannot be prepared (see sqlite_file_error). */
struct sqlite_block *sqlite_block_new(struct sqlite_file *file, const char *sql);
void sqlite_block_free(struct sqlite_block *block);
bool sqlite_block_read_only(const struct sqlite_block *block);

/* The rows of one execution, on their own memory. */
struct sqlite_rows {
    struct db_rows base;
    struct buf bytes;          /* every value, NUL-terminated */
    struct sqlite_cell *cells; /* count times columns */
};
void sqlite_rows_fini(struct sqlite_rows *rows);

/* Executes the block once; $1 is params[0]. Never leaves a statement running. */
enum db_error sqlite_block_run(struct sqlite_block *block, const struct db_param *params,
                               const struct statement_param *declared, unsigned count,
                               struct sqlite_rows *rows);

#endif
