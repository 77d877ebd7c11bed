#include <config.h>

#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

void cmd_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("rowlock: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
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
    log_setup(settings->log_level, settings->log_format);
    return true;
}

struct session *cmd_session(const struct settings *settings)
{
    char *error = NULL;
    struct session *session = session_open(settings->sqlite_path, settings->conninfo, &error);
    if (session == NULL) {
        if (settings->sqlite_path != NULL)
            cmd_complain("cannot open the database file %s: %s", settings->sqlite_path, error);
        else
            cmd_complain("cannot connect to the database: %s", error);
        free(error);
    }
    return session;
}
