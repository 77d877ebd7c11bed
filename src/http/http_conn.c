/* A connection reads downwards: readable -> process -> (head, body) -> on_request ... http_respond -> flush. */
#include <config.h>

#include "http/http_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define IN_MAX (HTTP_HEAD_MAX + HTTP_BODY_MAX + 2 * 65536u)
#define IN_PAUSE                                                                                             \
    (HTTP_HEAD_MAX + HTTP_BODY_MAX) /* unread input past this stops reading while an answer is pending */
#define OUT_MAX ((size_t)64 << 20)
#define OUT_PAUSE ((size_t)256 << 10) /* unsent answers past this stop the next pipelined request */
#define KEEP_BUFFER 1024u             /* what an idle connection may keep of its buffers */
#define LINGER_MAX ((size_t)1 << 20)
#define REQUESTS_PER_TURN 64

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

void http_conn_open(struct http *http, int fd, const struct sockaddr *peer)
{
    struct http_conn *conn = mem_new(sizeof *conn);
    conn->http = http;
    conn->fd = fd;
    conn->in = BUF_INIT(IN_MAX);
    conn->out = BUF_INIT(OUT_MAX);
    conn->body = BUF_INIT(HTTP_BODY_MAX);
    list_node_init(&conn->state_link);
    list_node_init(&conn->dirty_link);
    list_node_init(&conn->resume_link);
    list_node_init(&conn->room_link);
    conn->group = http_room_group(&http->room, peer);
    conn->state = HTTP_IDLE;
    conn->since = clock_now();
    list_append(&http->states[HTTP_IDLE], &conn->state_link);
    http_room_note(conn);
    conn->watch = loop_watch_new(http->loop, fd, on_ready, conn);
    watch_for(conn);
}

static void set_state(struct http_conn *conn, enum http_state state)
{
    if (conn->state != state) {
        list_remove(&conn->state_link);
        conn->state = state;
        conn->since = clock_now();
        list_append(&conn->http->states[state], &conn->state_link);
    }
    http_room_note(conn);
}

/* The one place that decides what the loop is asked for. */
static void watch_for(struct http_conn *conn)
{
    int interest = 0;
    bool busy = conn->state == HTTP_PENDING || conn->state == HTTP_STREAMING || conn->state == HTTP_WRITING ||
                list_linked(&conn->resume_link);
    if (!conn->eof && !(busy && conn->in.len > IN_PAUSE))
        interest |= LOOP_READ;
    if (conn->out.len > conn->out_sent && conn->state != HTTP_CLOSED && !list_linked(&conn->dirty_link))
        interest |= LOOP_WRITE;
    loop_watch_set(conn->watch, interest);
}

void http_conn_close(struct http_conn *conn)
{
    struct http *http = conn->http;
    if (conn->state == HTTP_CLOSED)
        return;
    bool pending = conn->state == HTTP_PENDING || conn->state == HTTP_STREAMING;
    list_remove(&conn->dirty_link);
    list_remove(&conn->resume_link);
    loop_watch_free(conn->watch);
    conn->watch = NULL;
    close(conn->fd);
    conn->fd = -1;
    set_state(conn, HTTP_CLOSED);
    loop_defer(http->loop, &http->bury);
    if (pending)
        http->handlers.on_leave(&conn->request, HTTP_GONE, http->handlers.argument);
    http_server_on_closed(http);
}

/* ---- in ---- */

static void linger_read(struct http_conn *conn, ssize_t got)
{
    if (got > 0)
        conn->lingered += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || conn->lingered > LINGER_MAX)
        http_conn_close(conn);
}

static void on_eof(struct http_conn *conn)
{
    conn->eof = true;
    /* A client that half-closed still gets what it asked for; one that left is found by a write. */
    bool asked = conn->in.len > 0 && (conn->state == HTTP_IDLE || conn->state == HTTP_WRITING);
    if (conn->state == HTTP_STREAMING || (asked && conn->state == HTTP_WRITING)) {
        watch_for(conn);
        return;
    }
    if (asked) { /* it was left for the next turn */
        http_conn_process(conn);
        return;
    }
    if (conn->state == HTTP_PENDING) {
        watch_for(conn);
        conn->http->handlers.on_leave(&conn->request, HTTP_HALF_CLOSED, conn->http->handlers.argument);
        return;
    }
    if (conn->out.len > conn->out_sent) {
        conn->close = true;
        watch_for(conn);
        return;
    }
    http_conn_close(conn);
}

static void on_readable(struct http_conn *conn)
{
    struct http *http = conn->http;
    ssize_t got = recv(conn->fd, http->scratch, sizeof http->scratch, 0);
    if (conn->state == HTTP_LINGER) {
        linger_read(conn, got);
        return;
    }
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            http_conn_close(conn);
        return;
    }
    if (got == 0) {
        on_eof(conn);
        return;
    }
    conn->used = true;
    buf_add(&conn->in, http->scratch, (size_t)got);
    if (conn->in.failed) {
        http_conn_close(conn);
        return;
    }
    if (conn->state == HTTP_PENDING || conn->state == HTTP_STREAMING)
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
    conn->request = (struct http_request){.head = head, .body = body};
    conn->keep_alive = head->keep_alive;
    conn->is_head = head->method == HTTP_HEAD;
    conn->minor_0 = head->minor == 0;
    conn->asked = true;
}

static void dispatch(struct http_conn *conn, const struct http_head *head, struct slice body)
{
    present(conn, head, body);
    conn->continued = false;
    set_state(conn, HTTP_PENDING);
    conn->http->handlers.on_request(&conn->request, conn->http->handlers.argument);
}

/* The connection is to be closed, and its client may still be sending. */
static void drop_input(struct http_conn *conn)
{
    conn->linger = true;
    buf_fini(&conn->in);
    buf_fini(&conn->body);
    conn->in_seen = conn->head_length = 0;
}

/* What comes behind a request that was not understood cannot be trusted: it is dropped with the connection. */
static void refuse(struct http_conn *conn, struct http_refusal refusal)
{
    conn->request = (struct http_request){.refusal = refusal};
    conn->keep_alive = conn->is_head = conn->minor_0 = conn->continued = false;
    conn->asked = true;
    drop_input(conn);
    set_state(conn, HTTP_PENDING);
    conn->http->handlers.on_request(&conn->request, conn->http->handlers.argument);
}

static void use_input(struct http_conn *conn, size_t count)
{
    buf_drop(&conn->in, count);
    conn->in_seen = 0;
    conn->head_length = 0;
}

/* Whether the body follows all the same is the client's choice: only the end of the connection is clear to both. */
static bool is_answered_by_head(struct http_conn *conn, const struct http_head *head)
{
    const struct http_handlers *handlers = &conn->http->handlers;
    if (handlers->on_head == NULL)
        return false;
    present(conn, head, (struct slice){NULL, 0});
    conn->keep_alive = false;
    if (!handlers->on_head(&conn->request, handlers->argument))
        return false;
    drop_input(conn);
    return true;
}

/* The rest of the body must come first, for which the client may want leave. True when it was answered instead. */
static bool await_body(struct http_conn *conn, const struct http_head *head)
{
    if (head->expect_continue && !conn->continued && head->minor == 1) {
        if (is_answered_by_head(conn, head))
            return true;
        buf_add_string(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
        conn->continued = true;
        http_conn_flush(conn);
    }
    if (conn->state != HTTP_CLOSED)
        set_state(conn, HTTP_READING);
    return false;
}

/* Feeds what has come of a chunked body. True when the request was dispatched or refused. */
static bool take_chunks(struct http_conn *conn, const struct http_head *head)
{
    size_t used;
    struct slice rest = {conn->in.data + conn->head_length, conn->in.len - conn->head_length};
    enum http_chunks_result result = http_chunks_feed(&conn->chunks, rest.ptr, rest.len, &used, &conn->body);
    if (result == HTTP_CHUNKS_MALFORMED) {
        refuse(conn, (struct http_refusal){400, http_chunks_fault(&conn->chunks)});
        return true;
    }
    if (result == HTTP_CHUNKS_TOO_LARGE) {
        refuse(conn, (struct http_refusal){413, "The body is larger than 64 KiB."});
        return true;
    }
    size_t head_length = conn->head_length;
    if (result == HTTP_CHUNKS_MORE) {
        conn->in.len = head_length; /* what was fed need not be kept, the head is parsed again */
        return await_body(conn, head);
    }
    dispatch(conn, head, buf_slice(&conn->body));
    buf_fini(&conn->body);
    if (conn->state != HTTP_CLOSED && conn->in.len > 0)
        use_input(conn, head_length + used);
    return true;
}

static bool take_body(struct http_conn *conn, const struct http_head *head)
{
    if (head->chunked)
        return take_chunks(conn, head);
    if (head->content_length > (int64_t)HTTP_BODY_MAX) {
        refuse(conn, (struct http_refusal){413, "The body is larger than 64 KiB."});
        return true;
    }
    size_t whole = conn->head_length + (size_t)head->content_length;
    if (conn->in.len < whole)
        return await_body(conn, head);
    dispatch(conn, head, (struct slice){conn->in.data + conn->head_length, (size_t)head->content_length});
    if (conn->state != HTTP_CLOSED && conn->in.len > 0)
        use_input(conn, whole);
    return true;
}

/* Those before a request line are forgiven (RFC 9112 section 2.2), all of them: how many come in one piece is chance. */
static void skip_empty_lines(struct http_conn *conn)
{
    size_t count = 0;
    while (count + 2 <= conn->in.len && memcmp(conn->in.data + count, "\r\n", 2) == 0)
        count += 2;
    if (count > 0)
        use_input(conn, count);
}

/* Half an empty line is none, so that nobody renews his time with them. */
bool http_conn_has_begun(const struct http_conn *conn)
{
    return conn->in.len > 1 || (conn->in.len == 1 && conn->in.data[0] != '\r');
}

/* True when a request was dispatched or refused, false when more must come first. */
static bool take_request(struct http_conn *conn)
{
    struct http_head head;
    struct http_refusal refusal;
    struct buf *in = &conn->in;
    if (conn->head_length == 0) {
        skip_empty_lines(conn);
        size_t length = http_head_end(in->data, in->len, &conn->in_seen);
        if (length == 0 && in->len > HTTP_LINE_MAX && memchr(in->data, '\n', HTTP_LINE_MAX) == NULL)
            refusal = (struct http_refusal){414, "The request line is longer than 8 KiB."};
        else if (length > HTTP_HEAD_MAX || (length == 0 && in->len > HTTP_HEAD_MAX))
            refusal = (struct http_refusal){431, "The header fields are longer than 16 KiB."};
        else
            refusal.status = 0;
        if (refusal.status == 0 && length > HTTP_LINE_MAX && memchr(in->data, '\n', HTTP_LINE_MAX) == NULL)
            refusal = (struct http_refusal){414, "The request line is longer than 8 KiB."};
        if (refusal.status != 0) {
            refuse(conn, refusal);
            return true;
        }
        if (length == 0) {
            set_state(conn, http_conn_has_begun(conn) ? HTTP_READING : HTTP_IDLE);
            return false;
        }
        conn->head_length = length;
        conn->chunks = (struct http_chunks){0};
        buf_clear(&conn->body);
    }
    if (!http_parse(in->data, conn->head_length, &head, &refusal)) {
        refuse(conn, refusal);
        return true;
    }
    return take_body(conn, &head);
}

/* In another turn of the loop: what one client has pipelined must not hold up the others. */
static void process_later(struct http_conn *conn)
{
    if (!list_linked(&conn->resume_link))
        list_append(&conn->http->resumable, &conn->resume_link);
    loop_timer_start(conn->http->resume, 0);
}

/* No more will come, and what there is makes no request: half of one, or the empty line behind the last. Nothing is owed
 * either, and nothing is left to send or to look at. Nobody watches for the end of the input a second time, so whoever
 * has used some of it asks this. */
static bool is_over(const struct http_conn *conn)
{
    return conn->eof && conn->state < HTTP_PENDING && !list_linked(&conn->resume_link) &&
           conn->out.len == conn->out_sent;
}

void http_conn_process(struct http_conn *conn)
{
    if (conn->processing)
        return;
    conn->processing = true;
    int budget = REQUESTS_PER_TURN;
    while (conn->state < HTTP_PENDING && conn->in.len > 0 && !conn->close &&
           conn->out.len - conn->out_sent <= OUT_PAUSE) {
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
        http_conn_close(conn);
        return;
    }
    if (conn->in.len == 0 && conn->in.cap > KEEP_BUFFER)
        buf_fini(&conn->in);
    watch_for(conn);
}

/* ---- out ---- */

static void put(char **at, struct slice text)
{
    memcpy(*at, text.ptr, text.len);
    *at += text.len;
}

static void put_number(char **at, size_t number)
{
    char digits[20];
    size_t i = sizeof digits;
    do
        digits[--i] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put(at, (struct slice){digits + i, sizeof digits - i});
}

/* The head, and the body unless the length is to be unknown. */
static bool write_response(struct http_conn *conn, const struct http_response *response, bool stream)
{
    bool bodyless = response->status == 204 || response->status == 304;
    size_t body = bodyless || conn->is_head || stream ? 0 : response->body.len;
    char *start = buf_room(&conn->out, 512 + response->fields.len + response->request_id.len + body),
         *at = start;
    if (start == NULL)
        return false;
    put(&at, SLICE("HTTP/1.1 "));
    put_number(&at, (size_t)response->status);
    put(&at, SLICE(" "));
    put(&at, slice_of(http_reason(response->status)));
    put(&at, SLICE("\r\nDate: "));
    put(&at, slice_of(clock_http_date()));
    if (response->content_type != NULL && !bodyless) {
        put(&at, SLICE("\r\nContent-Type: "));
        put(&at, slice_of(response->content_type));
    }
    if (stream && conn->chunked_out) {
        put(&at, SLICE("\r\nTransfer-Encoding: chunked"));
    } else if (!stream && !bodyless) {
        put(&at, SLICE("\r\nContent-Length: "));
        put_number(&at, response->body.len);
    }
    put(&at, SLICE("\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "));
    put(&at, response->request_id);
    put(&at, SLICE("\r\n"));
    if (response->fields.len > 0)
        put(&at, response->fields);
    if (conn->close)
        put(&at, SLICE("Connection: close\r\n"));
    else if (conn->minor_0)
        put(&at, SLICE("Connection: keep-alive\r\n"));
    put(&at, SLICE("\r\n"));
    if (body > 0)
        put(&at, (struct slice){response->body.ptr, body});
    conn->out.len += (size_t)(at - start);
    return true;
}

static void flush_later(struct http_conn *conn)
{
    if (list_linked(&conn->dirty_link))
        return;
    list_append(&conn->http->dirty, &conn->dirty_link);
    loop_defer(conn->http->loop, &conn->http->flush);
}

/* The answer is complete: on with what the client sent behind its request. */
static void finish_response(struct http_conn *conn)
{
    conn->request = (struct http_request){0};
    set_state(conn, HTTP_IDLE);
    flush_later(conn);
    if (!conn->processing && conn->in.len > 0 && !conn->close)
        process_later(conn);
}

/* Nobody is to be told of a request whose owner has let go of it. */
static void drop(struct http_conn *conn)
{
    set_state(conn, HTTP_IDLE);
    http_conn_close(conn);
}

static void settle_close(struct http_conn *conn, bool close)
{
    conn->close = close || !conn->keep_alive || conn->http->draining || conn->http->crowded;
    conn->http->crowded = false;
    if (conn->close && conn->in.len > 0)
        conn->linger = true;
}

void http_respond(struct http_request *request, const struct http_response *response)
{
    struct http_conn *conn = list_entry(request, struct http_conn, request);
    settle_close(conn, response->close);
    if (write_response(conn, response, false))
        finish_response(conn);
    else
        drop(conn);
}

void http_respond_begin(struct http_request *request, const struct http_response *response)
{
    struct http_conn *conn = list_entry(request, struct http_conn, request);
    conn->chunked_out = !conn->minor_0;
    settle_close(conn, response->close || conn->minor_0);
    if (!write_response(conn, response, true))
        conn->out.failed = true; /* found by the flush */
    set_state(conn, HTTP_STREAMING);
    flush_later(conn);
}

void http_respond_piece(struct http_request *request, struct slice piece)
{
    struct http_conn *conn = list_entry(request, struct http_conn, request);
    if (conn->is_head || piece.len == 0)
        return;
    if (conn->chunked_out)
        buf_printf(&conn->out, "%zx\r\n", piece.len);
    buf_add_slice(&conn->out, piece);
    if (conn->chunked_out)
        buf_add(&conn->out, "\r\n", 2);
    flush_later(conn);
}

void http_respond_end(struct http_request *request)
{
    struct http_conn *conn = list_entry(request, struct http_conn, request);
    if (conn->chunked_out && !conn->is_head)
        buf_add_string(&conn->out, "0\r\n\r\n");
    settle_close(conn, conn->close);
    finish_response(conn);
}

void http_respond_abort(struct http_request *request)
{
    drop(list_entry(request, struct http_conn, request));
}

static void finish_close(struct http_conn *conn)
{
    if (!conn->linger || conn->eof) {
        http_conn_close(conn);
        return;
    }
    shutdown(conn->fd, SHUT_WR);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    conn->out_sent = 0;
    set_state(conn, HTTP_LINGER);
    watch_for(conn);
    http_server_on_closed(conn->http);
}

void http_conn_flush(struct http_conn *conn)
{
    list_remove(&conn->dirty_link);
    if (conn->out.failed) {
        http_conn_close(conn);
        return;
    }
    while (conn->out_sent < conn->out.len) {
        ssize_t sent =
            send(conn->fd, conn->out.data + conn->out_sent, conn->out.len - conn->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN) {
            http_conn_close(conn);
            return;
        }
        if (sent < 0) { /* the client does not keep up */
            if (conn->state == HTTP_IDLE)
                set_state(conn, HTTP_WRITING);
            watch_for(conn);
            return;
        }
        conn->out_sent += (size_t)sent;
        if (conn->state == HTTP_WRITING || conn->state == HTTP_STREAMING)
            conn->since = clock_now();
    }
    conn->out_sent = 0;
    buf_clear(&conn->out);
    buf_trim(&conn->out, KEEP_BUFFER);
    if (conn->state == HTTP_STREAMING) {
        watch_for(conn);
        conn->http->handlers.on_writable(&conn->request, conn->http->handlers.argument);
        return;
    }
    if (conn->close && conn->state != HTTP_PENDING) {
        finish_close(conn);
        return;
    }
    if (conn->state == HTTP_WRITING)
        set_state(conn, HTTP_IDLE);
    watch_for(conn);
    if (list_linked(&conn->resume_link)) /* it has had its turn */
        return;
    if (conn->state == HTTP_IDLE && conn->in.len > 0)
        process_later(conn);
    else if (is_over(conn))
        http_conn_close(conn);
}

void http_conn_time_out(struct http_conn *conn)
{
    if (conn->state == HTTP_STREAMING && conn->out.len == conn->out_sent)
        return; /* it is the caller who takes his time, and he has a deadline */
    if (conn->state == HTTP_READING)
        refuse(conn, (struct http_refusal){408, "The request did not arrive in time."});
    else
        http_conn_close(conn);
}

/* The answer is sent if that takes no waiting. All that came was read, so that no reset overtakes it. */
void http_conn_evict(struct http_conn *conn)
{
    if (conn->state == HTTP_READING) {
        refuse(conn, (struct http_refusal){
                         408, "The request did not come to its end, and others waited for its place."});
        conn->linger = false;
        if (conn->state == HTTP_IDLE)
            http_conn_flush(conn);
    }
    http_conn_close(conn);
}

void http_peer(const struct http_request *request, char *out, size_t size)
{
    const struct http_conn *conn = list_entry(request, struct http_conn, request);
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    char port[8];
    if (getpeername(conn->fd, (struct sockaddr *)&name, &length) != 0 || name.ss_family == AF_UNIX ||
        getnameinfo((struct sockaddr *)&name, length, out, (socklen_t)size, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(out, size, "%s", name.ss_family == AF_UNIX ? "unix" : "");
}
