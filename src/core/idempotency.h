/* Requests that may be repeated: the Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header). The same key
 * with the same body gets the first answer again, for 24 hours and also after a crash, because key and answer are
 * written in the same statement as the record. Another body is refused with 422. Only successes are kept. */
#ifndef ROWLOCK_CORE_IDEMPOTENCY_H
#define ROWLOCK_CORE_IDEMPOTENCY_H

#include "core/request.h"

/* The columns of a statement that honours keys: its outcome is "done", "other" (the body differs) or "again" (another
 * transaction has just written the key, or holds it). Without a row: the database kept the record from being made. Its
 * last parameters are those of idempotency_params. */
#define IDEMPOTENCY_COLUMNS                                                                                  \
    {                                                                                                        \
        {"outcome", COLUMN_TEXT},                                                                            \
        {                                                                                                    \
            "answer", COLUMN_JSON                                                                            \
        }                                                                                                    \
    }
#define IDEMPOTENCY_PARAMS                                                                                   \
    {"scope", DB_TEXT}, {"key", DB_TEXT},                                                                    \
    {                                                                                                        \
        "fingerprint", DB_TEXT                                                                               \
    }

enum idempotency {
    IDEMPOTENCY_NONE,    /* the request has no key */
    IDEMPOTENCY_KEY,     /* params were filled */
    IDEMPOTENCY_REFUSED, /* the key is malformed: the request was answered */
};

/* Fills the three parameters. The scope is the path of the route. */
enum idempotency idempotency_params(struct request *request, struct db_param params[3]);

/* Starts the statement; its answer becomes the body of the reply, which finish (may be NULL) completes. */
void idempotency_call(struct request *request, struct stmt *stmt, const struct db_param *params,
                      void (*finish)(struct reply *reply));

/* For what is costly to find out before the statement: answers at once if the key is known already, else calls unknown.
 * The statement is one of the app's, made with IDEMPOTENCY_RECALL. */
#define IDEMPOTENCY_RECALL                                                                                   \
    {                                                                                                        \
        .name = "idempotency_recall", .set = true, .params = {IDEMPOTENCY_PARAMS},                           \
        .columns = IDEMPOTENCY_COLUMNS                                                                       \
    }
void idempotency_recall(struct request *request, struct stmt *recall, const struct db_param params[3],
                        void (*unknown)(struct request *request));

/* Purges old keys in the background, while the server runs. */
struct idempotency_purge;
struct idempotency_purge *idempotency_purge_start(struct server *server);
void idempotency_purge_stop(struct idempotency_purge *purge);

#endif
