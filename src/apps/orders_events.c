/* The rows of the journal as events, and what a client may ask for of them. */
#include <config.h>

#include "apps/orders_events.h"

#include <string.h>

#include "base/text.h"
#include "core/own.h"
#include "core/request.h"
#include "core/rows.h"

#define TAKER_MAX 200
#define KINDS_MAX 100

enum {
    EVENTS_SINCE,
    EVENTS_TAKER,
    EVENTS_ORDER,
    EVENTS_KINDS,
};

static const char *const kinds[] = {"placed", "taken", "released", "delivered", "expired", "deleted", NULL};

const struct field orders_events_query[] = {
    {.name = "since",
     FIELD_OF_TEXT(FEED_POSITION_SIZE),
     .about = "the id of the last event that was seen, or oldest; Last-Event-ID counts more"},
    {.name = "taker", FIELD_OF_TEXT(TAKER_MAX), .about = "only of this one", .own = FIELD_OWN_IF_GIVEN},
    {.name = "order", FIELD_OF_ID, .about = "only of this one"},
    {.name = "kinds",
     FIELD_OF_TEXT(KINDS_MAX),
     .about = "only these, by comma: placed, taken, released, delivered, expired, deleted"},
    {.name = NULL},
};

static int kind_of(struct slice name)
{
    for (int kind = 0; kinds[kind] != NULL; kind++)
        if (slice_equal(name, slice_of(kinds[kind])))
            return kind;
    return -1;
}

/* ---- rows ---- */

/* The points of an order stand with its first event. */
static void add_point(struct buf *data, const char *name, const struct db_rows *rows, int row, int column)
{
    struct slice latitude = rows->value(rows, row, column), longitude = rows->value(rows, row, column + 1);
    if (latitude.ptr == NULL || longitude.ptr == NULL)
        return;
    data->len--; /* the bracket */
    buf_printf(data, ",\"%s\":[%.*s,%.*s]}", name, (int)latitude.len, latitude.ptr, (int)longitude.len,
               longitude.ptr);
}

static void read_row(const struct feed_source *source, const struct db_rows *rows, int row,
                     struct feed_event *event, struct buf *data)
{
    int kind = kind_of(rows->value(rows, row, COLUMN_ORDER_EVENTS_FROM_EVENT));
    event->kind = kind < 0 ? 0 : (unsigned)kind;
    event->owner = rows->value(rows, row, COLUMN_ORDER_EVENTS_FROM_BY);
    text_int(rows->value(rows, row, COLUMN_ORDER_EVENTS_FROM_ID), &event->record);
    rows_add_object(data, source->from, rows, row);
    add_point(data, "origin", rows, row, COLUMN_ORDER_EVENTS_FROM_ORIGIN_LAT);
    add_point(data, "destination", rows, row, COLUMN_ORDER_EVENTS_FROM_DESTINATION_LAT);
}

const struct feed_source orders_events = {
    .start = STATEMENT(ORDER_EVENTS_START),
    .from = STATEMENT(ORDER_EVENTS_FROM),
    .purge = STATEMENT(ORDER_EVENTS_PURGE),
    .purged = EVENTS_PURGED,
    .kinds = kinds,
    .read = read_row,
};

/* ---- requests ---- */

/* False: one of them is none, and the request was answered. */
static bool take_kinds(struct request *request, struct feed_filter *filter)
{
    struct slice names = request->values[EVENTS_KINDS].text;
    const char *name = names.ptr, *end = names.ptr + names.len;
    for (const char *comma; request->values[EVENTS_KINDS].present && name <= end; name = comma + 1) {
        comma = memchr(name, ',', (size_t)(end - name));
        comma = comma != NULL ? comma : end;
        int kind = kind_of((struct slice){name, (size_t)(comma - name)});
        if (kind < 0) {
            request_problem(request, 400,
                            "The query parameter kinds must name, by comma, placed, taken, released, "
                            "delivered, expired or deleted.");
            return false;
        }
        filter->kinds |= 1u << kind;
    }
    return true;
}

void orders_events_start(struct request *request)
{
    const struct value *since = &request->values[EVENTS_SINCE], *taker = &request->values[EVENTS_TAKER],
                       *order = &request->values[EVENTS_ORDER];
    struct slice own = own_name(request); /* who sees his own, and what is nobody's yet */
    struct feed_filter filter = {.of_record = order->present,
                                 .record = order->integer,
                                 .of_owner = taker->present || own.ptr != NULL,
                                 .or_nobody = !taker->present,
                                 .owner = taker->present ? taker->text : own};
    if (take_kinds(request, &filter))
        feed_subscribe(request, &orders_events, since->present ? since->text : (struct slice){NULL, 0},
                       &filter);
}
