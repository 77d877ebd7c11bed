/* span_write writes the members of a span in the order of trace.proto. 64-bit numbers are texts, as in all JSON of
 * protobuf; ids are hexadecimal digits, unlike there (OTLP 1.x, "JSON Protobuf Encoding"). */
#include <config.h>

#include "trace/span.h"

#include "base/text.h"

/* trace.proto, SpanFlags: whether it is known that a parent or a link is of another program, and whether it is. */
#define HAS_IS_REMOTE 0x100u
#define IS_REMOTE 0x200u
#define STATUS_ERROR "2"

struct span_link span_link_to(const struct trace *trace)
{
    struct span_link link = {.flags = trace->flags};
    memcpy(link.id, trace->id, sizeof link.id);
    memcpy(link.span, trace->span, sizeof link.span);
    return link;
}

static void add_hex(struct buf *out, const char *name, const unsigned char *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    buf_printf(out, "\"%s\":\"", name);
    for (size_t i = 0; i < count; i++) {
        buf_add_char(out, hex[bytes[i] >> 4]);
        buf_add_char(out, hex[bytes[i] & 15]);
    }
    buf_add_char(out, '"');
}

/* A text that is cut is cut before a character. */
static struct slice cut(struct slice text)
{
    if (text.len <= SPAN_TEXT_MAX)
        return text;
    text.len = SPAN_TEXT_MAX;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

bool span_write_attribute(struct buf *out, const struct span_attribute *attribute, bool behind_another)
{
    struct slice text = cut(attribute->text);
    if (attribute->key == NULL || (text.ptr != NULL && !text_utf8(text, NULL)))
        return false;
    buf_printf(out, "%s{\"key\":\"%s\",\"value\":{", behind_another ? "," : "", attribute->key);
    if (text.ptr != NULL) {
        buf_add_string(out, "\"stringValue\":");
        buf_add_json(out, text);
    } else {
        buf_printf(out, "\"intValue\":\"%lld\"", (long long)attribute->number);
    }
    buf_add_string(out, "}}");
    return true;
}

static void add_attributes(struct buf *out, const struct span *span)
{
    bool any = false;
    buf_add_string(out, ",\"attributes\":[");
    for (size_t i = 0; i < span->attribute_count; i++)
        any |= span_write_attribute(out, &span->attributes[i], any);
    buf_add_char(out, ']');
}

static void add_links(struct buf *out, const struct span *span)
{
    buf_add_string(out, ",\"links\":[");
    for (size_t i = 0; i < span->link_count; i++) {
        const struct span_link *link = &span->links[i];
        buf_add_string(out, i > 0 ? ",{" : "{");
        add_hex(out, "traceId", link->id, sizeof link->id);
        buf_add_char(out, ',');
        add_hex(out, "spanId", link->span, sizeof link->span);
        buf_printf(out, ",\"flags\":%u}", link->flags | HAS_IS_REMOTE);
    }
    buf_add_char(out, ']');
}

static void add_ids(struct buf *out, const struct span *span)
{
    const struct trace *trace = span->trace;
    add_hex(out, "traceId", trace->id, sizeof trace->id);
    buf_add_char(out, ',');
    add_hex(out, "spanId", trace->span, sizeof trace->span);
    if (trace->state.len > 0) {
        buf_add_string(out, ",\"traceState\":");
        buf_add_json(out, trace->state);
    }
    if (trace_has_parent(trace)) {
        buf_add_char(out, ',');
        add_hex(out, "parentSpanId", trace->parent, sizeof trace->parent);
    }
    buf_printf(out, ",\"flags\":%u", trace->flags | HAS_IS_REMOTE | (span->remote ? IS_REMOTE : 0));
}

void span_write(struct buf *out, const struct span *span, int64_t wall)
{
    buf_add_char(out, '{');
    add_ids(out, span);
    buf_add_string(out, ",\"name\":");
    buf_add_json(out, slice_of(span->name));
    buf_printf(out, ",\"kind\":%d,\"startTimeUnixNano\":\"%lld\",\"endTimeUnixNano\":\"%lld\"",
               (int)span->kind, (long long)(span->start + wall), (long long)(span->end + wall));
    add_attributes(out, span);
    if (span->link_count > 0)
        add_links(out, span);
    if (span->error != NULL) {
        buf_add_string(out, ",\"status\":{\"message\":");
        buf_add_json(out, slice_of(span->error));
        buf_add_string(out, ",\"code\":" STATUS_ERROR "}");
    }
    buf_add_char(out, '}');
}
