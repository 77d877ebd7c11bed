/* From HTTP to a route, and from a route to what the request waits for: dispatch_on_request -> is_answered_by_head
 * -> validate -> start -> dispatch, which takes the cache, else a shared read, else a call. The answers come back to
 * on_kept, on_read, and respond (core/respond.c). */
#include <config.h>

#include "core/dispatch.h"

#include <string.h>

#include "core/bind.h"
#include "core/cache.h"
#include "core/idempotency.h"
#include "core/origin.h"
#include "core/precondition.h"
#include "core/respond.h"
#include "core/router.h"
#include "core/server_parts.h"
#include "core/shared.h"
#include "core/validate.h"
#include "core/visit.h"

static void start(struct request *request);
static void on_kept(struct cache_lookup *lookup, const struct reply *reply);
static void on_read(struct shared_waiter *waiter, const struct reply *reply);
static void on_read_refused(struct shared_waiter *waiter, enum call_start why);

/* ---- understanding ---- */

/* OPTIONS of the whole server (RFC 9110 section 9.3.7). */
static void send_options(struct request *request, const char *allow)
{
    struct reply *reply = request_reply(request);
    reply->status = 204;
    reply->content_type = NULL;
    buf_printf(&reply->fields, "Allow: %s\r\n", allow);
    request_send(request, reply);
}

static void refuse_method(struct request *request, const char *allow)
{
    struct reply *reply = request_reply(request);
    reply_problem(reply, 405, "This path has the methods %s.", allow);
    buf_printf(&reply->fields, "Allow: %s\r\n", allow);
    request_send(request, reply);
}

/* The name of a field that was sent more than once though it may be sent once only; NULL: none. */
static const char *field_given_twice(const struct http_head *head)
{
    static const struct slice single[] = {
        {"Content-Type", 12}, {"Idempotency-Key", 15}, {"Origin", 6}, {"Sec-Fetch-Site", 14}};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        unsigned count = 0;
        for (size_t k = 0; k < head->field_count; k++)
            count += slice_equal_nocase(head->fields[k].name, single[i]);
        if (count > 1)
            return single[i].ptr;
    }
    return NULL;
}

/* Finds the route. True when method, path and headers alone are enough for an answer, which was sent. */
static bool is_answered_by_head(struct request *request, const struct http_head *head,
                                struct router_match *match)
{
    const char *foreign, *twice;
    router_find(request->server->router, head->method, head->path, &request->arena, match);
    request->route = match->route;
    if ((twice = field_given_twice(head)) != NULL)
        request_problem(request, 400, "%s is given twice.", twice);
    else if (match->malformed)
        request_problem(request, 400, "The path is not well-formed percent-encoded UTF-8.");
    else if (match->allow == NULL)
        request_problem(request, 404, "There is nothing at this path.");
    else if (slice_equal(head->path, SLICE("*")))
        send_options(request, match->allow);
    else if (match->route == NULL)
        refuse_method(request, match->allow);
    else if ((foreign = origin_refusal(head)) != NULL)
        request_problem(request, 403, "%s", foreign);
    else
        return false;
    return true;
}

/* A browser whose user looks at what comes gets pages, also where something is wrong. */
static struct request *begin(struct server *server, struct http_request *http)
{
    struct request *request = request_begin(server, http);
    if (request->takes_html)
        request->take = visit_show;
    return request;
}

bool dispatch_on_head(struct http_request *http, void *argument)
{
    struct request *request = begin(argument, http);
    struct router_match match;
    struct refusal refusal;
    if (is_answered_by_head(request, http->head, &match))
        return true;
    if (!validate_head(match.route, &match, http->head, &request->arena, request->values, &refusal)) {
        request_problem(request, refusal.status, "%s", refusal.message);
        return true;
    }
    request_forget(request);
    return false;
}

static void refuse_malformed(struct request *request, const struct http_refusal *refusal)
{
    struct reply *reply = request_reply(request);
    reply->close = true;
    reply_problem(reply, refusal->status, "%s", refusal->detail);
    request_send(request, reply);
}

static bool is_page(const struct request *request)
{
    const struct route *route = request->route;
    return route->page != NULL && (route->for_people || request->takes_html);
}

void dispatch_on_request(struct http_request *http, void *argument)
{
    struct request *request = begin(argument, http);
    struct router_match match;
    struct refusal refusal;
    if (http->head == NULL)
        refuse_malformed(request, &http->refusal);
    else if (is_answered_by_head(request, http->head, &match))
        return;
    else if (!validate(match.route, &match, http->head, http->body, &request->arena, request->values,
                       &refusal))
        request_problem(request, refusal.status, "%s", refusal.message);
    else if (is_page(request))
        visit_start(request, start);
    else
        start(request);
}

/* ---- starting ---- */

static void start(struct request *request)
{
    const struct route *route = request->route;
    struct db_param params[DB_PARAMS_MAX];
    if (precondition_is_write(request)) {
        precondition_start(request);
    } else if (route->start != NULL) {
        route->start(request);
    } else {
        bind_fields(request, route->statement, params);
        dispatch(request, route->statement, params);
    }
}

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
    shared->waiter.answered = on_read;
    shared->waiter.refused = on_read_refused;
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
    kept->lookup.found = on_kept;
    switch (cache_find(request->server->cache, &kept->lookup, request->route, statement, params,
                       &request->arena)) {
    case CACHE_HIT:
        request_send(request, &request->server->reply);
        break;
    case CACHE_MISS:
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

void dispatch(struct request *request, const struct statement *statement, const struct db_param *params)
{
    const struct route *route = request->route;
    if (route->cached)
        read_kept(request, statement, params);
    else if (route->method == HTTP_GET && !statement->set)
        read_shared(request, statement, params);
    else if (route->once != NULL && request->idempotency_key.ptr != NULL)
        idempotency_call(request, params);
    else
        request_call(request, statement, params, respond, request);
}

/* ---- coming back ---- */

static void on_kept(struct cache_lookup *lookup, const struct reply *reply)
{
    struct kept_read *kept = pending_owner(lookup, struct kept_read, lookup);
    if (reply != NULL)
        request_send(kept->request, reply);
    else
        read_shared(kept->request, kept->statement, kept->params);
}

static void on_read(struct shared_waiter *waiter, const struct reply *reply)
{
    request_send(pending_owner(waiter, struct shared_request, waiter)->request, reply);
}

static void on_read_refused(struct shared_waiter *waiter, enum call_start why)
{
    request_not_started(pending_owner(waiter, struct shared_request, waiter)->request, why);
}
