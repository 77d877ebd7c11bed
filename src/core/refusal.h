/* Whether the caller is to blame for values that the database refused (DB_REFUSED).
 *
 * What a caller can send was validated before, so what the database still refuses is the caller's fault only where it
 * can be mended in the request: a constraint that the statement declares, one about a column that is a
 * member of the body, a text that is too long for its column. All else (a column that no request can name, a key that
 * was taken by hand, a value inside a trigger) is the database's, and an error of the server to its caller. */
#ifndef ROWLOCK_CORE_REFUSAL_H
#define ROWLOCK_CORE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/route.h"

/* The message for a caller that is at fault; false when it is not. values are those of its request; route is NULL
 * when the answer is that of several requests. */
bool refusal_message(const struct route *route, const struct value *values, const struct statement *statement,
                     const struct db_answer *answer, char *message, size_t size);

/* Whether to ask the database which columns the constraint is about (constraint_columns), because only that tells
 * whether the caller is at fault. */
bool refusal_is_open(const struct route *route, const struct value *values, const struct statement *statement,
                     const struct db_answer *answer);

#endif
