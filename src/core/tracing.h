/* The trace that a request is a part of, as its head says it. */
#ifndef ROWLOCK_CORE_TRACING_H
#define ROWLOCK_CORE_TRACING_H

#include "base/arena.h"
#include "http/http_parse.h"
#include "trace/trace.h"

/* Continues the trace of the caller, or begins one: when there is no head, no traceparent, more than one, or one that is
 * malformed (W3C Trace Context section 3.2.2). The state of one that is continued is the caller's tracestate, in the
 * arena, if that may be passed on. */
void tracing_take(const struct http_head *head, struct arena *arena, struct trace *trace);

#endif
