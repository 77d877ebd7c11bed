/* The master's decisions, on a scripted system: this file's fork, kill, waitpid, sigtimedwait, mmap and clock_gettime
 * take the place of the C library's, so that minutes of a master's life pass at once and no process is ever started. */
#include <config.h>

#include "unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proc/master.h"
#include "proc/systemd.h"

#define PROCESSES 64
#define FIRST_PID 100000
#define TICK (100 * CLOCK_MS)
#define A_LONG_TIME 1000 /* ticks after which a script is taken for broken */

struct child {
    struct master_beat *beat;
    int64_t started;
    bool alive, stuck, unready;
};

static struct {
    bool runs;
    int64_t now;
    unsigned tick;
    struct child child[PROCESSES];
    unsigned started, beats;
    bool no_fork;
    struct {
        unsigned child;
        int status;
    } dead[PROCESSES];
    unsigned deaths;
    char said[2048]; /* the signals that were sent: "TERM 0, " */
    /* What happens in a tick; gives the signal that the master gets, or 0. */
    int (*script)(void);
} world;

static struct master_beat beats[PROCESSES];

/* ---- the system ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!world.runs)
        return (int)syscall(SYS_clock_gettime, clock, now);
    *now = (struct timespec){.tv_sec = world.now / CLOCK_SECOND, .tv_nsec = world.now % CLOCK_SECOND};
    return 0;
}

void *mmap(void *address, size_t length, int protection, int mode, int fd, off_t offset)
{
    if (!world.runs || length != sizeof(struct master_beat) || (mode & MAP_SHARED) == 0)
        return (void *)(uintptr_t)syscall(SYS_mmap, address, length, protection, mode, fd, offset);
    assert_in_range(world.beats, 0, PROCESSES - 1);
    beats[world.beats] = (struct master_beat){0};
    return &beats[world.beats++];
}

int munmap(void *address, size_t length)
{
    if ((struct master_beat *)address >= beats && (struct master_beat *)address < beats + PROCESSES)
        return 0;
    return (int)syscall(SYS_munmap, address, length);
}

pid_t fork(void)
{
    if (world.no_fork)
        return -1;
    assert_in_range(world.started, 0, PROCESSES - 1);
    world.child[world.started] =
        (struct child){.beat = &beats[world.beats - 1], .started = world.now, .alive = true};
    return FIRST_PID + (pid_t)world.started++;
}

int kill(pid_t pid, int number)
{
    const char *name = number == SIGTERM   ? "TERM"
                       : number == SIGUSR1 ? "USR1"
                       : number == SIGUSR2 ? "USR2"
                       : number == SIGKILL ? "KILL"
                                           : "?";
    size_t used = strlen(world.said);
    snprintf(world.said + used, sizeof world.said - used, "%s %d, ", name, (int)pid - FIRST_PID);
    return 0;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    assert_int_equal(pid, -1);
    assert_int_equal(options, WNOHANG);
    if (world.deaths == 0)
        return 0;
    *status = world.dead[--world.deaths].status;
    return FIRST_PID + (pid_t)world.dead[world.deaths].child;
}

/* A tick: the script, and who is not stuck beats. */
int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    (void)set;
    (void)info;
    world.now += timeout->tv_sec * CLOCK_SECOND + timeout->tv_nsec;
    if (++world.tick > A_LONG_TIME)
        fail_msg("the master does not end; it has said %s", world.said);
    int number = world.script();
    for (unsigned i = 0; i < world.started; i++) {
        struct child *child = &world.child[i];
        if (!child->alive || child->stuck)
            continue;
        child->beat->at = world.now;
        child->beat->ready = !child->unready;
    }
    return number > 0 ? number : -1;
}

/* ---- scripts ---- */

static void die(unsigned child)
{
    assert_true(world.child[child].alive);
    world.child[child].alive = false;
    world.dead[world.deaths].child = child;
    world.dead[world.deaths++].status = 0;
}

static void all_die(void)
{
    for (unsigned i = 0; i < world.started; i++)
        if (world.child[i].alive)
            die(i);
}

/* SIGTERM in this tick, and all are gone in the next. */
static int end_at(unsigned tick)
{
    if (world.tick > tick)
        all_die();
    return world.tick == tick ? SIGTERM : 0;
}

static struct systemd systemd;

static int run_master(size_t workers, int (*script)(void))
{
    const struct master_plan plan = {.workers = workers,
                                     .deadline_ns = 5 * CLOCK_SECOND,
                                     .drain_ns = 2 * CLOCK_SECOND,
                                     .systemd = &systemd};
    world.script = script;
    world.runs = true;
    int code = master_run(&plan);
    world.runs = false;
    return code;
}

static sigset_t signals_before;

static int set_up(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_TEXT);
    sigprocmask(SIG_SETMASK, NULL, &signals_before);
    memset(&world, 0, sizeof world);
    world.now = CLOCK_SECOND;
    systemd = (struct systemd){.fd = -1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world.runs = false;
    return sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

/* ---- the end ---- */

static int ends_soon(void)
{
    return end_at(3);
}

static void the_end_is_a_drain_of_all(void **state)
{
    (void)state;
    assert_int_equal(run_master(2, ends_soon), 0);
    assert_int_equal(world.started, 2);
    assert_string_equal(world.said, "TERM 0, TERM 1, ");
}

static int ends_twice(void)
{
    if (world.tick == 5)
        all_die();
    return world.tick == 3 ? SIGTERM : world.tick == 4 ? SIGINT : 0;
}

static void a_second_signal_is_quick(void **state)
{
    (void)state;
    assert_int_equal(run_master(2, ends_twice), 0);
    assert_string_equal(world.said, "TERM 0, TERM 1, USR2 0, USR2 1, ");
}

static int64_t killed_at;

static int ends_and_dies_when_killed(void)
{
    if (strstr(world.said, "KILL") != NULL) {
        killed_at = world.now;
        all_die();
    }
    return world.tick == 3 ? SIGTERM : 0;
}

static void who_does_not_drain_in_time_is_killed(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, ends_and_dies_when_killed), 0);
    assert_string_equal(world.said, "TERM 0, KILL 0, ");
    assert_in_range(killed_at - (CLOCK_SECOND + 3 * TICK), 3 * CLOCK_SECOND, 3 * CLOCK_SECOND + 3 * TICK);
}

/* ---- deaths ---- */

static int dies_in_its_first_tick(void)
{
    if (world.child[world.started - 1].alive)
        die(world.started - 1);
    return 0;
}

static void who_dies_at_once_is_started_again_later_and_later_and_at_last_no_more(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, dies_in_its_first_tick), 1);
    assert_int_equal(world.started, 8);
    for (unsigned i = 1; i < world.started; i++) {
        int64_t pause = world.child[i].started - world.child[i - 1].started - TICK,
                wanted = i == 1 ? 0 : TICK << (i - 2);
        assert_in_range(pause, wanted, wanted + TICK);
    }
}

static int dies_often_but_lives_long_between(void)
{
    const struct child *last = &world.child[world.started - 1];
    bool short_lived = world.started % 4 != 0;
    if (last->alive && world.started < 12 && (short_lived || world.now - last->started >= 10 * CLOCK_SECOND))
        die(world.started - 1);
    return world.started == 12 ? end_at(world.tick == A_LONG_TIME / 2 ? world.tick : A_LONG_TIME / 2) : 0;
}

static void who_has_lived_long_did_not_die_of_its_start(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, dies_often_but_lives_long_between), 0);
    assert_int_equal(world.started, 12);
}

static int cannot_start_at_first(void)
{
    world.no_fork = world.tick < 3;
    return world.started == 0 ? 0 : end_at(20);
}

static void who_could_not_be_started_is_tried_again(void **state)
{
    (void)state;
    world.no_fork = true;
    assert_int_equal(run_master(1, cannot_start_at_first), 0);
    assert_int_equal(world.started, 1);
}

/* ---- silence ---- */

static int goes_silent(void)
{
    world.child[0].stuck = world.tick > 10;
    if (strstr(world.said, "KILL 0") != NULL && world.child[0].alive) {
        killed_at = world.now;
        die(0);
    }
    return end_at(100);
}

static void who_stops_beating_is_killed_after_the_deadline_and_replaced(void **state)
{
    (void)state;
    assert_int_equal(run_master(2, goes_silent), 0);
    assert_string_equal(world.said, "KILL 0, TERM 2, TERM 1, ");
    assert_int_equal(world.started, 3);
    int64_t silent = killed_at - (CLOCK_SECOND + 10 * TICK);
    assert_in_range(silent, 5 * CLOCK_SECOND, 5 * CLOCK_SECOND + 4 * TICK);
}

static int never_beats(void)
{
    world.child[0].stuck = world.started == 1;
    if (strstr(world.said, "KILL 0") != NULL && world.child[0].alive) {
        killed_at = world.now;
        die(0);
    }
    return end_at(150);
}

static void a_start_may_take_longer(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, never_beats), 0);
    assert_in_range(killed_at - CLOCK_SECOND, 10 * CLOCK_SECOND, 10 * CLOCK_SECOND + 4 * TICK);
}

static int sleeps_with_all_others(void)
{
    world.child[0].stuck = world.tick > 10 && world.tick < 15;
    if (world.tick == 12)
        world.now += 60 * CLOCK_SECOND;
    return end_at(30);
}

static void who_slept_himself_blames_nobody(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, sleeps_with_all_others), 0);
    assert_string_equal(world.said, "TERM 0, ");
}

/* ---- replacing ---- */

static int hangs_up(void)
{
    if (world.tick == 8) {
        assert_string_equal(world.said, "USR1 0, USR1 1, USR1 2, USR1 3, ");
        die(0); /* retired, and gone in its own time */
    }
    return world.tick == 3 || world.tick == 4 ? SIGHUP : end_at(20);
}

static void a_hangup_replaces_one_after_the_other_and_a_second_one_counts_afterwards(void **state)
{
    (void)state;
    assert_int_equal(run_master(2, hangs_up), 0);
    assert_int_equal(world.started, 6);
    for (int i = 3; i < 6; i++)
        assert_true(world.child[i].started > world.child[i - 1].started);
    assert_string_equal(world.said,
                        "USR1 0, USR1 1, USR1 2, USR1 3, TERM 4, TERM 5, TERM 3, TERM 1, TERM 2, ");
}

static int successor_is_not_ready(void)
{
    world.child[1].unready = true;
    if (world.said[0] != '\0' && killed_at == 0)
        killed_at = world.now;
    return world.tick == 3 ? SIGHUP : end_at(130);
}

static void a_successor_that_is_not_ready_in_time_takes_over_nevertheless(void **state)
{
    (void)state;
    killed_at = 0;
    assert_int_equal(run_master(1, successor_is_not_ready), 0);
    assert_string_equal(world.said, "USR1 0, TERM 1, TERM 0, ");
    assert_in_range(killed_at - world.child[1].started, 10 * CLOCK_SECOND, 10 * CLOCK_SECOND + 3 * TICK);
}

static int successor_is_stuck(void)
{
    world.child[1].stuck = world.tick > 5;
    world.child[1].unready = true;
    if (strstr(world.said, "KILL 1") != NULL && world.child[1].alive)
        die(1);
    return world.tick == 3 ? SIGHUP : end_at(130);
}

static void a_successor_that_is_stuck_is_killed_and_the_old_one_goes_on(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, successor_is_stuck), 0);
    assert_string_equal(world.said, "KILL 1, TERM 0, ");
    assert_int_equal(world.started, 2);
}

static int old_one_dies_meanwhile(void)
{
    world.child[2].unready = world.tick < 8;
    if (world.tick == 5)
        die(0);
    return world.tick == 3 ? SIGHUP : end_at(20);
}

static void a_successor_takes_the_place_of_an_old_one_that_died(void **state)
{
    (void)state;
    assert_int_equal(run_master(2, old_one_dies_meanwhile), 0);
    assert_int_equal(world.started, 4);
    assert_string_equal(world.said, "USR1 1, TERM 2, TERM 3, TERM 1, ");
}

static int retired_is_stuck(void)
{
    world.child[0].stuck = world.tick > 5;
    if (strstr(world.said, "KILL 0") != NULL && world.child[0].alive)
        die(0);
    return world.tick == 3 ? SIGHUP : end_at(100);
}

static void who_retires_must_beat_to_the_end(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, retired_is_stuck), 0);
    assert_string_equal(world.said, "USR1 0, KILL 0, TERM 1, ");
}

static int some_are_not_replaced(void)
{
    if (world.tick == 3)
        world.no_fork = true;
    return world.tick == 3 ? SIGHUP : end_at(10);
}

static void who_cannot_be_replaced_goes_on(void **state)
{
    (void)state;
    assert_int_equal(run_master(2, some_are_not_replaced), 0);
    assert_int_equal(world.started, 2);
    assert_string_equal(world.said, "TERM 0, TERM 1, ");
}

/* ---- what systemd is told ---- */

static int replaces_and_ends(void)
{
    return world.tick == 4 ? SIGHUP : end_at(8);
}

static void systemd_hears_how_many_serve(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "STATUS=0 of 1 workers ready to serve\n",
        "READY=1\nSTATUS=1 of 1 workers ready to serve\n",
        "RELOADING=1\nMONOTONIC_USEC=1400000\nSTATUS=replacing workers, 0 of 1 done\n",
        "READY=1\nSTATUS=1 of 1 workers ready to serve\n",
        "STOPPING=1\nSTATUS=draining, 2 workers left\n",
    };
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int length =
        snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "rowlock-master-%d", (int)getpid());
    systemd.address = address;
    systemd.address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    assert_int_equal(bind(manager, (struct sockaddr *)&address, systemd.address_length), 0);
    systemd.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(run_master(1, replaces_and_ends), 0);
    for (size_t i = 0; i <= COUNT(expected); i++) {
        char text[256];
        ssize_t got = recv(manager, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        assert_string_equal(text, i < COUNT(expected) ? expected[i] : "");
    }
    systemd_close(&systemd);
    close(manager);
}

static int hangs_up_while_ending(void)
{
    if (world.tick == 6)
        all_die();
    return world.tick == 3 ? SIGTERM : world.tick == 4 ? SIGHUP : 0;
}

static void who_ends_replaces_nobody(void **state)
{
    (void)state;
    assert_int_equal(run_master(1, hangs_up_while_ending), 0);
    assert_int_equal(world.started, 1);
    assert_string_equal(world.said, "TERM 0, ");
}

#define MASTER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MASTER(the_end_is_a_drain_of_all),
        MASTER(a_second_signal_is_quick),
        MASTER(who_does_not_drain_in_time_is_killed),
        MASTER(who_dies_at_once_is_started_again_later_and_later_and_at_last_no_more),
        MASTER(who_has_lived_long_did_not_die_of_its_start),
        MASTER(who_could_not_be_started_is_tried_again),
        MASTER(who_stops_beating_is_killed_after_the_deadline_and_replaced),
        MASTER(a_start_may_take_longer),
        MASTER(who_slept_himself_blames_nobody),
        MASTER(a_hangup_replaces_one_after_the_other_and_a_second_one_counts_afterwards),
        MASTER(a_successor_that_is_not_ready_in_time_takes_over_nevertheless),
        MASTER(a_successor_that_is_stuck_is_killed_and_the_old_one_goes_on),
        MASTER(a_successor_takes_the_place_of_an_old_one_that_died),
        MASTER(who_retires_must_beat_to_the_end),
        MASTER(who_cannot_be_replaced_goes_on),
        MASTER(systemd_hears_how_many_serve),
        MASTER(who_ends_replaces_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
