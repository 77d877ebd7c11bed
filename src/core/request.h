/* The life of a request. It is answered exactly once, within its deadline. Whatever ends it (an answer, the deadline, a
 * client that left, the end of the server) goes through one exit, which takes back what the request waits for.
 * core/dispatch.h finds its route and starts it. */
#ifndef ROWLOCK_CORE_REQUEST_H
#define ROWLOCK_CORE_REQUEST_H

#include "base/arena.h"
#include "base/list.h"
#include "core/call.h"
#include "core/caller.h"
#include "core/pending.h"
#include "core/reply.h"
#include "core/route.h"
#include "core/visitor.h"
#include "trace/trace.h"

struct api_key;
struct crowd_place;
struct server;

#define REQUEST_ID_MAX 64

struct request {
    struct server *server;
    struct http_request *http; /* NULL when it was answered or its client is gone */
    const struct route *route; /* NULL when none was found */
    struct pending *pending;   /* what it waits for, or has waited for last; NULL: it has not waited yet */
    void *state;               /* what the app keeps for this request, in the arena */
    /* By which it asks, in the arena; NULL: by none, or keys are not set. See core/admit.h. */
    const struct api_key *key;
    const char *key_wrong; /* why the key that was given does not count; NULL: it does, or none was */
    enum http_method method;
    size_t endpoint;         /* by which it is counted; see core/meter.h */
    bool takes_gzip;         /* and the server has it */
    bool takes_html;         /* rather than JSON, and the server has pages */
    bool given_up;           /* its reply is its last: nothing further may be started */
    bool key_malformed;      /* it is none, or is given twice */
    bool understood;         /* its head is well-formed: it has a method and a path */
    struct slice id;         /* X-Request-Id */
    struct slice path;       /* as sent; for the log */
    struct slice own_fields; /* that its reply has, whoever shares the rest of it; each "Name: value\r\n" */
    struct caller caller;    /* who sent it */
    uint64_t caller_number;  /* what is counted by; not 0 */
    struct crowd_place *inside; /* where it is counted as one that is worked on; NULL: nowhere */
    struct trace trace;
    const struct visitor *visitor;                         /* NULL: nobody is told what it asks for */
    uint64_t sent;                                         /* bytes of the body that was sent */
    struct slice if_match, if_none_match, idempotency_key; /* .ptr NULL when not sent */
    /* Gets a reply in place of the client, from request_send, and sends it, in whatever form, or starts something else:
     * the reply may be shared, and must stay as it is. NULL: the client gets it. See core/visit.h. */
    void (*take)(struct request *request, const struct reply *reply);
    void *visit;          /* of who takes it, in the arena */
    int64_t started, due; /* due: its deadline, which a streamed reply moves on as it goes */
    /* Of a streamed reply. */
    void (*more)(struct request *request);
    bool streaming; /* it has begun */
    bool parked;    /* it waits for its client: no deadline, on the server's list of streams */

    /* Members above are zeroed when a request begins; members below are kept, or are written before they are read. */
    struct arena arena;    /* everything that belongs to the request */
    struct list_node link; /* on the server's list, oldest first; on its list of spares after the end */
    struct call call;      /* see request_start_call; unused when it shares a read */
    struct value values[ROUTE_FIELDS_MAX]; /* path, query, body; see route_field */
    char id_text[REQUEST_ID_MAX];
};

/* For a request that HTTP has read: takes its id, path and fields from the head. route and values are not known yet. */
struct request *request_begin(struct server *server, struct http_request *http);

/* Ends a request without an answer: it begins anew when its body has come. It must not be touched afterwards. */
void request_forget(struct request *request);

/* The server's reply, emptied; write it, then request_send. */
struct reply *request_reply(struct request *request);

/* A field of its reply that this client alone gets. */
void request_add_field(struct request *request, const char *name, struct slice value);

/* Sends a reply and ends the request, which must not be touched afterwards. */
void request_send(struct request *request, const struct reply *reply);
void request_problem(struct request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A reply in pieces, for one that may be long: begin with its status and fields, then pieces, then end. more is called
 * from the loop each time the client has taken what was sent, and the deadline counts anew from there. Until then only
 * HTTP's limit for clients that take nothing counts. request_send after begin cuts the reply short, so that the client
 * sees that it failed. */
void request_stream_begin(struct request *request, const struct reply *reply,
                          void (*more)(struct request *request));
void request_stream_piece(struct request *request, struct slice piece);
void request_stream_end(struct request *request);

/* Begins a reply in pieces that goes on without an end, and ends the request: from here on HTTP's request is the
 * owner's, who finds himself in its user, and HTTP tells the stream of it (http_respond_open). Its place among those
 * that are worked on stays taken (*inside) until the owner calls crowd_leave. */
struct http_request *request_stream_open(struct request *request, const struct reply *reply,
                                         const struct http_stream *stream, void *owner,
                                         struct crowd_place **inside);

/* Starts the request's own call and has the request wait for it. done must reply, or start what comes next. Parameters
 * are copied. When it returns anything but CALL_STARTED, the caller must reply. */
enum call_start request_start_call(struct request *request, const struct statement *statement,
                                   const struct db_param *params, call_cb *done, void *argument);
/* The same, but replies when it was not started. */
void request_call(struct request *request, const struct statement *statement, const struct db_param *params,
                  call_cb *done, void *argument);

/* The reply when a statement could not be started. */
void request_not_started(struct request *request, enum call_start why);

/* What HTTP calls when the client leaves, or has taken what was sent. */
void request_on_leave(struct http_request *http, enum http_leave how, void *server);
void request_on_writable(struct http_request *http, void *server);

/* Answers every pending request with 503. */
void request_end_all(struct server *server, const char *why);
void request_free_spares(struct server *server);
void request_on_deadline(void *server);

#endif
