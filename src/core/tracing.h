/* The trace that a request is a part of, as its head says it. */
#ifndef ROWLOCK_CORE_TRACING_H
#define ROWLOCK_CORE_TRACING_H

#include "base/arena.h"
#include "core/visitor.h"
#include "http/http_parse.h"
#include "trace/trace.h"

/* Continues the trace of the caller, or begins one: when there is no head, no traceparent, more than one, or one that is
 * malformed (W3C Trace Context section 3.2.2). The state of one that is continued is the caller's tracestate, in the
 * arena, if that may be passed on. It is recorded by otlp (NULL: by nobody) if the caller says so (sampled), and where it
 * begins if otlp wants it. */
void tracing_take(const struct http_head *head, struct arena *arena, struct otlp *otlp, struct trace *trace);

/* What is recorded of a request. */
struct tracing_span {
    const struct trace *trace;
    const struct visitor *visitor; /* NULL: what it has said is not known */
    const char *client;            /* its address; "": none */
    const char *method;            /* NULL: none that is known */
    const char *route;             /* NULL: none was found */
    struct slice path;
    int status; /* 499: the client left before its answer */
    int64_t started, ended;
};

/* Records it as OpenTelemetry's conventions for HTTP spans want it (stable since 1.23). */
void tracing_record(const struct tracing_span *request);

#endif
