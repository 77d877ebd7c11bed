/* http/http_room: whose connection goes when there are as many as there may be. */
#include <config.h>

#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_conn.h"
#include "http/http_room.h"

#define MOST 16
#define HALF "GET / HTTP/1.1\r\n"
#define WHOLE "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define BODY "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"

static struct fixture {
    struct loop *loop;
    struct http *http;
    struct loop_timer *stop;
    int client[MOST];
    struct http_conn *conn[MOST];
    unsigned count;
} fixture;

/* "/wait" is never answered. */
static void on_request(struct http_request *request, void *argument)
{
    struct http_response response = {.status = 200, .request_id = {"x", 1}};
    (void)argument;
    if (request->head == NULL)
        response =
            (struct http_response){.status = request->refusal.status, .request_id = {"x", 1}, .close = true};
    else if (slice_equal(request->head->path, SLICE("/wait")))
        return;
    http_respond(request, &response);
}

static void on_leave(struct http_request *request, enum http_leave how, void *argument)
{
    (void)request;
    (void)how;
    (void)argument;
}

static void on_stop(void *argument)
{
    (void)argument;
    loop_stop(fixture.loop);
}

/* The loop takes what was sent. */
static void settle(void)
{
    loop_timer_start(fixture.stop, 5 * CLOCK_MS);
    loop_run(fixture.loop);
}

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    return storage;
}

/* One more connection, so old in its state when all is settled. */
static unsigned join(const char *peer, const char *sent, int64_t age_ms)
{
    int pair[2];
    struct sockaddr_storage storage = address_of(peer);
    unsigned i = fixture.count++;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    fixture.client[i] = pair[0];
    http_conn_open(fixture.http, pair[1], (struct sockaddr *)&storage);
    fixture.conn[i] = list_entry(fixture.http->states[HTTP_IDLE].head.prev, struct http_conn, state_link);
    assert_int_equal(write(pair[0], sent, strlen(sent)), strlen(sent));
    settle();
    fixture.conn[i]->since = clock_now() - age_ms * CLOCK_MS;
    return i;
}

/* What has come to the client, and whether it was the end. */
static bool ended(unsigned i, char *text, size_t size)
{
    ssize_t got = read(fixture.client[i], text, size - 1);
    text[got > 0 ? got : 0] = '\0';
    return got == 0 || (got > 0 && read(fixture.client[i], text + got, 1) == 0);
}

/* To the end of a turn, where descriptors are closed. */
static enum http_room_result make_room(void)
{
    enum http_room_result made = http_room_make(fixture.http);
    loop_stop(fixture.loop);
    loop_run(fixture.loop);
    return made;
}

/* The one that made room, or -1. */
static int who_goes(void)
{
    char text[1000];
    enum http_room_result made = make_room();
    int gone = -1;
    for (unsigned i = 0; i < fixture.count; i++)
        if (fixture.client[i] >= 0 && ended(i, text, sizeof text)) {
            assert_int_equal(gone, -1);
            close(fixture.client[i]);
            fixture.client[i] = -1;
            gone = (int)i;
        }
    assert_int_equal(made == HTTP_ROOM_MADE, gone >= 0);
    return gone;
}

static int set_up(void **state)
{
    (void)state;
    static const struct http_handlers handlers = {on_request, NULL, on_leave, NULL, NULL, NULL};
    static const struct http_limits limits = {.connections = 8,
                                              .read_ns = 60 * CLOCK_SECOND,
                                              .idle_ns = 60 * CLOCK_SECOND,
                                              .write_ns = 60 * CLOCK_SECOND};
    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new();
    fixture.http = http_new(fixture.loop, HTTP_DIRECT, &handlers, &limits);
    fixture.http->groups.seed = 1; /* with which the addresses of these tests are different ones */
    fixture.stop = loop_timer_new(fixture.loop, on_stop, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_free(fixture.http);
    loop_timer_free(fixture.stop);
    loop_free(fixture.loop);
    for (unsigned i = 0; i < fixture.count; i++)
        if (fixture.client[i] >= 0)
            close(fixture.client[i]);
    return 0;
}

/* ---- tests ---- */

static void addresses_are_what_one_sender_has(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"10.0.0.1", "::ffff:10.0.0.1", true}, /* of a socket for both */
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
        {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"unix", "unix", true},
        {"unix", "10.0.0.1", false},
        {"0.0.0.0", "unix", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sockaddr_storage a = address_of(cases[i].a), b = address_of(cases[i].b);
        bool same = http_groups_address((struct sockaddr *)&a) == http_groups_address((struct sockaddr *)&b);
        if (same != cases[i].same)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
}

static void the_address_with_most_loses_its_oldest_first(void **state)
{
    (void)state;
    join("10.0.0.1", HALF, 900);
    unsigned second = join("10.0.0.2", BODY, 300), third = join("10.0.0.2", "", 200);
    unsigned fourth = join("10.0.0.2", HALF, 100);
    join("10.0.0.3", "", 800);
    assert_int_equal(who_goes(), second);
    assert_int_equal(who_goes(), third);
    /* now each has one: the oldest of all */
    assert_int_equal(who_goes(), 0);
    assert_int_equal(who_goes(), 4);
    assert_int_equal(who_goes(), fourth);
    assert_int_equal(http_room_make(fixture.http), HTTP_ROOM_NONE);
}

static void what_has_begun_a_moment_ago_stays(void **state)
{
    (void)state;
    join("10.0.0.1", HALF, 0);
    join("10.0.0.1", "", 0);
    fixture.conn[0]->since = fixture.conn[1]->since = clock_now();
    assert_int_equal(http_room_make(fixture.http), HTTP_ROOM_SOON);
    fixture.conn[0]->since = clock_now();
    fixture.conn[1]->since -= HTTP_ROOM_WAIT_NS;
    assert_int_equal(who_goes(), 1);
}

static void what_has_sent_more_stays(void **state)
{
    (void)state;
    unsigned first = join("10.0.0.1", HALF, 900), second = join("10.0.0.1", HALF, 800);
    assert_int_equal(write(fixture.client[first], "H", 1), 1);
    assert_int_equal(who_goes(), second);
}

static void what_is_worked_on_stays(void **state)
{
    (void)state;
    join("10.0.0.1", "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", 900);
    join("10.0.0.1", "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" HALF, 900);
    assert_int_equal(http_room_make(fixture.http), HTTP_ROOM_NONE);
    unsigned half = join("10.0.0.2", HALF, 100);
    assert_int_equal(who_goes(), half);
}

static void those_who_rest_go_before_a_few_half_requests_and_after_many(void **state)
{
    (void)state;
    unsigned rests = join("10.0.0.1", WHOLE, 900), rests_too = join("10.0.0.2", WHOLE, 800);
    for (unsigned i = 0; i < 4; i++)
        join("10.0.0.1", WHOLE, 0);
    unsigned half = join("10.0.0.9", HALF, 950);
    assert_int_equal(who_goes(), rests); /* one in seven is nothing */
    unsigned more = join("10.0.0.9", HALF, 900);
    assert_int_equal(who_goes(), half); /* two are more than a quarter */
    assert_int_equal(who_goes(), rests_too);
    assert_int_equal(who_goes(), more);
    assert_int_equal(http_room_make(fixture.http), HTTP_ROOM_NONE);
}

static void a_request_on_a_used_connection_is_unfinished_too(void **state)
{
    (void)state;
    unsigned half = join("10.0.0.1", WHOLE HALF, 100);
    assert_int_equal(fixture.http->groups.unfinished[fixture.conn[half]->group].length, 1);
    assert_int_equal(write(fixture.client[half], "Host: x\r\n\r\n", 11), 11);
    settle();
    assert_int_equal(fixture.http->groups.unfinished[fixture.conn[half]->group].length, 0);
    join("10.0.0.1", "\r\n", 100); /* of which nothing has come */
    assert_int_equal(who_goes(), 1);
}

/* Each of the writes comes to the server in a turn of its own. */
static void drip(unsigned i)
{
    for (unsigned round = 0; round < 6; round++) {
        assert_int_equal(write(fixture.client[i], round % 2 == 0 ? "\r" : "\n", 1), 1);
        settle();
    }
}

static void empty_lines_renew_nobodys_time(void **state)
{
    (void)state;
    unsigned fresh = join("10.0.0.1", "", 900), used = join("10.0.0.2", WHOLE, 900);
    drip(fresh);
    drip(used);
    assert_int_equal(write(fixture.client[used], "\r", 1), 1); /* half a line is nothing either */
    settle();
    assert_int_equal(who_goes(), fresh);
    assert_int_equal(who_goes(), used);
}

static void who_has_sent_a_part_is_told(void **state)
{
    (void)state;
    char text[1000];
    unsigned half = join("10.0.0.1", HALF, 900), silent = join("10.0.0.2", "\r\n", 800);
    assert_int_equal(make_room(), HTTP_ROOM_MADE);
    assert_true(ended(half, text, sizeof text));
    assert_non_null(strstr(text, "HTTP/1.1 408 "));
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_int_equal(make_room(), HTTP_ROOM_MADE);
    assert_true(ended(silent, text, sizeof text));
    assert_string_equal(text, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_what_one_sender_has),
        TEST(the_address_with_most_loses_its_oldest_first),
        TEST(what_has_begun_a_moment_ago_stays),
        TEST(what_has_sent_more_stays),
        TEST(what_is_worked_on_stays),
        TEST(those_who_rest_go_before_a_few_half_requests_and_after_many),
        TEST(a_request_on_a_used_connection_is_unfinished_too),
        TEST(empty_lines_renew_nobodys_time),
        TEST(who_has_sent_a_part_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
