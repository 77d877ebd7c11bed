/* A key is a route and a statement with its parameters. A key has at most one read on its way and one that gathers. */
#include <config.h>

#include "core/shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/cache.h"
#include "core/server_parts.h"

#define BUCKETS 256u

struct shared_read {
    struct shared_key *key;
    struct call call;
    struct list waiters; /* requests, by read_link */
};

struct shared_key {
    struct list_node link; /* in its bucket */
    struct shared *shared;
    const struct route *route; /* one statement may serve several, with an answer each */
    const struct statement *statement;
    struct db_param params[DB_PARAMS_MAX];
    struct arena arena; /* of the texts in params */
    struct shared_read *sent, *gathering;
};

struct shared {
    struct server *server;
    struct list buckets[BUCKETS];
};

static void on_answer(struct call *call, const struct db_answer *answer, void *argument);

struct shared *shared_new(struct server *server)
{
    struct shared *shared = mem_new(sizeof *shared);
    shared->server = server;
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

static void release_waiter(struct request *request)
{
    list_remove(&request->read_link);
    request->read = NULL;
}

static void refuse_waiters(struct shared_read *read, enum call_start why)
{
    struct request *request;
    while ((request = list_first_of(&read->waiters, struct request, read_link)) != NULL) {
        release_waiter(request);
        request_not_started(request, why);
    }
}

/* The call may still wait for room; until it is sent, the read goes on gathering. */
static void start_read(struct shared_key *key)
{
    struct shared_read *read = key->gathering;
    memcpy(read->call.params, key->params, sizeof read->call.params);
    enum call_start started = call_start(key->shared->server->calls, &read->call);
    if (started == CALL_STARTED)
        return;
    key->gathering = NULL;
    refuse_waiters(read, started);
    free(read);
    forget_key(key);
}

/* What gathered may have been sent meanwhile: the call knows. */
static void settle(struct shared_key *key)
{
    if (key->gathering != NULL && key->gathering->call.state == CALL_SENT) {
        key->sent = key->gathering;
        key->gathering = NULL;
    }
}

void shared_start(struct shared *shared, struct request *request, const struct statement *statement,
                  const struct db_param *params)
{
    struct shared_key *key = key_for(shared, request->route, statement, params);
    settle(key);
    bool fresh = key->gathering == NULL;
    if (fresh) {
        key->gathering = mem_new(sizeof *key->gathering);
        key->gathering->key = key;
        key->gathering->call =
            (struct call){.statement = statement, .done = on_answer, .argument = key->gathering};
        list_init(&key->gathering->waiters);
    }
    request->read = key->gathering;
    list_append(&key->gathering->waiters, &request->read_link);
    if (fresh && key->sent == NULL)
        start_read(key);
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

void shared_leave(struct request *request)
{
    struct shared_read *read = request->read;
    release_waiter(request);
    if (read->waiters.length > 0)
        return;
    settle(read->key);
    if (read == read->key->sent && read->call.state == CALL_SENT)
        return; /* its answer is thrown away when it comes; the next read still has to wait for it */
    call_cancel(read->key->shared->server->calls, &read->call);
    drop_read(read);
}

bool shared_unsent(const struct request *request)
{
    return request->read->call.state != CALL_SENT;
}

static void on_answer(struct call *call, const struct db_answer *answer, void *argument)
{
    struct shared_read *read = argument;
    struct shared_key *key = read->key;
    struct reply *reply = &key->shared->server->reply;
    settle(key);
    reply_clear(reply);
    if (answer->error != DB_OK)
        reply_db_error(reply, NULL, call->statement, answer);
    else
        request_write_answer(key->route, call->statement, key->params, answer, reply);
    cache_keep(key->shared->server->cache, key->route, call->statement, key->params, call->sent, reply);
    struct request *request;
    while ((request = list_first_of(&read->waiters, struct request, read_link)) != NULL) {
        release_waiter(request);
        request_send(request, reply);
    }
    drop_read(read);
}
