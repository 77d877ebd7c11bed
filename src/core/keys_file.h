/* The file of keys, read as a whole or not at all: a line a key (core/key_line.h). It is read piece by piece, so that a
 * server of a million keys goes on meanwhile. */
#ifndef ROWLOCK_CORE_KEYS_FILE_H
#define ROWLOCK_CORE_KEYS_FILE_H

#include <sys/stat.h>

#include "core/keys.h"

/* What tells one state of a file from another. All zero: there is no such file. */
struct keys_mark {
    uint64_t device, number, size;
    int64_t
        changed; /* by the file system, which copies that keep their times cannot set; nanoseconds since 1970 */
};

/* As it is now. */
struct keys_mark keys_file_mark(const char *path);
bool keys_mark_equal(const struct keys_mark *a, const struct keys_mark *b);

/* Why its rights are not as they should be, as words behind its name; NULL: they are. */
const char *keys_file_exposed(const char *path);

struct keys_reading;

/* NULL with *error (to be freed). */
struct keys_reading *keys_reading_new(const char *path, char **error);
void keys_reading_free(struct keys_reading *reading); /* NULL is harmless */

enum keys_read {
    KEYS_READ_MORE,
    KEYS_READ_DONE,
    KEYS_READ_WRONG,
};

/* Reads on, for about a millisecond. At the end gives the keys, or *error (to be freed): a line for each line of the
 * file that is wrong, with its number, a hundred at most, and then how many more there are. */
enum keys_read keys_reading_step(struct keys_reading *reading, struct keys **keys, char **error);

/* All of it at once. NULL with *error. */
struct keys *keys_file_read(const char *path, struct keys_mark *mark, char **error);

#endif
