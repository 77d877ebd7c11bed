/* validate_head checks what the request line and the head say (read_path, read_query, check_type), validate then the
 * body (read_body), member by member. take_json gives the value of a field from JSON, take_string from text;
 * refuse_type says what would have been right. */
#include <config.h>

#include "core/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define NAME_SHOWN 64
#define EXACT_MAX 9007199254740991.0 /* 2^53 - 1 */

struct reading {
    const struct field *fields;
    struct value *values;
    struct arena *arena;
    struct refusal *refusal;
    bool open; /* members that are no fields are left out */
    bool
        blank; /* an empty parameter is as if it had not been given: so forms send inputs that were left empty */
};

static bool refuse(struct refusal *refusal, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(struct refusal *refusal, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    refusal->status = status;
    vsnprintf(refusal->message, sizeof refusal->message, format, arguments);
    va_end(arguments);
    return false;
}

static const struct field *field_named(const struct field *fields, struct slice name, size_t *index)
{
    for (*index = 0; fields != NULL && fields[*index].name != NULL; ++*index)
        if (slice_equal(slice_of(fields[*index].name), name))
            return &fields[*index];
    return NULL;
}

/* A name that a client chose, cut to what a message can hold, and never in the middle of a character. */
static int shown(struct slice name)
{
    size_t length = name.len < NAME_SHOWN ? name.len : NAME_SHOWN;
    while (length > 0 && length < name.len && ((unsigned char)name.ptr[length] & 0xc0) == 0x80)
        length--;
    return (int)length;
}

/* ---- values of each type ---- */

static bool refuse_type(const struct field *field, struct refusal *refusal)
{
    char choices[128] = "";
    switch (field->type) {
    case FIELD_INT:
        return refuse(refusal, 400, "%s must be an integer from %lld to %lld.", field->name,
                      (long long)field->min, (long long)field->max);
    case FIELD_TEXT:
        if (field->form != NULL)
            return refuse(refusal, 400, "%s must be %s.", field->name, field->form);
        return refuse(refusal, 400, "%s must be text of %lld to %lld characters.", field->name,
                      (long long)field->min, (long long)field->max);
    case FIELD_ENUM:
        for (size_t i = 0, used = 0; field->choices[i] != NULL && used < sizeof choices; i++)
            used += (size_t)snprintf(choices + used, sizeof choices - used, "%s%s", i > 0 ? ", " : "",
                                     field->choices[i]);
        return refuse(refusal, 400, "%s must be one of %s.", field->name, choices);
    case FIELD_UUID:
        return refuse(refusal, 400, "%s must be a UUID, such as " VALIDATE_UUID ".", field->name);
    case FIELD_MAC:
        return refuse(refusal, 400, "%s must be a MAC address, such as " VALIDATE_MAC ".", field->name);
    case FIELD_POINT:
        break;
    }
    return refuse(
        refusal, 400,
        "%s must be a latitude from -90 to 90 and a longitude from -180 to 180, as two numbers or strings.",
        field->name);
}

static bool take_int(const struct field *field, int64_t number, struct value *value, struct refusal *refusal)
{
    value->integer = number;
    return (number >= field->min && number <= field->max) || refuse_type(field, refusal);
}

/* Hex digits with borders; lower case, with the borders of form ("x" stands for a digit), or false. */
static bool normalise_hex(struct slice text, const char *form, const char *borders, struct arena *arena,
                          struct slice *out)
{
    char *copy = arena_alloc(arena, strlen(form) + 1);
    size_t at = 0, digits = 0;
    for (const char *want = form; *want != '\0'; want++) {
        if (*want != 'x') {
            copy[want - form] = *want;
            continue;
        }
        bool border = digits > 0 && digits % 2 == 0 && at < text.len && strchr(borders, text.ptr[at]) != NULL;
        at += border;
        char c = at < text.len ? text.ptr[at++] : '\0';
        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        copy[want - form] = c;
        digits++;
    }
    *out = (struct slice){copy, strlen(form)};
    return at == text.len;
}

static bool take_uuid(struct slice text, struct arena *arena, struct slice *out)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; text.len == sizeof form - 1 && i < text.len; i++)
        if ((form[i] == '-') != (text.ptr[i] == '-'))
            return false;
    return text.len == sizeof form - 1 && normalise_hex(text, form, "-", arena, out);
}

/* One kind of border throughout: aa:bb:…, aa-bb-…, aabb.ccdd.eeff or none. */
static bool take_mac(struct slice text, struct arena *arena, struct slice *out)
{
    char borders[2] = "";
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        if (strchr(":-.", text.ptr[i]) != NULL && text.ptr[i] != '\0') {
            if (count++ > 0 && text.ptr[i] != borders[0])
                return false;
            borders[0] = text.ptr[i];
        }
    if (count != 0 && count != (borders[0] == '.' ? 2 : 5))
        return false;
    return normalise_hex(text, "xx:xx:xx:xx:xx:xx", borders, arena, out) &&
           (borders[0] != '.' || (text.ptr[4] == '.' && text.ptr[9] == '.'));
}

/* text is UTF-8 already. */
static bool take_text(const struct field *field, struct slice text, struct reading *reading,
                      struct value *value)
{
    size_t points = 0;
    text_utf8(text, &points);
    if (field->type == FIELD_ENUM) {
        for (int64_t i = 0; field->choices[i] != NULL; i++)
            if (slice_equal(text, slice_of(field->choices[i]))) {
                value->integer = i;
                value->text = slice_of(field->choices[i]);
                return true;
            }
        return refuse_type(field, reading->refusal);
    }
    if (field->type == FIELD_UUID)
        return take_uuid(text, reading->arena, &value->text) || refuse_type(field, reading->refusal);
    if (field->type == FIELD_MAC)
        return take_mac(text, reading->arena, &value->text) || refuse_type(field, reading->refusal);
    if ((int64_t)points < field->min || (int64_t)points > field->max)
        return refuse_type(field, reading->refusal);
    if (field->normalise != NULL)
        return field->normalise(text, reading->arena, &value->text) || refuse_type(field, reading->refusal);
    value->text = arena_dup(reading->arena, text);
    return true;
}

#define COORDINATE_LEAST 1e-9 /* degrees, a tenth of a millimetre */

/* What is less is 0: PostgreSQL refuses to reckon on with what is so small that the next number is 0, and each database
 * writes -0 in its own way. */
static bool limit_coordinate(double limit, double *number)
{
    if (*number > -COORDINATE_LEAST && *number < COORDINATE_LEAST)
        *number = 0;
    return *number >= -limit && *number <= limit;
}

static bool read_coordinate(struct slice text, double limit, double *number)
{
    return text_double(text, number) == TEXT_NUMBER_OK && limit_coordinate(limit, number);
}

static bool take_coordinate(const struct json *json, double limit, double *number)
{
    enum json_type type = json_type_of(json);
    if (type == JSON_STRING_VALUE)
        return read_coordinate(json_text(json), limit, number);
    if (type != JSON_INT_VALUE && type != JSON_REAL_VALUE)
        return false;
    *number = json_number(json);
    return limit_coordinate(limit, number);
}

/* "50.4, 12.7", as people type it into a form. */
static bool take_point_text(const struct field *field, struct slice text, struct reading *reading,
                            struct value *value)
{
    const char *comma = memchr(text.ptr, ',', text.len);
    size_t split = comma != NULL ? (size_t)(comma - text.ptr) : 0, second = split + 1;
    bool ok = comma != NULL &&
              read_coordinate(text_trimmed((struct slice){text.ptr, split}), VALIDATE_LATITUDE_MAX,
                              &value->point[0]) &&
              read_coordinate(text_trimmed((struct slice){text.ptr + second, text.len - second}),
                              VALIDATE_LONGITUDE_MAX, &value->point[1]);
    return ok || refuse_type(field, reading->refusal);
}

/* From a path, a query or a form, where everything is text. */
static bool take_string(const struct field *field, struct slice text, struct reading *reading,
                        struct value *value)
{
    int64_t number;
    value->present = true;
    if (field->type == FIELD_POINT)
        return take_point_text(field, text, reading, value);
    if (field->type != FIELD_INT)
        return take_text(field, text, reading, value);
    return text_int(text, &number) == TEXT_NUMBER_OK ? take_int(field, number, value, reading->refusal)
                                                     : refuse_type(field, reading->refusal);
}

/* A number where text is expected, as people send postcodes. */
static bool take_loose(const struct field *field, const struct json *json, struct reading *reading,
                       struct value *value)
{
    char number[32];
    if (json_type_of(json) == JSON_INT_VALUE)
        snprintf(number, sizeof number, "%lld", (long long)json_int(json));
    else
        text_from_double(number, sizeof number, json_number(json));
    return take_text(field, slice_of(number), reading, value);
}

/* 2.0 is the integer 2 (JSON Schema Validation 2020-12, section 6.1.1). Beyond 2^53 a double might not be what was
 * written. */
static bool read_integer(const struct json *json, int64_t *integer)
{
    if (json_type_of(json) == JSON_INT_VALUE) {
        *integer = json_int(json);
        return true;
    }
    double number = json_type_of(json) == JSON_REAL_VALUE ? json_number(json) : 0.5;
    if (number < -EXACT_MAX || number > EXACT_MAX)
        return false;
    *integer = (int64_t)number;
    return (double)*integer == number;
}

static bool take_json(const struct field *field, const struct json *json, struct reading *reading,
                      struct value *value)
{
    enum json_type type = json_type_of(json);
    int64_t integer;
    value->present = true;
    value->null = type == JSON_NULL_VALUE && field->nullable;
    if (value->null)
        return true;
    if (field->takes_numbers && (type == JSON_INT_VALUE || type == JSON_REAL_VALUE))
        return take_loose(field, json, reading, value);
    switch (field->type) {
    case FIELD_INT:
        return read_integer(json, &integer) ? take_int(field, integer, value, reading->refusal)
                                            : refuse_type(field, reading->refusal);
    case FIELD_TEXT:
    case FIELD_ENUM:
    case FIELD_UUID:
    case FIELD_MAC:
        return type == JSON_STRING_VALUE ? take_text(field, json_text(json), reading, value)
                                         : refuse_type(field, reading->refusal);
    case FIELD_POINT:
        break;
    }
    return (type == JSON_ARRAY_VALUE && json_length(json) == 2 &&
            take_coordinate(json_at(json, 0), VALIDATE_LATITUDE_MAX, &value->point[0]) &&
            take_coordinate(json_at(json, 1), VALIDATE_LONGITUDE_MAX, &value->point[1])) ||
           refuse_type(field, reading->refusal);
}

static bool check_required(const struct reading *reading, const char *kind)
{
    for (size_t i = 0; reading->fields != NULL && reading->fields[i].name != NULL; i++)
        if (reading->fields[i].required && !reading->values[i].present &&
            reading->fields[i].own == FIELD_ANYBODYS) /* others may yet be filled in: core/own.h */
            return refuse(reading->refusal, 400, "The %s %s is missing.", kind, reading->fields[i].name);
    return true;
}

bool validate_text(const struct field *field, struct slice text, struct arena *arena, struct value *value,
                   struct refusal *refusal)
{
    struct reading reading = {.arena = arena, .refusal = refusal};
    memset(value, 0, sizeof *value);
    return take_string(field, text, &reading, value);
}

/* ---- path, query, body ---- */

static bool read_path(const struct router_match *match, struct reading *reading)
{
    for (size_t i = 0; i < match->segment_count; i++)
        if (!take_string(&reading->fields[i], match->segments[i], reading, &reading->values[i]))
            return false;
    return true;
}

static bool read_parameter(struct slice pair, struct reading *reading)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t split = equals == NULL ? pair.len : (size_t)(equals - pair.ptr), index;
    char *text = arena_alloc(reading->arena, pair.len + 1);
    struct slice name = {text, 0}, value = {text + split, 0};
    if (!text_percent_decode((struct slice){pair.ptr, split}, true, text, &name.len))
        return refuse(reading->refusal, 400, "The name of a query parameter is not well-formed.");
    if (equals != NULL && !text_percent_decode((struct slice){equals + 1, pair.len - split - 1}, true,
                                               text + split, &value.len))
        return refuse(reading->refusal, 400,
                      "The query parameter %.*s is not well-formed percent-encoded UTF-8.", shown(name),
                      name.ptr);
    const struct field *field = field_named(reading->fields, name, &index);
    if (field == NULL && name.len == 0)
        return refuse(reading->refusal, 400, "A query parameter has no name.");
    if (field == NULL)
        return refuse(reading->refusal, 400, "%.*s is not a query parameter of this path.", shown(name),
                      name.ptr);
    if (reading->values[index].present)
        return refuse(reading->refusal, 400, "The query parameter %s is given twice.", field->name);
    return (reading->blank && value.len == 0) || take_string(field, value, reading, &reading->values[index]);
}

static bool read_query(struct slice query, struct reading *reading)
{
    for (size_t i = 0; i < query.len;) {
        const char *mark = memchr(query.ptr + i, '&', query.len - i);
        size_t end = mark == NULL ? query.len : (size_t)(mark - query.ptr);
        if (end > i && !read_parameter((struct slice){query.ptr + i, end - i}, reading))
            return false;
        i = end + 1;
    }
    return check_required(reading, "query parameter");
}

static bool read_member(const char *name, const struct json *json, void *argument)
{
    struct reading *reading = argument;
    size_t index;
    const struct field *field = field_named(reading->fields, slice_of(name), &index);
    if (field == NULL && reading->open)
        return true;
    if (field == NULL && name[0] == '\0')
        return refuse(reading->refusal, 400, "A member has no name.");
    if (field == NULL)
        return refuse(reading->refusal, 400, "%.*s is not a member of this request.", shown(slice_of(name)),
                      name);
    return take_json(field, json, reading, &reading->values[index]);
}

/* application/json, with charset=utf-8 or without a charset (RFC 8259 section 8.1 knows no other). */
static bool is_json(struct slice type)
{
    const char *semicolon = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;
    struct slice media = {type.ptr, semicolon == NULL ? type.len : (size_t)(semicolon - type.ptr)};
    while (media.len > 0 && (media.ptr[media.len - 1] == ' ' || media.ptr[media.len - 1] == '\t'))
        media.len--;
    if (!slice_equal_nocase(media, SLICE("application/json")))
        return false;
    for (size_t i = media.len; i + 8 <= type.len; i++)
        if (strncasecmp(type.ptr + i, "charset=", 8) == 0) {
            struct slice rest = {type.ptr + i + 8, type.len - i - 8};
            if (rest.len > 0 && rest.ptr[0] == '"')
                rest = (struct slice){rest.ptr + 1, rest.len - 1};
            return rest.len >= 5 && strncasecmp(rest.ptr, "utf-8", 5) == 0;
        }
    return true;
}

/* Compressed bodies (RFC 9110 section 8.4) are not read. */
static bool is_encoded(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, SLICE("Content-Encoding")) &&
            !slice_equal_nocase(head->fields[i].value, SLICE("identity")))
            return true;
    return false;
}

static bool check_type(const struct route *route, const struct http_head *head, struct refusal *refusal)
{
    int status = route->of_original ? 400 : 415;
    if (is_encoded(head))
        return refuse(refusal, 415, "The body must not have a Content-Encoding.");
    struct slice type = http_head_field(head, SLICE("Content-Type"));
    if (type.ptr == NULL || is_json(type))
        return true;
    if (!text_utf8(type, NULL)) /* nothing that an answer in UTF-8 could repeat */
        return refuse(refusal, status, "The body's Content-Type must be application/json.");
    return refuse(refusal, status, "The body's Content-Type must be application/json, not %.*s.", shown(type),
                  type.ptr);
}

static bool read_body(struct slice body, struct reading *reading)
{
    char error[192];
    struct json *document = json_read(body, error, sizeof error);
    if (document == NULL)
        return refuse(reading->refusal, 400, "%s", error);
    bool ok = json_type_of(document) == JSON_OBJECT_VALUE
                  ? json_each(document, read_member, reading) && check_required(reading, "member")
                  : refuse(reading->refusal, 400, "The body must be a JSON object.");
    json_free(document);
    return ok;
}

/* A member that repeats a field of the path must not contradict it. */
static bool check_equals(const struct route *route, const struct value *values, const struct reading *reading)
{
    for (size_t i = 0; reading->fields[i].name != NULL; i++) {
        const struct field *field = &reading->fields[i];
        int other = field->equals != NULL ? route_field(route, field->equals) : -1;
        if (other >= 0 && reading->values[i].present && reading->values[i].integer != values[other].integer)
            return refuse(reading->refusal, 400, "%s must equal the %s of the path.", field->name,
                          field->equals);
    }
    return true;
}

bool validate_head(const struct route *route, const struct router_match *match, const struct http_head *head,
                   struct arena *arena, struct value values[ROUTE_FIELDS_MAX], struct refusal *refusal)
{
    size_t path = route_field_count(route->path_fields), query = route_field_count(route->query),
           members = route_field_count(route->body);
    memset(values, 0, (path + query + members) * sizeof *values);
    struct reading reading = {
        .fields = route->path_fields, .values = values, .arena = arena, .refusal = refusal};
    if (!read_path(match, &reading))
        return false;
    reading.blank = route->for_people;
    reading.fields = route->query;
    reading.values = values + path;
    return read_query(head->query, &reading) && (route->body == NULL || check_type(route, head, refusal));
}

bool validate(const struct route *route, const struct router_match *match, const struct http_head *head,
              struct slice body, struct arena *arena, struct value values[ROUTE_FIELDS_MAX],
              struct refusal *refusal)
{
    if (!validate_head(route, match, head, arena, values, refusal))
        return false;
    if (route->body == NULL)
        return true;
    size_t path = route_field_count(route->path_fields), query = route_field_count(route->query);
    struct reading reading = {.fields = route->body,
                              .values = values + path + query,
                              .arena = arena,
                              .refusal = refusal,
                              .open = route->of_original};
    return read_body(body, &reading) && check_equals(route, values, &reading);
}
