/* The commands. Each gets the arguments behind its name and returns the exit code: 0 done, 1 failed, 2 wrong usage. */
#ifndef ROWLOCK_CMD_CMD_H
#define ROWLOCK_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/settings.h"
#include "db/session.h"

struct app;

enum {
    CMD_DONE = 0,
    CMD_FAILED = 1,
    CMD_USAGE = 2,
};

int cmd_serve(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_seed(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_routes(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_help(void);
int cmd_version(void);

/* What every command begins with: reads the settings, its own flags and its words, and sets up the log. On false a
 * line was printed and *code is to be returned; settings need no freeing then. */
bool cmd_begin(int argc, char **argv, struct command_flag *flags, const char **words, size_t word_max,
               size_t *word_count, struct settings *settings, int *code);

/* The apps that are to be served, ended by NULL; to be freed. Or NULL and a line on stderr. */
const struct app **cmd_apps(const struct settings *settings);

/* A session with the database of the settings, or NULL and a line on stderr. */
struct session *cmd_session(const struct settings *settings);

/* The same, but a PostgreSQL server that cannot be reached yet is waited for. SIGTERM or SIGINT ends the wait. */
struct session *cmd_session_within(const struct settings *settings, int seconds);

/* The same for a command that changes records of an app: SQLite is brought up to date first, and the schema must be one
 * that this program may work with. */
struct session *cmd_app_session(const struct settings *settings, const struct app *app);

/* "rowlock: WHAT: ERROR" on stderr, and what may help against that. */
void cmd_complain_of(const char *what, const char *error);

/* "rowlock: …" on stderr. */
void cmd_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
