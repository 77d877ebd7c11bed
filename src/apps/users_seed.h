/* Sample users: made up, or those that the GitHub API lists. */
#ifndef ROWLOCK_APPS_USERS_SEED_H
#define ROWLOCK_APPS_USERS_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/settings.h"
#include "db/session.h"

extern const struct setting_group github_settings;

/* As struct app wants them. */
bool users_seed(struct session *session, int64_t count);
bool users_seed_from_github(const struct settings *settings, struct session *session, int64_t total,
                            void (*tell)(int64_t added, int64_t total), int64_t *added, char **word);

#endif
