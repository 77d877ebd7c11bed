/* openapi_write: what the API is called -> the apps as tags -> each path with its operations (openapi_operation.h)
 * -> what operations share. */
#include <config.h>

#include "openapi/openapi.h"

#include <string.h>

#include "base/jsonout.h"
#include "openapi/openapi_failure.h"
#include "openapi/openapi_field.h"
#include "openapi/openapi_operation.h"
#include "openapi/openapi_schema.h"
#include "openapi/openapi_security.h"

#define ABOUT                                                                                                \
    "HEAD works wherever GET does, and a path with and without a slash at its end. Members and parameters "  \
    "that "                                                                                                  \
    "are not listed are refused. A method that a path does not have is answered with 405 and Allow."

static void add_info(struct buf *out)
{
    jsonout_named_text(out, "openapi", "3.1.0");
    jsonout_named(out, "info", '{');
    jsonout_named_text(out, "title", "Rowlock");
    jsonout_named_text(out, "summary", "JSON APIs over PostgreSQL or SQLite");
    jsonout_named_text(out, "description", ABOUT);
    jsonout_named_text(out, "version", PACKAGE_VERSION);
    jsonout_named_raw(out, "license", "{\"name\":\"MIT\",\"identifier\":\"MIT\"}");
    jsonout_close(out, '}');
    jsonout_named_raw(out, "servers", "[{\"url\":\"/\",\"description\":\"where this document is\"}]");
}

static void add_tags(struct buf *out, const struct app *const *apps)
{
    jsonout_named(out, "tags", '[');
    for (size_t i = 0; apps[i] != NULL; i++) {
        jsonout_open(out, '{');
        jsonout_named_text(out, "name", apps[i]->name);
        jsonout_close(out, '}');
    }
    jsonout_close(out, ']');
}

static bool is_operation(const struct route *route, const struct settings *settings)
{
    return !route->for_people && route_is_served(route, settings);
}

/* The operations of one path stand together. */
static void add_path(struct buf *out, const struct settings *settings, const struct app *app,
                     const char *path)
{
    jsonout_named(out, path, '{');
    for (size_t i = 0; i < app->route_count; i++)
        if (is_operation(&app->routes[i], settings) && strcmp(app->routes[i].path, path) == 0)
            openapi_add_operation(out, settings, app, &app->routes[i]);
    jsonout_close(out, '}');
}

static void add_paths(struct buf *out, const struct settings *settings, const struct app *const *apps)
{
    jsonout_named(out, "paths", '{');
    for (size_t i = 0; apps[i] != NULL; i++)
        for (size_t k = 0; k < apps[i]->route_count; k++)
            if (is_operation(&apps[i]->routes[k], settings) && !route_path_is_known(apps[i]->routes, k))
                add_path(out, settings, apps[i], apps[i]->routes[k].path);
    jsonout_close(out, '}');
}

/* Whether a route before this one has rows of the same list. */
static bool is_described(const struct app *const *apps, const struct route *before, const char *row)
{
    for (size_t i = 0; apps[i] != NULL; i++)
        for (size_t k = 0; k < apps[i]->route_count; k++) {
            const struct route *route = &apps[i]->routes[k];
            if (route == before)
                return false;
            if (route->statement != NULL && route->statement->row != NULL &&
                strcmp(route->statement->row, row) == 0)
                return true;
        }
    return false;
}

static void add_schemas(struct buf *out, const struct app *const *apps)
{
    jsonout_named(out, "schemas", '{');
    openapi_add_problem_schema(out);
    for (size_t i = 0; apps[i] != NULL; i++)
        for (size_t k = 0; k < apps[i]->route_count; k++) {
            const struct statement *statement = apps[i]->routes[k].statement;
            if (statement == NULL || statement->row == NULL ||
                is_described(apps, &apps[i]->routes[k], statement->row))
                continue;
            jsonout_name(out, statement->row);
            openapi_add_columns(out, statement);
        }
    jsonout_close(out, '}');
}

void openapi_write(struct buf *out, const struct settings *settings, const struct app *const *apps)
{
    jsonout_open(out, '{');
    add_info(out);
    add_tags(out, apps);
    add_paths(out, settings, apps);
    jsonout_named(out, "components", '{');
    add_schemas(out, apps);
    openapi_add_failures(out);
    openapi_add_request_fields(out);
    openapi_add_reply_fields(out);
    openapi_add_schemes(out);
    jsonout_close(out, '}');
    jsonout_close(out, '}');
    buf_add_char(out, '\n');
}
