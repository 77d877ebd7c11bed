/* own_settle goes through the fields of the route (settle), and refuses or fills in each that is somebody's own. */
#include <config.h>

#include "core/own.h"

#include "core/keys.h"

struct slice own_name(const struct request *request)
{
    bool bound = request->key != NULL && request->key->takers_own;
    return slice_of(bound ? request->key->name : NULL);
}

/* Without the name the request would not be right, and with it it is. */
static bool is_needed(const struct route *route, struct value *values, struct value *value,
                      const struct value *filled)
{
    struct value before = *value;
    if (route->clash == NULL || route->clash(values) == NULL)
        return false;
    *value = *filled;
    bool needed = route->clash(values) == NULL;
    *value = before;
    return needed;
}

static void fill(struct request *request, const struct field *field, struct value *value, struct slice name)
{
    struct value filled = {.present = true, .text = name};
    if (field->own == FIELD_OWN ||
        (field->own == FIELD_OWN_IF_NEEDED && is_needed(request->route, request->values, value, &filled)))
        *value = filled;
}

/* One field. "kind" is what it is called in messages. */
static bool settle(struct request *request, const struct field *field, struct value *value, const char *kind)
{
    struct slice name = own_name(request);
    if (name.ptr != NULL && value->present && !slice_equal(value->text, name)) {
        request_problem(request, 403, "%s must be %s, the name of the API key, which speaks for no other.",
                        field->name, request->key->name);
        return false;
    }
    if (name.ptr != NULL && !value->present)
        fill(request, field, value, name);
    if (field->required && !value->present) {
        request_problem(request, 400, "The %s %s is missing.", kind, field->name);
        return false;
    }
    return true;
}

bool own_settle(struct request *request)
{
    const struct route *route = request->route;
    const struct {
        const struct field *fields;
        const char *kind;
    } groups[] = {{route->query, "query parameter"}, {route->body, "member"}};
    size_t index = route_field_count(route->path_fields);
    for (size_t group = 0; group < 2; group++)
        for (const struct field *field = groups[group].fields; field != NULL && field->name != NULL;
             field++, index++)
            if (field->own != FIELD_ANYBODYS &&
                !settle(request, field, &request->values[index], groups[group].kind))
                return false;
    return true;
}
