/* Rows to JSON, straight from where the database put them into the body of a reply. */
#ifndef ROWLOCK_CORE_ROWS_H
#define ROWLOCK_CORE_ROWS_H

#include "base/buf.h"
#include "db/db.h"

/* One value, as text of the database; its ptr is NULL for null. */
void rows_add_value(struct buf *out, enum column_type type, struct slice text);
void rows_add_object(struct buf *out, const struct statement *statement, const struct db_rows *rows, int row);
void rows_add_array(struct buf *out, const struct statement *statement, const struct db_rows *rows, int first,
                    int count);

#endif
