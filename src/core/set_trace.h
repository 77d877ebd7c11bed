/* What is recorded of a set, some of whose calls are part of traces. A statement is one span though it may be a part of
 * many traces: it is a part of that of the first call, and has links to the spans of all. Each call has one of its own
 * trace, its wait for the set, with a link to the statement. */
#ifndef ROWLOCK_CORE_SET_TRACE_H
#define ROWLOCK_CORE_SET_TRACE_H

#include "db/db.h"
#include "trace/trace.h"

struct set_trace;

/* Adds a call, which waited from since to sent: whose trace is recorded (otlp is not NULL). set: NULL for the first;
 * gives what is to be passed next time, and to set_trace_end in the end. */
struct set_trace *set_trace_add(struct set_trace *set, const struct trace *trace, int64_t since,
                                int64_t sent);

/* What PostgreSQL is to show and to log as application_name while it runs the statement. As good as set. */
const char *set_trace_label(const struct set_trace *set); /* NULL of NULL */

/* One of its calls is about to be answered. */
void set_trace_answered(struct set_trace *set, const struct db_answer *answer);

/* All are: records the statement, and frees set. system: of the database, as OpenTelemetry names it. */
void set_trace_end(struct set_trace *set, const struct db_request *request, const char *system, int64_t sent,
                   int64_t now);

#endif
