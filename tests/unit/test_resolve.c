/* io/resolve: names are looked up beside the loop, and reported by it. */
#include <config.h>

#include "unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/resolve.h"

static struct loop *loop;
static bool no_descriptors;

/* In place of the C library's. */
int socketpair(int domain, int type, int protocol, int fds[2])
{
    return no_descriptors ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

static char found[1024], reason[256];
static int reports;

static void stop(void *argument)
{
    loop_stop(argument);
}

static void on_resolved(const char *address, const char *error, void *argument)
{
    assert_ptr_equal(argument, &reports);
    reports++;
    snprintf(found, sizeof found, "%s", address != NULL ? address : "");
    snprintf(reason, sizeof reason, "%s", address != NULL ? "" : error);
    loop_stop(loop);
}

static void run(int64_t limit)
{
    struct loop_timer *timer = loop_timer_new(loop, stop, loop);
    loop_timer_start(timer, limit);
    loop_run(loop);
    loop_timer_free(timer);
}

static int set_up(void **state)
{
    (void)state;
    reports = 0;
    loop = loop_new();
    return loop == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void a_name_becomes_addresses_by_comma(void **state)
{
    (void)state;
    resolve_start(loop, "localhost", on_resolved, &reports);
    assert_int_equal(reports, 0); /* never before it has returned */
    run(10 * CLOCK_SECOND);
    assert_int_equal(reports, 1);
    assert_string_equal(reason, "");
    for (char *one = strtok(found, ","); one != NULL; one = strtok(NULL, ",")) {
        unsigned char address[16];
        assert_true(inet_pton(AF_INET, one, address) == 1 || inet_pton(AF_INET6, one, address) == 1);
    }
}

static void an_address_is_its_own(void **state)
{
    (void)state;
    resolve_start(loop, "127.0.0.1", on_resolved, &reports);
    run(10 * CLOCK_SECOND);
    assert_string_equal(found, "127.0.0.1");
}

static void a_name_that_is_none_is_said(void **state)
{
    (void)state;
    resolve_start(loop, "a name with spaces", on_resolved, &reports);
    run(30 * CLOCK_SECOND);
    assert_int_equal(reports, 1);
    assert_string_equal(found, "");
    assert_memory_equal(reason, "cannot look up the host name: ", 30);
    assert_true(strlen(reason) > 30);
}

static void what_cannot_be_started_is_said_from_the_loop(void **state)
{
    (void)state;
    no_descriptors = true;
    resolve_start(loop, "localhost", on_resolved, &reports);
    no_descriptors = false;
    assert_int_equal(reports, 0);
    run(10 * CLOCK_SECOND);
    assert_int_equal(reports, 1);
    assert_string_equal(reason, "cannot look up the host name: no thread could be started");
    resolve_cancel(resolve_start(loop, "localhost", on_resolved, &reports));
}

static void who_cancels_hears_nothing(void **state)
{
    (void)state;
    struct resolve *resolve = resolve_start(loop, "localhost", on_resolved, &reports);
    resolve_cancel(resolve);
    resolve_cancel(NULL);
    run(30 * CLOCK_MS);
    assert_int_equal(reports, 0);
}

#define RESOLVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE(a_name_becomes_addresses_by_comma), RESOLVE(an_address_is_its_own),
        RESOLVE(a_name_that_is_none_is_said),       RESOLVE(what_cannot_be_started_is_said_from_the_loop),
        RESOLVE(who_cancels_hears_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
