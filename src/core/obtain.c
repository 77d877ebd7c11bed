/* obtain_answer takes the cache (read_kept), else a shared read (read_shared), else a call. The answers come back to
 * obtain_on_kept, obtain_on_read, and respond (core/respond.c). */
#include <config.h>

#include "core/obtain.h"

#include <string.h>

#include "core/cache.h"
#include "core/idempotency.h"
#include "core/respond.h"
#include "core/server_parts.h"
#include "core/shared.h"
#include "metrics/metrics.h"

static void obtain_on_kept(struct cache_lookup *lookup, const struct reply *reply);
static void obtain_on_read(struct shared_waiter *waiter, const struct reply *reply);
static void obtain_on_refused(struct shared_waiter *waiter, enum call_start why);

/* A request that waits for the cache, and what it asks for if that has nothing. In its arena. */
struct kept_read {
    struct cache_lookup lookup;
    struct request *request;
    const struct statement *statement;
    struct db_param params[DB_PARAMS_MAX];
};

/* A request that waits for a shared read. In its arena. */
struct shared_request {
    struct shared_waiter waiter;
    struct request *request;
};

static void read_shared(struct request *request, const struct statement *statement,
                        const struct db_param *params)
{
    struct shared_request *shared = arena_alloc(&request->arena, sizeof *shared);
    shared->request = request;
    shared->waiter.answered = obtain_on_read;
    shared->waiter.refused = obtain_on_refused;
    shared->waiter.caller = request->caller_number;
    shared->waiter.trace = &request->trace;
    enum call_start started =
        shared_start(request->server->shared, &shared->waiter, request->route, statement, params);
    if (started == CALL_STARTED)
        request->pending = &shared->waiter.pending;
    else
        request_not_started(request, started);
}

static void read_kept(struct request *request, const struct statement *statement,
                      const struct db_param *params)
{
    struct kept_read *kept = arena_alloc(&request->arena, sizeof *kept);
    kept->lookup.found = obtain_on_kept;
    switch (cache_find(request->server->cache, &kept->lookup, request->route, statement, params,
                       &request->arena)) {
    case CACHE_HIT:
        metric_add(METRIC_CACHE_LOOKUPS, LOOKUP_HIT, 1);
        request_send(request, &request->server->reply);
        break;
    case CACHE_MISS:
        metric_add(METRIC_CACHE_LOOKUPS, LOOKUP_MISS, 1);
        read_shared(request, statement, params);
        break;
    case CACHE_LATER:
        kept->request = request;
        kept->statement = statement;
        memcpy(kept->params, params, sizeof kept->params);
        request->pending = &kept->lookup.pending;
        break;
    }
}

void obtain_answer(struct request *request, const struct statement *statement, const struct db_param *params)
{
    const struct route *route = request->route;
    if (route->cached)
        read_kept(request, statement, params);
    else if (route->method == HTTP_GET && !statement->set)
        read_shared(request, statement, params);
    else if (route->once != NULL && request->idempotency_key.ptr != NULL)
        idempotency_call(request, route->once, params);
    else
        request_call(request, statement, params, respond, request);
}

/* ---- coming back ---- */

static void obtain_on_kept(struct cache_lookup *lookup, const struct reply *reply)
{
    struct kept_read *kept = pending_owner(lookup, struct kept_read, lookup);
    metric_add(METRIC_CACHE_LOOKUPS, reply != NULL ? LOOKUP_HIT : LOOKUP_MISS, 1);
    if (reply != NULL)
        request_send(kept->request, reply);
    else
        read_shared(kept->request, kept->statement, kept->params);
}

static void obtain_on_read(struct shared_waiter *waiter, const struct reply *reply)
{
    request_send(pending_owner(waiter, struct shared_request, waiter)->request, reply);
}

static void obtain_on_refused(struct shared_waiter *waiter, enum call_start why)
{
    request_not_started(pending_owner(waiter, struct shared_request, waiter)->request, why);
}
