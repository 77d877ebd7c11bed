/* CSV files into tables. An app says what a file looks like (a field for each column of its header) and which
 * statements take it; the rest is the same for all. A file is read and checked whole before the database hears of it,
 * then stored in chunks; the transaction around several files is the caller's.
 *
 * Errors are "FILE:LINE: COLUMN: reason", to be freed. */
#ifndef ROWLOCK_CORE_IMPORT_H
#define ROWLOCK_CORE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/progress.h"
#include "core/route.h"
#include "db/session.h"

struct import_file {
    const char *flag; /* of rowlock import: "--regions" */
    /* The header's, in whatever order it has them; FIELD_INT and FIELD_TEXT; the first is the id. An empty field is
     * null where the column is nullable. Ends with name NULL. */
    const struct field *columns;
    /* Statements whose one parameter is a JSON array of rows, each an array in the order of columns. stray gives the
     * first row that refers to what is not there, as position from 1, column, value and table; NULL: refers to
     * nothing. store inserts them, or updates those whose ids are there, and answers with their number. */
    const struct statement *stray, *store;
};

struct import; /* one file, in memory */

/* NULL with *error. */
struct import *import_read(const struct import_file *file, const char *path, char **error);
void import_free(struct import *import);
size_t import_count(const struct import *import); /* of its records */

/* Within the session's transaction; false with *error, and then the transaction is to be rolled back. progress is told
 * of the records as they are stored. */
bool import_store(const struct import *import, struct session *session, struct progress *progress,
                  char **error);

#endif
