/* JSON documents that clients send (RFC 8259), read strictly: jansson underneath, seen by json.c alone. Duplicate
 * members, numbers beyond 64 bits or a double, bad UTF-8, NUL and lone surrogates are refused, and the message
 * names the member in which it happened. */
#ifndef ROWLOCK_BASE_JSON_H
#define ROWLOCK_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct json; /* a value; never allocated by itself, belongs to its document */

enum json_type {
    JSON_NULL_VALUE,
    JSON_BOOL_VALUE,
    JSON_INT_VALUE,
    JSON_REAL_VALUE,
    JSON_STRING_VALUE,
    JSON_ARRAY_VALUE,
    JSON_OBJECT_VALUE,
};

/* NULL with a message in error; else json_free releases the document. */
struct json *json_read(struct slice text, char *error, size_t error_size);
void json_free(struct json *document);

enum json_type json_type_of(const struct json *value);
bool json_truth(const struct json *value);
int64_t json_int(const struct json *value);
double json_number(const struct json *value); /* of an integer or a real */
struct slice json_text(const struct json *value);
size_t json_length(const struct json *array);
const struct json *json_at(const struct json *array, size_t index);
const struct json *json_member(const struct json *object, const char *name); /* NULL when there is none */

/* Calls visit for each member; stops and returns false when visit does. */
bool json_each(const struct json *object,
               bool (*visit)(const char *name, const struct json *value, void *argument), void *argument);

#endif
