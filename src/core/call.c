/* call_start -> (end of turn) on_flush -> send_batch -> on_answer for each member, on_done for all. */
#include <config.h>

#include "core/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/sql.h"

#define SET_MAX 512u
#define CROWD 12u                /* more calls of a statement than these are a crowd, */
#define CROWD_NS (10 * CLOCK_MS) /* and are it still so long afterwards */
#define PATIENCE_NS                                                                                          \
    (20 * CLOCK_MS) /* waiting longer than this for a slow set, the next one leaves beside it */
#define TRIES_MAX 3u

/* The calls of one statement. */
struct gather {
    struct stmt *stmt;
    struct list waiting;
    unsigned in_flight, members_in_flight; /* batches, and their calls */
    int64_t crowded;                       /* when there was last a crowd */
};

struct calls {
    struct loop *loop;
    struct db *db;
    struct gather *gathers[DB_STATEMENTS_MAX];
    unsigned count, next; /* next: whose turn it is, so that all get theirs */
    size_t waiting, queue_max;
    struct loop_task flush;
    struct loop_timer *patience;
};

struct batch {
    struct db_unit unit;
    struct calls *calls;
    struct gather *gather;
    struct db_param *params;
    bool retry_alone;       /* a member was at fault: each again, for itself */
    struct call *members[]; /* NULL: answered or cancelled */
};

static void on_flush(void *argument);
static void on_patience(void *argument);
static bool is_wanted(const struct db_unit *unit, unsigned member);
static void on_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_done(struct db_unit *unit);

/* ---- life ---- */

struct calls *calls_new(struct loop *loop, size_t queue_max)
{
    struct calls *calls = mem_new(sizeof *calls);
    calls->loop = loop;
    calls->queue_max = queue_max;
    loop_task_init(&calls->flush, on_flush, calls);
    calls->patience = loop_timer_new(loop, on_patience, calls);
    return calls;
}

void calls_free(struct calls *calls)
{
    if (calls == NULL)
        return;
    loop_task_cancel(calls->loop, &calls->flush);
    loop_timer_free(calls->patience);
    for (unsigned i = 0; i < calls->count; i++)
        free(calls->gathers[i]);
    free(calls);
}

bool calls_register(struct calls *calls, struct stmt *stmt, const char *engine)
{
    assert(calls->count < DB_STATEMENTS_MAX);
    unsigned params = 0;
    while (params < DB_PARAMS_MAX && stmt->params[params].name != NULL)
        params++;
    stmt->db = (struct db_statement){.name = stmt->name,
                                     .text = sql_text(engine, stmt->name),
                                     .index = calls->count,
                                     .set = stmt->set,
                                     .param_count = params};
    for (unsigned i = 0; i < params; i++)
        stmt->db.types[i] = stmt->params[i].type;
    stmt->gather = mem_new(sizeof *stmt->gather);
    stmt->gather->stmt = stmt;
    list_init(&stmt->gather->waiting);
    calls->gathers[calls->count++] = stmt->gather;
    return stmt->db.text != NULL;
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
        list_prepend(&call->stmt->gather->waiting, &call->link);
    else
        list_append(&call->stmt->gather->waiting, &call->link);
    calls->waiting++;
    loop_defer(calls->loop, &calls->flush);
}

static void dequeue(struct calls *calls, struct call *call)
{
    list_remove(&call->stmt->gather->waiting, &call->link);
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
    call->tries = 0;
    call->alone = false;
    call->asked = clock_now();
    enqueue(calls, call, false);
    return CALL_STARTED;
}

void call_cancel(struct calls *calls, struct call *call)
{
    if (call->state == CALL_WAITING)
        dequeue(calls, call);
    else if (call->state == CALL_SENT)
        call->batch->members[call->member] = NULL;
    call->state = CALL_IDLE;
}

/* ---- leaving ---- */

/* A set that must not mix a parameter takes only calls that agree with its first. */
static bool fits(const struct call *first, const struct call *call)
{
    if (first->stmt->apart == 0)
        return true;
    const struct db_param *a = &first->params[first->stmt->apart - 1],
                          *b = &call->params[first->stmt->apart - 1];
    return a->null == b->null && a->integer == b->integer && slice_equal(a->text, b->text);
}

static unsigned choose(struct gather *gather, struct call **chosen)
{
    struct call *first = list_entry(list_first(&gather->waiting), struct call, link);
    unsigned count = 1, most = gather->stmt->set && !first->alone ? SET_MAX : 1;
    chosen[0] = first;
    for (struct list_node *node = list_next(&gather->waiting, &first->link); node != NULL && count < most;
         node = list_next(&gather->waiting, node)) {
        struct call *call = list_entry(node, struct call, link);
        if (!call->alone && fits(first, call))
            chosen[count++] = call;
    }
    return count;
}

static void send_batch(struct calls *calls, struct gather *gather)
{
    struct call *chosen[SET_MAX];
    unsigned count = choose(gather, chosen), params = gather->stmt->db.param_count;
    struct batch *batch = mem_resize(NULL, sizeof *batch + count * sizeof batch->members[0] +
                                               (size_t)count * params * sizeof(struct db_param));
    batch->unit = (struct db_unit){.statement = &gather->stmt->db,
                                   .members = count,
                                   .wanted = is_wanted,
                                   .on_answer = on_answer,
                                   .on_done = on_done,
                                   .owner = batch};
    batch->calls = calls;
    batch->gather = gather;
    batch->params = (struct db_param *)(void *)&batch->members[count];
    batch->retry_alone = false;
    batch->unit.params = batch->params;
    int64_t now = clock_now();
    for (unsigned i = 0; i < count; i++) {
        struct call *call = chosen[i];
        dequeue(calls, call);
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
    calls->db->ops->send(calls->db, &batch->unit);
}

/* In a crowd calls gather while a set is on its way, because one statement and one commit for many is what makes them
 * fast. Where there is none, waiting for others would only cost time: each set leaves on a connection of its own. The
 * moment after a large set has come back looks empty too, so the crowd is remembered for a while. Those that are sent
 * again one by one keep their order. */
static bool may_leave(struct calls *calls, struct gather *gather, int64_t now)
{
    if (gather->waiting.length == 0)
        return false;
    if (gather->members_in_flight + gather->waiting.length > CROWD)
        gather->crowded = now;
    if (!gather->stmt->set || gather->in_flight == 0)
        return true;
    if (gather->in_flight >= calls->db->ops->connections(calls->db))
        return false;
    const struct call *oldest = list_entry(list_first(&gather->waiting), struct call, link);
    bool crowd = now - gather->crowded < CROWD_NS;
    if ((!crowd && !oldest->alone) || now - oldest->asked >= PATIENCE_NS)
        return true;
    if (!loop_timer_pending(calls->patience))
        loop_timer_start(calls->patience, PATIENCE_NS);
    return false;
}

/* One batch a statement and round, until nothing may leave: a statement with many calls does not starve others. */
static void on_flush(void *argument)
{
    struct calls *calls = argument;
    int64_t now = clock_now();
    for (bool any = calls->waiting > 0; any;) {
        any = false;
        for (unsigned i = 0; i < calls->count; i++) {
            struct gather *gather = calls->gathers[(calls->next + i) % calls->count];
            if (!may_leave(calls, gather, now))
                continue;
            if (!calls->db->ops->room(calls->db)) { /* calls_on_room comes, and then it is this one's turn */
                calls->next = (calls->next + i) % calls->count;
                return;
            }
            send_batch(calls, gather);
            any = true;
        }
        calls->next = (calls->next + 1) % calls->count;
    }
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

/* Nobody knows when the database comes back: what waits is told so now. */
void calls_on_away(struct calls *calls)
{
    struct db_answer answer = {.error = DB_AWAY, .message = "", .sqlstate = ""};
    for (unsigned i = 0; i < calls->count; i++) {
        struct list *waiting = &calls->gathers[i]->waiting;
        for (size_t left = waiting->length; left > 0; left--) {
            struct list_node *node = list_first(waiting);
            if (node == NULL)
                break;
            struct call *call = list_entry(node, struct call, link);
            dequeue(calls, call);
            call->done(call, &answer, call->argument);
        }
    }
}

/* ---- coming back ---- */

static bool is_wanted(const struct db_unit *unit, unsigned member)
{
    const struct batch *batch = unit->owner;
    return batch->members[member] != NULL;
}

static void on_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct batch *batch = unit->owner;
    struct call *call = batch->members[member];
    if (call == NULL)
        return;
    bool again = answer->error == DB_RETRY && call->tries < TRIES_MAX;
    /* may be the fault of one of them */
    bool own = answer->error == DB_REFUSED || answer->error == DB_KEPT || answer->error == DB_FAILED;
    bool alone = own && unit->members > 1 && batch->calls->db->ops->arrays;
    if (again || alone) { /* stays a member until on_done puts it back, in order */
        batch->retry_alone |= alone;
        return;
    }
    batch->members[member] = NULL;
    call->state = CALL_IDLE;
    call->done(call, answer, call->argument);
}

static void on_done(struct db_unit *unit)
{
    struct batch *batch = unit->owner;
    batch->gather->in_flight--;
    batch->gather->members_in_flight -= unit->members;
    for (unsigned i = unit->members; i-- > 0;) {
        struct call *call = batch->members[i];
        if (call == NULL)
            continue;
        call->alone |= batch->retry_alone;
        enqueue(batch->calls, call, true);
    }
    calls_on_room(batch->calls);
    free(batch);
}
