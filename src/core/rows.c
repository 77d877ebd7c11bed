/* Each column is a member, by its name and its type; a time is written as RFC 3339 has it (add_time). */
#include <config.h>

#include "core/rows.h"

/* "2026-01-02 03:04:05.678+00" and "2026-01-02T03:04:05.678Z" both become the latter. */
static void add_time(struct buf *out, struct slice text)
{
    char *room = buf_room(out, text.len + 4);
    if (room == NULL)
        return;
    size_t used = 0;
    room[used++] = '"';
    for (size_t i = 0; i < text.len && text.ptr[i] != '+'; i++)
        room[used++] = text.ptr[i] == ' ' ? 'T' : text.ptr[i];
    if (room[used - 1] != 'Z')
        room[used++] = 'Z';
    room[used++] = '"';
    out->len += used;
}

void rows_add_value(struct buf *out, enum column_type type, struct slice text)
{
    if (text.ptr == NULL) {
        buf_add(out, "null", 4);
        return;
    }
    switch (type) {
    case COLUMN_TEXT:
        buf_add_json(out, text);
        break;
    case COLUMN_BOOL:
        buf_add_string(out, text.ptr[0] == 't' || text.ptr[0] == '1' ? "true" : "false");
        break;
    case COLUMN_TIME:
        add_time(out, text);
        break;
    default:
        buf_add_slice(out, text);
    }
}

void rows_add_object(struct buf *out, const struct statement *statement, const struct db_rows *rows, int row)
{
    int at = 0;
    buf_add_char(out, '{');
    for (unsigned i = 0; i < statement->column_count; i++) {
        const struct statement_column *column = &statement->columns[i];
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_char(out, '"');
        buf_add_string(out, column->name);
        buf_add(out, "\":", 2);
        if (column->type == COLUMN_POINT) {
            buf_add_char(out, '[');
            rows_add_value(out, COLUMN_FLOAT, rows->value(rows, row, at++));
            buf_add_char(out, ',');
        }
        rows_add_value(out, column->type, rows->value(rows, row, at++));
        if (column->type == COLUMN_POINT)
            buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
}

void rows_add_array(struct buf *out, const struct statement *statement, const struct db_rows *rows, int first,
                    int count)
{
    buf_add_char(out, '[');
    for (int row = first; row < first + count; row++) {
        if (row > first)
            buf_add_char(out, ',');
        rows_add_object(out, statement, rows, row);
    }
    buf_add_char(out, ']');
}
