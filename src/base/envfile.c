/* envfile_read takes the text apart line by line: skips, name, value. */
#include <config.h>

#include "base/envfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAME_FIRST "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define NAME_CHARACTERS NAME_FIRST "0123456789"
#define BLANKS " \t\r"

static char *without_quotes(char *value)
{
    size_t length = strlen(value);
    while (length > 0 && strchr(BLANKS, value[length - 1]) != NULL)
        value[--length] = '\0';
    char quote = value[0];
    if (length < 2 || (quote != '"' && quote != '\'') || value[length - 1] != quote)
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

/* False when the line is neither empty, a comment nor NAME=VALUE. */
static bool read_line(char *text, struct envfile *file)
{
    text += strspn(text, BLANKS);
    if (text[0] == '\0' || text[0] == '#')
        return true;
    if (strncmp(text, "export ", 7) == 0)
        text += 7 + strspn(text + 7, BLANKS);
    size_t length = strspn(text, NAME_CHARACTERS);
    if (text[length] != '=' || strchr(NAME_FIRST, text[0]) == NULL)
        return false;
    char *value = text + length + 1;
    value = without_quotes(value + strspn(value, BLANKS));
    file->lines[file->count++] = (struct envfile_line){mem_dup_n(text, length), mem_dup(value)};
    return true;
}

static size_t count_lines(const char *text)
{
    size_t count = 1;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

bool envfile_read(const char *path, enum textfile_patience patience, struct envfile *file, char **error)
{
    const char *why;
    *file = (struct envfile){.path = mem_dup(path)};
    char *text = textfile_read(path, patience, &why), *rest = text;
    if (text == NULL) {
        *error = mem_printf("cannot read %s: %s", path, why);
        return false;
    }
    file->lines = mem_array(count_lines(text), sizeof *file->lines);
    for (int number = 1; rest != NULL && *error == NULL; number++)
        if (!read_line(strsep(&rest, "\n"), file))
            *error = mem_printf("%s: line %d must be NAME=VALUE", path, number);
    free(text);
    return *error == NULL;
}

void envfile_fini(struct envfile *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->lines[i].name);
        free(file->lines[i].value);
    }
    free(file->lines);
    free(file->path);
    *file = (struct envfile){.path = NULL};
}

const char *envfile_value(const struct envfile *file, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->lines[i].name, name) == 0)
            value = file->lines[i].value;
    return value;
}
