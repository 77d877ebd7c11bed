/* Requests that may be repeated: the Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header). The same key
 * with the same body gets the first answer again, for 24 hours and also after a crash, because key and answer are
 * written in the same statement as the record. Another body is refused with 422. Only successes are kept. */
#ifndef ROWLOCK_CORE_IDEMPOTENCY_H
#define ROWLOCK_CORE_IDEMPOTENCY_H

#include "core/chore.h"
#include "core/request.h"

#define IDEMPOTENCY_KEY_MAX 255 /* visible ASCII characters */

/* A statement that honours keys has the list key at the end of its parameters. Its columns are those of the answer and,
 * hidden behind them, the outcome: "done", "other" (the body differs) or "again" (another transaction has just written
 * the key, or holds it). Without a row: the database kept the record from being made. What is done is answered like any
 * other statement of the route. */

/* Starts once, the route's or one that takes its place, with these parameters, the key's apart, and the request's key.
 * Replies when the key is malformed. */
void idempotency_call(struct request *request, const struct statement *once, const struct db_param *params);

/* For routes that must find out something costly before idempotency_call. recall is a statement with the list key as
 * its only parameters. Answers the request when recall gives a row; calls unknown when it gives none, or when the
 * request has no key. */
void idempotency_recall(struct request *request, const struct statement *recall,
                        void (*unknown)(struct request *request));

/* Old keys go in the background. */
extern const struct chore idempotency_purge;

#endif
