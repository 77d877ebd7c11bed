/* Lists in pages: paging_start asks for one row more than the page shows; paging_write tells by that row whether
 * there is a next page. */
#include <config.h>

#include "core/paging.h"

#include <string.h>

#include "base/text.h"
#include "core/obtain.h"
#include "core/rows.h"
#include "core/statements.h"

const struct field paging_path[] = {
    {.name = "offset",
     .type = FIELD_INT,
     .required = true,
     .min = 0,
     .max = INT64_MAX,
     .about = "records left out"},
    {.name = "count", FIELD_OF_LIMIT, .required = true, .about = "records a page"},
    {.name = NULL},
};

const struct field paging_query[] = {
    PAGING_LIMIT,
    PAGING_AFTER,
    {.name = NULL},
};

bool paging_rows(const struct answering *answering, long long limit, int column, long long *last)
{
    const struct db_answer *answer = answering->answer;
    const struct db_rows *rows = answer->rows;
    int64_t id = 0;
    bool more = answer->count > limit;
    int count = more ? (int)limit : answer->count;
    rows_add_array(&answering->reply->body, answering->statement, rows, answer->first, count);
    if (more)
        text_int(rows->value(rows, answer->first + count - 1, column), &id);
    *last = id;
    return more;
}

/* The value of a field that the route may lack or the request may have left out. */
static int64_t value_or(const struct request *request, const char *name, int64_t otherwise)
{
    int field = route_field(request->route, name);
    return field >= 0 && request->values[field].present ? request->values[field].integer : otherwise;
}

void paging_start(struct request *request)
{
    struct db_param params[DB_PARAMS_MAX] = {
        [LIST_PAGE_LIMIT] = {.integer =
                                 value_or(request, "count", value_or(request, "limit", ROUTE_LIMIT_MAX)) + 1},
        [LIST_PAGE_OFFSET] = {.integer = value_or(request, "offset", 0)},
        [LIST_PAGE_AFTER] = {.integer = value_or(request, "after", INT64_MIN)}};
    obtain_answer(request, request->route->statement, params);
}

void paging_write(const struct answering *answering)
{
    const struct route *route = answering->route;
    struct reply *reply = answering->reply;
    long long limit = answering->params[LIST_PAGE_LIMIT].integer - 1,
              offset = answering->params[LIST_PAGE_OFFSET].integer, last;
    int base = (int)strcspn(route->path + 1, "/") + 1; /* "/sites" */
    bool more = paging_rows(answering, limit, 0, &last);
    if (route_field(route, "after") >= 0) {
        if (more)
            reply_add_link(reply, "next", "%s?limit=%lld&after=%lld", route->path, limit, last);
        reply_add_link(reply, "first", "%s?limit=%lld", route->path, limit);
        return;
    }
    if (more)
        reply_add_link(reply, "next", "%.*s/%lld/%lld", base, route->path, offset + limit, limit);
    if (offset > 0)
        reply_add_link(reply, "prev", "%.*s/%lld/%lld", base, route->path,
                       offset > limit ? offset - limit : 0, limit);
    reply_add_link(reply, "first", "%.*s/0/%lld", base, route->path, limit);
}
