/* Orders of a delivery service: placed, listed, and taken by exactly one. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/distance.h"
#include "apps/orders_seed.h"
#include "base/text.h"
#include "core/idempotency.h"
#include "core/paging.h"
#include "core/request.h"
#include "core/server.h"

#define LIMIT_MAX 1000
#define TAKER_MAX 200

/* ---- statements ---- */

static struct stmt order_place = {
    .name = "order_place",
    .set = true,
    .params = {{"origin_lat", DB_FLOAT},
               {"origin_lng", DB_FLOAT},
               {"destination_lat", DB_FLOAT},
               {"destination_lng", DB_FLOAT},
               {"distance", DB_INT}},
    .columns = {{"distance", COLUMN_NUMBER}, {"id", COLUMN_NUMBER}, {"status", COLUMN_TEXT}},
};

static struct stmt order_place_once = {
    .name = "order_place_once",
    .set = true,
    .params = {{"origin_lat", DB_FLOAT},
               {"origin_lng", DB_FLOAT},
               {"destination_lat", DB_FLOAT},
               {"destination_lng", DB_FLOAT},
               {"distance", DB_INT},
               IDEMPOTENCY_PARAMS},
    .columns = IDEMPOTENCY_COLUMNS,
};

static struct stmt order_recall = IDEMPOTENCY_RECALL;

#define CHANGE_STATEMENT(statement)                                                                          \
    static struct stmt statement = {                                                                         \
        .name = #statement,                                                                                  \
        .set = true,                                                                                         \
        .params = {{"id", DB_INT}, {"taker", DB_TEXT}},                                                      \
        .columns = {{"outcome", COLUMN_TEXT}, {"holder", COLUMN_TEXT}},                                      \
    }
CHANGE_STATEMENT(order_take);
CHANGE_STATEMENT(order_release);
CHANGE_STATEMENT(order_deliver);

/* Of one that If-Match or If-None-Match guard, by field. */
static struct stmt order_change_if = {
    .name = "order_change_if",
    .params = {{"id", DB_INT}, {"taker", DB_TEXT}, {"status", DB_TEXT}, {"guard", DB_TEXT}},
    .columns = {{"outcome", COLUMN_TEXT}, {"holder", COLUMN_TEXT}},
};

#define ORDER_COLUMNS                                                                                        \
    {                                                                                                        \
        {"id", COLUMN_NUMBER}, {"origin", COLUMN_POINT}, {"destination", COLUMN_POINT},                      \
            {"distance", COLUMN_NUMBER}, {"status", COLUMN_TEXT}, {"taker", COLUMN_TEXT},                    \
            {"created_at", COLUMN_TIME}, {"updated_at", COLUMN_TIME},                                        \
    }

static struct stmt order_get = {
    .name = "order_get", .set = true, .params = {{"id", DB_INT}}, .columns = ORDER_COLUMNS};

static struct stmt order_guard = {
    .name = "order_guard", .params = {{"id", DB_INT}}, .columns = ORDER_COLUMNS};

static struct stmt order_page = {
    .name = "order_page",
    .params = {{"limit", DB_INT}, {"offset", DB_INT}},
    .columns = {{"distance", COLUMN_NUMBER}, {"id", COLUMN_NUMBER}, {"status", COLUMN_TEXT}},
};

static struct stmt order_before = {
    .name = "order_before",
    .params = {{"limit", DB_INT}, {"before", DB_INT}},
    .columns = {{"distance", COLUMN_NUMBER}, {"id", COLUMN_NUMBER}, {"status", COLUMN_TEXT}},
};

/* ---- POST /orders ---- */

enum {
    PLACE_ORIGIN,
    PLACE_DESTINATION,
};

static const struct field place_body[] = {
    {.name = "origin", .type = FIELD_POINT, .required = true, .about = "where it is fetched"},
    {.name = "destination", .type = FIELD_POINT, .required = true, .about = "where it is brought"},
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
    struct db_param params[DB_PARAMS_MAX] = {{.real = origin[0]},
                                             {.real = origin[1]},
                                             {.real = destination[0]},
                                             {.real = destination[1]},
                                             {.integer = metres}};
    switch (idempotency_params(request, params + 5)) {
    case IDEMPOTENCY_NONE:
        request_call(request, &order_place, params, NULL);
        break;
    case IDEMPOTENCY_KEY:
        idempotency_call(request, &order_place_once, params, NULL);
        break;
    case IDEMPOTENCY_REFUSED:
        break;
    }
}

static void on_distance(int64_t metres, const char *error, void *argument)
{
    struct request *request = argument;
    request->cancel = NULL;
    if (metres < 0)
        request_problem(request, 400, "%s", error);
    else
        place_with_distance(request, metres);
}

static void cancel_distance(struct request *request)
{
    distance_cancel(request->waiting_for);
}

static void ask_distance(struct request *request)
{
    struct distance_point from = point_of(&request->values[PLACE_ORIGIN]),
                          to = point_of(&request->values[PLACE_DESTINATION]);
    request->waiting_for = distance_start(distance_of(request), from, to, on_distance, request);
    if (request->waiting_for == NULL)
        request_problem(request, 503,
                        "Too many questions wait for the distance provider; nothing was changed.");
    else
        request->cancel = cancel_distance;
}

/* A repeated request gets its first answer, whatever the provider would say to it now. */
static void place(struct request *request)
{
    struct distance_point from = point_of(&request->values[PLACE_ORIGIN]),
                          to = point_of(&request->values[PLACE_DESTINATION]);
    struct db_param key[3] = {{.null = false}};
    int64_t metres;
    if (distance_now(distance_of(request), from, to, &metres)) {
        place_with_distance(request, metres);
        return;
    }
    switch (idempotency_params(request, key)) {
    case IDEMPOTENCY_NONE:
        ask_distance(request);
        break;
    case IDEMPOTENCY_KEY:
        idempotency_recall(request, &order_recall, key, ask_distance);
        break;
    case IDEMPOTENCY_REFUSED:
        break;
    }
}

/* ---- PATCH /orders/{id} ---- */

enum {
    CHANGE_ID,
    CHANGE_STATUS,
    CHANGE_TAKER,
};

static const char *const statuses[] = {"TAKEN", "UNASSIGNED", "DELIVERED", NULL};

static const struct field id_path[] = {
    {.name = "id",
     .type = FIELD_INT,
     .required = true,
     .least = 0,
     .most = INT64_MAX,
     .about = "of the order"},
    {.name = NULL},
};

static const struct field change_body[] = {
    {.name = "status",
     .type = FIELD_ENUM,
     .required = true,
     .choices = statuses,
     .about = "TAKEN takes it, UNASSIGNED releases it, DELIVERED ends it"},
    {.name = "taker", .type = FIELD_TEXT, .least = 1, .most = TAKER_MAX, .about = "who does so"},
    {.name = NULL},
};

static bool prepare_change(struct request *request, struct stmt **statement, struct db_param *params)
{
    static struct stmt *const by_status[] = {&order_take, &order_release, &order_deliver};
    const struct value *taker = &request->values[CHANGE_TAKER];
    *statement = by_status[request->values[CHANGE_STATUS].integer];
    params[0].integer = request->values[CHANGE_ID].integer;
    params[1].null = !taker->present;
    params[1].text = taker->text;
    return true;
}

static bool releases(const struct stmt *statement, const struct db_param *params)
{
    return statement == &order_release ||
           (statement == &order_change_if && slice_equal(params[2].text, SLICE("UNASSIGNED")));
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

static void answer_change(const struct route *route, const struct stmt *statement,
                          const struct db_param *params, const struct db_answer *answer, struct reply *reply)
{
    static const struct {
        const char *outcome, *message;
    } refusals[] = {
        {"taken", "Order is already taken."},         {"occupied", "Order is currently occupied."},
        {"missing", "Order does not exist."},         {"unassigned", "Order is not taken."},
        {"delivered", "Order is already delivered."},
    };
    const struct db_rows *rows = answer->rows;
    (void)route;
    struct slice outcome = answer->count == 1 ? rows->value(rows, answer->first, 0) : (struct slice){NULL, 0};
    if (slice_equal(outcome, SLICE("done"))) {
        buf_add_string(&reply->body, "{\"status\":\"SUCCESS\"}");
        return;
    }
    if (slice_equal(outcome, SLICE("held"))) {
        refuse_held(releases(statement, params) ? "release" : "deliver", rows->value(rows, answer->first, 1),
                    reply);
        return;
    }
    if (slice_equal(outcome, SLICE("unchanged"))) {
        reply_not_made(reply, statement->name);
        return;
    }
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (slice_equal(outcome, slice_of(refusals[i].outcome))) {
            reply_problem(reply, 400, "%s", refusals[i].message);
            return;
        }
    reply_problem(reply, 500, "The database gave an outcome that this server does not know.");
}

/* ---- GET /orders ---- */

enum {
    LIST_LIMIT,
    LIST_PAGE,
    LIST_BEFORE,
};

static const struct field list_query[] = {
    {.name = "limit",
     .type = FIELD_INT,
     .required = true,
     .least = 1,
     .most = LIMIT_MAX,
     .about = "orders a page"},
    {.name = "page", .type = FIELD_INT, .least = 1, .most = INT64_MAX, .about = "from 1, newest first"},
    {.name = "before",
     .type = FIELD_INT,
     .least = 0,
     .most = INT64_MAX,
     .about = "instead of page: ids below this one"},
    {.name = NULL},
};

/* One row more than asked for tells whether there is a next page. */
static bool prepare_list(struct request *request, struct stmt **statement, struct db_param *params)
{
    const struct value *page = &request->values[LIST_PAGE], *before = &request->values[LIST_BEFORE];
    int64_t limit = request->values[LIST_LIMIT].integer, offset;
    if (page->present && before->present) {
        request_problem(request, 400, "The query parameters page and before exclude each other.");
        return false;
    }
    if (!page->present && !before->present) {
        request_problem(request, 400, "The query parameter page is missing.");
        return false;
    }
    params[0].integer = limit + 1;
    if (before->present) {
        *statement = &order_before;
        params[1].integer = before->integer;
        return true;
    }
    *statement = &order_page;
    if (__builtin_mul_overflow(page->integer - 1, limit, &offset))
        offset = INT64_MAX;
    params[1].integer = offset;
    return true;
}

/* Links of pages lead to pages, links of keysets to keysets; backwards there are only pages. */
static void answer_list(const struct route *route, const struct stmt *statement,
                        const struct db_param *params, const struct db_answer *answer, struct reply *reply)
{
    long long limit = params[0].integer - 1;
    int64_t last_id = 0;
    int count = paging_rows(statement, answer, (int)limit, reply);
    bool more = answer->count > count;
    (void)route;
    if (statement == &order_before) {
        if (count > 0)
            text_int(answer->rows->value(answer->rows, answer->first + count - 1, 1), &last_id);
        if (more)
            reply_add_link(reply, "next", "/orders?limit=%lld&before=%lld", limit, (long long)last_id);
        reply_add_link(reply, "first", "/orders?limit=%lld&before=%lld", limit, (long long)INT64_MAX);
    } else {
        long long page = params[1].integer / limit + 1;
        if (more)
            reply_add_link(reply, "next", "/orders?page=%lld&limit=%lld", page + 1, limit);
        if (page > 1)
            reply_add_link(reply, "prev", "/orders?page=%lld&limit=%lld", page - 1, limit);
        reply_add_link(reply, "first", "/orders?page=1&limit=%lld", limit);
    }
}

/* ---- the table ---- */

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/orders",
     .summary = "Orders by page or keyset, newest first",
     .query = list_query,
     .prepare = prepare_list,
     .answer = answer_list},
    {.method = HTTP_POST,
     .path = "/orders",
     .summary = "Place an order",
     .body = place_body,
     .handler = place,
     .statement = &order_place,
     .shape = REPLY_OBJECT},
    {.method = HTTP_GET,
     .path = "/orders/{id}",
     .summary = "One order",
     .path_fields = id_path,
     .statement = &order_get,
     .shape = REPLY_OBJECT,
     .missing = "Order does not exist."},
    {.method = HTTP_PATCH,
     .path = "/orders/{id}",
     .summary = "Take, release or deliver an order",
     .path_fields = id_path,
     .body = change_body,
     .prepare = prepare_change,
     .answer = answer_change,
     .guard = &order_guard,
     .guarded = &order_change_if},
};

static struct stmt *const statements[] = {&order_place,   &order_place_once, &order_recall,    &order_take,
                                          &order_release, &order_deliver,    &order_change_if, &order_get,
                                          &order_guard,   &order_page,       &order_before,    NULL};

static void *start(struct loop *loop, const struct settings *settings, char **error)
{
    return distance_new(loop, settings, error);
}

static void stop(void *state)
{
    distance_free(state);
}

static const struct app_data data = {
    .seed = orders_seed,
    .seed_total = 15,
    .any = "order_any",
};

const struct app app_orders = {
    .name = "orders",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .statements = statements,
    .schema = 7,
    .settings = &distance_settings,
    .idempotency = true,
    .start = start,
    .stop = stop,
    .data = &data,
};
