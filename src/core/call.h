/* Calls of statements, and the sets in which they travel.
 *
 * While a set is on its way, calls for the same statement wait in a queue, and leave together when it comes back; a
 * lone call leaves at the end of the turn in which it came. A call that is cancelled before it was sent is never
 * sent. A set that fails because of one of its calls is sent again call by call, so that the bad one fails alone.
 *
 * A statement may wait for a lock in the database only briefly. A call that met one (DB_LOCKED) waits here, where it
 * does not hold up others, and is sent again from time to time, on few of the connections: a statement that may wait
 * for a row call by call, one call for a record at a time; any other, which met the lock of a table, as a whole. In the
 * end the answer is DB_BUSY.
 *
 * Where much waits of several callers, those calls go whose callers' turn it is (core/turns.h), and when as many wait
 * as may, the caller who has most of them loses its newest to another's: its answer is DB_CROWDED. As long as little
 * waits, or all is one caller's, calls go in the order in which they came. */
#ifndef ROWLOCK_CORE_CALL_H
#define ROWLOCK_CORE_CALL_H

#include "base/list.h"
#include "core/locks.h"
#include "core/pending.h"
#include "core/turns.h"
#include "db/db.h"
#include "io/loop.h"
#include "trace/trace.h"

struct calls;
struct call;
struct call_set;

typedef void call_cb(struct call *call, const struct db_answer *answer, void *argument);

enum call_state {
    CALL_IDLE,    /* not started, or done */
    CALL_WAITING, /* not sent: can still be taken back as if it had never been */
    CALL_SENT,
};

/* Embedded in what needs it; zeroed at first. Parameters are borrowed until the callback. */
struct call {
    struct pending pending; /* good once it was started */
    struct list_node link;
    const struct statement *statement;
    struct db_param params[DB_PARAMS_MAX];
    uint64_t caller;    /* whose it is; 0: the server's own */
    struct trace trace; /* which it is a part of; looked at only where that is recorded */
    enum call_state state;
    call_cb *done; /* exactly once, never before call_start has returned, and not after call_cancel */
    void *argument;
    /* inside */
    struct calls *calls;
    struct call_set *set;
    unsigned position, tries;
    bool alone;
    bool left;    /* see call_leave */
    bool crowded; /* refused for another's, and to be told so */
    struct turn_place turn;
    struct lock_wait lock;
    int64_t asked;
    int64_t since; /* when it began to wait for the last time */
    int64_t sent;  /* when it was last sent; of CALL_SENT and in its answer */
};

enum call_start {
    CALL_STARTED,
    CALL_QUEUE_FULL, /* refused: as many wait as may, and no caller has many more than this one; no callback */
    CALL_DATABASE_AWAY /* refused: the database has been out of reach for a while; no callback */
};

/* deadline_ns: of an HTTP request; the waits for locks are bounded far below it. */
struct calls *calls_new(struct loop *loop, size_t queue_max, int64_t deadline_ns);
void calls_free(struct calls *calls); /* everything started must be done or cancelled */

/* The database that calls go to; set once, before the first call. */
void calls_set_db(struct calls *calls, struct db *db);

/* Told behind each set of a statement that writes. */
void calls_set_changed(struct calls *calls, void (*changed)(void *argument), void *argument);

/* Set statement, params, caller, done and argument before. */
enum call_start call_start(struct calls *calls, struct call *call);
void call_cancel(struct call *call); /* harmless when idle */
/* The answer may no longer be wanted. A call that was sent is still answered, but does not wait for a lock: its
 * answer is DB_LOCKED when it meets one. */
void call_leave(struct call *call);

size_t calls_waiting(const struct calls *calls);
void calls_sample(const struct calls *calls); /* sets the metrics of what waits and is on its way */

/* What the database's events are for. */
void calls_on_room(struct calls *calls);
void calls_on_away(struct calls *calls);

#endif
