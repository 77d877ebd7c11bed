/* The arguments of a command: settings as flags, flags of its own, and words. */
#ifndef ROWLOCK_BASE_COMMAND_LINE_H
#define ROWLOCK_BASE_COMMAND_LINE_H

#include "base/setting.h"

/* A flag that one command has beside the settings. */
struct command_flag {
    const char *name;       /* "--total" */
    const char *short_name; /* "-t" or NULL */
    const char *value_name; /* "N"; NULL: takes no value */
    const char *about;
    bool counts;                         /* a number that stands alone is meant for it */
    const struct setting_alias *aliases; /* ends with flag NULL; may be NULL */
    const char *value;                   /* filled: what was given; "" for a flag without value */
};

#define COMMAND_WORDS_MAX 2
#define COMMAND_FLAGS_MAX 12

struct command_line {
    int argc; /* what stands behind the command */
    char **argv;
    struct command_flag flags[COMMAND_FLAGS_MAX + 1]; /* ends with name NULL */
    size_t words_max;                                 /* how many words the command takes */
    const char *words[COMMAND_WORDS_MAX];             /* filled; NULL behind the last */
    size_t word_count;
};

/* Flags that are settings go to the list, others to flags, the rest to words. False with *error (to be freed), which
 * names the flag or word. */
bool command_line_read(struct command_line *line, struct setting_list *list, char **error);

/* What was given with a flag that is in flags: "" for one without value; NULL: it was not given. */
const char *command_line_value(const struct command_line *line, const char *name);

#endif
