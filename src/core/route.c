/* What follows from the table of routes: fields by name and number, and which routes have entity tags. */
#include <config.h>

#include "core/route.h"

#include <string.h>

#include "core/settings.h"

const char *route_column(const struct field *field)
{
    return field->column != NULL ? field->column : field->name;
}

int route_field(const struct route *route, const char *column)
{
    const struct field *groups[] = {route->path_fields, route->query, route->body};
    int index = 0;
    for (size_t group = 0; group < 3; group++)
        for (const struct field *field = groups[group]; field != NULL && field->name != NULL; field++) {
            if (strcmp(route_column(field), column) == 0)
                return index;
            index++;
        }
    return -1;
}

size_t route_field_count(const struct field *fields)
{
    size_t count = 0;
    while (fields != NULL && fields[count].name != NULL)
        count++;
    return count;
}

bool route_is_served(const struct route *route, const struct settings *settings)
{
    bool left_out = route->for_people && settings->no_pages;
    return !left_out && !(route->for_operators_alone && settings->metrics_listen != NULL);
}

bool route_path_is_known(const struct route *routes, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (routes[i].for_people == routes[index].for_people &&
            strcmp(routes[i].path, routes[index].path) == 0)
            return true;
    return false;
}

bool route_has_tag(const struct route *route)
{
    return route->shape != REPLY_NONE &&
           (route->method == HTTP_GET || (route->method == HTTP_POST && route->guard != NULL));
}

bool route_has_read_conditions(const struct route *route)
{
    return route->method == HTTP_GET && route_has_tag(route);
}

bool route_has_write_conditions(const struct route *route)
{
    return route->guard != NULL;
}
