/* read_file -> check_kind -> read_header -> read_record ... -> check_ids; then, chunk by chunk, find_stray ->
 * store_rows. */
#include <config.h>

#include "core/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/csv.h"
#include "base/filekind.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/validate.h"

#define FILE_MAX ((size_t)1 << 28)
#define CHUNK 500

struct row {
    int64_t id;
    size_t line;
    size_t end; /* of its JSON; it begins behind the comma that follows the row before */
};

struct import {
    const struct import_file *file;
    const char *path;
    struct buf json; /* rows as arrays, by comma */
    struct row *rows;
    size_t count, room;
};

struct reading {
    struct import *import;
    struct csv csv;
    size_t field_of[CSV_FIELDS_MAX]; /* column of the file to field */
    size_t column_count;
    struct arena arena; /* of one record */
    char **error;
};

static bool read_file(const char *path, struct buf *text, char **error);
static bool check_kind(const struct import *import, struct slice text, char **error);
static bool read_header(struct reading *reading);
static enum csv_found next_record(struct csv *csv);
static bool read_record(struct reading *reading);
static bool check_ids(const struct import *import, char **error);

/* ---- reading ---- */

static bool wrong(const struct reading *reading, size_t line, const char *column, const char *reason)
{
    *reading->error = mem_printf("%s:%zu: %s: %s", reading->import->path, line, column, reason);
    return false;
}

/* What is no CSV. A field beyond the header has no name but its number. */
static bool wrong_csv(const struct reading *reading)
{
    const struct csv *csv = &reading->csv;
    char number[32];
    snprintf(number, sizeof number, "column %zu", csv->column);
    return wrong(reading, csv->line,
                 csv->column <= reading->column_count
                     ? reading->import->file->columns[reading->field_of[csv->column - 1]].name
                     : number,
                 csv->reason);
}

static bool read_all(struct reading *reading)
{
    enum csv_found found;
    if (!read_header(reading))
        return false;
    while ((found = next_record(&reading->csv)) == CSV_RECORD)
        if (!read_record(reading))
            return false;
    return found == CSV_END ? check_ids(reading->import, reading->error) : wrong_csv(reading);
}

struct import *import_read(const struct import_file *file, const char *path, char **error)
{
    struct import *import = mem_new(sizeof *import);
    struct buf text = BUF_INIT(FILE_MAX);
    struct reading reading = {.import = import, .error = error};
    import->file = file;
    import->path = path;
    import->json = BUF_INIT(8 * FILE_MAX); /* what escapes can make of it */
    arena_init(&reading.arena);
    bool ok = read_file(path, &text, error) && check_kind(import, buf_slice(&text), error);
    if (ok) {
        csv_init(&reading.csv, text.data, text.len);
        ok = read_all(&reading);
    }
    arena_fini(&reading.arena);
    buf_fini(&text);
    if (ok && import->json.failed) {
        *error = mem_printf("%s: out of memory", path);
        ok = false;
    }
    if (ok)
        return import;
    import_free(import);
    return NULL;
}

void import_free(struct import *import)
{
    if (import == NULL)
        return;
    buf_fini(&import->json);
    free(import->rows);
    free(import);
}

size_t import_count(const struct import *import)
{
    return import->count;
}

static bool read_file(const char *path, struct buf *text, char **error)
{
    FILE *file = fopen(path, "rb");
    size_t got = 1;
    while (file != NULL && got > 0 && buf_room(text, 1 << 16) != NULL) {
        got = fread(text->data + text->len, 1, 1 << 16, file);
        text->len += got;
    }
    if (file == NULL || ferror(file))
        *error = mem_printf("%s: %s", path, strerror(errno));
    else if (text->failed)
        *error = mem_printf("%s: a file may have up to %zu MiB", path, FILE_MAX >> 20);
    else {
        fclose(file);
        return true;
    }
    if (file != NULL)
        fclose(file);
    return false;
}

/* "id,name_en,name_fr", to be freed. */
static char *right_header(const struct import *import)
{
    char *header = NULL;
    for (const struct field *field = import->file->columns; field->name != NULL; field++) {
        char *longer =
            mem_printf("%s%s%s", header != NULL ? header : "", header != NULL ? "," : "", field->name);
        free(header);
        header = longer;
    }
    return header;
}

static bool wrong_file(const struct import *import, const char *what, char **error)
{
    char *header = right_header(import);
    *error = mem_printf("%s:1: the file %s; it must be CSV with the header %s", import->path, what, header);
    free(header);
    return false;
}

static bool check_kind(const struct import *import, struct slice text, char **error)
{
    const char *kind = filekind_of(text);
    bool lines = text.len > 0 && memchr(text.ptr, '\n', text.len) != NULL;
    if (kind == NULL && !lines && memchr(text.ptr, '\r', text.len) != NULL)
        kind = "has lines that end with a carriage return alone (old Macintosh); save it with LF or CRLF";
    return kind == NULL || wrong_file(import, kind, error);
}

/* ---- the header ---- */

static size_t field_count(const struct reading *reading)
{
    return route_field_count(reading->import->file->columns);
}

static const char *reason_for(struct slice column)
{
    if (memchr(column.ptr, ';', column.len) != NULL)
        return "is no column of this file; commas separate fields, not semicolons";
    if (memchr(column.ptr, '\t', column.len) != NULL)
        return "is no column of this file; commas separate fields, not tabs";
    return "is no column of this file";
}

/* Whatever the name is, it goes into one line. */
static bool wrong_column(const struct reading *reading, const struct csv_field *column)
{
    char name[64];
    size_t length = column->text.len < sizeof name ? column->text.len : sizeof name - 1;
    if (!text_utf8(column->text, NULL)) {
        snprintf(name, sizeof name, "column %zu", reading->column_count + 1);
        return wrong(reading, column->line, name, "is not UTF-8");
    }
    while (length > 0 && length < column->text.len &&
           ((unsigned char)column->text.ptr[length] & 0xc0) == 0x80)
        length--;
    for (size_t i = 0; i < length; i++)
        name[i] = (unsigned char)column->text.ptr[i] < ' ' ? '?' : column->text.ptr[i];
    name[length] = '\0';
    return wrong(reading, column->line, length > 0 ? name : "\"\"", reason_for(column->text));
}

static bool take_column(struct reading *reading, const struct csv_field *column)
{
    const struct field *fields = reading->import->file->columns;
    size_t at = 0;
    while (fields[at].name != NULL && !slice_equal(slice_of(fields[at].name), column->text))
        at++;
    if (fields[at].name == NULL)
        return wrong_column(reading, column);
    for (size_t i = 0; i < reading->column_count; i++)
        if (reading->field_of[i] == at)
            return wrong(reading, column->line, fields[at].name, "is in the header twice");
    reading->field_of[reading->column_count++] = at;
    return true;
}

static bool has_column(const struct reading *reading, size_t field)
{
    for (size_t i = 0; i < reading->column_count; i++)
        if (reading->field_of[i] == field)
            return true;
    return false;
}

/* Spreadsheets write columns and rows that hold nothing: what is empty at the end of a line says nothing, and a line
 * of which nothing is left is no record. */
static size_t count_filled(const struct csv *csv)
{
    size_t count = csv->count;
    while (count > 0 && csv->fields[count - 1].text.len == 0)
        count--;
    return count;
}

static enum csv_found next_record(struct csv *csv)
{
    enum csv_found found;
    do
        found = csv_next(csv);
    while (found == CSV_RECORD && count_filled(csv) == 0);
    return found;
}

static bool read_header(struct reading *reading)
{
    struct csv *csv = &reading->csv;
    enum csv_found found = next_record(csv);
    if (found == CSV_BAD)
        return wrong_csv(reading);
    if (found == CSV_END)
        return wrong_file(reading->import, "has empty lines alone", reading->error);
    csv->count = count_filled(csv);
    for (size_t i = 0; i < csv->count; i++)
        if (!take_column(reading, &csv->fields[i]))
            return false;
    for (size_t i = 0; i < field_count(reading); i++)
        if (!has_column(reading, i))
            return wrong(reading, csv->line, reading->import->file->columns[i].name,
                         "is missing in the header");
    return true;
}

/* ---- records ---- */

static bool take_value(struct reading *reading, const struct csv_field *from, const struct field *field,
                       struct value *value)
{
    struct refusal refusal;
    if (from->text.len == 0 && field->nullable) {
        *value = (struct value){.present = true, .null = true};
        return true;
    }
    if (memchr(from->text.ptr, '\0', from->text.len) != NULL)
        return wrong(reading, from->line, field->name, "has a NUL byte, which no text may have");
    if (!text_utf8(from->text, NULL))
        return wrong(reading, from->line, field->name, "is not UTF-8");
    if (validate_text(field, from->text, &reading->arena, value, &refusal))
        return true;
    return wrong(reading, from->line, field->name, refusal.message + strlen(field->name) + 1);
}

static void add_row(struct import *import, const struct value *values, size_t line)
{
    struct buf *json = &import->json;
    if (import->count == import->room) {
        import->room = import->room == 0 ? CHUNK : 2 * import->room;
        import->rows = mem_resize(import->rows, import->room * sizeof *import->rows);
    }
    buf_add_string(json, import->count > 0 ? ",[" : "[");
    for (size_t i = 0; import->file->columns[i].name != NULL; i++) {
        buf_add_string(json, i > 0 ? "," : "");
        if (values[i].null)
            buf_add_string(json, "null");
        else if (import->file->columns[i].type == FIELD_INT)
            buf_add_int(json, values[i].integer);
        else
            buf_add_json(json, values[i].text);
    }
    buf_add_char(json, ']');
    import->rows[import->count++] = (struct row){.id = values[0].integer, .line = line, .end = json->len};
}

static bool read_record(struct reading *reading)
{
    const struct csv *csv = &reading->csv;
    const struct field *fields = reading->import->file->columns;
    struct value values[CSV_FIELDS_MAX];
    for (size_t i = 0; i < csv->count && i < reading->column_count; i++) {
        size_t field = reading->field_of[i];
        if (!take_value(reading, &csv->fields[i], &fields[field], &values[field]))
            return false;
    }
    if (csv->count < reading->column_count)
        return wrong(reading, csv->line, fields[reading->field_of[csv->count]].name,
                     "is missing in this line");
    if (count_filled(csv) > reading->column_count) {
        char number[32];
        snprintf(number, sizeof number, "column %zu", reading->column_count + 1);
        return wrong(reading, csv->fields[reading->column_count].line, number,
                     "is one more than the header names");
    }
    add_row(reading->import, values, csv->line);
    arena_reset(&reading->arena);
    return true;
}

static int by_id_and_line(const void *a, const void *b)
{
    const struct row *one = a, *other = b;
    if (one->id != other->id)
        return one->id < other->id ? -1 : 1;
    return one->line < other->line ? -1 : one->line > other->line;
}

/* One statement cannot update a row twice, and of two lines with one id it is not known which was meant. */
static bool check_ids(const struct import *import, char **error)
{
    struct row *sorted = mem_array(import->count + 1, sizeof *sorted);
    const struct row *again = NULL;
    if (import->count > 0)
        memcpy(sorted, import->rows, import->count * sizeof *sorted);
    qsort(sorted, import->count, sizeof *sorted, by_id_and_line);
    for (size_t i = 1; i < import->count; i++)
        if (sorted[i].id == sorted[i - 1].id && (again == NULL || sorted[i].line < again->line))
            again = &sorted[i];
    if (again != NULL)
        *error = mem_printf("%s:%zu: %s: %lld is in line %zu already", import->path, again->line,
                            import->file->columns[0].name, (long long)again->id, again[-1].line);
    free(sorted);
    return again == NULL;
}

/* ---- storing ---- */

static bool failed(const struct import *import, const struct session *session, enum db_error why,
                   char **error)
{
    *error = mem_printf("%s: %s%s", import->path, session->error,
                        why == DB_SCHEMA ? "; is the schema up to date? Run rowlock migrate" : "");
    return false;
}

/* The rows [from, to) as JSON, to be freed. */
static char *json_of(const struct import *import, size_t from, size_t to)
{
    size_t begin = from == 0 ? 0 : import->rows[from - 1].end + 1, end = import->rows[to - 1].end;
    return mem_printf("[%.*s]", (int)(end - begin), import->json.data + begin);
}

static enum db_error ask(const struct import *import, struct session *session,
                         const struct statement *statement, size_t from, size_t to,
                         const struct db_rows **rows)
{
    char *json = json_of(import, from, to);
    const char *params[] = {json};
    enum db_error result = session_query(session, statement, params, rows);
    free(json);
    return result;
}

static enum db_error store(const struct import *import, struct session *session, size_t from, size_t to)
{
    char *json = json_of(import, from, to);
    enum db_error result = session_store(session, import->file->store, json, (int64_t)(to - from));
    free(json);
    return result;
}

static bool find_stray(const struct import *import, struct session *session, size_t from, size_t to,
                       char **error)
{
    const struct db_rows *rows;
    int64_t position = 1;
    if (import->file->stray == NULL)
        return true;
    enum db_error result = ask(import, session, import->file->stray, from, to, &rows);
    if (result != DB_OK)
        return failed(import, session, result, error);
    if (rows->count == 0)
        return true;
    text_int(rows->value(rows, 0, LIST_STRAY_POS), &position);
    *error = mem_printf(
        "%s:%zu: %s: there is no %s %s", import->path, import->rows[from + (size_t)position - 1].line,
        rows->value(rows, 0, LIST_STRAY_COLUMN).ptr, rows->value(rows, 0, LIST_STRAY_TARGET).ptr,
        rows->value(rows, 0, LIST_STRAY_VALUE).ptr);
    return false;
}

/* A constraint says its columns in its name, PostgreSQL's as well as SQLite's: the longest that is found is meant. */
static const char *column_at_fault(const struct import *import, const char *message)
{
    const char *found = import->file->columns[0].name;
    for (const struct field *field = import->file->columns; field->name != NULL; field++)
        if (strstr(message, field->name) != NULL && strlen(field->name) > strlen(found))
            found = field->name;
    return found;
}

/* A chunk that is refused is stored again row by row, to find out which row it is. */
static bool store_rows(const struct import *import, struct session *session, size_t from, size_t to,
                       char **error)
{
    enum db_error result = session_script(session, "SAVEPOINT import_rows");
    if (result == DB_OK)
        result = store(import, session, from, to);
    if (result == DB_OK)
        result = session_script(session, "RELEASE SAVEPOINT import_rows");
    if (result == DB_OK)
        return true;
    if (result == DB_REFUSED && to - from == 1) {
        *error = mem_printf("%s:%zu: %s: %s", import->path, import->rows[from].line,
                            column_at_fault(import, session->error), session->error);
        return false;
    }
    if (result == DB_REFUSED)
        result = session_script(session, "ROLLBACK TO SAVEPOINT import_rows; RELEASE SAVEPOINT import_rows");
    if (result != DB_OK)
        return failed(import, session, result, error);
    for (size_t row = from; row < to; row++)
        if (!store_rows(import, session, row, row + 1, error))
            return false;
    return true;
}

bool import_store(const struct import *import, struct session *session, struct progress *progress,
                  char **error)
{
    for (size_t from = 0; from < import->count; from += CHUNK) {
        size_t to = import->count - from < CHUNK ? import->count : from + CHUNK;
        if (!find_stray(import, session, from, to, error) || !store_rows(import, session, from, to, error))
            return false;
        progress_add(progress, (int64_t)(to - from));
    }
    return true;
}
