/* The engine that is libevent's evhttp: it accepts, parses, dispatches and formats; the gate has the socket.
 *
 * The way of a connection: evhttp's listener accepts it when the server asks for one (evh_accept), on_bufferevent
 * gives evhttp a bufferevent for it, and at the end of the turn on_adopt takes the descriptor out of that bufferevent
 * and opens the connection. From then on the bufferevent is passive, as one of a bufferevent_pair is: what the gate
 * lets through is put into its input (evh_read), evhttp is triggered, and comes to on_request; what evhttp
 * writes is taken out of its output (take_response), and evhttp is triggered again (tell_written), and lets go of the
 * request. No descriptor means no event of its own, and so no second reader or writer of the socket.
 *
 * Two properties of libevent 2.1 that it does not document are relied on, and tested (tests/unit/test_http_evhttp.c):
 * bufferevent_setfd(-1) leaves a bufferevent whose input may be added to and whose output may be drained, and evhttp
 * takes bufferevent_trigger for what a socket would have caused. bufferevent_pair itself cannot be given to evhttp,
 * because it refuses the descriptor that evhttp wants to set. */
#include <config.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/http_canonical.h"
#include "http/http_conn.h"
#include "http/http_room.h"

#define ACCEPTS_PER_TURN 64

/* evhttp's side of one connection. */
struct evhttp_side {
    struct list_node link; /* until it is adopted */
    struct http_conn *conn;
    struct bufferevent *bufferevent;
    struct evhttp_connection *connection; /* NULL: evhttp has let go of it */
    struct evhttp_request *request;       /* from on_request until it is answered */
    bool written; /* all of a response was taken out of the output, and evhttp was not told so */
};

struct evhttp_engine {
    struct evhttp *evhttp;
    struct list fresh; /* accepted, and not yet adopted */
    struct loop_task adopt;
    struct evhttp_side *reading; /* the one that is triggered, until evhttp comes to on_request */
    struct evhttp_side *handing; /* the one whose request is handed to the handlers */
    struct slice body;           /* of its request, as the gate has read it */
    struct buf text;             /* the request that is being read */
    struct buf strings;          /* a field of a response */
    struct evbuffer *piece;
    int nothing; /* a descriptor that is no socket */
};

static struct evhttp_engine *engine_of(const struct http_conn *conn)
{
    return conn->http->engine_state;
}

/* ---- accepting ---- */

static void pause_listeners(struct http *http)
{
    for (size_t i = 0; i < http->listener_count; i++)
        if (http->listeners[i]->engine != NULL)
            evconnlistener_disable(evhttp_bound_socket_get_listener(http->listeners[i]->engine));
}

static struct bufferevent *on_bufferevent(struct event_base *base, void *argument)
{
    struct http *http = argument;
    struct evhttp_engine *engine = http->engine_state;
    struct bufferevent *bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (bufferevent == NULL) /* then evhttp closes the connection */
        return NULL;
    struct evhttp_side *side = mem_new(sizeof *side);
    bufferevent_incref(bufferevent);
    side->bufferevent = bufferevent;
    list_append(&engine->fresh, &side->link);
    http->arriving++;
    if (http->arriving >= ACCEPTS_PER_TURN || !http_room_is_left(http))
        pause_listeners(http);
    loop_defer(http->loop, &engine->adopt);
    return bufferevent;
}

static void on_closed(struct evhttp_connection *connection, void *argument)
{
    struct evhttp_side *side = argument;
    (void)connection;
    side->connection = NULL;
    side->request = NULL;
}

/* evhttp has made itself the argument of the bufferevent's callbacks, which is the only way from one to the other. */
static struct evhttp_connection *connection_of(struct bufferevent *bufferevent)
{
    bufferevent_event_cb on_event;
    void *argument;
    bufferevent_getcb(bufferevent, NULL, NULL, &on_event, &argument);
    return on_event != NULL ? argument : NULL;
}

static void adopt(struct http *http, struct evhttp_side *side)
{
    struct evhttp_connection *connection = connection_of(side->bufferevent);
    if (connection == NULL) { /* evhttp has closed it at once: no memory */
        bufferevent_decref(side->bufferevent);
        free(side);
        return;
    }
    int fd = bufferevent_getfd(side->bufferevent);
    bufferevent_setfd(side->bufferevent, -1);
    side->connection = connection;
    evhttp_connection_set_closecb(connection, on_closed, side);
    side->conn = http_conn_open(http, fd, evhttp_connection_get_addr(connection));
    side->conn->engine = side;
}

/* The listeners pause until the server asks again, so that it is asked for room each time. */
static void on_adopt(void *argument)
{
    struct http *http = argument;
    struct evhttp_engine *engine = http->engine_state;
    struct evhttp_side *side;
    pause_listeners(http);
    while ((side = list_pop_of(&engine->fresh, struct evhttp_side, link)) != NULL) {
        http->arriving--;
        adopt(http, side);
    }
    loop_defer(http->loop, &http->settle);
}

/* Why evhttp could not accept, until evh_accept tells it. The argument of on_accept_error is evhttp's, whoever has set
 * the callback, so that there is no other place for it. */
static int accept_error;

static void on_accept_error(struct evconnlistener *listener, void *argument)
{
    (void)argument;
    accept_error = errno;
    evconnlistener_disable(listener);
}

static void evh_listen(struct http_listener *listener)
{
    struct evhttp_engine *engine = listener->http->engine_state;
    struct evconnlistener *made =
        evconnlistener_new(loop_base(listener->http->loop), NULL, NULL,
                           LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, listener->fd);
    if (made == NULL)
        abort();
    listener->engine = evhttp_bind_listener(engine->evhttp, made);
    if (listener->engine == NULL)
        abort();
    evconnlistener_set_error_cb(made, on_accept_error);
}

static void evh_unlisten(struct http_listener *listener)
{
    struct evhttp_engine *engine = listener->http->engine_state;
    evhttp_del_accept_socket(engine->evhttp, listener->engine);
    listener->engine = NULL;
}

/* evhttp accepts in the next turn, and whether it could is told when it is asked again. */
static enum http_accepting evh_accept(struct http_listener *listener)
{
    if (accept_error != 0) {
        errno = accept_error;
        accept_error = 0;
        return HTTP_ACCEPT_FAILED;
    }
    evconnlistener_enable(evhttp_bound_socket_get_listener(listener->engine));
    return HTTP_ACCEPT_LATER;
}

/* ---- requests ---- */

static enum http_method method_of(const struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return HTTP_GET;
    case EVHTTP_REQ_HEAD:
        return HTTP_HEAD;
    case EVHTTP_REQ_POST:
        return HTTP_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_PUT;
    case EVHTTP_REQ_PATCH:
        return HTTP_PATCH;
    case EVHTTP_REQ_DELETE:
        return HTTP_DELETE;
    case EVHTTP_REQ_OPTIONS:
        return HTTP_OPTIONS;
    case EVHTTP_REQ_TRACE:
        return HTTP_TRACE;
    default:
        return HTTP_CONNECT;
    }
}

static void fill_head(struct http_head *head, struct evhttp_request *request)
{
    const struct evkeyval *field;
    head->keep_alive = head->chunked = head->expect_continue = false; /* all that is settled */
    head->content_length = 0;
    head->method = method_of(request);
    head->minor = request->minor;
    http_head_set_target(head, http_canonical_target(slice_of(evhttp_request_get_uri(request))));
    head->host = slice_of(evhttp_find_header(evhttp_request_get_input_headers(request), "Host"));
    head->field_count = 0;
    TAILQ_FOREACH(field, evhttp_request_get_input_headers(request), next)
    {
        if (head->field_count == HTTP_FIELDS_MAX)
            break;
        head->fields[head->field_count++] = (struct http_field){slice_of(field->key), slice_of(field->value)};
    }
}

/* evhttp has not seen the body of HEAD and TRACE. */
static struct slice body_of(const struct evhttp_engine *engine, struct evhttp_request *request,
                            enum http_method method)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    size_t length = evbuffer_get_length(body);
    if (!http_canonical_has_body(method))
        return engine->body;
    return (struct slice){(const char *)evbuffer_pullup(body, -1), length};
}

static void on_evhttp_request(struct evhttp_request *request, void *argument)
{
    struct http *http = argument;
    struct evhttp_engine *engine = http->engine_state;
    struct evhttp_side *side = engine->reading;
    struct http_head head;
    if (side == NULL) { /* only what evh_read triggers comes here */
        evhttp_send_error(request, 500, NULL);
        return;
    }
    engine->reading = NULL;
    engine->handing = side;
    side->request = request;
    fill_head(&head, request);
    http_conn_deliver(side->conn, &head, body_of(engine, request, head.method));
    engine->handing = NULL;
}

/* evhttp frees the request, and waits for the next one. */
static void tell_written(struct evhttp_side *side)
{
    if (!side->written)
        return;
    side->written = false;
    bufferevent_trigger(side->bufferevent, EV_WRITE, 0);
}

/* Of a connection that is closed behind the response, this lets evhttp close its side, and the socket for writing. */
static void evh_sent(struct http_conn *conn)
{
    tell_written(conn->engine);
}

/* What the writer has taken is written, as it would be when the other end of a bufferevent_pair has taken it. The
 * request must live until the handlers return, though; and a connection that evhttp would close waits for evh_sent. */
static void note_written(struct http_conn *conn)
{
    struct evhttp_side *side = conn->engine;
    side->request = NULL;
    side->written = true;
    if (!conn->close && engine_of(conn)->handing != side)
        tell_written(side);
}

/* The text need not be copied: nobody looks at it after http_conn_deliver, although evhttp keeps a reference to the
 * body. */
static void evh_read(struct http_conn *conn, const struct http_head *head, struct slice body)
{
    struct evhttp_engine *engine = engine_of(conn);
    struct evhttp_side *side = conn->engine;
    if (head->method == HTTP_CONNECT) { /* with a path for a target, which is none for evhttp */
        conn->exchange.by_gate = true;
        http_conn_deliver(conn, head, body);
        return;
    }
    buf_clear(&engine->text);
    http_canonical_write(&engine->text, head, body);
    engine->reading = side;
    engine->body = body;
    if (side->connection != NULL && !engine->text.failed) {
        evbuffer_add_reference(bufferevent_get_input(side->bufferevent), engine->text.data, engine->text.len,
                               NULL, NULL);
        bufferevent_trigger(side->bufferevent, EV_READ, 0);
    }
    if (!conn->close)
        tell_written(side);
    if (engine->reading != NULL) { /* evhttp has read it as something else, or not at all */
        engine->reading = NULL;
        http_conn_disown(conn);
    }
}

/* ---- responses ---- */

/* Takes length bytes of what evhttp has written; the caller has tested that they are there. */
static char *take(struct evhttp_side *side, char *at, size_t length)
{
    evbuffer_remove(bufferevent_get_output(side->bufferevent), at, length);
    return at + length;
}

static size_t output_length(const struct evhttp_side *side)
{
    return evbuffer_get_length(bufferevent_get_output(side->bufferevent));
}

/* What evhttp has written, a head with so many bytes of body, goes into the connection's writer. The last lines of the
 * head are those of the gate, which adds them as a proxy in front of evhttp would: in evhttp each field takes three
 * allocations and a printf. */
static bool take_response(struct http_conn *conn, const struct http_response *response, size_t body)
{
    struct evhttp_side *side = conn->engine;
    size_t length = output_length(side), end = body + 2; /* with the empty line */
    char *at = http_writer_room(&conn->writer, length + http_gate_fields_length(response));
    if (at == NULL)
        return false;
    at = take(side, at, length - end);
    at = http_gate_fields_write(at, response);
    take(side, at, end);
    return true;
}

/* The same of a piece of a stream, or its end. */
static void take_piece(struct http_conn *conn)
{
    struct evhttp_side *side = conn->engine;
    size_t length = output_length(side);
    char *room = length == 0 ? NULL : http_writer_room(&conn->writer, length);
    if (room != NULL)
        take(side, room, length);
}

/* evhttp takes a field as two strings. */
static void add_field(struct http_conn *conn, struct slice name, struct slice value)
{
    struct evhttp_side *side = conn->engine;
    struct buf *strings = &engine_of(conn)->strings;
    buf_clear(strings);
    char *first = buf_room(strings, name.len + value.len + 2);
    if (first == NULL)
        return;
    char *second = slice_put(first, name) + 1;
    second[-1] = '\0';
    *slice_put(second, value) = '\0';
    evhttp_add_header(evhttp_request_get_output_headers(side->request), first, second);
}

/* Lines "Name: value\r\n" in one piece. */
static void add_lines(struct http_conn *conn, struct slice lines)
{
    const char *name = lines.ptr, *end = lines.ptr + lines.len;
    while (name < end) {
        const char *colon = memchr(name, ':', (size_t)(end - name));
        const char *line_end = memchr(name, '\r', (size_t)(end - name));
        const char *value = colon + 2;
        add_field(conn, (struct slice){name, (size_t)(colon - name)},
                  (struct slice){value, (size_t)(line_end - value)});
        name = line_end + 2;
    }
}

/* evhttp itself says keep-alive to a client of HTTP/1.0 that wants it, and close to one that wants that. */
static void add_fields(struct http_conn *conn, const struct http_response *response, bool length)
{
    struct evhttp_side *side = conn->engine;
    struct http_fields own;
    http_fields_fill(&own, response, conn->close, length);
    for (size_t i = 0; i < own.count; i++)
        add_field(conn, own.list[i].name, own.list[i].value);
    if (response->fields.len > 0)
        add_lines(conn, response->fields);
    if (response->own_fields.len > 0)
        add_lines(conn, response->own_fields);
    if (conn->close && conn->exchange.minor_0)
        evhttp_remove_header(evhttp_request_get_input_headers(side->request), "Connection");
}

static bool evh_respond(struct http_conn *conn, const struct http_response *response)
{
    struct evhttp_side *side = conn->engine;
    struct evhttp_request *request = side->request;
    bool bodyless = conn->exchange.is_head || http_is_bodyless(response->status);
    size_t body = bodyless ? 0 : response->body.len;
    add_fields(conn, response, true);
    if (body > 0) /* it is taken out before this returns */
        evbuffer_add_reference(evhttp_request_get_output_buffer(request), response->body.ptr, body, NULL,
                               NULL);
    evhttp_send_reply(request, response->status, http_reason(response->status), NULL);
    if (!take_response(conn, response, body))
        return false;
    note_written(conn);
    return true;
}

static void evh_begin(struct http_conn *conn, const struct http_response *response)
{
    struct evhttp_side *side = conn->engine;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(side->request);
    add_fields(conn, response, false);
    /* evhttp does not say to HEAD what it would to GET */
    if (conn->exchange.is_head && !conn->exchange.minor_0 && !http_is_bodyless(response->status))
        evhttp_add_header(headers, "Transfer-Encoding", "chunked");
    evhttp_send_reply_start(side->request, response->status, http_reason(response->status));
    take_response(conn, response, 0);
}

static void evh_piece(struct http_conn *conn, struct slice piece)
{
    struct evhttp_engine *engine = engine_of(conn);
    struct evhttp_side *side = conn->engine;
    evbuffer_add(engine->piece, piece.ptr, piece.len);
    evhttp_send_reply_chunk(side->request, engine->piece);
    evbuffer_drain(engine->piece, evbuffer_get_length(engine->piece)); /* what HEAD has left */
    take_piece(conn);
}

/* Where nothing is left to be written, evhttp takes the end for sent, and would close a connection that is to be closed
 * before the gate has sent anything. Then it is left to evh_release. */
static void evh_end(struct http_conn *conn)
{
    struct evhttp_side *side = conn->engine;
    bool chunked = !conn->exchange.is_head && !conn->exchange.minor_0;
    if (!chunked && conn->close)
        return;
    evhttp_send_reply_end(side->request);
    take_piece(conn);
    if (chunked)
        note_written(conn);
    else
        side->request = NULL;
}

static void evh_release(struct http_conn *conn)
{
    struct evhttp_side *side = conn->engine;
    if (side->connection != NULL)
        evhttp_connection_free(side->connection);
    bufferevent_decref(side->bufferevent);
    free(side);
}

/* evhttp shuts down the socket that its descriptor is of, whoever else has it. So the socket moves on to another
 * descriptor, and evhttp finds something else at its own, which is closed behind it. */
static int evh_detach(struct http_conn *conn)
{
    struct evhttp_engine *engine = engine_of(conn);
    int fd = fcntl(conn->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (dup3(engine->nothing, conn->fd, O_CLOEXEC) < 0) {
        close(fd);
        return -1;
    }
    evh_release(conn);
    close(conn->fd);
    return fd;
}

/* ---- beginning and end ---- */

static bool evh_start(struct http *http)
{
    struct evhttp_engine *engine = mem_new(sizeof *engine);
    http->engine_state = engine;
    list_init(&engine->fresh);
    loop_task_init(&engine->adopt, on_adopt, http);
    engine->text = BUF_INIT(2 * (HTTP_HEAD_MAX + HTTP_BODY_MAX));
    engine->strings = BUF_INIT((size_t)1 << 20);
    engine->evhttp = evhttp_new(loop_base(http->loop));
    engine->piece = evbuffer_new();
    engine->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (engine->evhttp == NULL || engine->piece == NULL)
        return false;
    evhttp_set_allowed_methods(engine->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                   EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE |
                                                   EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE);
    evhttp_set_default_content_type(engine->evhttp, NULL);
    evhttp_set_bevcb(engine->evhttp, on_bufferevent, http);
    evhttp_set_gencb(engine->evhttp, on_evhttp_request, http);
    return true;
}

static void evh_stop(struct http *http)
{
    struct evhttp_engine *engine = http->engine_state;
    struct evhttp_side *side;
    loop_task_cancel(&engine->adopt);
    if (engine->evhttp != NULL)
        evhttp_free(engine->evhttp);
    while ((side = list_pop_of(&engine->fresh, struct evhttp_side, link)) != NULL) {
        bufferevent_decref(side->bufferevent);
        free(side);
    }
    if (engine->piece != NULL)
        evbuffer_free(engine->piece);
    if (engine->nothing >= 0)
        close(engine->nothing);
    buf_fini(&engine->text);
    buf_fini(&engine->strings);
    free(engine);
}

const struct http_engine http_evhttp = {
    .start = evh_start,
    .stop = evh_stop,
    .listen = evh_listen,
    .unlisten = evh_unlisten,
    .accept = evh_accept,
    .read = evh_read,
    .respond = evh_respond,
    .begin = evh_begin,
    .piece = evh_piece,
    .end = evh_end,
    .sent = evh_sent,
    .release = evh_release,
    .detach = evh_detach,
};
