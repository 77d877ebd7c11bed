/* Inside HTTP: what an engine is, of which one runs under a server (http.h: enum http_engine_kind).
 *
 * The gate before it is the same for all: it reads the socket, refuses what is malformed, too long, too slow or
 * ambiguous, and hands over whole requests, one at a time. An engine promises:
 *
 *   - accept: connections, each of which it opens with http_conn_open, when the server asks for one and at no other
 *     time, so that there is room for it;
 *   - read: each request that is handed over comes to http_conn_deliver once, before read returns, with the method,
 *     target, fields and body that it was handed over with, whatever the engine makes of them meanwhile;
 *   - respond, or begin, piece and end: the bytes of one response are in the connection's writer when the call returns.
 *     Status, fields (http_fields.h and those of the response) and body say what http_writer.h would have written. It
 *     decides nothing about the connection: conn->close is settled before, and is to be said in the head;
 *   - release: nothing that belongs to the connection is left, whatever state it was in;
 *   - detach: the same, but the socket lives on. It is called when the head of a response that goes on without an end
 *     was sent; what follows is the writer's.
 *
 * An engine never touches the socket, nor a timer: how long a client may take is the gate's. */
#ifndef ROWLOCK_HTTP_HTTP_ENGINE_H
#define ROWLOCK_HTTP_HTTP_ENGINE_H

#include "http/http.h"

struct http_listener {
    struct http *http;
    struct loop_watch *watch;
    void *engine; /* the engine's own */
    int fd;
};

enum http_accepting {
    HTTP_ACCEPTED,       /* one; it is open */
    HTTP_ACCEPT_LATER,   /* the engine was told; it opens some in the next turns, as long as there is room */
    HTTP_ACCEPT_NOTHING, /* nobody waits */
    HTTP_ACCEPT_FAILED,  /* with errno, such as EMFILE */
};

struct http_engine {
    bool (*start)(struct http *http); /* NULL: nothing to do. False: no memory */
    void (*stop)(struct http *http);  /* NULL: nothing to do. No connection is left */

    void (*listen)(struct http_listener *listener); /* NULL: nothing to do */
    void (*unlisten)(
        struct http_listener *listener); /* NULL: nothing to do. Before its descriptor is closed */
    enum http_accepting (*accept)(struct http_listener *listener);

    void (*read)(struct http_conn *conn, const struct http_head *head, struct slice body);

    /* respond: false when there is no memory for it. */
    bool (*respond)(struct http_conn *conn, const struct http_response *response);
    void (*begin)(struct http_conn *conn, const struct http_response *response);
    void (*piece)(struct http_conn *conn, struct slice piece);
    void (*end)(struct http_conn *conn);

    /* NULL: nothing to do. All of a response was sent. */
    void (*sent)(struct http_conn *conn);
    /* NULL: nothing to do. Before the descriptor is closed and the memory freed, at the end of a turn. */
    void (*release)(struct http_conn *conn);
    /* NULL: nothing to do. The socket goes on at the descriptor that is returned, and at no other; -1: it goes on as it
     * is, and the engine has let go of nothing. Never while the engine is on the stack. */
    int (*detach)(struct http_conn *conn);
};

extern const struct http_engine http_direct, http_evhttp;

const struct http_engine *http_engine_of(enum http_engine_kind kind);

#endif
