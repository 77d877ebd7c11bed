/* HTTP/1.1 on the loop: sockets to requests, responses to sockets. Framing, limits, keep-alive, pipelining and
 * the time a client may take are settled here; what a request means is the caller's.
 *
 * Order of calls: http_new, http_add_listener, then on_request for each request; each is answered exactly once
 * by http_respond, at once or later, unless on_leave said that the client is gone. http_drain, then http_free. */
#ifndef ROWLOCK_HTTP_H
#define ROWLOCK_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "http/http_parse.h"
#include "io/loop.h"

struct http;
struct http_conn;
struct http_stream;

/* One request. Lives in its connection; from on_request until it is answered or its client is gone. */
struct http_request {
    void *user;                       /* the caller's; NULL at first */
    const struct http_stream *stream; /* of a response that was opened; NULL: the handlers are told */
    /* These are good only until on_request returns: */
    const struct http_head *head;
    struct slice body;
    /* Set when the request could not be understood: the caller answers with this status, and the connection
     * is closed behind the answer. head is then NULL. */
    struct http_refusal refusal;
};

enum http_leave {
    HTTP_HALF_CLOSED, /* the client will send no more, and may have left: what has not been started need not be */
    HTTP_GONE,        /* there is nobody to answer; the request must not be touched afterwards */
};

struct http_response {
    int status;
    const char *content_type; /* NULL: no body and no type */
    struct slice fields;      /* further header fields, each "Name: value\r\n" */
    struct slice own_fields;  /* the same, those that this client alone gets */
    struct slice etag;        /* the value of ETag; empty: none */
    const char *coding;       /* the value of Content-Encoding; NULL: none */
    const char *vary;         /* the value of Vary; NULL: none */
    struct slice request_id;  /* the value of X-Request-Id */
    struct slice body;        /* copied; not sent when the request was HEAD, but counted */
    bool close;               /* close the connection behind it */
    bool pause;               /* read nothing more of this client for HTTP_PAUSE_NS, because it asks too much */
};

#define HTTP_PAUSE_NS INT64_C(100000000)

struct http_handlers {
    void (*on_request)(struct http_request *request, void *argument);
    /* A client waits for leave to send the body of this request (RFC 9110 section 10.1.1), which has none yet. True
     * when it was answered at once instead; the connection is then closed behind the answer. False: on_request
     * follows when the body has come, and nothing must be kept until then. NULL: leave is always given. */
    bool (*on_head)(struct http_request *request, void *argument);
    void (*on_leave)(struct http_request *request, enum http_leave how, void *argument);
    /* The client took all that was sent of a streamed response. */
    void (*on_writable)(struct http_request *request, void *argument);
    /* No connection is left of a drained server. */
    void (*on_drained)(void *argument);
    void *argument;
};

struct http_limits {
    size_t connections;
    int64_t read_ns;  /* first byte to the end of the request, else refusal 408 */
    int64_t idle_ns;  /* between requests */
    int64_t write_ns; /* without one byte taken by the client */
};

/* What stands between the gate, which is the same for all, and the caller. */
enum http_engine_kind {
    HTTP_EVHTTP, /* libevent's evhttp */
    HTTP_DIRECT, /* nothing: what the gate has read is the request */
};

/* NULL when there is no memory for the engine. */
struct http *http_new(struct loop *loop, enum http_engine_kind engine, const struct http_handlers *handlers,
                      const struct http_limits *limits);

/* Takes the descriptor: http_drain and http_free close it. */
void http_add_listener(struct http *http, int fd);

/* Stops listening without a look at the queue, because another process goes on with it. Each connection is closed
 * behind its next response, idle ones by their time. on_drained follows. */
void http_retire(struct http *http);

enum http_queue {
    HTTP_ACCEPT_QUEUE, /* it would be reset when the socket is closed */
    HTTP_LEAVE_QUEUE,  /* somebody else keeps the socket open, and the next server finds it there */
};

/* Stops listening, closes idle connections; each other one is closed behind its next response. on_drained follows,
 * from the loop. queue: what becomes of the connections that the kernel has queued. */
void http_drain(struct http *http, enum http_queue queue);

/* Closes everything at once. on_leave is called for what was not answered. */
void http_free(struct http *http);

void http_respond(struct http_request *request, const struct http_response *response);

/* A response in pieces, of a length that is not known (chunked for HTTP/1.1, until close for HTTP/1.0). After begin,
 * any number of pieces, then end; or abort, which lets the client see that the response is cut short. Send more when
 * on_writable says so, or the answers gather in memory. */
void http_respond_begin(struct http_request *request,
                        const struct http_response *response); /* body is ignored */
void http_respond_piece(struct http_request *request, struct slice piece);
void http_respond_end(struct http_request *request);
void http_respond_abort(struct http_request *request);

/* Who is told of an open response, in place of the handlers. */
struct http_stream {
    /* As the handlers' on_leave; HTTP_HALF_CLOSED may come as well, after which the response may go on. */
    void (*on_leave)(struct http_request *request, enum http_leave how);
    void (*on_writable)(struct http_request *request);
};

/* A response in pieces that goes on for as long as its client stays: begins it, as http_respond_begin does; pieces, end
 * and abort as there. The connection is closed behind it, and what its client sends meanwhile is thrown away. Many of
 * them may wait at once: what is kept for one is its connection and what was not sent. */
void http_respond_open(struct http_request *request, const struct http_response *response,
                       const struct http_stream *stream);

/* The client's address as text, "" when unknown. */
void http_peer(const struct http_request *request, char *out, size_t size);

/* The other end of its connection: a sockaddr_in or a sockaddr_in6; of other families the family alone, AF_UNSPEC when
 * unknown. Good as long as the request is. */
const struct sockaddr *http_peer_address(const struct http_request *request);

size_t http_connection_count(const struct http *http);

/* Sets the metrics of its connections. */
void http_sample(const struct http *http);

const char *http_reason(int status);

#endif
