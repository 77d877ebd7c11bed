/* Calls that wait for locks, and until when. In the database a statement waits for a lock only briefly, because what is
 * behind it on the connection waits too. A call that met a lock waits here instead, and is sent again from time to
 * time.
 *
 * A statement that may wait for a row waits call by call (struct lock_wait). Of the calls for one record the first
 * may be sent, and the others would only meet the same lock; each leaves its place and its pause to the next. Any
 * other statement has met the lock of a table (struct table_lock): one set tries whether it is still there, for all
 * calls. */
#ifndef ROWLOCK_CORE_LOCKS_H
#define ROWLOCK_CORE_LOCKS_H

#include "base/list.h"
#include "db/db.h"
#include "io/loop.h"

/* Of one call. Begins as {.statement, .record}. */
struct lock_wait {
    struct list_node link; /* on the list blocked until the call is done, also while it is sent */
    const struct statement *statement;
    int64_t record; /* its first parameter */
    bool blocked;   /* it has met the lock of a row */
    bool first;     /* of those on the list that are for its record */
    unsigned pauses;
    int64_t retry_at; /* when it may be sent again */
    int64_t give_up;  /* when it has waited enough; 0: it has met no lock */
};

/* Of one statement. */
struct table_lock {
    bool shut;        /* one at a time tries whether it still is, the others wait */
    int64_t retry_at; /* when the next may try */
    unsigned pauses;  /* since then */
};

struct locks {
    struct list blocked; /* lock_waits in the order in which they met the lock */
    unsigned holding;    /* database requests on their way that are expected to wait */
    int64_t overdue_at;  /* when one came first that had been due for long */
    int64_t row_wait_ns, table_wait_ns;
    struct loop_timer *turn; /* runs while anybody waits for a lock */
};

/* deadline_ns: of an HTTP request; waits are bounded by half of it. on_turn looks which are due. */
void locks_init(struct locks *locks, struct loop *loop, int64_t deadline_ns, loop_timer_cb *on_turn,
                void *argument);
void locks_fini(struct locks *locks);
void locks_await_turn(struct locks *locks);

/* Whether a call for the same record is blocked. */
bool locks_in_way(const struct locks *locks, const struct lock_wait *wait);
/* Puts it on the list, to be sent again at that time at the earliest. */
void locks_block(struct locks *locks, struct lock_wait *wait, int64_t retry_at);
/* It was sent and met a lock: of a row, or of the statement's table. */
void locks_meet_row(struct locks *locks, struct lock_wait *wait, int64_t now);
void locks_meet_table(const struct locks *locks, struct lock_wait *wait, int64_t now);
/* Takes it off the list. True: the next for its record has taken its place, and may be due. */
bool locks_leave(struct locks *locks, struct lock_wait *wait);

void locks_shut(struct locks *locks, struct table_lock *table, int64_t now);
void locks_open(struct table_lock *table);

/* Half of the connections may be held by those that are expected to wait; one at least. */
bool locks_may_hold(const struct locks *locks, unsigned connections);

#endif
