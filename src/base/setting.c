/* Rows of settings: the text that was found for each becomes a member (setting_list_take), and is shown again. */
#include <config.h>

#include "base/setting.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/dburl.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- the list ---- */

void setting_list_add(struct setting_list *list, const struct setting_group *group, void *members)
{
    size_t rows = 0;
    while (group->rows[rows].name != NULL)
        rows++;
    assert(list->count < SETTING_GROUPS_MAX);
    list->groups[list->count++] =
        (struct setting_values){.group = group,
                                .found = mem_array(rows, sizeof(struct setting_found)),
                                .members = members != NULL ? members : mem_new(group->size),
                                .owned = members == NULL};
}

void setting_list_free(struct setting_list *list)
{
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at))
        setting_found_set(at.found, NULL, NULL);
    for (size_t i = 0; i < list->count; i++) {
        free(list->groups[i].found);
        if (list->groups[i].owned)
            free(list->groups[i].members);
    }
    list->count = 0;
}

const void *setting_list_members(const struct setting_list *list, const struct setting_group *group)
{
    size_t i = 0;
    while (list->groups[i].group != group) {
        i++;
        assert(i < list->count);
    }
    return list->groups[i].members;
}

/* The first row of a group that has any, from this group on. */
static struct setting_at first_of(const struct setting_list *list, size_t group)
{
    while (group < list->count && list->groups[group].group->rows[0].name == NULL)
        group++;
    if (group == list->count)
        return (struct setting_at){.row = NULL};
    const struct setting_values *values = &list->groups[group];
    return (struct setting_at){values->group->rows, values->found, values->members, group};
}

struct setting_at setting_first(const struct setting_list *list)
{
    return first_of(list, 0);
}

void setting_next(const struct setting_list *list, struct setting_at *at)
{
    at->row++;
    at->found++;
    if (at->row->name == NULL)
        *at = first_of(list, at->group + 1);
}

struct setting_at setting_find(const struct setting_list *list, const char *name)
{
    struct setting_at at = setting_first(list);
    while (strcmp(at.row->name, name) != 0)
        setting_next(list, &at);
    return at;
}

bool setting_is_built_in(const struct setting_at *at)
{
    return strcmp(at->found->source, SETTING_BUILT_IN) == 0;
}

void setting_found_set(struct setting_found *found, char *text, char *source)
{
    free(found->text);
    free(found->source);
    *found = (struct setting_found){text, source};
}

/* ---- from text to members ---- */

/* Where a password begins and ends in what is malformed is anybody's guess, so none of it is shown. */
bool setting_wrong(const struct setting_at *at, const char *right, char **error)
{
    const char *source = setting_is_built_in(at) ? at->row->name : at->found->source;
    *error = at->row->secrecy == SETTING_PUBLIC
                 ? mem_printf("%s: \"%s\" is not right: %s", source, at->found->text, right)
                 : mem_printf("%s is not right: %s", source, right);
    return false;
}

void setting_add_error(char **all, char *one)
{
    char *before = *all;
    if (one == NULL)
        return;
    *all = before != NULL ? mem_printf("%s\n%s", before, one) : one;
    if (before == NULL)
        return;
    free(before);
    free(one);
}

/* What may stand behind a host: nothing, or ":" and a port. */
static bool is_port_or_end(const char *text)
{
    int64_t port;
    return text[0] == '\0' || (text[0] == ':' && text_int(slice_of(text + 1), &port) == TEXT_NUMBER_OK &&
                               port >= 1 && port <= 65535);
}

/* What stands behind the scheme: [user@]host[:port], then a path. */
static bool has_host(const char *rest)
{
    char *authority = mem_dup_n(rest, strcspn(rest, "/?#")), *user = strrchr(authority, '@');
    const char *host = user != NULL ? user + 1 : authority;
    const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    bool ok = end != NULL && end > host + (host[0] == '[') && is_port_or_end(end + (host[0] == '['));
    free(authority);
    return ok;
}

const char *setting_http_wrong(const char *url)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0)
        return "it must begin with http:// or https://";
    for (const char *at = url; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            return "spaces and characters beyond ASCII must be percent-encoded";
    return has_host(url + scheme) ? NULL : "it must name a host, and a port from 1 to 65535 if any";
}

static void *member_of(const struct setting_at *at)
{
    return (char *)at->members + at->row->member;
}

static bool read_text(const struct setting_at *at, char **error)
{
    const char *text = at->found->text;
    const char *right = at->row->kind == SETTING_URL ? setting_http_wrong(text) : NULL;
    if (right != NULL)
        return setting_wrong(at, right, error);
    *(const char **)member_of(at) = text;
    return true;
}

static bool read_int(const struct setting_at *at, char **error)
{
    const struct setting *row = at->row;
    int64_t *member = member_of(at), max = row->max_now != NULL ? row->max_now() : row->max;
    if (row->zero != NULL && strcmp(at->found->text, row->zero) == 0) {
        *member = 0;
        return true;
    }
    if (text_int(slice_of(at->found->text), member) == TEXT_NUMBER_OK && *member >= row->min &&
        *member <= max)
        return true;
    char *right =
        mem_printf("it must be %s%san integer from %lld to %lld", row->zero != NULL ? row->zero : "",
                   row->zero != NULL ? " or " : "", (long long)row->min, (long long)max);
    setting_wrong(at, right, error);
    free(right);
    return false;
}

static bool read_seconds(const struct setting_at *at, char **error)
{
    double seconds;
    if (text_double(slice_of(at->found->text), &seconds) != TEXT_NUMBER_OK || seconds < 0.1 || seconds > 3600)
        return setting_wrong(at, "it must be a number of seconds from 0.1 to 3600", error);
    *(int64_t *)member_of(at) = (int64_t)(seconds * (double)CLOCK_SECOND);
    return true;
}

static bool read_bool(const struct setting_at *at, char **error)
{
    static const char *const words[2][5] = {{"off", "false", "no", "0", "OFF"},
                                            {"on", "true", "yes", "1", "ON"}};
    for (int on = 0; on < 2; on++)
        for (size_t i = 0; i < 5; i++)
            if (strcmp(at->found->text, words[on][i]) == 0) {
                *(bool *)member_of(at) = on == 1;
                return true;
            }
    return setting_wrong(at, "it must be on or off", error);
}

/* "it must be a, b or c" */
static char *list_choices(const char *const *choices)
{
    struct buf text = BUF_INIT(4096);
    buf_printf(&text, "it must be %s", choices[0]);
    for (size_t i = 1; choices[i] != NULL; i++)
        buf_printf(&text, "%s%s", choices[i + 1] != NULL ? ", " : " or ", choices[i]);
    return buf_text(&text);
}

/* Without a word the member stays zero: the group's check chooses. */
static bool read_choice(const struct setting_at *at, char **error)
{
    if (at->found->text[0] == '\0' && at->row->built_in[0] == '\0')
        return true;
    for (unsigned i = 0; at->row->choices[i] != NULL; i++)
        if (strcmp(at->found->text, at->row->choices[i]) == 0) {
            *(unsigned *)member_of(at) = i;
            return true;
        }
    char *right = list_choices(at->row->choices);
    setting_wrong(at, right, error);
    free(right);
    return false;
}

static bool read_one(const struct setting_at *at, char **error)
{
    static bool (*const readers[])(const struct setting_at *, char **) = {
        [SETTING_TEXT] = read_text,       [SETTING_URL] = read_text,  [SETTING_INT] = read_int,
        [SETTING_SECONDS] = read_seconds, [SETTING_BOOL] = read_bool, [SETTING_CHOICE] = read_choice,
    };
    return at->row->read != NULL ? at->row->read(at, error) : readers[at->row->kind](at, error);
}

/* What several mean together is asked only when each by itself is right. */
bool setting_list_take(struct setting_list *list, char **error)
{
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) {
        char *one = NULL;
        read_one(&at, &one);
        setting_add_error(error, one);
    }
    bool each = *error == NULL;
    for (size_t i = 0; each && i < list->count; i++) {
        const struct setting_group *group = list->groups[i].group;
        char *one = NULL;
        if (group->check != NULL)
            group->check(list, list->groups[i].members, &one);
        setting_add_error(error, one);
    }
    return *error == NULL;
}

/* What is built in now is named by its flag or variable, so that it can be found in the log. */
static const char *name_of(const struct setting_at *at)
{
    return !setting_is_built_in(at) ? at->found->source
           : at->row->flag != NULL  ? at->row->flag
                                    : at->row->variables[0];
}

void setting_list_renew(struct setting_list *list, struct setting_list *fresh,
                        void (*tell)(const char *source, bool changed))
{
    struct setting_at now = setting_first(fresh);
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) {
        if (strcmp(at.found->text, now.found->text) != 0) {
            tell(name_of(&now), at.row->live);
            if (at.row->live) {
                struct setting_found before = *at.found;
                char *error = NULL;
                *at.found = *now.found;
                *now.found = before;
                read_one(&at, &error); /* it was right in the other list */
            }
        }
        setting_next(fresh, &now);
    }
}

/* ---- showing them ---- */

void setting_list_help(const struct setting_list *list, FILE *out)
{
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) {
        const struct setting *row = at.row;
        char flag[40];
        snprintf(flag, sizeof flag, "%s%s%s", row->flag != NULL ? row->flag : "",
                 row->value_name != NULL ? " " : "", row->value_name != NULL ? row->value_name : "");
        fprintf(out, "  %-22s %-26s %s%s%s%s\n", flag, row->variables[0], row->about,
                row->built_in[0] != '\0' ? " [" : "", row->built_in, row->built_in[0] != '\0' ? "]" : "");
    }
}

static char *show(const struct setting_at *at)
{
    const struct setting *row = at->row;
    const char *text = at->found->text;
    if (row->show != NULL)
        return row->show(at);
    if (row->secrecy != SETTING_PUBLIC)
        return row->secrecy == SETTING_WITH_PASSWORD ? dburl_mask(text)
                                                     : mem_dup(text[0] != '\0' ? "***" : "");
    if (row->kind == SETTING_INT)
        return mem_printf("%lld", (long long)*(int64_t *)member_of(at));
    if (row->kind == SETTING_BOOL)
        return mem_dup(*(bool *)member_of(at) ? "on" : "off");
    return mem_dup(row->kind == SETTING_CHOICE ? row->choices[*(unsigned *)member_of(at)] : text);
}

void setting_list_print(const struct setting_list *list, FILE *out)
{
    for (struct setting_at at = setting_first(list); at.row != NULL; setting_next(list, &at)) {
        char *lines = show(&at), *rest = lines;
        do {
            const char *line = strsep(&rest, "\n");
            fprintf(out, "%-16s %-48s # %s\n", at.row->name, line, at.found->source);
        } while (rest != NULL);
        free(lines);
    }
}
