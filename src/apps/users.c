/* Profiles of GitHub users: listed in pages, by any mix of filters. */
#include <config.h>

#include <ctype.h>

#include "apps/apps.h"
#include "apps/users_seed.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "core/paging.h"

#define PAGE_BUILT_IN 25
#define TERM_MAX 100
#define TRIGRAM 3

/* ---- GET /api/users/profiles ---- */

enum {
    LIST_PAGE,
    LIST_PAGINATION,
    LIST_ORDER,
    LIST_USERNAME,
    LIST_ID,
    LIST_AFTER,
};

enum {
    ORDER_BY_ID,
    ORDER_BY_TYPE,
};
static const char *const orders[] = {[ORDER_BY_ID] = "id", [ORDER_BY_TYPE] = "type", NULL};

static const struct field list_query[] = {
    {.name = "page", .type = FIELD_INT, .min = 1, .max = INT64_MAX, .about = "from 1, which is built in"},
    {.name = "pagination", FIELD_OF_LIMIT, .about = "records a page; 25 is built in"},
    {.name = "order_by", .type = FIELD_ENUM, .choices = orders, .about = "by id, or by type and then id"},
    {.name = "username", FIELD_OF_TEXT(TERM_MAX), .about = "a part of it, in any case"},
    {.name = "id", FIELD_OF_ID, .about = "the one with this id"},
    {.name = "after", FIELD_OF_ID, .about = "instead of page: ids above this one"},
    {.name = NULL},
};

/* Whether a trigram index can find it: three letters or digits in a row. For anything shorter it would visit every
 * row, where a walk in order stops as soon as the page is full. */
static bool has_trigram(struct slice term)
{
    size_t run = 0;
    for (size_t i = 0; i < term.len && run < TRIGRAM; i++)
        run = isalnum((unsigned char)term.ptr[i]) ? run + 1 : 0;
    return run == TRIGRAM;
}

static const struct statement *statement_for(const struct value *values)
{
    static const struct statement *const by_order[][2] = {
        [ORDER_BY_ID] = {STATEMENT(USER_PAGE), STATEMENT(USER_SEARCH)},
        [ORDER_BY_TYPE] = {STATEMENT(USER_PAGE_BY_TYPE), STATEMENT(USER_SEARCH_BY_TYPE)}};
    if (values[LIST_ID].present)
        return STATEMENT(USER_ONE);
    bool search = values[LIST_USERNAME].present && has_trigram(values[LIST_USERNAME].text);
    return by_order[values[LIST_ORDER].integer][search];
}

static void start_list(struct request *request)
{
    const struct value *values = request->values, *term = &values[LIST_USERNAME], *id = &values[LIST_ID];
    int64_t page = values[LIST_PAGE].present ? values[LIST_PAGE].integer : 1;
    int64_t limit = values[LIST_PAGINATION].present ? values[LIST_PAGINATION].integer : PAGE_BUILT_IN;
    if (values[LIST_AFTER].present && values[LIST_PAGE].present) {
        request_problem(request, 400, "The query parameters page and after exclude each other.");
        return;
    }
    if (values[LIST_AFTER].present && values[LIST_ORDER].integer != ORDER_BY_ID) {
        request_problem(request, 400, "The query parameter after goes with order_by=id alone.");
        return;
    }
    struct db_param params[DB_PARAMS_MAX] = {[LIST_USER_PAGE_LIMIT] = {.integer = limit + 1}};
    if (__builtin_mul_overflow(page - 1, limit, &params[LIST_USER_PAGE_OFFSET].integer))
        params[LIST_USER_PAGE_OFFSET].integer = INT64_MAX;
    params[LIST_USER_PAGE_USERNAME] = (struct db_param){.null = !term->present, .text = term->text};
    params[LIST_USER_PAGE_ID] = (struct db_param){.null = !id->present, .integer = id->integer};
    params[LIST_USER_PAGE_ORDER_BY].text = slice_of(orders[values[LIST_ORDER].integer]);
    params[LIST_USER_PAGE_AFTER].integer =
        values[LIST_AFTER].present ? values[LIST_AFTER].integer : INT64_MIN;
    dispatch(request, statement_for(values), params);
}

/* Another page of the same question: position is "page" or "after", and which. */
static void add_link(struct reply *reply, const char *rel, const struct db_param *params,
                     const char *position, long long which)
{
    char term[3 * 4 * TERM_MAX + 1] = "", id[32] = "";
    text_percent_encode(params[LIST_USER_PAGE_USERNAME].text, term);
    if (!params[LIST_USER_PAGE_ID].null)
        snprintf(id, sizeof id, "&id=%lld", (long long)params[LIST_USER_PAGE_ID].integer);
    reply_add_link(reply, rel, "/api/users/profiles?%s=%lld&pagination=%lld&order_by=%.*s%s%s%s", position,
                   which, (long long)params[LIST_USER_PAGE_LIMIT].integer - 1,
                   (int)params[LIST_USER_PAGE_ORDER_BY].text.len, params[LIST_USER_PAGE_ORDER_BY].text.ptr,
                   term[0] != '\0' ? "&username=" : "", term, id);
}

static void write_list(const struct answering *answering)
{
    const struct db_param *params = answering->params;
    struct reply *reply = answering->reply;
    long long limit = params[LIST_USER_PAGE_LIMIT].integer - 1,
              page = params[LIST_USER_PAGE_OFFSET].integer / limit + 1, last;
    bool more = paging_rows(answering, limit, LIST_USER_ID, &last);
    if (params[LIST_USER_PAGE_AFTER].integer != INT64_MIN) {
        if (more)
            add_link(reply, "next", params, "after", last);
        add_link(reply, "first", params, "after", 0);
        return;
    }
    if (more)
        add_link(reply, "next", params, "page", page + 1);
    if (page > 1)
        add_link(reply, "prev", params, "page", page - 1);
    add_link(reply, "first", params, "page", 1);
}

/* ---- the table ---- */

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/api/users/profiles",
     .summary = "Profiles of GitHub users by page, filtered at will",
     .query = list_query,
     .statement = STATEMENT(USER_PAGE),
     .shape = REPLY_PAGE,
     .start = start_list,
     .write = write_list,
     .cached = true},
};

static const struct app_data data = {
    .seed = users_seed,
    .seed_from = users_seed_from_github,
    .seed_total = 150,
    .any = STATEMENT(USER_ANY),
};

const struct app app_users = {
    .name = "users",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .schema = 5,
    .settings = &github_settings,
    .data = &data,
};
