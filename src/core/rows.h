/* Rows to JSON, straight from where the database put them into the body of a reply. */
#ifndef ROWLOCK_CORE_ROWS_H
#define ROWLOCK_CORE_ROWS_H

#include "base/buf.h"
#include "db/db.h"

void rows_add_object(struct buf *out, const struct statement *statement, const struct db_rows *rows, int row);
void rows_add_array(struct buf *out, const struct statement *statement, const struct db_rows *rows, int first,
                    int count);

#endif
