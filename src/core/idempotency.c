/* A write with a key: idempotency_params, idempotency_call -> idempotency_on_answer -> reply, or the call again. One
 * that first asks whether the key is known: idempotency_recall -> idempotency_on_recalled -> reply, or unknown. And the
 * purge of old keys, on a timer. */
#include <config.h>

#include "core/idempotency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/answer.h"
#include "core/respond.h"
#include "core/server_parts.h"
#include "core/statements.h"

#define KEY_MAX 255
#define AGAIN_MAX 5u
#define PURGE_FIRST_NS CLOCK_SECOND /* after a start: there may be much to do after a long stop */
#define PURGE_NS (60 * CLOCK_SECOND)

struct idempotency_purge {
    struct server *server;
    struct call call;
    struct loop_timer *timer;
};

/* ---- a key ---- */

/* Of what the body means, not of how it was written. */
static uint64_t hash_values(const struct request *request, uint64_t seed)
{
    const struct route *route = request->route;
    const struct value *values =
        request->values + route_field_count(route->path_fields) + route_field_count(route->query);
    for (size_t i = 0; i < route_field_count(route->body); i++) {
        const struct value *value = &values[i];
        const struct {
            int64_t present, null, integer;
            double point[2];
        } plain = {value->present, value->null, value->integer, {value->point[0], value->point[1]}};
        seed = hash_bytes((struct slice){(const char *)&plain, sizeof plain}, seed);
        seed = hash_bytes(value->text, seed);
    }
    return seed;
}

enum idempotency idempotency_params(struct request *request, struct db_param *params)
{
    struct slice key = request->idempotency_key;
    if (key.ptr == NULL)
        return IDEMPOTENCY_NONE;
    bool sane = key.len >= 1 && key.len <= KEY_MAX;
    for (size_t i = 0; sane && i < key.len; i++)
        sane = key.ptr[i] > ' ' && key.ptr[i] < 0x7f;
    if (!sane) {
        request_problem(request, 400, "Idempotency-Key must be 1 to %d visible ASCII characters.", KEY_MAX);
        return IDEMPOTENCY_REFUSED;
    }
    const char *fingerprint =
        arena_printf(&request->arena, "%016llx%016llx", (unsigned long long)hash_values(request, 1),
                     (unsigned long long)hash_values(request, 2));
    params[LIST_KEY_SCOPE].text = slice_of(request->route->path);
    params[LIST_KEY_KEY].text = key;
    params[LIST_KEY_FINGERPRINT].text = slice_of(fingerprint);
    return IDEMPOTENCY_KEY;
}

/* ---- a call ---- */

/* A call that is repeated while others hold its key. In the request's arena. */
struct keyed {
    struct request *request;
    unsigned tries;
    void (*finish)(struct reply *reply);      /* of idempotency_call; may be NULL */
    void (*unknown)(struct request *request); /* of idempotency_recall */
};

/* The outcome of a statement that honours keys; .ptr NULL when it gave none. */
static struct slice outcome_of(const struct db_answer *answer)
{
    return answer->error == DB_OK && answer->count == 1
               ? answer->rows->value(answer->rows, answer->first, COLUMN_IDEMPOTENCY_RECALL_OUTCOME)
               : (struct slice){NULL, 0};
}

static void reply_outcome(const struct keyed *keyed, const struct statement *statement,
                          const struct db_answer *answer)
{
    struct request *request = keyed->request;
    if (answer->error != DB_OK) {
        respond_error(request, statement, answer);
        return;
    }
    struct reply *reply = request_reply(request);
    struct slice outcome = outcome_of(answer);
    if (slice_equal(outcome, SLICE("done"))) {
        buf_add_slice(&reply->body, answer_value(answer, COLUMN_IDEMPOTENCY_RECALL_ANSWER));
        if (keyed->finish != NULL)
            keyed->finish(reply);
    } else if (slice_equal(outcome, SLICE("other"))) {
        reply_problem(reply, 422, "This Idempotency-Key was used for a request with another body.");
    } else if (slice_equal(outcome, SLICE("again"))) {
        reply_problem(reply, 503, "A request with this Idempotency-Key is being answered; ask again.");
    } else {
        reply_not_made(reply, statement->name);
    }
    request_send(request, reply);
}

/* Somebody else has the key just now: asks again, a few times. */
static bool try_again(struct keyed *keyed, struct call *call, const struct db_answer *answer)
{
    if (!slice_equal(outcome_of(answer), SLICE("again")) || keyed->tries++ >= AGAIN_MAX)
        return false;
    enum call_start started = call_start(keyed->request->server->calls, call);
    if (started != CALL_STARTED)
        request_not_started(keyed->request, started);
    return true;
}

static struct keyed *keyed_new(struct request *request)
{
    struct keyed *keyed = arena_alloc(&request->arena, sizeof *keyed);
    *keyed = (struct keyed){.request = request};
    return keyed;
}

static void idempotency_on_answer(struct call *call, const struct db_answer *answer, void *argument)
{
    struct keyed *keyed = argument;
    if (!try_again(keyed, call, answer))
        reply_outcome(keyed, call->statement, answer);
}

static void idempotency_on_recalled(struct call *call, const struct db_answer *answer, void *argument)
{
    struct keyed *keyed = argument;
    if (answer->error == DB_OK && answer->count == 0)
        keyed->unknown(keyed->request);
    else if (!try_again(keyed, call, answer))
        reply_outcome(keyed, call->statement, answer);
}

void idempotency_recall(struct request *request, const struct db_param *key,
                        void (*unknown)(struct request *request))
{
    struct keyed *keyed = keyed_new(request);
    keyed->unknown = unknown;
    request_call(request, STATEMENT(IDEMPOTENCY_RECALL), key, idempotency_on_recalled, keyed);
}

void idempotency_call(struct request *request, const struct statement *statement,
                      const struct db_param *params, void (*finish)(struct reply *reply))
{
    struct keyed *keyed = keyed_new(request);
    keyed->finish = finish;
    request_call(request, statement, params, idempotency_on_answer, keyed);
}

/* ---- old keys ---- */

static void idempotency_on_purged(struct call *call, const struct db_answer *answer, void *argument)
{
    struct idempotency_purge *purge = argument;
    (void)call;
    if (answer->error == DB_OK && answer->count > 0)
        log_debug("purged idempotency keys", LOG_I("keys", answer->count));
    loop_timer_start(purge->timer,
                     answer->error == DB_OK && answer->count == KEYS_PURGED ? CLOCK_SECOND : PURGE_NS);
}

static void on_timer(void *argument)
{
    struct idempotency_purge *purge = argument;
    purge->call.statement = STATEMENT(IDEMPOTENCY_PURGE);
    purge->call.done = idempotency_on_purged;
    purge->call.argument = purge;
    if (call_start(purge->server->calls, &purge->call) != CALL_STARTED)
        loop_timer_start(purge->timer, PURGE_NS);
}

struct idempotency_purge *idempotency_purge_start(struct server *server)
{
    struct idempotency_purge *purge = mem_new(sizeof *purge);
    purge->server = server;
    purge->timer = loop_timer_new(server->loop, on_timer, purge);
    loop_timer_start(purge->timer, PURGE_FIRST_NS);
    return purge;
}

void idempotency_purge_stop(struct idempotency_purge *purge)
{
    if (purge == NULL)
        return;
    call_cancel(&purge->call);
    loop_timer_free(purge->timer);
    free(purge);
}
