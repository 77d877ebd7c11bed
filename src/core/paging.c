#include <config.h>

#include "core/paging.h"

#include <string.h>

#include "core/rows.h"

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

int paging_rows(const struct stmt *stmt, const struct db_answer *answer, int limit, struct reply *reply)
{
    int count = answer->count > limit ? limit : answer->count;
    rows_add_array(&reply->body, stmt, answer->rows, answer->first, count);
    return count;
}

bool paging_prepare(struct request *request, struct stmt **statement, struct db_param *params)
{
    int offset = route_field(request->route, "offset"), count = route_field(request->route, "count");
    (void)statement;
    params[0].integer = (count < 0 ? PAGING_MAX : request->values[count].integer) + 1;
    params[1].integer = offset < 0 ? 0 : request->values[offset].integer;
    return true;
}

void paging_answer(const struct route *route, const struct stmt *stmt, const struct db_param *params,
                   const struct db_answer *answer, struct reply *reply)
{
    long long limit = params[0].integer - 1, offset = params[1].integer;
    int base = (int)strcspn(route->path + 1, "/") + 1; /* "/sites" */
    int count = paging_rows(stmt, answer, (int)limit, reply);
    if (answer->count > count)
        reply_add_link(reply, "next", "%.*s/%lld/%lld", base, route->path, offset + limit, limit);
    if (offset > 0)
        reply_add_link(reply, "prev", "%.*s/%lld/%lld", base, route->path,
                       offset > limit ? offset - limit : 0, limit);
    reply_add_link(reply, "first", "%.*s/0/%lld", base, route->path, limit);
}
