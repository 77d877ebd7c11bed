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

#define ACCEPTS_PER_TURN 64
#define SWEEP_NS (250 * CLOCK_MS)
#define ACCEPT_AGAIN_NS (100 * CLOCK_MS)
#define LINGER_NS (2 * CLOCK_SECOND)
#define FRESH_NS (500 * CLOCK_MS) /* in which the first request of a new connection is on its way */
#define TOLD_NS (60 * CLOCK_SECOND)

struct http_listener {
    struct http *http;
    struct loop_watch *watch;
    int fd;
};

static void on_flush(void *argument);
static void on_settle(void *argument);
static void close_idle(struct http *http);
static void check_drained(struct http *http);
static void on_sweep(void *argument);
static void on_resume(void *argument);
static void on_accept_again(void *argument);

struct http *http_new(struct loop *loop, const struct http_handlers *handlers,
                      const struct http_limits *limits)
{
    struct http *http = mem_new(sizeof *http);
    http->loop = loop;
    http->handlers = *handlers;
    http->limits = *limits;
    for (int state = 0; state < HTTP_STATES; state++)
        list_init(&http->states[state]);
    http_groups_init(&http->groups);
    list_init(&http->dirty);
    list_init(&http->resumable);
    loop_task_init(&http->flush, on_flush, http);
    loop_task_init(&http->settle, on_settle, http);
    http->sweep = loop_timer_new(loop, on_sweep, http);
    http->resume = loop_timer_new(loop, on_resume, http);
    http->accept_again = loop_timer_new(loop, on_accept_again, http);
    http->listening = true;
    loop_timer_start(http->sweep, SWEEP_NS);
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    http->drained = true; /* nobody is told any more */
    http->draining = true;
    for (int state = 0; state < HTTP_CLOSED; state++) {
        struct http_conn *conn;
        while ((conn = list_first_of(&http->states[state], struct http_conn, state_link)) != NULL)
            http_conn_close(conn, HTTP_CLOSE_STOPPED);
    }
    loop_task_cancel(&http->flush);
    loop_task_cancel(&http->settle);
    on_settle(http);
    for (size_t i = 0; i < http->listener_count; i++) {
        loop_watch_free(http->listeners[i].watch);
        if (http->listeners[i].fd >= 0)
            close(http->listeners[i].fd);
    }
    free(http->listeners);
    loop_timer_free(http->sweep);
    loop_timer_free(http->resume);
    loop_timer_free(http->accept_again);
    free(http);
}

/* ---- accepting ---- */

static void listen_for(struct http *http, bool listening)
{
    http->listening = listening;
    for (size_t i = 0; i < http->listener_count; i++)
        if (http->listeners[i].watch != NULL)
            loop_watch_set(http->listeners[i].watch, listening ? LOOP_READ : 0);
}

/* What waits in the kernel's queue gets the room of the next connection that is answered, or that has rested; or,
 * soon, of an unfinished request, and then nobody who behaves need go. */
static void wait_for_room(struct http *http, const char *reason, bool soon)
{
    int64_t now = clock_now();
    if (http->told_crowded == 0 || now - http->told_crowded > TOLD_NS) {
        log_warn("connections wait to be accepted", LOG_S("reason", reason),
                 LOG_I("connections", http_conn_count(http)));
        http->told_crowded = now;
    }
    http->crowded = !soon;
    listen_for(http, false);
    loop_timer_start(http->accept_again, soon ? HTTP_ROOM_WAIT_NS : ACCEPT_AGAIN_NS);
}

/* False when there is nothing more to accept, or no room. */
static bool accept_one(struct http *http, int listener)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        http_conn_open(http, fd, (struct sockaddr *)&peer);
        return true;
    }
    if (errno == ECONNABORTED || errno == EINTR)
        return true;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
        return false;
    const char *reason = strerror(errno);
    enum http_room_result made = http_room_make(http);
    if (made != HTTP_ROOM_MADE)
        wait_for_room(http, reason, made == HTTP_ROOM_SOON);
    return made == HTTP_ROOM_MADE;
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
    struct http *http = argument;
    (void)ready;
    http->crowded = false;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (!http_room_is_left(http) && !make_room(http, fd))
            return;
        if (!accept_one(http, fd))
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
    size_t bytes = (http->listener_count + 1) * sizeof *http->listeners;
    http->listeners = mem_resize(http->listeners, bytes);
    struct http_listener *listener = &http->listeners[http->listener_count++];
    listener->http = http;
    listener->fd = fd;
    listener->watch = loop_watch_new(http->loop, fd, on_connection, http);
    loop_watch_set(listener->watch, LOOP_READ);
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
    while ((conn = list_pop_of(&http->states[HTTP_CLOSED], struct http_conn, state_link)) != NULL) {
        http_reader_fini(&conn->reader);
        http_writer_fini(&conn->writer);
        free(conn);
    }
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
    if (http->dismissing)
        close_idle(http);
    loop_timer_start(http->sweep, SWEEP_NS);
}

/* ---- the end ---- */

static void check_drained(struct http *http)
{
    if (!http->draining || http->drained || http_conn_count(http) > 0)
        return;
    http->drained = true;
    http->handlers.on_drained(http->handlers.argument);
}

static void stop_listening(struct http *http)
{
    for (size_t i = 0; i < http->listener_count; i++) {
        struct http_listener *listener = &http->listeners[i];
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

void http_drain(struct http *http, enum http_queue queue)
{
    for (size_t i = 0; !http->draining && queue == HTTP_ACCEPT_QUEUE && i < http->listener_count; i++)
        while (http_room_is_left(http) && accept_one(http, http->listeners[i].fd))
            ;
    stop_listening(http);
    http->draining = true;
    http->dismissing = true;
    close_idle(http);
    check_drained(http);
}

size_t http_connection_count(const struct http *http)
{
    return http_conn_count(http);
}
