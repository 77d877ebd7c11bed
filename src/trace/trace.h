/* Where a piece of work stands in a trace that goes through several programs: W3C Trace Context
 * (https://www.w3.org/TR/trace-context/, level 1, and the flag "random" of level 2). Pure functions over memory.
 *
 * traceparent is "00-" trace-id "-" parent-id "-" flags, in hexadecimal digits of lower case (section 3.2). */
#ifndef ROWLOCK_TRACE_TRACE_H
#define ROWLOCK_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define TRACE_ID_BYTES 16u
#define TRACE_SPAN_BYTES 8u
/* As text, with the NUL behind it. */
#define TRACE_ID_SIZE (2 * TRACE_ID_BYTES + 1)
#define TRACE_SPAN_SIZE (2 * TRACE_SPAN_BYTES + 1)
#define TRACE_PARENT_SIZE 56u
#define TRACE_STATE_MAX                                                                                      \
    512u /* bytes of tracestate that are passed on (section 3.3.1.5); a longer one is dropped */

enum trace_flag {
    TRACE_SAMPLED = 1, /* somebody records it */
    TRACE_RANDOM = 2,  /* the last seven bytes of its id are random (level 2, section 3.2.2.5.2) */
};

struct otlp;

struct trace {
    unsigned char id[TRACE_ID_BYTES];
    unsigned char span[TRACE_SPAN_BYTES];   /* of what is done here */
    unsigned char parent[TRACE_SPAN_BYTES]; /* of what it is a part of; zeros: it is the first */
    unsigned char flags;                    /* of enum trace_flag */
    struct otlp *otlp;                      /* records it (trace/otlp.h); NULL: nobody does */
    struct slice state; /* tracestate, for whoever is asked next: borrowed, and empty when there is none */
};

/* Continues the trace that the value of a traceparent names, without a state: its span becomes the parent of a new one.
 * False, and
 * *trace as it was, when it is malformed or of a version that cannot be read (section 3.2.2). */
bool trace_continue(struct trace *trace, struct slice traceparent);

/* Begins a trace. */
void trace_begin(struct trace *trace);

/* A part of it, which has a span of its own. */
struct trace trace_part(const struct trace *trace);

bool trace_has_parent(const struct trace *trace);

/* Whether it is among so many of a million, by the random bytes of its id: whoever asks about the same trace gets the
 * same answer. */
bool trace_is_among(const struct trace *trace, unsigned of_a_million);

/* Whether a tracestate, its lines joined by commas, may be passed on (section 3.3.1). */
bool trace_state_is_good(struct slice tracestate);

/* As text, ended by a NUL. */
void trace_write_id(const struct trace *trace, char out[static TRACE_ID_SIZE]);
void trace_write_span(const unsigned char span[static TRACE_SPAN_BYTES], char out[static TRACE_SPAN_SIZE]);

/* The traceparent for whoever is asked next, whose parent is this span. */
void trace_write_parent(const struct trace *trace, char out[static TRACE_PARENT_SIZE]);

#endif
