/* The values of settings as text, before anybody asks what they mean, each with where it came from: a flag wins over a
 * variable, a variable over what is built in. */
#ifndef ROWLOCK_BASE_SETTING_VALUES_H
#define ROWLOCK_BASE_SETTING_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/setting.h"

#define SETTING_LISTEN_MAX 16
#define SETTING_BUILT_IN "built-in"
#define SETTING_LIBPQ "libpq's environment"

struct setting_value {
    char *text;
    char *source; /* "--listen", "ROWLOCK_LISTEN", SETTING_BUILT_IN, SETTING_LIBPQ, ... */
};

/* Begins as zeros; owns all its strings. */
struct setting_values {
    struct setting_value of[SETTING_COUNT];
    char *listen[SETTING_LISTEN_MAX]; /* the addresses: of each flag, or by comma or space in the variable */
    size_t listen_count;
};

/* A flag that one command has beside the settings. */
struct command_flag {
    const char *name;       /* "--total" */
    const char *short_name; /* "-t" or NULL */
    const char *value_name; /* "N"; NULL: takes no value */
    const char *about;
    const char *value; /* filled: what was given; "" for a flag without value */
};

/* Flags first. Those of the command are in flags, which ends with name NULL, or is NULL. Words that are no flags go to
 * words (at most word_max). False with *error (to be freed), which names the flag. */
bool values_read_arguments(struct setting_values *values, int argc, char **argv, struct command_flag *flags,
                           const char **words, size_t word_max, size_t *word_count, char **error);

/* Then all that no flag gave. False with *error (to be freed), which names the variable or file. */
bool values_read_environment(struct setting_values *values, char **error);

/* Variables that look like a mistyped ROWLOCK_ setting; nobody reads them. */
void values_find_mistyped(void (*tell)(const char *variable, const char *meant));

bool values_built_in(const struct setting_values *values, enum setting_id id);
void values_free(struct setting_values *values);

#endif
