/* call_start -> (end of turn) on_flush -> send_batch -> on_answer for each member, on_done for all. */
#include <config.h>

#include "core/call.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/statements.h"

#define SET_MAX 512u
#define CROWD 12u                /* more calls of a statement than these are a crowd, */
#define CROWD_NS (10 * CLOCK_MS) /* and are it still so long afterwards */
#define PATIENCE_NS                                                                                          \
    (20 * CLOCK_MS) /* waiting longer than this for a slow set, the next one leaves beside it */
#define TRIES_MAX 3u
#define LATE_NS (200 * CLOCK_MS) /* once in so long, whoever has been due for so long comes first */

/* The calls of one statement. */
struct gather {
    const struct statement *statement;
    struct list waiting;
    unsigned in_flight, members_in_flight; /* batches, and their calls */
    int64_t crowded;                       /* when there was last a crowd */
    struct table_lock table;
};

struct calls {
    struct loop *loop;
    struct db *db;
    struct gather gathers[STATEMENT_CALLS]; /* by the index of the statement */
    unsigned next;                          /* whose turn it is, so that all get theirs */
    size_t waiting, queue_max;
    struct loop_task flush;
    struct loop_timer *patience;
    struct locks locks;
};

struct batch {
    struct db_unit unit;
    struct calls *calls;
    struct gather *gather;
    struct db_param *params;
    bool retry_alone;       /* a member was at fault: each again, for itself */
    bool locked;            /* a lock was in the way */
    bool again;             /* it is sent once more */
    struct call *members[]; /* NULL: answered or cancelled */
};

static void on_flush(void *argument);
static void on_patience(void *argument);
static void on_turn(void *argument);
static bool call_pending_unsent(const struct pending *pending);
static bool call_pending_leave(struct pending *pending);
static void call_pending_cancel(struct pending *pending);
static bool is_wanted(const struct db_unit *unit, unsigned member);
static void on_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_done(struct db_unit *unit);

static const struct pending_ops call_pending = {call_pending_unsent, call_pending_leave, call_pending_cancel};

/* ---- life ---- */

struct calls *calls_new(struct loop *loop, size_t queue_max, int64_t deadline_ns)
{
    struct calls *calls = mem_new(sizeof *calls);
    calls->loop = loop;
    calls->queue_max = queue_max;
    loop_task_init(&calls->flush, on_flush, calls);
    calls->patience = loop_timer_new(loop, on_patience, calls);
    locks_init(&calls->locks, loop, deadline_ns, on_turn, calls);
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        calls->gathers[i].statement = &statements[i];
        list_init(&calls->gathers[i].waiting);
    }
    return calls;
}

void calls_free(struct calls *calls)
{
    if (calls == NULL)
        return;
    loop_task_cancel(&calls->flush);
    loop_timer_free(calls->patience);
    locks_fini(&calls->locks);
    free(calls);
}

void calls_set_db(struct calls *calls, struct db *db)
{
    calls->db = db;
}

size_t calls_waiting(const struct calls *calls)
{
    return calls->waiting;
}

/* ---- waiting ---- */

static void enqueue(struct calls *calls, struct call *call, bool in_front)
{
    call->state = CALL_WAITING;
    call->batch = NULL;
    list_node_init(&call->link);
    if (in_front)
        list_prepend(&calls->gathers[call->statement->index].waiting, &call->link);
    else
        list_append(&calls->gathers[call->statement->index].waiting, &call->link);
    calls->waiting++;
    loop_defer(calls->loop, &calls->flush);
}

static void unblock(struct calls *calls, struct call *call)
{
    if (locks_leave(&calls->locks, &call->lock))
        loop_defer(calls->loop, &calls->flush);
}

/* From wherever it waits. */
static void dequeue(struct calls *calls, struct call *call)
{
    if (call->lock.blocked)
        unblock(calls, call);
    else
        list_remove(&call->link);
    calls->waiting--;
    call->state = CALL_IDLE;
}

enum call_start call_start(struct calls *calls, struct call *call)
{
    assert(call->state == CALL_IDLE);
    if (calls->db->ops->away(calls->db))
        return CALL_DATABASE_AWAY;
    if (calls->waiting >= calls->queue_max)
        return CALL_QUEUE_FULL;
    call->pending.ops = &call_pending;
    call->calls = calls;
    call->tries = 0;
    call->alone = call->left = false;
    call->lock = (struct lock_wait){.statement = call->statement, .record = call->params[0].integer};
    call->asked = clock_now();
    enqueue(calls, call, false);
    return CALL_STARTED;
}

/* It is no longer a member of what was sent. */
static void forget(struct calls *calls, struct call *call)
{
    call->batch->members[call->member] = NULL;
    if (!call->lock.blocked)
        return;
    call->lock.again = 0; /* the next for the record may go at once */
    call->lock.pauses = 0;
    unblock(calls, call);
}

void call_cancel(struct call *call)
{
    if (call->state == CALL_WAITING)
        dequeue(call->calls, call);
    else if (call->state == CALL_SENT)
        forget(call->calls, call);
    call->state = CALL_IDLE;
}

void call_leave(struct call *call)
{
    call->left = true;
}

/* ---- for who waits for it ---- */

static bool call_pending_unsent(const struct pending *pending)
{
    return pending_owner(pending, struct call, pending)->state != CALL_SENT;
}

static bool call_pending_leave(struct pending *pending)
{
    call_leave(pending_owner(pending, struct call, pending));
    return call_pending_unsent(pending);
}

static void call_pending_cancel(struct pending *pending)
{
    call_cancel(pending_owner(pending, struct call, pending));
}

/* ---- waiting for a lock ---- */

/* It was sent and met a lock. */
static void meet_lock(struct calls *calls, struct gather *gather, struct call *call, int64_t now)
{
    call->tries--; /* nothing went wrong */
    if (!gather->statement->waits) {
        locks_meet_table(&calls->locks, &call->lock, now);
        enqueue(calls, call, true);
        return;
    }
    call->state = CALL_WAITING;
    call->batch = NULL;
    calls->waiting++;
    locks_meet_row(&calls->locks, &call->lock, now);
}

/* Those at the head that would only meet the lock that others have met wait with them. */
static void set_aside(struct calls *calls, struct gather *gather)
{
    if (!gather->statement->waits)
        return;
    list_for_each(struct call, call, &gather->waiting, link) {
        if (!locks_in_way(&calls->locks, &call->lock))
            return;
        list_remove(&call->link);
        locks_block(&calls->locks, &call->lock, clock_now());
    }
}

static void give_up(struct calls *calls, struct call *call)
{
    struct db_answer answer = {
        .error = DB_BUSY, .message = "it waited for a lock for too long", .sqlstate = "55P03"};
    dequeue(calls, call);
    call->done(call, &answer, call->argument);
}

/* Callbacks may end and begin others, so each is looked for anew. */
static bool give_up_one(struct calls *calls, int64_t now)
{
    list_for_each(struct call, call, &calls->locks.blocked, lock.link) {
        if (call->state == CALL_WAITING && now >= call->lock.give_up) {
            give_up(calls, call);
            return true;
        }
    }
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        struct call *call = list_first_of(&calls->gathers[i].waiting, struct call, link);
        if (!calls->gathers[i].table.shut || call == NULL)
            continue;
        if (now >=
            (call->lock.give_up != 0 ? call->lock.give_up : call->asked + calls->locks.table_wait_ns)) {
            give_up(calls, call);
            return true;
        }
    }
    return false;
}

static bool anybody_waits(const struct calls *calls)
{
    bool any = calls->locks.blocked.length > 0;
    for (unsigned i = 0; i < STATEMENT_CALLS && !any; i++)
        any = calls->gathers[i].table.shut && calls->gathers[i].waiting.length > 0;
    return any;
}

static void on_turn(void *argument)
{
    struct calls *calls = argument;
    int64_t now = clock_now();
    while (give_up_one(calls, now))
        ;
    if (anybody_waits(calls))
        locks_await_turn(&calls->locks);
    loop_defer(calls->loop, &calls->flush);
}

static bool may_hold(const struct calls *calls)
{
    return locks_may_hold(&calls->locks, calls->db->ops->connections(calls->db));
}

/* ---- leaving ---- */

static unsigned choose(struct gather *gather, struct call **chosen)
{
    struct call *first = list_first_of(&gather->waiting, struct call, link);
    unsigned count = 0, most = gather->statement->set && !first->alone ? SET_MAX : 1;
    list_for_each(struct call, call, &gather->waiting, link) {
        if (count == most)
            break;
        if (call == first || !call->alone)
            chosen[count++] = call;
    }
    return count;
}

static void send_calls(struct calls *calls, struct gather *gather, struct db_slot *slot,
                       struct call *const *chosen, unsigned count, bool last)
{
    unsigned params = gather->statement->param_count;
    struct batch *batch = mem_resize(NULL, sizeof *batch + count * sizeof batch->members[0] +
                                               (size_t)count * params * sizeof(struct db_param));
    batch->unit =
        (struct db_unit){.statement = gather->statement,
                         .members = count,
                         .last = last,
                         .brief = last || (gather->statement->waits && calls->locks.blocked.length > 0),
                         .wanted = is_wanted,
                         .on_answer = on_answer,
                         .on_done = on_done,
                         .owner = batch};
    batch->calls = calls;
    batch->gather = gather;
    batch->params = (struct db_param *)(void *)&batch->members[count];
    batch->retry_alone = batch->locked = batch->again = false;
    batch->unit.params = batch->params;
    int64_t now = clock_now();
    for (unsigned i = 0; i < count; i++) {
        struct call *call = chosen[i];
        call->state = CALL_SENT;
        call->batch = batch;
        call->member = i;
        call->tries++;
        call->sent = now;
        batch->members[i] = call;
        memcpy(&batch->params[i * params], call->params, params * sizeof(struct db_param));
    }
    gather->in_flight++;
    gather->members_in_flight += count;
    calls->locks.holding += last;
    calls->db->ops->send(calls->db, slot, &batch->unit);
}

static void send_batch(struct calls *calls, struct gather *gather, struct db_slot *slot)
{
    struct call *chosen[SET_MAX];
    unsigned count = choose(gather, chosen);
    for (unsigned i = 0; i < count; i++)
        dequeue(calls, chosen[i]);
    send_calls(calls, gather, slot, chosen, count, gather->table.shut);
}

/* Each alone, and of those for one record the first. */
static unsigned send_blocked(struct calls *calls, int64_t due, unsigned most)
{
    unsigned count = 0;
    list_for_each(struct call, call, &calls->locks.blocked, lock.link) {
        if (count == most || !may_hold(calls))
            break;
        if (call->state != CALL_WAITING || call->lock.again > due || !call->lock.first)
            continue;
        struct db_slot *slot = calls->db->ops->slot(calls->db, call->statement);
        if (slot == NULL)
            continue;
        calls->waiting--;
        send_calls(calls, &calls->gathers[call->statement->index], slot, &call, 1, true);
        count++;
    }
    return count;
}

/* In a crowd calls gather while a set is on its way, because one statement and one commit for many is what makes them
 * fast. Where there is none, waiting for others would only cost time: each set leaves on a connection of its own. The
 * moment after a large set has come back looks empty too, so the crowd is remembered for a while. Those that are sent
 * again one by one keep their order. */
static bool may_leave(struct calls *calls, struct gather *gather, int64_t now)
{
    if (gather->waiting.length == 0)
        return false;
    if (gather->table.shut) {
        locks_await_turn(&calls->locks);
        return gather->in_flight == 0 && now >= gather->table.again && may_hold(calls);
    }
    if (gather->members_in_flight + gather->waiting.length > CROWD)
        gather->crowded = now;
    if (!gather->statement->set || gather->in_flight == 0)
        return true;
    if (gather->in_flight >= calls->db->ops->connections(calls->db))
        return false;
    const struct call *oldest = list_first_of(&gather->waiting, struct call, link);
    bool crowd = now - gather->crowded < CROWD_NS;
    if ((!crowd && !oldest->alone) || now - oldest->asked >= PATIENCE_NS)
        return true;
    if (!loop_timer_pending(calls->patience))
        loop_timer_start(calls->patience, PATIENCE_NS);
    return false;
}

/* One batch a statement and round, until nothing may leave: a statement with many calls does not starve others. One for
 * which there is no room has the first turn when there is some (calls_on_room comes), and does not stop the others, for
 * which there may be. */
static void send_gathers(struct calls *calls, int64_t now)
{
    unsigned refused = STATEMENT_CALLS;
    for (bool any = calls->waiting > 0; any;) {
        any = false;
        refused = STATEMENT_CALLS;
        for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
            unsigned turn = (calls->next + i) % STATEMENT_CALLS;
            struct gather *gather = &calls->gathers[turn];
            if (calls->locks.blocked.length > 0)
                set_aside(calls, gather);
            if (!may_leave(calls, gather, now))
                continue;
            struct db_slot *slot = calls->db->ops->slot(calls->db, gather->statement);
            if (slot == NULL) {
                refused = refused < STATEMENT_CALLS ? refused : turn;
                continue;
            }
            send_batch(calls, gather, slot);
            any = true;
        }
        calls->next = refused < STATEMENT_CALLS ? refused : (calls->next + 1) % STATEMENT_CALLS;
    }
}

/* Who waits for a lock comes last, unless he has been due for long. */
static void on_flush(void *argument)
{
    struct calls *calls = argument;
    int64_t now = clock_now();
    struct locks *locks = &calls->locks;
    if (locks->blocked.length > 0 && now - locks->late >= LATE_NS &&
        send_blocked(calls, now - LATE_NS, 1) > 0)
        locks->late = now;
    send_gathers(calls, now);
    if (locks->blocked.length > 0)
        send_blocked(calls, now, UINT_MAX);
}

static void on_patience(void *argument)
{
    struct calls *calls = argument;
    loop_defer(calls->loop, &calls->flush);
}

void calls_on_room(struct calls *calls)
{
    if (calls->waiting > 0)
        loop_defer(calls->loop, &calls->flush);
}

static void tell_away(struct calls *calls, struct call *call)
{
    struct db_answer answer = {.error = DB_AWAY, .message = "", .sqlstate = ""};
    dequeue(calls, call);
    call->done(call, &answer, call->argument);
}

static struct call *first_unsent(const struct locks *locks)
{
    list_for_each(struct call, call, &locks->blocked, lock.link) {
        if (call->state == CALL_WAITING)
            return call;
    }
    return NULL;
}

/* Nobody knows when the database comes back: what waits is told so now. Calls that begin meanwhile are not looked
 * at. */
void calls_on_away(struct calls *calls)
{
    struct call *call;
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        const struct list *waiting = &calls->gathers[i].waiting;
        for (size_t left = waiting->length;
             left > 0 && (call = list_first_of(waiting, struct call, link)) != NULL; left--)
            tell_away(calls, call);
    }
    for (size_t left = calls->locks.blocked.length; left > 0 && (call = first_unsent(&calls->locks)) != NULL;
         left--)
        tell_away(calls, call);
}

/* ---- coming back ---- */

static bool is_wanted(const struct db_unit *unit, unsigned member)
{
    const struct batch *batch = unit->owner;
    return batch->members[member] != NULL;
}

/* May the same be sent once more? What a session refused is tried on others: as many as there are, and then some, since
 * those that take its place may be no better. */
static bool is_again(const struct calls *calls, const struct call *call, enum db_error error)
{
    if (error == DB_RETRY)
        return call->tries < TRIES_MAX;
    if (error == DB_LOCKED)
        return !call->left;
    return error == DB_UNFIT && call->tries < calls->db->ops->connections(calls->db) + TRIES_MAX;
}

static void on_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct batch *batch = unit->owner;
    struct call *call = batch->members[member];
    if (call == NULL)
        return;
    /* may be the fault of one of them */
    bool own = answer->error == DB_REFUSED || answer->error == DB_KEPT || answer->error == DB_FAILED;
    bool alone = own && unit->members > 1 && batch->calls->db->ops->arrays;
    batch->locked |= answer->error == DB_LOCKED;
    if (alone || is_again(batch->calls, call, answer->error)) {
        batch->retry_alone |= alone; /* stays a member until on_done puts it back, in order */
        batch->again = true;
        return;
    }
    forget(batch->calls, call);
    call->state = CALL_IDLE;
    if (answer->error == DB_UNFIT) {
        struct db_answer none = *answer;
        none.error = DB_AWAY;
        call->done(call, &none, call->argument);
    } else {
        call->done(call, answer, call->argument);
    }
}

/* What is left of it waits again. */
static void put_back(struct batch *batch, struct call *call, int64_t now)
{
    struct calls *calls = batch->calls;
    call->alone |= batch->retry_alone;
    if (batch->locked) {
        meet_lock(calls, batch->gather, call, now);
    } else if (call->lock.blocked) {
        call->state = CALL_WAITING;
        call->lock.again = now;
        calls->waiting++;
    } else {
        enqueue(calls, call, true);
    }
}

static void on_done(struct db_unit *unit)
{
    struct batch *batch = unit->owner;
    struct gather *gather = batch->gather;
    int64_t now = batch->locked || gather->table.shut ? clock_now() : 0;
    gather->in_flight--;
    gather->members_in_flight -= unit->members;
    batch->calls->locks.holding -= unit->last;
    if (batch->locked && !gather->statement->waits) {
        locks_shut(&batch->calls->locks, &gather->table, now);
    } else if (!batch->again) {
        locks_open(&gather->table);
    }
    for (unsigned i = unit->members; i-- > 0;)
        if (batch->members[i] != NULL)
            put_back(batch, batch->members[i], now);
    calls_on_room(batch->calls);
    free(batch);
}
