#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "apps/apps.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "core/master.h"
#include "core/migrate.h"
#include "core/server.h"
#include "io/listen.h"

#define BEAT_NS (500 * CLOCK_MS)

struct serving {
    const struct settings *settings;
    const struct app *const *apps;
    struct server *server;
    bool asked;               /* to end, once already */
    struct master_beat *beat; /* NULL: there is no master */
    struct loop_timer *beat_timer;
};

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
    if (serving->beat_timer != NULL)
        loop_timer_stop(serving->beat_timer); /* the cell is another's from now on */
    server_retire(serving->server);
}

static void on_ignored_signal(int number, void *argument)
{
    (void)number;
    (void)argument;
}

static void on_beat(void *argument)
{
    struct serving *serving = argument;
    const char *check;
    char reason[256];
    atomic_store(&serving->beat->ready, server_ready(serving->server, &check, reason, sizeof reason));
    atomic_store(&serving->beat->at, clock_now());
    loop_timer_start(serving->beat_timer, serving->server->told_ready ? BEAT_NS : BEAT_NS / 10);
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
static bool migrate(const struct settings *settings)
{
    if (settings->sqlite_path == NULL && !settings->migrate)
        return true;
    struct session *session = cmd_session(settings);
    if (session == NULL)
        return false;
    bool ok = migrate_apply(session, tell_migrated);
    if (!ok)
        cmd_complain("migrate: %s", session->error);
    session_close(session);
    return ok;
}

/* A socket for each worker and address. One that was given port 0 tells the others which port it got; a unix socket
 * is shared. */
static bool open_listeners(const struct settings *settings, int *fds)
{
    char bound[LISTEN_ADDRESS_MAX], error[256];
    size_t workers = (size_t)settings->workers;
    for (size_t i = 0; i < settings->listen_count; i++) {
        const char *address = settings->listen[i];
        for (size_t worker = 0; worker < workers; worker++) {
            int *fd = &fds[worker * settings->listen_count + i];
            bool shared = worker > 0 && strncmp(address, "unix:", 5) == 0;
            *fd = shared ? dup(fds[i])
                         : listen_open(worker > 0 ? bound : address, workers > 1, bound, error, sizeof error);
            if (*fd < 0) {
                cmd_complain("%s", shared ? strerror(errno) : error);
                return false;
            }
        }
        log_info("listening", LOG_S("address", bound));
    }
    return true;
}

/* Nobody who reads "listening" and sends a signal may meet a process that does not handle it yet. */
static void hold_signals(bool hold)
{
    sigset_t set;
    int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void start_beating(struct serving *serving)
{
    if (serving->beat == NULL)
        return;
    serving->beat_timer = loop_timer_new(serving->server->loop, on_beat, serving);
    on_beat(serving);
}

/* One worker, from its sockets to its end. */
static int work(size_t worker, const int *fds, size_t count, struct master_beat *beat, void *argument)
{
    struct serving *serving = argument;
    char *error = NULL;
    (void)worker;
    serving->beat = beat;
    serving->server = server_start(serving->settings, serving->apps, fds, count, &error);
    if (serving->server == NULL) {
        cmd_complain("%s", error);
        free(error);
        return CMD_FAILED;
    }
    struct loop *loop = serving->server->loop;
    struct loop_signal *signals[] = {loop_signal_new(loop, SIGTERM, on_end_signal, serving),
                                     loop_signal_new(loop, SIGINT, on_end_signal, serving),
                                     loop_signal_new(loop, SIGUSR1, on_retire_signal, serving),
                                     loop_signal_new(loop, SIGUSR2, on_quick_signal, serving),
                                     loop_signal_new(loop, SIGHUP, on_ignored_signal, NULL)};
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

static int serve(const struct settings *settings, const struct app *const *apps)
{
    struct serving serving = {.settings = settings, .apps = apps};
    int *fds = mem_array((size_t)settings->workers * settings->listen_count, sizeof *fds);
    int code = CMD_FAILED;
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    hold_signals(true);
    if (migrate(settings) && open_listeners(settings, fds)) {
        struct listen_file files[SETTINGS_LISTEN_MAX];
        for (size_t i = 0; i < settings->listen_count; i++)
            files[i] = listen_file_of(settings->listen[i]);
        struct master_plan plan = {.workers = (size_t)settings->workers,
                                   .addresses = settings->listen_count,
                                   .fds = fds,
                                   .drain_ns = settings->drain_ns,
                                   .work = work,
                                   .argument = &serving};
        code =
            settings->workers == 1 ? work(0, fds, settings->listen_count, NULL, &serving) : master_run(&plan);
        for (size_t i = 0; i < settings->listen_count; i++)
            listen_remove(settings->listen[i], files[i]);
    }
    free(fds);
    return code;
}

int cmd_serve(int argc, char **argv)
{
    struct settings settings;
    size_t words;
    int code;
    char *error = NULL;
    if (!cmd_begin(argc, argv, NULL, NULL, 0, &words, &settings, &code))
        return code;
    const struct app **apps = apps_choose(settings.apps, &error);
    if (apps == NULL) {
        cmd_complain("--apps: %s", error);
        free(error);
        code = CMD_USAGE;
    } else {
        code = serve(&settings, apps);
    }
    free((void *)apps);
    settings_free(&settings);
    return code;
}
