/* http_canonical_write: the request line (put_target), Host, the other fields, framing (put_framing), body. */
#include <config.h>

#include "http/http_canonical.h"

#include <stdio.h>

#include "http/http_fields.h"

/* What is settled before a request is written, and what is said of the connection to the next hop alone. */
static bool is_settled(struct slice name)
{
    static const struct slice settled[] = {
        {"Host", 4},    {"Connection", 10},       {"Content-Length", 14}, {"Transfer-Encoding", 17},
        {"Expect", 6},  {"Proxy-Connection", 16}, {"Keep-Alive", 10},     {"TE", 2},
        {"Trailer", 7}, {"Upgrade", 7},
    };
    for (size_t i = 0; i < sizeof settled / sizeof settled[0]; i++)
        if (slice_equal_nocase(name, settled[i]))
            return true;
    return false;
}

static bool begins(struct slice text, struct slice with)
{
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

/* "//host/path" reads as an authority without a scheme (RFC 3986 section 4.2), so "/." goes before it, and before what
 * begins like the result of that. */
static char *put_target(char *at, const struct http_head *head)
{
    if (begins(head->path, SLICE("//")) || begins(head->path, SLICE("/./")))
        at = slice_put(at, SLICE("/."));
    at = slice_put(at, head->path);
    if (head->query.ptr == NULL)
        return at;
    *at++ = '?';
    return slice_put(at, head->query);
}

struct slice http_canonical_target(struct slice target)
{
    if (begins(target, SLICE("/./")))
        return (struct slice){target.ptr + 2, target.len - 2};
    return target;
}

/* Where the connection is spoken of, some parsers want to know that there is no body. */
static char *put_framing(char *at, const struct http_head *head, size_t body)
{
    bool spoken_of = head->keep_alive != (head->minor == 1);
    if (spoken_of)
        at = http_field_write(at, SLICE("Connection"),
                              head->keep_alive ? SLICE("keep-alive") : SLICE("close"));
    if (body > 0 || spoken_of)
        at += sprintf(at, "Content-Length: %zu\r\n", body);
    return at;
}

bool http_canonical_has_body(enum http_method method)
{
    return method != HTTP_HEAD && method != HTTP_TRACE;
}

static size_t room_for(const struct http_head *head)
{
    size_t room = HTTP_CANONICAL_EXTRA + head->path.len + head->query.len + head->host.len;
    for (size_t i = 0; i < head->field_count; i++)
        room += head->fields[i].name.len + head->fields[i].value.len + HTTP_FIELD_EXTRA;
    return room;
}

static char *put_head(char *at, const struct http_head *head, size_t body)
{
    at = slice_put(at, slice_of(http_method_name(head->method)));
    *at++ = ' ';
    at = put_target(at, head);
    at = slice_put(at, head->minor == 0 ? SLICE(" HTTP/1.0\r\n") : SLICE(" HTTP/1.1\r\n"));
    if (head->host.ptr != NULL)
        at = http_field_write(at, SLICE("Host"), head->host);
    for (size_t i = 0; i < head->field_count; i++)
        if (!is_settled(head->fields[i].name))
            at = http_field_write(at, head->fields[i].name, head->fields[i].value);
    at = put_framing(at, head, body);
    return slice_put(at, SLICE("\r\n"));
}

void http_canonical_write(struct buf *out, const struct http_head *head, struct slice body)
{
    if (!http_canonical_has_body(head->method))
        body.len = 0;
    char *room = buf_room(out, room_for(head) + body.len);
    if (room == NULL)
        return;
    out->len += (size_t)(put_head(room, head, body.len) - room);
    buf_add_slice(out, body);
}
