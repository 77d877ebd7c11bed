/* What operators and their machines ask: is it alive, is it ready, what does it serve. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "apps/apps.h"
#include "apps/sign_in_page.h"
#include "apps/start_page.h"
#include "base/hash.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "core/accept.h"
#include "core/gauges.h"
#include "core/readiness.h"
#include "core/request.h"
#include "core/server.h"
#include "core/sign_in.h"
#include "http/http.h"
#include "metrics/metrics_text.h"
#include "openapi/openapi.h"
#include "web/asset.h"

/* ---- GET /healthcheck, GET /health ---- */

static const char *const statuses[] = {"pass", "warn", "fail", NULL};

/* What could not be looked at is a warning, too. */
static const char *status_word(enum check_status status)
{
    return status == CHECK_PASS ? statuses[0] : status == CHECK_FAIL ? statuses[2] : statuses[1];
}

static const struct member check_members[] = {
    {.name = "status", .type = COLUMN_TEXT, .choices = statuses},
    {.name = "output", .type = COLUMN_TEXT, .optional = true},
    {.name = NULL},
};

static const struct member checks_members[] = {
    {.name = "database", .array = check_members},
    {.name = "schema", .array = check_members},
    {.name = "drain", .array = check_members},
    {.name = "synchronous_commit", .array = check_members, .optional = true},
    {.name = "standby", .array = check_members, .optional = true},
    {.name = "replication", .array = check_members, .optional = true},
    {.name = "latency", .array = check_members, .optional = true},
    {.name = "disk", .array = check_members, .optional = true},
    {.name = NULL},
};

static const struct member health_members[] = {
    {.name = "status", .type = COLUMN_TEXT, .choices = statuses},
    {.name = "version", .type = COLUMN_TEXT},
    {.name = "checks", .object = checks_members},
    {.name = "output", .type = COLUMN_TEXT, .optional = true},
    {.name = NULL},
};

/* As the route says. */
static struct reply *begin(struct request *request)
{
    struct reply *reply = request_reply(request);
    reply->content_type = request->route->content_type;
    if (request->route->no_store)
        buf_add_string(&reply->fields, "Cache-Control: no-store\r\n");
    return reply;
}

static void add_check(struct buf *body, const struct readiness_check *check)
{
    buf_printf(body, "\"%s\":[{\"status\":\"%s\"", check->name, status_word(check->status));
    if (check->status != CHECK_PASS) {
        buf_add_string(body, ",\"output\":");
        buf_add_json(body, slice_of(check->reason));
    }
    buf_add_string(body, "}]");
}

/* The first that has that status; NULL: none. */
static const struct readiness_check *first_of(const struct readiness_check *checks, size_t count,
                                              enum check_status status)
{
    for (size_t i = 0; i < count; i++)
        if (checks[i].status == status)
            return &checks[i];
    return NULL;
}

static void add_output(struct buf *body, const struct readiness_check *check)
{
    char output[320];
    snprintf(output, sizeof output, "%s: %s", check->name, check->reason);
    buf_add_string(body, ",\"output\":");
    buf_add_json(body, slice_of(output));
}

#define CHECKS (READINESS_CHECKS + READINESS_WARNINGS)

/* application/health+json (draft-inadarei-api-health-check-06): the answer is known before it is asked for. Anybody may
 * ask, so what the database itself said is left to the log. What is degraded is there only while it is. */
static void healthcheck(struct request *request)
{
    struct reply *reply = begin(request);
    struct buf *body = &reply->body;
    struct readiness_check checks[CHECKS];
    server_check(request->server, false, checks);
    server_warn(request->server, checks + READINESS_CHECKS);
    const struct readiness_check *failed = first_of(checks, CHECKS, CHECK_FAIL),
                                 *wrong = failed != NULL ? failed : first_of(checks, CHECKS, CHECK_WARN);
    reply->status = failed == NULL ? 200 : request->route->unfit;
    if (failed != NULL)
        buf_add_string(&reply->fields, "Retry-After: 1\r\n");
    buf_printf(body, "{\"status\":\"%s\",\"version\":\"%s\",\"checks\":{",
               status_word(wrong != NULL ? wrong->status : CHECK_PASS), PACKAGE_VERSION);
    for (size_t i = 0; i < CHECKS; i++) {
        if (i >= READINESS_CHECKS && checks[i].status == CHECK_PASS)
            continue;
        buf_add_string(body, i > 0 ? "," : "");
        add_check(body, &checks[i]);
    }
    buf_add_char(body, '}');
    if (wrong != NULL)
        add_output(body, wrong);
    buf_add_char(body, '}');
    request_send(request, reply);
}

static void health(struct request *request)
{
    struct reply *reply = begin(request);
    buf_add_string(&reply->body, "UP\n");
    request_send(request, reply);
}

/* ---- GET /metrics: what all processes of this server have counted ---- */

static void metrics(struct request *request)
{
    bool open = accept_is(request->http->head, SLICE("application/openmetrics-text"));
    struct reply *reply = begin(request);
    buf_add_string(&reply->fields, "Vary: Accept\r\n");
    reply->content_type = open ? request->route->other_type : request->route->content_type;
    gauges_sample(request->server);
    metrics_write(&reply->body, open ? METRICS_OPENMETRICS : METRICS_PROMETHEUS);
    request_send(request, reply);
}

/* ---- GET /openapi.json: made when it is asked for first ---- */

static void openapi(struct request *request)
{
    struct buf *document = server_state(request->server, &app_operations);
    struct reply *reply = request_reply(request);
    if (document->len == 0)
        openapi_write(document, server_settings(request->server), server_apps(request->server));
    buf_add_slice(&reply->body, buf_slice(document));
    reply_add_etag(reply, ETAG_STRONG);
    request_send(request, reply);
}

static void *operations_start(struct loop *loop, const struct settings *settings, char **error)
{
    struct buf *document = mem_new(sizeof *document);
    (void)loop, (void)settings, (void)error;
    *document = BUF_INIT(OPENAPI_SIZE_MAX);
    return document;
}

static void operations_stop(void *state)
{
    buf_fini(state);
    free(state);
}

/* ---- GET /: the apps and their addresses, unless Accept asks for HTML ---- */

static void root(struct request *request)
{
    const struct settings *settings = server_settings(request->server);
    struct reply *reply = request_reply(request);
    struct buf *body = &reply->body;
    jsonout_open(body, '{');
    for (const struct app *const *app = server_apps(request->server); *app != NULL; app++) {
        jsonout_named(body, (*app)->name, '[');
        for (size_t i = 0; i < (*app)->route_count; i++)
            if (!(*app)->routes[i].for_people && route_is_served(&(*app)->routes[i], settings) &&
                !route_path_is_known((*app)->routes, i))
                jsonout_text(body, (*app)->routes[i].path);
        jsonout_close(body, ']');
    }
    jsonout_close(body, '}');
    reply_add_etag(reply, ETAG_STRONG);
    buf_add_string(&reply->fields, "Vary: Accept\r\n");
    request_send(request, reply);
}

/* ---- GET /assets/{name}, GET /favicon.ico: what pages load ---- */

/* What has a checksum in its name never changes; the icon may, with the next version. */
#define KEPT_FOR_EVER "public, max-age=31536000, immutable"
#define KEPT_FOR_A_DAY "public, max-age=86400"

static const struct field asset_path[] = {
    {.name = "name",
     FIELD_OF_TEXT(ASSET_NAME_MAX),
     .required = true,
     .about = "of a file, with its checksum"},
    {.name = NULL},
};

/* Compressed it stands in the program; whoever does not take that has it made anew. */
static void write_asset(struct reply *reply, const struct asset *asset, bool gzip)
{
    reply->content_type = asset->type;
    reply->gzip = asset->gzip;
    etag_write(reply->etag, ETAG_STRONG, hash_bytes(slice_of(asset->name), 0));
    char *room = gzip ? NULL : buf_room(&reply->body, asset->length);
    if (room != NULL && coding_gunzip(asset->gzip, room, asset->length))
        reply->body.len += asset->length;
    else if (!gzip)
        reply->body.failed = true;
}

static void send_asset(struct request *request, const struct asset *asset, const char *kept)
{
    struct reply *reply = request_reply(request);
    request->takes_gzip = coding_is_accepted(request->http->head);
    buf_printf(&reply->fields, "Cache-Control: %s\r\n", kept);
    write_asset(reply, asset, request->takes_gzip);
    request_send(request, reply);
}

static void asset(struct request *request)
{
    const struct asset *found = asset_find(request->values[0].text);
    if (found == NULL)
        request_problem(request, 404, "%s", request->route->missing);
    else
        send_asset(request, found, KEPT_FOR_EVER);
}

/* Browsers ask for it by themselves beside what names no icon, such as a document of JSON. */
static void favicon(struct request *request)
{
    send_asset(request, asset_of(SLICE("icon.svg")), KEPT_FOR_A_DAY);
}

/* ---- GET /docs ---- */

static const struct page docs_page = {.title = "API", .template = TEMPLATE(DOCS)};

/* ---- the table ---- */

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/healthcheck",
     .any_host = true,
     .unlimited = true,
     .summary = "Whether requests should be sent here",
     .scope = SCOPE_OPEN,
     .content_type = "application/health+json",
     .members = health_members,
     .unfit = 503,
     .no_store = true,
     .for_operators = true,
     .start = healthcheck},
    {.method = HTTP_GET,
     .path = "/health",
     .any_host = true,
     .unlimited = true,
     .summary = "UP while the process lives",
     .scope = SCOPE_OPEN,
     .content_type = "text/plain; charset=utf-8",
     .for_operators = true,
     .start = health},
    {.method = HTTP_GET,
     .path = "/metrics",
     .summary = "What was counted, for Prometheus",
     .scope = SCOPE_METRICS_READ,
     .content_type = METRICS_PROMETHEUS_TYPE,
     .other_type = METRICS_OPENMETRICS_TYPE,
     .no_store = true,
     .for_operators = true,
     .for_operators_alone = true,
     .start = metrics},
    {.method = HTTP_GET,
     .path = "/openapi.json",
     .summary = "This document",
     .scope = SCOPE_OPEN,
     .shape = REPLY_OBJECT,
     .start = openapi},
    {.method = HTTP_GET,
     .path = "/",
     .summary = "The apps that are served, and their addresses",
     .scope = SCOPE_OPEN,
     .shape = REPLY_OBJECT,
     .page = &start_page,
     .start = root},
    {.method = HTTP_GET,
     .path = "/docs",
     .summary = "The API's document to read and to try out (Swagger UI)",
     .scope = SCOPE_OPEN,
     .for_people = true,
     .page = &docs_page},
    {.method = HTTP_GET,
     .path = SIGN_IN_PATH,
     .summary = "Where people give their API key",
     .scope = SCOPE_OPEN,
     .for_people = true,
     .query = sign_in_query,
     .page = &sign_in_page},
    {.method = HTTP_POST,
     .path = SIGN_IN_PATH,
     .summary = "Sign in with an API key",
     .scope = SCOPE_OPEN,
     .for_people = true,
     .start = sign_in_start},
    {.method = HTTP_POST,
     .path = "/sign-out",
     .summary = "Forget the API key in this browser",
     .scope = SCOPE_OPEN,
     .for_people = true,
     .start = sign_out_start},
    {.method = HTTP_GET,
     .path = "/assets/{name}",
     .summary = "A file that pages load",
     .scope = SCOPE_OPEN,
     .path_fields = asset_path,
     .for_people = true,
     .missing = "There is no such file.",
     .start = asset},
    {.method = HTTP_GET,
     .path = "/favicon.ico",
     .summary = "The icon of pages and documents",
     .scope = SCOPE_OPEN,
     .for_people = true,
     .start = favicon},
};

const struct app app_operations = {
    .name = "operations",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .start = operations_start,
    .stop = operations_stop,
};
