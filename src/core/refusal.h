/* Who is to blame for values that the database refused (DB_REFUSED).
 *
 * What a caller can send was validated before, so what the database still refuses is the caller's fault only where it
 * can be mended in the request: a constraint that the statement declares, one about a column that is a
 * member of the body, a text that is too long for its column. All else (a column that no request can name, a key that
 * was taken by hand, a value inside a trigger) is the database's, and an error of the server to its caller. */
#ifndef ROWLOCK_CORE_REFUSAL_H
#define ROWLOCK_CORE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/request.h"

/* Replies to a call that failed, and ends the request. Of a constraint that nobody declared it first asks the database
 * which columns it is about. */
void refusal_reply(struct request *request, const struct statement *statement,
                   const struct db_answer *answer);

/* The words for a caller who is at fault; false when he is not. */
bool refusal_words(const struct request *request, const struct statement *statement,
                   const struct db_answer *answer, char *words, size_t size);

#endif
