/* http/http: connections among others, with limits of seconds and clients in the same loop. */
#include <config.h>

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_conn.h"

#define CLIENTS 8
#define TICK_NS (10 * CLOCK_MS)
#define PATIENCE_NS (60 * CLOCK_SECOND) /* of a test */
#define LARGE ((size_t)32 << 20)
#define PIECE 4096
#define PER_TURN 64u /* requests of one connection */

static struct fixture {
    struct loop *loop;
    struct http *http;
    struct loop_timer *tick, *turn;
    int client[CLIENTS];
    size_t takes[CLIENTS]; /* what the client reads at a tick; 0: it does not */
    size_t took[CLIENTS];
    bool (*until)(void);
    int64_t limit;
    unsigned requests, in_turn, most_in_turn;
} fixture;

static char large[LARGE];

/* ---- the server's side ---- */

static const struct http_response ok = {.status = 200, .content_type = "text/plain", .request_id = {"x", 1}};

static void on_request(struct http_request *request, void *argument)
{
    struct http_response response = ok;
    (void)argument;
    fixture.requests++;
    fixture.in_turn++;
    if (slice_equal(request->head->path, SLICE("/large"))) {
        response.body = (struct slice){large, LARGE};
        http_respond(request, &response);
    } else if (slice_equal(request->head->path, SLICE("/short"))) {
        http_respond(request, &response);
    } else { /* "/stream" goes on for ever, of "/pause" nothing comes behind the first piece */
        request->user = slice_equal(request->head->path, SLICE("/stream")) ? request : NULL;
        http_respond_begin(request, &response);
        http_respond_piece(request, (struct slice){large, PIECE});
    }
}

static void on_leave(struct http_request *request, enum http_leave how, void *argument)
{
    (void)request;
    (void)how;
    (void)argument;
}

static void on_writable(struct http_request *request, void *argument)
{
    (void)argument;
    if (request->user != NULL)
        http_respond_piece(request, (struct slice){large, PIECE});
}

static void on_drained(void *argument)
{
    (void)argument;
}

/* ---- the clients' side ---- */

static void join(unsigned client, const char *request, size_t takes)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    fixture.client[client] = pair[0];
    fixture.takes[client] = takes;
    http_conn_open(fixture.http, pair[1], NULL);
    assert_int_equal(write(pair[0], request, strlen(request)), strlen(request));
}

static bool is_let_go(unsigned client)
{
    struct pollfd poll_for = {.fd = fixture.client[client], .events = 0};
    return poll(&poll_for, 1, 0) == 1 && (poll_for.revents & POLLHUP);
}

static void on_tick(void *argument)
{
    static char buffer[65536];
    (void)argument;
    for (unsigned i = 0; i < CLIENTS; i++)
        if (fixture.client[i] >= 0 && fixture.takes[i] > 0) {
            ssize_t got = read(fixture.client[i], buffer, fixture.takes[i]);
            fixture.took[i] += got > 0 ? (size_t)got : 0;
        }
    if (fixture.until() || clock_now() > fixture.limit)
        loop_stop(fixture.loop);
    else
        loop_timer_start(fixture.tick, TICK_NS);
}

static void on_turn(void *argument)
{
    (void)argument;
    if (fixture.in_turn > fixture.most_in_turn)
        fixture.most_in_turn = fixture.in_turn;
    fixture.in_turn = 0;
    loop_timer_start(fixture.turn, 0);
}

static void run_until(bool (*condition)(void))
{
    fixture.until = condition;
    fixture.limit = clock_now() + PATIENCE_NS;
    loop_timer_start(fixture.tick, 0);
    loop_run(fixture.loop);
}

static int set_up(void **state)
{
    (void)state;
    static const struct http_handlers handlers = {on_request, NULL, on_leave, on_writable, on_drained, NULL};
    static const struct http_limits limits = {
        .connections = 100, .read_ns = PATIENCE_NS, .idle_ns = CLOCK_SECOND, .write_ns = 3 * CLOCK_SECOND};
    memset(&fixture, 0, sizeof fixture);
    for (unsigned i = 0; i < CLIENTS; i++)
        fixture.client[i] = -1;
    fixture.loop = loop_new();
    fixture.http = http_new(fixture.loop, HTTP_DIRECT, &handlers, &limits);
    fixture.tick = loop_timer_new(fixture.loop, on_tick, NULL);
    fixture.turn = loop_timer_new(fixture.loop, on_turn, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_free(fixture.http);
    loop_timer_free(fixture.tick);
    loop_timer_free(fixture.turn);
    loop_free(fixture.loop);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (fixture.client[i] >= 0)
            close(fixture.client[i]);
    return 0;
}

/* ---- tests ---- */

static bool only_three_are_left(void)
{
    return http_connection_count(fixture.http) <= 3;
}

/* Those who do not read stand before and behind those who do, because a list may be in either order. */
static void who_goes_on_does_not_shield_those_behind_him_who_do_not(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        size_t takes;
        bool stays;
    } plan[CLIENTS] = {
        {"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 0, false},
        {"GET /pause HTTP/1.1\r\nHost: x\r\n\r\n", 65536, true},
        {"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 65536, true},
        {"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 0, false},
        {"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", 0, false},
        {"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", 16384, true},
        {"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", 0, false},
        {"", 0, false},
    };
    for (unsigned i = 0; i < CLIENTS; i++)
        join(i, plan[i].request, plan[i].takes);
    run_until(only_three_are_left);
    assert_int_equal(http_connection_count(fixture.http), 3);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(is_let_go(i), !plan[i].stays);
    assert_true(fixture.took[5] < LARGE / 2); /* nobody waited for its end */
    assert_true(fixture.took[1] > PIECE && fixture.took[2] > 65536 && fixture.took[5] > 65536);
}

static bool all_is_answered(void)
{
    return http_connection_count(fixture.http) == 0;
}

static void a_long_pipeline_takes_turns_with_others_also_when_it_is_half_closed(void **state)
{
    (void)state;
    static const char request[] = "GET /short HTTP/1.1\r\nHost: x\r\n\r\n";
    char *pipeline = calloc(16 * PER_TURN, sizeof request);
    for (unsigned i = 0; i < 16 * PER_TURN; i++)
        strcat(pipeline + i * (sizeof request - 1), request);
    join(0, pipeline, 65536);
    free(pipeline);
    assert_int_equal(shutdown(fixture.client[0], SHUT_WR), 0);
    loop_timer_start(fixture.turn, 0);
    run_until(all_is_answered);
    assert_int_equal(fixture.requests, 16 * PER_TURN);
    assert_true(fixture.most_in_turn <= 2 * PER_TURN);
}

static bool is_answered(void)
{
    return fixture.took[0] > 0;
}

/* The client has got all, and need not close before the server does; unless it has sent more, which a reset would
 * overtake the answer for. */
static void who_asked_to_be_closed_is_closed_and_what_follows_is_read_first(void **state)
{
    (void)state;
    static const char request[] = "GET /short HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char more[sizeof request + 1];
    join(0, request, 65536);
    run_until(is_answered);
    assert_int_equal(http_connection_count(fixture.http), 0);
    fixture.took[0] = 0;
    close(fixture.client[0]);
    snprintf(more, sizeof more, "%sx", request);
    join(0, more, 65536);
    run_until(is_answered);
    assert_int_equal(http_connection_count(fixture.http), 1);
    assert_int_equal(fixture.http->states[HTTP_LINGER].length, 1);
    assert_int_equal(shutdown(fixture.client[0], SHUT_WR), 0);
    run_until(all_is_answered);
    assert_int_equal(fixture.requests, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_goes_on_does_not_shield_those_behind_him_who_do_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_long_pipeline_takes_turns_with_others_also_when_it_is_half_closed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asked_to_be_closed_is_closed_and_what_follows_is_read_first,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
