/* HTTP requests to other servers on the loop: libcurl's multi interface, seen by fetch.c alone. Only http and https,
 * no redirects, connections are reused, and an answer may be no longer than FETCH_BODY_MAX. */
#ifndef ROWLOCK_IO_FETCH_H
#define ROWLOCK_IO_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/proxy.h"
#include "base/slice.h"
#include "io/loop.h"

#define FETCH_BODY_MAX ((size_t)256 << 10)

struct fetcher;
struct fetch;

struct fetch_answer {
    int status;        /* 0: no answer came, error says why */
    const char *error; /* "" when one came; never holds the URL */
    bool unsent;       /* nothing of it can have happened: its body has not left */
    const char *proxy; /* "host:port" of the proxy that was asked; NULL: none */
    struct slice body;
    const struct fetch *fetch;
};

/* Called once, never before fetch_start has returned. The answer is good until it returns. */
typedef void fetch_cb(const struct fetch_answer *answer, void *argument);

/* The proxies are borrowed. What a proxy itself refuses counts as no answer. */
struct fetcher *fetcher_new(struct loop *loop, const struct proxies *proxies, unsigned max_at_once,
                            int64_t connect_ns, int64_t total_ns);
void fetcher_free(struct fetcher *fetcher); /* cancels what is on its way */

struct fetch_request {
    const char *method; /* NULL: GET */
    const char *url;
    const char *const *headers; /* "Name: value" each, the last is NULL; NULL: none but curl's own */
    struct slice body;          /* .ptr NULL: none; is sent once, and never again on another connection */
};

/* Keeps nothing of what it is given. Gives NULL when as many are on their way as may be. */
struct fetch *fetch_send(struct fetcher *fetcher, const struct fetch_request *request, fetch_cb *callback,
                         void *argument);

/* A GET. */
struct fetch *fetch_start(struct fetcher *fetcher, const char *url, const char *const *headers,
                          fetch_cb *callback, void *argument);
void fetch_cancel(struct fetch *fetch); /* no callback any more */

/* A header field of an answer by its name in any case; .ptr NULL when it has none. As good as the answer. */
struct slice fetch_field(const struct fetch_answer *answer, const char *name);

#endif
