/* core/call: calls gather into sets, on a scripted database that answers when the test says so. */
#include <config.h>

#include "unit.h"

#include <time.h>

#include "base/clock.h"
#include "core/call.h"
#include "core/statements.h"

#define CALLS 20
#define CONNECTIONS 2
#define QUEUE 5
#define DEADLINE_NS (60 * CLOCK_SECOND) /* so that no lock is given up because the machine is slow */
#define BRIEF_DEADLINE (800 * CLOCK_MS) /* of which half is for locks */
#define A_TURN (80 * CLOCK_MS)          /* the first pause, and until it is noticed */

static struct {
    struct db db;
    struct db_request *sent[64]; /* in the order in which they came; NULL: answered */
    unsigned count;
    unsigned room; /* for how many more */
    unsigned connections;
    bool crammed; /* but for none that waits for rows */
} database;

static struct fixture {
    struct loop *loop;
    struct calls *calls;
    struct loop_timer *stop;
    const struct statement *set, *other, *plain, *row, *once, *recall, *heavy, *apart;
    struct call call[CALLS];
    enum db_error error[CALLS];
    unsigned answered[CALLS];
} fixture;

/* ---- the database ---- */

static unsigned fake_connections(const struct db *db)
{
    (void)db;
    return database.connections;
}

static struct db_slot *fake_slot(struct db *db, const struct statement *statement)
{
    return database.room > 0 && !(database.crammed && statement->waits) ? (struct db_slot *)(void *)db : NULL;
}

static bool fake_away(const struct db *db)
{
    (void)db;
    return false;
}

static void fake_send(struct db *db, struct db_slot *slot, struct db_request *request)
{
    (void)db;
    (void)slot;
    assert_true(database.count < COUNT(database.sent));
    database.sent[database.count++] = request;
    database.room--;
}

static const struct db_ops fake_ops = {.engine = "postgres",
                                       .arrays = true,
                                       .connections = fake_connections,
                                       .slot = fake_slot,
                                       .away = fake_away,
                                       .send = fake_send};

/* Answers the request as a whole, as a failed statement does. */
static void answer(unsigned index, enum db_error error)
{
    struct db_request *request = database.sent[index];
    struct db_answer reply = {.error = error, .message = "", .sqlstate = ""};
    assert_non_null(request);
    database.sent[index] = NULL;
    for (unsigned position = 0; position < request->call_count; position++)
        request->on_answer(request, position, &reply);
    request->on_done(request);
}

/* ---- the loop ---- */

static void stop(void *argument)
{
    loop_stop(argument);
}

static void run_for(int64_t ns)
{
    loop_timer_start(fixture.stop, ns);
    loop_run(fixture.loop);
}

/* ---- calls ---- */

static void on_done(struct call *call, const struct db_answer *reply, void *argument)
{
    (void)argument;
    fixture.error[call - fixture.call] = reply->error;
    fixture.answered[call - fixture.call]++;
}

static enum call_start ask(unsigned index, const struct statement *statement, int64_t value)
{
    fixture.call[index].statement = statement;
    fixture.call[index].done = on_done;
    fixture.call[index].params[0] = (struct db_param){.integer = value};
    return call_start(fixture.calls, &fixture.call[index]);
}

static int set_up_with(int64_t deadline_ns, size_t queue_max)
{
    memset(&fixture, 0, sizeof fixture);
    memset(&database, 0, sizeof database);
    database.db.ops = &fake_ops;
    database.connections = CONNECTIONS;
    database.room = COUNT(database.sent);
    fixture.loop = loop_new();
    fixture.calls = calls_new(fixture.loop, queue_max, deadline_ns);
    fixture.stop = loop_timer_new(fixture.loop, stop, fixture.loop);
    fixture.set = STATEMENT(ORDER_TAKE);
    fixture.other = STATEMENT(ORDER_GET);
    fixture.plain = STATEMENT(ORDER_PAGE);
    fixture.row = STATEMENT(SITE_PUT);
    fixture.once = STATEMENT(ORDER_PLACE_ONCE);
    fixture.recall = STATEMENT(ORDER_RECALL);
    fixture.heavy = STATEMENT(ORDER_CLAIM_NEAR);
    fixture.apart = STATEMENT(ORDER_CLAIM);
    calls_set_db(fixture.calls, &database.db);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(DEADLINE_NS, QUEUE);
}

static int set_up_with_a_long_queue(void **state)
{
    (void)state;
    return set_up_with(DEADLINE_NS, CALLS);
}

static int set_up_with_a_brief_deadline(void **state)
{
    (void)state;
    return set_up_with(BRIEF_DEADLINE, QUEUE);
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CALLS; i++)
        call_cancel(&fixture.call[i]);
    for (unsigned i = 0; i < database.count; i++)
        if (database.sent[i] != NULL)
            answer(i, DB_LOST);
    calls_free(fixture.calls);
    loop_timer_free(fixture.stop);
    loop_free(fixture.loop);
    return 0;
}

/* ---- tests ---- */

static void a_lone_call_leaves_at_the_end_of_its_turn(void **state)
{
    (void)state;
    assert_int_equal(ask(0, fixture.set, 7), CALL_STARTED);
    assert_int_equal(database.count, 0);
    run_for(0);
    assert_int_equal(database.count, 1);
    assert_int_equal(database.sent[0]->call_count, 1);
    assert_int_equal(fixture.answered[0], 0);
    answer(0, DB_OK);
    assert_int_equal(fixture.answered[0], 1);
}

static void few_calls_leave_beside_each_other_on_a_connection_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        ask(i, fixture.set, i);
        run_for(0);
    }
    assert_int_equal(database.count, CONNECTIONS);
    answer(0, DB_OK);
    run_for(0);
    assert_int_equal(database.count, 3);
    assert_int_equal(database.sent[2]->call_count, 1);
}

/* Five and five are on their way, three wait: more than twelve. */
static void ask_by_a_crowd(void)
{
    for (unsigned i = 0; i < 13; i++) {
        ask(i, fixture.set, i);
        if (i % 5 == 4)
            run_for(0);
    }
    run_for(0);
    assert_int_equal(database.count, CONNECTIONS);
    assert_int_equal(database.sent[0]->call_count, 5);
    assert_int_equal(database.sent[1]->call_count, 5);
}

static void calls_of_a_crowd_gather_while_a_set_is_on_its_way_and_keep_their_order(void **state)
{
    (void)state;
    ask_by_a_crowd();
    answer(0, DB_OK);
    run_for(0);
    assert_int_equal(database.count, 2);
    answer(1, DB_OK);
    run_for(0);
    assert_int_equal(database.count, 3);
    assert_int_equal(database.sent[2]->call_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(database.sent[2]->params[i * fixture.set->param_count].integer, 10 + i);
}

static void a_crowd_of_heavy_calls_leaves_in_small_sets_beside_each_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 18; i++)
        ask(i, fixture.heavy, i);
    run_for(0);
    assert_int_equal(database.count, CONNECTIONS);
    assert_int_equal(database.sent[0]->call_count, 16);
    assert_int_equal(database.sent[1]->call_count, 2);
    for (unsigned i = 18; i < CALLS; i++)
        ask(i, fixture.heavy, i);
    run_for(0);
    assert_int_equal(database.count, CONNECTIONS);
    answer(1, DB_OK);
    run_for(0);
    assert_int_equal(database.count, 3);
    assert_int_equal(database.sent[2]->call_count, CALLS - 18);
}

static void a_crowd_whose_sets_are_apart_leaves_in_two(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 14; i++)
        ask(i, fixture.apart, i);
    run_for(0);
    assert_int_equal(database.count, 1);
    for (unsigned i = 14; i < CALLS; i++)
        ask(i, fixture.apart, i);
    run_for(0);
    assert_int_equal(database.count, 1);
    for (unsigned i = 0; i < 14; i++)
        call_cancel(&fixture.call[i]);
    for (unsigned i = 0; i < 8; i++)
        ask(i, fixture.apart, i);
    run_for(0);
    assert_int_equal(database.count, 2);
    assert_int_equal(database.sent[1]->call_count, CALLS - 14 + 8);
}

static void heavy_calls_gather_where_there_is_one_connection(void **state)
{
    (void)state;
    database.connections = 1;
    for (unsigned i = 0; i < 18; i++)
        ask(i, fixture.heavy, i);
    run_for(0);
    assert_int_equal(database.count, 1);
    assert_int_equal(database.sent[0]->call_count, 18);
}

static void a_crowd_is_remembered_when_its_sets_have_come_back(void **state)
{
    (void)state;
    ask_by_a_crowd();
    answer(0, DB_OK);
    answer(1, DB_OK);
    run_for(0);
    ask(0, fixture.set, 1);
    run_for(0);
    assert_int_equal(database.count, 3);
    answer(2, DB_OK);
    run_for(60000000);
    assert_int_equal(database.count, 4);
    ask(1, fixture.set, 2);
    run_for(0);
    assert_int_equal(database.count, 5);
}

static void a_slow_set_does_not_hold_up_the_next_for_long(void **state)
{
    (void)state;
    ask_by_a_crowd();
    answer(0, DB_OK);
    run_for(0);
    assert_int_equal(database.count, 2);
    run_for(60000000);
    assert_int_equal(database.count, 3);
}

static void expect_sent_one_by_one(enum db_error error)
{
    for (unsigned i = 0; i < 3; i++)
        ask(i, fixture.set, i);
    run_for(0);
    assert_int_equal(database.sent[0]->call_count, 3);
    answer(0, error);
    for (unsigned i = 0; i < 3; i++) {
        run_for(0);
        assert_int_equal(database.count, i + 2);
        assert_int_equal(database.sent[i + 1]->call_count, 1);
        assert_int_equal(database.sent[i + 1]->params[0].integer, i);
        answer(i + 1, i == 1 ? error : DB_OK);
        assert_int_equal(fixture.answered[i], 1);
        assert_int_equal(fixture.error[i], i == 1 ? error : DB_OK);
    }
}

static void a_refused_set_is_sent_again_call_by_call(void **state)
{
    (void)state;
    expect_sent_one_by_one(DB_REFUSED);
}

static void so_is_one_of_which_a_trigger_keeps_a_call(void **state)
{
    (void)state;
    expect_sent_one_by_one(DB_KEPT);
}

static void a_set_that_failed_is_sent_again_call_by_call(void **state)
{
    (void)state;
    expect_sent_one_by_one(DB_FAILED);
}

static void a_lost_connection_is_told_to_each_and_nothing_is_sent_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        ask(i, fixture.set, i);
    run_for(0);
    answer(0, DB_LOST);
    run_for(0);
    assert_int_equal(database.count, 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fixture.error[i], DB_LOST);
}

static void what_was_rolled_back_for_a_passing_reason_is_sent_again_a_few_times(void **state)
{
    (void)state;
    ask(0, fixture.plain, 1);
    for (unsigned tries = 0; tries < 3; tries++) {
        run_for(0);
        assert_int_equal(database.count, tries + 1);
        assert_int_equal(fixture.answered[0], 0);
        answer(tries, DB_RETRY);
    }
    assert_int_equal(fixture.answered[0], 1);
    assert_int_equal(fixture.error[0], DB_RETRY);
}

static void a_call_that_is_cancelled_before_it_was_sent_is_never_sent(void **state)
{
    (void)state;
    ask(0, fixture.set, 1);
    ask(1, fixture.set, 2);
    call_cancel(&fixture.call[0]);
    run_for(0);
    assert_int_equal(database.sent[0]->call_count, 1);
    assert_int_equal(database.sent[0]->params[0].integer, 2);
}

static void a_call_that_is_cancelled_after_it_was_sent_hears_nothing(void **state)
{
    (void)state;
    ask(0, fixture.set, 1);
    ask(1, fixture.set, 2);
    run_for(0);
    call_cancel(&fixture.call[0]);
    assert_false(database.sent[0]->wanted(database.sent[0], 0));
    assert_true(database.sent[0]->wanted(database.sent[0], 1));
    answer(0, DB_OK);
    assert_int_equal(fixture.answered[0], 0);
    assert_int_equal(fixture.answered[1], 1);
}

static void past_the_bound_of_the_queue_calls_are_refused(void **state)
{
    (void)state;
    database.room = 0;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(ask(i, fixture.set, i), CALL_STARTED);
    assert_int_equal(ask(5, fixture.plain, 5), CALL_QUEUE_FULL);
    run_for(0);
    assert_int_equal(database.count, 0);
    database.room = 1;
    calls_on_room(fixture.calls);
    run_for(0);
    assert_int_equal(database.sent[0]->call_count, 5);
    assert_int_equal(ask(5, fixture.plain, 5), CALL_STARTED);
}

/* All of them have a call waiting at all times, and there is room for one at a time. */
static void with_room_for_one_at_a_time_every_statement_has_its_turn(void **state)
{
    (void)state;
    const struct statement *const asked[] = {fixture.set, fixture.other, fixture.plain};
    unsigned turns[COUNT(asked)] = {0};
    database.room = 0;
    for (unsigned i = 0; i < COUNT(asked); i++)
        ask(i, asked[i], 0);
    for (unsigned round = 0; round < 5 * COUNT(asked); round++) {
        database.room = 1;
        calls_on_room(fixture.calls);
        run_for(0);
        assert_int_equal(database.count, round + 1);
        for (unsigned i = 0; i < COUNT(asked); i++)
            if (database.sent[round]->statement == asked[i]) {
                turns[i]++;
                answer(round, DB_OK);
                ask(i, asked[i], 0);
                break;
            }
    }
    for (unsigned i = 0; i < COUNT(asked); i++)
        assert_int_equal(turns[i], 5);
}

/* ---- locks ---- */

static void which_statements_wait_for_rows_is_declared_with_their_sql(void **state)
{
    (void)state;
    assert_true(fixture.row->writes && fixture.row->waits);
    assert_true(fixture.once->writes && fixture.once->waits);
    assert_true(fixture.set->writes && !fixture.set->waits);
    assert_false(fixture.plain->writes || fixture.plain->waits);
    assert_true(fixture.recall->writes && !fixture.recall->waits); /* it locks, and waits for no lock */
}

static void a_call_that_met_a_lock_waits_here_and_is_sent_again_with_nothing_behind_it(void **state)
{
    (void)state;
    ask(0, fixture.row, 1);
    run_for(0);
    assert_false(database.sent[0]->last || database.sent[0]->brief);
    answer(0, DB_LOCKED);
    run_for(0);
    assert_int_equal(database.count, 1);
    run_for(A_TURN);
    assert_int_equal(database.count, 2);
    assert_true(database.sent[1]->last && database.sent[1]->brief);
    assert_int_equal(fixture.answered[0], 0);
    answer(1, DB_OK);
    assert_int_equal(fixture.answered[0], 1);
    assert_int_equal(fixture.error[0], DB_OK);
}

static void a_lock_that_stays_is_given_up_and_nothing_was_changed(void **state)
{
    (void)state;
    ask(0, fixture.row, 1);
    run_for(0);
    answer(0, DB_LOCKED);
    for (unsigned sent = 1; fixture.answered[0] == 0; sent++) {
        assert_true(sent < COUNT(database.sent) - 1);
        run_for(3 * A_TURN);
        if (database.count > sent)
            answer(sent, DB_LOCKED);
    }
    assert_int_equal(fixture.error[0], DB_BUSY);
    unsigned count = database.count;
    run_for(4 * A_TURN);
    assert_int_equal(database.count, count);
    assert_int_equal(fixture.answered[0], 1);
}

static void whose_client_left_after_it_was_sent_does_not_wait_for_a_lock(void **state)
{
    (void)state;
    ask(0, fixture.row, 1);
    run_for(0);
    answer(0, DB_LOCKED);
    run_for(A_TURN);
    assert_int_equal(database.count, 2);
    ask(1, fixture.row, 1);
    call_leave(&fixture.call[0]);
    answer(1, DB_LOCKED);
    assert_int_equal(fixture.answered[0], 1);
    assert_int_equal(fixture.error[0], DB_LOCKED);
    run_for(A_TURN);
    assert_int_equal(database.count, 3); /* the next for the record has its turn */
    call_leave(&fixture.call[1]);
    answer(2, DB_OK);
    assert_int_equal(fixture.error[1], DB_OK);
    assert_int_equal(calls_waiting(fixture.calls), 0);
}

static void of_those_for_one_record_one_is_sent_and_others_go_on(void **state)
{
    (void)state;
    ask(0, fixture.row, 1);
    run_for(0);
    answer(0, DB_LOCKED);
    ask(1, fixture.row, 1);
    ask(2, fixture.row, 1);
    ask(3, fixture.row, 2);
    run_for(0);
    assert_int_equal(database.count, 2);
    assert_int_equal(database.sent[1]->params[0].integer, 2);
    assert_true(database.sent[1]->brief && !database.sent[1]->last);
    answer(1, DB_OK);
    run_for(A_TURN);
    assert_int_equal(database.count, 3);
    for (unsigned i = 0; i < 3; i++) { /* the lock is gone: one after the other, at once */
        assert_int_equal(database.count, 3 + i);
        answer(2 + i, DB_OK);
        assert_int_equal(fixture.answered[i], 1);
        run_for(0);
    }
    assert_int_equal(database.count, 5);
}

static void half_of_the_connections_at_most_are_for_those_who_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        ask(i, fixture.row, i);
    run_for(0);
    for (unsigned i = 0; i < 3; i++)
        answer(i, DB_LOCKED);
    run_for(A_TURN);
    assert_int_equal(database.count, 4); /* of two connections one */
    ask(3, fixture.plain, 1);
    run_for(0);
    assert_int_equal(database.count, 5);
    answer(3, DB_LOCKED);
    run_for(A_TURN);
    assert_int_equal(database.count, 6);
    assert_true(database.sent[5]->last);
}

static void a_set_that_met_the_lock_of_a_table_goes_again_as_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        ask(i, fixture.set, i);
    run_for(0);
    answer(0, DB_LOCKED);
    ask(3, fixture.set, 3);
    run_for(0);
    assert_int_equal(database.count, 1);
    run_for(A_TURN);
    assert_int_equal(database.count, 2);
    assert_int_equal(database.sent[1]->call_count, 4);
    assert_true(database.sent[1]->last);
    ask(4, fixture.set, 4);
    run_for(A_TURN);
    assert_int_equal(database.count, 2); /* one tries for all */
    answer(1, DB_OK);
    run_for(0);
    assert_int_equal(database.count, 3);
    assert_false(database.sent[2]->last);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fixture.answered[i], 1);
}

static void who_comes_while_nobody_tries_a_locked_table_is_sent_when_its_pause_is_over(void **state)
{
    (void)state;
    ask(0, fixture.plain, 0);
    run_for(0);
    answer(0, DB_LOCKED);
    call_cancel(&fixture.call[0]);
    ask(1, fixture.plain, 1); /* at once, so that a slow machine leaves the pause to be seen */
    run_for(0);
    assert_int_equal(database.count, 1);
    run_for(A_TURN);
    assert_int_equal(database.count, 2);
}

static void a_table_that_stays_locked_is_given_up_by_all(void **state)
{
    (void)state;
    ask(0, fixture.plain, 0);
    run_for(0);
    answer(0, DB_LOCKED);
    ask(1, fixture.plain, 1);
    for (unsigned sent = 1; fixture.answered[0] == 0 || fixture.answered[1] == 0; sent++) {
        assert_true(sent < COUNT(database.sent) - 1);
        run_for(3 * A_TURN);
        if (database.count > sent)
            answer(sent, DB_LOCKED);
    }
    assert_int_equal(fixture.error[0], DB_BUSY);
    assert_int_equal(fixture.error[1], DB_BUSY);
}

static void a_set_that_may_have_met_the_lock_of_a_row_goes_again_call_by_call(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        ask(i, fixture.once, i);
    run_for(0);
    answer(0, DB_LOCKED);
    for (unsigned i = 0; i < 3; i++) {
        run_for(A_TURN);
        assert_int_equal(database.count, i + 2);
        assert_int_equal(database.sent[i + 1]->call_count, 1);
        answer(i + 1, DB_OK);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fixture.answered[i], 1);
}

static void a_call_that_is_cancelled_while_it_waits_for_a_lock_is_never_sent_again(void **state)
{
    (void)state;
    ask(0, fixture.row, 1);
    run_for(0);
    answer(0, DB_LOCKED);
    ask(1, fixture.row, 1);
    run_for(0);
    ask(2, fixture.row, 1);
    run_for(0);
    call_cancel(&fixture.call[2]);
    run_for(0);
    assert_int_equal(database.count, 1); /* who comes later does not move the first */
    call_cancel(&fixture.call[0]);
    assert_int_equal(calls_waiting(fixture.calls), 1);
    run_for(A_TURN);
    assert_int_equal(database.count, 2); /* the next has its place */
    call_cancel(&fixture.call[1]);
    answer(1, DB_LOCKED);
    run_for(3 * A_TURN);
    assert_int_equal(database.count, 2);
    assert_int_equal(calls_waiting(fixture.calls), 0);
    assert_int_equal(fixture.answered[0] + fixture.answered[1], 0);
}

static void those_who_wait_for_a_lock_are_told_when_the_database_is_away(void **state)
{
    (void)state;
    ask(0, fixture.row, 1);
    ask(1, fixture.plain, 1);
    run_for(0);
    answer(0, DB_LOCKED);
    answer(1, DB_LOCKED);
    calls_on_away(fixture.calls);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fixture.error[i], DB_AWAY);
    assert_int_equal(calls_waiting(fixture.calls), 0);
    run_for(3 * A_TURN);
    assert_int_equal(database.count, 2);
}

static void ignore(struct call *call, const struct db_answer *reply, void *argument)
{
    (void)call;
    (void)reply;
    (void)argument;
}

/* As many meet the lock of a record each, as fast as the database's list of what was sent allows. */
static void meet_locks(struct calls *calls, struct call *call, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(call_start(calls, &call[i]), CALL_STARTED);
        if (i + 1 < count && (i + 1) % COUNT(database.sent) != 0)
            continue;
        run_for(0);
        for (unsigned k = 0; k < database.count; k++)
            answer(k, DB_LOCKED);
        database.count = 0;
        database.room = COUNT(database.sent);
    }
}

/* Half of them wait behind the other half. What a turn costs then is paid by everybody else. */
static void a_turn_costs_little_however_many_wait_for_locks(void **state)
{
    (void)state;
    enum { MANY = 3000, TURNS = 20 };
    struct calls *calls = calls_new(fixture.loop, 2 * MANY, 60 * CLOCK_SECOND);
    struct call *call = calloc(2 * MANY, sizeof *call);
    calls_set_db(calls, &database.db);
    for (unsigned i = 0; i < 2 * MANY; i++) {
        call[i].statement = fixture.row;
        call[i].done = ignore;
        call[i].params[0].integer = i % MANY;
    }
    meet_locks(calls, call, MANY);
    database.room = 0;
    for (unsigned i = MANY; i < 2 * MANY; i++)
        assert_int_equal(call_start(calls, &call[i]), CALL_STARTED);
    run_for(0);
    clock_t before = clock();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        calls_on_room(calls);
        run_for(0);
    }
    clock_t cost = clock() - before;
    for (unsigned i = 0; i < 2 * MANY; i++)
        call_cancel(&call[i]);
    calls_free(calls);
    free(call);
    assert_true(cost < CLOCKS_PER_SEC / 10);
}

static void a_statement_for_which_there_is_no_room_does_not_stop_the_others(void **state)
{
    (void)state;
    database.crammed = true;
    ask(0, fixture.row, 1);
    ask(1, fixture.plain, 1);
    run_for(0);
    assert_int_equal(database.count, 1);
    assert_ptr_equal(database.sent[0]->statement, fixture.plain);
    database.crammed = false;
    calls_on_room(fixture.calls);
    run_for(0);
    assert_int_equal(database.count, 2);
}

static void what_a_session_refused_is_tried_on_others_and_then_the_database_takes_no_writes(void **state)
{
    (void)state;
    ask(0, fixture.set, 1);
    for (unsigned tries = 0; tries < CONNECTIONS + 3; tries++) {
        run_for(0);
        assert_int_equal(database.count, tries + 1);
        assert_int_equal(fixture.answered[0], 0);
        answer(tries, DB_UNFIT);
    }
    assert_int_equal(fixture.answered[0], 1);
    assert_int_equal(fixture.error[0], DB_AWAY);
}

/* ---- callers in turn ---- */

enum { CROWD_MAX = 1300, SET_OF_CALLS = 512, FAIR_SET = 64 };

/* Calls of callers, each with a value that says whose it is and which of his: 2003 is the fourth of the caller 2. */
static struct crowd {
    struct calls *calls;
    struct call call[CROWD_MAX];
    enum db_error error[CROWD_MAX];
    unsigned answered[CROWD_MAX], asked;
} crowd;

static void on_crowd_done(struct call *call, const struct db_answer *reply, void *argument)
{
    (void)argument;
    crowd.error[call - crowd.call] = reply->error;
    crowd.answered[call - crowd.call]++;
}

static void gather(size_t queue_max)
{
    memset(&crowd, 0, sizeof crowd);
    crowd.calls = calls_new(fixture.loop, queue_max, DEADLINE_NS);
    calls_set_db(crowd.calls, &database.db);
    database.room = 0;
}

static void disperse(void)
{
    for (unsigned i = 0; i < crowd.asked; i++)
        call_cancel(&crowd.call[i]);
    for (unsigned i = 0; i < database.count; i++)
        if (database.sent[i] != NULL)
            answer(i, DB_LOST);
    database.count = 0;
    run_for(0);
    assert_int_equal(calls_waiting(crowd.calls), 0);
    calls_free(crowd.calls);
}

static enum call_start ask_of(uint64_t caller, const struct statement *statement, int64_t value)
{
    struct call *call = &crowd.call[crowd.asked++];
    assert_true(crowd.asked <= CROWD_MAX);
    call->statement = statement;
    call->caller = caller;
    call->done = on_crowd_done;
    call->params[0] = (struct db_param){.integer = value};
    return call_start(crowd.calls, call);
}

static void ask_often(uint64_t caller, const struct statement *statement, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(ask_of(caller, statement, (int64_t)caller * 1000 + i), CALL_STARTED);
}

/* Room for one more request; what is sent then. */
static const struct db_request *next_sent(void)
{
    database.count = 0;
    database.room = 1;
    calls_on_room(crowd.calls);
    run_for(0);
    assert_int_equal(database.count, 1);
    return database.sent[0];
}

static void expect_next(int64_t value)
{
    const struct db_request *sent = next_sent();
    assert_int_equal(sent->call_count, 1);
    assert_int_equal(sent->params[0].integer, value);
    answer(0, DB_OK);
}

static void few_calls_go_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    gather(100);
    ask_often(1, fixture.plain, 11);
    ask_often(2, fixture.plain, 1);
    for (int64_t i = 0; i < 11; i++)
        expect_next(1000 + i);
    expect_next(2000);
    disperse();
}

static void of_many_one_of_each_caller_goes_in_turn_and_his_own_in_order(void **state)
{
    (void)state;
    gather(100);
    ask_often(1, fixture.plain, 20);
    ask_often(2, fixture.plain, 2);
    ask_often(3, fixture.plain, 1);
    expect_next(1000);
    expect_next(2000);
    expect_next(3000);
    expect_next(1001);
    expect_next(2001);
    ask_often(4, fixture.plain, 1);
    expect_next(1002);
    expect_next(4000);
    for (int64_t i = 3; i < 20; i++)
        expect_next(1000 + i);
    disperse();
}

static void what_goes_in_turn_is_in_order_again_when_nothing_waits(void **state)
{
    (void)state;
    gather(100);
    ask_often(1, fixture.plain, 20);
    ask_often(2, fixture.plain, 1);
    expect_next(1000);
    expect_next(2000);
    for (int64_t i = 1; i < 20; i++)
        expect_next(1000 + i);
    ask_often(1, fixture.plain, 5);
    ask_often(2, fixture.plain, 1);
    for (int64_t i = 0; i < 5; i++)
        expect_next(1000 + i);
    expect_next(2000);
    disperse();
}

/* How many of a set are a caller's; they are in order. */
static unsigned count_of(const struct db_request *sent, int64_t caller)
{
    unsigned count = 0, stride = sent->statement->param_count;
    int64_t last = -1;
    for (unsigned i = 0; i < sent->call_count; i++) {
        int64_t value = sent->params[i * stride].integer;
        if (value / 1000 != caller)
            continue;
        assert_true(value > last);
        last = value;
        count++;
    }
    return count;
}

static void a_set_that_is_too_small_for_all_has_room_for_each_caller(void **state)
{
    (void)state;
    gather(CROWD_MAX);
    ask_often(1, fixture.set, 900);
    ask_often(2, fixture.set, 10);
    ask_often(3, fixture.set, 1);
    const struct db_request *sent = next_sent();
    assert_int_equal(sent->call_count, FAIR_SET);
    assert_int_equal(count_of(sent, 3), 1);
    assert_int_equal(count_of(sent, 2), 10);
    answer(0, DB_OK);
    for (unsigned left = 911 - FAIR_SET, count; left > 0; left -= count) {
        sent = next_sent();
        count = sent->call_count;
        assert_int_equal(count, left < FAIR_SET ? left : FAIR_SET);
        assert_int_equal(count_of(sent, 1), count);
        answer(0, DB_OK);
    }
    for (unsigned i = 0; i < crowd.asked; i++)
        assert_int_equal(crowd.answered[i], 1);
    disperse();
}

static void a_set_of_many_callers_has_one_call_of_each(void **state)
{
    (void)state;
    gather(CROWD_MAX);
    ask_often(1, fixture.set, 200);
    for (uint64_t caller = 2; caller <= 100; caller++)
        ask_often(caller, fixture.set, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct db_request *sent = next_sent();
        assert_int_equal(sent->call_count, 100);
        for (int64_t caller = 1; caller <= 100; caller++)
            assert_int_equal(count_of(sent, caller), 1);
        answer(0, DB_OK);
    }
    disperse();
}

static void heavy_calls_go_in_turn_as_soon_as_a_set_has_no_room_for_all(void **state)
{
    (void)state;
    gather(100);
    ask_often(1, fixture.heavy, 20);
    ask_often(2, fixture.heavy, 1);
    const struct db_request *sent = next_sent();
    assert_int_equal(sent->call_count, 16);
    assert_int_equal(sent->params[0].integer, 1000);
    assert_int_equal(sent->params[sent->statement->param_count].integer, 2000);
    answer(0, DB_OK);
    disperse();
}

static void a_caller_alone_fills_a_set(void **state)
{
    (void)state;
    gather(CROWD_MAX);
    ask_often(1, fixture.set, 600);
    assert_int_equal(next_sent()->call_count, SET_OF_CALLS);
    answer(0, DB_OK);
    disperse();
}

static void calls_that_go_alone_hold_up_their_own_caller_only(void **state)
{
    (void)state;
    gather(CROWD_MAX);
    ask_often(1, fixture.set, 600);
    next_sent();
    answer(0, DB_REFUSED); /* 512 of them go alone now */
    ask_often(2, fixture.set, 3);
    int64_t next[3] = {0, 1000, 2000};
    for (unsigned i = 0; i < 12; i++) {
        const struct db_request *sent = next_sent();
        unsigned stride = sent->statement->param_count;
        for (unsigned k = 0; k < sent->call_count; k++) {
            int64_t value = sent->params[k * stride].integer;
            assert_true(value == next[value / 1000]++);
            assert_true(value / 1000 == 2 || sent->call_count == 1);
        }
        answer(0, DB_OK);
    }
    assert_int_equal(next[2], 2003);
    disperse();
}

static void what_is_sent_again_is_before_what_came_later(void **state)
{
    (void)state;
    gather(CROWD_MAX);
    ask_often(1, fixture.set, 100);
    ask_often(2, fixture.set, 100);
    for (unsigned i = 0; i < 3; i++) {
        const struct db_request *sent = next_sent();
        unsigned stride = sent->statement->param_count;
        int64_t next[3] = {0, 1000, 2000};
        assert_int_equal(sent->call_count, FAIR_SET);
        for (unsigned k = 0; k < FAIR_SET; k++) {
            int64_t value = sent->params[k * stride].integer;
            assert_int_equal(value, next[value / 1000]++);
        }
        answer(0, i < 2 ? DB_RETRY : DB_OK);
    }
    disperse();
}

static void the_newest_of_who_has_most_makes_room_for_others(void **state)
{
    (void)state;
    gather(6);
    ask_often(1, fixture.set, 4);
    ask_often(1, fixture.plain, 2);
    assert_int_equal(ask_of(1, fixture.plain, 1006), CALL_QUEUE_FULL);
    assert_int_equal(ask_of(2, fixture.plain, 2000), CALL_STARTED);
    assert_int_equal(crowd.answered[3], 0); /* not before whoever asked has gone on */
    assert_int_equal(calls_waiting(crowd.calls), 6);
    run_for(0);
    assert_int_equal(crowd.answered[3], 1);
    assert_int_equal(crowd.error[3], DB_CROWDED);
    assert_int_equal(ask_of(2, fixture.plain, 2001), CALL_STARTED);
    assert_int_equal(ask_of(3, fixture.plain, 3000), CALL_STARTED);
    assert_int_equal(ask_of(2, fixture.plain, 2002), CALL_QUEUE_FULL); /* 3, 2 and 1 are waiting */
    assert_int_equal(ask_of(1, fixture.plain, 1007), CALL_QUEUE_FULL);
    run_for(0);
    unsigned crowded = 0;
    for (unsigned i = 0; i < crowd.asked; i++)
        crowded += crowd.answered[i];
    assert_int_equal(crowded, 3);
    assert_int_equal(crowd.answered[0] + crowd.answered[4], 0); /* the oldest of each statement are there still */
    disperse();
}

static void who_has_as_much_as_all_others_is_refused_himself(void **state)
{
    (void)state;
    gather(3);
    for (uint64_t caller = 1; caller <= 3; caller++)
        ask_often(caller, fixture.plain, 1);
    assert_int_equal(ask_of(4, fixture.plain, 4000), CALL_QUEUE_FULL);
    assert_int_equal(ask_of(1, fixture.plain, 1001), CALL_QUEUE_FULL);
    run_for(0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(crowd.answered[i], 0);
    disperse();
}

static void a_call_that_is_cancelled_before_it_is_told_of_its_refusal_hears_nothing(void **state)
{
    (void)state;
    gather(3);
    ask_often(1, fixture.plain, 3);
    assert_int_equal(ask_of(2, fixture.plain, 2000), CALL_STARTED);
    call_cancel(&crowd.call[2]);
    assert_int_equal(calls_waiting(crowd.calls), 3);
    run_for(0);
    assert_int_equal(crowd.answered[2], 0);
    disperse();
}

static void what_waits_for_a_lock_counts_and_keeps_its_order(void **state)
{
    (void)state;
    gather(100);
    for (int64_t i = 0; i < 20; i++)
        assert_int_equal(ask_of(1, fixture.row, 7), CALL_STARTED);
    ask_often(2, fixture.row, 1);
    assert_int_equal(next_sent()->params[0].integer, 7);
    answer(0, DB_LOCKED);
    expect_next(2000); /* the others of the first would only meet the same lock */
    database.count = 0;
    database.room = 1;
    run_for(A_TURN);
    assert_int_equal(database.count, 1);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(database.sent[0]->params[0].integer, 7);
        answer(0, DB_OK);
        for (unsigned k = 0; k < 20; k++)
            assert_int_equal(crowd.answered[k], k <= i);
        database.count = 0;
        database.room = 1;
        run_for(0);
    }
    disperse();
}

/* Whatever happens, a caller's calls of a statement are first sent in their order, and each is answered once. */
static void of_whatever_happens_nothing_is_lost_or_overtaken(void **state)
{
    (void)state;
    enum { CALLERS = 5, ROUNDS = 3000 };
    const struct statement *const asked[] = {fixture.set, fixture.plain};
    unsigned seed = 1;
    for (unsigned run = 0; run < 5; run++) {
        int64_t next[COUNT(asked)][CALLERS] = {{0}}, last[COUNT(asked)][CALLERS] = {{0}};
        unsigned refused = 0;
        gather(run < 3 ? 30 : 900);
        for (unsigned round = 0; round < ROUNDS && crowd.asked < CROWD_MAX; round++) {
            unsigned chance = (unsigned)rand_r(&seed), kind = chance % 2;
            uint64_t caller = chance % 7 < 4 ? 0 : chance % CALLERS;
            if (chance % 10 < 8 || run >= 3)
                refused += ask_of(caller, asked[kind], ++next[kind][caller]) != CALL_STARTED;
            if (chance % 64 == 1)
                call_cancel(&crowd.call[chance % crowd.asked]);
            if (chance % 16 != 0)
                continue;
            database.count = 0;
            database.room = 1;
            calls_on_room(crowd.calls);
            run_for(0);
            if (database.count == 0)
                continue;
            for (unsigned i = 0; i < crowd.asked; i++) {
                const struct call *call = &crowd.call[i];
                kind = call->statement == asked[1];
                if (call->state != CALL_SENT || call->tries > 1)
                    continue;
                assert_true(call->params[0].integer > last[kind][call->caller]);
                last[kind][call->caller] = call->params[0].integer;
            }
            answer(0, chance % 5 == 0 ? DB_REFUSED : chance % 7 == 0 ? DB_RETRY : DB_OK);
        }
        database.count = 0;
        while (calls_waiting(crowd.calls) > 0) {
            next_sent();
            answer(0, DB_OK);
        }
        run_for(0);
        for (unsigned i = 0; i < crowd.asked; i++)
            assert_true(crowd.answered[i] <= 1 && crowd.call[i].state == CALL_IDLE);
        assert_true(refused > 0 || run >= 3);
        disperse();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lone_call_leaves_at_the_end_of_its_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(few_calls_leave_beside_each_other_on_a_connection_each, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            calls_of_a_crowd_gather_while_a_set_is_on_its_way_and_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_of_heavy_calls_leaves_in_small_sets_beside_each_other,
                                        set_up_with_a_long_queue, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_whose_sets_are_apart_leaves_in_two, set_up_with_a_long_queue,
                                        tear_down),
        cmocka_unit_test_setup_teardown(heavy_calls_gather_where_there_is_one_connection,
                                        set_up_with_a_long_queue, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_is_remembered_when_its_sets_have_come_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_slow_set_does_not_hold_up_the_next_for_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_set_is_sent_again_call_by_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(so_is_one_of_which_a_trigger_keeps_a_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_set_that_failed_is_sent_again_call_by_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_connection_is_told_to_each_and_nothing_is_sent_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_rolled_back_for_a_passing_reason_is_sent_again_a_few_times,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_that_is_cancelled_before_it_was_sent_is_never_sent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_call_that_is_cancelled_after_it_was_sent_hears_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(past_the_bound_of_the_queue_calls_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(with_room_for_one_at_a_time_every_statement_has_its_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(which_statements_wait_for_rows_is_declared_with_their_sql, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_call_that_met_a_lock_waits_here_and_is_sent_again_with_nothing_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_that_stays_is_given_up_and_nothing_was_changed,
                                        set_up_with_a_brief_deadline, tear_down),
        cmocka_unit_test_setup_teardown(whose_client_left_after_it_was_sent_does_not_wait_for_a_lock, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_those_for_one_record_one_is_sent_and_others_go_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(half_of_the_connections_at_most_are_for_those_who_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_set_that_met_the_lock_of_a_table_goes_again_as_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            who_comes_while_nobody_tries_a_locked_table_is_sent_when_its_pause_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_stays_locked_is_given_up_by_all,
                                        set_up_with_a_brief_deadline, tear_down),
        cmocka_unit_test_setup_teardown(a_set_that_may_have_met_the_lock_of_a_row_goes_again_call_by_call,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_call_that_is_cancelled_while_it_waits_for_a_lock_is_never_sent_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(those_who_wait_for_a_lock_are_told_when_the_database_is_away, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_turn_costs_little_however_many_wait_for_locks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_for_which_there_is_no_room_does_not_stop_the_others,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_a_session_refused_is_tried_on_others_and_then_the_database_takes_no_writes, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(few_calls_go_in_the_order_in_which_they_came, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_many_one_of_each_caller_goes_in_turn_and_his_own_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_goes_in_turn_is_in_order_again_when_nothing_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_set_that_is_too_small_for_all_has_room_for_each_caller, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_set_of_many_callers_has_one_call_of_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_caller_alone_fills_a_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heavy_calls_go_in_turn_as_soon_as_a_set_has_no_room_for_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(calls_that_go_alone_hold_up_their_own_caller_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_sent_again_is_before_what_came_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_of_who_has_most_makes_room_for_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_as_much_as_all_others_is_refused_himself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_call_that_is_cancelled_before_it_is_told_of_its_refusal_hears_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_for_a_lock_counts_and_keeps_its_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_whatever_happens_nothing_is_lost_or_overtaken, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
