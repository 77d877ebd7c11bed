/* What a request waits for: a call of its own (call.h), a read that it shares (shared.h), a look-up among kept replies
 * (cache.h), the reading step of a conditional write (precondition.c), or something of an app's. It is embedded in the
 * struct that does the work. A request holds one at a time and knows nothing else of it.
 *
 * All three functions are harmless when the work is done, so a request need not clear its pointer. */
#ifndef ROWLOCK_CORE_PENDING_H
#define ROWLOCK_CORE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pending;

struct pending_ops {
    /* True: nothing can have been changed if the request ends now. NULL: always true. */
    bool (*unsent)(const struct pending *pending);
    /* The client may have left. True: the work has not begun, so the request may end. False: it goes on. NULL: it
     * always goes on. */
    bool (*leave)(struct pending *pending);
    /* Takes the work back if it has not begun, else drops its answer. No callback comes afterwards. */
    void (*cancel)(struct pending *pending);
};

struct pending {
    const struct pending_ops *ops;
};

/* The struct that embeds it: pending_owner(pending, struct call, pending). */
#define pending_owner(embedded, type, member) ((type *)(void *)((uintptr_t)(embedded)-offsetof(type, member)))

/* In all of these NULL is a request that waits for nothing. */
static inline bool pending_unsent(const struct pending *pending)
{
    return pending == NULL || pending->ops->unsent == NULL || pending->ops->unsent(pending);
}

static inline bool pending_leave(struct pending *pending)
{
    return pending == NULL || (pending->ops->leave != NULL && pending->ops->leave(pending));
}

static inline void pending_cancel(struct pending *pending)
{
    if (pending != NULL)
        pending->ops->cancel(pending);
}

#endif
