/* paging_start asks for a row more than the page shows, paging_write says from it whether there is a next page. */
#include <config.h>

#include "core/paging.h"

#include <string.h>

#include "base/text.h"
#include "core/dispatch.h"
#include "core/rows.h"
#include "core/statements.h"

const struct field paging_path[] = {
    {.name = "offset",
     .type = FIELD_INT,
     .required = true,
     .least = 0,
     .most = INT64_MAX,
     .about = "records left out"},
    {.name = "count",
     .type = FIELD_INT,
     .required = true,
     .least = 1,
     .most = PAGING_MAX,
     .about = "records a page"},
    {.name = NULL},
};

const struct field paging_query[] = {
    {.name = "limit",
     .type = FIELD_INT,
     .least = 1,
     .most = PAGING_MAX,
     .about = "records a page; 1000 when not said"},
    {.name = "after",
     .type = FIELD_INT,
     .least = INT64_MIN,
     .most = INT64_MAX,
     .about = "ids above this one"},
    {.name = NULL},
};

int paging_rows(const struct answering *answering, int limit)
{
    const struct db_answer *answer = answering->answer;
    int count = answer->count > limit ? limit : answer->count;
    rows_add_array(&answering->reply->body, answering->statement, answer->rows, answer->first, count);
    return count;
}

int64_t paging_last_id(const struct db_answer *answer, int count, int column)
{
    int64_t last = 0;
    if (count > 0)
        text_int(answer->rows->value(answer->rows, answer->first + count - 1, column), &last);
    return last;
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
                                 value_or(request, "count", value_or(request, "limit", PAGING_MAX)) + 1},
        [LIST_PAGE_OFFSET] = {.integer = value_or(request, "offset", 0)},
        [LIST_PAGE_AFTER] = {.integer = value_or(request, "after", INT64_MIN)}};
    dispatch(request, request->route->statement, params);
}

void paging_write(const struct answering *answering)
{
    const struct route *route = answering->route;
    const struct db_answer *answer = answering->answer;
    struct reply *reply = answering->reply;
    long long limit = answering->params[LIST_PAGE_LIMIT].integer - 1,
              offset = answering->params[LIST_PAGE_OFFSET].integer;
    int base = (int)strcspn(route->path + 1, "/") + 1; /* "/sites" */
    int count = paging_rows(answering, (int)limit);
    if (route_field(route, "after") >= 0) {
        if (answer->count > count)
            reply_add_link(reply, "next", "%s?limit=%lld&after=%lld", route->path, limit,
                           (long long)paging_last_id(answer, count, 0));
        reply_add_link(reply, "first", "%s?limit=%lld", route->path, limit);
        return;
    }
    if (answer->count > count)
        reply_add_link(reply, "next", "%.*s/%lld/%lld", base, route->path, offset + limit, limit);
    if (offset > 0)
        reply_add_link(reply, "prev", "%.*s/%lld/%lld", base, route->path,
                       offset > limit ? offset - limit : 0, limit);
    reply_add_link(reply, "first", "%.*s/0/%lld", base, route->path, limit);
}
