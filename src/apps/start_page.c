/* add_apps -> add_app -> add_call: each app with its pages and its first calls, as they stand in the table. */
#include <config.h>

#include "apps/start_page.h"

#include "base/jsonout.h"
#include "base/text.h"
#include "core/app.h"
#include "core/request.h"
#include "core/server.h"
#include "openapi/openapi_schema.h"

#define CALLS_MAX 5 /* of an app; the document has all */
#define EXAMPLE_MAX 1024

/* ---- a call ---- */

/* The example of a field as it stands in an address. */
static void add_example(struct buf *target, const struct field *field)
{
    struct buf json = BUF_INIT(EXAMPLE_MAX);
    openapi_add_example(&json, field);
    bool quoted = json.len >= 2 && json.data[0] == '"';
    text_add_percent_encoded(target, (struct slice){json.data + quoted, json.len - 2 * (size_t)quoted});
    buf_fini(&json);
}

/* "/orders/{id}" with an example in the place of each name. */
static void add_path(struct buf *target, const struct route *route)
{
    const struct field *field = route->path_fields;
    for (const char *at = route->path; *at != '\0';) {
        if (*at != '{') {
            buf_add_char(target, *at++);
            continue;
        }
        add_example(target, field++);
        at += strcspn(at, "}") + 1;
    }
}

static bool is_shown(const struct field *field)
{
    return field->required || field->example != NULL;
}

static void add_query(struct buf *target, const struct route *route)
{
    char before = '?';
    for (const struct field *field = route->query; field != NULL && field->name != NULL; field++) {
        if (!is_shown(field))
            continue;
        buf_printf(target, "%c%s=", before, field->name);
        add_example(target, field);
        before = '&';
    }
}

static void add_named(struct buf *data, const char *name, struct buf *text)
{
    jsonout_name(data, name);
    buf_add_json(data, buf_slice(text));
    buf_fini(text);
}

static void add_call(struct buf *data, const struct route *route)
{
    struct buf target = BUF_INIT(EXAMPLE_MAX), body = BUF_INIT(EXAMPLE_MAX);
    jsonout_open(data, '{');
    jsonout_named_text(data, "summary", route->summary);
    jsonout_named_text(data, "method", route->method == HTTP_GET ? "" : http_method_name(route->method));
    add_path(&target, route);
    add_query(&target, route);
    add_named(data, "target", &target);
    if (route->body != NULL)
        openapi_add_body_example(&body, route->body);
    add_named(data, "body", &body);
    jsonout_close(data, '}');
}

/* ---- apps ---- */

static void add_pages(struct buf *data, const struct app *app)
{
    jsonout_named(data, "pages", '[');
    for (size_t i = 0; i < app->route_count; i++) {
        const struct route *route = &app->routes[i];
        if (!page_is_in_menu(route))
            continue;
        jsonout_open(data, '{');
        jsonout_named_text(data, "path", route->path);
        jsonout_named_text(data, "title", route->page->title);
        jsonout_close(data, '}');
    }
    jsonout_close(data, ']');
}

static void add_app(struct buf *data, const struct app *app)
{
    size_t calls = 0;
    jsonout_open(data, '{');
    jsonout_named_text(data, "name", app->name);
    add_pages(data, app);
    jsonout_named(data, "calls", '[');
    for (size_t i = 0; i < app->route_count && calls < CALLS_MAX; i++) {
        if (app->routes[i].for_people)
            continue;
        add_call(data, &app->routes[i]);
        calls++;
    }
    jsonout_close(data, ']');
    jsonout_close(data, '}');
}

/* The first is what operators ask. */
static void add_apps(const struct request *request, struct buf *data)
{
    jsonout_named(data, "apps", '[');
    for (const struct app *const *app = server_apps(request->server) + 1; *app != NULL; app++)
        add_app(data, *app);
    jsonout_close(data, ']');
}

static const struct page_read reads[] = {
    {.name = "health", .target = "/healthcheck"},
    {.name = NULL},
};

const struct page start_page = {
    .title = "Rowlock",
    .template = TEMPLATE(START),
    .reads = reads,
    .sole = true,
    .add = add_apps,
};
