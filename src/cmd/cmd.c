/* What several commands need: the apps, a session with the database, and complaints. */
#include <config.h>

#include "cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apps/apps.h"
#include "base/advice.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/migrate.h"
#include "pg/session_pg.h"
#include "sqlite/session_sqlite.h"

/* At once, because other processes may complain beside this one: stdio does not promise that. */
static void write_line(const char *line, size_t length)
{
    fflush(stderr);
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written < 0 && errno != EINTR)
            return;
        line += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
}

void cmd_complain(const char *format, ...)
{
    char *what = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&what, format, arguments) < 0)
        abort();
    va_end(arguments);
    char *line = mem_printf("rowlock: %s\n", what);
    write_line(line, strlen(line));
    free(line);
    free(what);
}

void cmd_complain_of(const char *what, const char *error)
{
    const char *advice = advice_on(error);
    cmd_complain("%s: %s%s%s", what, error, advice != NULL ? "; " : "", advice != NULL ? advice : "");
}

const struct app **cmd_apps(const struct settings *settings)
{
    char *error = NULL;
    const struct app **apps = apps_choose(settings->apps, &error);
    if (apps == NULL)
        cmd_complain("%s: %s", settings_source(settings, "apps"), error);
    free(error);
    return apps;
}

struct keys *cmd_keys(const struct settings *settings, struct keys_mark *mark)
{
    char *error = NULL;
    struct keys *keys = keys_file_read(settings->api_keys, mark, &error);
    for (char *rest = error; rest != NULL;)
        cmd_complain("%s: %s: %s", settings_source(settings, "api-keys"), settings->api_keys,
                     strsep(&rest, "\n"));
    free(error);
    return keys;
}

/* Waits for half a second, or until a signal asks for the end: false. Signals are held, not handled, because a
 * process that is the first of its container has no default action for them. */
static bool pause_unless_ended(const sigset_t *ends)
{
    struct timespec half = {.tv_nsec = 500000000};
    return sigtimedwait(ends, NULL, &half) < 0;
}

static struct session *open_session(const struct settings *settings, char **error)
{
    return settings->sqlite_path != NULL ? session_open_sqlite(settings->sqlite_path, error)
                                         : session_open_pg(settings->conninfo, error);
}

struct session *cmd_session_within(const struct settings *settings, int seconds)
{
    int64_t end = clock_now() + seconds * CLOCK_SECOND;
    char *error = NULL;
    struct session *session;
    bool told = false, away = true;
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, &before);
    while ((session = open_session(settings, &error)) == NULL) {
        /* one that is not away may have come just now: once more */
        if (settings->conninfo == NULL || clock_now() >= end || !away)
            break;
        away = session_pg_away(settings->conninfo);
        if (away && !told)
            log_info("waiting for the database", LOG_I("seconds", seconds), LOG_S("error", error));
        told = told || away;
        if (!pause_unless_ended(&ends))
            break;
        free(error);
        error = NULL;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (session == NULL) {
        char *what = settings->sqlite_path != NULL
                         ? mem_printf("cannot open the database file %s", settings->sqlite_path)
                         : mem_dup("cannot connect to the database");
        cmd_complain_of(what, error);
        free(what);
        free(error);
    }
    return session;
}

struct session *cmd_session(const struct settings *settings)
{
    return cmd_session_within(settings, 0);
}

struct session *cmd_app_session(const struct settings *settings, const struct app *app)
{
    struct session *session = cmd_session(settings);
    if (session == NULL || ((settings->sqlite_path == NULL || migrate_apply(session, NULL)) &&
                            migrate_check(session, app->schema)))
        return session;
    cmd_complain_of("the schema", session->error);
    session_close(session);
    return NULL;
}
