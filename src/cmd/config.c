#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"

int cmd_config(int argc, char **argv)
{
    struct settings settings;
    size_t words;
    int code;
    if (!cmd_begin(argc, argv, NULL, NULL, 0, &words, &settings, &code))
        return code;
    const struct app **apps = cmd_apps(&settings);
    if (apps != NULL)
        settings_print(&settings, stdout);
    code = apps != NULL ? CMD_DONE : CMD_USAGE;
    free((void *)apps);
    settings_free(&settings);
    return code;
}
