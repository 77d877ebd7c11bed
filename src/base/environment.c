/* Variables, their files, and the settings that stand in them. */
#include <config.h>

#include "base/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/envfile.h"
#include "base/mem.h"
#include "base/similar.h"

static enum textfile_patience patience;
static struct envfile variables; /* those of the file of settings; a variable of the environment wins */

const char *environment_get(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : envfile_value(&variables, name);
}

/* The variable, and the file if it stands there. */
static char *source_of(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? mem_dup(name) : mem_printf("%s in %s", name, variables.path);
}

bool environment_variable(const char *name, bool may_be_file, struct setting_found *found, char **error)
{
    const char *plain = environment_get(name), *why;
    *found = (struct setting_found){NULL, NULL};
    if (plain != NULL && plain[0] != '\0')
        setting_found_set(found, mem_dup(plain), source_of(name));
    if (!may_be_file)
        return true;
    char *file_name = mem_printf("%s_FILE", name);
    const char *path = environment_get(file_name);
    if (path == NULL || path[0] == '\0') {
        free(file_name);
        return true;
    }
    if (found->text != NULL) {
        *error = mem_printf("%s and %s are both set; set one", name, file_name);
    } else if ((found->text = textfile_read(path, patience, &why)) != NULL) {
        found->source = source_of(file_name);
        free(file_name);
        return true;
    } else {
        *error = mem_printf("%s: cannot read %s: %s", file_name, path, why);
    }
    setting_found_set(found, NULL, NULL);
    free(file_name);
    return false;
}

/* A database or a password that its file does not hold was not left out on purpose. */
bool environment_refuse_empty(struct setting_found *found, char **error)
{
    if (found->text == NULL || found->text[0] != '\0')
        return false;
    *error = mem_printf("%s: its file is empty", found->source);
    setting_found_set(found, NULL, NULL);
    return true;
}

static bool read_variables(const struct setting_at *at, char **error)
{
    const struct setting *row = at->row;
    for (size_t i = 0; i < 2 && row->variables[i] != NULL && at->found->text == NULL; i++)
        if (!environment_variable(row->variables[i], row->secrecy != SETTING_PUBLIC, at->found, error) ||
            (row->secrecy == SETTING_WITH_PASSWORD && environment_refuse_empty(at->found, error)))
            return false;
    if (at->found->text != NULL && at->found->text[0] == '\0') { /* a token that may be left out */
        char *source = mem_printf("%s, which is empty", at->found->source);
        setting_found_set(at->found, mem_dup(""), source);
    }
    return true;
}

static bool read_row(const struct setting_at *at, char **error)
{
    return at->found->text != NULL ||
           (read_variables(at, error) &&
            (at->found->text != NULL || at->row->elsewhere == NULL || at->row->elsewhere(at->found, error)));
}

bool environment_read(struct setting_list *list, char **error)
{
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) {
        const struct setting *row = at.row;
        char *one = NULL;
        read_row(&at, &one);
        setting_add_error(error, one);
        if (at.found->text == NULL)
            setting_found_set(at.found,
                              row->built_in_now != NULL ? row->built_in_now() : mem_dup(row->built_in),
                              mem_dup(SETTING_BUILT_IN));
    }
    return *error == NULL;
}

/* ---- mistyped ones ---- */

static bool is_variable(const char *name, const char *known)
{
    size_t length = known != NULL ? strlen(known) : 0;
    return length > 0 && strncmp(name, known, length) == 0 &&
           (name[length] == '\0' || strcmp(name + length, "_FILE") == 0);
}

static bool is_known(const struct setting_list *list, const char *name)
{
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at))
        if (is_variable(name, at.row->variables[0]) || is_variable(name, at.row->variables[1]))
            return true;
    return false;
}

/* The variable that name was meant to be; NULL: it is one, or is like none. */
static const char *meant_by(const struct setting_list *list, const char *name)
{
    struct similar similar = similar_to(name, strlen(name));
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at))
        similar_try(&similar, at.row->variables[0]);
    return is_known(list, name) ? NULL : similar.best;
}

void environment_find_mistyped(const struct setting_list *list, const char *prefix,
                               void (*tell)(const char *variable, const char *meant))
{
    for (char **at = environ; *at != NULL; at++) {
        if (strncmp(*at, prefix, strlen(prefix)) != 0)
            continue;
        char *name = mem_dup_n(*at, strcspn(*at, "="));
        const char *meant = meant_by(list, name);
        if (meant != NULL)
            tell(name, meant);
        free(name);
    }
}

/* ---- the file of settings ---- */

static bool may_be(const struct setting *row, const char *name)
{
    for (size_t i = 0; i < 2; i++)
        if (is_variable(name, row->variables[i]))
            return row->secrecy != SETTING_PUBLIC || strcmp(name, row->variables[i]) == 0;
    return false;
}

/* What names this file cannot stand in it, and libpq reads its own variables by itself, from the environment alone. */
static bool may_stand_in_file(const struct setting_list *list, const char *name)
{
    const struct setting *file = setting_find(list, "settings").row;
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at))
        if (may_be(at.row, name))
            return at.row != file;
    return strncmp(name, "DB_", 3) == 0;
}

static void refuse_variable(const struct setting_list *list, const char *path, const char *name, char **error)
{
    const char *meant = meant_by(list, name);
    *error = mem_printf("%s: %s is no setting that may stand there%s%s%s", path, name,
                        meant != NULL ? " (did you mean " : "", meant != NULL ? meant : "",
                        meant != NULL ? "?)" : "");
}

bool environment_read_file(const struct setting_list *list, const char *path, enum textfile_patience how,
                           char **error)
{
    struct envfile file = {.path = NULL};
    patience = how;
    if (path[0] != '\0' && !envfile_read(path, patience, &file, error)) {
        envfile_fini(&file);
        return false;
    }
    for (size_t i = 0; i < file.count && *error == NULL; i++)
        if (!may_stand_in_file(list, file.lines[i].name))
            refuse_variable(list, path, file.lines[i].name, error);
    envfile_fini(&variables);
    variables = file;
    return *error == NULL;
}
