/* JSON documents, by jansson. json_read refuses what is not strict JSON; jansson says at which byte, and member_at
 * finds in which member that is, because a client can do something with the name. The rest reads values. */
#include <config.h>

#include "base/json.h"

#include <jansson.h>
#include <stdio.h>

#define NAME_MAX_SHOWN 64
#define DEPTH_SEEN 64

static json_t *in(const struct json *value)
{
    return (json_t *)(void *)(uintptr_t)value;
}

static const struct json *out(json_t *value)
{
    return (const struct json *)(void *)value;
}

/* The end of the string that begins behind its quote at `at`. */
static size_t string_end(const char *text, size_t at, size_t end)
{
    while (at < end && text[at] != '"')
        at += text[at] == '\\' ? 2 : 1;
    return at < end ? at : end;
}

/* A member's name, without escapes where it is well-formed, cut to what a message can hold. */
static void show_name(struct slice quoted, char name[NAME_MAX_SHOWN + 1])
{
    json_t *decoded = json_loadb(quoted.ptr, quoted.len, JSON_DECODE_ANY, NULL);
    const char *text = json_string_value(decoded);
    size_t used = 0;
    for (size_t i = 0; text != NULL && text[i] != '\0' && used < NAME_MAX_SHOWN; i++)
        if ((unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f)
            name[used++] = text[i];
    name[used] = '\0';
    json_decref(decoded);
}

/* The member in which a position of a (so far well-formed) document lies, for a message: its name, "The name of a
 * member" when it lies within that, "" outside of any. */
static void member_at(struct slice text, size_t position, char name[NAME_MAX_SHOWN + 1])
{
    struct slice names[DEPTH_SEEN] = {{NULL, 0}}; /* with their quotes */
    bool object[DEPTH_SEEN] = {false};
    size_t depth = 0, end = position < text.len ? position : text.len;
    bool key = false; /* the next string is the name of a member */
    for (size_t i = 0; i < end && depth + 1 < DEPTH_SEEN; i++) {
        switch (text.ptr[i]) {
        case '"': {
            size_t close = string_end(text.ptr, i + 1, end);
            if (key && close >= end) {
                snprintf(name, NAME_MAX_SHOWN + 1, "The name of a member");
                return;
            }
            if (key)
                names[depth] = (struct slice){text.ptr + i, close - i + 1};
            key = false;
            i = close;
            break;
        }
        case '{':
        case '[':
            object[++depth] = text.ptr[i] == '{';
            names[depth] = names[depth - 1];
            key = object[depth];
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        case ',':
            key = object[depth];
            break;
        default:
            break;
        }
    }
    name[0] = '\0';
    if (names[depth].ptr != NULL)
        show_name(names[depth], name);
}

/* jansson's words, without what it says about where: a caller is helped by the name of the member, not by a position
 * in the body. */
static const char *json_reason(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "is given twice";
    case json_error_numeric_overflow:
        return "is a number beyond what 64 bits or a double hold";
    case json_error_invalid_utf8:
        return "is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "has a NUL character (\\u0000)";
    case json_error_stack_overflow:
        return "is nested too deeply";
    default:
        return NULL;
    }
}

struct json *json_read(struct slice text, char *error, size_t error_size)
{
    json_error_t why;
    char member[NAME_MAX_SHOWN + 1];
    json_t *document = json_loadb(text.ptr != NULL ? text.ptr : "", text.len,
                                  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (document != NULL)
        return (struct json *)(void *)document;
    member_at(text, why.position < 0 ? 0 : (size_t)why.position, member);
    const char *reason = json_reason(&why);
    if (reason != NULL)
        snprintf(error, error_size, "%s %s.", member[0] != '\0' ? member : "The body", reason);
    else if (member[0] != '\0')
        snprintf(error, error_size, "The body is not JSON: %s is malformed.", member);
    else
        snprintf(error, error_size, "The body is not JSON.");
    return NULL;
}

void json_free(struct json *document)
{
    json_decref((json_t *)(void *)document);
}

enum json_type json_type_of(const struct json *value)
{
    switch (json_typeof(in(value))) {
    case JSON_OBJECT:
        return JSON_OBJECT_VALUE;
    case JSON_ARRAY:
        return JSON_ARRAY_VALUE;
    case JSON_STRING:
        return JSON_STRING_VALUE;
    case JSON_INTEGER:
        return JSON_INT_VALUE;
    case JSON_REAL:
        return JSON_REAL_VALUE;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_BOOL_VALUE;
    default:
        return JSON_NULL_VALUE;
    }
}

bool json_truth(const struct json *value)
{
    return json_typeof(in(value)) == JSON_TRUE;
}

int64_t json_int(const struct json *value)
{
    return json_integer_value(in(value));
}

double json_number(const struct json *value)
{
    return json_number_value(in(value));
}

struct slice json_text(const struct json *value)
{
    return (struct slice){json_string_value(in(value)), json_string_length(in(value))};
}

size_t json_length(const struct json *array)
{
    return json_array_size(in(array));
}

const struct json *json_at(const struct json *array, size_t index)
{
    return out(json_array_get(in(array), index));
}

const struct json *json_member(const struct json *object, const char *name)
{
    return out(json_object_get(in(object), name));
}

bool json_each(const struct json *object,
               bool (*visit)(const char *name, const struct json *value, void *argument), void *argument)
{
    const char *name;
    json_t *value;
    json_object_foreach(in(object), name, value) {
        if (!visit(name, out(value), argument))
            return false;
    }
    return true;
}
