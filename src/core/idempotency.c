/* A write with a key: idempotency_call -> start_keyed -> idempotency_on_answer -> respond, or the call again. A
 * write that first asks whether the key is known: idempotency_recall -> start_keyed -> idempotency_on_answer ->
 * respond, or unknown. */
#include <config.h>

#include "core/idempotency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/answer.h"
#include "core/keys.h"
#include "core/respond.h"
#include "core/statements.h"

#define AGAIN_MAX 5u

static void idempotency_on_answer(struct call *call, const struct db_answer *answer, void *argument);

/* ---- a key ---- */

/* A hash of what the body means, not of how it was written. */
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

static bool is_sane(struct slice key)
{
    bool sane = key.len >= 1 && key.len <= IDEMPOTENCY_KEY_MAX;
    for (size_t i = 0; sane && i < key.len; i++)
        sane = key.ptr[i] > ' ' && key.ptr[i] < 0x7f;
    return sane;
}

/* Whose key it is: of two API keys each has its own, by their names. */
static struct slice scope_of(struct request *request)
{
    const char *path = request->route->path;
    return slice_of(request->key == NULL ? path
                                         : arena_printf(&request->arena, "%s %s", path, request->key->name));
}

/* Fills the parameters of the list key, which are the last of the statement. The scope is the path of the route. False:
 * the key is malformed, and the request was answered. */
static bool add_key(struct request *request, const struct statement *statement, struct db_param *params)
{
    struct slice key = request->idempotency_key;
    struct db_param *last = params + statement->param_count - (LIST_KEY_FINGERPRINT + 1);
    if (!is_sane(key)) {
        request_problem(request, 400, "Idempotency-Key must be 1 to %d visible ASCII characters.",
                        IDEMPOTENCY_KEY_MAX);
        return false;
    }
    const char *fingerprint =
        arena_printf(&request->arena, "%016llx%016llx", (unsigned long long)hash_values(request, 1),
                     (unsigned long long)hash_values(request, 2));
    last[LIST_KEY_SCOPE] = (struct db_param){.text = scope_of(request)};
    last[LIST_KEY_KEY] = (struct db_param){.text = key};
    last[LIST_KEY_FINGERPRINT] = (struct db_param){.text = slice_of(fingerprint)};
    return true;
}

/* ---- a call ---- */

/* A call that is repeated while others hold its key. In the request's arena. */
struct keyed {
    struct request *request;
    unsigned tries;
    void (*unknown)(struct request *request); /* of idempotency_recall */
};

static void start_keyed(struct request *request, const struct statement *statement,
                        const struct db_param *params, void (*unknown)(struct request *request))
{
    struct keyed *keyed = arena_alloc(&request->arena, sizeof *keyed);
    *keyed = (struct keyed){.request = request, .unknown = unknown};
    request_call(request, statement, params, idempotency_on_answer, keyed);
}

void idempotency_call(struct request *request, const struct statement *once, const struct db_param *params)
{
    struct db_param keyed[DB_PARAMS_MAX];
    memcpy(keyed, params, sizeof keyed);
    if (add_key(request, once, keyed))
        start_keyed(request, once, keyed, NULL);
}

void idempotency_recall(struct request *request, const struct statement *recall,
                        void (*unknown)(struct request *request))
{
    struct db_param key[DB_PARAMS_MAX] = {{.null = false}};
    if (request->idempotency_key.ptr == NULL)
        unknown(request);
    else if (add_key(request, recall, key))
        start_keyed(request, recall, key, unknown);
}

/* Another transaction holds the key: asks again, up to AGAIN_MAX times. */
static void try_again(struct keyed *keyed, struct call *call)
{
    if (keyed->tries++ == AGAIN_MAX) {
        request_problem(keyed->request, 503,
                        "A request with this Idempotency-Key is being answered; ask again.");
        return;
    }
    enum call_start started = call_start(call->calls, call);
    if (started != CALL_STARTED)
        request_not_started(keyed->request, started);
}

static void idempotency_on_answer(struct call *call, const struct db_answer *answer, void *argument)
{
    struct keyed *keyed = argument;
    struct request *request = keyed->request;
    bool known = answer->error == DB_OK && answer->count > 0;
    struct slice outcome = known ? answer_value(answer, answer->rows->columns - 1) : SLICE("");
    if (slice_equal(outcome, SLICE("again")))
        try_again(keyed, call);
    else if (slice_equal(outcome, SLICE("other")))
        request_problem(request, 422, "This Idempotency-Key was used for a request with another body.");
    else if (answer->error == DB_OK && !known && keyed->unknown != NULL)
        keyed->unknown(request);
    else
        respond(call, answer, request);
}

/* ---- old keys ---- */

const struct chore idempotency_purge = {
    .statement = STATEMENT(IDEMPOTENCY_PURGE),
    .batch = KEYS_PURGED,
    .every_ns = 60 * CLOCK_SECOND,
    .again_ns = CLOCK_SECOND,
    .said = "purged idempotency keys",
    .counted = "keys",
};
