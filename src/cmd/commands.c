/* The table of commands, and the way from the program's arguments to one of them: --help and --version anywhere, else
 * the name first (none: serve), then its settings, flags and words. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "base/log.h"
#include "base/similar.h"
#include "cmd/cmd.h"

static const struct command *const commands[] = {
    &command_serve,   &command_migrate, &command_seed, &command_import, &command_routes,
    &command_openapi, &command_config,  &command_key,  &command_prove,  NULL};

static void tell_mistyped(const char *variable, const char *meant)
{
    log_warn("this variable is no setting", LOG_S("variable", variable), LOG_S("meant", meant));
}

/* Reads the settings, the command's flags and words, and sets up the log; false after a complaint. */
static bool begin(struct settings *settings, struct command_line *line)
{
    char *error = NULL, *rest;
    if (!settings_read(settings, line, apps_settings(), &error)) {
        for (rest = error; rest != NULL;)
            cmd_complain("%s", strsep(&rest, "\n"));
        free(error);
        return false;
    }
    log_setup(settings->log_level, settings->log_format);
    settings_find_mistyped(settings, tell_mistyped);
    return true;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct command_line line = {.argc = argc, .argv = argv, .words_max = command->words_max};
    struct settings settings;
    for (size_t i = 0; command->flags != NULL && command->flags[i].name != NULL; i++)
        line.flags[i] = command->flags[i];
    if (command->add_flags != NULL)
        command->add_flags(&line);
    int code = begin(&settings, &line) ? command->run(&settings, &line) : CMD_USAGE;
    settings_free(&settings);
    return code;
}

static int complain_of(const char *name)
{
    char hint[SIMILAR_HINT_MAX], names[128] = "";
    struct similar similar = similar_to(name, strlen(name));
    for (size_t i = 0; commands[i] != NULL; i++) {
        similar_try(&similar, commands[i]->name);
        strcat(names, i > 0 ? ", " : "");
        strcat(names, commands[i]->name);
    }
    cmd_complain("\"%s\" is no command%s; the commands are: %s (see rowlock --help)", name,
                 similar_hint(&similar, hint), names);
    return CMD_USAGE;
}

int cmd_run(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return cmd_help(commands);
        if (strcmp(argv[i], "--version") == 0)
            return cmd_version();
    }
    if (argc > 1 && strcmp(argv[1], "help") == 0)
        return cmd_help(commands);
    if (argc < 2 || argv[1][0] == '-')
        return run(&command_serve, argc - 1, argv + 1);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return run(commands[i], argc - 2, argv + 2);
    return complain_of(argv[1]);
}
