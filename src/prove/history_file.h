/* A history as a file of JSON lines, which docs/prove.md describes: a line when a call begins, and one when
 * it ends, in the order of time. A file that ends too early, because whoever wrote it was killed, is a
 * history as well. */
#ifndef ROWLOCK_PROVE_HISTORY_FILE_H
#define ROWLOCK_PROVE_HISTORY_FILE_H

#include "prove/history.h"

struct history_writer;

/* NULL with errno. What was there is overwritten. */
struct history_writer *history_writer_new(const char *path, const char *url, int64_t seed);
void history_write_begin(struct history_writer *writer, const struct history *history, size_t call);
void history_write_end(struct history_writer *writer, const struct history *history, size_t call);

/* False with errno: not all of it could be written. NULL is harmless, and true. */
bool history_writer_close(struct history_writer *writer);

/* Reads a file into an empty history. False with *error (to be freed), which begins with the file and the
 * line. *note (to be freed; NULL: none) says what was passed over: a last line that was cut off. */
bool history_read(struct history *history, const char *path, char **error, char **note);

#endif
