/* A place where bytes are kept under a key for a while, whichever it is: in the process (store_memory.h), in
 * Redis (redis.h), in memcached (memcached.h). It may forget anything at any time: callers must be able to do without,
 * and never wait for it longer than STORE_PATIENCE_NS. */
#ifndef ROWLOCK_STORE_STORE_H
#define ROWLOCK_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/slice.h"

#define STORE_PATIENCE_NS (45 * CLOCK_MS)
#define STORE_KEY_MAX 200u
#define STORE_VALUE_MAX ((size_t)512 << 10)

/* A question on its way. Embedded in what asks; must stay until done or store_ops.cancel. */
struct store_find {
    /* Exactly once, never before find has returned, and not after cancel. .ptr NULL: a miss. The value is
     * good until this returns. */
    void (*done)(struct store_find *find, struct slice value);
    void *inside; /* the store's */
};

enum store_found {
    STORE_MISS,  /* no callback */
    STORE_HIT,   /* *value, good until the next call of the store; no callback */
    STORE_LATER, /* the callback comes */
};

struct store;

struct store_ops {
    enum store_found (*find)(struct store *store, struct slice key, struct store_find *find,
                             struct slice *value);
    void (*cancel)(struct store *store, struct store_find *find);
    /* For at most that long from now on. Keys are printable, up to STORE_KEY_MAX bytes. */
    void (*put)(struct store *store, struct slice key, struct slice value, int64_t life_ns);
    void (*free)(struct store *store); /* every question must be done or cancelled; NULL is harmless */
};

struct store {
    const struct store_ops *ops;
};

#endif
