/* Settings. Each is one row: its name, where its value may stand (a flag, variables, a file), which values are right
 * and which member holds it. The rows that fill one struct are a group; core has one, and so may each app. Reading,
 * checking, help and `rowlock config` are loops over the rows.
 *
 * Order of calls: setting_list_add for each group, command_line_read, environment_read, setting_list_take. */
#ifndef ROWLOCK_BASE_SETTING_H
#define ROWLOCK_BASE_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTING_BUILT_IN "built-in"

/* What a value is, with the type of the member. */
enum setting_kind {
    SETTING_TEXT,    /* const char *: any */
    SETTING_URL,     /* const char *: begins with http:// or https:// */
    SETTING_INT,     /* int64_t from min to max */
    SETTING_SECONDS, /* int64_t, in nanoseconds: 0.1 to 3600 seconds */
    SETTING_BOOL,    /* bool: on or off */
    SETTING_CHOICE,  /* an enum that counts from 0: one of choices */
};

enum setting_secrecy {
    SETTING_PUBLIC,
    SETTING_SECRET,        /* shown as ***; may be empty */
    SETTING_WITH_PASSWORD, /* an address: its password and its keys are masked */
};

/* What was found for a row: a flag wins over a variable, a variable over what is built in. */
struct setting_found {
    char *text;   /* NULL: nothing yet */
    char *source; /* "--listen", "ROWLOCK_LISTEN", SETTING_BUILT_IN, ... */
};

struct setting;

/* A row with what was found for it and the struct that its group fills. */
struct setting_at {
    const struct setting *row; /* NULL: behind the last */
    struct setting_found *found;
    void *members;
    size_t group; /* of setting_first and setting_next */
};

/* A flag that others use for the same. */
struct setting_alias {
    const char *flag, *meant;
};

/* What is not said is zero. A row with flag and without value_name is a switch. */
struct setting {
    const char *name, *flag, *value_name;
    const char *variables[2]; /* the first that is set counts */
    const char *built_in;     /* may be "": built_in_now, or the group's check, decides */
    const char *about;
    enum setting_kind kind;
    enum setting_secrecy secrecy; /* all but public ones also take NAME_FILE, which names a file */
    size_t member;                /* offsetof */
    int64_t min, max;
    const char *zero;                    /* of SETTING_INT: a word that is taken as 0 */
    const char *const *choices;          /* of SETTING_CHOICE; ends with NULL */
    bool live;                           /* it may change while a server runs, see setting_list_renew */
    bool repeats;                        /* each use of the flag adds a line to the text */
    const struct setting_alias *aliases; /* ends with flag NULL */

    /* Where the rows do not do. read takes the place of the kind; false with *error (to be freed). */
    bool (*read)(const struct setting_at *at, char **error);
    char *(*show)(const struct setting_at *at); /* a line each; to be freed */
    char *(*built_in_now)(void); /* what holds on this machine when nothing is said; to be freed */
    int64_t (*max_now)(void);    /* in place of max */
    /* Other places, when neither flag nor variable was given: leaves found as it is, or fills it. False with *error. */
    bool (*elsewhere)(struct setting_found *found, char **error);
};

/* How a row begins; built_in, about and kind may follow without their names. */
#define SETTING_FLAG(word, value, ...)                                                                       \
    .name = word, .flag = "--" word, .value_name = (value), .variables = {__VA_ARGS__}
#define SETTING_VARIABLE(word, ...) .name = word, .variables = {__VA_ARGS__}

struct setting_list;

struct setting_group {
    const struct setting *rows; /* ends with name NULL */
    size_t size;                /* of the struct that they fill */
    /* After all rows: what several of them mean together. May be NULL. False with *error (to be freed). */
    bool (*check)(const struct setting_list *list, void *members, char **error);
};

#define SETTING_GROUPS_MAX 16

struct setting_list {
    struct setting_values {
        const struct setting_group *group;
        struct setting_found *found; /* a row each */
        void *members;
        bool owned; /* members is the list's */
    } groups[SETTING_GROUPS_MAX];
    size_t count;
};

/* Begins as zeros. members is NULL, or the caller's zeros, which outlive the list. */
void setting_list_add(struct setting_list *list, const struct setting_group *group, void *members);
void setting_list_free(struct setting_list *list);

/* The struct that the group's rows have filled. */
const void *setting_list_members(const struct setting_list *list, const struct setting_group *group);

/* All rows, in order: for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) */
struct setting_at setting_first(const struct setting_list *list);
void setting_next(const struct setting_list *list, struct setting_at *at);

struct setting_at setting_find(const struct setting_list *list, const char *name); /* a name that is there */
bool setting_is_built_in(const struct setting_at *at);

/* Takes over text and source. */
void setting_found_set(struct setting_found *found, char *text, char *source);

/* Fills the members from what was found. False with *error: a line for each setting that is wrong. */
bool setting_list_take(struct setting_list *list, char **error);

/* Takes live settings over from another list of the same groups that was taken; what else differs there stays as it
 * is here. tell is called for each that differs, with where its new value stands, and whether it was taken over. A
 * reader of a live row frees what its member held. */
void setting_list_renew(struct setting_list *list, struct setting_list *fresh,
                        void (*tell)(const char *source, bool changed));

/* *error says that the setting, which is named by where it was found, is not right. Always false. */
bool setting_wrong(const struct setting_at *at, const char *right, char **error);

/* Takes over one (NULL: nothing was wrong) as a further line of *all, which is NULL at first. */
void setting_add_error(char **all, char *one);

/* The address of an HTTP server: a scheme and a host (RFC 9110 section 4.2), nothing that no URL may have. NULL, or
 * what would be right. */
const char *setting_http_wrong(const char *url);

void setting_list_help(const struct setting_list *list, FILE *out); /* a line a row */
void setting_list_print(const struct setting_list *list,
                        FILE *out); /* what holds, secrets masked, with its source */

#endif
