#include <config.h>

#include "base/setting_values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dburl.h"
#include "base/mem.h"
#include "base/similar.h"

#define FILE_MAX_BYTES 65536

static void forget(struct setting_value *found)
{
    free(found->text);
    free(found->source);
}

/* Takes over found. */
static void set(struct setting_values *values, enum setting_id id, struct setting_value found)
{
    forget(&values->of[id]);
    values->of[id] = found;
}

static bool add_listen(struct setting_values *values, const char *source, const char *address, char **error)
{
    if (values->listen_count == SETTING_LISTEN_MAX) {
        *error = mem_printf("%s names more than %d addresses", source, SETTING_LISTEN_MAX);
        return false;
    }
    values->listen[values->listen_count++] = mem_dup(address);
    return true;
}

/* ---- flags ---- */

static bool flag_is(const char *argument, size_t length, const char *flag)
{
    return flag != NULL && strlen(flag) == length && strncmp(argument, flag, length) == 0;
}

struct arguments {
    int argc, at;
    char **argv;
};

/* The value of the flag at arguments->at: behind "=", or the next argument. */
static const char *flag_value(struct arguments *arguments, const char *equals, bool wanted)
{
    if (equals != NULL)
        return equals + 1;
    if (!wanted)
        return "";
    return arguments->at + 1 < arguments->argc ? arguments->argv[++arguments->at] : NULL;
}

static bool take_setting(struct setting_values *values, enum setting_id id, const char *value, char **error)
{
    if (id == SETTING_LISTEN && !add_listen(values, setting_rows[id].flag, value, error))
        return false;
    bool on = setting_rows[id].value_name == NULL && value[0] == '\0';
    set(values, id, (struct setting_value){mem_dup(on ? "on" : value), mem_dup(setting_rows[id].flag)});
    return true;
}

/* What other servers call it. */
static const struct {
    const char *flag, *meant;
} elsewhere[] = {{"--port", "--listen HOST:PORT"},
                 {"-p", "--listen HOST:PORT"},
                 {"--bind", "--listen"},
                 {"-b", "--listen"},
                 {"--host", "--listen HOST:PORT"},
                 {"--address", "--listen"},
                 {"--db", "--database"},
                 {"--url", "--database"},
                 {"--dsn", "--database"},
                 {"-d", "--database"},
                 {"--threads", "--workers"},
                 {"--processes", "--workers"},
                 {"-w", "--workers"},
                 {"--timeout", "--deadline"},
                 {"--verbose", "--log-level debug"},
                 {"-v", "--log-level debug"},
                 {"--debug", "--log-level debug"},
                 {"--number", "--total"},
                 {"-n", "--total"}};

static void unknown_flag(const char *argument, size_t length, const struct command_flag *flags, char **error)
{
    char hint[SIMILAR_HINT_MAX];
    struct similar similar = similar_to(argument, length);
    for (; flags != NULL && flags->name != NULL; flags++)
        similar_try(&similar, flags->name);
    for (int id = 0; id < SETTING_COUNT; id++)
        similar_try(&similar, setting_rows[id].flag);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (flag_is(argument, length, elsewhere[i].flag))
            similar.best = elsewhere[i].meant;
    *error = mem_printf("%.*s is not a flag of this command%s; see rowlock --help", (int)length, argument,
                        similar_hint(&similar, hint));
}

static bool take_flag(struct setting_values *values, struct arguments *arguments, struct command_flag *flags,
                      char **error)
{
    const char *argument = arguments->argv[arguments->at], *equals = strchr(argument, '=');
    size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    for (struct command_flag *flag = flags; flag != NULL && flag->name != NULL; flag++) {
        if (!flag_is(argument, length, flag->name) && !flag_is(argument, length, flag->short_name))
            continue;
        flag->value = flag_value(arguments, equals, flag->value_name != NULL);
        if (flag->value == NULL)
            *error = mem_printf("%s needs a value", flag->name);
        return flag->value != NULL;
    }
    for (int id = 0; id < SETTING_COUNT; id++) {
        if (!flag_is(argument, length, setting_rows[id].flag))
            continue;
        const char *value = flag_value(arguments, equals, setting_rows[id].value_name != NULL);
        if (value == NULL) {
            *error = mem_printf("%s needs a value: %s", setting_rows[id].flag, setting_rows[id].about);
            return false;
        }
        return take_setting(values, (enum setting_id)id, value, error);
    }
    unknown_flag(argument, length, flags, error);
    return false;
}

/* A number where one may be said by a flag is meant for that. */
static char *one_too_many(const char *argument, const struct command_flag *flags)
{
    bool number = argument[strspn(argument, "0123456789")] == '\0';
    for (; number && flags != NULL && flags->name != NULL; flags++)
        if (strcmp(flags->name, "--total") == 0)
            return mem_printf("\"%s\" is one word too many (did you mean --total %s?); see rowlock --help",
                              argument, argument);
    return mem_printf("\"%s\" is one word too many (a command comes first, flags such as --listen "
                      "127.0.0.1:8080 behind it); see rowlock --help",
                      argument);
}

bool values_read_arguments(struct setting_values *values, int argc, char **argv, struct command_flag *flags,
                           const char **words, size_t word_max, size_t *word_count, char **error)
{
    *word_count = 0;
    struct arguments arguments = {.argc = argc, .argv = argv};
    for (; arguments.at < argc; arguments.at++) {
        const char *argument = argv[arguments.at];
        if (argument[0] == '-' && argument[1] != '\0') {
            if (!take_flag(values, &arguments, flags, error))
                return false;
        } else if (*word_count == word_max) {
            *error = one_too_many(argument, flags);
            return false;
        } else {
            words[(*word_count)++] = argument;
        }
    }
    return true;
}

/* ---- variables, and the files that they name ---- */

/* The text of a file without the ends of its last lines; NULL and *why (static). */
static char *read_file(const char *path, const char **why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *why = strerror(errno);
        return NULL;
    }
    char *text = mem_new(FILE_MAX_BYTES);
    size_t length = fread(text, 1, FILE_MAX_BYTES, file);
    *why = ferror(file) != 0                    ? strerror(errno)
           : length == FILE_MAX_BYTES           ? "it is too long"
           : memchr(text, '\0', length) != NULL ? "it is no text"
                                                : NULL;
    fclose(file);
    while (length > 0 && length < FILE_MAX_BYTES && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        text[--length] = '\0';
    if (*why == NULL)
        return text;
    free(text);
    return NULL;
}

/* What a variable holds, or the file that its _FILE form names. The value stays NULL when neither is set; an empty
 * variable counts as not set, because compose files pass those. Of an empty file it is "". */
static bool read_variable(const char *name, bool may_be_file, struct setting_value *found, char **error)
{
    const char *plain = getenv(name), *why;
    *found = (struct setting_value){NULL, NULL};
    if (plain != NULL && plain[0] != '\0')
        *found = (struct setting_value){mem_dup(plain), mem_dup(name)};
    if (!may_be_file)
        return true;
    char *file_name = mem_printf("%s_FILE", name);
    const char *path = getenv(file_name);
    if (path == NULL || path[0] == '\0') {
        free(file_name);
        return true;
    }
    if (found->text != NULL) {
        *error = mem_printf("%s and %s are both set; set one", name, file_name);
    } else if ((found->text = read_file(path, &why)) != NULL) {
        found->source = file_name;
        return true;
    } else {
        *error = mem_printf("%s: cannot read %s: %s", file_name, path, why);
    }
    forget(found);
    free(file_name);
    return false;
}

/* A database or a password that its file does not hold was not left out on purpose. */
static bool is_empty_file(struct setting_value *found, char **error)
{
    if (found->text == NULL || found->text[0] != '\0')
        return false;
    *error = mem_printf("%s: its file is empty", found->source);
    forget(found);
    return true;
}

/* DB_HOST and its likes, put together for libpq. */
static bool read_db_set(struct setting_values *values, char **error)
{
    static const struct {
        const char *key, *variable, *other;
        bool secret;
    } parts[] = {{"host", "DB_HOST", NULL, false},
                 {"port", "DB_PORT", NULL, false},
                 {"user", "DB_USERNAME", "DB_USER", false},
                 {"password", "DB_PASSWORD", NULL, true},
                 {"dbname", "DB_NAME", NULL, false}};
    const char *host = getenv("DB_HOST"), *name = getenv("DB_NAME");
    if ((host == NULL || host[0] == '\0') && (name == NULL || name[0] == '\0'))
        return true;
    char *conninfo = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct setting_value found;
        if (!read_variable(parts[i].variable, parts[i].secret, &found, error) ||
            is_empty_file(&found, error)) {
            free(conninfo);
            return false;
        }
        if (found.text == NULL && parts[i].other != NULL)
            read_variable(parts[i].other, false, &found, error);
        bool right = found.text == NULL || strcmp(parts[i].key, "port") != 0 || dburl_ports_ok(found.text);
        if (found.text != NULL)
            conninfo = dburl_add_keyword(conninfo, parts[i].key, found.text);
        forget(&found);
        if (!right) {
            *error = mem_printf("%s is not right: it must be a port from 1 to 65535", parts[i].variable);
            free(conninfo);
            return false;
        }
    }
    set(values, SETTING_DATABASE,
        (struct setting_value){conninfo, mem_dup("environment DB_HOST and its likes")});
    return true;
}

/* One setting that no flag gave. */
static bool read_setting(struct setting_values *values, enum setting_id id, char **error)
{
    const struct setting *setting = &setting_rows[id];
    for (size_t i = 0; i < 2 && setting->variables[i] != NULL; i++) {
        struct setting_value found;
        if (!read_variable(setting->variables[i], setting->secrecy != SECRECY_NONE, &found, error) ||
            (setting->secrecy == SECRECY_PASSWORD && is_empty_file(&found, error)))
            return false;
        if (found.text == NULL)
            continue;
        if (found.text[0] == '\0') { /* a token that may be left out */
            char *source = found.source;
            found.source = mem_printf("%s, which is empty", source);
            free(source);
        }
        set(values, id, found);
        return true;
    }
    set(values, id, (struct setting_value){mem_dup(setting->built_in), mem_dup(SETTING_BUILT_IN)});
    return true;
}

/* Each flag names one address; a variable may name several, by comma or space. */
static bool split_listen(struct setting_values *values, char **error)
{
    const struct setting_value *listen = &values->of[SETTING_LISTEN];
    char *copy = mem_dup(listen->text), *save = NULL;
    bool fits = true;
    for (char *word = strtok_r(copy, ", ", &save); fits && word != NULL; word = strtok_r(NULL, ", ", &save))
        fits = add_listen(values, listen->source, word, error);
    free(copy);
    return fits;
}

bool values_read_environment(struct setting_values *values, char **error)
{
    for (int id = 0; id < SETTING_COUNT; id++)
        if (values->of[id].text == NULL && !read_setting(values, (enum setting_id)id, error))
            return false;
    if (values->listen_count == 0 && !split_listen(values, error))
        return false;
    if (!values_built_in(values, SETTING_DATABASE))
        return true;
    if (!read_db_set(values, error))
        return false;
    static const char *const libpq[] = {"PGHOST", "PGDATABASE", "PGSERVICE"};
    for (size_t i = 0; i < 3 && values_built_in(values, SETTING_DATABASE); i++) {
        const char *value = getenv(libpq[i]);
        if (value != NULL && value[0] != '\0')
            set(values, SETTING_DATABASE,
                (struct setting_value){mem_dup("application_name=rowlock"), mem_dup(SETTING_LIBPQ)});
    }
    return true;
}

static bool is_variable(const char *name, const char *known)
{
    size_t length = known != NULL ? strlen(known) : 0;
    return length > 0 && strncmp(name, known, length) == 0 &&
           (name[length] == '\0' || strcmp(name + length, "_FILE") == 0);
}

static bool is_known(const char *name)
{
    for (int id = 0; id < SETTING_COUNT; id++)
        if (is_variable(name, setting_rows[id].variables[0]) ||
            is_variable(name, setting_rows[id].variables[1]))
            return true;
    return false;
}

void values_find_mistyped(void (*tell)(const char *variable, const char *meant))
{
    static const char ours[] = "ROWLOCK_";
    for (char **at = environ; *at != NULL; at++) {
        if (strncmp(*at, ours, sizeof ours - 1) != 0)
            continue;
        char *name = mem_dup_n(*at, strcspn(*at, "="));
        struct similar similar = similar_to(name, strlen(name));
        for (int id = 0; id < SETTING_COUNT; id++)
            similar_try(&similar, setting_rows[id].variables[0]);
        if (similar.best != NULL && !is_known(name))
            tell(name, similar.best);
        free(name);
    }
}

/* ---- what was found ---- */

bool values_built_in(const struct setting_values *values, enum setting_id id)
{
    return strcmp(values->of[id].source, SETTING_BUILT_IN) == 0;
}

void values_free(struct setting_values *values)
{
    for (int id = 0; id < SETTING_COUNT; id++)
        forget(&values->of[id]);
    for (size_t i = 0; i < values->listen_count; i++)
        free(values->listen[i]);
}
