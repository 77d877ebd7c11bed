/* openapi_add_operation: its id and words -> who may -> parameters -> body -> replies. */
#include <config.h>

#include "openapi/openapi_operation.h"

#include <ctype.h>
#include <stdio.h>

#include "base/jsonout.h"
#include "core/reply.h"
#include "openapi/openapi_failure.h"
#include "openapi/openapi_field.h"
#include "openapi/openapi_id.h"
#include "openapi/openapi_link.h"
#include "openapi/openapi_schema.h"
#include "openapi/openapi_security.h"

static void add_words(struct buf *out, const struct app *app, const struct route *route)
{
    jsonout_name(out, "operationId");
    openapi_add_id(out, route);
    jsonout_named_text(out, "summary", route->summary);
    jsonout_named(out, "tags", '[');
    jsonout_text(out, app->name);
    jsonout_close(out, ']');
}

/* ---- parameters and body ---- */

/* A user who tries the operation out sends the examples of optional fields as well, so there is one only where the
 * field has its own. */
static void add_parameters_in(struct buf *out, const struct field *fields, const char *where)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        jsonout_open(out, '{');
        jsonout_named_text(out, "name", fields->name);
        jsonout_named_text(out, "in", where);
        openapi_add_description(out, fields);
        jsonout_named_raw(out, "required", fields->required ? "true" : "false");
        jsonout_name(out, "schema");
        openapi_add_field(out, fields);
        if (fields->required || fields->example != NULL) {
            jsonout_name(out, "example");
            openapi_add_example(out, fields);
        }
        jsonout_close(out, '}');
    }
}

static void add_parameters(struct buf *out, const struct route *route)
{
    jsonout_named(out, "parameters", '[');
    add_parameters_in(out, route->path_fields, "path");
    add_parameters_in(out, route->query, "query");
    openapi_add_route_fields(out, route);
    jsonout_close(out, ']');
}

static void add_body(struct buf *out, const struct route *route)
{
    jsonout_named(out, "requestBody", '{');
    jsonout_named_raw(out, "required", "true");
    jsonout_named(out, "content", '{');
    jsonout_named(out, REPLY_JSON, '{');
    jsonout_name(out, "schema");
    openapi_add_body(out, route);
    jsonout_name(out, "example");
    openapi_add_body_example(out, route->body);
    jsonout_close(out, '}');
    jsonout_close(out, '}');
    jsonout_close(out, '}');
}

/* ---- replies ---- */

static void add_type(struct buf *out, const struct route *route, const char *type)
{
    jsonout_named(out, type, '{');
    jsonout_name(out, "schema");
    openapi_add_reply(out, route);
    jsonout_close(out, '}');
}

static void add_content(struct buf *out, const struct route *route)
{
    jsonout_named(out, "content", '{');
    add_type(out, route, route->content_type != NULL ? route->content_type : REPLY_JSON);
    if (route->other_type != NULL)
        add_type(out, route, route->other_type);
    jsonout_close(out, '}');
}

static void add_reply(struct buf *out, const struct app *app, const struct route *route, int status)
{
    char key[16];
    snprintf(key, sizeof key, "%d", status);
    jsonout_named(out, key, '{');
    jsonout_named_text(out, "description", http_reason(status));
    openapi_add_headers(out, route, status);
    if (status < 300 || status == route->unfit)
        add_content(out, route);
    openapi_add_links(out, app, route);
    jsonout_close(out, '}');
}

static void add_replies(struct buf *out, const struct app *app, const struct route *route)
{
    jsonout_named(out, "responses", '{');
    add_reply(out, app, route, route->status != 0 ? route->status : 200);
    if (route->unfit != 0)
        add_reply(out, app, route, route->unfit);
    openapi_add_route_failures(out, route);
    jsonout_close(out, '}');
}

void openapi_add_operation(struct buf *out, const struct settings *settings, const struct app *app,
                           const struct route *route)
{
    char method[16];
    size_t length = 0;
    for (const char *c = http_method_name(route->method); *c != '\0'; c++)
        method[length++] = (char)tolower((unsigned char)*c);
    method[length] = '\0';
    jsonout_named(out, method, '{');
    add_words(out, app, route);
    openapi_add_security(out, settings, route);
    add_parameters(out, route);
    if (route->body != NULL)
        add_body(out, route);
    add_replies(out, app, route);
    jsonout_close(out, '}');
}
