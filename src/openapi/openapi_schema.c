/* Fields of requests, columns of rows, members that C writes: each to its schema; then whole bodies, and examples. */
#include <config.h>

#include "openapi/openapi_schema.h"

#include "base/jsonout.h"
#include "core/validate.h"

/* ---- types ---- */

/* or: a second type; NULL: none. */
static void add_type(struct buf *out, const char *type, const char * or, bool nullable)
{
    if (or == NULL && !nullable) {
        jsonout_named_text(out, "type", type);
        return;
    }
    jsonout_named(out, "type", '[');
    jsonout_text(out, type);
    if (or != NULL)
        jsonout_text(out, or);
    if (nullable)
        jsonout_text(out, "null");
    jsonout_close(out, ']');
}

static void add_choices(struct buf *out, const char *const *choices)
{
    jsonout_named(out, "enum", '[');
    for (; *choices != NULL; choices++)
        jsonout_text(out, *choices);
    jsonout_close(out, ']');
}

/* ---- fields ---- */

/* The bounds of 64 bits say nothing that the format does not, and few clients keep them exact. */
static void add_bounds(struct buf *out, const struct field *field)
{
    jsonout_named_text(out, "format", "int64");
    if (field->min != INT64_MIN)
        jsonout_named_int(out, "minimum", field->min);
    if (field->max != INT64_MAX)
        jsonout_named_int(out, "maximum", field->max);
}

#define NO_NUL "^[^\\u0000]*$" /* what PostgreSQL's text cannot hold */

static void add_lengths(struct buf *out, const struct field *field)
{
    if (field->min > 0)
        jsonout_named_int(out, "minLength", field->min);
    jsonout_named_int(out, "maxLength", field->max);
    jsonout_named_text(out, "pattern", field->pattern != NULL ? field->pattern : NO_NUL);
}

static void add_coordinate(struct buf *out, int64_t limit, const char *pattern)
{
    jsonout_open(out, '{');
    add_type(out, "number", "string", false);
    jsonout_named_int(out, "minimum", -limit);
    jsonout_named_int(out, "maximum", limit);
    jsonout_named_text(out, "pattern", pattern);
    jsonout_close(out, '}');
}

static void add_point(struct buf *out)
{
    jsonout_named(out, "prefixItems", '[');
    add_coordinate(out, VALIDATE_LATITUDE_MAX, VALIDATE_LATITUDE_PATTERN);
    add_coordinate(out, VALIDATE_LONGITUDE_MAX, VALIDATE_LONGITUDE_PATTERN);
    jsonout_close(out, ']');
    jsonout_named_raw(out, "minItems", "2,\"maxItems\":2");
}

#define HEX2 "[0-9A-Fa-f]{2}"
#define HEX4 "[0-9A-Fa-f]{4}"
#define MAC "^(" HEX2 "(:" HEX2 "){5}|" HEX2 "(-" HEX2 "){5}|" HEX4 "\\." HEX4 "\\." HEX4 "|[0-9A-Fa-f]{12})$"

static void add_limits(struct buf *out, const struct field *field)
{
    switch (field->type) {
    case FIELD_INT:
        add_bounds(out, field);
        break;
    case FIELD_TEXT:
        add_lengths(out, field);
        break;
    case FIELD_ENUM:
        add_choices(out, field->choices);
        break;
    case FIELD_UUID:
        jsonout_named_text(out, "format", "uuid");
        break;
    case FIELD_MAC:
        jsonout_named_text(out, "pattern", MAC);
        break;
    case FIELD_POINT:
        add_point(out);
        break;
    }
}

static void add_field_members(struct buf *out, const struct field *field)
{
    static const char *const types[] = {[FIELD_INT] = "integer", [FIELD_POINT] = "array"};
    const char *type = field->type < sizeof types / sizeof types[0] ? types[field->type] : NULL;
    add_type(out, type != NULL ? type : "string", field->takes_numbers ? "number" : NULL, field->nullable);
    add_limits(out, field);
}

void openapi_add_field(struct buf *out, const struct field *field)
{
    jsonout_open(out, '{');
    add_field_members(out, field);
    jsonout_close(out, '}');
}

void openapi_add_description(struct buf *out, const struct field *field)
{
    jsonout_name(out, "description");
    struct buf text = BUF_INIT(1024);
    buf_add_string(&text, field->about != NULL ? field->about : field->name);
    if (field->form != NULL)
        buf_printf(&text, ": %s", field->form);
    if (field->equals != NULL)
        buf_printf(&text, "; it must equal the %s of the path", field->equals);
    buf_add_json(out, buf_slice(&text));
    buf_fini(&text);
}

static void add_required(struct buf *out, const struct field *fields)
{
    bool any = false;
    for (const struct field *field = fields; field->name != NULL; field++) {
        if (!field->required)
            continue;
        if (!any)
            jsonout_named(out, "required", '[');
        any = true;
        jsonout_text(out, field->name);
    }
    if (any)
        jsonout_close(out, ']');
}

void openapi_add_body(struct buf *out, const struct route *route)
{
    const struct field *fields = route->body;
    jsonout_open(out, '{');
    jsonout_named_text(out, "type", "object");
    add_required(out, fields);
    jsonout_named(out, "properties", '{');
    for (const struct field *field = fields; field->name != NULL; field++) {
        jsonout_named(out, field->name, '{');
        openapi_add_description(out, field);
        add_field_members(out, field);
        jsonout_close(out, '}');
    }
    jsonout_close(out, '}');
    jsonout_named_raw(out, "additionalProperties", route->of_original ? "true" : "false");
    jsonout_close(out, '}');
}

/* ---- replies ---- */

static void add_column_members(struct buf *out, enum column_type type, bool nullable)
{
    static const char *const types[] = {
        [COLUMN_INT] = "integer",  [COLUMN_FLOAT] = "number", [COLUMN_TEXT] = "string",
        [COLUMN_BOOL] = "boolean", [COLUMN_TIME] = "string",  [COLUMN_POINT] = "array",
        [COLUMN_JSON] = "object",
    };
    add_type(out, types[type], NULL, nullable);
    if (type == COLUMN_INT)
        jsonout_named_text(out, "format", "int64");
    else if (type == COLUMN_TIME)
        jsonout_named_text(out, "format", "date-time");
    else if (type == COLUMN_POINT)
        jsonout_named_raw(out, "items", "{\"type\":\"number\"}");
    if (type == COLUMN_POINT)
        jsonout_named_raw(out, "minItems", "2,\"maxItems\":2");
}

void openapi_add_columns(struct buf *out, const struct statement *statement)
{
    jsonout_open(out, '{');
    jsonout_named_text(out, "type", "object");
    jsonout_named(out, "required", '[');
    for (unsigned i = 0; i < statement->column_count; i++)
        jsonout_text(out, statement->columns[i].name);
    jsonout_close(out, ']');
    jsonout_named(out, "properties", '{');
    for (unsigned i = 0; i < statement->column_count; i++) {
        jsonout_named(out, statement->columns[i].name, '{');
        add_column_members(out, statement->columns[i].type, statement->columns[i].nullable);
        jsonout_close(out, '}');
    }
    jsonout_close(out, '}');
    jsonout_named_raw(out, "additionalProperties", "false");
    jsonout_close(out, '}');
}

static void add_row(struct buf *out, const struct statement *statement)
{
    if (statement->row == NULL) {
        openapi_add_columns(out, statement);
        return;
    }
    jsonout_open(out, '{');
    jsonout_name(out, "$ref");
    buf_printf(out, "\"#/components/schemas/%s\"", statement->row);
    jsonout_close(out, '}');
}

static void add_rows(struct buf *out, const struct statement *statement)
{
    jsonout_open(out, '{');
    jsonout_named_text(out, "type", "array");
    jsonout_name(out, "items");
    add_row(out, statement);
    jsonout_close(out, '}');
}

static void add_members(struct buf *out, const struct member *members, const struct statement *statement);

static void add_member(struct buf *out, const struct member *member, const struct statement *statement)
{
    jsonout_name(out, member->name);
    if (member->rows) {
        add_rows(out, statement);
    } else if (member->object != NULL) {
        add_members(out, member->object, statement);
    } else {
        jsonout_open(out, '{');
        if (member->array != NULL) {
            jsonout_named_text(out, "type", "array");
            jsonout_name(out, "items");
            add_members(out, member->array, statement);
        } else {
            add_column_members(out, member->type, member->nullable);
            if (member->choices != NULL)
                add_choices(out, member->choices);
        }
        jsonout_close(out, '}');
    }
}

static void add_members(struct buf *out, const struct member *members, const struct statement *statement)
{
    jsonout_open(out, '{');
    jsonout_named_text(out, "type", "object");
    jsonout_named(out, "required", '[');
    for (const struct member *member = members; member->name != NULL; member++)
        if (!member->optional)
            jsonout_text(out, member->name);
    jsonout_close(out, ']');
    jsonout_named(out, "properties", '{');
    for (const struct member *member = members; member->name != NULL; member++)
        add_member(out, member, statement);
    jsonout_close(out, '}');
    jsonout_named_raw(out, "additionalProperties", "false");
    jsonout_close(out, '}');
}

static void add_objects(struct buf *out, const struct member *members, const struct statement *statement)
{
    jsonout_open(out, '{');
    jsonout_named_text(out, "type", "array");
    jsonout_name(out, "items");
    add_members(out, members, statement);
    jsonout_close(out, '}');
}

void openapi_add_reply(struct buf *out, const struct route *route)
{
    if (route->members != NULL && route->shape == REPLY_ARRAY)
        add_objects(out, route->members, route->statement);
    else if (route->members != NULL)
        add_members(out, route->members, route->statement);
    else if (route->statement == NULL || route->content_type != NULL)
        jsonout_raw(out, route->shape == REPLY_OBJECT ? "{\"type\":\"object\"}" : "{\"type\":\"string\"}");
    else if (route->shape == REPLY_OBJECT)
        add_row(out, route->statement);
    else
        add_rows(out, route->statement);
}

void openapi_add_problem_schema(struct buf *out)
{
    static const struct member members[] = {
        {.name = "type", .type = COLUMN_TEXT},  {.name = "title", .type = COLUMN_TEXT},
        {.name = "status", .type = COLUMN_INT}, {.name = "detail", .type = COLUMN_TEXT},
        {.name = "error", .type = COLUMN_TEXT}, {.name = NULL},
    };
    jsonout_name(out, "problem");
    add_members(out, members, NULL);
}

/* ---- examples ---- */

void openapi_add_example(struct buf *out, const struct field *field)
{
    if (field->example != NULL)
        jsonout_raw(out, field->example);
    else if (field->type == FIELD_INT)
        jsonout_int(out, field->min < 1 && field->max >= 1 ? 1 : field->min);
    else if (field->type == FIELD_ENUM)
        jsonout_text(out, field->choices[0]);
    else if (field->type == FIELD_UUID)
        jsonout_text(out, VALIDATE_UUID);
    else if (field->type == FIELD_MAC)
        jsonout_text(out, VALIDATE_MAC);
    else if (field->type == FIELD_POINT)
        jsonout_raw(out, "[0,0]");
    else
        jsonout_text(out, field->name);
}

void openapi_add_body_example(struct buf *out, const struct field *fields)
{
    jsonout_open(out, '{');
    for (const struct field *field = fields; field->name != NULL; field++) {
        if (!field->required && field->example == NULL)
            continue;
        jsonout_name(out, field->name);
        openapi_add_example(out, field);
    }
    jsonout_close(out, '}');
}
