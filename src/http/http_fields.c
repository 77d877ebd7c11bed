/* http_fields_fill has what a response says of itself, in the order in which it is sent; behind that stand the fields
 * of the gate (http_gate_fields_write). */
#include <config.h>

#include "http/http_fields.h"

#include "base/clock.h"

#define GATE_FIELDS SLICE("X-Content-Type-Options: nosniff\r\nX-Request-Id: ")

static struct slice decimal(char *end, size_t number)
{
    char *at = end;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    return (struct slice){at, (size_t)(end - at)};
}

static void add(struct http_fields *fields, struct slice name, struct slice value)
{
    fields->list[fields->count++] = (struct http_field){name, value};
}

void http_fields_fill(struct http_fields *fields, const struct http_response *response, bool close,
                      bool length)
{
    bool bodyless = http_is_bodyless(response->status);
    fields->count = 0;
    add(fields, SLICE("Date"), slice_of(clock_http_date()));
    if (!bodyless && response->content_type != NULL)
        add(fields, SLICE("Content-Type"), slice_of(response->content_type));
    if (!bodyless && length)
        add(fields, SLICE("Content-Length"),
            decimal(fields->length + sizeof fields->length, response->body.len));
    if (response->etag.len > 0)
        add(fields, SLICE("ETag"), response->etag);
    if (!bodyless && response->coding != NULL)
        add(fields, SLICE("Content-Encoding"), slice_of(response->coding));
    if (response->vary != NULL)
        add(fields, SLICE("Vary"), slice_of(response->vary));
    if (close)
        add(fields, SLICE("Connection"), SLICE("close"));
}

char *http_field_write(char *at, struct slice name, struct slice value)
{
    at = slice_put(at, name);
    at = slice_put(at, SLICE(": "));
    at = slice_put(at, value);
    return slice_put(at, SLICE("\r\n"));
}

size_t http_gate_fields_length(const struct http_response *response)
{
    return GATE_FIELDS.len + response->request_id.len + 2;
}

char *http_gate_fields_write(char *at, const struct http_response *response)
{
    at = slice_put(at, GATE_FIELDS);
    at = slice_put(at, response->request_id);
    return slice_put(at, SLICE("\r\n"));
}
