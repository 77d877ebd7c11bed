/* A span as OTLP/HTTP has it in JSON: what was done when, as a part of which trace
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding, opentelemetry-proto 1.x, trace.proto). */
#ifndef ROWLOCK_TRACE_SPAN_H
#define ROWLOCK_TRACE_SPAN_H

#include <stdint.h>

#include "base/buf.h"
#include "trace/trace.h"

/* As in trace.proto. */
enum span_kind {
    SPAN_INTERNAL = 1,
    SPAN_SERVER = 2,
    SPAN_CLIENT = 3,
};

/* Of a text or, where that is NULL, of a number. */
struct span_attribute {
    const char *key;   /* NULL: left out */
    struct slice text; /* any bytes: cut at SPAN_TEXT_MAX, and left out where they are no UTF-8 */
    int64_t number;
};

#define SPAN_TEXT_MAX 1024u

#define SPAN_TEXT(name, slice) ((struct span_attribute){.key = (name), .text = (slice)})
#define SPAN_INT(name, value) ((struct span_attribute){.key = (name), .number = (int64_t)(value)})
#define SPAN_NOTHING ((struct span_attribute){.key = NULL})

/* Another span that has to do with it. */
struct span_link {
    unsigned char id[TRACE_ID_BYTES], span[TRACE_SPAN_BYTES];
    unsigned char flags;
};

struct span {
    const struct trace *trace;
    const char *name;
    enum span_kind kind;
    bool remote;        /* its parent is another program's */
    int64_t start, end; /* of clock_now */
    const struct span_attribute *attributes;
    size_t attribute_count;
    const struct span_link *links;
    size_t link_count;
    const char *error; /* what went wrong; NULL: nothing */
};

struct span_link span_link_to(const struct trace *trace);

/* wall: what is to be added to clock_now for the time of the day. */
void span_write(struct buf *out, const struct span *span, int64_t wall);

/* {"key":…,"value":{…}}; also of what is no span. Nothing when the attribute is left out: false. */
bool span_write_attribute(struct buf *out, const struct span_attribute *attribute, bool behind_another);

#endif
