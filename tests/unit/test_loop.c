/* io/loop: descriptors, timers, signals and what is deferred, in the order that the header promises. */
#include <config.h>

#include "unit.h"

#include <event2/buffer.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"

static struct loop *loop;
static char order[32]; /* a letter for each thing that happened */

static void note(void *argument)
{
    strcat(order, argument);
}

static void stop(void *argument)
{
    (void)argument;
    loop_stop(loop);
}

static void run_for(int64_t ns)
{
    struct loop_timer *timer = loop_timer_new(loop, stop, NULL);
    loop_timer_start(timer, ns);
    loop_run(loop);
    loop_timer_free(timer);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(order, "");
    loop = loop_new();
    return loop == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

/* ---- timers ---- */

static void timers_fire_once_and_in_order_of_their_time(void **state)
{
    (void)state;
    static char a[] = "a", b[] = "b", c[] = "c";
    struct loop_timer *late = loop_timer_new(loop, note, c), *soon = loop_timer_new(loop, note, a),
                      *then = loop_timer_new(loop, note, b);
    loop_timer_start(late, 9 * CLOCK_MS);
    loop_timer_start(soon, -5); /* in the past is now */
    loop_timer_start(then, 3 * CLOCK_MS);
    assert_true(loop_timer_pending(late));
    run_for(20 * CLOCK_MS);
    assert_string_equal(order, "abc");
    assert_false(loop_timer_pending(late));
    loop_timer_free(late);
    loop_timer_free(soon);
    loop_timer_free(then);
    loop_timer_free(NULL);
}

static void a_timer_waits_for_its_time(void **state)
{
    (void)state;
    struct loop_timer *timer = loop_timer_new(loop, stop, NULL);
    int64_t begun = clock_now();
    loop_timer_start(timer, 12 * CLOCK_MS);
    loop_run(loop);
    assert_true(clock_now() - begun >= 11 * CLOCK_MS);
    begun = clock_now();
    loop_timer_start(timer, CLOCK_SECOND + 5 * CLOCK_MS); /* seconds count, too */
    loop_run(loop);
    assert_true(clock_now() - begun >= CLOCK_SECOND);
    loop_timer_free(timer);
}

static void a_timer_that_is_started_again_moves(void **state)
{
    (void)state;
    static char a[] = "a", b[] = "b";
    struct loop_timer *moved = loop_timer_new(loop, note, b), *other = loop_timer_new(loop, note, a);
    loop_timer_start(moved, 0);
    loop_timer_start(other, 2 * CLOCK_MS);
    loop_timer_start(moved, 6 * CLOCK_MS);
    run_for(15 * CLOCK_MS);
    assert_string_equal(order, "ab");
    loop_timer_free(moved);
    loop_timer_free(other);
}

static void a_timer_that_was_stopped_or_freed_does_not_fire(void **state)
{
    (void)state;
    static char a[] = "a";
    struct loop_timer *stopped = loop_timer_new(loop, note, a), *gone = loop_timer_new(loop, note, a);
    loop_timer_start(stopped, 0);
    loop_timer_start(gone, 0);
    loop_timer_stop(stopped);
    assert_false(loop_timer_pending(stopped));
    loop_timer_free(gone);
    run_for(3 * CLOCK_MS);
    assert_string_equal(order, "");
    loop_timer_free(stopped);
}

/* ---- descriptors ---- */

static int last_ready, calls;

static void on_ready(int fd, int ready, void *argument)
{
    (void)fd;
    assert_ptr_equal(argument, &calls);
    last_ready = ready;
    calls++;
    loop_stop(loop);
}

static void a_descriptor_is_reported_for_what_is_asked_as_long_as_it_is_so(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    calls = 0;
    struct loop_watch *reader = loop_watch_new(loop, fds[0], on_ready, &calls),
                      *writer = loop_watch_new(loop, fds[1], on_ready, &calls);
    run_for(2 * CLOCK_MS);
    assert_int_equal(calls, 0); /* nothing was asked */
    loop_watch_set(writer, LOOP_WRITE);
    loop_run(loop);
    assert_int_equal(last_ready, LOOP_WRITE);
    loop_watch_set(writer, 0);
    loop_watch_set(reader, LOOP_READ);
    calls = 0;
    run_for(2 * CLOCK_MS);
    assert_int_equal(calls, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_run(loop);
    assert_int_equal(last_ready, LOOP_READ);
    loop_run(loop); /* it was not read */
    assert_int_equal(calls, 2);
    loop_watch_set(reader, LOOP_READ); /* no change */
    loop_watch_set(reader, 0);
    loop_watch_set(reader, LOOP_READ | LOOP_WRITE);
    loop_run(loop);
    assert_int_equal(calls, 3);
    loop_watch_free(reader);
    loop_watch_free(writer);
    loop_watch_free(NULL);
    run_for(2 * CLOCK_MS);
    assert_int_equal(calls, 3);
    close(fds[0]);
    close(fds[1]);
}

/* ---- what goes wrong ---- */

static const char *complaint(void (*provoke)(void))
{
    static char text[1024];
    int fds[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    provoke();
    dup2(real, STDERR_FILENO);
    close(fds[1]);
    ssize_t length = read(fds[0], text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    close(fds[0]);
    close(real);
    return text;
}

static void watch_a_file(void)
{
    FILE *file = tmpfile();
    struct loop_watch *watch = loop_watch_new(loop, fileno(file), on_ready, &calls);
    loop_watch_set(watch, LOOP_READ); /* which epoll does not take */
    loop_watch_free(watch);
    fclose(file);
}

static void run_within(void *argument)
{
    (void)argument;
    loop_run(loop); /* which libevent refuses */
    loop_stop(loop);
}

static void run_twice(void)
{
    struct loop_timer *timer = loop_timer_new(loop, run_within, NULL);
    loop_timer_start(timer, 0);
    loop_run(loop);
    loop_timer_free(timer);
}

static void what_cannot_be_watched_and_what_libevent_says_goes_into_the_log(void **state)
{
    (void)state;
    assert_non_null(strstr(complaint(watch_a_file), " error cannot watch a descriptor fd="));
    assert_non_null(strstr(complaint(run_twice), " warn  libevent detail="));
}

/* ---- signals ---- */

static void on_number(int number, void *argument)
{
    *(int *)argument = number;
    loop_stop(loop);
}

static void a_signal_is_an_event_like_others(void **state)
{
    (void)state;
    int seen = 0;
    struct loop_signal *watch = loop_signal_new(loop, SIGUSR1, on_number, &seen);
    raise(SIGUSR1);
    assert_int_equal(seen, 0); /* never in the middle of anything */
    loop_run(loop);
    assert_int_equal(seen, SIGUSR1);
    loop_signal_free(watch);
    loop_signal_free(NULL);
}

/* ---- the end of the turn ---- */

static struct loop_task first, second, third;

static void defer_third(void *argument)
{
    note(argument);
    loop_defer(loop, &third);
}

static void defer_both(void *argument)
{
    note(argument);
    loop_defer(loop, &first);
    loop_defer(loop, &second);
    loop_defer(loop, &first);
}

static void what_is_deferred_runs_once_in_order_behind_what_happened_in_the_turn(void **state)
{
    (void)state;
    static char t[] = "t", u[] = "u", a[] = "1", b[] = "2", c[] = "3";
    struct loop_timer *one = loop_timer_new(loop, defer_both, t), *other = loop_timer_new(loop, note, u);
    loop_task_init(&first, defer_third, a);
    loop_task_init(&second, note, b);
    loop_task_init(&third, note, c); /* deferred by a task: the same turn */
    loop_timer_start(one, 0);
    loop_timer_start(other, 0);
    run_for(2 * CLOCK_MS);
    assert_string_equal(order, "tu123");
    run_for(2 * CLOCK_MS);
    assert_string_equal(order, "tu123");
    loop_timer_free(one);
    loop_timer_free(other);
}

static void what_is_cancelled_does_not_run_and_may_be_deferred_again(void **state)
{
    (void)state;
    static char a[] = "1", b[] = "2";
    loop_task_init(&first, note, a);
    loop_task_init(&second, note, b);
    loop_defer(loop, &first);
    loop_defer(loop, &second);
    loop_task_cancel(&first);
    loop_task_cancel(&first);
    run_for(CLOCK_MS);
    assert_string_equal(order, "2");
    loop_defer(loop, &first);
    run_for(CLOCK_MS);
    assert_string_equal(order, "21");
}

static void what_is_deferred_when_the_loop_goes_runs_still(void **state)
{
    (void)state;
    static char a[] = "1";
    loop_task_init(&first, note, a);
    loop_defer(loop, &first);
    loop_free(loop);
    loop = NULL; /* which tear_down may free as well */
    assert_string_equal(order, "1");
}

static void without_memory_libevent_ends_the_process(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        evbuffer_expand(evbuffer_new(), (size_t)1 << 60);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_not_equal(status, 0);
}

#define LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP(timers_fire_once_and_in_order_of_their_time),
        LOOP(a_timer_waits_for_its_time),
        LOOP(a_timer_that_is_started_again_moves),
        LOOP(a_timer_that_was_stopped_or_freed_does_not_fire),
        LOOP(a_descriptor_is_reported_for_what_is_asked_as_long_as_it_is_so),
        LOOP(what_cannot_be_watched_and_what_libevent_says_goes_into_the_log),
        LOOP(a_signal_is_an_event_like_others),
        LOOP(what_is_deferred_runs_once_in_order_behind_what_happened_in_the_turn),
        LOOP(what_is_cancelled_does_not_run_and_may_be_deferred_again),
        LOOP(what_is_deferred_when_the_loop_goes_runs_still),
        LOOP(without_memory_libevent_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
