/* check_would_serve looks at the addresses and starts each app by itself; what asks other servers (look_at_cache,
 * look_at_database) does so in a process of its own, side by side, because such a question may never be answered:
 * wait_for ends those that are late. The database is asked what a server would ask it: look_at_schema goes by what
 * migrations would do, look_at_health by what /healthcheck would say. */
#include <config.h>

#include "cmd/check.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "core/app.h"
#include "core/dbhealth.h"
#include "core/migrate.h"
#include "core/readiness.h"
#include "core/sql.h"
#include "io/loop.h"
#include "pg/session_pg.h"
#include "proc/listen.h"
#include "sqlite/session_sqlite.h"

#define LOOKS 2
/* Connections of a worker beside its pool: one for the health, one that listens for changes. */
#define BESIDES 2

struct check {
    const struct settings *settings;
    const struct app *const *apps;
};

/* What asks another server. */
struct look {
    const char *setting; /* that names the server */
    bool (*at)(const struct check *check);
    pid_t pid; /* 0: it has ended, or could not begin */
};

/* By which name somebody has set it: the flag of what is built in. */
static char *name_of(const struct check *check, const char *setting)
{
    const char *source = settings_source(check->settings, setting);
    return strcmp(source, SETTING_BUILT_IN) == 0 ? mem_printf("--%s", setting) : mem_dup(source);
}

static bool complain(const struct check *check, const char *setting, const char *what, const char *reason)
{
    char *name = name_of(check, setting),
         *about = mem_printf("%s%s%s", name, what[0] != '\0' ? ": " : "", what);
    cmd_complain_of(about, reason);
    free(about);
    free(name);
    return false;
}

/* ---- addresses ---- */

static bool is_named_before(const struct settings *settings, size_t index)
{
    size_t i = 0;
    while (strcmp(settings_address(settings, i), settings_address(settings, index)) != 0)
        i++;
    return i < index;
}

/* All of them are held until the last was tried. */
static bool look_at_addresses(const struct check *check)
{
    const struct settings *settings = check->settings;
    size_t count = settings_address_count(settings);
    int fds[SETTINGS_ADDRESSES_MAX];
    char error[256];
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        const char *address = settings_address(settings, i);
        fds[i] = listen_try(address, error, sizeof error);
        bool twice = strncmp(address, "unix:", 5) == 0 && is_named_before(settings, i);
        if (fds[i] < 0 || twice)
            ok = complain(check, i < settings->listen_count ? "listen" : "metrics-listen", "",
                          twice ? "it names a unix socket twice" : error);
    }
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return ok;
}

/* ---- what apps need ---- */

static bool look_at_app(const struct check *check, const struct app *app, struct loop *loop)
{
    char *error = NULL;
    void *state = app->start(loop, check->settings, &error);
    if (state == NULL)
        cmd_complain("--apps: %s: %s", app->name, error);
    else if (app->stop != NULL)
        app->stop(state);
    free(error);
    return state != NULL;
}

static bool look_at_apps(const struct check *check)
{
    struct loop *loop = loop_new();
    bool ok = true;
    for (size_t i = 0; check->apps[i] != NULL; i++)
        if (check->apps[i]->start != NULL && !look_at_app(check, check->apps[i], loop))
            ok = false;
    loop_free(loop);
    return ok;
}

/* ---- the keys ---- */

/* Who else may read them is no reason not to serve. */
static bool look_at_keys(const struct check *check)
{
    const struct settings *settings = check->settings;
    struct keys_mark mark;
    if (!settings_have_keys(settings))
        return true;
    struct keys *keys = cmd_keys(settings, &mark);
    const char *exposed = keys_file_exposed(settings->api_keys);
    if (keys != NULL && exposed != NULL)
        cmd_complain("%s: %s: %s", settings_source(settings, "api-keys"), settings->api_keys, exposed);
    keys_free(keys);
    return keys != NULL;
}

/* ---- the cache ---- */

static int connect_to(const struct sockaddr *address, socklen_t length)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = fd < 0 || connect(fd, address, length) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return failed;
}

static const char *connect_by_path(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    int failed = connect_to((const struct sockaddr *)&name, sizeof name);
    return failed != 0 ? strerror(failed) : NULL;
}

static const char *connect_by_name(const char *host, int port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char service[8];
    int failed = 0;
    snprintf(service, sizeof service, "%d", port);
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0)
        return gai_strerror(code);
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        if ((failed = connect_to(at->ai_addr, at->ai_addrlen)) == 0)
            break;
    freeaddrinfo(found);
    return failed != 0 ? strerror(failed) : NULL;
}

/* A server does without it, slower. */
static bool look_at_cache(const struct check *check)
{
    const struct cacheurl *url = &check->settings->cache;
    const char *why = url->kind != CACHE_REDIS && url->kind != CACHE_MEMCACHED ? NULL
                      : url->path != NULL                                      ? connect_by_path(url->path)
                                          : connect_by_name(url->host, url->port);
    if (why == NULL)
        return true;
    char *name = name_of(check, "cache");
    cmd_complain("%s: the cache cannot be reached: %s; a server does without it as long as it is away", name,
                 why);
    free(name);
    return true;
}

/* ---- the database ---- */

/* What the question in the background would have brought. False with session->error. */
static bool ask_health(struct session *session, struct db_health *health)
{
    const struct db_rows *rows;
    health->answers = true;
    enum db_error error = session_query(session, dbhealth_question.statement, NULL, &rows);
    health->has_schema = error == DB_OK && rows->count == 1;
    if (health->has_schema)
        dbhealth_question.read(rows, 0, health);
    if (error != DB_OK && error != DB_SCHEMA)
        return false;
    if (!health->has_schema) {
        health->writable = true;
        if (session_query(session, dbhealth_hidden.statement, NULL, &rows) != DB_OK)
            return false;
        if (rows->count == 1)
            dbhealth_hidden.read(rows, 0, health);
    }
    error = session_query(session, STATEMENT(ROOM_SPILL), NULL, NULL);
    health->full = error == DB_FULL;
    return error == DB_OK || error == DB_FULL;
}

static bool look_at_readiness(const struct check *check, struct session *session,
                              const struct db_health *health)
{
    struct readiness readiness = {
        .apps = check->apps, .health = health, .schema_known = sql_newest(session->engine)};
    struct readiness_check checks[READINESS_CHECKS];
    bool ok = true;
    for (size_t i = 0; check->apps[i] != NULL; i++)
        if (check->apps[i]->schema > readiness.schema_needed)
            readiness.schema_needed = check->apps[i]->schema;
    struct readiness_check warnings[READINESS_WARNINGS];
    readiness_warn(&readiness, warnings);
    for (size_t i = 0; i < READINESS_WARNINGS; i++)
        if (warnings[i].status == CHECK_WARN)
            complain(check, "database", warnings[i].name, warnings[i].reason);
    readiness_check(&readiness, true, checks);
    for (size_t i = 0; i < READINESS_CHECKS; i++)
        if (checks[i].status == CHECK_FAIL)
            ok = complain(check, "database", checks[i].name, checks[i].reason);
    return ok;
}

/* With fewer a server serves all the same, with some of its connections or workers waiting for their turn. */
static void look_at_connections(const struct check *check, struct session *session)
{
    const struct settings *settings = check->settings;
    const struct db_rows *rows;
    int64_t most, wanted = settings->workers * (settings->db_connections + BESIDES);
    if (session->pooled || session_query(session, STATEMENT(CONNECTIONS_MAX), NULL, &rows) != DB_OK ||
        text_int(rows->value(rows, 0, COLUMN_CONNECTIONS_MAX_MOST), &most) != TEXT_NUMBER_OK ||
        most >= wanted)
        return;
    char *reason =
        mem_printf("it lets this role have %lld, and the workers want up to %lld; use fewer --workers or "
                   "--db-connections",
                   (long long)most, (long long)wanted);
    complain(check, "database", "connections", reason);
    free(reason);
}

static bool look_at_health(const struct check *check, struct session *session)
{
    struct db_health health = {.answers = false};
    if (!ask_health(session, &health))
        return complain(check, "database", "the database answers with an error", session->error);
    if (check->settings->sqlite_path == NULL)
        look_at_connections(check, session);
    return look_at_readiness(check, session, &health);
}

/* One that the server would bring up to date: then only what is in the way of that counts. */
static bool look_at_schema(const struct check *check, struct session *session)
{
    int64_t missing = 0;
    if (!migrate_missing(session, &missing) || !migrate_may_apply(session))
        return complain(check, "database", "the schema cannot be brought up to date", session->error);
    return missing > 0 || look_at_health(check, session);
}

static bool look_at_database(const struct check *check)
{
    const struct settings *settings = check->settings;
    struct session *session = NULL;
    char *error = NULL;
    bool opened;
    if (settings->sqlite_path != NULL)
        opened = session_look_sqlite(settings->sqlite_path, &session, &error);
    else
        opened = (session = session_open_pg(settings->conninfo, &error)) != NULL;
    const char *what = settings->sqlite_path != NULL ? settings->sqlite_path : "cannot connect";
    bool ok = opened || complain(check, "database", what, error);
    bool brought = settings->sqlite_path != NULL || settings->migrate;
    if (session != NULL)
        ok = brought ? look_at_schema(check, session) : look_at_health(check, session);
    session_close(session);
    free(error);
    return ok;
}

/* ---- processes ---- */

/* Whoever ends the check ends this as well, also when he has done so before prctl. */
static void run_look(const struct look *look, const struct check *check, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(getppid() == parent && look->at(check) ? CMD_DONE : CMD_FAILED);
}

static bool start_look(struct look *look, const struct check *check)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        run_look(look, check, parent);
    if (pid < 0)
        return complain(check, look->setting, "a process that would look at it cannot be started",
                        strerror(errno));
    look->pid = pid;
    return true;
}

static bool is_anything_left(const struct look *looks)
{
    size_t i = 0;
    while (i < LOOKS && looks[i].pid == 0)
        i++;
    return i < LOOKS;
}

/* Those that have ended; false when one of them has failed. */
static bool reap(struct look *looks)
{
    bool ok = true;
    for (size_t i = 0; i < LOOKS; i++) {
        int status;
        if (looks[i].pid == 0 || waitpid(looks[i].pid, &status, WNOHANG) != looks[i].pid)
            continue;
        looks[i].pid = 0;
        ok &= status == 0;
    }
    return ok;
}

static bool end_late(struct look *looks, const struct check *check)
{
    bool ok = true;
    for (size_t i = 0; i < LOOKS; i++) {
        if (looks[i].pid == 0)
            continue;
        kill(looks[i].pid, SIGKILL);
        waitpid(looks[i].pid, NULL, 0);
        ok = complain(check, looks[i].setting, "", "there was no answer within --deadline");
    }
    return ok;
}

static bool wait_for(struct look *looks, const struct check *check)
{
    int64_t end = clock_now() + check->settings->deadline_ns, now;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    bool ok = reap(looks);
    while (is_anything_left(looks) && (now = clock_now()) < end) {
        struct timespec rest = {.tv_sec = (time_t)((end - now) / CLOCK_SECOND),
                                .tv_nsec = (end - now) % CLOCK_SECOND};
        sigtimedwait(&child, NULL, &rest);
        ok &= reap(looks);
    }
    return end_late(looks, check) && ok;
}

bool check_would_serve(const struct settings *settings, const struct app *const *apps, bool addresses)
{
    struct check check = {settings, apps};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL); /* for wait_for */
    struct look looks[LOOKS] = {{"cache", look_at_cache, 0}, {"database", look_at_database, 0}};
    signal(SIGCHLD, SIG_DFL);
    bool ok = true;
    for (size_t i = 0; i < LOOKS; i++)
        ok &= start_look(&looks[i], &check);
    ok &= !addresses || look_at_addresses(&check);
    ok &= look_at_apps(&check);
    ok &= look_at_keys(&check);
    return wait_for(looks, &check) && ok;
}
