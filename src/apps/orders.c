/* Orders of a delivery service: placed, listed, and taken by exactly one. */
#include <config.h>

#include "apps/apps.h"
#include "apps/board.h"
#include "apps/distance.h"
#include "apps/orders_change.h"
#include "apps/orders_claim.h"
#include "apps/orders_events.h"
#include "apps/orders_list.h"
#include "apps/orders_seed.h"
#include "apps/orders_table.h"
#include "base/clock.h"
#include "core/chore.h"
#include "core/obtain.h"
#include "core/idempotency.h"
#include "core/server.h"

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
        .query = distance_start(distance_of(request), from, to, &request->trace, on_distance, asking),
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

/* ---- the table ---- */

static const struct field id_path[] = {
    {.name = "id", FIELD_OF_ID, .required = true, .about = "of the order"},
    {.name = NULL},
};

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/orders",
     .summary = "Orders by page or keyset, newest first: all, the free ones, or those of a taker",
     .scope = SCOPE_ORDERS_READ,
     .query = orders_list_query,
     .clash = orders_list_clash,
     .statement = STATEMENT(ORDER_PAGE),
     .shape = REPLY_PAGE,
     .start = orders_list_start,
     .write = orders_list_write},
    {.method = HTTP_POST,
     .path = "/orders",
     .summary = "Place an order",
     .scope = SCOPE_ORDERS_WRITE,
     .body = place_body,
     .start = start_place,
     .statement = STATEMENT(ORDER_PLACE),
     .once = STATEMENT(ORDER_PLACE_ONCE),
     .shape = REPLY_OBJECT},
    {.method = HTTP_POST,
     .path = "/orders/claim",
     .summary = "Take the oldest free orders, or the nearest",
     .scope = SCOPE_ORDERS_TAKE,
     .body = orders_claim_body,
     .clash = orders_claim_clash,
     .members = orders_claimed,
     .start = orders_claim_start,
     .write = orders_claim_write,
     .statement = STATEMENT(ORDER_CLAIM),
     .once = STATEMENT(ORDER_CLAIM_ONCE),
     .shape = REPLY_ARRAY},
    {.method = HTTP_GET,
     .path = "/orders/{id}",
     .summary = "One order",
     .scope = SCOPE_ORDERS_READ,
     .path_fields = id_path,
     .statement = STATEMENT(ORDER_GET),
     .shape = REPLY_OBJECT,
     .missing = "Order does not exist."},
    {.method = HTTP_PATCH,
     .path = "/orders/{id}",
     .summary = "Take, release or deliver an order",
     .scope = SCOPE_ORDERS_TAKE,
     .path_fields = id_path,
     .body = orders_change_body,
     .clash = orders_change_clash,
     .start = orders_change_start,
     .write = orders_change_write,
     .statement = STATEMENT(ORDER_TAKE),
     .members = orders_changed,
     .guard = STATEMENT(ORDER_GUARD),
     .guarded = STATEMENT(ORDER_CHANGE_IF)},
    {.method = HTTP_GET,
     .path = "/orders/{id}/history",
     .summary = "What happened to an order, newest first",
     .scope = SCOPE_ORDERS_READ,
     .path_fields = id_path,
     .query = orders_history_query,
     .statement = STATEMENT(ORDER_HISTORY),
     .shape = REPLY_PAGE,
     .start = orders_history_start,
     .write = orders_history_write},
    {.method = HTTP_GET,
     .path = "/board",
     .summary = "The orders as a dispatcher sees them",
     .scope = SCOPE_ORDERS_READ,
     .for_people = true,
     .query = board_query,
     .page = &board_page},
    {.method = HTTP_POST,
     .path = "/board",
     .summary = "Place an order",
     .scope = SCOPE_ORDERS_WRITE,
     .for_people = true,
     .query = board_query,
     .page = &board_page,
     .form = &board_forms[BOARD_PLACE]},
    {.method = HTTP_GET,
     .path = "/board/orders",
     .summary = "What the board shows",
     .scope = SCOPE_ORDERS_READ,
     .for_people = true,
     .query = board_orders_query,
     .statement = STATEMENT(ORDER_BOARD),
     .shape = REPLY_PAGE,
     .start = board_orders_start,
     .write = board_orders_write},
    {.method = HTTP_GET,
     .path = "/board/orders/{id}",
     .summary = "One order",
     .scope = SCOPE_ORDERS_READ,
     .for_people = true,
     .path_fields = id_path,
     .page = &board_order_page},
    {.method = HTTP_POST,
     .path = "/board/orders/{id}",
     .summary = "Take, release or deliver an order",
     .scope = SCOPE_ORDERS_TAKE,
     .for_people = true,
     .path_fields = id_path,
     .query = board_query,
     .page = &board_page,
     .form = &board_forms[BOARD_CHANGE]},
    {.method = HTTP_GET,
     .path = "/orders/events",
     .summary = "Events of orders, as they happen",
     .scope = SCOPE_ORDERS_READ,
     .query = orders_events_query,
     .start = orders_events_start,
     .statement = STATEMENT(ORDER_EVENTS_FROM),
     .content_type = "text/event-stream",
     .no_store = true,
     .feed = &orders_events},
};

#define TABLE_NS (30 * CLOCK_SECOND)

static const struct chore chores[] = {
    {.statement = STATEMENT(ORDER_EXPIRE),
     .batch = ORDERS_EXPIRED,
     .every_ns = CLOCK_SECOND,
     .again_ns = CLOCK_MS,
     .said = "leases of orders have ended",
     .counted = "orders",
     .metric = METRIC_ORDER_LEASES_EXPIRED},
    {.statement = STATEMENT(ORDERS_TABLE), .every_ns = TABLE_NS, .read = orders_table_read},
    {.statement = STATEMENT(ORDER_FRONT),
     .parameter = ORDERS_LOOKED_AT,
     .batch = 2, /* it gives one row at most */
     .every_ns = CLOCK_SECOND,
     .again_ns = CLOCK_SECOND,
     .said = "a free order was missed by claims",
     .counted = "orders"},
    {.statement = NULL},
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
    .schema = 15,
    .settings = &distance_settings,
    .start = orders_start,
    .stop = orders_stop,
    .chores = chores,
    .data = &data,
};
