/* set_trace_add for each call whose trace is recorded, set_trace_answered for each that is answered, set_trace_end. */
#include <config.h>

#include "core/set_trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "trace/otlp.h"

#define LABEL_SIZE 64u /* of PostgreSQL's names, with the NUL */

struct set_trace {
    struct trace trace; /* its span is the statement */
    char label[LABEL_SIZE];
    int64_t done;      /* when its first call was answered; 0: it was not yet */
    const char *error; /* class of the first error; NULL: there was none */
    char sqlstate[6];
    size_t count, room;
    struct span_link links[];
};

static const char *const error_classes[] = {
    [DB_OK] = "",           [DB_REFUSED] = "refused", [DB_RETRY] = "retry",   [DB_LOCKED] = "locked",
    [DB_UNFIT] = "unfit",   [DB_BUSY] = "busy",       [DB_SCHEMA] = "schema", [DB_DENIED] = "denied",
    [DB_FULL] = "full",     [DB_AWAY] = "away",       [DB_LOST] = "lost",     [DB_KEPT] = "kept",
    [DB_FAILED] = "failed",
};

static struct set_trace *set_trace_begin(const struct trace *first)
{
    char id[TRACE_ID_SIZE], span[TRACE_SPAN_SIZE];
    struct set_trace *set = mem_new(sizeof *set + sizeof set->links[0]);
    set->room = 1;
    set->trace = trace_part(first);
    set->trace.state = SLICE(""); /* the request may end before the statement */
    trace_write_id(&set->trace, id);
    trace_write_span(set->trace.span, span);
    snprintf(set->label, sizeof set->label, "rowlock/%s/%s", id, span);
    return set;
}

static void record_wait(const struct set_trace *set, const struct trace *trace, int64_t since, int64_t sent)
{
    struct trace part = trace_part(trace);
    part.state = SLICE(""); /* as above */
    struct span_link statement = span_link_to(&set->trace);
    struct span span = {.trace = &part,
                        .name = "wait for the set",
                        .kind = SPAN_INTERNAL,
                        .start = since,
                        .end = sent,
                        .links = &statement,
                        .link_count = 1};
    otlp_record(trace->otlp, &span);
}

struct set_trace *set_trace_add(struct set_trace *set, const struct trace *trace, int64_t since, int64_t sent)
{
    if (set == NULL)
        set = set_trace_begin(trace);
    if (set->count == set->room) {
        set->room *= 4;
        set = mem_resize(set, sizeof *set + set->room * sizeof set->links[0]);
    }
    set->links[set->count++] = span_link_to(trace);
    record_wait(set, trace, since, sent);
    return set;
}

const char *set_trace_label(const struct set_trace *set)
{
    return set != NULL ? set->label : NULL;
}

/* Whoever asked first is answered first, and his request ends with that. */
void set_trace_answered(struct set_trace *set, const struct db_answer *answer)
{
    set->done = set->done == 0 ? clock_now() : set->done;
    if (answer->error == DB_OK || set->error != NULL)
        return;
    set->error = error_classes[answer->error];
    snprintf(set->sqlstate, sizeof set->sqlstate, "%s", answer->sqlstate);
}

/* OpenTelemetry's conventions for database spans (stable since 1.33): the name of the statement is its summary, because
 * its text is the program's own, in sql/. */
void set_trace_end(struct set_trace *set, const struct db_request *request, const char *system, int64_t sent,
                   int64_t now)
{
    const char *name = request->statement->name;
    const struct span_attribute attributes[] = {
        SPAN_TEXT("db.system.name", slice_of(system)),
        SPAN_TEXT("db.query.summary", slice_of(name)),
        request->call_count > 1 ? SPAN_INT("db.operation.batch.size", request->call_count) : SPAN_NOTHING,
        request->backend > 0 ? SPAN_INT("rowlock.backend_pid", request->backend) : SPAN_NOTHING,
        set->sqlstate[0] != '\0' ? SPAN_TEXT("db.response.status_code", slice_of(set->sqlstate))
                                 : SPAN_NOTHING,
        set->error != NULL
            ? SPAN_TEXT("error.type", slice_of(set->sqlstate[0] != '\0' ? set->sqlstate : set->error))
            : SPAN_NOTHING,
    };
    struct span span = {.trace = &set->trace,
                        .name = name,
                        .kind = SPAN_CLIENT,
                        .start = sent,
                        .end = set->done != 0 ? set->done : now,
                        .attributes = attributes,
                        .attribute_count = sizeof attributes / sizeof attributes[0],
                        .links = set->links,
                        .link_count = set->count,
                        .error = set->error};
    otlp_record(set->trace.otlp, &span);
    free(set);
}
