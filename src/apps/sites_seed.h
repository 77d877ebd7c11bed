/* Sample sites, with what stands in them. */
#ifndef ROWLOCK_APPS_SITES_SEED_H
#define ROWLOCK_APPS_SITES_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "db/session.h"

bool sites_seed(struct session *session, int64_t count);

#endif
