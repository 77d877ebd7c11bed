/* One SQLite database file, opened the way Rowlock wants it. Only what is in this folder with it knows sqlite3: this
 * file, sqlite_block.c and sqlite_wal.c. */
#ifndef ROWLOCK_SQLITE_SQLITE_FILE_H
#define ROWLOCK_SQLITE_SQLITE_FILE_H

#include <stdbool.h>

#include "db/db.h"

struct sqlite_file;
struct sqlite3;

/* busy_ms: how long a call may wait for another process's lock; 0 for the loop. NULL and *error (to be freed). A new
 * file and its companions can be read by their owner alone; one that is there keeps its mode. */
struct sqlite_file *sqlite_file_open(const char *path, int busy_ms, char **error);
void sqlite_file_close(struct sqlite_file *file);

/* Opens it to read what is there, and changes nothing: neither the file nor what stands beside it. True with *file
 * NULL when there is none and sqlite_file_open could make it; false with *error (to be freed) when that could not
 * open it. */
bool sqlite_file_look(const char *path, struct sqlite_file **file, char **error);

/* Closes and opens it, for rights that were lost and may have come back; its blocks must have been freed. False while
 * it cannot be opened or is another file: then everything fails until the next try. */
bool sqlite_file_reopen(struct sqlite_file *file);
bool sqlite_file_usable(const struct sqlite_file *file); /* false after a reopening that failed */

/* For sqlite_block.c. The handle is NULL after a reopening that failed. note keeps the message of the last failure and
 * says what kind of error the code is, which failure says again; complain keeps a message of ours. */
struct sqlite3 *sqlite_file_handle(const struct sqlite_file *file);
enum db_error sqlite_file_note(struct sqlite_file *file, int code);
enum db_error sqlite_file_failure(const struct sqlite_file *file);
void sqlite_file_complain(struct sqlite_file *file, const char *message);

/* Runs a script that gives no rows. */
enum db_error sqlite_file_script(struct sqlite_file *file, const char *sql);
const char *sqlite_file_error(const struct sqlite_file *file); /* of the last failure */
bool sqlite_file_in_transaction(const struct sqlite_file *file);
/* True when the last failure was a COMMIT's and leaves open whether it happened. */
bool sqlite_file_unsure(const struct sqlite_file *file);

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

bool sqlite_file_low(const struct sqlite_file *file); /* less than 5 % of its disk is free for this user */
int64_t sqlite_file_wal_size(const struct sqlite_file *file);
/* Whether commits bring the WAL back into the file; else a thread has to (sqlite_wal.h). */
void sqlite_file_checkpoint_itself(struct sqlite_file *file, bool itself);

#endif
