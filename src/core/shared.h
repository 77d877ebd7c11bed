/* Reads that are shared. Identical GETs share one query, as long as it was not sent, and its one serialised body. A
 * GET that comes after the query was sent waits for the next query. So every GET sees what was committed before it
 * came, and the database has each query at most once at a time. */
#ifndef ROWLOCK_CORE_SHARED_H
#define ROWLOCK_CORE_SHARED_H

#include "base/list.h"
#include "core/answer.h"
#include "core/call.h"

struct shared;
struct shared_read;

/* One that waits for a read. Set both callbacks and the caller before shared_start. Exactly one of the callbacks is
 * called, never before shared_start has returned, and none after the waiter was cancelled (pending). */
struct shared_waiter {
    struct pending pending;
    void (*answered)(struct shared_waiter *waiter, const struct reply *reply); /* others get the same */
    void (*refused)(struct shared_waiter *waiter, enum call_start why);        /* the read was not started */
    uint64_t caller;           /* the read is its call if it is the first to wait for it */
    const struct trace *trace; /* of which it is a part, for as long as it waits */
    /* inside */
    struct list_node link;
    struct shared_read *read; /* NULL: it is over */
    int64_t joined;
};

/* Called with each reply to an answer without error, before its waiters are; sent: when the statement was sent. */
typedef void shared_wrote_cb(const struct answering *answering, int64_t sent, void *argument);

/* Every reply is written into reply, which is good until the callbacks have returned. */
struct shared *shared_new(struct calls *calls, struct reply *reply, shared_wrote_cb *wrote, void *argument);
void shared_free(struct shared *shared);

/* Joins a read, or starts one. Parameters are copied. No callback follows unless it returns CALL_STARTED. */
enum call_start shared_start(struct shared *shared, struct shared_waiter *waiter, const struct route *route,
                             const struct statement *statement, const struct db_param *params);

#endif
