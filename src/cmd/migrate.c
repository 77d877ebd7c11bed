#include <config.h>

#include "core/migrate.h"

#include <stdio.h>

#include "cmd/cmd.h"

static void tell(int version, const char *name)
{
    printf("applied %d %s\n", version, name);
}

int cmd_migrate(int argc, char **argv)
{
    struct command_flag flags[] = {{.name = "--status", .about = "list the versions"}, {.name = NULL}};
    struct settings settings;
    size_t words;
    int code;
    if (!cmd_begin(argc, argv, flags, NULL, 0, &words, &settings, &code))
        return code;
    code = CMD_FAILED;
    struct session *session = cmd_session(&settings);
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
