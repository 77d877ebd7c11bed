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
#define PAUSE_FIRST_NS (50 * CLOCK_MS) /* before what met a lock is sent again; then twice as long, */
#define PAUSE_MAX_NS (250 * CLOCK_MS)
#define LATE_NS (200 * CLOCK_MS)       /* once in so long, whoever has been due for so long comes first */
#define TURN_NS (25 * CLOCK_MS)        /* how often is looked who is due */
#define ROW_WAIT_NS (2 * CLOCK_SECOND) /* nobody waits longer for a row */

/* The calls of one statement. */
struct gather {
    const struct statement *statement;
    struct list waiting;
    unsigned in_flight, members_in_flight; /* batches, and their calls */
    int64_t crowded;                       /* when there was last a crowd */
    bool shut;       /* a table is locked: one at a time tries whether it still is, the others wait */
    int64_t again;   /* when the next may try */
    unsigned pauses; /* since then */
};

struct calls {
    struct loop *loop;
    struct db *db;
    struct gather gathers[STATEMENT_CALLS]; /* by the index of the statement */
    unsigned next;                          /* whose turn it is, so that all get theirs */
    size_t waiting, queue_max;
    struct loop_task flush;
    struct loop_timer *patience;
    struct list blocked; /* calls that met the lock of a row, in that order, also while they are sent */
    unsigned holding;    /* batches on their way that are expected to wait */
    int64_t late;        /* when one came first that had been due for long */
    int64_t row_wait_ns, table_wait_ns;
    struct loop_timer *turn; /* runs while anybody waits for a lock */
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
    calls->turn = loop_timer_new(loop, on_turn, calls);
    list_init(&calls->blocked);
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        calls->gathers[i].statement = &statements[i];
        list_init(&calls->gathers[i].waiting);
    }
    calls->table_wait_ns = deadline_ns / 2;
    calls->row_wait_ns = calls->table_wait_ns < ROW_WAIT_NS ? calls->table_wait_ns : ROW_WAIT_NS;
    return calls;
}

void calls_free(struct calls *calls)
{
    if (calls == NULL)
        return;
    loop_task_cancel(&calls->flush);
    loop_timer_free(calls->patience);
    loop_timer_free(calls->turn);
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

static void unblock(struct calls *calls, struct call *call);

/* From wherever it waits. */
static void dequeue(struct calls *calls, struct call *call)
{
    if (call->blocked)
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
    call->alone = call->blocked = call->left = false;
    call->pauses = 0;
    call->give_up = 0;
    call->asked = clock_now();
    enqueue(calls, call, false);
    return CALL_STARTED;
}

/* It is no longer a member of what was sent. */
static void forget(struct calls *calls, struct call *call)
{
    call->batch->members[call->member] = NULL;
    if (!call->blocked)
        return;
    call->again = 0; /* the next for the record may go at once */
    call->pauses = 0;
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

static int64_t pause_of(unsigned pauses)
{
    int64_t pause = PAUSE_FIRST_NS << (pauses < 3 ? pauses : 3);
    return pause < PAUSE_MAX_NS ? pause : PAUSE_MAX_NS;
}

static void await_turn(struct calls *calls)
{
    if (!loop_timer_pending(calls->turn))
        loop_timer_start(calls->turn, TURN_NS);
}

/* For the same record, as far as can be told: whoever comes later has the same lock in his way. */
static bool is_kin(const struct call *a, const struct call *b)
{
    const struct statement *statement = a->statement;
    return a->statement == b->statement && !statement->set && statement->param_count > 0 &&
           statement->params[0].type == DB_INT && a->params[0].integer == b->params[0].integer;
}

static struct call *first_kin(const struct calls *calls, const struct call *call)
{
    list_for_each(struct call, other, &calls->blocked, link) {
        if (is_kin(other, call))
            return other;
    }
    return NULL;
}

static void block(struct calls *calls, struct call *call, int64_t again)
{
    call->blocked = true;
    call->first = first_kin(calls, call) == NULL;
    call->again = again;
    call->give_up = clock_now() + calls->row_wait_ns;
    list_node_init(&call->link);
    list_append(&calls->blocked, &call->link);
    await_turn(calls);
}

/* If it was the first for its record, the next takes its place. */
static void unblock(struct calls *calls, struct call *call)
{
    list_remove(&call->link);
    call->blocked = false;
    struct call *next = call->first ? first_kin(calls, call) : NULL;
    if (next == NULL)
        return;
    next->first = true;
    next->again = call->again;
    next->pauses = call->pauses;
    loop_defer(calls->loop, &calls->flush);
}

/* It was sent and met a lock. */
static void meet_lock(struct calls *calls, struct gather *gather, struct call *call, int64_t now)
{
    call->tries--; /* nothing went wrong */
    if (!gather->statement->waits) {
        if (call->give_up == 0)
            call->give_up = now + calls->table_wait_ns;
        enqueue(calls, call, true);
        return;
    }
    call->state = CALL_WAITING;
    call->batch = NULL;
    calls->waiting++;
    if (call->blocked)
        call->again = now + pause_of(++call->pauses);
    else
        block(calls, call, now + pause_of(0));
}

static void shut(struct calls *calls, struct gather *gather, int64_t now)
{
    gather->shut = true;
    gather->again = now + pause_of(gather->pauses++);
    await_turn(calls);
}

/* Those at the head that would only meet the lock that others have met wait with them. */
static void set_aside(struct calls *calls, struct gather *gather)
{
    if (!gather->statement->waits)
        return;
    list_for_each(struct call, call, &gather->waiting, link) {
        if (first_kin(calls, call) == NULL)
            return;
        list_remove(&call->link);
        block(calls, call, clock_now());
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
    list_for_each(struct call, call, &calls->blocked, link) {
        if (call->state == CALL_WAITING && now >= call->give_up) {
            give_up(calls, call);
            return true;
        }
    }
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        struct call *call = list_first_of(&calls->gathers[i].waiting, struct call, link);
        if (!calls->gathers[i].shut || call == NULL)
            continue;
        if (now >= (call->give_up != 0 ? call->give_up : call->asked + calls->table_wait_ns)) {
            give_up(calls, call);
            return true;
        }
    }
    return false;
}

static bool anybody_waits(const struct calls *calls)
{
    bool any = calls->blocked.length > 0;
    for (unsigned i = 0; i < STATEMENT_CALLS && !any; i++)
        any = calls->gathers[i].shut && calls->gathers[i].waiting.length > 0;
    return any;
}

static void on_turn(void *argument)
{
    struct calls *calls = argument;
    int64_t now = clock_now();
    while (give_up_one(calls, now))
        ;
    if (anybody_waits(calls))
        await_turn(calls);
    loop_defer(calls->loop, &calls->flush);
}

/* Half of the connections at most have somebody on them who waits. */
static bool may_hold(const struct calls *calls)
{
    unsigned half = calls->db->ops->connections(calls->db) / 2;
    return calls->holding < (half > 0 ? half : 1);
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
    batch->unit = (struct db_unit){.statement = gather->statement,
                                   .members = count,
                                   .last = last,
                                   .brief = last || (gather->statement->waits && calls->blocked.length > 0),
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
    calls->holding += last;
    calls->db->ops->send(calls->db, slot, &batch->unit);
}

static void send_batch(struct calls *calls, struct gather *gather, struct db_slot *slot)
{
    struct call *chosen[SET_MAX];
    unsigned count = choose(gather, chosen);
    for (unsigned i = 0; i < count; i++)
        dequeue(calls, chosen[i]);
    send_calls(calls, gather, slot, chosen, count, gather->shut);
}

/* Each alone, and of those for one record the first. */
static unsigned send_blocked(struct calls *calls, int64_t due, unsigned most)
{
    unsigned count = 0;
    list_for_each(struct call, call, &calls->blocked, link) {
        if (count == most || !may_hold(calls))
            break;
        if (call->state != CALL_WAITING || call->again > due || !call->first)
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
    if (gather->shut) {
        await_turn(calls);
        return gather->in_flight == 0 && now >= gather->again && may_hold(calls);
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
            if (calls->blocked.length > 0)
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
    if (calls->blocked.length > 0 && now - calls->late >= LATE_NS &&
        send_blocked(calls, now - LATE_NS, 1) > 0)
        calls->late = now;
    send_gathers(calls, now);
    if (calls->blocked.length > 0)
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

static struct call *first_waiting(const struct list *list)
{
    list_for_each(struct call, call, list, link) {
        if (call->state == CALL_WAITING)
            return call;
    }
    return NULL;
}

static void tell_away(struct calls *calls, const struct list *list)
{
    struct db_answer answer = {.error = DB_AWAY, .message = "", .sqlstate = ""};
    struct call *call;
    for (size_t left = list->length; left > 0 && (call = first_waiting(list)) != NULL; left--) {
        dequeue(calls, call);
        call->done(call, &answer, call->argument);
    }
}

/* Nobody knows when the database comes back: what waits is told so now. */
void calls_on_away(struct calls *calls)
{
    for (unsigned i = 0; i < STATEMENT_CALLS; i++)
        tell_away(calls, &calls->gathers[i].waiting);
    tell_away(calls, &calls->blocked);
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
    } else if (call->blocked) {
        call->state = CALL_WAITING;
        call->again = now;
        calls->waiting++;
    } else {
        enqueue(calls, call, true);
    }
}

static void on_done(struct db_unit *unit)
{
    struct batch *batch = unit->owner;
    struct gather *gather = batch->gather;
    int64_t now = batch->locked || gather->shut ? clock_now() : 0;
    gather->in_flight--;
    gather->members_in_flight -= unit->members;
    batch->calls->holding -= unit->last;
    if (batch->locked && !gather->statement->waits) {
        shut(batch->calls, gather, now);
    } else if (!batch->again) {
        gather->shut = false;
        gather->pauses = 0;
    }
    for (unsigned i = unit->members; i-- > 0;)
        if (batch->members[i] != NULL)
            put_back(batch, batch->members[i], now);
    calls_on_room(batch->calls);
    free(batch);
}
