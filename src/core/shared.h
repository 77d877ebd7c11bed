/* Reads that are shared. Identical GETs that were not sent yet ride on one query and get one serialised body; one
 * that comes after the query was sent waits for the next. So nobody sees less than what was committed before he
 * asked, and the database reads each thing at most once at a time. */
#ifndef ROWLOCK_CORE_SHARED_H
#define ROWLOCK_CORE_SHARED_H

#include "base/list.h"
#include "core/answer.h"
#include "core/call.h"

struct shared;
struct shared_read;

/* Who waits for a read. Exactly one of the callbacks comes, never before shared_start has returned, and none after the
 * waiter was cancelled (pending). Set them before. */
struct shared_waiter {
    struct pending pending;
    void (*answered)(struct shared_waiter *waiter, const struct reply *reply); /* the reply is everybody's */
    void (*refused)(struct shared_waiter *waiter, enum call_start why);        /* the read was not started */
    /* inside */
    struct list_node link;
    struct shared_read *read; /* NULL: it is over */
};

/* Is told of each reply without an error of the database, before its readers are; sent: when its statement was. */
typedef void shared_wrote_cb(const struct answering *answering, int64_t sent, void *argument);

/* Replies are written into reply, one at a time. */
struct shared *shared_new(struct calls *calls, struct reply *reply, shared_wrote_cb *wrote, void *argument);
void shared_free(struct shared *shared);

/* Joins the read, or starts it; parameters are copied. Anything but CALL_STARTED: no callback. */
enum call_start shared_start(struct shared *shared, struct shared_waiter *waiter, const struct route *route,
                             const struct statement *statement, const struct db_param *params);

#endif
