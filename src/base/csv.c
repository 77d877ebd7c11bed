/* Records of a CSV text. csv_next takes one line field by field (take_plain, take_quoted); fields with doubled quotes
 * are unescaped in place, which is why the text must be writable. */
#include <config.h>

#include "base/csv.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

static enum csv_found bad(struct csv *csv, const char *reason)
{
    csv->column = csv->count + 1;
    csv->line = csv->fields[csv->count].line;
    csv->reason = reason;
    return CSV_BAD;
}

void csv_init(struct csv *csv, char *text, size_t length)
{
    size_t mark = length >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
    csv->at = text + mark;
    csv->end = text + length;
    csv->next_line = 1;
    csv->count = 0;
    csv->line = csv->column = 0;
    csv->reason = NULL;
}

/* The length of the line end at that place, 0 if there is none. */
static size_t line_end(const struct csv *csv, const char *at)
{
    if (at < csv->end && at[0] == '\n')
        return 1;
    return at + 1 < csv->end && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

static const char *take_plain(struct csv *csv, struct slice *text)
{
    char *from = csv->at;
    for (; csv->at < csv->end && *csv->at != ',' && line_end(csv, csv->at) == 0; csv->at++) {
        if (*csv->at == '"')
            return "a quote within a field that does not begin with one";
        if (*csv->at == '\r')
            return "a carriage return without a line feed";
    }
    *text = (struct slice){from, (size_t)(csv->at - from)};
    return NULL;
}

/* "a ""b""" to a "b": what is kept moves to the front, which never outruns what is read. */
static const char *take_quoted(struct csv *csv, struct slice *text)
{
    char *from = ++csv->at, *to = from;
    while (csv->at < csv->end) {
        char c = *csv->at++;
        if (c == '"' && (csv->at == csv->end || *csv->at != '"')) {
            *text = (struct slice){from, (size_t)(to - from)};
            bool ends = csv->at == csv->end || *csv->at == ',' || line_end(csv, csv->at) > 0;
            return ends ? NULL : "something behind the closing quote";
        }
        csv->at += c == '"';
        csv->next_line += c == '\n';
        *to++ = c;
    }
    return "a quote that is not closed";
}

enum csv_found csv_next(struct csv *csv)
{
    for (size_t blank; (blank = line_end(csv, csv->at)) > 0; csv->next_line++)
        csv->at += blank;
    if (csv->at == csv->end)
        return CSV_END;
    csv->line = csv->next_line;
    for (csv->count = 0;; csv->at++) {
        if (csv->count == CSV_FIELDS_MAX) {
            csv->count--;
            return bad(csv, "too many fields");
        }
        struct csv_field *field = &csv->fields[csv->count];
        field->line = csv->next_line;
        bool quoted = csv->at < csv->end && *csv->at == '"';
        const char *reason = quoted ? take_quoted(csv, &field->text) : take_plain(csv, &field->text);
        if (reason != NULL)
            return bad(csv, reason);
        csv->count++;
        if (csv->at == csv->end || *csv->at != ',')
            break;
    }
    size_t border = line_end(csv, csv->at);
    csv->at += border;
    csv->next_line += border > 0;
    return CSV_RECORD;
}
