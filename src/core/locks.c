/* locks_meet_row and locks_meet_table set when a call may be sent again and when it has waited enough; on_turn,
 * which is call.c's, looks each time which calls are due. */
#include <config.h>

#include "core/locks.h"

#include "base/backoff.h"
#include "base/clock.h"

#define PAUSE_MIN_NS (50 * CLOCK_MS) /* before what met a lock is sent again; then twice as long, */
#define PAUSE_MAX_NS (250 * CLOCK_MS)
#define TURN_NS (25 * CLOCK_MS)
#define ROW_WAIT_NS (2 * CLOCK_SECOND) /* no call waits longer for a row */

void locks_init(struct locks *locks, struct loop *loop, int64_t deadline_ns, loop_timer_cb *on_turn,
                void *argument)
{
    list_init(&locks->blocked);
    locks->turn = loop_timer_new(loop, on_turn, argument);
    locks->table_wait_ns = deadline_ns / 2;
    locks->row_wait_ns = locks->table_wait_ns < ROW_WAIT_NS ? locks->table_wait_ns : ROW_WAIT_NS;
}

void locks_fini(struct locks *locks)
{
    loop_timer_free(locks->turn);
}

void locks_await_turn(struct locks *locks)
{
    if (!loop_timer_pending(locks->turn))
        loop_timer_start(locks->turn, TURN_NS);
}

static int64_t pause_of(unsigned pauses)
{
    return backoff_ns(pauses, PAUSE_MIN_NS, PAUSE_MAX_NS);
}

/* ---- rows ---- */

/* For the same record, as far as can be told. */
static bool same_record(const struct lock_wait *a, const struct lock_wait *b)
{
    const struct statement *statement = a->statement;
    return a->statement == b->statement && !statement->set && statement->param_count > 0 &&
           statement->params[0].type == DB_INT && a->record == b->record;
}

static struct lock_wait *first_of_record(const struct locks *locks, const struct lock_wait *wait)
{
    list_for_each(struct lock_wait, other, &locks->blocked, link) {
        if (same_record(other, wait))
            return other;
    }
    return NULL;
}

bool locks_in_way(const struct locks *locks, const struct lock_wait *wait)
{
    return first_of_record(locks, wait) != NULL;
}

void locks_block(struct locks *locks, struct lock_wait *wait, int64_t retry_at)
{
    wait->blocked = true;
    wait->first = first_of_record(locks, wait) == NULL;
    wait->retry_at = retry_at;
    wait->give_up = clock_now() + locks->row_wait_ns;
    list_append(&locks->blocked, &wait->link);
    locks_await_turn(locks);
}

void locks_meet_row(struct locks *locks, struct lock_wait *wait, int64_t now)
{
    if (wait->blocked)
        wait->retry_at = now + pause_of(++wait->pauses);
    else
        locks_block(locks, wait, now + pause_of(0));
}

bool locks_leave(struct locks *locks, struct lock_wait *wait)
{
    list_remove(&wait->link);
    wait->blocked = false;
    struct lock_wait *next = wait->first ? first_of_record(locks, wait) : NULL;
    if (next == NULL)
        return false;
    next->first = true;
    next->retry_at = wait->retry_at;
    next->pauses = wait->pauses;
    return true;
}

bool locks_may_hold(const struct locks *locks, unsigned connections)
{
    unsigned half = connections / 2;
    return locks->holding < (half > 0 ? half : 1);
}

/* ---- tables ---- */

void locks_meet_table(const struct locks *locks, struct lock_wait *wait, int64_t now)
{
    if (wait->give_up == 0)
        wait->give_up = now + locks->table_wait_ns;
}

void locks_shut(struct locks *locks, struct table_lock *table, int64_t now)
{
    table->shut = true;
    table->retry_at = now + pause_of(table->pauses++);
    locks_await_turn(locks);
}

void locks_open(struct table_lock *table)
{
    table->shut = false;
    table->pauses = 0;
}
