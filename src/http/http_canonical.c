/* http_canonical_write: the request line (add_target), Host, the other fields, framing (add_framing), body. */
#include <config.h>

#include "http/http_canonical.h"

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

static void add_field(struct buf *out, struct slice name, struct slice value)
{
    buf_add_slice(out, name);
    buf_add(out, ": ", 2);
    buf_add_slice(out, value);
    buf_add(out, "\r\n", 2);
}

static bool begins(struct slice text, struct slice with)
{
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

/* "//host/path" reads as an authority without a scheme (RFC 3986 section 4.2), so "/." goes before it, and before what
 * begins like the result of that. */
static void add_target(struct buf *out, const struct http_head *head)
{
    if (begins(head->path, SLICE("//")) || begins(head->path, SLICE("/./")))
        buf_add(out, "/.", 2);
    buf_add_slice(out, head->path);
    if (head->query.ptr != NULL) {
        buf_add_char(out, '?');
        buf_add_slice(out, head->query);
    }
}

struct slice http_canonical_target(struct slice target)
{
    if (begins(target, SLICE("/./")))
        return (struct slice){target.ptr + 2, target.len - 2};
    return target;
}

/* Where the connection is spoken of, some parsers want to know that there is no body. */
static void add_framing(struct buf *out, const struct http_head *head, size_t body)
{
    bool spoken_of = head->keep_alive != (head->minor == 1);
    if (spoken_of)
        add_field(out, SLICE("Connection"), head->keep_alive ? SLICE("keep-alive") : SLICE("close"));
    if (body > 0 || spoken_of)
        buf_printf(out, "Content-Length: %zu\r\n", body);
}

bool http_canonical_has_body(enum http_method method)
{
    return method != HTTP_HEAD && method != HTTP_TRACE;
}

void http_canonical_write(struct buf *out, const struct http_head *head, struct slice body)
{
    if (!http_canonical_has_body(head->method))
        body.len = 0;
    buf_add_string(out, http_method_name(head->method));
    buf_add_char(out, ' ');
    add_target(out, head);
    buf_add_string(out, head->minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    if (head->host.ptr != NULL)
        add_field(out, SLICE("Host"), head->host);
    for (size_t i = 0; i < head->field_count; i++)
        if (!is_settled(head->fields[i].name))
            add_field(out, head->fields[i].name, head->fields[i].value);
    add_framing(out, head, body.len);
    buf_add(out, "\r\n", 2);
    buf_add_slice(out, body);
}
