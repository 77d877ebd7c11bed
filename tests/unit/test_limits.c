/* core/allowance, core/buckets and core/crowd: what a caller may, and what processes together let through. */
#include <config.h>

#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/allowance.h"
#include "core/buckets.h"
#include "core/crowd.h"
#include "metrics/metrics.h"

#define NOW (1000 * CLOCK_SECOND)
#define CALLER UINT64_C(0x123456789)
#define PROCESSES 4
#define MANY 2000000

/* ---- what is written ---- */

static void a_rate_is_a_number_in_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t rate, period_ns;
        const char *period;
    } good[] = {{"100/s", 100, CLOCK_SECOND, "a second"},
                {"1/m", 1, 60 * CLOCK_SECOND, "a minute"},
                {"1000000/h", 1000000, 3600 * CLOCK_SECOND, "an hour"}};
    static const char *const wrong[] = {"",     "100",   "/s",     "0/s",  "-1/s",      "+1/s", "1/d",
                                        "1 /s", "1/ s",  "1/s ",   "1/S",  "1000001/s", "1e3/s", "1.5/s",
                                        "1/",   "1/sec", "1/s/s", "OFF", "99999999999999999999/s"};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct allowance allowance = {.rate = 0};
        assert_true(allowance_parse_rate(good[i].text, &allowance));
        assert_true(allowance.rate == good[i].rate && allowance.period_ns == good[i].period_ns);
        assert_string_equal(allowance_period(&allowance), good[i].period);
        assert_true(allowance_burst(&allowance) == good[i].rate);
        allowance.burst = 7;
        assert_true(allowance_burst(&allowance) == 7);
        assert_true(allowance_parse_rate("off", &allowance));
        assert_true(allowance.rate == 0);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct allowance allowance = {.rate = 0};
        if (allowance_parse_rate(wrong[i], &allowance))
            fail_msg("%s", wrong[i]);
    }
}

/* ---- buckets ---- */

static const struct bucket_size ten = {CLOCK_SECOND / 10, 5}; /* ten a second, five at once */

static int set_up_buckets(void **state)
{
    (void)state;
    return buckets_open() ? 0 : -1;
}

static int tear_down_buckets(void **state)
{
    (void)state;
    buckets_close();
    return 0;
}

/* How many of so many requests at that moment pass. */
static int pass(uint64_t caller, int64_t now, int count)
{
    struct bucket_state left;
    int passed = 0;
    for (int i = 0; i < count; i++)
        passed += buckets_use(caller, now, &ten, BUCKET_TAKE, &left);
    return passed;
}

static void a_burst_passes_and_then_the_rate(void **state)
{
    (void)state;
    assert_int_equal(pass(CALLER, NOW, 100), 5);
    for (int64_t at = 1; at <= 30; at++) {
        assert_int_equal(pass(CALLER, NOW + at * ten.interval_ns - 1, 10), 0);
        assert_int_equal(pass(CALLER, NOW + at * ten.interval_ns, 10), 1);
    }
    assert_int_equal(pass(CALLER, NOW + 33 * ten.interval_ns, 10), 3);
    assert_int_equal(pass(CALLER, NOW + 1000 * ten.interval_ns, 10), 5);
}

static void what_is_left_is_told(void **state)
{
    (void)state;
    struct bucket_state left;
    for (int i = 4; i >= 0; i--) {
        assert_true(buckets_use(CALLER, NOW, &ten, BUCKET_TAKE, &left));
        assert_int_equal(left.left, i);
        assert_true(left.wait_ns == (i > 0 ? 0 : ten.interval_ns));
    }
    assert_false(buckets_use(CALLER, NOW + 1, &ten, BUCKET_TAKE, &left));
    assert_true(left.left == 0 && left.wait_ns == ten.interval_ns - 1);
    assert_true(buckets_use(CALLER, NOW + 2 * ten.interval_ns, &ten, BUCKET_TAKE, &left));
    assert_int_equal(left.left, 1);
}

static void a_look_takes_nothing(void **state)
{
    (void)state;
    struct bucket_state left;
    for (int i = 0; i < 20; i++) {
        assert_true(buckets_use(CALLER, NOW, &ten, BUCKET_LOOK, &left));
        assert_int_equal(left.left, 5);
    }
    assert_int_equal(pass(CALLER, NOW, 20), 5);
    assert_false(buckets_use(CALLER, NOW, &ten, BUCKET_LOOK, &left));
    assert_true(left.left == 0 && left.wait_ns == ten.interval_ns);
}

static void callers_have_a_bucket_each(void **state)
{
    (void)state;
    for (uint64_t caller = CALLER; caller < CALLER + 8; caller++) /* they meet in one window */
        assert_int_equal(pass(caller, NOW, 20), 5);
    for (uint64_t caller = CALLER; caller < CALLER + 8; caller++)
        assert_int_equal(pass(caller, NOW, 20), 0);
}

static void a_limit_that_becomes_smaller_counts_from_now_on(void **state)
{
    (void)state;
    static const struct bucket_size hourly = {3600 * CLOCK_SECOND / 10, 10};
    struct bucket_state left;
    for (int i = 0; i < 10; i++)
        assert_true(buckets_use(CALLER, NOW, &hourly, BUCKET_TAKE, &left));
    assert_int_equal(pass(CALLER, NOW, 10), 0);
    assert_false(buckets_use(CALLER, NOW, &ten, BUCKET_TAKE, &left));
    assert_true(left.wait_ns == ten.interval_ns); /* and not an hour */
    assert_int_equal(pass(CALLER, NOW + ten.interval_ns, 10), 1);
    assert_int_equal(pass(CALLER, NOW + 6 * ten.interval_ns, 10), 5);
}

/* A caller of every place of the table at once, each with one request: nobody gets a second burst, and who comes when
 * all is full takes the place of one. */
static void there_is_an_end_to_the_memory(void **state)
{
    (void)state;
    struct bucket_state left;
    for (uint64_t caller = 1; caller <= BUCKETS_MAX; caller++)
        assert_int_equal(pass(caller, NOW, 10), 5);
    int again = 0;
    for (uint64_t caller = 1; caller <= BUCKETS_MAX; caller++)
        again += pass(caller, NOW, 10);
    assert_int_equal(again, 0);
    assert_int_equal(pass(CALLER, NOW, 10), 5);
    for (uint64_t caller = 1; caller <= BUCKETS_MAX; caller++)
        again += buckets_use(caller, NOW, &ten, BUCKET_LOOK, &left);
    assert_int_equal(again, 1);
}

static void the_place_of_a_full_bucket_is_taken_over(void **state)
{
    (void)state;
    int64_t later = NOW + 100 * CLOCK_SECOND;
    for (uint64_t caller = 1; caller <= BUCKETS_MAX; caller++)
        assert_int_equal(pass(caller, NOW, 10), 5);
    for (uint64_t caller = BUCKETS_MAX + 1; caller <= 2 * BUCKETS_MAX; caller++)
        assert_int_equal(pass(caller, later, 10), 5);
    for (uint64_t caller = BUCKETS_MAX + 1; caller <= 2 * BUCKETS_MAX; caller++)
        assert_int_equal(pass(caller, later, 10), 0);
}

/* ---- several processes ---- */

struct child {
    pid_t pid;
    int from, to; /* pipes */
};

/* A process that runs work(number) when it is told to, and tells what it gives. */
static struct child begin(int number, int (*work)(int number))
{
    int down[2], up[2];
    assert_int_equal(pipe(down) | pipe(up), 0);
    struct child child = {.pid = fork(), .from = up[0], .to = down[1]};
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        int word;
        close(down[1]);
        while (read(down[0], &word, sizeof word) == sizeof word) {
            int result = work(number);
            if (write(up[1], &result, sizeof result) != sizeof result)
                break;
        }
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    return child;
}

static void tell(const struct child *child)
{
    int word = 1;
    assert_int_equal(write(child->to, &word, sizeof word), sizeof word);
}

static int hear(const struct child *child)
{
    int result;
    assert_int_equal(read(child->from, &result, sizeof result), sizeof result);
    return result;
}

static void end(struct child *child)
{
    kill(child->pid, SIGKILL);
    close(child->to);
    close(child->from);
    assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
}

/* Each has as many requests of each caller as would do for all; callers meet in windows. */
static int take_all(int number)
{
    static int64_t round;
    int passed = 0;
    int64_t now = NOW + round++ * 100 * CLOCK_SECOND;
    for (int i = 0; i < 20; i++)
        for (uint64_t caller = 0; caller < 256; caller++)
            passed += pass(CALLER + (number % 2 == 0 ? caller : 255 - caller) * 7, now, 1);
    return passed;
}

/* All of them at one bucket, as fast as they can. */
static int take_one(int number)
{
    static const struct bucket_size large = {1, MANY};
    struct bucket_state left;
    int passed = 0;
    (void)number;
    for (int i = 0; i < MANY; i++)
        passed += buckets_use(CALLER, NOW, &large, BUCKET_TAKE, &left);
    return passed;
}

static void processes_at_one_bucket_take_each_request_once(void **state)
{
    (void)state;
    struct child children[PROCESSES];
    int passed = 0;
    for (int i = 0; i < PROCESSES; i++)
        children[i] = begin(i, take_one);
    for (int i = 0; i < PROCESSES; i++)
        tell(&children[i]);
    for (int i = 0; i < PROCESSES; i++)
        passed += hear(&children[i]);
    assert_int_equal(passed, MANY);
    for (int i = 0; i < PROCESSES; i++)
        end(&children[i]);
}

static void processes_together_let_through_one_limits_worth(void **state)
{
    (void)state;
    struct child children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        children[i] = begin(i, take_all);
    for (int round = 0; round < 50; round++) {
        int passed = 0;
        for (int i = 0; i < PROCESSES; i++)
            tell(&children[i]);
        for (int i = 0; i < PROCESSES; i++)
            passed += hear(&children[i]);
        assert_int_equal(passed, 256 * 5);
    }
    for (int i = 0; i < PROCESSES; i++)
        end(&children[i]);
}

/* ---- who is inside ---- */

static int set_up_crowd(void **state)
{
    (void)state;
    if (!metrics_open(PROCESSES + 2) || !crowd_open(PROCESSES + 2))
        return -1;
    metrics_attach(0);
    crowd_attach();
    return 0;
}

static int tear_down_crowd(void **state)
{
    (void)state;
    crowd_close();
    metrics_close();
    return 0;
}

static void so_many_at_once_and_no_more(void **state)
{
    (void)state;
    struct crowd_count counts[3], more;
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(crowd_enter(CALLER, 3, &counts[i]));
        assert_int_equal(counts[i].inside, i + 1);
    }
    assert_false(crowd_enter(CALLER, 3, &more));
    assert_null(more.place);
    assert_true(crowd_enter(CALLER + 1, 3, &more));
    assert_int_equal(more.inside, 1);
    crowd_leave(more.place);
    crowd_leave(NULL);
    crowd_leave(counts[1].place);
    assert_int_equal(crowd_look(CALLER), 2);
    assert_true(crowd_enter(CALLER, 3, &more));
    assert_int_equal(crowd_look(CALLER), 3);
}

/* Places of callers with nobody inside are others'; where all are taken, whoever comes passes uncounted. */
static void places_are_used_again(void **state)
{
    (void)state;
    struct crowd_count count;
    unsigned counted = 0;
    for (uint64_t caller = 1; caller <= 100000; caller++) {
        assert_true(crowd_enter(caller, 1, &count));
        assert_non_null(count.place);
        crowd_leave(count.place);
    }
    for (uint64_t caller = 1; caller <= 100000; caller++) {
        assert_true(crowd_enter(caller, 1, &count));
        counted += count.place != NULL;
    }
    assert_int_equal(counted, 16384);
}

/* One comes in, or is refused. */
static int come_in(int number)
{
    struct crowd_count count;
    if (metrics_slot() != (size_t)number) {
        metrics_attach((size_t)number);
        crowd_attach();
    }
    return crowd_enter(CALLER, 6, &count);
}

static int ask(const struct child *child)
{
    tell(child);
    return hear(child);
}

static void processes_together_have_one_limits_worth_inside(void **state)
{
    (void)state;
    struct child children[PROCESSES];
    int inside = 0;
    for (int i = 0; i < PROCESSES; i++)
        children[i] = begin(i + 1, come_in);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < PROCESSES; i++)
            inside += ask(&children[i]);
    assert_int_equal(inside, 6);
    assert_int_equal(crowd_look(CALLER), 6);
    for (int i = 0; i < PROCESSES; i++)
        end(&children[i]);
}

static void what_a_killed_process_had_inside_counts_no_more(void **state)
{
    (void)state;
    struct child first = begin(1, come_in), second = begin(2, come_in);
    for (int i = 0; i < 4; i++)
        assert_true(ask(&first));
    for (int i = 0; i < 2; i++)
        assert_true(ask(&second));
    assert_false(ask(&second));
    assert_int_equal(kill(first.pid, SIGKILL), 0);
    end(&first);
    metrics_release(1);
    assert_int_equal(crowd_look(CALLER), 2);
    struct child third = begin(1, come_in); /* in its place */
    assert_true(ask(&third));
    assert_int_equal(crowd_look(CALLER), 3);
    for (int i = 0; i < 3; i++)
        assert_true(ask(&second));
    assert_false(ask(&third));
    end(&second);
    end(&third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_a_number_in_a_time),
#define OF_BUCKETS(test) cmocka_unit_test_setup_teardown(test, set_up_buckets, tear_down_buckets)
        OF_BUCKETS(a_burst_passes_and_then_the_rate),
        OF_BUCKETS(what_is_left_is_told),
        OF_BUCKETS(a_look_takes_nothing),
        OF_BUCKETS(callers_have_a_bucket_each),
        OF_BUCKETS(a_limit_that_becomes_smaller_counts_from_now_on),
        OF_BUCKETS(there_is_an_end_to_the_memory),
        OF_BUCKETS(the_place_of_a_full_bucket_is_taken_over),
        OF_BUCKETS(processes_at_one_bucket_take_each_request_once),
        OF_BUCKETS(processes_together_let_through_one_limits_worth),
#define OF_CROWD(test) cmocka_unit_test_setup_teardown(test, set_up_crowd, tear_down_crowd)
        OF_CROWD(so_many_at_once_and_no_more),
        OF_CROWD(places_are_used_again),
        OF_CROWD(processes_together_have_one_limits_worth_inside),
        OF_CROWD(what_a_killed_process_had_inside_counts_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
