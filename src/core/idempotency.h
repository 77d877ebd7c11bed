/* Requests that may be repeated: the Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header). The same key
 * with the same body gets the first answer again, for 24 hours and also after a crash, because key and answer are
 * written in the same statement as the record. Another body is refused with 422. Only successes are kept. */
#ifndef ROWLOCK_CORE_IDEMPOTENCY_H
#define ROWLOCK_CORE_IDEMPOTENCY_H

#include "core/request.h"

/* A statement that honours keys has the list key at the end of its parameters and the columns outcome and answer. Its
 * outcome is "done", "other" (the body differs) or "again" (another transaction has just written the key, or holds it).
 * Without a row: the database kept the record from being made. */

enum idempotency {
    IDEMPOTENCY_NONE,    /* the request has no key */
    IDEMPOTENCY_KEY,     /* params were filled */
    IDEMPOTENCY_REFUSED, /* the key is malformed: the request was answered */
};

/* Fills the parameters of the list key, which begin at params. The scope is the path of the route. */
enum idempotency idempotency_params(struct request *request, struct db_param *params);

/* Starts the statement; its answer becomes the body of the reply, which finish (may be NULL) completes. */
void idempotency_call(struct request *request, const struct statement *statement,
                      const struct db_param *params, void (*finish)(struct reply *reply));

/* For what is costly to find out before the statement: answers at once if the key is known, else calls unknown. */
void idempotency_recall(struct request *request, const struct db_param *key,
                        void (*unknown)(struct request *request));

/* Purges old keys in the background, while the server runs. */
struct idempotency_purge;
struct idempotency_purge *idempotency_purge_start(struct server *server);
void idempotency_purge_stop(struct idempotency_purge *purge);

#endif
