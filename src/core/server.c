/* A server: started (apps, database, HTTP), run by its loop, told of by its health, drained or retired, freed. */
#include <config.h>

#include "core/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/advice.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/key_watch.h"
#include "core/access_log.h"
#include "core/cache.h"
#include "core/dbhealth.h"
#include "core/dispatch.h"
#include "core/feed.h"
#include "core/gauges.h"
#include "core/idempotency.h"
#include "core/readiness.h"
#include "core/request.h"
#include "core/router.h"
#include "core/server_parts.h"
#include "core/shared.h"
#include "core/sql.h"
#include "http/http.h"
#include "metrics/metrics.h"
#include "pg/pg.h"
#include "sqlite/sqlite.h"
#include "trace/otlp.h"

#define IDLE_NS (75 * CLOCK_SECOND)
#define WRITE_NS (30 * CLOCK_SECOND)
#define OPERATORS_MAX 64               /* connections at the address for operators */
#define RETIRE_NS (300 * CLOCK_SECOND) /* a client that reads slowly must not keep a worker for ever */

static void on_room(void *argument);
static void on_away(void *argument);
static void on_health(void *argument);
static void on_change(struct slice group, void *argument);
static void on_listening(struct slice database, void *argument);
static void on_wrote(const struct answering *answering, int64_t sent, void *argument);
static void on_changed(void *argument);
static void on_drained(void *argument);
static void on_drain_limit(void *argument);
static void on_log(void *argument);

/* ---- start ---- */

/* number: of the app's first route among all. */
static bool add_app(struct server *server, size_t index, size_t number, char **error)
{
    const struct app *app = server->apps[index];
    for (size_t i = 0; i < app->route_count; i++) {
        if (!route_is_served(&app->routes[i], server->settings))
            continue;
        router_add(server->router, &app->routes[i], number + i);
        if (app->routes[i].once != NULL && !server->has_keys)
            chores_add(&server->chores, server->loop, server->calls, &idempotency_purge);
        server->has_keys |= app->routes[i].once != NULL;
        if (app->routes[i].feed != NULL)
            feed_add(server, app->routes[i].feed);
    }
    for (const struct chore *chore = app->chores; chore != NULL && chore->statement != NULL; chore++)
        chores_add(&server->chores, server->loop, server->calls, chore);
    if (app->start != NULL)
        server->states[index] = app->start(server->loop, server->settings, error);
    return app->start == NULL || server->states[index] != NULL;
}

static bool open_db(struct server *server, char **error)
{
    const struct settings *settings = server->settings;
    struct db_events events = {on_room, on_away, on_health, on_change, on_listening, server};
    char *why = NULL;
    if (settings->sqlite_path != NULL) {
        server->db = sqlite_open(server->loop, settings->sqlite_path, &dbhealth_question, STATEMENT_CALLS,
                                 &events, &why);
        if (server->db == NULL)
            *error = mem_printf("cannot open the database file %s: %s", settings->sqlite_path, why);
    } else {
        struct pg_options options = {.statement_count = STATEMENT_CALLS,
                                     .room_spill = STATEMENT(ROOM_SPILL),
                                     .room_write = STATEMENT(ROOM_WRITE),
                                     .conninfo = settings->conninfo,
                                     .pooler = settings->pooler,
                                     .connections = (unsigned)settings->db_connections,
                                     .deadline_ns = settings->deadline_ns,
                                     .health = &dbhealth_question,
                                     .hidden = &dbhealth_hidden};
        if (cache_wanted(settings, server->apps)) {
            options.listen = STATEMENT(CHANGES_LISTEN);
            options.identity = STATEMENT(DATABASE_IDENTITY);
        }
        server->db = pg_open(server->loop, &options, &events, &why);
        if (server->db == NULL)
            *error = mem_printf("the database setting is not right: %s", why);
    }
    free(why);
    calls_set_db(server->calls, server->db);
    return server->db != NULL;
}

static struct http *new_http(struct door *door, size_t connections, void (*drained)(void *argument))
{
    const struct server *server = door->server;
    struct http_handlers handlers = {dispatch_on_request, dispatch_on_head, request_on_leave,
                                     request_on_writable, drained,          door};
    struct http_limits limits = {.connections = connections,
                                 .read_ns = server->settings->deadline_ns,
                                 .idle_ns = IDLE_NS,
                                 .write_ns = WRITE_NS};
    struct http *http = http_new(server->loop, server->settings->http, &handlers, &limits);
    if (http == NULL)
        abort();
    return http;
}

static void open_http(struct server *server, const int *listeners, size_t count)
{
    server->door = (struct door){server, server->router, !server->settings->no_pages};
    server->http = new_http(&server->door, (size_t)server->settings->max_connections, on_drained);
    for (size_t i = 0; i < count; i++)
        http_add_listener(server->http, listeners[i]);
}

/* It ends with the server. */
static void on_operators_drained(void *argument)
{
    (void)argument;
}

void server_listen_for_operators(struct server *server, int listener)
{
    size_t number = 0;
    server->operators_router = router_new();
    for (const struct app *const *app = server->apps; *app != NULL; app++)
        for (size_t i = 0; i < (*app)->route_count; i++, number++)
            if ((*app)->routes[i].for_operators)
                router_add(server->operators_router, &(*app)->routes[i], number);
    server->operators_door = (struct door){server, server->operators_router, false};
    server->operators_http = new_http(&server->operators_door, OPERATORS_MAX, on_operators_drained);
    http_add_listener(server->operators_http, listener);
}

void server_guard(struct server *server, struct key_watch *watch)
{
    server->key_watch = watch;
}

void server_renew(struct server *server)
{
    if (server->key_watch != NULL)
        key_watch_look(server->key_watch);
}

/* What a server is made of, but for its apps, its database and its doors. */
static void make_parts(struct server *server)
{
    const struct settings *settings = server->settings;
    log_set_wakeup(on_log, server->loop);
    server->access_log = access_log_new(server->loop, settings->access_log_format);
    server->router = router_new();
    server->calls = calls_new(server->loop, (size_t)settings->queue, settings->deadline_ns);
    calls_set_changed(server->calls, on_changed, server);
    server->shared = shared_new(server->calls, &server->reply, on_wrote, server);
    server->cache = cache_new(settings, server->apps, server->loop, &server->reply);
    reply_init(&server->reply);
    server->reply.coding = settings->gzip ? coding_new() : NULL;
    list_init(&server->requests);
    list_init(&server->streams);
    list_init(&server->feeds);
    list_init(&server->spares);
    server->deadline = loop_timer_new(server->loop, request_on_deadline, server);
    server->drain_limit = loop_timer_new(server->loop, on_drain_limit, server);
    server->schema_known = sql_newest(settings_engine(settings));
    if (!settings_have_keys(settings)) {
        metric_set_for_all(METRIC_API_KEYS, 0, 0);
        metric_set_for_all(METRIC_API_KEYS_FILE_REFUSED, 0, 0);
    }
}

static struct otlp *new_otlp(const struct server *server)
{
    const struct settings *settings = server->settings;
    struct otlp_options options = {.url = settings->otlp,
                                   .headers = settings->otlp_headers,
                                   .service = settings->service,
                                   .proxies = &settings->proxies,
                                   .of_a_million = settings->traced_of_a_million};
    return otlp_new(server->loop, &options);
}

static bool add_apps(struct server *server, char **error)
{
    const struct app *const *apps = server->apps;
    size_t count = 0;
    bool ok = true;
    for (; apps[count] != NULL; count++)
        server->schema_needed =
            apps[count]->schema > server->schema_needed ? apps[count]->schema : server->schema_needed;
    server->states = mem_array(count + 1, sizeof *server->states);
    for (size_t i = 0, number = 0; ok && apps[i] != NULL; number += apps[i++]->route_count)
        ok = add_app(server, i, number, error);
    return ok;
}

struct server *server_start(const struct settings *settings, const struct app *const *apps,
                            const int *listeners, size_t listener_count, char **error)
{
    struct server *server = mem_new(sizeof *server);
    server->settings = settings;
    server->apps = apps;
    server->loop = loop_new();
    if (server->loop == NULL) {
        *error = mem_dup("cannot create an event loop");
        free(server);
        return NULL;
    }
    make_parts(server);
    if (settings->otlp[0] != '\0' && (server->otlp = new_otlp(server)) == NULL) {
        *error = mem_dup("cannot initialise libcurl, which --otlp needs");
        server_free(server);
        return NULL;
    }
    if (!add_apps(server, error) || !open_db(server, error)) {
        server_free(server);
        return NULL;
    }
    if (settings->sqlite_path != NULL)
        on_health(server);
    open_http(server, listeners, listener_count);
    server->gauges = gauges_new(server);
    return server;
}

void server_run(struct server *server)
{
    loop_run(server->loop);
}

/* ---- what others may know ---- */

void *server_state(const struct server *server, const struct app *app)
{
    size_t i = 0;
    while (server->apps[i] != app)
        i++;
    return server->states[i];
}

const struct settings *server_settings(const struct server *server)
{
    return server->settings;
}

const struct app *const *server_apps(const struct server *server)
{
    return server->apps;
}

struct loop *server_loop(const struct server *server)
{
    return server->loop;
}

struct server_status server_status(const struct server *server)
{
    return (struct server_status){.draining = server->draining,
                                  .told_ready = server->told_ready,
                                  .requests = server->requests.length,
                                  .connections = http_connection_count(server->http)};
}

void server_leave_queue(struct server *server)
{
    server->queue = HTTP_LEAVE_QUEUE;
}

/* ---- the log leaves once a turn ---- */

static void flush_log(void *argument)
{
    (void)argument;
    log_flush();
}

static void on_log(void *argument)
{
    static struct loop_task task;
    if (task.run == NULL)
        loop_task_init(&task, flush_log, NULL);
    loop_defer(argument, &task);
}

/* ---- the events of shared reads and of the database ---- */

static void on_wrote(const struct answering *answering, int64_t sent, void *argument)
{
    struct server *server = argument;
    cache_keep(server->cache, answering, sent);
}

static void on_changed(void *argument)
{
    feed_wake_all(argument);
}

static void on_room(void *argument)
{
    struct server *server = argument;
    calls_on_room(server->calls);
}

static void on_away(void *argument)
{
    struct server *server = argument;
    calls_on_away(server->calls);
}

static void on_change(struct slice group, void *argument)
{
    struct server *server = argument;
    cache_on_change(server->cache, group);
}

static void on_listening(struct slice database, void *argument)
{
    struct server *server = argument;
    cache_on_listening(server->cache, database);
}

/* ---- whether it is ready ---- */

static struct readiness readiness_of(const struct server *server)
{
    return (struct readiness){.apps = server->apps,
                              .health = server->db->ops->health(server->db),
                              .schema_needed = server->schema_needed,
                              .schema_known = server->schema_known,
                              .draining = server->draining};
}

void server_check(const struct server *server, bool in_full, struct readiness_check *checks)
{
    struct readiness readiness = readiness_of(server);
    readiness_check(&readiness, in_full, checks);
}

void server_warn(const struct server *server, struct readiness_check *warnings)
{
    struct readiness readiness = readiness_of(server);
    readiness_warn(&readiness, warnings);
}

bool server_ready(const struct server *server, const char **check, char *reason, size_t size)
{
    struct readiness readiness = readiness_of(server);
    return readiness_pass(&readiness, check, reason, size);
}

static void tell_trouble(const char *check, const char *reason)
{
    const char *advice = advice_on(reason);
    if (advice != NULL)
        log_error("not ready to serve", LOG_S("check", check), LOG_S("reason", reason),
                  LOG_S("advice", advice));
    else
        log_error("not ready to serve", LOG_S("check", check), LOG_S("reason", reason));
}

/* Once for each, until it is over. */
static void tell_warnings(struct server *server)
{
    struct readiness_check warnings[READINESS_WARNINGS];
    server_warn(server, warnings);
    for (size_t i = 0; i < READINESS_WARNINGS; i++) {
        bool warns = warnings[i].status == CHECK_WARN;
        if (warns && !server->warned[i])
            log_warn("degraded", LOG_S("check", warnings[i].name), LOG_S("reason", warnings[i].reason));
        server->warned[i] = warns;
    }
}

/* Each line when it changes, not one a second. */
static void on_health(void *argument)
{
    struct server *server = argument;
    const char *check;
    char reason[256] = "", told[sizeof server->told_reason];
    if (server->db == NULL)
        return;
    tell_warnings(server);
    bool ready = server_ready(server, &check, reason, sizeof reason);
    snprintf(told, sizeof told, "%s: %s", ready ? "" : check, reason);
    if (ready && !server->told_ready)
        log_info("ready to serve");
    else if (!ready && strcmp(told, server->told_reason) != 0)
        tell_trouble(check, reason);
    server->told_ready = ready;
    snprintf(server->told_reason, sizeof server->told_reason, "%s", told);
}

/* ---- the end ---- */

void server_drain(struct server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    log_info("draining", LOG_I("requests", server->requests.length),
             LOG_I("connections", http_connection_count(server->http)));
    loop_timer_start(server->drain_limit, server->settings->drain_ns);
    feed_drain_all(server, server->settings->drain_ns / 2);
    http_drain(server->http, server->queue);
}

void server_retire(struct server *server)
{
    log_info("retiring", LOG_I("connections", http_connection_count(server->http)));
    loop_timer_start(server->drain_limit, RETIRE_NS);
    feed_drain_all(server, server->settings->drain_ns / 2);
    http_retire(server->http);
    if (server->operators_http != NULL)
        http_retire(server->operators_http);
}

static void on_flushed(void *argument)
{
    struct server *server = argument;
    loop_stop(server->loop);
}

/* The last spans leave while the drain limit runs on. */
static void on_drained(void *argument)
{
    const struct door *door = argument;
    door->server->drained = true;
    if (!otlp_finish(door->server->otlp, on_flushed, door->server))
        loop_stop(door->server->loop);
}

static void on_drain_limit(void *argument)
{
    struct server *server = argument;
    if (server->drained) {
        loop_stop(server->loop);
        return;
    }
    log_warn("drain limit reached", LOG_I("requests", server->requests.length));
    request_end_all(
        server, "The server is shutting down; if the request changes something, whether it did is unknown.");
    loop_stop(server->loop);
}

void server_stop(struct server *server)
{
    loop_stop(server->loop);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    server->draining = true;
    gauges_free(server->gauges);
    http_free(server->http);
    http_free(server->operators_http);
    for (size_t i = 0; server->apps[i] != NULL; i++)
        if (server->states[i] != NULL)
            server->apps[i]->stop(server->states[i]);
    free(server->states);
    chores_free(server->chores);
    feed_free_all(server);
    key_watch_free(server->key_watch);
    if (server->db != NULL)
        server->db->ops->free(server->db);
    request_free_spares(server);
    cache_free(server->cache);
    shared_free(server->shared);
    calls_free(server->calls);
    router_free(server->router);
    router_free(server->operators_router);
    reply_fini(&server->reply);
    coding_free(server->reply.coding);
    loop_timer_free(server->deadline);
    loop_timer_free(server->drain_limit);
    access_log_free(server->access_log);
    otlp_free(server->otlp);
    log_set_wakeup(NULL, NULL);
    log_flush();
    loop_free(server->loop);
    free(server);
}
