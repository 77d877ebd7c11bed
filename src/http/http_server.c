/* The server of HTTP: it accepts connections (on_connection), closes those that sat in a state for too long (on_sweep),
 * and drains. Connections do what they do by themselves (http_conn.c); at the end of a turn the server sends what they
 * have to send (on_flush) and looks at those that were closed or linger (on_settle). */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http_conn.h"
#include "http/http_room.h"
#include "metrics/metrics.h"

#define ACCEPTS_PER_TURN 64
#define SWEEP_NS (250 * CLOCK_MS)
#define ACCEPT_AGAIN_NS (100 * CLOCK_MS)
#define LINGER_NS (2 * CLOCK_SECOND)
#define FRESH_NS (500 * CLOCK_MS) /* in which the first request of a new connection is on its way */
#define TOLD_NS (60 * CLOCK_SECOND)

static void on_flush(void *argument);
static void on_settle(void *argument);
static void stop_listening(struct http *http);
static void go_on_draining(struct http *http);
static void close_idle(struct http *http);
static void check_drained(struct http *http);
static void on_sweep(void *argument);
static void on_resume(void *argument);
static void on_unpause(void *argument);
static void on_accept_again(void *argument);

struct http *http_new(struct loop *loop, enum http_engine_kind engine, const struct http_handlers *handlers,
                      const struct http_limits *limits)
{
    struct http *http = mem_new(sizeof *http);
    http->engine = http_engine_of(engine);
    http->gate = http_engine_of(HTTP_DIRECT);
    http->loop = loop;
    http->handlers = *handlers;
    http->limits = *limits;
    for (int state = 0; state < HTTP_STATES; state++)
        list_init(&http->states[state]);
    http_groups_init(&http->groups);
    list_init(&http->dirty);
    list_init(&http->resumable);
    list_init(&http->paused);
    loop_task_init(&http->flush, on_flush, http);
    loop_task_init(&http->settle, on_settle, http);
    http->sweep = loop_timer_new(loop, on_sweep, http);
    http->resume = loop_timer_new(loop, on_resume, http);
    http->unpause = loop_timer_new(loop, on_unpause, http);
    http->accept_again = loop_timer_new(loop, on_accept_again, http);
    http->listening = true;
    loop_timer_start(http->sweep, SWEEP_NS);
    if (http->engine->start == NULL || http->engine->start(http))
        return http;
    http_free(http);
    return NULL;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    http->drained = true; /* nobody is told any more */
    http->draining = true;
    http->emptying = false;
    for (int state = 0; state < HTTP_CLOSED; state++) {
        struct http_conn *conn;
        while ((conn = list_first_of(&http->states[state], struct http_conn, state_link)) != NULL)
            http_conn_close(conn, HTTP_CLOSE_STOPPED);
    }
    loop_task_cancel(&http->flush);
    loop_task_cancel(&http->settle);
    on_settle(http);
    stop_listening(http);
    if (http->engine->stop != NULL)
        http->engine->stop(http);
    for (size_t i = 0; i < http->listener_count; i++)
        free(http->listeners[i]);
    free(http->listeners);
    http_spares_fini(&http->spares);
    loop_timer_free(http->sweep);
    loop_timer_free(http->resume);
    loop_timer_free(http->unpause);
    loop_timer_free(http->accept_again);
    free(http);
}

/* ---- accepting ---- */

static void listen_for(struct http *http, bool listening)
{
    http->listening = listening;
    for (size_t i = 0; i < http->listener_count; i++)
        if (http->listeners[i]->watch != NULL)
            loop_watch_set(http->listeners[i]->watch, listening ? LOOP_READ : 0);
}

/* What waits in the kernel's queue gets the room of the next connection that is answered, or that has rested; or,
 * soon, of an unfinished request, and then nobody who behaves need go. */
static void wait_for_room(struct http *http, const char *reason, bool soon)
{
    int64_t now = clock_now();
    metric_add(METRIC_HTTP_ACCEPT_PAUSES, 0, 1);
    if (http->told_crowded == 0 || now - http->told_crowded > TOLD_NS) {
        log_warn("connections wait to be accepted", LOG_S("reason", reason),
                 LOG_I("connections", http_conn_count(http)));
        http->told_crowded = now;
    }
    http->crowded = !soon;
    listen_for(http, false);
    loop_timer_start(http->accept_again, soon ? HTTP_ROOM_WAIT_NS : ACCEPT_AGAIN_NS);
}

/* Where descriptors are missing, one that makes room is closed at the end of the turn, and the next turn goes on. */
static enum http_accepting accept_one(struct http *http, struct http_listener *listener)
{
    enum http_accepting accepting = http->engine->accept(listener);
    bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (accepting != HTTP_ACCEPT_FAILED || !full)
        return accepting;
    const char *reason = strerror(errno);
    enum http_room_result made = http_room_make(http);
    if (made != HTTP_ROOM_MADE)
        wait_for_room(http, reason, made == HTTP_ROOM_SOON);
    return accepting;
}

static bool client_waits(int listener)
{
    struct pollfd queue = {.fd = listener, .events = POLLIN};
    return poll(&queue, 1, 0) == 1;
}

/* True when a client waits to be accepted and there is room for it. */
static bool make_room(struct http *http, int listener)
{
    if (!client_waits(listener))
        return false;
    enum http_room_result made = http_room_make(http);
    if (made != HTTP_ROOM_MADE)
        wait_for_room(http, "--max-connections is reached", made == HTTP_ROOM_SOON);
    return made == HTTP_ROOM_MADE;
}

static void on_connection(int fd, int ready, void *argument)
{
    struct http_listener *listener = argument;
    struct http *http = listener->http;
    (void)ready;
    http->crowded = false;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (!http_room_is_left(http) && !make_room(http, fd))
            return;
        if (accept_one(http, listener) != HTTP_ACCEPTED)
            return;
    }
}

static void on_accept_again(void *argument)
{
    struct http *http = argument;
    if (!http->draining)
        listen_for(http, true);
}

void http_add_listener(struct http *http, int fd)
{
    size_t bytes = (http->listener_count + 1) * sizeof(struct http_listener *);
    struct http_listener *listener = mem_new(sizeof *listener);
    http->listeners = mem_resize(http->listeners, bytes);
    http->listeners[http->listener_count++] = listener;
    listener->http = http;
    listener->fd = fd;
    listener->watch = loop_watch_new(http->loop, fd, on_connection, listener);
    loop_watch_set(listener->watch, LOOP_READ);
    if (http->engine->listen != NULL)
        http->engine->listen(listener);
}

/* ---- turns ---- */

static void on_flush(void *argument)
{
    struct http *http = argument;
    struct http_conn *conn;
    while ((conn = list_first_of(&http->dirty, struct http_conn, dirty_link)) != NULL)
        http_conn_flush(conn);
}

static void on_settle(void *argument)
{
    struct http *http = argument;
    struct http_conn *conn;
    while ((conn = list_pop_of(&http->states[HTTP_CLOSED], struct http_conn, state_link)) != NULL)
        http_conn_free(conn);
    go_on_draining(http);
    if (!http->draining && !http->listening && http_room_is_left(http)) {
        loop_timer_stop(http->accept_again);
        listen_for(http, true);
    }
    check_drained(http);
}

static void on_resume(void *argument)
{
    struct http *http = argument;
    for (size_t left = http->resumable.length; left > 0; left--) {
        struct http_conn *conn = list_pop_of(&http->resumable, struct http_conn, resume_link);
        if (conn == NULL)
            return;
        http_conn_process(conn);
    }
}

/* All are paused for the same time, so the list is in order. */
static void on_unpause(void *argument)
{
    struct http *http = argument;
    int64_t now = clock_now();
    struct http_conn *conn;
    while ((conn = list_first_of(&http->paused, struct http_conn, resume_link)) != NULL) {
        if (conn->paused_until > now) {
            loop_timer_start(http->unpause, conn->paused_until - now);
            return;
        }
        http_conn_unpause(conn);
    }
}

/* The lists are in order of arrival, so that only the first of each can be due. In HTTP_WRITING a client that took
 * something since goes to the end. */
static void sweep_state(struct http *http, enum http_state state, int64_t limit, int64_t now)
{
    for (size_t left = http->states[state].length; left > 0; left--) {
        struct list *list = &http->states[state];
        struct http_conn *conn = list_first_of(list, struct http_conn, state_link);
        if (conn == NULL)
            return;
        if (now - conn->since >= limit) {
            http_conn_time_out(conn);
            if (list_first(list) == &conn->state_link) { /* it may stay, but not in the way of the others */
                list_remove(&conn->state_link);
                list_append(list, &conn->state_link);
            }
        } else if (state == HTTP_WRITING || state == HTTP_STREAMING) {
            list_remove(&conn->state_link);
            list_append(list, &conn->state_link);
        } else {
            return;
        }
    }
}

static void on_sweep(void *argument)
{
    struct http *http = argument;
    int64_t now = clock_now();
    sweep_state(http, HTTP_IDLE, http->limits.idle_ns, now);
    sweep_state(http, HTTP_READING, http->limits.read_ns, now);
    sweep_state(http, HTTP_STREAMING, http->limits.write_ns, now);
    sweep_state(http, HTTP_WRITING, http->limits.write_ns, now);
    sweep_state(http, HTTP_LINGER, LINGER_NS, now);
    go_on_draining(http);
    if (http->dismissing)
        close_idle(http);
    loop_timer_start(http->sweep, SWEEP_NS);
}

/* ---- the end ---- */

static void check_drained(struct http *http)
{
    if (!http->draining || http->emptying || http->drained || http_conn_count(http) + http->arriving > 0)
        return;
    http->drained = true;
    http->handlers.on_drained(http->handlers.argument);
}

static void stop_listening(struct http *http)
{
    for (size_t i = 0; i < http->listener_count; i++) {
        struct http_listener *listener = http->listeners[i];
        if (listener->fd >= 0 && http->engine->unlisten != NULL)
            http->engine->unlisten(listener);
        loop_watch_free(listener->watch);
        listener->watch = NULL;
        if (listener->fd >= 0)
            close(listener->fd);
        listener->fd = -1;
    }
    loop_timer_stop(http->accept_again);
}

void http_retire(struct http *http)
{
    if (http->draining)
        return;
    stop_listening(http);
    http->draining = true;
    check_drained(http);
}

/* Idle here means: nothing read and nothing to send. A request on its way then meets a closed connection, as with
 * any keep-alive connection that a server may close (RFC 9112 section 9.5). A new connection gets a moment, because
 * its client does not expect that, and nobody would ask again for him. */
static void close_idle(struct http *http)
{
    list_for_each(struct http_conn, conn, &http->states[HTTP_IDLE], state_link) {
        if (http_writer_left(&conn->writer) > 0)
            conn->close = true;
        else if (http_room_is_resting(conn) && (conn->used || clock_now() - conn->since >= FRESH_NS))
            http_conn_close(conn, HTTP_CLOSE_DRAINED);
    }
}

/* True when the engine accepts in the next turns what the kernel has queued. */
static bool empty_queue(struct http *http, struct http_listener *listener)
{
    while (http_room_is_left(http) && client_waits(listener->fd)) {
        enum http_accepting accepting = http->engine->accept(listener);
        if (accepting != HTTP_ACCEPTED)
            return accepting == HTTP_ACCEPT_LATER;
    }
    return false;
}

static void go_on_draining(struct http *http)
{
    bool later = http->arriving > 0;
    if (!http->emptying)
        return;
    for (size_t i = 0; i < http->listener_count; i++)
        later |= empty_queue(http, http->listeners[i]);
    if (later)
        return;
    http->emptying = false;
    stop_listening(http);
    http->dismissing = true;
    close_idle(http);
    check_drained(http);
}

void http_drain(struct http *http, enum http_queue queue)
{
    if (!http->draining && queue == HTTP_LEAVE_QUEUE)
        stop_listening(http);
    http->emptying = true;
    http->draining = true;
    go_on_draining(http);
}

size_t http_connection_count(const struct http *http)
{
    return http_conn_count(http);
}

void http_sample(const struct http *http)
{
    for (int state = 0; state < HTTP_CLOSED; state++)
        metric_set(METRIC_HTTP_CONNECTIONS, (size_t)state, http->states[state].length);
}
