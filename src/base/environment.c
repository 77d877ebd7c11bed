/* Variables, their files, and the settings that stand in them. */
#include <config.h>

#include "base/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/similar.h"

#define FILE_MAX_BYTES 65536

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

bool environment_variable(const char *name, bool may_be_file, struct setting_found *found, char **error)
{
    const char *plain = getenv(name), *why;
    *found = (struct setting_found){NULL, NULL};
    if (plain != NULL && plain[0] != '\0')
        setting_found_set(found, mem_dup(plain), mem_dup(name));
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

/* The variable that name was meant to be; NULL: it is one, or is like none. */
static const char *meant_by(const struct setting_list *list, const char *name)
{
    struct similar similar = similar_to(name, strlen(name));
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) {
        if (is_variable(name, at.row->variables[0]) || is_variable(name, at.row->variables[1]))
            return NULL;
        similar_try(&similar, at.row->variables[0]);
    }
    return similar.best;
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
