/* The schema: brought up to date, or its versions listed. */
#include <config.h>

#include "core/migrate.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/text.h"
#include "cmd/cmd.h"

#define WAIT_MAX_S 3600

static struct progress progress;

static void tell(int version, const char *name)
{
    progress_hide(&progress);
    printf("applied %d %s\n", version, name);
    fflush(stdout);
    progress_add(&progress, 1);
}

static bool apply(struct session *session)
{
    int64_t missing;
    if (!migrate_missing(session, &missing))
        return false;
    progress_begin(&progress, "migrations", missing);
    bool ok = migrate_apply(session, tell);
    progress_end(&progress);
    return ok && migrate_check(session, 0);
}

/* Opening it would make it. */
static bool is_missing(const struct settings *settings)
{
    if (settings->sqlite_path == NULL || access(settings->sqlite_path, F_OK) == 0 || errno != ENOENT)
        return false;
    cmd_complain("migrate: there is no database file %s yet", settings->sqlite_path);
    return true;
}

static int migrate(const struct settings *settings, bool status, int wait)
{
    struct session *session = cmd_session_within(settings, wait);
    if (session == NULL)
        return CMD_FAILED;
    bool ok = status ? migrate_print_status(session, stdout) : apply(session);
    if (!ok)
        cmd_complain_of("migrate", session->error);
    else if (!status)
        puts("the schema is up to date");
    session_close(session);
    return ok ? CMD_DONE : CMD_FAILED;
}

static int run(struct settings *settings, struct command_line *line)
{
    int64_t wait = 0;
    const char *text = command_line_value(line, "--wait");
    bool status = command_line_value(line, "--status") != NULL;
    if (text != NULL &&
        (text_int(slice_of(text), &wait) != TEXT_NUMBER_OK || wait < 0 || wait > WAIT_MAX_S)) {
        cmd_complain("--wait: \"%s\" is not right: it must be a number of seconds from 0 to %d", text,
                     WAIT_MAX_S);
        return CMD_USAGE;
    }
    return status && is_missing(settings) ? CMD_FAILED : migrate(settings, status, (int)wait);
}

static const struct command_flag flags[] = {
    {.name = "--status", .about = "list the versions"},
    {.name = "--wait", .value_name = "S", .about = "wait that long for the database"},
    {.name = NULL}};

const struct command command_migrate = {
    .name = "migrate",
    .usage = "migrate",
    .about = "bring the schema up to date; --status: list its versions; --wait S:\n"
             "up to S seconds for a PostgreSQL that cannot be reached yet",
    .flags = flags,
    .run = run};
