/* Orders of a delivery service: placed, listed, and taken by exactly one. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/board.h"
#include "apps/distance.h"
#include "apps/orders_events.h"
#include "apps/orders_seed.h"
#include "core/obtain.h"
#include "core/idempotency.h"
#include "core/paging.h"
#include "core/server.h"

#define TAKER_MAX 200

/* ---- POST /orders ---- */

enum {
    PLACE_ORIGIN,
    PLACE_DESTINATION,
};

static const struct field place_body[] = {
    {.name = "origin",
     .type = FIELD_POINT,
     .required = true,
     .about = "where it is fetched",
     .example = "[\"50.456399\",\"12.707580\"]"},
    {.name = "destination",
     .type = FIELD_POINT,
     .required = true,
     .about = "where it is brought",
     .example = "[\"59.436487\",\"24.747193\"]"},
    {.name = NULL},
};

/* The app's state. */
static struct distance *distance_of(const struct request *request)
{
    return server_state(request->server, &app_orders);
}

static struct distance_point point_of(const struct value *value)
{
    return (struct distance_point){value->point[0], value->point[1]};
}

static void place_with_distance(struct request *request, int64_t metres)
{
    const double *origin = request->values[PLACE_ORIGIN].point,
                 *destination = request->values[PLACE_DESTINATION].point;
    struct db_param params[DB_PARAMS_MAX] = {[LIST_ORDER_PLACE_ORIGIN_LAT] = {.real = origin[0]},
                                             [LIST_ORDER_PLACE_ORIGIN_LNG] = {.real = origin[1]},
                                             [LIST_ORDER_PLACE_DESTINATION_LAT] = {.real = destination[0]},
                                             [LIST_ORDER_PLACE_DESTINATION_LNG] = {.real = destination[1]},
                                             [LIST_ORDER_PLACE_DISTANCE] = {.integer = metres}};
    obtain_answer(request, STATEMENT(ORDER_PLACE), params);
}

/* A request that waits for the provider. In its arena. */
struct asking {
    struct pending pending;
    struct distance_query *query; /* NULL: it is over */
    struct request *request;
};

static void on_distance(int64_t metres, const char *error, void *argument)
{
    struct asking *asking = argument;
    asking->query = NULL;
    if (metres < 0)
        request_problem(asking->request, 400, "%s", error);
    else
        place_with_distance(asking->request, metres);
}

static void cancel_distance(struct pending *pending)
{
    struct asking *asking = pending_owner(pending, struct asking, pending);
    if (asking->query != NULL)
        distance_cancel(asking->query);
    asking->query = NULL;
}

static void ask_distance(struct request *request)
{
    static const struct pending_ops ops = {.cancel = cancel_distance};
    struct distance_point from = point_of(&request->values[PLACE_ORIGIN]),
                          to = point_of(&request->values[PLACE_DESTINATION]);
    struct asking *asking = arena_alloc(&request->arena, sizeof *asking);
    *asking = (struct asking){
        .pending = {&ops},
        .query = distance_start(distance_of(request), from, to, on_distance, asking),
        .request = request,
    };
    if (asking->query == NULL)
        request_problem(request, 503,
                        "Too many questions wait for the distance provider; nothing was changed.");
    else
        request->pending = &asking->pending;
}

/* A repeated request gets its first answer, whatever the provider would say to it now. */
static void start_place(struct request *request)
{
    struct distance_point from = point_of(&request->values[PLACE_ORIGIN]),
                          to = point_of(&request->values[PLACE_DESTINATION]);
    int64_t metres;
    if (distance_now(distance_of(request), from, to, &metres))
        place_with_distance(request, metres);
    else
        idempotency_recall(request, STATEMENT(ORDER_RECALL), ask_distance);
}

/* ---- PATCH /orders/{id} ---- */

enum {
    CHANGE_ID,
    CHANGE_STATUS,
    CHANGE_TAKER,
};

static const char *const statuses[] = {"TAKEN", "UNASSIGNED", "DELIVERED", NULL};

static const struct field id_path[] = {
    {.name = "id", FIELD_OF_ID, .required = true, .about = "of the order"},
    {.name = NULL},
};

static const struct field change_body[] = {
    {.name = "status",
     .type = FIELD_ENUM,
     .required = true,
     .choices = statuses,
     .about = "TAKEN takes it, UNASSIGNED releases it, DELIVERED ends it"},
    {.name = "taker", FIELD_OF_TEXT(TAKER_MAX), .about = "who does so", .example = "\"courier-7\""},
    {.name = NULL},
};

static const char *const success[] = {"SUCCESS", NULL};

static const struct member changed[] = {
    {.name = "status", .type = COLUMN_TEXT, .choices = success},
    {.name = NULL},
};

static void start_change(struct request *request)
{
    static const struct statement *const by_status[] = {STATEMENT(ORDER_TAKE), STATEMENT(ORDER_RELEASE),
                                                        STATEMENT(ORDER_DELIVER)};
    const struct value *taker = &request->values[CHANGE_TAKER];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_TAKE_ID] = {.integer = request->values[CHANGE_ID].integer},
        [PARAM_ORDER_TAKE_TAKER] = {.null = !taker->present, .text = taker->text}};
    obtain_answer(request, by_status[request->values[CHANGE_STATUS].integer], params);
}

static bool releases(const struct answering *answering)
{
    return answering->statement == STATEMENT(ORDER_RELEASE) ||
           (answering->statement == STATEMENT(ORDER_CHANGE_IF) &&
            slice_equal(answering->params[PARAM_ORDER_CHANGE_IF_STATUS].text, SLICE("UNASSIGNED")));
}

static void refuse_held(const char *verb, struct slice holder, struct reply *reply)
{
    if (holder.ptr == NULL)
        reply_problem(reply, 400, "Order was taken without a taker, so only a request without one may %s it.",
                      verb);
    else
        reply_problem(reply, 400, "Order is held by %.*s, who alone may %s it.", (int)holder.len, holder.ptr,
                      verb);
}

/* NULL: no such outcome. */
static const char *refusal_of(struct slice outcome)
{
    static const struct {
        const char *outcome, *message;
    } refusals[] = {
        {"taken", "Order is already taken."},         {"occupied", "Order is currently occupied."},
        {"missing", "Order does not exist."},         {"unassigned", "Order is not taken."},
        {"delivered", "Order is already delivered."},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (slice_equal(outcome, slice_of(refusals[i].outcome)))
            return refusals[i].message;
    return NULL;
}

static void write_change(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    struct reply *reply = answering->reply;
    struct slice outcome = answer->count == 1 ? answer_value(answer, COLUMN_ORDER_TAKE_OUTCOME) : SLICE("");
    const char *refusal = refusal_of(outcome);
    if (slice_equal(outcome, SLICE("done")))
        buf_printf(&reply->body, "{\"status\":\"%s\"}", success[0]);
    else if (slice_equal(outcome, SLICE("held")))
        refuse_held(releases(answering) ? "release" : "deliver",
                    answer_value(answer, COLUMN_ORDER_TAKE_HOLDER), reply);
    else if (slice_equal(outcome, SLICE("unchanged")))
        reply_not_made(reply, answering->statement->name);
    else if (refusal != NULL)
        reply_problem(reply, 400, "%s", refusal);
    else
        reply_problem(reply, 500, "The database gave an outcome that this server does not know.");
}

/* ---- GET /orders ---- */

enum {
    LIST_LIMIT,
    LIST_PAGE,
    LIST_BEFORE,
};

static const struct field list_query[] = {
    {.name = "limit", FIELD_OF_LIMIT, .required = true, .about = "orders a page"},
    {.name = "page",
     .type = FIELD_INT,
     .min = 1,
     .max = INT64_MAX,
     .about = "from 1, newest first",
     .example = "1"},
    {.name = "before", FIELD_OF_ID, .about = "instead of page: ids below this one"},
    {.name = NULL},
};

/* One row more than asked for tells whether there is a next page. */
static void start_page(struct request *request, int64_t limit, int64_t page)
{
    struct db_param params[DB_PARAMS_MAX] = {[PARAM_ORDER_PAGE_LIMIT] = {.integer = limit + 1}};
    if (__builtin_mul_overflow(page - 1, limit, &params[PARAM_ORDER_PAGE_OFFSET].integer))
        params[PARAM_ORDER_PAGE_OFFSET].integer = INT64_MAX;
    obtain_answer(request, STATEMENT(ORDER_PAGE), params);
}

static void start_before(struct request *request, int64_t limit, int64_t before)
{
    struct db_param params[DB_PARAMS_MAX] = {[PARAM_ORDER_BEFORE_LIMIT] = {.integer = limit + 1},
                                             [PARAM_ORDER_BEFORE_BEFORE] = {.integer = before}};
    obtain_answer(request, STATEMENT(ORDER_BEFORE), params);
}

static void start_list(struct request *request)
{
    const struct value *page = &request->values[LIST_PAGE], *before = &request->values[LIST_BEFORE];
    int64_t limit = request->values[LIST_LIMIT].integer;
    if (page->present && before->present)
        request_problem(request, 400, "The query parameters page and before exclude each other.");
    else if (page->present)
        start_page(request, limit, page->integer);
    else if (before->present)
        start_before(request, limit, before->integer);
    else
        request_problem(request, 400, "The query parameter page is missing.");
}

/* Links of pages lead to pages, links of keysets to keysets; backwards there are only pages. */
static void write_list(const struct answering *answering)
{
    struct reply *reply = answering->reply;
    long long limit = answering->params[PARAM_ORDER_PAGE_LIMIT].integer - 1, last;
    bool more = paging_rows(answering, limit, LIST_ORDER_BRIEF_ID, &last);
    if (answering->statement == STATEMENT(ORDER_BEFORE)) {
        if (more)
            reply_add_link(reply, "next", "/orders?limit=%lld&before=%lld", limit, last);
        reply_add_link(reply, "first", "/orders?limit=%lld&before=%lld", limit, (long long)INT64_MAX);
        return;
    }
    long long page = answering->params[PARAM_ORDER_PAGE_OFFSET].integer / limit + 1;
    if (more)
        reply_add_link(reply, "next", "/orders?page=%lld&limit=%lld", page + 1, limit);
    if (page > 1)
        reply_add_link(reply, "prev", "/orders?page=%lld&limit=%lld", page - 1, limit);
    reply_add_link(reply, "first", "/orders?page=1&limit=%lld", limit);
}

/* ---- the table ---- */

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/orders",
     .summary = "Orders by page or keyset, newest first",
     .query = list_query,
     .statement = STATEMENT(ORDER_PAGE),
     .shape = REPLY_PAGE,
     .start = start_list,
     .write = write_list},
    {.method = HTTP_POST,
     .path = "/orders",
     .summary = "Place an order",
     .body = place_body,
     .start = start_place,
     .statement = STATEMENT(ORDER_PLACE),
     .once = STATEMENT(ORDER_PLACE_ONCE),
     .shape = REPLY_OBJECT},
    {.method = HTTP_GET,
     .path = "/orders/{id}",
     .summary = "One order",
     .path_fields = id_path,
     .statement = STATEMENT(ORDER_GET),
     .shape = REPLY_OBJECT,
     .missing = "Order does not exist."},
    {.method = HTTP_PATCH,
     .path = "/orders/{id}",
     .summary = "Take, release or deliver an order",
     .path_fields = id_path,
     .body = change_body,
     .start = start_change,
     .write = write_change,
     .statement = STATEMENT(ORDER_TAKE),
     .members = changed,
     .guard = STATEMENT(ORDER_GUARD),
     .guarded = STATEMENT(ORDER_CHANGE_IF)},
    {.method = HTTP_GET,
     .path = "/board",
     .summary = "The orders as a dispatcher sees them",
     .for_people = true,
     .query = board_query,
     .page = &board_page},
    {.method = HTTP_POST,
     .path = "/board",
     .summary = "Place an order",
     .for_people = true,
     .query = board_query,
     .page = &board_page,
     .form = &board_forms[BOARD_PLACE]},
    {.method = HTTP_GET,
     .path = "/board/orders",
     .summary = "What the board shows",
     .for_people = true,
     .query = board_orders_query,
     .statement = STATEMENT(ORDER_BOARD),
     .shape = REPLY_PAGE,
     .start = board_orders_start,
     .write = board_orders_write},
    {.method = HTTP_GET,
     .path = "/board/orders/{id}",
     .summary = "One order",
     .for_people = true,
     .path_fields = id_path,
     .page = &board_order_page},
    {.method = HTTP_POST,
     .path = "/board/orders/{id}",
     .summary = "Take, release or deliver an order",
     .for_people = true,
     .path_fields = id_path,
     .query = board_query,
     .page = &board_page,
     .form = &board_forms[BOARD_CHANGE]},
    {.method = HTTP_GET,
     .path = "/orders/events",
     .summary = "Events of orders, as they happen",
     .query = orders_events_query,
     .start = orders_events_start,
     .statement = STATEMENT(ORDER_EVENTS_FROM),
     .content_type = "text/event-stream",
     .no_store = true,
     .feed = &orders_events},
};

static void *orders_start(struct loop *loop, const struct settings *settings, char **error)
{
    return distance_new(loop, settings, error);
}

static void orders_stop(void *state)
{
    distance_free(state);
}

static const struct app_data data = {
    .seed = orders_seed,
    .seed_total = 15,
    .any_record = STATEMENT(ORDER_ANY),
};

const struct app app_orders = {
    .name = "orders",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .schema = 10,
    .settings = &distance_settings,
    .start = orders_start,
    .stop = orders_stop,
    .data = &data,
};
