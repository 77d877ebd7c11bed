#include <config.h>

#include <stdio.h>

#include "cmd/cmd.h"

int cmd_config(int argc, char **argv)
{
    struct settings settings;
    size_t words;
    int code;
    if (!cmd_begin(argc, argv, NULL, NULL, 0, &words, &settings, &code))
        return code;
    settings_print(&settings, stdout);
    settings_free(&settings);
    return CMD_DONE;
}
