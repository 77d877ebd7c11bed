/* Calls as requests of HTTP, and answers as they are judged (docs/api/orders.md). */
#ifndef ROWLOCK_PROVE_API_H
#define ROWLOCK_PROVE_API_H

#include "io/fetch.h"
#include "prove/history.h"

/* Where this run's orders are fetched, and brought: a few steps from one another, so that each says which
 * placing it is of, and claims with near and within find no others. In millionths of a degree. */
struct api_spot {
    int64_t lat, lng;
};

struct api {
    const char *url;    /* without a slash at its end */
    const char *bearer; /* NULL: none */
    struct api_spot spot;
    struct fetcher *fetcher;
};

#define API_MARK_MAX INT64_C(99999999)

struct api_spot api_spot_at_random(void);

/* Sends the call; near: a claim is of orders of this run alone. NULL: it could not be sent. */
struct fetch *api_send(const struct api *api, const struct history *history, const struct prove_call *call,
                       bool near, fetch_cb *callback, void *argument);

/* What the answer says to the call: answer, code, and what was told and seen. Texts go into the history. */
void api_read(const struct api *api, struct history *history, struct prove_call *call,
              const struct fetch_answer *answer);

#endif
