/* Arguments, one after the other: a flag of the command, a flag of a setting, or a word. What is none of these is
 * refused with a guess at what was meant. */
#include <config.h>

#include "base/command_line.h"

#include <string.h>

#include "base/mem.h"
#include "base/similar.h"

/* One argument. */
struct argument {
    const char *text;
    size_t length;     /* up to "=" */
    const char *value; /* behind "="; NULL: there is none */
};

static bool flag_is(const struct argument *argument, const char *flag)
{
    return flag != NULL && strlen(flag) == argument->length &&
           strncmp(argument->text, flag, argument->length) == 0;
}

static struct command_flag *find_flag(struct command_line *line, const struct argument *argument)
{
    for (struct command_flag *flag = line->flags; flag->name != NULL; flag++)
        if (flag_is(argument, flag->name) || flag_is(argument, flag->short_name))
            return flag;
    return NULL;
}

static struct setting_at find_setting(const struct setting_list *list, const struct argument *argument)
{
    struct setting_at at = setting_first(list);
    while (at.row != NULL && !flag_is(argument, at.row->flag))
        setting_next(list, &at);
    return at;
}

static void try_aliases(struct similar *similar, const struct argument *argument,
                        const struct setting_alias *alias)
{
    for (; alias != NULL && alias->flag != NULL; alias++)
        if (flag_is(argument, alias->flag))
            similar->best = alias->meant;
}

static void refuse_flag(const struct command_line *line, const struct setting_list *list,
                        const struct argument *argument, char **error)
{
    char hint[SIMILAR_HINT_MAX];
    struct similar similar = similar_to(argument->text, argument->length);
    for (const struct command_flag *flag = line->flags; flag->name != NULL; flag++)
        similar_try(&similar, flag->name);
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at))
        similar_try(&similar, at.row->flag);
    for (const struct command_flag *flag = line->flags; flag->name != NULL; flag++)
        try_aliases(&similar, argument, flag->aliases);
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at))
        try_aliases(&similar, argument, at.row->aliases);
    *error = mem_printf("%.*s is not a flag of this command%s; see rowlock --help", (int)argument->length,
                        argument->text, similar_hint(&similar, hint));
}

static void set_setting(const struct setting_at *at, const char *value)
{
    const char *before = at->row->repeats ? at->found->text : NULL;
    if (at->row->value_name == NULL && value[0] == '\0')
        value = "on";
    setting_found_set(at->found, before != NULL ? mem_printf("%s\n%s", before, value) : mem_dup(value),
                      mem_dup(at->row->flag));
}

/* A flag, at line->argv[*i], which moves on over a value of its own. */
static bool take_flag(struct command_line *line, struct setting_list *list, int *i, char **error)
{
    const char *text = line->argv[*i], *equals = strchr(text, '=');
    struct argument argument = {text, equals != NULL ? (size_t)(equals - text) : strlen(text),
                                equals != NULL ? equals + 1 : NULL};
    struct command_flag *flag = find_flag(line, &argument);
    struct setting_at at = {.row = NULL};
    if (flag == NULL)
        at = find_setting(list, &argument);
    if (flag == NULL && at.row == NULL) {
        refuse_flag(line, list, &argument, error);
        return false;
    }
    if (argument.value == NULL && (flag != NULL ? flag->value_name : at.row->value_name) == NULL)
        argument.value = "";
    if (argument.value == NULL && *i + 1 < line->argc)
        argument.value = line->argv[++*i];
    if (argument.value == NULL)
        *error = flag != NULL ? mem_printf("%s needs a value", flag->name)
                              : mem_printf("%s needs a value: %s", at.row->flag, at.row->about);
    else if (flag != NULL)
        flag->value = argument.value;
    else
        set_setting(&at, argument.value);
    return argument.value != NULL;
}

/* The setting whose switch, without a value, stands before this word; row NULL: there is none. */
static struct setting_at switch_before(const struct command_line *line, const struct setting_list *list,
                                       int i)
{
    struct setting_at none = {.row = NULL};
    if (i == 0)
        return none;
    struct argument before = {line->argv[i - 1], strlen(line->argv[i - 1]), NULL};
    struct setting_at at = find_setting(list, &before);
    return at.row != NULL && at.row->value_name == NULL ? at : none;
}

static char *one_too_many(const struct command_line *line, const struct setting_list *list, int i)
{
    const char *word = line->argv[i];
    struct setting_at at = switch_before(line, list, i);
    if (at.row != NULL)
        return mem_printf(
            "\"%s\" is one word too many (%s alone means on; did you mean %s=on or %s=off?); see "
            "rowlock --help",
            word, at.row->flag, at.row->flag, at.row->flag);
    bool number = word[strspn(word, "0123456789")] == '\0';
    for (const struct command_flag *flag = line->flags; number && flag->name != NULL; flag++)
        if (flag->counts)
            return mem_printf("\"%s\" is one word too many (did you mean %s %s?); see rowlock --help", word,
                              flag->name, word);
    return mem_printf("\"%s\" is one word too many (a command comes first, flags such as --listen "
                      "127.0.0.1:8080 behind it); see rowlock --help",
                      word);
}

bool command_line_read(struct command_line *line, struct setting_list *list, char **error)
{
    line->word_count = 0;
    for (int i = 0; i < line->argc; i++) {
        const char *text = line->argv[i];
        if (text[0] == '-' && text[1] != '\0') {
            if (!take_flag(line, list, &i, error))
                return false;
        } else if (line->word_count == line->words_max) {
            *error = one_too_many(line, list, i);
            return false;
        } else {
            line->words[line->word_count++] = text;
        }
    }
    return true;
}

const char *command_line_value(const struct command_line *line, const char *name)
{
    const struct command_flag *flag = line->flags;
    while (strcmp(flag->name, name) != 0)
        flag++;
    return flag->value;
}
