/* pgattempt: which host and address is tried next and when, on a scripted libpq, resolver and loop. */
#include <config.h>

#include "unit.h"

#include <libpq-fe.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "pg/pgattempt.h"
#include "pg/pgtarget.h"

#define LIMIT_NS (2 * CLOCK_SECOND)

/* ---- the loop ---- */

struct loop_timer {
    loop_timer_cb *callback;
    void *argument;
    int64_t after; /* -1: not started */
};

struct loop_watch {
    loop_fd_cb *callback;
    void *argument;
    int interest;
    bool used;
};

static struct loop_timer timer;
static struct loop_watch watch;

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_cb *callback, void *argument)
{
    (void)loop;
    timer = (struct loop_timer){callback, argument, -1};
    return &timer;
}

void loop_timer_start(struct loop_timer *started, int64_t after_ns)
{
    started->after = after_ns;
}

void loop_timer_stop(struct loop_timer *stopped)
{
    stopped->after = -1;
}

void loop_timer_free(struct loop_timer *freed)
{
    freed->after = -1;
}

static void timer_fires(int64_t after)
{
    assert_int_equal(timer.after, after);
    timer.after = -1;
    timer.callback(timer.argument);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_fd_cb *callback, void *argument)
{
    (void)loop;
    (void)fd;
    assert_false(watch.used);
    watch = (struct loop_watch){callback, argument, 0, true};
    return &watch;
}

void loop_watch_set(struct loop_watch *set, int interest)
{
    set->interest = interest;
}

void loop_watch_free(struct loop_watch *freed)
{
    if (freed != NULL)
        freed->used = false;
}

/* ---- names ---- */

static struct {
    char name[64]; /* asked for; "": nothing is */
    resolve_cb *callback;
    void *argument;
} asked;

struct resolve *resolve_start(struct loop *loop, const char *name, resolve_cb *callback, void *argument)
{
    (void)loop;
    snprintf(asked.name, sizeof asked.name, "%s", name);
    asked.callback = callback;
    asked.argument = argument;
    return (struct resolve *)&asked;
}

void resolve_cancel(struct resolve *resolve)
{
    if (resolve != NULL)
        asked.name[0] = '\0';
}

static void name_is(const char *name, const char *addresses, const char *error)
{
    assert_string_equal(asked.name, name);
    asked.name[0] = '\0';
    asked.callback(addresses, error, asked.argument);
}

/* ---- libpq ---- */

static struct {
    unsigned open, started;
    char where[64]; /* of the last one: host, or hostaddr */
    bool plain;
    bool bad; /* it fails at once */
    const char *error;
    PostgresPollingStatusType poll;
} pq;

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand)
{
    (void)expand;
    pq.plain = true;
    for (size_t i = 0; keywords[i] != NULL; i++) {
        bool address = strcmp(keywords[i], "hostaddr") == 0, host = strcmp(keywords[i], "host") == 0;
        if (values[i] != NULL && values[i][0] != '\0' && (address || host))
            snprintf(pq.where, sizeof pq.where, "%s", values[i]);
        if (strcmp(keywords[i], "options") == 0 && values[i] != NULL && values[i][0] != '\0')
            pq.plain = false;
    }
    pq.open++;
    pq.started++;
    return (PGconn *)&pq;
}

void PQfinish(PGconn *conn)
{
    pq.open -= conn != NULL;
}

ConnStatusType PQstatus(const PGconn *conn)
{
    (void)conn;
    return pq.bad ? CONNECTION_BAD : CONNECTION_STARTED;
}

char *PQerrorMessage(const PGconn *conn)
{
    static char message[128];
    (void)conn;
    snprintf(message, sizeof message, "%s", pq.error);
    return message;
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
    (void)conn;
    return pq.poll;
}

int PQsocket(const PGconn *conn)
{
    (void)conn;
    return 3;
}

int PQsetnonblocking(PGconn *conn, int on)
{
    (void)conn;
    return on == 1 ? 0 : -1;
}

int PQenterPipelineMode(PGconn *conn)
{
    (void)conn;
    return 1;
}

PGVerbosity PQsetErrorVerbosity(PGconn *conn, PGVerbosity verbosity)
{
    (void)conn;
    return verbosity;
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *argument)
{
    (void)conn;
    (void)argument;
    return receiver;
}

static void polls(PostgresPollingStatusType status)
{
    assert_true(watch.used);
    pq.poll = status;
    watch.callback(3, watch.interest, watch.argument);
}

static void is_refused(const char *error)
{
    pq.error = error;
    polls(PGRES_POLLING_FAILED);
}

/* ---- who waits for it ---- */

static struct {
    unsigned connected, failed, rounds;
    bool plain;
    char reason[128];
} told;

static struct pgtarget *target;
static struct pgattempt *attempt;

static void on_connected(PGconn *conn, bool plain, void *argument)
{
    (void)conn;
    (void)argument;
    told.connected++;
    told.plain = plain;
}

static void on_failed(const char *reason, bool round, void *argument)
{
    (void)argument;
    told.failed++;
    told.rounds += round;
    snprintf(told.reason, sizeof told.reason, "%s", reason);
}

static void start(const char *conninfo, enum pooler pooler)
{
    static const struct pg_limits limits = {CLOCK_SECOND, CLOCK_SECOND, CLOCK_SECOND};
    struct pgattempt_events events = {on_connected, on_failed, NULL, NULL};
    char *error = NULL;
    target = pgtarget_new(conninfo, pooler, &limits, &error);
    assert_non_null(target);
    attempt = pgattempt_new(NULL, target, "pool", &events);
    pgattempt_start(attempt, false, false);
    timer_fires(0);
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("PGOPTIONS");
    memset(&pq, 0, sizeof pq);
    memset(&told, 0, sizeof told);
    memset(&asked, 0, sizeof asked);
    pq.error = "";
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pgattempt_free(attempt);
    pgtarget_free(target);
    assert_int_equal(pq.open, 0);
    assert_false(watch.used);
    assert_int_equal(timer.after, -1);
    assert_string_equal(asked.name, "");
    return 0;
}

/* A pause of that length, of which half is chance. */
static void pauses(int64_t pause)
{
    assert_true(timer.after >= pause / 2);
    assert_true(timer.after <= pause);
}

/* ---- tests ---- */

static void the_watch_follows_libpq_until_it_is_connected(void **state)
{
    (void)state;
    start("host=127.0.0.1", POOLER_AUTO);
    assert_string_equal(pq.where, "127.0.0.1");
    assert_int_equal(watch.interest, LOOP_WRITE);
    polls(PGRES_POLLING_READING);
    assert_int_equal(watch.interest, LOOP_READ);
    polls(PGRES_POLLING_WRITING);
    assert_int_equal(watch.interest, LOOP_WRITE);
    polls(PGRES_POLLING_OK);
    assert_int_equal(told.connected, 1);
    assert_false(told.plain);
    assert_false(watch.used);
    assert_int_equal(timer.after, LIMIT_NS); /* until it is known who answers there */
    pgattempt_done(attempt);
    assert_int_equal(timer.after, -1);
    pq.open--; /* the owner's */
}

static void the_next_host_comes_at_once_and_after_the_last_a_pause(void **state)
{
    (void)state;
    start("host=127.0.0.1,127.0.0.2 port=1,2", POOLER_AUTO);
    is_refused("refused\nand more");
    assert_string_equal(told.reason, "refused");
    assert_int_equal(told.rounds, 0);
    timer_fires(0);
    assert_string_equal(pq.where, "127.0.0.2");
    is_refused("");
    assert_string_equal(told.reason, "the connection was closed");
    assert_int_equal(told.rounds, 1);
    pauses(50 * CLOCK_MS);
    timer_fires(timer.after);
    assert_string_equal(pq.where, "127.0.0.1");
    is_refused("refused");
    timer_fires(0);
    polls(PGRES_POLLING_OK);
    pgattempt_done(attempt);
    pq.open--;
    pgattempt_start(attempt, false, true); /* lost: the first is tried first again */
    timer_fires(0);
    assert_string_equal(pq.where, "127.0.0.1");
}

static void pauses_grow_up_to_a_second(void **state)
{
    (void)state;
    static const int64_t expected[] = {50, 100, 200, 400, 800, 1000, 1000};
    start("host=127.0.0.1", POOLER_AUTO);
    for (size_t i = 0; i < COUNT(expected); i++) {
        is_refused("refused");
        pauses(expected[i] * CLOCK_MS);
        timer_fires(timer.after);
    }
    polls(PGRES_POLLING_OK);
    pgattempt_failed(attempt, "read-only"); /* connected is not good yet */
    pauses(CLOCK_SECOND);
    timer_fires(timer.after);
    pq.open--;
    polls(PGRES_POLLING_OK);
    pgattempt_done(attempt);
    pq.open--;
    pgattempt_start(attempt, false, true); /* it was lost after a long life */
    timer_fires(0);
    is_refused("refused");
    pauses(50 * CLOCK_MS);
}

static void what_was_lost_soon_counts_as_a_failed_round(void **state)
{
    (void)state;
    start("host=127.0.0.1", POOLER_AUTO);
    polls(PGRES_POLLING_OK);
    pgattempt_done(attempt);
    pq.open--;
    pgattempt_start(attempt, true, true);
    timer_fires(50 * CLOCK_MS);
    is_refused("refused");
    pauses(100 * CLOCK_MS);
    pgattempt_start(attempt, true, false); /* nothing was asked of it */
    timer_fires(50 * CLOCK_MS);
    is_refused("refused");
    pauses(50 * CLOCK_MS);
}

static void each_address_of_a_name_has_an_attempt_of_its_own(void **state)
{
    (void)state;
    start("host=db.example,127.0.0.9", POOLER_AUTO);
    assert_int_equal(pq.started, 0);
    assert_int_equal(timer.after, LIMIT_NS);
    name_is("db.example", "10.0.0.1,10.0.0.2", NULL);
    assert_string_equal(pq.where, "10.0.0.1");
    timer_fires(LIMIT_NS);
    assert_string_equal(told.reason, "the database did not answer the attempt to connect in time");
    timer_fires(0);
    assert_string_equal(pq.where, "10.0.0.2");
    assert_string_equal(asked.name, "");
    assert_int_equal(timer.after, LIMIT_NS);
    is_refused("refused");
    timer_fires(0);
    assert_string_equal(pq.where, "127.0.0.9");
    assert_int_equal(told.rounds, 0);
    is_refused("refused");
    assert_int_equal(told.rounds, 1);
    timer_fires(timer.after);
    name_is("db.example", NULL, "no such name"); /* looked up anew */
    assert_string_equal(told.reason, "no such name");
    assert_int_equal(told.rounds, 1);
}

static void a_name_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    start("host=db.example", POOLER_AUTO);
    timer_fires(LIMIT_NS);
    assert_string_equal(asked.name, "");
    assert_int_equal(told.rounds, 1);
}

static void who_refuses_our_options_is_asked_without_them_once(void **state)
{
    (void)state;
    start("host=127.0.0.1", POOLER_AUTO);
    assert_false(pq.plain);
    is_refused("unsupported startup parameter: options");
    assert_int_equal(told.failed, 0);
    assert_true(pq.plain);
    assert_int_equal(timer.after, LIMIT_NS);
    is_refused("unsupported startup parameter: options");
    assert_int_equal(told.rounds, 1);
    timer_fires(timer.after);
    assert_false(pq.plain);
    is_refused("unsupported startup parameter: options");
    polls(PGRES_POLLING_OK);
    assert_true(told.plain);
    pq.open--;
}

static void without_a_pooler_a_refusal_of_options_is_one(void **state)
{
    (void)state;
    start("host=127.0.0.1", POOLER_NONE);
    is_refused("unsupported startup parameter: options");
    assert_int_equal(told.failed, 1);
}

static void a_pooler_that_is_known_gets_none(void **state)
{
    (void)state;
    start("host=127.0.0.1", POOLER_TRANSACTION);
    assert_true(pq.plain);
}

static void what_fails_at_once_is_an_attempt_too(void **state)
{
    (void)state;
    pq.bad = true;
    pq.error = "no such file";
    start("host=/nowhere", POOLER_AUTO);
    assert_string_equal(told.reason, "no such file");
    assert_int_equal(told.rounds, 1);
    assert_int_equal(pq.open, 0);
}

static void a_hurry_ends_a_pause_and_nothing_else(void **state)
{
    (void)state;
    start("host=127.0.0.1", POOLER_AUTO);
    pgattempt_hurry(attempt);
    assert_int_equal(timer.after, LIMIT_NS);
    is_refused("refused");
    pgattempt_hurry(attempt);
    timer_fires(0);
    polls(PGRES_POLLING_OK);
    pgattempt_done(attempt);
    pq.open--;
    pgattempt_hurry(attempt);
    assert_int_equal(timer.after, -1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_watch_follows_libpq_until_it_is_connected),
        CASE(the_next_host_comes_at_once_and_after_the_last_a_pause),
        CASE(pauses_grow_up_to_a_second),
        CASE(what_was_lost_soon_counts_as_a_failed_round),
        CASE(each_address_of_a_name_has_an_attempt_of_its_own),
        CASE(a_name_that_takes_too_long_is_given_up),
        CASE(who_refuses_our_options_is_asked_without_them_once),
        CASE(without_a_pooler_a_refusal_of_options_is_one),
        CASE(a_pooler_that_is_known_gets_none),
        CASE(what_fails_at_once_is_an_attempt_too),
        CASE(a_hurry_ends_a_pause_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
