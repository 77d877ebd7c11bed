#include <config.h>

#include "core/migrate.h"

#include <stdio.h>

#include "base/text.h"
#include "cmd/cmd.h"

#define WAIT_MAX_S 3600

static void tell(int version, const char *name)
{
    printf("applied %d %s\n", version, name);
}

int cmd_migrate(int argc, char **argv)
{
    struct command_flag flags[] = {
        {.name = "--status", .about = "list the versions"},
        {.name = "--wait", .value_name = "S", .about = "wait that long for the database"},
        {.name = NULL}};
    int64_t wait = 0;
    struct settings settings;
    size_t words;
    int code;
    if (!cmd_begin(argc, argv, flags, NULL, 0, &words, &settings, &code))
        return code;
    if (flags[1].value != NULL &&
        (text_int(slice_of(flags[1].value), &wait) != TEXT_NUMBER_OK || wait < 0 || wait > WAIT_MAX_S)) {
        cmd_complain("--wait: \"%s\" is not right: it must be a number of seconds from 0 to %d",
                     flags[1].value, WAIT_MAX_S);
        settings_free(&settings);
        return CMD_USAGE;
    }
    code = CMD_FAILED;
    struct session *session = cmd_session_within(&settings, (int)wait);
    if (session != NULL) {
        bool ok =
            flags[0].value != NULL ? migrate_print_status(session, stdout) : migrate_apply(session, tell);
        if (ok && flags[0].value == NULL)
            puts("the schema is up to date");
        if (!ok)
            cmd_complain("migrate: %s", session->error);
        code = ok ? CMD_DONE : CMD_FAILED;
    }
    session_close(session);
    settings_free(&settings);
    return code;
}
