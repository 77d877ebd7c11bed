/* "POST /orders" and "POST /site/{id}" make a record, whose member id is the id of "/orders/{id}", "/site/{id}" and of
 * what stands below these. */
#include <config.h>

#include "openapi/openapi_link.h"

#include <string.h>

#include "base/jsonout.h"
#include "openapi/openapi_id.h"

#define ID "/{id}"

static bool makes_record(const struct route *route)
{
    const struct statement *statement = route->statement;
    if (route->method != HTTP_POST || statement == NULL || route->members != NULL)
        return false;
    for (unsigned i = 0; i < statement->column_count; i++)
        if (strcmp(statement->columns[i].name, "id") == 0)
            return true;
    return false;
}

static bool is_about(const struct route *route, const struct route *maker)
{
    size_t length = strcspn(maker->path, "{");
    length -= maker->path[length] == '{'; /* its slash */
    return route != maker && route_field_count(route->path_fields) == 1 &&
           strncmp(route->path, maker->path, length) == 0 &&
           strncmp(route->path + length, ID, strlen(ID)) == 0;
}

static void add_link(struct buf *out, const struct route *route)
{
    openapi_add_id(out, route);
    buf_add_char(out, ':');
    jsonout_open(out, '{');
    jsonout_name(out, "operationId");
    openapi_add_id(out, route);
    jsonout_named_raw(out, "parameters", "{\"id\":\"$response.body#/id\"}");
    jsonout_close(out, '}');
}

void openapi_add_links(struct buf *out, const struct app *app, const struct route *route)
{
    bool any = false;
    for (size_t i = 0; makes_record(route) && i < app->route_count; i++) {
        if (!is_about(&app->routes[i], route))
            continue;
        if (!any)
            jsonout_named(out, "links", '{');
        any = true;
        add_link(out, &app->routes[i]);
    }
    if (any)
        jsonout_close(out, '}');
}
