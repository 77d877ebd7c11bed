/* What operators and their machines ask: is it alive, is it ready. */
#include <config.h>

#include <stdio.h>

#include "apps/apps.h"
#include "core/request.h"
#include "io/http.h"

static void add_check(struct buf *body, const char *name, bool ok, const char *reason)
{
    buf_printf(body, "\"%s\":[{\"status\":\"%s\"", name, ok ? "pass" : "fail");
    if (!ok) {
        buf_add_string(body, ",\"output\":");
        buf_add_json(body, slice_of(reason));
    }
    buf_add_string(body, "}]");
}

/* application/health+json (draft-inadarei-api-health-check-06): the answer is known before it is asked for. */
static void healthcheck(struct request *request)
{
    struct server *server = request->server;
    struct reply *reply = request_reply(request);
    struct buf *body = &reply->body;
    const char *check = "";
    char reason[256] = "";
    bool ready = server_ready(server, &check, reason, sizeof reason);
    reply->status = ready ? 200 : 503;
    reply->content_type = "application/health+json";
    buf_add_string(&reply->fields, "Cache-Control: no-store\r\n");
    if (!ready)
        buf_add_string(&reply->fields, "Retry-After: 1\r\n");
    buf_printf(body, "{\"status\":\"%s\",\"version\":\"%s\",\"checks\":{", ready ? "pass" : "fail",
               PACKAGE_VERSION);
    static const char *const checks[] = {"database", "schema", "drain"};
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            buf_add_char(body, ',');
        add_check(body, checks[i], ready || slice_equal(slice_of(checks[i]), slice_of(check)) == false,
                  reason);
    }
    buf_add_char(body, '}');
    if (!ready) {
        char output[320];
        snprintf(output, sizeof output, "%s: %s", check, reason);
        buf_add_string(body, ",\"output\":");
        buf_add_json(body, slice_of(output));
    }
    buf_add_char(body, '}');
    request_send(request, reply);
}

static void health(struct request *request)
{
    static const struct reply up = {.status = 200,
                                    .content_type = "text/plain; charset=utf-8",
                                    .body = {.data = (char *)(uintptr_t) "UP", .len = 2}};
    request_send(request, &up);
}

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/healthcheck",
     .summary = "Whether requests should be sent here",
     .handler = healthcheck},
    {.method = HTTP_GET, .path = "/health", .summary = "UP while the process lives", .handler = health},
};

const struct app app_operations = {
    .name = "operations",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
