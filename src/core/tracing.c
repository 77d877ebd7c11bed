/* tracing_take looks for traceparent (sole_field), and only behind a good one for tracestate (take_state).
 * tracing_record writes the span. */
#include <config.h>

#include "core/tracing.h"

#include <stdio.h>

#include "base/buf.h"
#include "trace/otlp.h"

/* The value of a field that is there once; .ptr NULL else. */
static struct slice sole_field(const struct http_head *head, struct slice name)
{
    struct slice value = {NULL, 0};
    for (size_t i = 0; i < head->field_count; i++) {
        if (!slice_equal_nocase(head->fields[i].name, name))
            continue;
        if (value.ptr != NULL)
            return (struct slice){NULL, 0};
        value = head->fields[i].value;
    }
    return value;
}

/* Its lines are one list, in their order (section 3.3). */
static struct slice take_state(const struct http_head *head, struct arena *arena)
{
    struct buf list = BUF_INIT(TRACE_STATE_MAX + 1);
    for (size_t i = 0; i < head->field_count; i++) {
        if (!slice_equal_nocase(head->fields[i].name, SLICE("tracestate")))
            continue;
        buf_add_string(&list, list.len > 0 ? "," : "");
        buf_add_slice(&list, head->fields[i].value);
    }
    bool good = !list.failed && trace_state_is_good(buf_slice(&list));
    struct slice state = good ? arena_dup(arena, buf_slice(&list)) : SLICE("");
    buf_fini(&list);
    return state;
}

void tracing_take(const struct http_head *head, struct arena *arena, struct otlp *otlp, struct trace *trace)
{
    struct slice parent = head != NULL ? sole_field(head, SLICE("traceparent")) : SLICE("");
    if (trace_continue(trace, parent)) {
        trace->state = take_state(head, arena);
    } else {
        trace_begin(trace);
        if (otlp != NULL && otlp_wants(otlp, trace))
            trace->flags |= TRACE_SAMPLED;
    }
    trace->otlp = trace->flags & TRACE_SAMPLED ? otlp : NULL;
}

/* ---- recording ---- */

static struct span_attribute text(const char *key, struct slice value)
{
    return value.len > 0 ? SPAN_TEXT(key, value) : SPAN_NOTHING;
}

/* A request that its client did not wait for has no status that anybody got. */
void tracing_record(const struct tracing_span *request)
{
    bool left = request->status == 499, failed = request->status >= 500;
    char name[300], status[16];
    const char *method = request->method != NULL ? request->method : "HTTP";
    snprintf(name, sizeof name, "%s%s%s", method, request->route != NULL ? " " : "",
             request->route != NULL ? request->route : "");
    snprintf(status, sizeof status, "%d", request->status);
    const struct visitor *visitor = request->visitor;
    const struct span_attribute attributes[] = {
        SPAN_TEXT("http.request.method", slice_of(request->method != NULL ? request->method : "_OTHER")),
        text("http.route", slice_of(request->route)),
        left ? SPAN_NOTHING : SPAN_INT("http.response.status_code", request->status),
        SPAN_TEXT("url.scheme", SLICE("http")),
        SPAN_TEXT("url.path", request->path),
        text("client.address", slice_of(request->client)),
        text("user_agent.original", visitor != NULL ? visitor->agent : SLICE("")),
        text("error.type", left     ? SLICE("client_left")
                           : failed ? slice_of(status)
                                    : SLICE("")),
    };
    struct span span = {.trace = request->trace,
                        .name = name,
                        .kind = SPAN_SERVER,
                        .remote = trace_has_parent(request->trace),
                        .start = request->started,
                        .end = request->ended,
                        .attributes = attributes,
                        .attribute_count = sizeof attributes / sizeof attributes[0],
                        .error = failed ? status : NULL};
    otlp_record(request->trace->otlp, &span);
}
