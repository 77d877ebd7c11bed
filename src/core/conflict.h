/* Tables of another service that stand where migrations are about to make ours: found before anything is applied. */
#ifndef ROWLOCK_CORE_CONFLICT_H
#define ROWLOCK_CORE_CONFLICT_H

#include <stdbool.h>
#include <stdint.h>

#include "db/session.h"

/* Is there nothing in the way of the migrations behind that version (0: of all)? False with session->error, which names
 * what there is, says whose it looks like, and what can be done. */
bool conflict_free(struct session *session, int64_t version);

#endif
