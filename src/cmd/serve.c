/* The server: addresses that are free, a schema that is up to date, sockets, then one worker in this process or several
 * under a master. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "apps/apps.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "core/key_watch.h"
#include "core/limits.h"
#include "core/meter.h"
#include "core/migrate.h"
#include "core/server.h"
#include "io/loop.h"
#include "metrics/metrics.h"
#include "proc/listen.h"
#include "proc/master.h"
#include "proc/systemd.h"

#define BEAT_NS (500 * CLOCK_MS)
/* for a database that is not there yet, when it is to be brought up to date first */
#define MIGRATE_WAIT_S 60
/* of processes that retire, beyond one a worker */
#define RETIRING 8

struct serving {
    struct settings *settings; /* changed by SIGHUP alone */
    struct command_line *line; /* that they were read from */
    const struct app *const *apps;
    /* As they are when a worker begins, whatever the file is then; NULL: the server has none. */
    struct keys *keys;
    struct keys_mark keys_mark;
    struct systemd systemd;
    struct server *server;
    int ready_fd;             /* -1: no parent waits for the addresses */
    bool asked;               /* to end, once already */
    struct master_beat *beat; /* NULL: there is no master */
    struct loop_timer *beat_timer;
};

static void on_beat(void *argument);

static void on_end_signal(int number, void *argument)
{
    struct serving *serving = argument;
    /* A terminal or a supervisor may signal every process of a group, and the master passes it on: with a master, it
     * alone says when to be quick. */
    if (serving->beat != NULL && number == SIGINT)
        return;
    if (serving->beat == NULL && serving->asked)
        server_stop(serving->server); /* a second signal is quick */
    serving->asked = true;
    server_drain(serving->server);
    if (systemd_wanted(&serving->systemd))
        on_beat(serving); /* systemd should know at once */
}

static void on_quick_signal(int number, void *argument)
{
    struct serving *serving = argument;
    (void)number;
    server_stop(serving->server);
}

static void on_retire_signal(int number, void *argument)
{
    struct serving *serving = argument;
    (void)number;
    server_retire(serving->server);
}

/* The master's, for workers that begin later. */
static void renew_keys(struct serving *serving)
{
    struct keys_mark mark;
    char *error = NULL;
    struct keys *keys = keys_file_read(serving->settings->api_keys, &mark, &error);
    if (keys != NULL) {
        keys_free(serving->keys);
        serving->keys = keys;
        serving->keys_mark = mark;
    }
    free(error); /* the workers say so */
}

static void tell_renewed(const char *source, bool changed)
{
    if (changed)
        log_info("a setting has changed", LOG_S("setting", source));
    else
        log_warn("a setting that has changed counts after a restart only", LOG_S("setting", source));
}

/* The log's level and format count at once, for the last lines of this as well. */
static void renew_settings(void *argument)
{
    struct serving *serving = argument;
    char *error = NULL;
    if (settings_renew(serving->settings, serving->line, apps_settings(), tell_renewed, &error)) {
        log_setup(serving->settings->log_level, serving->settings->log_format);
        log_info("settings read again");
    } else {
        log_error("the settings are not right, and stay as they were", LOG_S("reason", error));
        free(error);
    }
    if (serving->keys != NULL)
        renew_keys(serving);
}

/* With a master, it is the master who reads them, for the successors of its workers. */
static void on_renew_signal(int number, void *argument)
{
    struct serving *serving = argument;
    (void)number;
    if (serving->beat == NULL)
        renew_settings(serving);
    server_renew(serving->server);
}

/* From the loop, so that one that is stuck says nothing. */
static void tell_systemd(struct serving *serving, const char *failed_check, const char *reason)
{
    struct server_status server = server_status(serving->server);
    char status[SYSTEMD_STATUS_MAX];
    if (server.draining)
        snprintf(status, sizeof status, "draining, %zu requests and %zu connections left", server.requests,
                 server.connections);
    else if (failed_check != NULL)
        snprintf(status, sizeof status, "waiting for the %s: %s", failed_check, reason);
    else
        snprintf(status, sizeof status, "ready to serve");
    systemd_tell(&serving->systemd,
                 server.draining        ? SYSTEMD_STOPPING
                 : failed_check != NULL ? SYSTEMD_WAITING
                                        : SYSTEMD_READY,
                 status);
}

static void on_beat(void *argument)
{
    struct serving *serving = argument;
    const char *check;
    char reason[256];
    int64_t interval = BEAT_NS;
    bool ready = server_ready(serving->server, &check, reason, sizeof reason);
    if (serving->beat != NULL) {
        atomic_store(&serving->beat->ready, ready);
        atomic_store(&serving->beat->at, clock_now());
    } else {
        tell_systemd(serving, check, reason);
        interval = systemd_interval(&serving->systemd);
    }
    loop_timer_start(serving->beat_timer,
                     server_status(serving->server).told_ready ? interval : interval / 10);
}

static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void tell_migrated(int version, const char *name)
{
    log_info("migration applied", LOG_I("version", version), LOG_S("name", name));
}

/* SQLite always, PostgreSQL when asked to: the schema is brought up to date before the first request. */
static bool migrate(struct serving *serving)
{
    const struct settings *settings = serving->settings;
    if (settings->sqlite_path == NULL && !settings->migrate)
        return true;
    systemd_tell(&serving->systemd, SYSTEMD_PREPARING, "bringing the schema up to date");
    struct session *session = cmd_session_within(settings, MIGRATE_WAIT_S);
    if (session == NULL)
        return false;
    bool ok = migrate_apply(session, tell_migrated);
    if (!ok)
        cmd_complain_of("migrate", session->error);
    session_close(session);
    return ok;
}

/* ---- sockets ---- */

/* Before anything is changed on behalf of a server that could not listen then: are the addresses free? Nothing keeps
 * them until they are opened for good, because clients should be refused, not kept waiting, while a schema is brought
 * up to date. Without SO_REUSEPORT, so that another server's workers are seen, too. */
static bool addresses_are_free(const struct settings *settings)
{
    char bound[LISTEN_ADDRESS_MAX], error[256];
    int fds[SETTINGS_ADDRESSES_MAX];
    struct listen_file files[SETTINGS_ADDRESSES_MAX];
    size_t count = 0;
    for (; count < settings_address_count(settings); count++) {
        fds[count] = listen_open(settings_address(settings, count), false, bound, error, sizeof error);
        if (fds[count] < 0)
            break;
        files[count] = listen_file_of(settings_address(settings, count));
    }
    bool free = count == settings_address_count(settings);
    if (!free)
        cmd_complain("%s", error);
    while (count-- > 0) {
        close(fds[count]);
        listen_remove(settings_address(settings, count), files[count]);
    }
    return free;
}

/* The parent reads a line an address, and then the end. */
static void tell_addresses(const struct serving *serving, const int *fds, size_t addresses)
{
    char bound[LISTEN_ADDRESS_MAX];
    if (serving->ready_fd < 0)
        return;
    for (size_t i = 0; i < addresses; i++) {
        listen_name(fds[i], bound);
        dprintf(serving->ready_fd, "%s\n", bound);
    }
    close(serving->ready_fd);
}

/* A socket of the address for each worker, each so many descriptors behind the one before. One that was given port 0
 * tells the others which port it got; a unix socket is shared. */
static bool open_address(const struct settings *settings, const char *address, int *fds, size_t stride,
                         char bound[static LISTEN_ADDRESS_MAX])
{
    char error[256];
    for (size_t worker = 0; worker < (size_t)settings->workers; worker++) {
        int *fd = &fds[worker * stride];
        bool shared = worker > 0 && strncmp(address, "unix:", 5) == 0;
        *fd = shared ? dup(fds[0])
                     : listen_open(worker > 0 ? bound : address, settings->workers > 1, bound, error,
                                   sizeof error);
        if (*fd < 0) {
            cmd_complain("%s", shared ? strerror(errno) : error);
            return false;
        }
    }
    return true;
}

static bool open_listeners(const struct settings *settings, int *fds, size_t stride)
{
    char bound[LISTEN_ADDRESS_MAX];
    for (size_t i = 0; i < settings->listen_count; i++) {
        if (!open_address(settings, settings->listen[i], &fds[i], stride, bound))
            return false;
        log_info("listening", LOG_S("address", bound), LOG_S("http", settings_http(settings)));
    }
    return true;
}

/* Behind all others. */
static bool open_operators(const struct settings *settings, int *fds, size_t stride)
{
    char bound[LISTEN_ADDRESS_MAX];
    if (settings->metrics_listen == NULL)
        return true;
    if (!open_address(settings, settings->metrics_listen, &fds[stride - 1], stride, bound))
        return false;
    log_info("listening for operators", LOG_S("address", bound));
    return true;
}

/* Sockets that were passed take the place of all addresses for all. There is one of each, and the workers share it. */
static bool share_listeners(const struct settings *settings, size_t count, int *fds, size_t stride)
{
    if (strcmp(settings_source(settings, "listen"), SETTING_BUILT_IN) != 0)
        log_warn("sockets were passed (LISTEN_FDS), so this setting is not used",
                 LOG_S("setting", settings_source(settings, "listen")));
    for (size_t i = 0; i < count; i++) {
        char bound[LISTEN_ADDRESS_MAX];
        fds[i] = SYSTEMD_FIRST_LISTENER + (int)i;
        for (size_t worker = 1; worker < (size_t)settings->workers; worker++)
            if ((fds[worker * stride + i] = dup(fds[i])) < 0) {
                cmd_complain("cannot share a socket with the workers: %s", strerror(errno));
                return false;
            }
        listen_name(fds[i], bound);
        log_info("listening", LOG_S("address", bound), LOG_S("http", settings_http(settings)),
                 LOG_S("socket", "passed"));
    }
    return true;
}

/* Signals are handled before the log says "listening", because a reader of it may send one at once. */
static void hold_signals(bool hold)
{
    sigset_t set;
    int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* The server takes over the keys. */
static void guard(struct serving *serving)
{
    if (serving->keys == NULL)
        return;
    server_guard(serving->server, key_watch_new(server_loop(serving->server), serving->settings->api_keys,
                                                serving->keys, serving->keys_mark));
    serving->keys = NULL;
}

static void start_beating(struct serving *serving)
{
    if (serving->beat == NULL && !systemd_wanted(&serving->systemd))
        return;
    serving->beat_timer = loop_timer_new(server_loop(serving->server), on_beat, serving);
    on_beat(serving);
}

/* One worker, from its sockets to its end. */
static int work(size_t worker, const int *fds, size_t count, struct master_beat *beat, void *argument)
{
    struct serving *serving = argument;
    size_t front = count - (serving->settings->metrics_listen != NULL);
    char *error = NULL;
    (void)worker;
    metric_add(METRIC_WORKERS_STARTED, 0, 1);
    limits_attach();
    serving->beat = beat;
    serving->server = server_start(serving->settings, serving->apps, fds, front, &error);
    if (serving->server == NULL) {
        cmd_complain("%s", error);
        free(error);
        return CMD_FAILED;
    }
    guard(serving);
    if (front < count)
        server_listen_for_operators(serving->server, fds[front]);
    if (serving->systemd.listeners > 0)
        server_leave_queue(serving->server);
    struct loop *loop = server_loop(serving->server);
    struct loop_signal *signals[] = {loop_signal_new(loop, SIGTERM, on_end_signal, serving),
                                     loop_signal_new(loop, SIGINT, on_end_signal, serving),
                                     loop_signal_new(loop, SIGUSR1, on_retire_signal, serving),
                                     loop_signal_new(loop, SIGUSR2, on_quick_signal, serving),
                                     loop_signal_new(loop, SIGHUP, on_renew_signal, serving)};
    hold_signals(false);
    start_beating(serving);
    server_run(serving->server);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        loop_signal_free(signals[i]);
    loop_timer_free(serving->beat_timer);
    server_free(serving->server);
    log_info("ended");
    return CMD_DONE;
}

/* Metrics, and what callers have used of their limits. Every process counts: the parent of several, the workers, and
 * those that retire beside their successors. */
static bool open_metrics(const struct serving *serving)
{
    size_t workers = (size_t)serving->settings->workers;
    size_t processes = workers == 1 ? 2 : 1 + 2 * workers + RETIRING;
    if (!meter_open(serving->settings, serving->apps, processes) || !limits_open(processes)) {
        cmd_complain("no memory for what is counted: %s", strerror(errno));
        return false;
    }
    metrics_attach(workers == 1 ? metrics_reserve() : 0);
    return true;
}

static int run(struct serving *serving, int *fds, size_t addresses)
{
    const struct settings *settings = serving->settings;
    if (!open_metrics(serving))
        return CMD_FAILED;
    tell_addresses(serving, fds, addresses - (settings->metrics_listen != NULL));
    struct master_plan plan = {.workers = (size_t)settings->workers,
                               .addresses = addresses,
                               .fds = fds,
                               .deadline_ns = settings->deadline_ns,
                               .drain_ns = settings->drain_ns,
                               .systemd = &serving->systemd,
                               .renew = renew_settings,
                               .work = work,
                               .argument = serving};
    int code = settings->workers == 1 ? work(0, fds, addresses, NULL, serving) : master_run(&plan);
    limits_close();
    metrics_close();
    return code;
}

static bool open_all(const struct settings *settings, size_t passed, int *fds, size_t stride)
{
    return (passed > 0 ? share_listeners(settings, passed, fds, stride)
                       : open_listeners(settings, fds, stride)) &&
           open_operators(settings, fds, stride);
}

static int listen_and_run(struct serving *serving)
{
    const struct settings *settings = serving->settings;
    size_t passed = serving->systemd.listeners, own = settings_address_count(settings);
    size_t first = passed > 0 ? settings->listen_count : 0, addresses = passed + own - first;
    int *fds = mem_array((size_t)settings->workers * addresses, sizeof *fds);
    int code = CMD_FAILED;
    if (open_all(settings, passed, fds, addresses)) {
        struct listen_file files[SETTINGS_ADDRESSES_MAX];
        for (size_t i = first; i < own; i++)
            files[i] = listen_file_of(settings_address(settings, i));
        code = run(serving, fds, addresses);
        for (size_t i = first; i < own; i++)
            listen_remove(settings_address(settings, i), files[i]);
    }
    free(fds);
    return code;
}

/* A server does not begin with a file that is not right. */
static bool read_keys(struct serving *serving)
{
    const struct settings *settings = serving->settings;
    if (!settings_have_keys(settings))
        return true;
    serving->keys = cmd_keys(settings, &serving->keys_mark);
    if (serving->keys != NULL)
        key_watch_warn(settings->api_keys);
    return serving->keys != NULL;
}

static int start(struct serving *serving)
{
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    hold_signals(true);
    bool passed = serving->systemd.listeners > 0;
    bool ready = (passed || addresses_are_free(serving->settings)) && read_keys(serving) && migrate(serving);
    int code = ready ? listen_and_run(serving) : CMD_FAILED;
    keys_free(serving->keys);
    return code;
}

static int check(const struct serving *serving)
{
    raise_file_limit();
    return check_would_serve(serving->settings, serving->apps, serving->systemd.listeners == 0) ? CMD_DONE
                                                                                                : CMD_FAILED;
}

static int serve(struct serving *serving, bool only_check)
{
    char *error = NULL;
    int code = CMD_USAGE;
    if (systemd_open(&serving->systemd, SETTINGS_LISTEN_MAX, &error)) {
        code = only_check ? check(serving) : start(serving);
    } else {
        cmd_complain("%s", error);
        free(error);
    }
    systemd_close(&serving->systemd);
    return code;
}

/* The descriptor that --ready-fd names, -1 without it; false after a complaint. */
static bool take_ready_fd(const char *text, int *fd)
{
    int64_t number = -1;
    *fd = -1;
    if (text == NULL)
        return true;
    if (text_int(slice_of(text), &number) != TEXT_NUMBER_OK || number < 1 || number > INT_MAX ||
        fcntl((int)number, F_GETFD) < 0) {
        cmd_complain("--ready-fd: \"%s\" is not right: it must be a descriptor that is open", text);
        return false;
    }
    *fd = (int)number;
    return fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int run_command(struct settings *settings, struct command_line *line)
{
    int code = CMD_USAGE;
    const struct app **apps = cmd_apps(settings);
    struct serving serving = {.settings = settings, .line = line, .apps = apps};
    if (apps != NULL && take_ready_fd(command_line_value(line, "--ready-fd"), &serving.ready_fd))
        code = serve(&serving, command_line_value(line, "--check") != NULL);
    free((void *)apps);
    return code;
}

static const struct command_flag flags[] = {
    {.name = "--check", .about = "only see whether it would serve, and say what is in the way"},
    {.name = "--ready-fd", .value_name = "N", .about = "a descriptor that gets the addresses"},
    {.name = NULL}};

const struct command command_serve = {
    .name = "serve",
    .usage = "[serve]",
    .about = "run the server; --check: only see whether it would serve, and say all\n"
             "that is in the way; --ready-fd N: the addresses are written to this\n"
             "descriptor, a line each, as soon as it listens",
    .flags = flags,
    .run = run_command};
