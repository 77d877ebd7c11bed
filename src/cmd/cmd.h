/* The commands: a row each. commands.c has the table, reads settings and arguments, and runs one. */
#ifndef ROWLOCK_CMD_CMD_H
#define ROWLOCK_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/keys_file.h"
#include "core/settings.h"
#include "db/session.h"

struct app;

enum {
    CMD_DONE = 0,
    CMD_FAILED = 1,
    CMD_USAGE = 2,
};

struct command {
    const char *name;
    const char *usage, *about;        /* of --help; about may have several lines */
    char *(*usage_now)(void);         /* in place of usage, where it depends on the apps; to be freed */
    const struct command_flag *flags; /* its own; ends with name NULL; NULL: none */
    size_t words_max;
    void (*add_flags)(struct command_line *line); /* those that depend on the apps; may be NULL */
    int (*run)(struct settings *settings, struct command_line *line);
};

extern const struct command command_serve, command_migrate, command_seed, command_import, command_routes,
    command_openapi, command_config, command_key, command_prove;

/* Runs the command that the program's arguments name, and returns its exit code. */
int cmd_run(int argc, char **argv);

/* commands ends with NULL. */
int cmd_help(const struct command *const *commands);
int cmd_version(void);

/* The apps that are to be served, ended by NULL; to be freed. Or NULL and a line on stderr. */
const struct app **cmd_apps(const struct settings *settings);

/* A session with the database of the settings, or NULL and a line on stderr. */
struct session *cmd_session(const struct settings *settings);

/* The same, but a PostgreSQL server that cannot be reached yet is waited for. SIGTERM or SIGINT ends the wait. */
struct session *cmd_session_within(const struct settings *settings, int seconds);

/* The same for a command that changes records of an app: SQLite is brought up to date first, and the schema must be one
 * that this program may work with. */
struct session *cmd_app_session(const struct settings *settings, const struct app *app);

/* The keys of --api-keys, or NULL and a line on stderr for each that is wrong. */
struct keys *cmd_keys(const struct settings *settings, struct keys_mark *mark);

/* "rowlock: WHAT: ERROR" on stderr, and what may help against that. */
void cmd_complain_of(const char *what, const char *error);

/* "rowlock: …" on stderr. */
void cmd_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
