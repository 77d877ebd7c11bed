/* The life of a request, from begin to its one end. It is answered exactly once, within its deadline; whatever ends it
 * (an answer, the deadline, a client that left, the end of the server) goes through one exit, which takes back what it
 * waits for. How it is understood and started: core/dispatch.h. */
#ifndef ROWLOCK_CORE_REQUEST_H
#define ROWLOCK_CORE_REQUEST_H

#include "base/arena.h"
#include "base/list.h"
#include "core/call.h"
#include "core/pending.h"
#include "core/reply.h"
#include "core/route.h"

struct server;

#define REQUEST_ID_MAX 64

struct request {
    struct server *server;
    struct http_request *http; /* NULL when it was answered or its client is gone */
    const struct route *route; /* NULL when none was found */
    struct pending *pending;   /* what it waits for, or what it has waited for last; NULL: nothing as yet */
    void *state;               /* what the app keeps for this request, in the arena */
    enum http_method method;
    bool understood;   /* its head is well-formed: it has a method and a path */
    struct slice id;   /* X-Request-Id */
    struct slice path; /* as sent; for the log */
    struct slice if_match, if_none_match, idempotency_key; /* .ptr NULL when not sent */
    int64_t started, due; /* due: its deadline, which a streamed reply moves on as it goes */
    /* Of a streamed reply. */
    void (*more)(struct request *request);
    bool streaming; /* it has begun */
    bool parked;    /* it waits for its client: no deadline, on the server's list of streams */

    /* What stands above is zeroed when a request begins; what stands below is kept, or written before it is read. */
    struct arena arena;    /* everything that belongs to the request */
    struct list_node link; /* on the server's list, oldest first; on its list of spares after the end */
    struct call call;      /* its own, unless it reads along with others; see request_start_call */
    struct value values[ROUTE_FIELDS_MAX]; /* path, query, body; see route_field */
    char id_text[REQUEST_ID_MAX];
};

/* For a request that HTTP has read. Its id, path and the fields above are taken from the head; route and values are not
 * known yet. */
struct request *request_begin(struct server *server, struct http_request *http);

/* It was not answered and begins anew when its body has come; it must not be touched afterwards. */
void request_forget(struct request *request);

/* The server's reply, emptied; write it, then request_send. */
struct reply *request_reply(struct request *request);

/* Sends a reply and ends the request, which must not be touched afterwards. */
void request_send(struct request *request, const struct reply *reply);
void request_problem(struct request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A reply in pieces, for what may be long: begin with its status and fields, then pieces, then end. more is called when
 * the client took what was sent (first from the loop, behind begin), and the deadline counts anew from there; while the
 * client takes its time, only HTTP's limit for clients that take nothing counts. What
 * request_send is given then cannot be sent any more: the reply is cut short so that the client sees it. */
void request_stream_begin(struct request *request, const struct reply *reply,
                          void (*more)(struct request *request));
void request_stream_piece(struct request *request, struct slice piece);
void request_stream_end(struct request *request);

/* Starts the request's own call, and waits for it. done has to reply, or to start what comes next. Parameters are
 * copied. Anything but CALL_STARTED: the caller replies. */
enum call_start request_start_call(struct request *request, const struct statement *statement,
                                   const struct db_param *params, call_cb *done, void *argument);
/* The same, but replies when it was not started. */
void request_call(struct request *request, const struct statement *statement, const struct db_param *params,
                  call_cb *done, void *argument);

/* Whoever could not start a statement says so with this. */
void request_not_started(struct request *request, enum call_start why);

/* What HTTP calls when the client leaves, or has taken what was sent. */
void request_on_leave(struct http_request *http, enum http_leave how, void *server);
void request_on_writable(struct http_request *http, void *server);

/* Answers every pending request with 503. */
void request_end_all(struct server *server, const char *why);
void request_free_spares(struct server *server);
void request_on_deadline(void *server);

#endif
