/* The apps there are. */
#ifndef ROWLOCK_APPS_APPS_H
#define ROWLOCK_APPS_APPS_H

#include "base/similar.h"
#include "core/app.h"

extern const struct app app_operations; /* always served */
extern const struct app app_orders;
extern const struct app app_health;
extern const struct app app_sites;
extern const struct app app_messages;
extern const struct app app_users;

/* All but app_operations; ends with NULL. */
const struct app *const *apps_all(void);

/* The app of that name, or NULL. */
const struct app *apps_find(const char *name);

/* The names of all, by comma. */
const char *apps_names(void);

/* " (did you mean APP?)", or "". */
const char *apps_hint(const char *name, size_t length, char hint[static SIMILAR_HINT_MAX]);

/* The settings of all; ends with NULL. */
const struct setting_group *const *apps_settings(void);

/* The apps of a comma-separated list ("all": all), ended by NULL; to be freed. NULL with *error (to be freed), which
 * names the word that is no app. */
const struct app **apps_choose(const char *list, char **error);

#endif
