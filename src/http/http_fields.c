/* http_fields_fill adds them in the order in which they are sent. */
#include <config.h>

#include "http/http_fields.h"

#include "base/clock.h"

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
    add(fields, SLICE("X-Content-Type-Options"), SLICE("nosniff"));
    add(fields, SLICE("X-Request-Id"), response->request_id);
    if (response->etag.len > 0)
        add(fields, SLICE("ETag"), response->etag);
    if (!bodyless && response->coding != NULL)
        add(fields, SLICE("Content-Encoding"), slice_of(response->coding));
    if (response->vary != NULL)
        add(fields, SLICE("Vary"), slice_of(response->vary));
    if (close)
        add(fields, SLICE("Connection"), SLICE("close"));
}
