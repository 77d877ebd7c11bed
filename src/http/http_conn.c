/* A connection reads downwards: on_ready, on_readable, http_conn_process, take_request, the engine, which comes to
 * http_conn_deliver, and on_request of the handlers; then http_respond, the engine, http_conn_flush at the end of the
 * turn, and the next request or finish_close. */
#include <config.h>

#include "http/http_conn.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics.h"

#define OUT_PAUSE ((size_t)256 << 10) /* unsent answers past this stop the next pipelined request */
#define KEEP_INPUT 512u               /* what an idle connection may keep of its buffer of input */
#define LINGER_MAX ((size_t)1 << 20)
#define REQUESTS_PER_TURN 64

static const char *const closing_words[] = {
    [HTTP_CLOSE_ANSWERED] = "its last response was sent",
    [HTTP_CLOSE_LEFT] = "the client has closed it",
    [HTTP_CLOSE_LOST] = "reading or writing failed",
    [HTTP_CLOSE_OVERFLOW] = "more was to be kept for it than a connection may have",
    [HTTP_CLOSE_ABORTED] = "its response could not be completed",
    [HTTP_CLOSE_TIMED_OUT] = "it did nothing for too long",
    [HTTP_CLOSE_MADE_ROOM] = "it made room for a new one",
    [HTTP_CLOSE_DRAINED] = "it was idle and the server drains",
    [HTTP_CLOSE_STOPPED] = "the server ends",
};

/* What is counted by state and reason has the same order. */
_Static_assert((int)HTTP_LINGER == (int)CONNECTION_LINGER && (int)HTTP_CLOSED == (int)CONNECTION_STATES,
               "states");
_Static_assert((int)HTTP_CLOSE_TIMED_OUT == (int)CLOSING_TIMED_OUT, "reasons");
_Static_assert((int)HTTP_CLOSE_STOPPED == (int)CLOSING_STOPPED, "reasons");

static void on_ready(int fd, int ready, void *argument);
static void set_state(struct http_conn *conn, enum http_state state);
static void watch_for(struct http_conn *conn);

size_t http_conn_count(const struct http *http)
{
    size_t count = 0;
    for (int state = 0; state < HTTP_CLOSED; state++)
        count += http->states[state].length;
    return count;
}

static void note_group(struct http_conn *conn)
{
    bool unfinished = conn->state == HTTP_READING || (conn->state == HTTP_IDLE && !conn->asked);
    http_groups_note(&conn->http->groups, conn->group, &conn->group_link, unfinished);
}

/* Kept, because the kernel forgets it as soon as the connection is closed from both sides, and the log does not. */
static void remember_peer(struct http_conn *conn, const struct sockaddr *peer)
{
    size_t size = peer == NULL                  ? 0
                  : peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                  : peer->sa_family == AF_INET  ? sizeof(struct sockaddr_in)
                                                : sizeof peer->sa_family;
    if (size > 0)
        memcpy(&conn->peer, peer, size);
}

struct http_conn *http_conn_open(struct http *http, int fd, const struct sockaddr *peer)
{
    struct http_conn *conn = mem_new(sizeof *conn);
    conn->http = http;
    conn->fd = fd;
    conn->reader = HTTP_READER_INIT;
    conn->writer = HTTP_WRITER_INIT(&http->spares);
    list_node_init(&conn->state_link);
    list_node_init(&conn->dirty_link);
    list_node_init(&conn->resume_link);
    list_node_init(&conn->group_link);
    conn->group = http_groups_find(&http->groups, peer);
    remember_peer(conn, peer);
    conn->state = HTTP_IDLE;
    conn->since = clock_now();
    list_append(&http->states[HTTP_IDLE], &conn->state_link);
    note_group(conn);
    metric_add(METRIC_HTTP_CONNECTIONS_ACCEPTED, 0, 1);
    conn->watch = loop_watch_new(http->loop, fd, on_ready, conn);
    watch_for(conn);
    return conn;
}

static void set_state(struct http_conn *conn, enum http_state state)
{
    if (conn->state != state) {
        list_remove(&conn->state_link);
        conn->state = state;
        conn->since = clock_now();
        list_append(&conn->http->states[state], &conn->state_link);
    }
    note_group(conn);
}

/* The one place that decides what the loop is asked for. */
static void watch_for(struct http_conn *conn)
{
    int interest = 0;
    bool busy = conn->state == HTTP_PENDING || conn->state == HTTP_STREAMING || conn->state == HTTP_WRITING ||
                list_linked(&conn->resume_link);
    if (!conn->eof && !conn->paused && !(busy && http_reader_held(&conn->reader) > HTTP_READER_PAUSE))
        interest |= LOOP_READ;
    if (http_writer_left(&conn->writer) > 0 && conn->state != HTTP_CLOSED && !list_linked(&conn->dirty_link))
        interest |= LOOP_WRITE;
    loop_watch_set(conn->watch, interest);
}

static void log_closing(const struct http_conn *conn, enum http_closing reason)
{
    char peer[64];
    if (!log_enabled(LOG_DEBUG))
        return;
    http_peer(&conn->exchange.request, peer, sizeof peer);
    log_debug("connection closed", LOG_S("reason", closing_words[reason]), LOG_S("peer", peer));
}

static void tell_leave(struct http_conn *conn, enum http_leave how)
{
    struct http_request *request = &conn->exchange.request;
    if (request->stream != NULL)
        request->stream->on_leave(request, how);
    else
        conn->http->handlers.on_leave(request, how, conn->http->handlers.argument);
}

static void tell_writable(struct http_conn *conn)
{
    struct http_request *request = &conn->exchange.request;
    if (request->stream != NULL)
        request->stream->on_writable(request);
    else
        conn->http->handlers.on_writable(request, conn->http->handlers.argument);
}

void http_conn_close(struct http_conn *conn, enum http_closing reason)
{
    struct http *http = conn->http;
    if (conn->state == HTTP_CLOSED)
        return;
    bool pending = conn->state == HTTP_PENDING || conn->state == HTTP_STREAMING;
    log_closing(conn, reason);
    metric_add(METRIC_HTTP_CONNECTIONS_CLOSED, reason, 1);
    list_remove(&conn->dirty_link);
    list_remove(&conn->resume_link);
    loop_watch_free(conn->watch);
    conn->watch = NULL;
    set_state(conn, HTTP_CLOSED);
    loop_defer(http->loop, &http->settle);
    if (pending)
        tell_leave(conn, HTTP_GONE);
}

/* The engine goes first: evhttp shuts down the descriptor that it remembers, which must still be this one. */
void http_conn_free(struct http_conn *conn)
{
    if (conn->http->engine->release != NULL && !conn->detached)
        conn->http->engine->release(conn);
    close(conn->fd);
    http_reader_fini(&conn->reader);
    http_writer_fini(&conn->writer);
    free(conn);
}

/* ---- in ---- */

static void linger_read(struct http_conn *conn, ssize_t got)
{
    if (got > 0)
        conn->lingered += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || conn->lingered > LINGER_MAX)
        http_conn_close(conn, HTTP_CLOSE_ANSWERED);
}

/* The client will send no more, but may still read: what it asked for is answered, and a client that left altogether is
 * found by the write. The loop does not report the end a second time, so a state that goes on from here must come to
 * is_over, or to finish_close, by itself. */
static void on_eof(struct http_conn *conn)
{
    conn->eof = true;
    bool unread = http_reader_held(&conn->reader) > 0;
    if (conn->state == HTTP_PENDING || conn->exchange.request.stream != NULL) {
        watch_for(conn);
        tell_leave(conn, HTTP_HALF_CLOSED);
    } else if (conn->state == HTTP_STREAMING || (conn->state == HTTP_WRITING && unread)) {
        watch_for(conn);
    } else if (conn->state == HTTP_IDLE && unread) { /* it was left for the next turn */
        http_conn_process(conn);
    } else if (http_writer_left(&conn->writer) > 0) {
        conn->close = true;
        watch_for(conn);
    } else {
        http_conn_close(conn, HTTP_CLOSE_LEFT);
    }
}

static void on_readable(struct http_conn *conn)
{
    struct http *http = conn->http;
    ssize_t got = recv(conn->fd, http->scratch, sizeof http->scratch, 0);
    if (got > 0)
        metric_add(METRIC_HTTP_RECEIVED, 0, (uint64_t)got);
    if (conn->state == HTTP_LINGER) {
        linger_read(conn, got);
        return;
    }
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            http_conn_close(conn, HTTP_CLOSE_LOST);
        return;
    }
    if (got == 0) {
        on_eof(conn);
        return;
    }
    conn->used = true;
    if (conn->exchange.request.stream != NULL)
        conn->linger = true; /* nothing that follows an open response is answered */
    else if (!http_reader_add(&conn->reader, http->scratch, (size_t)got))
        http_conn_close(conn, HTTP_CLOSE_OVERFLOW);
    else if (conn->state == HTTP_PENDING || conn->state == HTTP_STREAMING)
        watch_for(conn);
    else
        http_conn_process(conn);
}

static void on_ready(int fd, int ready, void *argument)
{
    struct http_conn *conn = argument;
    (void)fd;
    if (ready & LOOP_WRITE)
        http_conn_flush(conn);
    if ((ready & LOOP_READ) && conn->state != HTTP_CLOSED)
        on_readable(conn);
}

/* ---- one request after the other ---- */

static void present(struct http_conn *conn, const struct http_head *head, struct slice body)
{
    conn->exchange = (struct http_exchange){
        .request = {.head = head, .body = body},
        .keep_alive = head->keep_alive,
        .is_head = head->method == HTTP_HEAD,
        .minor_0 = head->minor == 0,
    };
    conn->asked = true;
}

void http_conn_deliver(struct http_conn *conn, const struct http_head *head, struct slice body)
{
    conn->exchange.request.head = head;
    conn->exchange.request.body = body;
    conn->http->handlers.on_request(&conn->exchange.request, conn->http->handlers.argument);
}

/* The connection is to be closed, and its client may still be sending. */
static void drop_input(struct http_conn *conn)
{
    conn->linger = true;
    http_reader_drop(&conn->reader);
}

static void refuse(struct http_conn *conn, struct http_refusal refusal)
{
    conn->exchange = (struct http_exchange){.request = {.refusal = refusal}, .by_gate = true};
    conn->asked = true;
    drop_input(conn);
    set_state(conn, HTTP_PENDING);
    http_conn_deliver(conn, NULL, (struct slice){NULL, 0});
}

static enum metric_refusal refusal_of(int status)
{
    switch (status) {
    case 413:
        return REFUSAL_BODY;
    case 414:
        return REFUSAL_TARGET;
    case 431:
        return REFUSAL_FIELDS;
    case 417:
    case 501:
    case 505:
        return REFUSAL_UNSUPPORTED;
    default:
        return REFUSAL_MALFORMED;
    }
}

void http_conn_disown(struct http_conn *conn)
{
    const struct http_head *head = conn->exchange.request.head;
    log_error("the HTTP engine does not take for a request what the gate has let through",
              LOG_S("method", http_method_name(head->method)), LOG_T("path", head->path));
    refuse(conn, (struct http_refusal){400, "The request cannot be read in one way only."});
}

/* Whether the body follows all the same is the client's choice: only the end of the connection is clear to both. */
static bool is_answered_by_head(struct http_conn *conn, const struct http_head *head)
{
    const struct http_handlers *handlers = &conn->http->handlers;
    if (handlers->on_head == NULL)
        return false;
    present(conn, head, (struct slice){NULL, 0});
    conn->exchange.keep_alive = false;
    conn->exchange.by_gate = true;
    if (!handlers->on_head(&conn->exchange.request, handlers->argument))
        return false;
    drop_input(conn);
    return true;
}

/* The client gets leave to send the body, unless its head decides the answer. */
static bool give_leave(struct http_conn *conn, const struct http_head *head)
{
    if (is_answered_by_head(conn, head))
        return true;
    http_writer_continue(&conn->writer);
    http_conn_flush(conn);
    if (conn->state != HTTP_CLOSED)
        set_state(conn, HTTP_READING);
    return false;
}

/* True when a request was dispatched, answered or refused, false when more must come first. */
static bool take_request(struct http_conn *conn)
{
    struct http_message message;
    switch (http_reader_next(&conn->reader, &message)) {
    case HTTP_READ_NOTHING:
        set_state(conn, HTTP_IDLE);
        return false;
    case HTTP_READ_PART:
        set_state(conn, HTTP_READING);
        return false;
    case HTTP_READ_LEAVE:
        return give_leave(conn, &message.head);
    case HTTP_READ_REFUSED:
        metric_add(METRIC_REFUSALS, refusal_of(message.refusal.status), 1);
        refuse(conn, message.refusal);
        return true;
    default:
        present(conn, &message.head, message.body);
        set_state(conn, HTTP_PENDING);
        conn->http->engine->read(conn, &message.head, message.body);
        http_reader_done(&conn->reader);
        return true;
    }
}

/* In another turn of the loop: what one client has pipelined must not hold up the others. */
static void process_later(struct http_conn *conn)
{
    if (!list_linked(&conn->resume_link))
        list_append(&conn->http->resumable, &conn->resume_link);
    loop_timer_start(conn->http->resume, 0);
}

/* No more will come, and what there is makes no request: half of one, or the empty line behind the last. Nothing is
 * owed either, and nothing is left to send or to look at. Nobody watches for the end of the input a second time, so
 * whoever has used some of it asks this. */
static bool is_over(const struct http_conn *conn)
{
    return conn->eof && conn->state < HTTP_PENDING && !list_linked(&conn->resume_link) &&
           http_writer_left(&conn->writer) == 0;
}

void http_conn_process(struct http_conn *conn)
{
    if (conn->processing)
        return;
    conn->processing = true;
    int budget = REQUESTS_PER_TURN;
    while (conn->state < HTTP_PENDING && http_reader_held(&conn->reader) > 0 && !conn->close && !conn->paused &&
           http_writer_left(&conn->writer) <= OUT_PAUSE) {
        if (budget-- == 0) {
            process_later(conn);
            break;
        }
        if (!take_request(conn))
            break;
    }
    conn->processing = false;
    if (conn->state == HTTP_CLOSED)
        return;
    if (is_over(conn)) {
        http_conn_close(conn, HTTP_CLOSE_LEFT);
        return;
    }
    http_reader_trim(&conn->reader, KEEP_INPUT);
    watch_for(conn);
}

/* ---- out ---- */

static void flush_later(struct http_conn *conn)
{
    if (list_linked(&conn->dirty_link))
        return;
    list_append(&conn->http->dirty, &conn->dirty_link);
    loop_defer(conn->http->loop, &conn->http->flush);
}

/* What its client asks next is not even looked at for a while: so one that asks again at once costs little. */
static void pause_reading(struct http_conn *conn)
{
    struct http *http = conn->http;
    list_remove(&conn->resume_link);
    conn->paused = true;
    conn->paused_until = clock_now() + HTTP_PAUSE_NS;
    list_append(&http->paused, &conn->resume_link);
    if (!loop_timer_pending(http->unpause))
        loop_timer_start(http->unpause, HTTP_PAUSE_NS);
}

void http_conn_unpause(struct http_conn *conn)
{
    list_remove(&conn->resume_link);
    conn->paused = false;
    if (conn->state < HTTP_PENDING)
        http_conn_process(conn);
    else
        watch_for(conn);
}

/* The answer is complete: on with what the client sent behind its request. */
static void finish_response(struct http_conn *conn)
{
    conn->exchange.request = (struct http_request){0};
    set_state(conn, HTTP_IDLE);
    flush_later(conn);
    if (!conn->processing && http_reader_held(&conn->reader) > 0 && !conn->close && !conn->paused)
        process_later(conn);
}

/* on_leave is not called: the owner of the request has let go of it. */
static void drop(struct http_conn *conn, enum http_closing reason)
{
    set_state(conn, HTTP_IDLE);
    http_conn_close(conn, reason);
}

static void settle_close(struct http_conn *conn, bool close)
{
    conn->close = close || !conn->exchange.keep_alive || conn->http->draining || conn->http->crowded;
    conn->http->crowded = false;
    if (conn->close && http_reader_held(&conn->reader) > 0)
        conn->linger = true;
}

static struct http_conn *conn_of(struct http_request *request)
{
    return list_entry(request, struct http_conn, exchange.request);
}

static const struct http_engine *writing_engine(const struct http_conn *conn)
{
    return conn->exchange.by_gate ? conn->http->gate : conn->http->engine;
}

void http_respond(struct http_request *request, const struct http_response *response)
{
    struct http_conn *conn = conn_of(request);
    settle_close(conn, response->close);
    if (response->pause && !conn->close)
        pause_reading(conn);
    if (writing_engine(conn)->respond(conn, response))
        finish_response(conn);
    else
        drop(conn, HTTP_CLOSE_OVERFLOW);
}

void http_respond_begin(struct http_request *request, const struct http_response *response)
{
    struct http_conn *conn = conn_of(request);
    settle_close(conn, response->close || conn->exchange.minor_0);
    conn->exchange.is_head |= http_is_bodyless(response->status);
    writing_engine(conn)->begin(conn, response);
    set_state(conn, HTTP_STREAMING);
    flush_later(conn);
}

/* From here on the writer writes, whichever engine has begun. */
void http_respond_open(struct http_request *request, const struct http_response *response,
                       const struct http_stream *stream)
{
    struct http_conn *conn = conn_of(request);
    struct http_response closing = *response;
    closing.close = true;
    http_respond_begin(request, &closing);
    conn->writer.chunked = !conn->exchange.minor_0;
    conn->exchange.by_gate = true;
    request->stream = stream;
}

void http_respond_piece(struct http_request *request, struct slice piece)
{
    struct http_conn *conn = conn_of(request);
    writing_engine(conn)->piece(conn, piece);
    flush_later(conn);
}

void http_respond_end(struct http_request *request)
{
    struct http_conn *conn = conn_of(request);
    writing_engine(conn)->end(conn);
    settle_close(conn, conn->close);
    finish_response(conn);
}

void http_respond_abort(struct http_request *request)
{
    drop(conn_of(request), HTTP_CLOSE_ABORTED);
}

static void finish_close(struct http_conn *conn)
{
    if (!conn->linger || conn->eof) {
        http_conn_close(conn, HTTP_CLOSE_ANSWERED);
        return;
    }
    shutdown(conn->fd, SHUT_WR);
    http_reader_drop(&conn->reader);
    http_writer_fini(&conn->writer);
    set_state(conn, HTTP_LINGER);
    watch_for(conn);
    loop_defer(conn->http->loop, &conn->http->settle);
}

/* An open response needs nothing of what its request has left. */
static void detach(struct http_conn *conn)
{
    const struct http_engine *engine = conn->http->engine;
    conn->opened = true;
    http_reader_drop(&conn->reader);
    if (engine->detach == NULL)
        return;
    loop_watch_free(conn->watch);
    int fd = engine->detach(conn);
    conn->detached = fd >= 0;
    conn->fd = conn->detached ? fd : conn->fd;
    conn->watch = loop_watch_new(conn->http->loop, conn->fd, on_ready, conn);
}

/* All was sent: more of a stream, the end of the connection, or the next request. */
static void on_sent(struct http_conn *conn)
{
    if (conn->state == HTTP_STREAMING) {
        if (conn->exchange.request.stream != NULL && !conn->opened)
            detach(conn);
        watch_for(conn);
        tell_writable(conn);
        return;
    }
    if (conn->state != HTTP_PENDING && conn->http->engine->sent != NULL && !conn->detached)
        conn->http->engine->sent(conn);
    if (conn->close && conn->state != HTTP_PENDING) {
        finish_close(conn);
        return;
    }
    if (conn->state == HTTP_WRITING)
        set_state(conn, HTTP_IDLE);
    watch_for(conn);
    if (list_linked(&conn->resume_link)) /* it has had its turn */
        return;
    if (conn->state == HTTP_IDLE && http_reader_held(&conn->reader) > 0)
        process_later(conn);
    else if (is_over(conn))
        http_conn_close(conn, HTTP_CLOSE_LEFT);
}

void http_conn_flush(struct http_conn *conn)
{
    size_t left = http_writer_left(&conn->writer);
    list_remove(&conn->dirty_link);
    enum http_sending sending = http_writer_send(&conn->writer, conn->fd);
    metric_add(METRIC_HTTP_SENT, 0, sending == HTTP_SENT_ALL ? left : left - http_writer_left(&conn->writer));
    if (sending == HTTP_SEND_LOST || sending == HTTP_SEND_OVERFLOW) {
        http_conn_close(conn, sending == HTTP_SEND_LOST ? HTTP_CLOSE_LOST : HTTP_CLOSE_OVERFLOW);
        return;
    }
    bool taking = conn->state == HTTP_WRITING || conn->state == HTTP_STREAMING;
    if (taking && http_writer_left(&conn->writer) < left)
        conn->since = clock_now();
    if (sending == HTTP_SENT_ALL) {
        on_sent(conn);
        return;
    }
    if (conn->state == HTTP_IDLE)
        set_state(conn, HTTP_WRITING);
    watch_for(conn);
}

void http_conn_time_out(struct http_conn *conn)
{
    if (conn->state == HTTP_STREAMING && http_writer_left(&conn->writer) == 0)
        return; /* the caller has nothing to send now; its request has a deadline of its own */
    if (conn->state == HTTP_READING) {
        metric_add(METRIC_REFUSALS, REFUSAL_SLOW, 1);
        refuse(conn, (struct http_refusal){408, "The request did not arrive in time."});
        return;
    }
    http_conn_close(conn, conn->state == HTTP_LINGER ? HTTP_CLOSE_ANSWERED : HTTP_CLOSE_TIMED_OUT);
}

/* The answer is sent if that takes no waiting. All that came was read, so that no reset overtakes it. */
void http_conn_evict(struct http_conn *conn)
{
    if (conn->state == HTTP_READING) {
        metric_add(METRIC_REFUSALS, REFUSAL_ROOM, 1);
        refuse(conn, (struct http_refusal){
                         408, "The request did not come to its end, and others waited for its place."});
        conn->linger = false;
        if (conn->state == HTTP_IDLE)
            http_conn_flush(conn);
    }
    http_conn_close(conn, HTTP_CLOSE_MADE_ROOM);
}

void http_peer(const struct http_request *request, char *out, size_t size)
{
    const struct http_conn *conn = list_entry(request, struct http_conn, exchange.request);
    char port[8];
    if (conn->peer.sin6_family == AF_UNIX ||
        getnameinfo((const struct sockaddr *)&conn->peer, sizeof conn->peer, out, (socklen_t)size, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(out, size, "%s", conn->peer.sin6_family == AF_UNIX ? "unix" : "");
}

const struct sockaddr *http_peer_address(const struct http_request *request)
{
    return (const struct sockaddr *)&list_entry(request, struct http_conn, exchange.request)->peer;
}
