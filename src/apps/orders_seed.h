/* Sample orders. */
#ifndef ROWLOCK_APPS_ORDERS_SEED_H
#define ROWLOCK_APPS_ORDERS_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "db/session.h"

bool orders_seed(struct session *session, int64_t count);

#endif
