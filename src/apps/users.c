/* Profiles of GitHub users: listed in pages, by any mix of filters; and where the page of an old address is now. */
#include <config.h>

#include <ctype.h>

#include "apps/apps.h"
#include "apps/users_page.h"
#include "apps/users_seed.h"
#include "base/text.h"
#include "core/obtain.h"
#include "core/paging.h"

#define PAGE_BUILT_IN 25
#define TERM_MAX USERS_PAGE_TERM_MAX
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

static const struct field list_query[] = {
    {.name = "page", .type = FIELD_INT, .min = 1, .max = INT64_MAX, .about = "from 1, which is built in"},
    {.name = "pagination", FIELD_OF_LIMIT, .about = "records a page; 25 is built in"},
    {.name = "order_by",
     .type = FIELD_ENUM,
     .choices = users_page_orders,
     .about = "by id, or by type and then id"},
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
        [USERS_PAGE_BY_ID] = {STATEMENT(USER_PAGE), STATEMENT(USER_SEARCH)},
        [USERS_PAGE_BY_TYPE] = {STATEMENT(USER_PAGE_BY_TYPE), STATEMENT(USER_SEARCH_BY_TYPE)}};
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
    if (values[LIST_AFTER].present && values[LIST_ORDER].integer != USERS_PAGE_BY_ID) {
        request_problem(request, 400, "The query parameter after goes with order_by=id alone.");
        return;
    }
    struct db_param params[DB_PARAMS_MAX] = {[LIST_USER_PAGE_LIMIT] = {.integer = limit + 1}};
    if (__builtin_mul_overflow(page - 1, limit, &params[LIST_USER_PAGE_OFFSET].integer))
        params[LIST_USER_PAGE_OFFSET].integer = INT64_MAX;
    params[LIST_USER_PAGE_USERNAME] = (struct db_param){.null = !term->present, .text = term->text};
    params[LIST_USER_PAGE_ID] = (struct db_param){.null = !id->present, .integer = id->integer};
    params[LIST_USER_PAGE_ORDER_BY].text = slice_of(users_page_orders[values[LIST_ORDER].integer]);
    params[LIST_USER_PAGE_AFTER].integer =
        values[LIST_AFTER].present ? values[LIST_AFTER].integer : INT64_MIN;
    obtain_answer(request, statement_for(values), params);
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

/* A page by its number has a number before it and behind it; one by keyset (after) has neither. */
static void write_head(struct buf *body, bool has_prev, bool has_next, int64_t page)
{
    buf_printf(body, "{\"has_prev\":%s,\"has_next\":%s,\"prev_num\":", has_prev ? "true" : "false",
               has_next ? "true" : "false");
    if (has_prev)
        buf_add_int(body, page - 1);
    else
        buf_add_string(body, "null");
    buf_add_string(body, ",\"next_num\":");
    if (has_next && page > 0)
        buf_add_int(body, page + 1);
    else
        buf_add_string(body, "null");
    buf_add_string(body, ",\"users\":");
}

static void add_links(struct reply *reply, const struct db_param *params, bool more, long long page,
                      long long last)
{
    bool keyset = page == 0;
    if (more)
        add_link(reply, "next", params, keyset ? "after" : "page", keyset ? last : page + 1);
    if (page > 1)
        add_link(reply, "prev", params, "page", page - 1);
    add_link(reply, "first", params, keyset ? "after" : "page", keyset ? 0 : 1);
}

static void write_list(const struct answering *answering)
{
    const struct db_param *params = answering->params;
    struct buf *body = &answering->reply->body;
    bool keyset = params[LIST_USER_PAGE_AFTER].integer != INT64_MIN;
    long long limit = params[LIST_USER_PAGE_LIMIT].integer - 1,
              page = keyset ? 0 : params[LIST_USER_PAGE_OFFSET].integer / limit + 1, last;
    write_head(body, page > 1, answering->answer->count > limit, page);
    bool more = paging_rows(answering, limit, LIST_USER_ID, &last);
    buf_add_char(body, '}');
    add_links(answering->reply, params, more, page, last);
}

static const struct member list_members[] = {
    {.name = "has_prev", .type = COLUMN_BOOL},
    {.name = "has_next", .type = COLUMN_BOOL},
    {.name = "prev_num", .type = COLUMN_INT, .nullable = true},
    {.name = "next_num", .type = COLUMN_INT, .nullable = true},
    {.name = "users", .rows = true},
    {.name = NULL},
};

/* ---- GET /users/page/{page} ---- */

enum {
    OLD_PAGE,
    OLD_PAGINATION,
};

static const struct field old_query[] = {
    {.name = "pagination", FIELD_OF_LIMIT, .about = "records a page"},
    {.name = NULL},
};

static void start_old(struct request *request)
{
    const struct value *values = request->values;
    struct reply *reply = request_reply(request);
    reply->status = request->route->status;
    reply->content_type = NULL;
    buf_printf(&reply->fields, "Location: /users/%lld", (long long)values[OLD_PAGE].integer);
    if (values[OLD_PAGINATION].present)
        buf_printf(&reply->fields, "?pagination=%lld", (long long)values[OLD_PAGINATION].integer);
    buf_add_string(&reply->fields, "\r\n");
    request_send(request, reply);
}

/* ---- the table ---- */

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/api/users/profiles",
     .summary = "Profiles of GitHub users by page, filtered at will",
     .scope = SCOPE_USERS_READ,
     .query = list_query,
     .statement = STATEMENT(USER_PAGE),
     .members = list_members,
     .shape = REPLY_PAGE,
     .start = start_list,
     .write = write_list,
     .cached = true},
    {.method = HTTP_GET,
     .path = "/users/page/{page}",
     .summary = "Leads to /users/{page}",
     .scope = SCOPE_USERS_READ,
     .path_fields = users_page_path,
     .query = old_query,
     .status = 302,
     .start = start_old},
    {.method = HTTP_GET,
     .path = "/users",
     .summary = "Profiles of GitHub users",
     .scope = SCOPE_USERS_READ,
     .for_people = true,
     .query = users_page_query,
     .page = &users_page},
    {.method = HTTP_GET,
     .path = "/users/{page}",
     .summary = "Profiles of GitHub users, a page",
     .scope = SCOPE_USERS_READ,
     .for_people = true,
     .path_fields = users_page_path,
     .query = users_page_query,
     .page = &users_page},
};

static const struct app_data data = {
    .seed = users_seed,
    .seed_from = users_seed_from_github,
    .seed_total = 150,
    .any_record = STATEMENT(USER_ANY),
};

const struct app app_users = {
    .name = "users",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .schema = 5,
    .settings = &github_settings,
    .data = &data,
};
