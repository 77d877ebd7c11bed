/* on_tick notes how late it is, looks, and comes again. */
#include <config.h>

#include "core/gauges.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/feed.h"
#include "core/server_parts.h"
#include "metrics/metrics.h"
#include "metrics/process_metrics.h"

#define TICK_NS (250 * CLOCK_MS)
#define TICKS_A_PROCESS 4 /* in one tick of so many the kernel is asked */

struct gauges {
    const struct server *server;
    struct loop_timer *timer;
    int64_t due;
    unsigned ticks;
};

static void on_tick(void *argument);

static void start(struct gauges *gauges)
{
    gauges->due = clock_now() + TICK_NS;
    loop_timer_start(gauges->timer, TICK_NS);
}

struct gauges *gauges_new(struct server *server)
{
    struct gauges *gauges = mem_new(sizeof *gauges);
    gauges->server = server;
    gauges->timer = loop_timer_new(server->loop, on_tick, gauges);
    start(gauges);
    return gauges;
}

void gauges_free(struct gauges *gauges)
{
    if (gauges == NULL)
        return;
    loop_timer_free(gauges->timer);
    free(gauges);
}

static void look(const struct server *server)
{
    http_sample(server->http);
    calls_sample(server->calls);
    feed_sample(server);
    if (server->db->ops->sample != NULL)
        server->db->ops->sample(server->db);
    metric_set(METRIC_HTTP_REQUESTS_IN_FLIGHT, 0, server->requests.length + server->streams.length);
    metric_set(METRIC_WORKERS_READY, 0, server->told_ready && !server->draining);
    metric_set(METRIC_HTTP_CONNECTIONS_MAX, 0, (uint64_t)server->settings->max_connections);
}

void gauges_sample(const struct server *server)
{
    look(server);
    process_metrics_sample();
}

static void on_tick(void *argument)
{
    struct gauges *gauges = argument;
    int64_t late = clock_now() - gauges->due;
    metric_observe(METRIC_LOOP_LAG, 0, late > 0 ? (uint64_t)late : 0);
    if (gauges->ticks++ % TICKS_A_PROCESS == 0)
        process_metrics_sample();
    look(gauges->server);
    start(gauges);
}
