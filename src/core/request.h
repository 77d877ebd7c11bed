/* The life of a request: from the socket to its route, through validation to a statement, and back. It is answered
 * exactly once, within its deadline; whatever ends it (an answer, the deadline, a client that left, the end of the
 * server) goes through one exit, which takes back what has not been sent and forgets what has. */
#ifndef ROWLOCK_CORE_REQUEST_H
#define ROWLOCK_CORE_REQUEST_H

#include "base/arena.h"
#include "base/list.h"
#include "core/call.h"
#include "core/reply.h"
#include "core/route.h"

struct server;
struct shared_read;

#define REQUEST_ID_MAX 64

struct request {
    struct list_node link; /* on the server's list, oldest first; on its list of spares when over */
    struct server *server;
    struct http_request *http; /* NULL when it was answered or its client is gone */
    bool understood;           /* its head is well-formed: there are a method and a path */
    enum http_method method;
    const struct route *route;             /* NULL when none was found */
    struct arena arena;                    /* everything that belongs to the request */
    struct value values[ROUTE_FIELDS_MAX]; /* path, query, body; see route_field */
    struct slice id;                       /* X-Request-Id */
    char id_text[REQUEST_ID_MAX];
    struct slice path;                                     /* as sent; for the log */
    struct slice if_match, if_none_match, idempotency_key; /* .ptr NULL when not sent */
    int64_t started, due; /* due: its deadline, which a streamed reply moves on as it goes */
    bool streaming;       /* its reply has begun */
    bool parked;      /* it waits for its client, not for us: no deadline, on the server's list of streams */
    struct call call; /* its statement, unless it reads along with others */
    struct shared_read *read; /* the read it waits for, if any */
    struct list_node read_link;
    void (*more)(struct request *request);   /* of a streamed reply, or of a key that is not known yet */
    void (*finish)(struct reply *reply);     /* of a call with an idempotency key */
    unsigned again;                          /* how often that call, or a conditional write, was repeated */
    bool reading;                            /* its call is one that changes nothing, before one that does */
    struct slice guard;                      /* of a conditional write: as its record was read last */
    void (*cancel)(struct request *request); /* takes back something else that it waits for; NULL: nothing */
    void *waiting_for;
    struct refusal *refusal; /* what the database refused, while it is asked for the reason */
};

/* The server's reply, emptied; write it, then request_send. */
struct reply *request_reply(struct request *request);

/* Sends a reply and ends the request, which must not be touched afterwards. */
void request_send(struct request *request, const struct reply *reply);
void request_problem(struct request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A reply in pieces, for what may be long: begin with its status and fields, then pieces, then end. more is called when
 * the client took what was sent (first from the loop, behind begin), and the deadline counts anew from there; while the
 * client takes its time, only HTTP's limit for clients that take nothing counts. abort lets the client see that the
 * reply is cut short. */
void request_stream_begin(struct request *request, const struct reply *reply,
                          void (*more)(struct request *request));
void request_stream_piece(struct request *request, struct slice piece);
void request_stream_end(struct request *request);
void request_stream_abort(struct request *request);

/* Starts the statement for this request alone or in a set. Without `done` its answer becomes the reply by the
 * route; with it, done has to reply. */
void request_call(struct request *request, const struct statement *statement, const struct db_param *params,
                  call_cb *done);
/* The same, but the caller replies when it was not started. */
enum call_start request_try_call(struct request *request, const struct statement *statement,
                                 const struct db_param *params, call_cb *done);

/* The fields of the route to the parameters of a statement, by name. */
void request_bind(struct request *request, const struct statement *statement,
                  struct db_param params[DB_PARAMS_MAX]);

/* The answer of the request's statement, or its error, becomes the reply. */
void request_answer(struct request *request, const struct statement *statement, const struct db_param *params,
                    const struct db_answer *answer);

/* The reply to an answer, by the route's answer or shape. */
void request_write_answer(const struct route *route, const struct statement *statement,
                          const struct db_param *params, const struct db_answer *answer, struct reply *reply);

/* Whoever could not start a statement says so with this. */
void request_not_started(struct request *request, enum call_start why);

/* What HTTP calls. */
void request_on_http(struct http_request *http, void *server);
bool request_on_head(struct http_request *http, void *server);
void request_on_leave(struct http_request *http, enum http_leave how, void *server);

void request_on_writable(struct http_request *http, void *server);

/* Answers every pending request with 503. */
void request_end_all(struct server *server, const char *why);
void request_free_spares(struct server *server);
void request_on_deadline(void *server);

#endif
