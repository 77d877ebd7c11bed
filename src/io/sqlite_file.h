/* One SQLite database file, opened the way Rowlock wants it; the only file but sqlite_file.c that knows sqlite3. A
 * "block" is the text of one named statement: it may hold several SQL statements, of which the first that gives a
 * row is the answer, and those after it do not run. */
#ifndef ROWLOCK_IO_SQLITE_FILE_H
#define ROWLOCK_IO_SQLITE_FILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "io/db.h"

struct sqlite_file;
struct sqlite_block;

/* busy_ms: how long a call may wait for another process's lock; 0 for the loop. NULL and *error (to be freed). */
struct sqlite_file *sqlite_file_open(const char *path, int busy_ms, char **error);
void sqlite_file_close(struct sqlite_file *file);

/* Runs a script that gives no rows. */
enum db_error sqlite_file_script(struct sqlite_file *file, const char *sql);
const char *sqlite_file_error(const struct sqlite_file *file); /* of the last failure */

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
                               const enum db_type *types, unsigned count, struct sqlite_rows *rows);

/* True when the path no longer leads to the file that was opened: what is written would be lost with it. */
bool sqlite_file_moved(struct sqlite_file *file);

/* True when the last failure was another process's lock. */
bool sqlite_file_locked(const struct sqlite_file *file);

#endif
