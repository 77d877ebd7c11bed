/* tracing_take looks for traceparent (sole_field), and only behind a good one for tracestate (take_state). */
#include <config.h>

#include "core/tracing.h"

#include "base/buf.h"

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

void tracing_take(const struct http_head *head, struct arena *arena, struct trace *trace)
{
    struct slice parent = head != NULL ? sole_field(head, SLICE("traceparent")) : SLICE("");
    if (trace_continue(trace, parent))
        trace->state = take_state(head, arena);
    else
        trace_begin(trace);
}
