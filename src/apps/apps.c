/* The list of apps, and how they are found by name. */
#include <config.h>

#include "apps/apps.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct app *const all[] = {
    /* in the order of lists, and of routes */
    &app_orders, &app_health, &app_sites, &app_messages, &app_users, NULL};

#define APP_COUNT (sizeof all / sizeof all[0] - 1)

const struct app *const *apps_all(void)
{
    return all;
}

static const struct app *find(const char *name, size_t length)
{
    for (size_t i = 0; i < APP_COUNT; i++)
        if (strlen(all[i]->name) == length && strncmp(all[i]->name, name, length) == 0)
            return all[i];
    return NULL;
}

const struct app *apps_find(const char *name)
{
    return find(name, strlen(name));
}

const char *apps_names(void)
{
    static char names[128];
    names[0] = '\0';
    for (size_t i = 0; i < APP_COUNT; i++) {
        strcat(names, i > 0 ? ", " : "");
        strcat(names, all[i]->name);
    }
    return names;
}

const char *apps_hint(const char *name, size_t length, char hint[static SIMILAR_HINT_MAX])
{
    struct similar similar = similar_to(name, length);
    for (size_t i = 0; i < APP_COUNT; i++)
        similar_try(&similar, all[i]->name);
    return similar_hint(&similar, hint);
}

const struct app **apps_choose(const char *list, char **error)
{
    const struct app **chosen = mem_array(APP_COUNT + 2, sizeof *chosen);
    bool wanted[APP_COUNT], every = strcmp(list, "all") == 0;
    for (size_t i = 0; i < APP_COUNT; i++)
        wanted[i] = every;
    for (bool more = !every; more;) {
        list += strspn(list, " ");
        size_t length = strcspn(list, ", ");
        const struct app *app = find(list, length);
        if (app == NULL) {
            char hint[SIMILAR_HINT_MAX];
            *error = mem_printf("\"%.*s\" is no app%s; the apps are: %s", (int)length, list,
                                apps_hint(list, length, hint), apps_names());
            free((void *)chosen);
            return NULL;
        }
        for (size_t i = 0; i < APP_COUNT; i++)
            wanted[i] |= all[i] == app;
        list += length;
        list += strspn(list, " ");
        more = *list != '\0';
        list += *list == ',';
    }
    size_t count = 0;
    chosen[count++] = &app_operations;
    for (size_t i = 0; i < APP_COUNT; i++)
        if (wanted[i])
            chosen[count++] = all[i];
    return chosen;
}

const struct setting_group *const *apps_settings(void)
{
    static const struct setting_group *groups[APP_COUNT + 1];
    size_t count = 0;
    for (size_t i = 0; i < APP_COUNT; i++)
        if (all[i]->settings != NULL)
            groups[count++] = all[i]->settings;
    return groups;
}
