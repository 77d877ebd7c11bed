/* The endpoints: one that no method belongs to, then one for each method without a route, then two for each route of
 * the apps, its own method and HEAD, which only a GET has. */
#include <config.h>

#include "core/meter.h"

#include <stdio.h>

#include "core/app.h"
#include "core/statements.h"
#include "metrics/metrics.h"

#define STATUS_MAX 599u

/* Those that are sent, and 499; any other is the last. */
static const int statuses[] = {200, 201, 204, 302, 303, 304, 400, 401, 403, 404, 405, 408, 412,
                               413, 414, 415, 417, 421, 422, 429, 431, 499, 500, 501, 503, 505};
#define STATUSES (sizeof statuses / sizeof statuses[0])
static unsigned char status_at[STATUS_MAX + 1];

/* ---- opening ---- */

static void add_endpoint(const char *method, const char *path)
{
    const struct metric_pair pairs[] = {{"method", method}, {"route", path}};
    metrics_add_value(LABEL_ENDPOINT, pairs, 2);
}

static void add_endpoints(const struct app *const *apps)
{
    add_endpoint("unknown", "none");
    for (int method = 0; method < HTTP_METHODS; method++)
        add_endpoint(http_method_name((enum http_method)method), "none");
    for (; *apps != NULL; apps++)
        for (size_t i = 0; i < (*apps)->route_count; i++) {
            add_endpoint(http_method_name((*apps)->routes[i].method), (*apps)->routes[i].path);
            add_endpoint("HEAD", (*apps)->routes[i].path);
        }
}

static void add_status(const char *text)
{
    metrics_add_value(LABEL_STATUS, &(struct metric_pair){"status", text}, 1);
}

static void add_statuses(void)
{
    char text[16];
    for (unsigned status = 0; status <= STATUS_MAX; status++)
        status_at[status] = STATUSES;
    for (size_t i = 0; i < STATUSES; i++) {
        status_at[statuses[i]] = (unsigned char)i;
        snprintf(text, sizeof text, "%d", statuses[i]);
        add_status(text);
    }
    add_status("other");
}

static void add_statements(void)
{
    for (unsigned i = 0; i < STATEMENT_CALLS; i++)
        metrics_add_value(LABEL_STATEMENT, &(struct metric_pair){"statement", statements[i].name}, 1);
}

static void add_build(const struct settings *settings)
{
    const struct metric_pair pairs[] = {{"version", PACKAGE_VERSION},
                                        {"database", settings_engine(settings)},
                                        {"http", settings_http(settings)}};
    metrics_add_value(LABEL_BUILD, pairs, sizeof pairs / sizeof pairs[0]);
}

bool meter_open(const struct settings *settings, const struct app *const *apps, size_t processes)
{
    add_build(settings);
    add_endpoints(apps);
    add_statuses();
    add_statements();
    return metrics_open(processes);
}

/* ---- counting ---- */

void meter_request(size_t endpoint, int status, int64_t took_ns, const unsigned char *trace)
{
    uint64_t took = took_ns > 0 ? (uint64_t)took_ns : 0;
    size_t at = (unsigned)status <= STATUS_MAX ? status_at[status] : STATUSES;
    metric_add(METRIC_HTTP_REQUESTS, endpoint * (STATUSES + 1) + at, 1);
    metric_observe(METRIC_HTTP_REQUEST_DURATION, endpoint, took);
    if (trace != NULL)
        metric_exemplify(METRIC_HTTP_REQUEST_DURATION, endpoint, took, trace);
}
