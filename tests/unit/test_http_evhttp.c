/* http/http_evhttp: what it relies on in libevent, and the traps of evhttp, each on a listener and with clients in the
 * same loop. That both engines answer alike is for tests/fuzz. */
#include <config.h>

#include "unit.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_conn.h"

#define CLIENTS 12
#define AT_MOST 3 /* connections, where that is tried */

static struct fixture {
    struct loop *loop;
    struct http *http;
    struct sockaddr_un address;
    socklen_t address_length;
    int client[CLIENTS];
    struct http_request *waiting[CLIENTS];
    struct http_request *open; /* answered by http_respond_open; NULL: its client has left */
    unsigned requests, waiting_count, drained, taken, half_closed;
    size_t most; /* connections at any time */
    size_t body; /* of the last request */
    char path[64];
} fixture;

/* ---- the server's side ---- */

static const struct http_response ok = {.status = 200, .content_type = "text/plain", .request_id = {"x", 1}};

static void on_stream_leave(struct http_request *request, enum http_leave how)
{
    assert_ptr_equal(request, fixture.open);
    if (how == HTTP_GONE)
        fixture.open = NULL;
    else
        fixture.half_closed++;
}

static void on_stream_writable(struct http_request *request)
{
    assert_ptr_equal(request, fixture.open);
    fixture.taken++;
}

static void open_response(struct http_request *request)
{
    static const struct http_stream stream = {on_stream_leave, on_stream_writable};
    http_respond_open(request, &ok, &stream);
    http_respond_piece(request, SLICE("first"));
    fixture.open = request;
}

/* "/wait" is answered by answer_waiting, "/stream" with one piece, "/empty" with a stream of none, "/open" with one
 * that goes on. */
static void on_request(struct http_request *request, void *argument)
{
    struct http_response response = ok;
    (void)argument;
    fixture.requests++;
    if (http_connection_count(fixture.http) > fixture.most)
        fixture.most = http_connection_count(fixture.http);
    if (request->head == NULL) {
        response.status = request->refusal.status;
        response.close = true;
        http_respond(request, &response);
        return;
    }
    struct slice path = request->head->path;
    fixture.body = request->body.len;
    snprintf(fixture.path, sizeof fixture.path, "%.*s", (int)path.len, path.ptr);
    if (slice_equal(path, SLICE("/wait"))) {
        fixture.waiting[fixture.waiting_count++] = request;
    } else if (slice_equal(path, SLICE("/open"))) {
        open_response(request);
    } else if (slice_equal(path, SLICE("/stream")) || slice_equal(path, SLICE("/empty"))) {
        http_respond_begin(request, &response);
        if (path.len == 7)
            http_respond_piece(request, SLICE("piece"));
        http_respond_end(request);
    } else {
        response.close = slice_equal(path, SLICE("/close"));
        response.body = SLICE("body");
        http_respond(request, &response);
    }
}

static void answer_waiting(void)
{
    for (unsigned i = 0; i < fixture.waiting_count; i++)
        http_respond(fixture.waiting[i], &ok);
    fixture.waiting_count = 0;
}

static void on_leave(struct http_request *request, enum http_leave how, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < fixture.waiting_count; i++)
        if (how == HTTP_GONE && fixture.waiting[i] == request)
            fixture.waiting[i] = fixture.waiting[--fixture.waiting_count];
}

static void on_writable(struct http_request *request, void *argument)
{
    (void)request;
    (void)argument;
}

static void on_drained(void *argument)
{
    (void)argument;
    fixture.drained++;
}

/* Until nothing is to be done at once. */
static void settle(void)
{
    for (int i = 0; i < 3; i++)
        event_base_loop(loop_base(fixture.loop), EVLOOP_NONBLOCK);
}

/* Until a timer of the server has come, too. */
static void settle_after(int64_t ns)
{
    for (int64_t end = clock_now() + ns; clock_now() < end;) {
        settle();
        usleep(1000);
    }
}

/* ---- the clients' side ---- */

static void join(unsigned i, const char *sent)
{
    fixture.client[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fixture.client[i] >= 0);
    assert_int_equal(connect(fixture.client[i], (struct sockaddr *)&fixture.address, fixture.address_length),
                     0);
    assert_int_equal(write(fixture.client[i], sent, strlen(sent)), strlen(sent));
}

/* What has come, and in *closed whether that was all. */
static const char *take(unsigned i, bool *closed)
{
    static char text[65536];
    size_t length = 0;
    ssize_t got;
    while ((got = read(fixture.client[i], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    *closed = got == 0 || errno != EAGAIN;
    text[length] = '\0';
    return text;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        count++;
    }
    return count;
}

static void leave(unsigned i)
{
    close(fixture.client[i]);
    fixture.client[i] = -1;
}

/* ---- set-up ---- */

static void listen_at_most(size_t connections)
{
    static unsigned number;
    const struct http_handlers handlers = {on_request, NULL, on_leave, on_writable, on_drained, NULL};
    const struct http_limits limits = {.connections = connections,
                                       .read_ns = 60 * CLOCK_SECOND,
                                       .idle_ns = 60 * CLOCK_SECOND,
                                       .write_ns = 60 * CLOCK_SECOND};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    fixture.address.sun_family = AF_UNIX;
    int length = snprintf(fixture.address.sun_path + 1, sizeof fixture.address.sun_path - 1,
                          "rowlock-test-%d-%u", (int)getpid(), number++);
    fixture.address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    assert_int_equal(bind(fd, (struct sockaddr *)&fixture.address, fixture.address_length), 0);
    assert_int_equal(listen(fd, 64), 0);
    fixture.http = http_new(fixture.loop, HTTP_EVHTTP, &handlers, &limits);
    assert_non_null(fixture.http);
    http_add_listener(fixture.http, fd);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    for (unsigned i = 0; i < CLIENTS; i++)
        fixture.client[i] = -1;
    log_setup(LOG_ERROR, LOG_TEXT);
    fixture.loop = loop_new();
    listen_at_most(1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_free(fixture.http);
    loop_free(fixture.loop);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (fixture.client[i] >= 0)
            close(fixture.client[i]);
    return 0;
}

/* ---- what is relied on in libevent ---- */

static void on_passive_read(struct bufferevent *bufferevent, void *argument)
{
    (void)bufferevent;
    ++*(unsigned *)argument;
}

static void without_a_descriptor_a_bufferevent_is_filled_and_emptied_from_outside(void **state)
{
    (void)state;
    unsigned reads = 0;
    int pair[2];
    char taken[8] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct bufferevent *passive =
        bufferevent_socket_new(loop_base(fixture.loop), pair[0], BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(passive, on_passive_read, NULL, NULL, &reads);
    bufferevent_enable(passive, EV_READ | EV_WRITE);
    bufferevent_setfd(passive, -1);
    assert_int_equal(write(pair[1], "unseen", 6), 6);
    settle();
    assert_int_equal(reads, 0); /* nobody reads the socket */
    assert_int_equal(evbuffer_add(bufferevent_get_input(passive), "in", 2), 0);
    settle();
    assert_int_equal(reads, 0); /* nor does adding tell anybody, */
    bufferevent_trigger(passive, EV_READ, 0);
    assert_int_equal(reads, 1); /* but this, at once */
    assert_int_equal(bufferevent_write(passive, "out", 3), 0);
    settle();
    assert_int_equal(evbuffer_get_length(bufferevent_get_output(passive)), 3); /* nobody writes it either */
    assert_int_equal(evbuffer_remove(bufferevent_get_output(passive), taken, 3), 3);
    assert_string_equal(taken, "out");
    assert_int_equal(read(pair[1], taken, 3), -1);
    bufferevent_free(passive);
    settle();
    assert_int_equal(write(pair[0], "mine", 4), 4); /* the descriptor has stayed open */
    close(pair[0]);
    close(pair[1]);
}

static struct passive {
    struct bufferevent *bufferevent;
    struct evhttp_request *request;
    unsigned requests, completed;
} passive;

static struct bufferevent *on_passive(struct event_base *base, void *argument)
{
    (void)argument;
    passive.bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    return passive.bufferevent;
}

static void on_completed(struct evhttp_request *request, void *argument)
{
    (void)request;
    (void)argument;
    passive.completed++;
}

static void on_passive_request(struct evhttp_request *request, void *argument)
{
    (void)argument;
    passive.requests++;
    passive.request = request;
    evhttp_request_set_on_complete_cb(request, on_completed, NULL);
}

static void evhttp_takes_a_trigger_for_what_a_socket_would_have_caused(void **state)
{
    (void)state;
    static const char request[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    memset(&passive, 0, sizeof passive);
    struct evhttp *evhttp = evhttp_new(loop_base(fixture.loop));
    evhttp_set_bevcb(evhttp, on_passive, NULL);
    evhttp_set_gencb(evhttp, on_passive_request, NULL);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(evhttp, "127.0.0.1", 0);
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&name, &length), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&name, length), 0);
    for (int i = 0; i < 1000 && passive.bufferevent == NULL; i++) {
        settle();
        usleep(1000);
    }
    assert_non_null(passive.bufferevent);
    int fd = bufferevent_getfd(passive.bufferevent);
    bufferevent_setfd(passive.bufferevent, -1);
    for (unsigned number = 1; number <= 3; number++) {
        evbuffer_add(bufferevent_get_input(passive.bufferevent), request, sizeof request - 1);
        bufferevent_trigger(passive.bufferevent, EV_READ, 0);
        assert_int_equal(passive.requests, number); /* before the trigger returns */
        evhttp_send_reply(passive.request, 200, "OK", NULL);
        struct evbuffer *output = bufferevent_get_output(passive.bufferevent);
        assert_true(evbuffer_get_length(output) > 0); /* when evhttp_send_reply returns */
        evbuffer_drain(output, evbuffer_get_length(output));
        settle();
        assert_int_equal(passive.completed, number - 1);
        bufferevent_trigger(passive.bufferevent, EV_WRITE, 0); /* whatever became of the output */
        assert_int_equal(passive.completed, number);
    }
    evhttp_free(evhttp);
    close(fd);
    close(client);
}

/* ---- requests ---- */

/* What is sent, and what comes of it; behind each another request goes, which is answered if the connection is open. */
static void what_evhttp_would_misread_reaches_the_handler_as_it_was_sent(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *path;
        size_t body;
        bool goes_on;
    } cases[] = {
        {"HEAD /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "/a", 3, true},
        {"TRACE /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "/a", 3, true},
        {"HEAD /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", "/wait", 18,
         true},
        {"HEAD /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "/a", 1,
         true},
        {"GET //x:y/z HTTP/1.1\r\nHost: x\r\n\r\n", "//x:y/z", 0, true},
        {"GET //[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", "//[::1/", 0, true},
        {"GET // HTTP/1.1\r\nHost: x\r\n\r\n", "//", 0, true},
        {"GET /./x HTTP/1.1\r\nHost: x\r\n\r\n", "/./x", 0, true},
        {"GET /.//x HTTP/1.1\r\nHost: x\r\n\r\n", "/.//x", 0, true},
        {"GET http://a//x HTTP/1.1\r\nHost: x\r\n\r\n", "//x", 0, true},
        {"CONNECT //x HTTP/1.1\r\nHost: x\r\n\r\n", "//x", 0, true},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "*", 0, true},
        {"GET /a HTTP/1.0\r\n\r\n", "/a", 0, false},
        {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "/a", 0, true},
        {"POST /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "/a", 0, true},
        {"GET /a HTTP/1.1\r\nHost: x\r\nConnection: TE\r\nConnection: close\r\n\r\n", "/a", 0, false},
        {"GET /close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "/close", 0, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool closed;
        unsigned before = fixture.requests;
        join(0, cases[i].sent);
        settle();
        assert_int_equal(fixture.requests, before + 1);
        assert_string_equal(fixture.path, cases[i].path);
        assert_int_equal(fixture.body, cases[i].body);
        answer_waiting();
        settle();
        if (cases[i].goes_on)
            assert_true(write(fixture.client[0], "GET /b HTTP/1.1\r\nHost: x\r\n\r\n", 28) == 28);
        settle();
        const char *text = take(0, &closed);
        if (count_of(text, " 200 OK\r\n") != (cases[i].goes_on ? 2 : 1) || closed == cases[i].goes_on)
            fail_msg("%s%s: %s", cases[i].sent, closed ? " closed" : "", text);
        leave(0);
    }
}

/* evhttp takes the end of such a stream for sent, and frees the connection. */
static void a_stream_that_ends_with_nothing_left_to_write_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *has;
        bool closes;
    } cases[] = {
        {"HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n", "Transfer-Encoding: chunked\r\n", false},
        {"HEAD /empty HTTP/1.1\r\nHost: x\r\n\r\n", "Transfer-Encoding: chunked\r\n", false},
        {"HEAD /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Connection: close\r\n", true},
        {"HEAD /stream HTTP/1.0\r\n\r\n", "Connection: close\r\n", true},
        {"GET /stream HTTP/1.0\r\n\r\n", "\r\n\r\npiece", true},
        {"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "\r\n\r\npiece", true},
        {"GET /empty HTTP/1.0\r\n\r\n", "Connection: close\r\n", true},
        {"GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "\r\n\r\n0\r\n\r\n", true},
        {"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n5\r\npiece\r\n0\r\n\r\n", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool closed;
        join(0, cases[i].sent);
        settle();
        const char *text = take(0, &closed);
        if (strstr(text, " 200 OK\r\n") == NULL || strstr(text, cases[i].has) == NULL ||
            closed != cases[i].closes)
            fail_msg("%s%s: %s", cases[i].sent, closed ? " closed" : "", text);
        leave(0);
    }
}

/* ---- accepting ---- */

/* The lowest number that is free is the next one; nothing above it may be opened. */
static rlim_t allow_descriptors(rlim_t more)
{
    struct rlimit limit;
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)next + more;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void allow_as_before(rlim_t before)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_descriptors_clients_wait_and_nothing_spins(void **state)
{
    (void)state;
    bool closed;
    join(0, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    rlim_t before = allow_descriptors(0);
    settle(); /* it comes to an end */
    assert_int_equal(http_connection_count(fixture.http), 0);
    allow_as_before(before);
    settle_after(300 * CLOCK_MS);
    assert_int_equal(count_of(take(0, &closed), " 200 OK\r\n"), 1);
}

/* It was tried whether one is left, and then somebody else has taken it. evhttp gives its own argument to the callback
 * of the listener. */
static void a_descriptor_that_is_gone_when_evhttp_accepts_is_waited_for(void **state)
{
    (void)state;
    bool closed;
    join(0, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    rlim_t before = allow_descriptors(1);
    assert_int_equal(http_evhttp.accept(fixture.http->listeners[0]), HTTP_ACCEPT_LATER);
    int taken = dup(0);
    assert_true(taken >= 0);
    settle();
    assert_int_equal(http_connection_count(fixture.http), 0);
    close(taken);
    allow_as_before(before);
    settle_after(300 * CLOCK_MS);
    assert_int_equal(count_of(take(0, &closed), " 200 OK\r\n"), 1);
}

/* In place of the function of the C library, for this program and libevent: the kernel cannot be made to fail so. */
static int accept_error;
static unsigned accepts_failed;

int accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
    if (accept_error == 0)
        return (int)syscall(SYS_accept4, fd, peer, length, flags);
    accepts_failed++;
    errno = accept_error;
    return -1;
}

/* Of the system, of memory: no try with a descriptor of one's own tells. */
static void what_evhttp_cannot_accept_waits_and_nothing_spins(void **state)
{
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};
    (void)state;
    for (unsigned i = 0; i < COUNT(errors); i++) {
        bool closed;
        accept_error = errors[i];
        accepts_failed = 0;
        join(i, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        settle_after(250 * CLOCK_MS);
        assert_in_range(accepts_failed, 1, 6);
        accept_error = 0;
        settle_after(250 * CLOCK_MS);
        assert_int_equal(count_of(take(i, &closed), " 200 OK\r\n"), 1);
    }
}

static void there_are_never_more_connections_than_may_be(void **state)
{
    (void)state;
    bool closed;
    http_free(fixture.http);
    listen_at_most(AT_MOST);
    for (unsigned i = 0; i < CLIENTS; i++)
        join(i, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    for (unsigned answered = 0; answered < CLIENTS; answered += AT_MOST) {
        settle_after(150 * CLOCK_MS); /* whoever waits for room is asked again */
        assert_int_equal(fixture.requests, answered + AT_MOST);
        assert_int_equal(http_connection_count(fixture.http), AT_MOST);
        answer_waiting();
        settle();
        for (unsigned i = answered; i < answered + AT_MOST; i++) {
            assert_int_equal(count_of(take(i, &closed), " 200 OK\r\n"), 1);
            leave(i);
        }
    }
    settle();
    assert_int_equal(fixture.most, AT_MOST);
    assert_int_equal(http_connection_count(fixture.http), 0);
}

/* ---- the end ---- */

/* evhttp remembers the number of a descriptor, and must have let go of it when it is closed: what has the number then
 * is no business of the server, nor of its end. */
static void check_that_the_number_can_be_used_again(unsigned client, bool at_the_end)
{
    int pair[2];
    char got[4];
    leave(client);
    settle();
    assert_int_equal(http_connection_count(fixture.http), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    settle();
    if (at_the_end) {
        http_free(fixture.http);
        fixture.http = NULL;
    }
    for (int side = 0; side < 2; side++) {
        assert_int_equal(send(pair[side], "abcd", 4, MSG_NOSIGNAL), 4);
        assert_int_equal(read(pair[!side], got, sizeof got), 4);
    }
    close(pair[0]);
    close(pair[1]);
}

static void a_closed_descriptors_number_belongs_to_whoever_gets_it_next(void **state)
{
    (void)state;
    static const char *const sent[] = {
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /close HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT(sent); i++) {
        join(0, sent[i]);
        settle();
        check_that_the_number_can_be_used_again(0, false);
    }
    join(1, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"); /* that client is gone before its answer */
    settle();
    shutdown(fixture.client[1], SHUT_RDWR);
    settle();
    answer_waiting();
    settle();
    check_that_the_number_can_be_used_again(1, false);
    join(1, "");
    settle();
    http_conn_close(list_first_of(&fixture.http->states[HTTP_IDLE], struct http_conn, state_link),
                    HTTP_CLOSE_TIMED_OUT);
    settle();
    check_that_the_number_can_be_used_again(1, true);
}

static void a_drain_answers_those_whom_the_kernel_has_queued(void **state)
{
    (void)state;
    bool closed;
    for (unsigned i = 0; i < CLIENTS; i++)
        join(i, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    http_drain(fixture.http, HTTP_ACCEPT_QUEUE); /* no turn of the loop has been */
    settle();
    for (unsigned i = 0; i < CLIENTS; i++) {
        const char *text = take(i, &closed);
        assert_int_equal(count_of(text, " 200 OK\r\n"), 1);
        assert_int_equal(count_of(text, "Connection: close\r\n"), 1);
        assert_true(closed);
        leave(i);
    }
    settle();
    assert_int_equal(fixture.drained, 1);
}

static void a_drain_with_one_that_works_waits_for_it(void **state)
{
    (void)state;
    bool closed;
    join(0, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    settle();
    join(1, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); /* in the queue */
    http_drain(fixture.http, HTTP_ACCEPT_QUEUE);
    settle();
    assert_int_equal(count_of(take(1, &closed), " 200 OK\r\n"), 1);
    leave(1);
    settle();
    assert_int_equal(fixture.drained, 0);
    answer_waiting();
    settle();
    const char *text = take(0, &closed);
    assert_int_equal(count_of(text, " 200 OK\r\n"), 1); /* what is pipelined behind it is not answered */
    assert_int_equal(count_of(text, "Connection: close\r\n"), 1);
    assert_true(closed);
    leave(0);
    settle();
    assert_int_equal(fixture.drained, 1);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void an_open_response_goes_on_without_evhttp(void **state)
{
    (void)state;
    bool closed;
    join(0, "GET /open HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    settle();
    const char *text = take(0, &closed);
    assert_int_equal(count_of(text, "Transfer-Encoding: chunked\r\n"), 1);
    assert_int_equal(count_of(text, "Connection: close\r\n"), 1);
    assert_non_null(strstr(text, "\r\n\r\n5\r\nfirst\r\n"));
    assert_false(closed);
    assert_int_equal(fixture.taken, 1);
    assert_null(list_first(&fixture.http->states[HTTP_PENDING]));
    const struct http_conn *conn =
        list_first_of(&fixture.http->states[HTTP_STREAMING], struct http_conn, state_link);
    assert_true(conn->detached);
    assert_null(conn->reader.in.data); /* nothing is kept of what cannot be answered any more */
    assert_int_equal(write(fixture.client[0], "more", 4), 4);
    http_respond_piece(fixture.open, SLICE("second"));
    settle();
    assert_string_equal(take(0, &closed), "6\r\nsecond\r\n");
    assert_int_equal(fixture.taken, 2);
    assert_null(conn->reader.in.data);
    http_respond_end(fixture.open);
    settle();
    assert_string_equal(take(0, &closed), "0\r\n\r\n");
    assert_true(closed);
    assert_int_equal(fixture.requests, 1); /* what stood behind it was thrown away */
}

static void an_open_response_is_told_of_both_ways_to_leave(void **state)
{
    (void)state;
    unsigned descriptors = open_descriptors();
    join(0, "GET /open HTTP/1.0\r\n\r\n");
    settle();
    bool closed;
    assert_non_null(strstr(take(0, &closed), "\r\n\r\nfirst"));
    assert_int_equal(shutdown(fixture.client[0], SHUT_WR), 0);
    settle();
    assert_int_equal(fixture.half_closed, 1);
    assert_non_null(fixture.open);
    leave(0);
    settle();
    http_respond_piece(fixture.open, SLICE("second")); /* the first write finds out, on a UNIX socket */
    settle();
    assert_null(fixture.open);
    assert_int_equal(open_descriptors(), descriptors);
}

static void a_server_ends_with_connections_in_any_state(void **state)
{
    (void)state;
    static const char *const sent[] = {
        "",
        "GET /a HTTP/1.1\r\n",
        "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na",
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /open HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (unsigned i = 0; i < COUNT(sent); i++)
        join(i, sent[i]);
    settle();
    join(COUNT(sent), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(http_evhttp.accept(fixture.http->listeners[0]), HTTP_ACCEPT_LATER);
    http_free(fixture.http);
    fixture.http = NULL;
    settle();
    for (unsigned i = 0; i <= COUNT(sent); i++) {
        bool closed;
        take(i, &closed);
        assert_true(closed);
    }
    assert_int_equal(fixture.waiting_count, 0);
    assert_null(fixture.open);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_descriptor_a_bufferevent_is_filled_and_emptied_from_outside),
        TEST(evhttp_takes_a_trigger_for_what_a_socket_would_have_caused),
        TEST(what_evhttp_would_misread_reaches_the_handler_as_it_was_sent),
        TEST(a_stream_that_ends_with_nothing_left_to_write_is_sent),
        TEST(without_descriptors_clients_wait_and_nothing_spins),
        TEST(a_descriptor_that_is_gone_when_evhttp_accepts_is_waited_for),
        TEST(what_evhttp_cannot_accept_waits_and_nothing_spins),
        TEST(there_are_never_more_connections_than_may_be),
        TEST(a_closed_descriptors_number_belongs_to_whoever_gets_it_next),
        TEST(a_drain_answers_those_whom_the_kernel_has_queued),
        TEST(a_drain_with_one_that_works_waits_for_it),
        TEST(an_open_response_goes_on_without_evhttp),
        TEST(an_open_response_is_told_of_both_ways_to_leave),
        TEST(a_server_ends_with_connections_in_any_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
