/* bind_fields looks for each parameter of the statement among the fields of the route. */
#include <config.h>

#include "core/bind.h"

#include <string.h>

/* The members of the body that were given, normalised, as one JSON object. */
static struct slice body_json(struct request *request)
{
    struct buf out = BUF_INIT(8 * (size_t)HTTP_BODY_MAX);
    const struct route *route = request->route;
    const struct value *values =
        request->values + route_field_count(route->path_fields) + route_field_count(route->query);
    for (size_t i = 0; route->body != NULL && route->body[i].name != NULL; i++) {
        const struct field *field = &route->body[i];
        if (!values[i].present || field->equals != NULL)
            continue;
        buf_printf(&out, "%c\"%s\":", out.len == 0 ? '{' : ',', route_column(field));
        if (values[i].null)
            buf_add_string(&out, "null");
        else if (field->type == FIELD_INT)
            buf_add_int(&out, values[i].integer);
        else
            buf_add_json(&out, values[i].text);
    }
    buf_add_string(&out, out.len == 0 ? "{}" : "}");
    struct slice json = arena_dup(&request->arena, buf_slice(&out));
    buf_fini(&out);
    return json;
}

void bind_fields(struct request *request, const struct statement *statement,
                 struct db_param params[DB_PARAMS_MAX])
{
    memset(params, 0, DB_PARAMS_MAX * sizeof *params);
    for (unsigned i = 0; i < statement->param_count; i++) {
        if (strcmp(statement->params[i].name, "body") == 0) {
            params[i].text = body_json(request);
            continue;
        }
        int field = route_field(request->route, statement->params[i].name);
        const struct value *value = field < 0 ? NULL : &request->values[field];
        params[i].null = value == NULL || !value->present || value->null;
        if (!params[i].null) {
            params[i].integer = value->integer;
            params[i].text = value->text;
        }
    }
}
