/* proc/systemd: which sockets are ours, and what is told when; the socket of systemd is the test's. */
#include <config.h>

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proc/systemd.h"

static struct systemd systemd;
static int manager; /* what systemd listens on */
static char name[64], *error;

static int set_up(void **state)
{
    static int number;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(name, sizeof name, "@rowlock-unit-%d-%d", (int)getpid(), number++);
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = NULL;
    return bind(manager, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
}

static int tear_down(void **state)
{
    (void)state;
    systemd_close(&systemd);
    systemd_close(&systemd);
    close(manager);
    free(error);
    return 0;
}

static void open_systemd(void)
{
    setenv("NOTIFY_SOCKET", name, 1);
    if (!systemd_open(&systemd, 4, &error))
        fail_msg("%s", error);
    assert_null(getenv("NOTIFY_SOCKET")); /* no child takes it for its own */
}

static void hears(const char *expected)
{
    char text[1024];
    ssize_t length = recv(manager, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    assert_string_equal(text, expected);
}

static void refuses(const char *variable, const char *value, const char *expected)
{
    setenv(variable, value, 1);
    if (systemd_open(&systemd, 4, &error))
        fail_msg("accepted: %s=%s", variable, value);
    assert_string_equal(error, expected);
    assert_null(getenv(variable));
    free(error);
    error = NULL;
}

static void without_its_variables_nothing_is_told(void **state)
{
    (void)state;
    assert_true(systemd_open(&systemd, 4, &error));
    assert_false(systemd_wanted(&systemd));
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("");
}

static void a_state_is_told_once_and_a_status_when_it_changes(void **state)
{
    (void)state;
    open_systemd();
    assert_true(systemd_wanted(&systemd));
    systemd_tell(&systemd, SYSTEMD_PREPARING, "preparing");
    hears("STATUS=preparing\n");
    systemd_tell(&systemd, SYSTEMD_READY, "serving");
    hears("READY=1\nSTATUS=serving\n");
    systemd_tell(&systemd, SYSTEMD_READY, "serving");
    hears("");
    systemd_tell(&systemd, SYSTEMD_READY, "serving\nwell");
    hears("STATUS=serving well\n");
    systemd_tell(&systemd, SYSTEMD_WAITING, "no database"); /* once ready it stays so */
    hears("STATUS=no database\n");
    systemd_tell(&systemd, SYSTEMD_READY, "serving");
    hears("STATUS=serving\n");
    systemd_tell(&systemd, SYSTEMD_STOPPING, "draining");
    hears("STOPPING=1\nSTATUS=draining\n");
}

static void a_reload_says_since_when(void **state)
{
    (void)state;
    char text[256], expected[256];
    long long at = 0;
    open_systemd();
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("READY=1\nSTATUS=x\n");
    systemd_tell(&systemd, SYSTEMD_RELOADING, "replacing");
    ssize_t length = recv(manager, text, sizeof text - 1, 0);
    assert_true(length > 0);
    text[length] = '\0';
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld\n", &at), 1);
    assert_true(llabs(at - (long long)(clock_now() / 1000)) < 10000000);
    snprintf(expected, sizeof expected, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=replacing\n", at);
    assert_string_equal(text, expected);
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("READY=1\nSTATUS=x\n");
}

/* A start that failed for want of the database would not bring it back. */
static void who_waits_for_long_is_as_good_as_ready(void **state)
{
    (void)state;
    open_systemd();
    systemd_tell(&systemd, SYSTEMD_WAITING, "x");
    hears("STATUS=x\n");
    systemd.waiting -= 4 * CLOCK_SECOND;
    systemd_tell(&systemd, SYSTEMD_WAITING, "x");
    hears("");
    systemd.waiting -= CLOCK_SECOND;
    systemd_tell(&systemd, SYSTEMD_WAITING, "x");
    hears("READY=1\nSTATUS=x\n");
}

static void the_watchdog_is_told_in_time(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "4000000", 1);
    open_systemd();
    assert_int_equal(systemd_interval(&systemd), CLOCK_SECOND / 2);
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("READY=1\nWATCHDOG=1\nSTATUS=x\n");
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("");
    systemd.beat -= 3 * CLOCK_SECOND / 2; /* half of its time, less what passes until the next call */
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("WATCHDOG=1\nSTATUS=x\n");
    systemd_close(&systemd);
    setenv("WATCHDOG_USEC", "200000", 1);
    open_systemd();
    assert_int_equal(systemd_interval(&systemd), CLOCK_SECOND / 10);
    systemd_close(&systemd);
    setenv("WATCHDOG_USEC", "200000", 1);
    setenv("WATCHDOG_PID", "1", 1); /* another's */
    open_systemd();
    assert_int_equal(systemd.watchdog_ns, 0);
}

static void a_status_is_one_line_of_whole_characters(void **state)
{
    (void)state;
    char status[600], expected[600];
    open_systemd();
    for (size_t i = 0; i + 3 < sizeof status; i += 3)
        memcpy(status + i, "\xe2\x82\xac", 4);
    /* of the 511 bytes that fit, the last one is no whole character */
    snprintf(expected, sizeof expected, "READY=1\nSTATUS=%.510s\n", status);
    systemd_tell(&systemd, SYSTEMD_READY, status);
    hears(expected);
}

static void what_could_not_be_told_is_told_later(void **state)
{
    (void)state;
    char text[64];
    unsigned told = 0;
    open_systemd();
    for (; told < 100000; told++) { /* until its queue is full */
        snprintf(text, sizeof text, "%u", told);
        systemd_tell(&systemd, SYSTEMD_PREPARING, text);
        if (strcmp(systemd.status, text) != 0)
            break;
    }
    assert_in_range(told, 1, 99999);
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    while (recv(manager, text, sizeof text, 0) > 0)
        ;
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    hears("READY=1\nSTATUS=x\n");
}

static void variables_that_are_wrong_are_named(void **state)
{
    (void)state;
    char own[16];
    snprintf(own, sizeof own, "%d", (int)getpid());
    refuses("LISTEN_PID", "x", "LISTEN_PID: \"x\" is not right: it must be an integer from 1 to 2147483647");
    setenv("LISTEN_PID", own, 1);
    refuses("LISTEN_FDS", "5", "LISTEN_FDS: \"5\" is not right: it must be an integer from 1 to 4");
    setenv("LISTEN_PID", own, 1);
    refuses("LISTEN_FDS", "0", "LISTEN_FDS: \"0\" is not right: it must be an integer from 1 to 4");
    refuses("WATCHDOG_USEC", "-1",
            "WATCHDOG_USEC: \"-1\" is not right: it must be an integer from 1 to 1000000000000");
    refuses("NOTIFY_SOCKET", "x",
            "NOTIFY_SOCKET: \"x\" is not right: it must be the path of a socket, or @NAME");
    refuses("NOTIFY_SOCKET", "@",
            "NOTIFY_SOCKET: \"@\" is not right: it must be the path of a socket, or @NAME");
}

/* Passed sockets are the descriptors from 3 on: what this program has there steps aside. */
static void sockets_that_were_passed_are_counted_and_checked(void **state)
{
    (void)state;
    char own[16];
    int kept = dup(SYSTEMD_FIRST_LISTENER), listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(listen(listening, 1), 0);
    snprintf(own, sizeof own, "%d", (int)getpid());
    dup2(listening, SYSTEMD_FIRST_LISTENER);
    setenv("LISTEN_PID", own, 1);
    setenv("LISTEN_FDS", "1", 1);
    bool taken = systemd_open(&systemd, 4, &error);
    bool closes = (fcntl(SYSTEMD_FIRST_LISTENER, F_GETFD) & FD_CLOEXEC) != 0;
    dup2(open("/dev/null", O_RDONLY), SYSTEMD_FIRST_LISTENER);
    setenv("LISTEN_PID", own, 1);
    setenv("LISTEN_FDS", "1", 1);
    char *fault = NULL;
    struct systemd wrong;
    bool other = systemd_open(&wrong, 4, &fault);
    if (kept >= 0)
        dup2(kept, SYSTEMD_FIRST_LISTENER);
    assert_true(taken && closes);
    assert_int_equal(systemd.listeners, 1);
    assert_false(other);
    assert_string_equal(fault, "LISTEN_FDS: descriptor 3: it is not a socket");
    free(fault);
    close(listening);
}

static void nobody_who_listens_is_no_reason_to_fail(void **state)
{
    (void)state;
    open_systemd();
    close(manager);
    log_setup(LOG_ERROR, LOG_TEXT);
    systemd_tell(&systemd, SYSTEMD_READY, "x");
    assert_int_equal(systemd.state, SYSTEMD_READY); /* and is not tried for ever */
    manager = -1;
}

/* Those of a parent who has left the variables behind are not ours. */
static void sockets_of_another_process_are_left(void **state)
{
    (void)state;
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "3", 1);
    assert_true(systemd_open(&systemd, 4, &error));
    assert_int_equal(systemd.listeners, 0);
    assert_null(getenv("LISTEN_FDS"));
}

#define SYSTEMD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEMD(without_its_variables_nothing_is_told),
        SYSTEMD(a_state_is_told_once_and_a_status_when_it_changes),
        SYSTEMD(a_reload_says_since_when),
        SYSTEMD(who_waits_for_long_is_as_good_as_ready),
        SYSTEMD(the_watchdog_is_told_in_time),
        SYSTEMD(a_status_is_one_line_of_whole_characters),
        SYSTEMD(what_could_not_be_told_is_told_later),
        SYSTEMD(variables_that_are_wrong_are_named),
        SYSTEMD(sockets_that_were_passed_are_counted_and_checked),
        SYSTEMD(nobody_who_listens_is_no_reason_to_fail),
        SYSTEMD(sockets_of_another_process_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
