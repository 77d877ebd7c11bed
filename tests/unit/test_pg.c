/* pg.c with pool, health and notices, on scripted connections, timers and clock: which connection a statement is
 * sent on, and what becomes of the state of the health. */
#include <config.h>

#include "unit.h"

#include "base/clock.h"
#include "io/loop.h"
#include "pg/pg.h"
#include "pg/pgconn.h"

#define CONNS 3 /* in the pool; then come those of health and notices */
#define HEALTH CONNS
#define LISTEN (CONNS + 1)
#define DEADLINE_NS (3 * CLOCK_SECOND)

/* ---- the clock ---- */

static int64_t now;

int64_t clock_now(void)
{
    return now;
}

int64_t clock_wall(void)
{
    return now;
}

void clock_rfc3339(char *out, size_t size)
{
    snprintf(out, size, "now");
}

/* ---- timers ---- */

struct loop_timer {
    loop_timer_cb *callback;
    void *argument;
    int64_t due; /* 0: not started */
};

static struct loop_timer timers[2];
static unsigned timer_count;

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_cb *callback, void *argument)
{
    (void)loop;
    assert_in_range(timer_count, 0, COUNT(timers) - 1);
    timers[timer_count] = (struct loop_timer){callback, argument, 0};
    return &timers[timer_count++];
}

void loop_timer_start(struct loop_timer *timer, int64_t after_ns)
{
    timer->due = now + after_ns;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->due = 0;
}

void loop_timer_free(struct loop_timer *timer)
{
    timer->due = 0;
}

/* Each timer that is due meanwhile, in its turn. */
static void pass(int64_t ns)
{
    int64_t end = now + ns;
    for (;;) {
        struct loop_timer *next = NULL;
        for (unsigned i = 0; i < timer_count; i++)
            if (timers[i].due != 0 && timers[i].due <= end && (next == NULL || timers[i].due < next->due))
                next = &timers[i];
        if (next == NULL)
            break;
        now = next->due;
        next->due = 0;
        next->callback(next->argument);
    }
    now = end;
}

/* ---- connections ---- */

struct pgconn {
    const char *role;
    struct pgconn_events events;
    bool ready, crammed, read_only, stale, pooled;
    unsigned waits, depth;
    int64_t silence;
    struct db_request *request; /* on its way */
    const char *lost;           /* the last reason */
    unsigned renewed, renewed_unfit, ended, hurried, allowed;
};

static struct pgconn conns[CONNS + 2];
static unsigned conn_count;

struct pgconn *pgconn_new(struct loop *loop, const struct pgtarget *target, const char *role,
                          unsigned statement_count, const struct pgconn_events *events)
{
    (void)loop;
    (void)target;
    (void)statement_count;
    assert_in_range(conn_count, 0, COUNT(conns) - 1);
    conns[conn_count].role = role;
    conns[conn_count].events = *events;
    return &conns[conn_count++];
}

bool pgconn_ready(const struct pgconn *conn)
{
    return conn->ready;
}

bool pgconn_room(const struct pgconn *conn)
{
    return conn->ready && !conn->crammed;
}

unsigned pgconn_waits(const struct pgconn *conn)
{
    return conn->waits;
}

bool pgconn_read_only(const struct pgconn *conn)
{
    return conn->read_only;
}

bool pgconn_stale(const struct pgconn *conn)
{
    return conn->stale;
}

bool pgconn_pooled(const struct pgconn *conn)
{
    return conn->pooled;
}

void pgconn_allow_ending(struct pgconn *conn)
{
    conn->allowed++;
}

unsigned pgconn_depth(const struct pgconn *conn)
{
    return conn->depth;
}

int64_t pgconn_silence(const struct pgconn *conn, int64_t at)
{
    (void)at;
    return conn->silence;
}

void pgconn_send(struct pgconn *conn, struct db_request *request)
{
    conn->request = request;
}

void pgconn_send_or_end(struct pgconn *conn, struct db_request *request)
{
    conn->ended++;
    conn->request = request;
}

static void answer(unsigned index, enum db_error error, const char *message)
{
    static const struct db_rows rows = {.count = 1};
    struct db_request *request = conns[index].request;
    struct db_answer reply = {.error = error, .message = message, .sqlstate = ""};
    assert_non_null(request);
    conns[index].request = NULL;
    if (error == DB_OK) {
        reply.rows = &rows;
        reply.count = 1;
    }
    request->on_answer(request, 0, &reply);
    if (request->on_done != NULL)
        request->on_done(request);
}

void pgconn_free(struct pgconn *conn)
{
    if (conn == NULL)
        return;
    conn->role = NULL;
    if (conn->request != NULL)
        answer((unsigned)(conn - conns), DB_LOST, "the server is shutting down");
}

void pgconn_lose(struct pgconn *conn, const char *reason)
{
    conn->lost = reason;
    conn->ready = false;
    conn->silence = 0;
    if (conn->request != NULL)
        answer((unsigned)(conn - conns), DB_LOST, reason);
    if (conn->events.on_lost != NULL)
        conn->events.on_lost(conn, reason, conn->events.argument);
}

void pgconn_renew_session(struct pgconn *conn)
{
    conn->renewed++;
}

void pgconn_renew_unfit(struct pgconn *conn, bool missed_schema)
{
    conn->renewed_unfit += missed_schema || conn->read_only;
}

void pgconn_hurry(struct pgconn *conn)
{
    conn->hurried++;
}

static void comes(unsigned index)
{
    conns[index].ready = true;
    conns[index].events.on_ready(&conns[index], conns[index].events.argument);
}

static void goes(unsigned index, const char *reason)
{
    pgconn_lose(&conns[index], reason);
}

/* ---- the server ---- */

static struct db_health row; /* what the health statement says */
static struct {
    unsigned room, away, health, changes;
    char database[16];
} told;

static void read_row(const struct db_rows *rows, int index, struct db_health *health)
{
    assert_int_equal(rows->count, 1);
    assert_int_equal(index, 0);
    health->writable = row.writable;
    health->standby = row.standby;
}

static void read_hidden(const struct db_rows *rows, int index, struct db_health *health)
{
    (void)rows;
    (void)index;
    snprintf(health->obstacle, sizeof health->obstacle, "hidden");
}

static const struct statement s_health,
    s_hidden = {.index = 1}, s_spill = {.index = 2}, s_write = {.index = 3}, s_listen = {.index = 4},
    s_identity = {.index = 5}, reads = {.index = 6}, writes = {.index = 7, .writes = true},
    waits = {.index = 8, .writes = true, .waits = true};
static const struct db_question health = {&s_health, read_row}, hidden = {&s_hidden, read_hidden};
static struct db *db;

static void on_room(void *argument)
{
    (void)argument;
    told.room++;
}

static void on_away(void *argument)
{
    (void)argument;
    told.away++;
}

static void on_health(void *argument)
{
    (void)argument;
    told.health++;
}

static void on_change(struct slice group, void *argument)
{
    (void)group;
    (void)argument;
    told.changes++;
}

static void on_listening(struct slice database, void *argument)
{
    (void)database;
    (void)argument;
}

static int set_up(void **state)
{
    (void)state;
    memset(conns, 0, sizeof conns);
    memset(&told, 0, sizeof told);
    conn_count = timer_count = 0;
    now = 100 * CLOCK_SECOND;
    row = (struct db_health){.writable = true};
    struct pg_options options = {.conninfo = "host=/nowhere",
                                 .pooler = POOLER_AUTO,
                                 .connections = CONNS,
                                 .deadline_ns = DEADLINE_NS,
                                 .statement_count = 9,
                                 .health = &health,
                                 .hidden = &hidden,
                                 .room_spill = &s_spill,
                                 .room_write = &s_write,
                                 .listen = &s_listen,
                                 .identity = &s_identity};
    struct db_events events = {on_room, on_away, on_health, on_change, on_listening, NULL};
    char *error = NULL;
    db = pg_open(NULL, &options, &events, &error);
    assert_non_null(db);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unsigned health_told = told.health;
    db->ops->free(db);
    assert_int_equal(told.health, health_told);
    for (unsigned i = 0; i < conn_count; i++)
        assert_null(conns[i].role);
    return 0;
}

/* All are there, and the health has been answered. */
static void all_is_well(void)
{
    for (unsigned i = 0; i < CONNS; i++)
        comes(i);
    comes(HEALTH);
    answer(HEALTH, DB_OK, "");
    memset(&told, 0, sizeof told);
}

/* Which of the pool; -1: none. */
static int chosen(const struct statement *statement)
{
    struct db_slot *slot = db->ops->slot(db, statement);
    struct db_request request = {.statement = statement};
    if (slot == NULL)
        return -1;
    db->ops->send(db, slot, &request);
    for (int i = 0; i < CONNS; i++)
        if (conns[i].request == &request) {
            conns[i].request = NULL;
            return i;
        }
    fail();
    return -1;
}

static bool answers(void)
{
    return db->ops->health(db)->answers;
}

static void is_trouble(const char *trouble)
{
    assert_false(answers());
    assert_string_equal(db->ops->health(db)->trouble, trouble);
}

/* ---- the pool's choice ---- */

static void the_connection_with_the_fewest_units_is_taken(void **state)
{
    (void)state;
    all_is_well();
    conns[0].depth = 2;
    conns[1].depth = 1;
    conns[2].depth = 2;
    assert_int_equal(chosen(&reads), 1);
    conns[1].crammed = true;
    assert_int_equal(chosen(&reads), 0);
    conns[0].ready = false;
    assert_int_equal(chosen(&reads), 2);
    conns[2].ready = false;
    assert_int_equal(chosen(&reads), -1);
}

static void one_that_owes_an_answer_is_taken_if_there_is_no_other(void **state)
{
    (void)state;
    all_is_well();
    conns[0].depth = 1;
    conns[0].silence = 10 * CLOCK_MS;
    conns[1].depth = conns[2].depth = 5;
    assert_int_equal(chosen(&reads), 0);
    conns[0].silence++;
    assert_int_equal(chosen(&reads), 1);
    conns[1].crammed = conns[2].crammed = true;
    assert_int_equal(chosen(&reads), 0);
}

static void one_that_has_owed_an_answer_for_long_is_never_taken(void **state)
{
    (void)state;
    all_is_well();
    conns[1].ready = conns[2].ready = false;
    conns[0].silence = 250 * CLOCK_MS - 1;
    assert_int_equal(chosen(&reads), 0);
    conns[0].silence++;
    assert_int_equal(chosen(&reads), -1);
}

static void what_writes_goes_where_that_is_allowed(void **state)
{
    (void)state;
    all_is_well();
    conns[0].read_only = conns[1].read_only = true;
    conns[2].depth = 9;
    assert_int_equal(chosen(&reads), 0);
    assert_int_equal(chosen(&writes), 2);
    conns[2].ready = false; /* it may come back as one that takes them */
    conns[2].read_only = true;
    assert_int_equal(chosen(&writes), -1);
    conns[2].ready = true;
    assert_int_equal(chosen(&writes), 0);
}

static void one_connection_is_kept_free_of_those_that_wait(void **state)
{
    (void)state;
    all_is_well();
    assert_int_equal(chosen(&waits), 0);
    conns[0].waits = conns[0].depth = 1;
    assert_int_equal(chosen(&waits), 1);
    conns[1].waits = conns[1].depth = 1;
    assert_int_equal(chosen(&waits), 0);
    assert_int_equal(chosen(&writes), 2);
    conns[0].waits = 2;
    assert_int_equal(chosen(&waits), 1);
    conns[1].waits = 2;
    assert_int_equal(chosen(&waits), -1);
    conns[1].ready = false; /* and is no longer counted */
    assert_int_equal(chosen(&waits), 2);
}

/* ---- the state ---- */

static void it_is_up_with_the_first_connection(void **state)
{
    (void)state;
    is_trouble("not connected yet");
    assert_int_equal(chosen(&reads), -1);
    comes(1);
    assert_int_equal(chosen(&reads), 1);
    assert_int_equal(told.room, 1);
    assert_int_equal(told.health, 0); /* nothing is known of it yet */
    comes(HEALTH);
    answer(HEALTH, DB_OK, "");
    assert_true(answers());
    assert_int_equal(told.health, 1);
}

static void the_health_alone_is_not_enough(void **state)
{
    (void)state;
    comes(HEALTH);
    answer(HEALTH, DB_OK, "");
    assert_false(answers());
    pass(CLOCK_SECOND);
    assert_true(db->ops->away(db));
}

static void without_any_connection_it_is_away_after_the_grace(void **state)
{
    (void)state;
    pass(CLOCK_SECOND / 2);
    goes(0, "refused"); /* what fails meanwhile begins no new grace */
    pass(CLOCK_SECOND / 2 - 1);
    assert_false(db->ops->away(db));
    assert_int_equal(told.away + told.health, 0);
    pass(1);
    goes(0, "refused");
    assert_true(db->ops->away(db));
    assert_int_equal(told.away, 1);
    assert_int_equal(told.health, 1);
    comes(0);
    assert_false(db->ops->away(db));
    assert_int_equal(chosen(&reads), 0);
}

static void the_last_that_is_lost_cuts_it(void **state)
{
    (void)state;
    all_is_well();
    goes(0, "reset");
    goes(1, "reset");
    assert_true(answers());
    goes(2, "server closed");
    is_trouble("it cannot be reached");
    assert_string_equal(db->ops->health(db)->reason, "server closed");
    pass(CLOCK_SECOND / 2);
    assert_false(db->ops->away(db));
    comes(2);
    assert_true(answers());
    assert_int_equal(told.away, 0);
    assert_int_equal(told.health, 1);
    pass(CLOCK_SECOND); /* the grace has ended with it */
    assert_int_equal(told.away, 0);
}

static void what_is_learned_while_it_is_cut_is_told_when_it_is_away(void **state)
{
    (void)state;
    all_is_well();
    for (unsigned i = 0; i < CONNS; i++)
        goes(i, "reset");
    goes(HEALTH, "connection refused");
    assert_int_equal(told.health, 0);
    pass(CLOCK_SECOND);
    assert_int_equal(told.health, 1);
    goes(HEALTH, "FATAL:  57P03: the database system is starting up");
    assert_int_equal(told.health, 2);
    is_trouble("it refuses connections");
}

static void silence_cuts_it_though_connections_look_well(void **state)
{
    (void)state;
    all_is_well();
    pass(CLOCK_SECOND); /* it is asked, and does not answer */
    assert_ptr_equal(conns[HEALTH].request->statement, &s_health);
    pass(2 * CLOCK_SECOND);
    assert_int_equal(chosen(&reads), 0);
    pass(CLOCK_SECOND);
    assert_string_equal(conns[HEALTH].lost, "the database does not answer");
    assert_int_equal(chosen(&reads), -1);
    is_trouble("it does not answer");
    conns[1].events.on_answered(&conns[1], false, false, conns[1].events.argument);
    assert_int_equal(chosen(&reads), 0);
}

static void a_refusal_is_a_word_of_the_database_too(void **state)
{
    (void)state;
    all_is_well();
    pass(4 * CLOCK_SECOND);
    assert_int_equal(chosen(&reads), -1);
    goes(HEALTH, "FATAL:  53300: too many connections");
    assert_int_equal(chosen(&reads), 0);
}

static void a_silent_pooler_cuts_nothing(void **state)
{
    (void)state;
    all_is_well();
    conns[HEALTH].pooled = true;
    pass(4 * CLOCK_SECOND);
    assert_non_null(conns[HEALTH].lost);
    assert_int_equal(chosen(&reads), 0);
}

static void what_is_as_silent_as_the_health_is_dropped_with_it(void **state)
{
    (void)state;
    all_is_well();
    pass(CLOCK_SECOND);
    conns[0].silence = 5 * CLOCK_SECOND / 2 + 1;
    conns[1].silence = 5 * CLOCK_SECOND / 2;
    pass(3 * CLOCK_SECOND);
    assert_non_null(conns[0].lost);
    assert_null(conns[1].lost);
}

/* A commit may wait for its standby. */
static void while_the_health_is_answered_patience_with_silence_doubles(void **state)
{
    (void)state;
    const int64_t base = DEADLINE_NS + CLOCK_SECOND;
    all_is_well();
    for (int64_t limit = base; limit <= 4 * base; limit *= 2) {
        conns[0].ready = true;
        conns[0].lost = NULL;
        conns[0].silence = limit;
        pass(CLOCK_SECOND);
        answer(HEALTH, DB_OK, "");
        assert_null(conns[0].lost);
        conns[0].silence = limit + 1;
        pass(CLOCK_SECOND);
        answer(HEALTH, DB_OK, "");
        assert_non_null(conns[0].lost);
    }
    for (int i = 0; i < 61; i++) { /* without silence it is forgotten */
        pass(CLOCK_SECOND);
        answer(HEALTH, DB_OK, "");
    }
    conns[0].silence = base + 1;
    conns[0].lost = NULL;
    pass(CLOCK_SECOND);
    assert_non_null(conns[0].lost);
}

/* ---- the questions ---- */

static void crowded_out_it_asks_on_the_pool(void **state)
{
    (void)state;
    comes(0);
    goes(HEALTH, "FATAL:  53300: too many connections for role \"x\"");
    assert_ptr_equal(conns[0].request->statement, &s_health);
    answer(0, DB_OK, "");
    assert_true(answers());
    pass(CLOCK_SECOND);
    pass(3 * CLOCK_SECOND); /* no answer there is bad health, but the connection is not given up for it */
    is_trouble("it does not answer");
    assert_null(conns[0].lost);
    answer(0, DB_OK, "");
    comes(HEALTH); /* from now on it has one of its own again */
    answer(HEALTH, DB_OK, "");
    conns[HEALTH].crammed = true;
    pass(CLOCK_SECOND);
    assert_null(conns[0].request);
}

static void what_the_pool_owes_it_at_the_end_tells_nothing(void **state)
{
    (void)state;
    comes(0);
    goes(HEALTH, "FATAL:  53300: too many connections for role \"x\"");
    assert_non_null(conns[0].request); /* and tear_down looks */
}

static void tables_that_are_not_found_may_be_hidden(void **state)
{
    (void)state;
    comes(0);
    comes(HEALTH);
    answer(HEALTH, DB_SCHEMA, "no such table");
    assert_ptr_equal(conns[HEALTH].request->statement, &s_hidden);
    answer(HEALTH, DB_OK, "");
    assert_true(answers());
    assert_false(db->ops->health(db)->has_schema);
    assert_string_equal(db->ops->health(db)->obstacle, "hidden");
}

static void when_the_tables_come_sessions_that_began_before_are_renewed(void **state)
{
    (void)state;
    comes(0);
    comes(HEALTH);
    answer(HEALTH, DB_SCHEMA, "no such table");
    answer(HEALTH, DB_SCHEMA, "no such table");
    assert_int_equal(conns[0].renewed_unfit, 0);
    pass(CLOCK_SECOND);
    answer(HEALTH, DB_OK, "");
    assert_int_equal(conns[0].renewed_unfit, 1);
    assert_int_equal(conns[HEALTH].renewed_unfit, 1);
    assert_int_equal(conns[LISTEN].renewed_unfit, 1);
    pass(CLOCK_SECOND);
    answer(HEALTH, DB_OK, "");
    assert_int_equal(conns[0].renewed_unfit, 1);
}

static void while_all_are_read_only_one_a_second_is_renewed(void **state)
{
    (void)state;
    row.writable = false;
    conns[1].stale = conns[2].stale = true;
    all_is_well();
    assert_int_equal(conns[1].renewed, 1);
    assert_int_equal(conns[2].renewed, 0);
    assert_int_equal(conns[HEALTH].renewed, 0);
    pass(CLOCK_SECOND);
    assert_int_equal(conns[HEALTH].renewed, 1);
    assert_int_equal(conns[HEALTH].ended, 1); /* behind a pooler what asks ends it */
    row.writable = conns[2].read_only = true;
    answer(HEALTH, DB_OK, "");
    assert_int_equal(conns[2].renewed_unfit, 1);
    pass(CLOCK_SECOND);
    assert_int_equal(conns[HEALTH].renewed, 1);
    assert_int_equal(conns[HEALTH].ended, 1);
}

static void a_standby_is_left_as_it_is(void **state)
{
    (void)state;
    row = (struct db_health){.writable = false, .standby = true};
    all_is_well();
    pass(CLOCK_SECOND);
    assert_int_equal(conns[HEALTH].renewed, 0);
    assert_int_equal(conns[HEALTH].ended, 0);
}

static void room_is_asked_for_every_third_second(void **state)
{
    (void)state;
    const struct statement *expected[] = {&s_health, &s_health, &s_spill, &s_health};
    all_is_well();
    for (size_t i = 0; i < COUNT(expected); i++) {
        pass(CLOCK_SECOND);
        assert_ptr_equal(conns[HEALTH].request->statement, expected[i]);
        answer(HEALTH, DB_OK, "");
        if (expected[i] == &s_spill) /* the health comes right behind */
            answer(HEALTH, DB_OK, "");
    }
}

static void a_full_disk_is_full_until_something_was_written(void **state)
{
    (void)state;
    all_is_well();
    conns[0].events.on_answered(&conns[0], true, false, conns[0].events.argument);
    for (int i = 0; i < 2; i++) {
        pass(CLOCK_SECOND);
        assert_ptr_equal(conns[HEALTH].request->statement, &s_write);
        answer(HEALTH, i == 0 ? DB_FULL : DB_LOCKED, "no space"); /* a lock says nothing about it */
        answer(HEALTH, DB_OK, "");
        assert_true(db->ops->health(db)->full);
    }
    pass(CLOCK_SECOND);
    answer(HEALTH, DB_OK, "");
    answer(HEALTH, DB_OK, "");
    assert_false(db->ops->health(db)->full);
}

static void when_the_health_comes_through_the_pool_hurries(void **state)
{
    (void)state;
    comes(HEALTH);
    for (unsigned i = 0; i < CONNS; i++)
        assert_int_equal(conns[i].hurried, 1);
}

static void what_writes_behind_a_pooler_lets_read_only_sessions_be_ended(void **state)
{
    (void)state;
    all_is_well();
    conns[0].events.on_answered(&conns[0], false, true, conns[0].events.argument);
    assert_int_equal(conns[2].allowed, 0);
    conns[0].pooled = true;
    conns[0].events.on_answered(&conns[0], false, false, conns[0].events.argument);
    assert_int_equal(conns[2].allowed, 0);
    conns[0].events.on_answered(&conns[0], false, true, conns[0].events.argument);
    assert_int_equal(conns[2].allowed, 1);
}

/* ---- notices ---- */

static void the_listener_is_asked_whether_it_is_there(void **state)
{
    (void)state;
    all_is_well();
    conns[LISTEN].silence = 0;
    comes(LISTEN);
    assert_ptr_equal(conns[LISTEN].request->statement, &s_identity); /* behind LISTEN */
    conns[LISTEN].request = NULL;
    for (int i = 0; i < 5; i++) {
        pass(CLOCK_SECOND);
        while (conns[HEALTH].request != NULL)
            answer(HEALTH, DB_OK, "");
    }
    assert_null(conns[LISTEN].request);
    pass(CLOCK_SECOND);
    assert_ptr_equal(conns[LISTEN].request->statement, &s_listen);
    conns[LISTEN].silence = 2 * CLOCK_SECOND + 1;
    pass(CLOCK_SECOND);
    assert_string_equal(conns[LISTEN].lost, "the database does not answer");
}

static void behind_a_pooler_nobody_listens(void **state)
{
    (void)state;
    all_is_well();
    conns[LISTEN].pooled = true;
    comes(LISTEN);
    conns[LISTEN].request = NULL;
    pass(7 * CLOCK_SECOND);
    assert_null(conns[LISTEN].request);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_connection_with_the_fewest_units_is_taken),
        CASE(one_that_owes_an_answer_is_taken_if_there_is_no_other),
        CASE(one_that_has_owed_an_answer_for_long_is_never_taken),
        CASE(what_writes_goes_where_that_is_allowed),
        CASE(one_connection_is_kept_free_of_those_that_wait),
        CASE(it_is_up_with_the_first_connection),
        CASE(the_health_alone_is_not_enough),
        CASE(without_any_connection_it_is_away_after_the_grace),
        CASE(the_last_that_is_lost_cuts_it),
        CASE(what_is_learned_while_it_is_cut_is_told_when_it_is_away),
        CASE(silence_cuts_it_though_connections_look_well),
        CASE(a_refusal_is_a_word_of_the_database_too),
        CASE(a_silent_pooler_cuts_nothing),
        CASE(what_is_as_silent_as_the_health_is_dropped_with_it),
        CASE(while_the_health_is_answered_patience_with_silence_doubles),
        CASE(crowded_out_it_asks_on_the_pool),
        CASE(what_the_pool_owes_it_at_the_end_tells_nothing),
        CASE(tables_that_are_not_found_may_be_hidden),
        CASE(when_the_tables_come_sessions_that_began_before_are_renewed),
        CASE(while_all_are_read_only_one_a_second_is_renewed),
        CASE(a_standby_is_left_as_it_is),
        CASE(room_is_asked_for_every_third_second),
        CASE(a_full_disk_is_full_until_something_was_written),
        CASE(when_the_health_comes_through_the_pool_hurries),
        CASE(what_writes_behind_a_pooler_lets_read_only_sessions_be_ended),
        CASE(the_listener_is_asked_whether_it_is_there),
        CASE(behind_a_pooler_nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
