/* What the page /board reads, and where its forms lead; web/pages/board.html is how it looks. board_orders_write makes
 * of rows what it shows: add_state for each state of an order, add_map. */
#include <config.h>

#include "apps/board.h"

#include <math.h>

#include "base/jsonout.h"
#include "base/text.h"
#include "core/obtain.h"
#include "core/rows.h"

#define SHOWN 60 /* orders a page */
#define TAKER_MAX 200

/* ---- the pages ---- */

const struct field board_query[] = {
    {.name = "before", FIELD_OF_ID, .about = "orders older than this one"},
    {.name = "as", FIELD_OF_TEXT(TAKER_MAX), .about = "the courier whose name stands in the form"},
    {.name = "changed", FIELD_OF_ID, .about = "the order that has just been changed"},
    {.name = NULL},
};

static const struct page_read reads[] = {
    {.name = "board", .target = "/board/orders?before={before}"},
    {.name = "changed", .target = "/orders/{changed}", .optional = true},
    {.name = NULL},
};

const struct page_form board_forms[] = {
    [BOARD_PLACE] = {.name = "place",
                     .method = HTTP_POST,
                     .path = "/orders",
                     .next = "/board?as={as}&changed={id}"},
    [BOARD_CHANGE] = {.name = "change",
                      .method = HTTP_PATCH,
                      .path = "/orders/{id}",
                      .next = "/board?as={taker}&before={before}&changed={id}"},
    {.name = NULL},
};

const struct page board_page = {
    .title = "Board",
    .template = TEMPLATE(BOARD),
    .reads = reads,
    .forms = board_forms,
};

static const struct page_read order_reads[] = {
    {.name = "order", .target = "/orders/{id}"},
    {.name = "history", .target = "/orders/{id}/history?limit=100"},
    {.name = NULL},
};

const struct page board_order_page = {
    .template = TEMPLATE(ORDER),
    .reads = order_reads,
};

/* ---- the orders ---- */

const struct field board_orders_query[] = {
    {.name = "before", FIELD_OF_ID, .about = "ids below this one"},
    {.name = NULL},
};

/* One more than is shown tells whether there are others. */
void board_orders_start(struct request *request)
{
    const struct value *before = &request->values[0];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_BOARD_LIMIT] = {.integer = SHOWN + 1},
        [PARAM_ORDER_BOARD_BEFORE] = {.integer = before->present ? before->integer : INT64_MAX}};
    obtain_answer(request, STATEMENT(ORDER_BOARD), params);
}

static struct slice value_of(const struct answering *answering, int row, int column)
{
    const struct db_rows *rows = answering->answer->rows;
    return rows->value(rows, answering->answer->first + row, column);
}

static void add_state(const struct answering *answering, int shown, struct slice status, const char *name)
{
    const struct db_answer *answer = answering->answer;
    struct buf *body = &answering->reply->body;
    int count = 0;
    jsonout_named(body, name, '[');
    for (int i = 0; i < shown; i++) {
        if (!slice_equal(value_of(answering, i, LIST_ORDER_STATUS), status))
            continue;
        if (count++ > 0)
            buf_add_char(body, ',');
        rows_add_object(body, answering->statement, answer->rows, answer->first + i);
    }
    jsonout_close(body, ']');
    buf_printf(body, ",\"%s_count\":%d", name, count);
}

/* ---- the map ---- */

#define RADIANS (3.14159265358979323846 / 180)
#define HEIGHT_MIN 6.0 /* degrees: the outlines of land are no finer */
#define MARGIN 1.15

/* Degrees. */
struct place {
    double latitude, longitude;
};

struct area {
    double south, west, north, east;
};

static bool place_at(const struct answering *answering, int row, int column, struct place *place)
{
    return text_double(value_of(answering, row, column), &place->latitude) == TEXT_NUMBER_OK &&
           text_double(value_of(answering, row, column + 1), &place->longitude) == TEXT_NUMBER_OK;
}

static void stretch(struct area *area, const struct answering *answering, int row, int column)
{
    struct place place;
    if (!place_at(answering, row, column, &place))
        return;
    area->south = fmin(area->south, place.latitude);
    area->north = fmax(area->north, place.latitude);
    area->west = fmin(area->west, place.longitude);
    area->east = fmax(area->east, place.longitude);
}

/* Of all points; the world when there are none. */
static struct area area_of(const struct answering *answering, int shown)
{
    struct area area = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < shown; i++) {
        stretch(&area, answering, i, LIST_ORDER_ORIGIN);
        stretch(&area, answering, i, LIST_ORDER_DESTINATION);
    }
    return area.south <= area.north ? area : (struct area){-90, -180, 90, 180};
}

static void add_line(struct buf *body, struct place from, struct place to)
{
    buf_printf(body, "M%.6f %.6fL%.6f %.6f", from.longitude, from.latitude, to.longitude, to.latitude);
}

/* The shorter way round. Over the 180th meridian it is two lines: to an edge of the map, and on from the other one. */
static void add_way(struct buf *body, struct place from, struct place to)
{
    double eastward = to.longitude - from.longitude;
    if (fabs(eastward) <= 180) {
        add_line(body, from, to);
        return;
    }
    double edge = copysign(180, from.longitude), whole = eastward + 2 * edge,
           share = fabs(whole) > 0 ? (edge - from.longitude) / whole : 0,
           latitude = from.latitude + share * (to.latitude - from.latitude);
    add_line(body, from, (struct place){latitude, edge});
    add_line(body, (struct place){latitude, -edge}, to);
}

static void add_ways(const struct answering *answering, int shown, struct slice status, const char *name)
{
    struct buf *body = &answering->reply->body;
    struct place from, to;
    jsonout_named(body, name, '[');
    for (int i = 0, count = 0; i < shown; i++) {
        if (!slice_equal(value_of(answering, i, LIST_ORDER_STATUS), status) ||
            !place_at(answering, i, LIST_ORDER_ORIGIN, &from) ||
            !place_at(answering, i, LIST_ORDER_DESTINATION, &to))
            continue;
        buf_add_string(body, count++ > 0 ? ",\"" : "\"");
        add_way(body, from, to);
        buf_add_char(body, '"');
    }
    jsonout_close(body, ']');
}

/* Twice as wide as high. */
static void add_map(const struct answering *answering, int shown)
{
    struct area area = area_of(answering, shown);
    double latitude = (area.south + area.north) / 2, longitude = (area.west + area.east) / 2,
           narrowing = fmax(cos(latitude * RADIANS), 0.1),
           height = MARGIN *
                    fmax(HEIGHT_MIN, fmax(area.north - area.south, (area.east - area.west) * narrowing / 2));
    struct buf *body = &answering->reply->body;
    buf_printf(body, ",\"map\":{\"narrowing\":%.4f,\"x\":%.4f,\"y\":%.4f,\"width\":%.4f,\"height\":%.4f",
               narrowing, longitude * narrowing - height, -latitude - height / 2, 2 * height, height);
    add_ways(answering, shown, SLICE("UNASSIGNED"), "free_ways");
    add_ways(answering, shown, SLICE("TAKEN"), "taken_ways");
    add_ways(answering, shown, SLICE("DELIVERED"), "delivered_ways");
    jsonout_close(body, '}');
}

void board_orders_write(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    struct buf *body = &answering->reply->body;
    int shown = answer->count > SHOWN ? SHOWN : answer->count;
    jsonout_open(body, '{');
    add_state(answering, shown, SLICE("UNASSIGNED"), "free");
    add_state(answering, shown, SLICE("TAKEN"), "taken");
    add_state(answering, shown, SLICE("DELIVERED"), "delivered");
    if (answer->count > shown) {
        struct slice last = value_of(answering, shown - 1, LIST_ORDER_ID);
        buf_printf(body, ",\"before\":%.*s", (int)last.len, last.ptr);
    }
    add_map(answering, shown);
    jsonout_close(body, '}');
}
