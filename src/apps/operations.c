/* What operators and their machines ask: is it alive, is it ready. */
#include <config.h>

#include <stdio.h>

#include "apps/apps.h"
#include "core/request.h"
#include "core/server.h"
#include "http/http.h"

static void add_check(struct buf *body, const struct server_check *check)
{
    static const char *const statuses[] = {
        [CHECK_PASS] = "pass", [CHECK_UNKNOWN] = "warn", [CHECK_FAIL] = "fail"};
    buf_printf(body, "\"%s\":[{\"status\":\"%s\"", check->name, statuses[check->status]);
    if (check->status != CHECK_PASS) {
        buf_add_string(body, ",\"output\":");
        buf_add_json(body, slice_of(check->reason));
    }
    buf_add_string(body, "}]");
}

/* application/health+json (draft-inadarei-api-health-check-06): the answer is known before it is asked for. Anybody may
 * ask, so what the database itself said is left to the log. */
static void healthcheck(struct request *request)
{
    struct reply *reply = request_reply(request);
    struct buf *body = &reply->body;
    struct server_check checks[SERVER_CHECKS];
    const struct server_check *failed = NULL;
    server_check(request->server, false, checks);
    for (size_t i = 0; i < SERVER_CHECKS && failed == NULL; i++)
        if (checks[i].status == CHECK_FAIL)
            failed = &checks[i];
    reply->status = failed == NULL ? 200 : 503;
    reply->content_type = "application/health+json";
    buf_add_string(&reply->fields, "Cache-Control: no-store\r\n");
    if (failed != NULL)
        buf_add_string(&reply->fields, "Retry-After: 1\r\n");
    buf_printf(body, "{\"status\":\"%s\",\"version\":\"%s\",\"checks\":{", failed == NULL ? "pass" : "fail",
               PACKAGE_VERSION);
    for (size_t i = 0; i < SERVER_CHECKS; i++) {
        buf_add_string(body, i > 0 ? "," : "");
        add_check(body, &checks[i]);
    }
    buf_add_char(body, '}');
    if (failed != NULL) {
        char output[320];
        snprintf(output, sizeof output, "%s: %s", failed->name, failed->reason);
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
                                    .body = {.data = (char *)(uintptr_t) "UP\n", .len = 3}};
    request_send(request, &up);
}

static const struct route routes[] = {
    {.method = HTTP_GET,
     .path = "/healthcheck",
     .summary = "Whether requests should be sent here",
     .start = healthcheck},
    {.method = HTTP_GET, .path = "/health", .summary = "UP while the process lives", .start = health},
};

const struct app app_operations = {
    .name = "operations",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
