/* GET /orders, whole, free or of a taker, and GET /orders/{id}/history: pages of them, newest first. */
#include <config.h>

#include "apps/orders_list.h"

#include <stdio.h>

#include "apps/orders_change.h"
#include "base/text.h"
#include "core/obtain.h"
#include "core/paging.h"

#define HISTORY_LIMIT 100 /* events a page when it is not said */

/* ---- GET /orders ---- */

enum {
    LIST_LIMIT,
    LIST_PAGE,
    LIST_BEFORE,
    LIST_TAKER,
    LIST_STATUS,
};

static const char *const statuses[] = {"UNASSIGNED", "TAKEN", "DELIVERED", NULL};

const struct field orders_list_query[] = {
    {.name = "limit", FIELD_OF_LIMIT, .required = true, .about = "orders a page"},
    {.name = "page",
     .type = FIELD_INT,
     .min = 1,
     .max = INT64_MAX,
     .about = "from 1, newest first",
     .example = "1"},
    {.name = "before", FIELD_OF_ID, .about = "instead of page: ids below this one"},
    {.name = "taker",
     FIELD_OF_TEXT(ORDERS_TAKER_MAX),
     .about = "who holds or has delivered them; with status, without page",
     .own = FIELD_OWN_IF_NEEDED},
    {.name = "status",
     .type = FIELD_ENUM,
     .choices = statuses,
     .about = "UNASSIGNED: the free ones; any other with taker"},
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

const char *orders_list_clash(const struct value *values)
{
    bool page = values[LIST_PAGE].present, before = values[LIST_BEFORE].present,
         taker = values[LIST_TAKER].present, status = values[LIST_STATUS].present;
    if (page && before)
        return "The query parameters page and before exclude each other.";
    if (page && (taker || status))
        return "The query parameter page does not go with taker or status; before does.";
    if (taker && !status)
        return "The query parameter taker needs status beside it.";
    if (status && !taker && !slice_equal(values[LIST_STATUS].text, SLICE("UNASSIGNED")))
        return "The query parameter status needs taker beside it, unless it is UNASSIGNED.";
    return page || before || status ? NULL : "The query parameter page is missing.";
}

static void start_of(struct request *request, int64_t limit, int64_t before)
{
    const struct value *taker = &request->values[LIST_TAKER];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_OF_LIMIT] = {.integer = limit + 1},
        [PARAM_ORDER_OF_BEFORE] = {.integer = before},
        [PARAM_ORDER_OF_TAKER] = {.text = taker->text},
        [PARAM_ORDER_OF_STATUS] = {.text = request->values[LIST_STATUS].text}};
    obtain_answer(request, taker->present ? STATEMENT(ORDER_OF) : STATEMENT(ORDER_FREE), params);
}

void orders_list_start(struct request *request)
{
    const struct value *page = &request->values[LIST_PAGE], *before = &request->values[LIST_BEFORE];
    int64_t limit = request->values[LIST_LIMIT].integer;
    int64_t below = before->present ? before->integer : INT64_MAX;
    if (page->present)
        start_page(request, limit, page->integer);
    else if (request->values[LIST_STATUS].present)
        start_of(request, limit, below);
    else
        start_before(request, limit, below);
}

/* What is asked for beside the page, as it stands in a link. */
static void write_filter(const struct answering *answering, char *out, size_t size)
{
    char taker[3 * 4 * ORDERS_TAKER_MAX + 1];
    if (answering->statement == STATEMENT(ORDER_OF)) {
        struct slice status = answering->params[PARAM_ORDER_OF_STATUS].text;
        text_percent_encode(answering->params[PARAM_ORDER_OF_TAKER].text, taker);
        snprintf(out, size, "taker=%s&status=%.*s&", taker, (int)status.len, status.ptr);
    } else {
        snprintf(out, size, "%s", answering->statement == STATEMENT(ORDER_FREE) ? "status=UNASSIGNED&" : "");
    }
}

static void write_keyset(const struct answering *answering, bool more, long long limit, long long last)
{
    char filter[3 * 4 * ORDERS_TAKER_MAX + 64];
    write_filter(answering, filter, sizeof filter);
    if (more)
        reply_add_link(answering->reply, "next", "/orders?%slimit=%lld&before=%lld", filter, limit, last);
    reply_add_link(answering->reply, "first", "/orders?%slimit=%lld&before=%lld", filter, limit,
                   (long long)INT64_MAX);
}

/* Links of pages lead to pages, links of keysets to keysets; backwards there are only pages. */
void orders_list_write(const struct answering *answering)
{
    struct reply *reply = answering->reply;
    long long limit = answering->params[PARAM_ORDER_PAGE_LIMIT].integer - 1, last;
    bool more = paging_rows(answering, limit, LIST_ORDER_BRIEF_ID, &last);
    if (answering->statement != STATEMENT(ORDER_PAGE)) {
        write_keyset(answering, more, limit, last);
        return;
    }
    long long page = answering->params[PARAM_ORDER_PAGE_OFFSET].integer / limit + 1;
    if (more)
        reply_add_link(reply, "next", "/orders?page=%lld&limit=%lld", page + 1, limit);
    if (page > 1)
        reply_add_link(reply, "prev", "/orders?page=%lld&limit=%lld", page - 1, limit);
    reply_add_link(reply, "first", "/orders?page=1&limit=%lld", limit);
}

/* ---- GET /orders/{id}/history ---- */

enum {
    HISTORY_ID,
    HISTORY_LIMIT_FIELD,
    HISTORY_BEFORE,
};

const struct field orders_history_query[] = {
    {.name = "limit", FIELD_OF_LIMIT, .about = "events a page; 100 when not said"},
    {.name = "before", FIELD_OF_ID, .about = "ids of events below this one"},
    {.name = NULL},
};

void orders_history_start(struct request *request)
{
    const struct value *limit = &request->values[HISTORY_LIMIT_FIELD],
                       *before = &request->values[HISTORY_BEFORE];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_HISTORY_LIMIT] = {.integer = (limit->present ? limit->integer : HISTORY_LIMIT) + 1},
        [PARAM_ORDER_HISTORY_BEFORE] = {.integer = before->present ? before->integer : INT64_MAX},
        [PARAM_ORDER_HISTORY_ID] = {.integer = request->values[HISTORY_ID].integer}};
    obtain_answer(request, STATEMENT(ORDER_HISTORY), params);
}

/* An order without events is none, or is older than what is kept of them. */
void orders_history_write(const struct answering *answering)
{
    struct reply *reply = answering->reply;
    long long limit = answering->params[PARAM_ORDER_HISTORY_LIMIT].integer - 1, last;
    long long order = answering->params[PARAM_ORDER_HISTORY_ID].integer;
    if (paging_rows(answering, limit, LIST_ORDER_EVENT_ID, &last))
        reply_add_link(reply, "next", "/orders/%lld/history?limit=%lld&before=%lld", order, limit, last);
    reply_add_link(reply, "first", "/orders/%lld/history?limit=%lld", order, limit);
}
