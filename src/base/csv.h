/* Comma-separated values (RFC 4180), record by record, from a whole text in memory. Lines end with LF or CRLF, a BOM
 * in front is passed over, lines without a character are no records. Bytes are not looked at any further: whether
 * they are UTF-8 is for the caller to ask.
 *
 *     csv_init(&csv, text, length);
 *     while ((found = csv_next(&csv)) == CSV_RECORD)
 *         ... csv.fields[0 .. csv.count - 1] ...
 */
#ifndef ROWLOCK_BASE_CSV_H
#define ROWLOCK_BASE_CSV_H

#include <stddef.h>

#include "base/slice.h"

#define CSV_FIELDS_MAX 64

enum csv_found {
    CSV_RECORD,
    CSV_END,
    CSV_BAD, /* line, column and reason say what; there is no going on */
};

struct csv_field {
    struct slice text; /* without its quotes; within the text that csv_init got */
    size_t line;       /* where it begins, from 1 */
};

struct csv {
    char *at, *end;
    size_t next_line; /* that of *at */
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t count;
    size_t line, column; /* of the record, and 0; or of what is bad: the field, from 1, and where it begins */
    const char *reason;
};

/* The text is the caller's, must stay, and is changed: quoted fields are put together in place. */
void csv_init(struct csv *csv, char *text, size_t length);

enum csv_found csv_next(struct csv *csv);

#endif
