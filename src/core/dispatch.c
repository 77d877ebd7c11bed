/* dispatch_on_request -> is_answered_by_head, the last of which is admit -> validate -> start, which is the route's
 * own, or obtain_answer with the fields bound by name. */
#include <config.h>

#include "core/dispatch.h"

#include "core/admit.h"
#include "core/bind.h"
#include "core/limits.h"
#include "core/meter.h"
#include "core/obtain.h"
#include "core/origin.h"
#include "core/own.h"
#include "core/precondition.h"
#include "core/router.h"
#include "core/server_parts.h"
#include "core/settings.h"
#include "core/validate.h"
#include "core/visit.h"
#include "metrics/metrics.h"

static void start(struct request *request);

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

/* Not a request of the page's, and answered for all paths alike. */
static void send_preflight(struct request *request, const char *allow)
{
    struct reply *reply = request_reply(request);
    reply->status = 204;
    reply->content_type = NULL;
    cors_add_preflight(&reply->fields, allow);
    request_send(request, reply);
}

static void refuse_method(struct request *request, const char *allow)
{
    struct reply *reply = request_reply(request);
    reply_problem(reply, 405, "This path has the methods %s.", allow);
    buf_printf(&reply->fields, "Allow: %s\r\n", allow);
    request_send(request, reply);
}

static void refuse_foreign(struct request *request, const char *why)
{
    metric_add(METRIC_REFUSALS, REFUSAL_FOREIGN, 1);
    request_problem(request, 403, "%s", why);
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

/* Why the page that sends it must not, NULL: it may. What pages of ours send is never for those of other sites. */
static const char *refusal_of_page(const struct request *request, const struct http_head *head)
{
    const struct cors *cors = &request->server->settings->cors;
    return cors->count > 0 && !request->route->for_people && cors_allows(cors, head) ? NULL
                                                                                     : origin_refusal(head);
}

/* RFC 9110 section 15.5.20. Probes and what stands in front of several servers ask for their health by an address,
 * and so do operators at a door of their own. */
static bool is_asked_by_right_name(const struct request *request, const struct router *router,
                                   const struct http_head *head)
{
    return router == request->server->operators_router ||
           (request->route != NULL && request->route->any_host) ||
           hosts_has(&request->server->settings->hosts, head->host);
}

/* Whoever asks whether he may ask, and who looks whether the server lives, must not be refused for what others sent. */
static bool is_limited(const struct request *request, const struct router *router,
                       const struct http_head *head)
{
    return router != request->server->operators_router &&
           (request->route == NULL || !request->route->unlimited) &&
           !cors_is_preflight(&request->server->settings->cors, head);
}

/* Finds the route, and the key. True when method, path and headers alone are enough for an answer, which was sent. What
 * there is, and by which methods, may be known without a key: it stands in the document of the API. */
static bool is_answered_by_head(struct request *request, const struct router *router,
                                const struct http_head *head, enum limits_use use, struct router_match *match)
{
    const char *foreign, *twice;
    admit_find(request, head);
    router_find(router, head->method, head->path, &request->arena, match);
    request->route = match->route;
    request->endpoint = meter_endpoint(head->method, match->route != NULL ? match->number : METER_NONE);
    if (!is_asked_by_right_name(request, router, head))
        request_problem(request, 421, "This server does not go by the name in Host.");
    else if (is_limited(request, router, head) && !limits_admit(request, use))
        return true;
    else if ((twice = field_given_twice(head)) != NULL)
        request_problem(request, 400, "%s is given twice.", twice);
    else if (match->malformed)
        request_problem(request, 400, "The path is not well-formed percent-encoded UTF-8.");
    else if (match->allow == NULL)
        request_problem(request, 404, "There is nothing at this path.");
    else if (slice_equal(head->path, SLICE("*")))
        send_options(request, match->allow);
    else if (cors_is_preflight(&request->server->settings->cors, head))
        send_preflight(request, match->allow);
    else if (match->route == NULL)
        refuse_method(request, match->allow);
    else if ((foreign = refusal_of_page(request, head)) != NULL)
        refuse_foreign(request, foreign);
    else
        return router != request->server->operators_router && !admit(request);
    return true;
}

/* A browser whose user looks at what comes gets pages, also where something is wrong. */
static struct request *begin(const struct door *door, struct http_request *http)
{
    struct request *request = request_begin(door->server, http);
    request->takes_html &= door->has_pages;
    if (request->takes_html)
        request->take = visit_show;
    return request;
}

bool dispatch_on_head(struct http_request *http, void *argument)
{
    const struct door *door = argument;
    struct request *request = begin(door, http);
    struct router_match match;
    struct refusal refusal;
    if (is_answered_by_head(request, door->router, http->head, LIMITS_LOOK, &match))
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
    const struct door *door = argument;
    struct request *request = begin(door, http);
    struct router_match match;
    struct refusal refusal;
    if (http->head == NULL)
        refuse_malformed(request, &http->refusal);
    else if (is_answered_by_head(request, door->router, http->head, LIMITS_TAKE, &match))
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
    if (!own_settle(request))
        return;
    const char *clash = route->clash != NULL ? route->clash(request->values) : NULL;
    if (clash != NULL) {
        request_problem(request, 400, "%s", clash);
    } else if (precondition_is_write(request)) {
        precondition_start(request);
    } else if (route->start != NULL) {
        route->start(request);
    } else {
        bind_fields(request, route->statement, params);
        obtain_answer(request, route->statement, params);
    }
}
