#include <config.h>

#include "cmd/cmd.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "apps/apps.h"
#include "base/advice.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/migrate.h"
#include "io/pg.h"
#include "io/session_pg.h"
#include "sqlite/session_sqlite.h"

void cmd_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("rowlock: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void cmd_complain_of(const char *what, const char *error)
{
    const char *advice = advice_on(error);
    cmd_complain("%s: %s%s%s", what, error, advice != NULL ? "; " : "", advice != NULL ? advice : "");
}

static void tell_mistyped(const char *variable, const char *meant)
{
    log_warn("this variable is no setting", LOG_S("variable", variable), LOG_S("meant", meant));
}

bool cmd_begin(int argc, char **argv, struct command_flag *flags, const char **words, size_t word_max,
               size_t *word_count, struct settings *settings, int *code)
{
    char *error = NULL;
    if (!settings_read(settings, argc, argv, flags, words, word_max, word_count, &error)) {
        cmd_complain("%s", error);
        free(error);
        settings_free(settings);
        *code = CMD_USAGE;
        return false;
    }
    const char *right;
    if (settings->conninfo != NULL && !pg_check(settings->conninfo, &right)) {
        cmd_complain("%s is not right: %s", settings->values.of[SETTING_DATABASE].source, right);
        settings_free(settings);
        *code = CMD_USAGE;
        return false;
    }
    log_setup(settings->log_level, settings->log_format);
    values_find_mistyped(tell_mistyped);
    return true;
}

const struct app **cmd_apps(const struct settings *settings)
{
    char *error = NULL;
    const struct app **apps = apps_choose(settings->apps, &error);
    if (apps == NULL)
        cmd_complain("%s: %s", settings->values.of[SETTING_APPS].source, error);
    free(error);
    return apps;
}

/* Half a second, or until somebody wants us to end: false. Signals are held, not handled, because a process that is
 * the first of its container has no default action for them. */
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
