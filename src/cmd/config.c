/* The settings that hold, each with where it is from. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"

static int run(struct settings *settings, struct command_line *line)
{
    (void)line;
    const struct app **apps = cmd_apps(settings);
    if (apps == NULL)
        return CMD_USAGE;
    settings_print(settings, stdout);
    free((void *)apps);
    return CMD_DONE;
}

const struct command command_config = {
    .name = "config", .usage = "config", .about = "print the effective settings, secrets masked", .run = run};
