/* call_start queues a call with those of its statement (if it must, in the place of another: make_room). At the end of
 * the turn calls_on_flush sends what may leave (send_queues, send_set) and calls that may try a lock again
 * (send_blocked). call_on_answer gives each call of a set its answer; call_on_done puts back the calls of it that are
 * sent once more. */
#include <config.h>

#include "core/call.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/set_trace.h"
#include "core/statements.h"
#include "metrics/metrics.h"

#define SET_MAX 512u
#define HEAVY_SET_MAX 16u        /* of a statement each of whose calls is work for the database */
#define CROWD 12u                /* more calls of a statement than this are a crowd */
#define CROWD_NS (10 * CLOCK_MS) /* for so long after it was a crowd, it still counts as one */
/* a call waits so long for the set before it, then a set leaves beside that */
#define PATIENCE_NS (20 * CLOCK_MS)
#define TRIES_MAX 3u
#define SLOW_NS CLOCK_SECOND
/* A set of several callers has so many calls, or one of each: a larger one would take longer for all of them, and do
 * hardly more. Of statements that go call by call so many may wait before anybody's turn is asked for. */
#define FAIR_SET 64u
#define FEW 12u
/* once in this time a blocked call that has been due for this time comes first */
#define OVERDUE_NS (200 * CLOCK_MS)

/* The calls of one statement. */
struct statement_queue {
    const struct statement *statement;
    struct list waiting;   /* all, in the order in which they came */
    struct turn_line line; /* the same by callers, while calls are sorted */
    unsigned sets_in_flight, calls_in_flight;
    int64_t crowded; /* when there was last a crowd */
    struct table_lock table;
};

struct calls {
    struct loop *loop;
    struct db *db;
    struct statement_queue queues[STATEMENT_CALLS]; /* by the index of the statement */
    unsigned next; /* the queue that is looked at first, so that each is in its turn */
    size_t waiting, queue_max;
    void (*changed)(void *argument); /* NULL: nobody wants to know */
    void *changed_argument;
    struct loop_task flush;
    struct loop_timer *patience;
    struct locks locks;
    uint64_t sole; /* whose all is that waits ... */
    bool mixed;    /* ... unless it is of several */
    bool sorted;   /* what waits is in lines, too: from when it is mixed and much until nothing waits */
    struct turns turns;
    struct list crowded; /* calls that are to be told so, at the end of the turn */
    struct loop_task refusal;
};

struct call_set {
    struct db_request request;
    struct calls *calls;
    struct statement_queue *queue;
    struct db_param *params;
    bool retry_alone; /* one of the calls was at fault, and it is not known which: each is sent again alone */
    bool locked;      /* it met a lock */
    bool resend;      /* some of its calls are sent once more */
    int64_t at;       /* when it was sent */
    struct set_trace *trace; /* NULL: no trace of its calls is recorded */
    struct call *sent[];     /* by position; NULL: answered or cancelled */
};

_Static_assert((int)DB_FAILED - (int)DB_REFUSED == (int)ERROR_FAILED, "classes of errors");

static void calls_on_flush(void *argument);
static void on_patience(void *argument);
static void on_turn(void *argument);
static void on_refusal(void *argument);
static bool call_pending_unsent(const struct pending *pending);
static bool call_pending_leave(struct pending *pending);
static void call_pending_cancel(struct pending *pending);
static bool call_is_wanted(const struct db_request *request, unsigned position);
static void call_on_answer(struct db_request *request, unsigned position, const struct db_answer *answer);
static void call_on_done(struct db_request *request);

static const struct db_answer away_answer = {.error = DB_AWAY, .message = "", .sqlstate = ""},
                              locked_answer = {.error = DB_BUSY,
                                               .message = "it waited for a lock for too long",
                                               .sqlstate = "55P03"},
                              crowded_answer = {.error = DB_CROWDED, .message = "", .sqlstate = ""};
static const struct pending_ops call_pending = {call_pending_unsent, call_pending_leave, call_pending_cancel};

/* ---- life ---- */

struct calls *calls_new(struct loop *loop, size_t queue_max, int64_t deadline_ns)
{
    struct calls *calls = mem_new(sizeof *calls);
    calls->loop = loop;
    calls->queue_max = queue_max;
    loop_task_init(&calls->flush, calls_on_flush, calls);
    loop_task_init(&calls->refusal, on_refusal, calls);
    turns_init(&calls->turns);
    list_init(&calls->crowded);
    calls->patience = loop_timer_new(loop, on_patience, calls);
    locks_init(&calls->locks, loop, deadline_ns, on_turn, calls);
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        calls->queues[i].statement = &statements[i];
        list_init(&calls->queues[i].waiting);
        list_init(&calls->queues[i].line.turns);
    }
    return calls;
}

void calls_free(struct calls *calls)
{
    if (calls == NULL)
        return;
    loop_task_cancel(&calls->flush);
    loop_task_cancel(&calls->refusal);
    loop_timer_free(calls->patience);
    locks_fini(&calls->locks);
    free(calls);
}

void calls_set_db(struct calls *calls, struct db *db)
{
    calls->db = db;
}

void calls_set_changed(struct calls *calls, void (*changed)(void *argument), void *argument)
{
    calls->changed = changed;
    calls->changed_argument = argument;
}

size_t calls_waiting(const struct calls *calls)
{
    return calls->waiting;
}

void calls_sample(const struct calls *calls)
{
    uint64_t sets = 0, in_flight = 0;
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        sets += calls->queues[i].sets_in_flight;
        in_flight += calls->queues[i].calls_in_flight;
    }
    metric_set(METRIC_CALLS_WAITING, 0, calls->waiting);
    metric_set(METRIC_CALLS_IN_FLIGHT, 0, in_flight);
    metric_set(METRIC_SETS_IN_FLIGHT, 0, sets);
}

/* ---- waiting ---- */

/* It waits: in its queue, or blocked by a lock. */
static void count_in(struct calls *calls, struct call *call)
{
    if (calls->waiting == 0)
        calls->sole = call->caller;
    calls->mixed = calls->waiting++ > 0 && (calls->mixed || call->caller != calls->sole);
    if (calls->sorted)
        turns_count(&calls->turns, &call->turn, call->caller);
}

static void count_out(struct calls *calls, struct call *call)
{
    calls->waiting--;
    turns_uncount(&calls->turns, &call->turn);
    calls->sorted &= calls->waiting > 0;
}

static void sort(struct calls *calls)
{
    if (calls->sorted)
        return;
    calls->sorted = true;
    for (unsigned i = 0; i < STATEMENT_CALLS; i++)
        list_for_each(struct call, call, &calls->queues[i].waiting, link) {
            turns_count(&calls->turns, &call->turn, call->caller);
            turns_add(&calls->queues[i].line, &call->turn, false);
        }
    list_for_each(struct call, call, &calls->locks.blocked, lock.link) {
        if (call->state == CALL_WAITING)
            turns_count(&calls->turns, &call->turn, call->caller);
    }
}

/* Its sets leave beside each other, also in a crowd. Where there is one connection none could. */
static bool is_spread(const struct calls *calls, const struct statement_queue *queue)
{
    return queue->statement->heavy && calls->db->ops->connections(calls->db) > 1;
}

/* So many may wait before anybody is asked who he is: they go at once, or nearly. */
static unsigned many(const struct calls *calls, const struct statement_queue *queue)
{
    return !queue->statement->set ? FEW : is_spread(calls, queue) ? HEAVY_SET_MAX : FAIR_SET;
}

/* One that is counted in. */
static void line_up(struct calls *calls, struct call *call, bool in_front)
{
    struct statement_queue *queue = &calls->queues[call->statement->index];
    if (in_front)
        list_prepend(&queue->waiting, &call->link);
    else
        list_append(&queue->waiting, &call->link);
    if (calls->sorted)
        turns_add(&queue->line, &call->turn, in_front);
    else if (calls->mixed && queue->waiting.length > many(calls, queue))
        sort(calls);
}

static void step_out(struct call *call)
{
    list_remove(&call->link);
    turns_remove(&call->turn);
}

/* The call that goes next; NULL: none waits. */
static struct call *next_call(const struct calls *calls, const struct statement_queue *queue)
{
    struct turn_place *place = calls->sorted ? turns_first(&queue->line) : NULL;
    return place != NULL ? list_entry(place, struct call, turn)
                         : list_first_of(&queue->waiting, struct call, link);
}

static void enqueue(struct calls *calls, struct call *call, bool in_front)
{
    call->state = CALL_WAITING;
    call->set = NULL;
    list_node_init(&call->link);
    count_in(calls, call);
    line_up(calls, call, in_front);
    loop_defer(calls->loop, &calls->flush);
}

static void unblock(struct calls *calls, struct call *call)
{
    if (locks_leave(&calls->locks, &call->lock))
        loop_defer(calls->loop, &calls->flush);
}

/* The call waits in the queue of its statement, is blocked by a lock, or waits to be told that it is refused. */
static void dequeue(struct calls *calls, struct call *call)
{
    if (call->lock.blocked)
        unblock(calls, call);
    else
        step_out(call);
    if (!call->crowded)
        count_out(calls, call);
    call->crowded = false;
    call->state = CALL_IDLE;
}

/* It was not sent, and is answered here. */
static void end_waiting(struct calls *calls, struct call *call, const struct db_answer *answer)
{
    dequeue(calls, call);
    call->done(call, answer, call->argument);
}

/* Not now: whoever asks for the room is in the midst of something. */
static void on_refusal(void *argument)
{
    struct calls *calls = argument;
    struct call *call;
    while ((call = list_first_of(&calls->crowded, struct call, link)) != NULL)
        end_waiting(calls, call, &crowded_answer);
}

/* For a call of this caller, in place of one of a caller who has more. */
static bool make_room(struct calls *calls, uint64_t caller)
{
    if (!calls->mixed && caller == calls->sole)
        return false;
    sort(calls);
    struct turn_place *place = turns_surplus(&calls->turns, caller);
    if (place == NULL)
        return false;
    struct call *call = list_entry(place, struct call, turn);
    dequeue(calls, call);
    call->state = CALL_WAITING;
    call->crowded = true;
    list_append(&calls->crowded, &call->link);
    loop_defer(calls->loop, &calls->refusal);
    metric_add(METRIC_REFUSALS, REFUSAL_QUEUE, 1);
    return true;
}

enum call_start call_start(struct calls *calls, struct call *call)
{
    assert(call->state == CALL_IDLE);
    if (calls->db->ops->away(calls->db))
        return CALL_DATABASE_AWAY;
    if (calls->waiting >= calls->queue_max && !make_room(calls, call->caller))
        return CALL_QUEUE_FULL;
    call->pending.ops = &call_pending;
    call->calls = calls;
    call->tries = 0;
    call->alone = call->left = call->crowded = false;
    call->turn = (struct turn_place){.turn = NULL};
    call->lock = (struct lock_wait){.statement = call->statement, .record = call->params[0].integer};
    call->asked = call->since = clock_now();
    enqueue(calls, call, false);
    return CALL_STARTED;
}

/* The call no longer belongs to the set that was sent. */
static void forget(struct calls *calls, struct call *call)
{
    call->set->sent[call->position] = NULL;
    if (!call->lock.blocked)
        return;
    call->lock.retry_at = 0; /* the next for the record may go at once */
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

/* ---- as what a request waits for (pending.h) ---- */

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

/* The call was sent and met a lock: it waits again. */
static void meet_lock(struct calls *calls, struct statement_queue *queue, struct call *call, int64_t now)
{
    call->tries--; /* a lock is no failed try */
    if (!queue->statement->waits) {
        locks_meet_table(&calls->locks, &call->lock, now);
        enqueue(calls, call, true);
        return;
    }
    call->state = CALL_WAITING;
    call->set = NULL;
    count_in(calls, call);
    locks_meet_row(&calls->locks, &call->lock, now);
}

/* Calls that would go next and whose record is locked already would only meet the same lock: they become blocked,
 * too. */
static void set_aside(struct calls *calls, struct statement_queue *queue)
{
    struct call *call;
    if (!queue->statement->waits)
        return;
    while ((call = next_call(calls, queue)) != NULL && locks_in_way(&calls->locks, &call->lock)) {
        step_out(call);
        locks_block(&calls->locks, &call->lock, clock_now());
    }
}

/* A callback may end and start other calls, so the search begins anew after each. */
static bool give_up_one(struct calls *calls, int64_t now)
{
    list_for_each(struct call, call, &calls->locks.blocked, lock.link) {
        if (call->state == CALL_WAITING && now >= call->lock.give_up) {
            end_waiting(calls, call, &locked_answer);
            return true;
        }
    }
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        struct call *call = list_first_of(&calls->queues[i].waiting, struct call, link);
        if (!calls->queues[i].table.shut || call == NULL)
            continue;
        if (now >=
            (call->lock.give_up != 0 ? call->lock.give_up : call->asked + calls->locks.table_wait_ns)) {
            end_waiting(calls, call, &locked_answer);
            return true;
        }
    }
    return false;
}

static bool anybody_waits(const struct calls *calls)
{
    bool any = calls->locks.blocked.length > 0;
    for (unsigned i = 0; i < STATEMENT_CALLS && !any; i++)
        any = calls->queues[i].table.shut && calls->queues[i].waiting.length > 0;
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

/* How many go together when each caller is asked in turn. */
static unsigned fair(const struct statement_queue *queue, unsigned max)
{
    size_t callers = queue->line.turns.length, wanted = callers > FAIR_SET ? callers : FAIR_SET;
    return wanted < max ? (unsigned)wanted : max;
}

/* Takes those that go from the queue, one of each caller in turn. A call that goes alone holds up its caller only. */
static unsigned take_in_turn(struct calls *calls, struct statement_queue *queue, struct call **chosen,
                             unsigned max)
{
    unsigned count = 0;
    for (size_t passed = 0; count < max && passed < queue->line.turns.length;) {
        struct call *call = next_call(calls, queue);
        turns_pass(&queue->line);
        if (count > 0 && call->alone) {
            passed++;
            continue;
        }
        passed = 0;
        chosen[count++] = call;
        dequeue(calls, call);
    }
    return count;
}

static unsigned take_in_order(struct calls *calls, struct statement_queue *queue, struct call **chosen,
                              unsigned max)
{
    unsigned count = 0;
    list_for_each(struct call, call, &queue->waiting, link) {
        if (count == max)
            break;
        if (count > 0 && call->alone)
            continue;
        chosen[count++] = call;
        dequeue(calls, call);
    }
    return count;
}

/* Without its calls, for which it has room. */
static struct call_set *set_new(struct calls *calls, struct statement_queue *queue, unsigned count, bool last)
{
    unsigned params = queue->statement->param_count;
    struct call_set *set = mem_resize(NULL, sizeof *set + count * sizeof set->sent[0] +
                                                (size_t)count * params * sizeof(struct db_param));
    set->request =
        (struct db_request){.statement = queue->statement,
                            .call_count = count,
                            .last = last,
                            .brief = last || (queue->statement->waits && calls->locks.blocked.length > 0),
                            .wanted = call_is_wanted,
                            .on_answer = call_on_answer,
                            .on_done = call_on_done,
                            .owner = set};
    set->calls = calls;
    set->queue = queue;
    set->params = (struct db_param *)(void *)&set->sent[count];
    set->retry_alone = set->locked = set->resend = false;
    set->trace = NULL;
    set->request.params = set->params;
    return set;
}

static void send_calls(struct calls *calls, struct statement_queue *queue, struct db_slot *slot,
                       struct call *const *chosen, unsigned count, bool last)
{
    unsigned params = queue->statement->param_count;
    struct call_set *set = set_new(calls, queue, count, last);
    int64_t now = clock_now(), asked = now;
    for (unsigned i = 0; i < count; i++) {
        struct call *call = chosen[i];
        asked = call->asked < asked ? call->asked : asked;
        call->state = CALL_SENT;
        call->set = set;
        call->position = i;
        call->tries++;
        call->sent = now;
        set->sent[i] = call;
        memcpy(&set->params[i * params], call->params, params * sizeof(struct db_param));
        if (call->trace.otlp != NULL)
            set->trace = set_trace_add(set->trace, &call->trace, call->since, now);
    }
    set->request.label = set_trace_label(set->trace);
    set->at = now;
    metric_observe(METRIC_SET_CALLS, 0, count);
    metric_observe(METRIC_SET_WAIT, 0, (uint64_t)(now - asked));
    queue->sets_in_flight++;
    queue->calls_in_flight += count;
    calls->locks.holding += last;
    calls->db->ops->send(calls->db, slot, &set->request);
}

static void send_set(struct calls *calls, struct statement_queue *queue, struct db_slot *slot)
{
    struct call *chosen[SET_MAX];
    unsigned most = is_spread(calls, queue) ? HEAVY_SET_MAX : SET_MAX,
             max = queue->statement->set && !next_call(calls, queue)->alone ? most : 1;
    unsigned count = calls->sorted ? take_in_turn(calls, queue, chosen, fair(queue, max))
                                   : take_in_order(calls, queue, chosen, max);
    send_calls(calls, queue, slot, chosen, count, queue->table.shut);
}

/* Each call is sent alone, and of the calls for one record only the first. */
static unsigned send_blocked(struct calls *calls, int64_t due, unsigned max)
{
    unsigned count = 0;
    list_for_each(struct call, call, &calls->locks.blocked, lock.link) {
        if (count == max || !may_hold(calls))
            break;
        if (call->state != CALL_WAITING || call->lock.retry_at > due || !call->lock.first)
            continue;
        struct db_slot *slot = calls->db->ops->slot(calls->db, call->statement);
        if (slot == NULL)
            continue;
        count_out(calls, call);
        send_calls(calls, &calls->queues[call->statement->index], slot, &call, 1, true);
        count++;
    }
    return count;
}

/* In a crowd calls wait while a set is on its way, because one statement and one commit for many calls is what makes
 * them fast. Without a crowd waiting would only cost time, so each set leaves on a connection of its own. Just after
 * a large set has come back the queue looks empty, so the crowd is remembered for CROWD_NS. Calls of a heavy statement
 * gain little by that and would all wait for one processor of the database: a crowd of them leaves in small sets. Where
 * sets are not in each other's way, as many calls as are on their way make the next one: while one is committed, the
 * other is worked on. Calls that are sent again alone keep their order: each waits for the one before. */
static bool may_leave(struct calls *calls, struct statement_queue *queue, int64_t now)
{
    if (queue->waiting.length == 0)
        return false;
    if (queue->table.shut) {
        locks_await_turn(&calls->locks);
        return queue->sets_in_flight == 0 && now >= queue->table.retry_at && may_hold(calls);
    }
    if (queue->calls_in_flight + queue->waiting.length > CROWD)
        queue->crowded = now;
    if (!queue->statement->set || queue->sets_in_flight == 0)
        return true;
    if (queue->sets_in_flight >= calls->db->ops->connections(calls->db))
        return false;
    const struct call *oldest = list_first_of(&queue->waiting, struct call, link);
    bool alone = next_call(calls, queue)->alone;
    if (queue->statement->apart && queue->sets_in_flight == 1 && !alone &&
        queue->waiting.length >= queue->calls_in_flight)
        return true;
    bool gathers = now - queue->crowded < CROWD_NS && !is_spread(calls, queue);
    if ((!gathers && !alone) || now - oldest->asked >= PATIENCE_NS)
        return true;
    if (!loop_timer_pending(calls->patience))
        loop_timer_start(calls->patience, PATIENCE_NS);
    return false;
}

/* Each round sends one set of each statement, until nothing may leave, so that a statement with many calls does not
 * starve the others. A statement without room does not stop the others, which may have some; it has the first turn
 * when calls_on_room comes. */
static void send_queues(struct calls *calls, int64_t now)
{
    unsigned refused = STATEMENT_CALLS;
    for (bool any = calls->waiting > 0; any;) {
        any = false;
        refused = STATEMENT_CALLS;
        for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
            unsigned turn = (calls->next + i) % STATEMENT_CALLS;
            struct statement_queue *queue = &calls->queues[turn];
            if (calls->locks.blocked.length > 0)
                set_aside(calls, queue);
            if (!may_leave(calls, queue, now))
                continue;
            struct db_slot *slot = calls->db->ops->slot(calls->db, queue->statement);
            if (slot == NULL) {
                refused = refused < STATEMENT_CALLS ? refused : turn;
                continue;
            }
            send_set(calls, queue, slot);
            any = true;
        }
        calls->next = refused < STATEMENT_CALLS ? refused : (calls->next + 1) % STATEMENT_CALLS;
    }
}

/* Blocked calls come last, but for one that has been due for OVERDUE_NS. */
static void calls_on_flush(void *argument)
{
    struct calls *calls = argument;
    int64_t now = clock_now();
    struct locks *locks = &calls->locks;
    if (locks->blocked.length > 0 && now - locks->overdue_at >= OVERDUE_NS &&
        send_blocked(calls, now - OVERDUE_NS, 1) > 0)
        locks->overdue_at = now;
    send_queues(calls, now);
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

static struct call *first_unsent(const struct locks *locks)
{
    list_for_each(struct call, call, &locks->blocked, lock.link) {
        if (call->state == CALL_WAITING)
            return call;
    }
    return NULL;
}

/* When the database comes back is not known, so calls that wait are answered now. Calls that begin meanwhile are not
 * looked at. */
void calls_on_away(struct calls *calls)
{
    struct call *call;
    for (unsigned i = 0; i < STATEMENT_CALLS; i++) {
        const struct list *waiting = &calls->queues[i].waiting;
        for (size_t left = waiting->length;
             left > 0 && (call = list_first_of(waiting, struct call, link)) != NULL; left--)
            end_waiting(calls, call, &away_answer);
    }
    for (size_t left = calls->locks.blocked.length; left > 0 && (call = first_unsent(&calls->locks)) != NULL;
         left--)
        end_waiting(calls, call, &away_answer);
}

/* ---- coming back ---- */

static bool call_is_wanted(const struct db_request *request, unsigned position)
{
    const struct call_set *set = request->owner;
    return set->sent[position] != NULL;
}

/* Whether the call is sent once more. What a session refused (DB_UNFIT) is tried on others: as many as there are, and
 * TRIES_MAX more, since sessions that replace them may be no better. */
static bool is_resent(const struct calls *calls, const struct call *call, enum db_error error)
{
    if (error == DB_RETRY)
        return call->tries < TRIES_MAX;
    if (error == DB_LOCKED)
        return !call->left;
    return error == DB_UNFIT && call->tries < calls->db->ops->connections(calls->db) + TRIES_MAX;
}

static void call_on_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct call_set *set = request->owner;
    struct call *call = set->sent[position];
    if (call == NULL)
        return;
    /* one call of the set may be at fault */
    bool own = answer->error == DB_REFUSED || answer->error == DB_KEPT || answer->error == DB_FAILED;
    bool alone = own && request->call_count > 1 && set->calls->db->ops->arrays;
    set->locked |= answer->error == DB_LOCKED;
    if (set->trace != NULL)
        set_trace_answered(set->trace, answer);
    if (answer->error != DB_OK)
        metric_add(METRIC_STATEMENT_ERRORS, answer->error - DB_REFUSED, 1);
    if (alone || is_resent(set->calls, call, answer->error)) {
        set->retry_alone |= alone; /* stays in the set until call_on_done puts it back, in order */
        set->resend = true;
        return;
    }
    forget(set->calls, call);
    call->state = CALL_IDLE;
    struct db_answer last = *answer;
    if (last.error == DB_UNFIT)
        last.error = DB_AWAY;
    call->done(call, &last, call->argument);
}

/* A call that was not answered waits again. */
static void put_back(struct call_set *set, struct call *call, int64_t now)
{
    struct calls *calls = set->calls;
    call->alone |= set->retry_alone;
    call->since = now;
    if (set->locked) {
        meet_lock(calls, set->queue, call, now);
    } else if (call->lock.blocked) {
        call->state = CALL_WAITING;
        call->lock.retry_at = now;
        count_in(calls, call);
    } else {
        enqueue(calls, call, true);
    }
}

/* By backend_pid and application_name a line is found in PostgreSQL's log, and the other way round. */
static void tell_statement(const struct call_set *set, int64_t took)
{
    const struct db_request *request = &set->request;
    bool slow = took >= SLOW_NS;
    LOG_AT(slow ? LOG_WARN : LOG_DEBUG, slow ? "slow statement" : "statement",
           LOG_S("statement", request->statement->name), LOG_I("calls", request->call_count),
           LOG_MS("duration_ms", took), LOG_I("backend_pid", request->backend),
           LOG_S("application_name", request->label));
}

static void end_trace(struct call_set *set, int64_t now)
{
    const char *engine = set->calls->db->ops->engine;
    if (set->trace != NULL)
        set_trace_end(set->trace, &set->request, strcmp(engine, "postgres") == 0 ? "postgresql" : engine,
                      set->at, now);
}

static void call_on_done(struct db_request *request)
{
    struct call_set *set = request->owner;
    struct statement_queue *queue = set->queue;
    int64_t now = set->locked || queue->table.shut ? clock_now() : clock_last();
    metric_observe(METRIC_STATEMENT_DURATION, queue->statement->index, (uint64_t)(now - set->at));
    tell_statement(set, now - set->at);
    end_trace(set, now);
    queue->sets_in_flight--;
    queue->calls_in_flight -= request->call_count;
    set->calls->locks.holding -= request->last;
    if (set->locked && !queue->statement->waits) {
        locks_shut(&set->calls->locks, &queue->table, now);
    } else if (!set->resend) {
        locks_open(&queue->table);
    }
    for (unsigned i = request->call_count; i-- > 0;)
        if (set->sent[i] != NULL)
            put_back(set, set->sent[i], now);
    calls_on_room(set->calls);
    if (queue->statement->writes && set->calls->changed != NULL)
        set->calls->changed(set->calls->changed_argument);
    free(set);
}
