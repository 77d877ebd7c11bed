/* One SQLite database file, opened the way Rowlock wants it; nothing else but sqlite_wal.c knows sqlite3. A "block" is
 * the text of one named statement: it may hold several SQL statements, of which the first that gives a row is the
 * answer, and those after it do not run. */
#ifndef ROWLOCK_SQLITE_SQLITE_FILE_H
#define ROWLOCK_SQLITE_SQLITE_FILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "db/db.h"

struct sqlite_file;
struct sqlite_block;

/* busy_ms: how long a call may wait for another process's lock; 0 for the loop. NULL and *error (to be freed). A new
 * file and its companions can be read by their owner alone; one that is there keeps its mode. */
struct sqlite_file *sqlite_file_open(const char *path, int busy_ms, char **error);
void sqlite_file_close(struct sqlite_file *file);

/* Closes and opens it, for rights that were lost and may have come back; its blocks must have been freed. False while
 * it cannot be opened or is another file: then everything fails until the next try. */
bool sqlite_file_reopen(struct sqlite_file *file);
bool sqlite_file_usable(const struct sqlite_file *file); /* false after a reopening that failed */

/* Runs a script that gives no rows. */
enum db_error sqlite_file_script(struct sqlite_file *file, const char *sql);
const char *sqlite_file_error(const struct sqlite_file *file); /* of the last failure */
bool sqlite_file_in_transaction(const struct sqlite_file *file);
/* True when the last failure was a COMMIT's and leaves open whether it happened. */
bool sqlite_file_unsure(const struct sqlite_file *file);

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

enum sqlite_file_place {
    SQLITE_FILE_THERE,
    SQLITE_FILE_MOVED, /* the path no longer leads to the file that was opened: what is written is lost with it */
    SQLITE_FILE_WAL_GONE, /* nor do those of its WAL and that one's index, or it is a log no more: the same, at the
                             next crash */
};
enum sqlite_file_place sqlite_file_place(const struct sqlite_file *file);

/* Writes what is in the WAL that is gone, and still open here, into the file. False while that cannot be done. */
bool sqlite_file_rescue(struct sqlite_file *file);

/* Whether there are room and right to write: DB_OK, DB_FULL, DB_DENIED or DB_AWAY. */
enum db_error sqlite_file_room(struct sqlite_file *file);

int64_t sqlite_file_wal_size(const struct sqlite_file *file);
/* Whether commits bring the WAL back into the file; else somebody else has to (sqlite_wal.h). */
void sqlite_file_checkpoint_itself(struct sqlite_file *file, bool itself);

#endif
