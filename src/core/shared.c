/* Reads that several requests share. A key is a route and a statement with its parameters. It has at most one read
 * that was sent and one that gathers waiters: shared_start joins the one that gathers, start_read starts its call
 * when the one that was sent has come back, shared_on_answer writes the reply and gives it to all waiters. */
#include <config.h>

#include "core/shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "trace/otlp.h"

#define BUCKETS 256u

struct shared_read {
    struct shared_key *key;
    struct call call;
    struct list waiters;
};

struct shared_key {
    struct list_node link; /* in its bucket */
    struct shared *shared;
    const struct route *route; /* one statement may serve several, and each writes its own reply */
    const struct statement *statement;
    struct db_param params[DB_PARAMS_MAX];
    struct arena arena; /* of the texts in params */
    struct shared_read *sent, *gathering;
};

struct shared {
    struct calls *calls;
    struct reply *reply;
    shared_wrote_cb *wrote;
    void *argument;
    struct list buckets[BUCKETS];
};

static bool shared_unsent(const struct pending *pending);
static bool shared_leave(struct pending *pending);
static void shared_cancel(struct pending *pending);
static void shared_on_answer(struct call *call, const struct db_answer *answer, void *argument);

static const struct pending_ops shared_pending = {shared_unsent, shared_leave, shared_cancel};

struct shared *shared_new(struct calls *calls, struct reply *reply, shared_wrote_cb *wrote, void *argument)
{
    struct shared *shared = mem_new(sizeof *shared);
    shared->calls = calls;
    shared->reply = reply;
    shared->wrote = wrote;
    shared->argument = argument;
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&shared->buckets[i]);
    return shared;
}

void shared_free(struct shared *shared)
{
    free(shared);
}

/* ---- keys ---- */

static struct list *bucket_of(struct shared *shared, const struct statement *statement,
                              const struct db_param *params)
{
    uint64_t hash = statement->index;
    for (unsigned i = 0; i < statement->param_count; i++) {
        hash = (hash ^ (uint64_t)params[i].integer ^ params[i].null) * UINT64_C(0x9e3779b97f4a7c15);
        for (size_t k = 0; k < params[i].text.len; k++)
            hash = (hash ^ (unsigned char)params[i].text.ptr[k]) * UINT64_C(0x100000001b3);
    }
    return &shared->buckets[(hash >> 32) % BUCKETS];
}

static bool same_params(const struct statement *statement, const struct db_param *a, const struct db_param *b)
{
    for (unsigned i = 0; i < statement->param_count; i++)
        if (a[i].null != b[i].null || a[i].integer != b[i].integer ||
            memcmp(&a[i].real, &b[i].real, sizeof a[i].real) != 0 || !slice_equal(a[i].text, b[i].text))
            return false;
    return true;
}

static struct shared_key *key_for(struct shared *shared, const struct route *route,
                                  const struct statement *statement, const struct db_param *params)
{
    struct list *bucket = bucket_of(shared, statement, params);
    list_for_each(struct shared_key, key, bucket, link) {
        if (key->route == route && key->statement == statement && same_params(statement, key->params, params))
            return key;
    }
    struct shared_key *key = mem_new(sizeof *key);
    key->shared = shared;
    key->route = route;
    key->statement = statement;
    arena_init(&key->arena);
    memcpy(key->params, params, sizeof key->params);
    for (unsigned i = 0; i < statement->param_count; i++)
        if (params[i].text.ptr != NULL)
            key->params[i].text = arena_dup(&key->arena, params[i].text);
    list_append(bucket, &key->link);
    return key;
}

static void forget_key(struct shared_key *key)
{
    if (key->sent != NULL || key->gathering != NULL)
        return;
    list_remove(&key->link);
    arena_fini(&key->arena);
    free(key);
}

/* ---- reads ---- */

static void release_waiter(struct shared_waiter *waiter)
{
    list_remove(&waiter->link);
    waiter->read = NULL;
}

/* The call may wait for room; the read goes on gathering until the call is sent. Frees the key when the call cannot be
 * started. */
static enum call_start start_read(struct shared_key *key)
{
    struct shared_read *read = key->gathering;
    memcpy(read->call.params, key->params, sizeof read->call.params);
    enum call_start started = call_start(key->shared->calls, &read->call);
    if (started == CALL_STARTED)
        return started;
    key->gathering = NULL;
    struct shared_waiter *waiter;
    while ((waiter = list_first_of(&read->waiters, struct shared_waiter, link)) != NULL) {
        release_waiter(waiter);
        waiter->refused(waiter, started);
    }
    free(read);
    forget_key(key);
    return started;
}

/* The read that gathers may have been sent meanwhile; only its call says so. */
static void settle(struct shared_key *key)
{
    if (key->gathering != NULL && key->gathering->call.state == CALL_SENT) {
        key->sent = key->gathering;
        key->gathering = NULL;
    }
}

static struct shared_read *read_new(struct shared_key *key, uint64_t caller)
{
    struct shared_read *read = mem_new(sizeof *read);
    read->key = key;
    read->call = (struct call){
        .statement = key->statement, .caller = caller, .done = shared_on_answer, .argument = read};
    list_init(&read->waiters);
    return read;
}

/* Its statement is a part of the first trace that is recorded. */
static void take_trace(struct shared_read *read, const struct trace *trace)
{
    if (trace != NULL && trace->otlp != NULL && read->call.trace.otlp == NULL)
        read->call.trace = *trace;
}

enum call_start shared_start(struct shared *shared, struct shared_waiter *waiter, const struct route *route,
                             const struct statement *statement, const struct db_param *params)
{
    struct shared_key *key = key_for(shared, route, statement, params);
    settle(key);
    if (key->gathering == NULL) {
        key->gathering = read_new(key, waiter->caller);
        enum call_start started = key->sent == NULL ? start_read(key) : CALL_STARTED;
        if (started != CALL_STARTED)
            return started;
    }
    take_trace(key->gathering, waiter->trace);
    waiter->joined = waiter->trace != NULL && waiter->trace->otlp != NULL ? clock_now() : 0;
    waiter->pending.ops = &shared_pending;
    waiter->read = key->gathering;
    list_node_init(&waiter->link);
    list_append(&key->gathering->waiters, &waiter->link);
    return CALL_STARTED;
}

static void drop_read(struct shared_read *read)
{
    struct shared_key *key = read->key;
    if (key->sent == read)
        key->sent = NULL;
    else
        key->gathering = NULL;
    free(read);
    if (key->sent == NULL && key->gathering != NULL && key->gathering->call.state == CALL_IDLE)
        start_read(key);
    else
        forget_key(key);
}

static bool shared_unsent(const struct pending *pending)
{
    const struct shared_waiter *waiter = pending_owner(pending, struct shared_waiter, pending);
    return waiter->read == NULL || waiter->read->call.state != CALL_SENT;
}

static bool shared_leave(struct pending *pending)
{
    return shared_unsent(pending);
}

static void shared_cancel(struct pending *pending)
{
    struct shared_waiter *waiter = pending_owner(pending, struct shared_waiter, pending);
    struct shared_read *read = waiter->read;
    if (read == NULL)
        return;
    release_waiter(waiter);
    if (read->waiters.length > 0)
        return;
    settle(read->key);
    if (read == read->key->sent && read->call.state == CALL_SENT)
        return; /* its answer will be dropped; the next read must still wait for it */
    call_cancel(&read->call);
    drop_read(read);
}

static void write_reply(const struct shared_key *key, const struct call *call, const struct db_answer *answer)
{
    const struct shared *shared = key->shared;
    struct answering answering = {key->route, call->statement, key->params, answer, shared->reply};
    reply_clear(shared->reply);
    if (answer->error != DB_OK) {
        reply_db_error(shared->reply, NULL, NULL, call->statement, answer);
        return;
    }
    answer_write(&answering);
    shared->wrote(&answering, call->sent, shared->argument);
}

/* Who has joined another's read has waited for that: its statement is in the trace of the other. */
static void record_wait(const struct shared_waiter *waiter, const struct trace *first)
{
    if (waiter->trace == NULL || waiter->trace->otlp == NULL ||
        memcmp(waiter->trace->span, first->span, sizeof first->span) == 0)
        return;
    struct trace part = trace_part(waiter->trace);
    struct span_link other = span_link_to(first);
    struct span span = {.trace = &part,
                        .name = "wait for a shared read",
                        .kind = SPAN_INTERNAL,
                        .start = waiter->joined,
                        .end = clock_now(),
                        .links = &other,
                        .link_count = 1};
    otlp_record(part.otlp, &span);
}

static void shared_on_answer(struct call *call, const struct db_answer *answer, void *argument)
{
    struct shared_read *read = argument;
    const struct reply *reply = read->key->shared->reply;
    struct shared_waiter *waiter;
    settle(read->key);
    write_reply(read->key, call, answer);
    while ((waiter = list_first_of(&read->waiters, struct shared_waiter, link)) != NULL) {
        release_waiter(waiter);
        record_wait(waiter, &call->trace);
        waiter->answered(waiter, reply);
    }
    drop_read(read);
}
