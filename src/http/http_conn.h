/* Inside HTTP: the life of one connection between reading (http_reader.h) and writing (http_writer.h), and the lists by
 * which its server finds it. A connection calls nothing of the server: it changes lists, and defers the server's
 * tasks. */
#ifndef ROWLOCK_HTTP_CONN_H
#define ROWLOCK_HTTP_CONN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/list.h"
#include "http/http.h"
#include "http/http_engine.h"
#include "http/http_groups.h"
#include "http/http_reader.h"
#include "http/http_writer.h"

/* A connection sits on the list of its state, in the order in which it came there, so that the oldest is first. */
enum http_state {
    HTTP_IDLE,      /* nothing of a request has come */
    HTTP_READING,   /* a part of one has */
    HTTP_PENDING,   /* the caller owes an answer */
    HTTP_STREAMING, /* the caller is answering, piece by piece; since: when the client last took something */
    HTTP_WRITING,   /* all is answered, but the client does not take it; since: when it last took something */
    HTTP_LINGER, /* answered and shut down for writing; reading on, so that no reset overtakes the answer */
    HTTP_CLOSED, /* to be freed at the end of the turn */
    HTTP_STATES,
};

struct http {
    struct loop *loop;
    struct http_handlers handlers;
    struct http_limits limits;
    const struct http_engine *engine;
    const struct http_engine *gate; /* what answers a request that no engine has seen */
    void *engine_state;             /* the engine's own */
    size_t arriving;                /* connections that the engine has accepted and not opened yet */
    struct list states[HTTP_STATES];
    struct http_groups groups;
    struct http_spares spares;
    struct list dirty;       /* connections with something to send */
    struct list resumable;   /* connections with input that was left for the next turn */
    struct list paused;      /* those that are not read for a while, in the order in which they will be again */
    struct loop_task flush;  /* deferred while dirty has one */
    struct loop_task settle; /* deferred when a connection was closed or lingers */
    struct loop_timer *sweep, *resume, *unpause, *accept_again;
    struct http_listener **listeners; /* each owned */
    size_t listener_count;
    bool listening, draining, drained;
    bool emptying;                      /* it drains, and accepts what the kernel has queued */
    bool dismissing;                    /* idle connections are closed */
    bool crowded;                       /* somebody waits for room: the next answer closes its connection */
    int64_t told_crowded, told_evicted; /* when the log said so last */
    char scratch[65536];                /* what one read takes */
};

enum http_closing {
    HTTP_CLOSE_ANSWERED,  /* its last response was sent */
    HTTP_CLOSE_LEFT,      /* the client has closed it, and nothing is owed */
    HTTP_CLOSE_LOST,      /* reading or writing failed */
    HTTP_CLOSE_OVERFLOW,  /* more is to be kept for it than a connection may have */
    HTTP_CLOSE_ABORTED,   /* its response could not be completed */
    HTTP_CLOSE_TIMED_OUT, /* it sat in its state for too long */
    HTTP_CLOSE_MADE_ROOM, /* for a new one */
    HTTP_CLOSE_DRAINED,   /* it was idle when the server drained */
    HTTP_CLOSE_STOPPED,   /* the server ends */
};

struct http_conn {
    struct list_node state_link, dirty_link;
    struct list_node resume_link; /* of the resumable or the paused */
    struct list_node group_link; /* while its request is unfinished */
    struct http *http;
    void *engine; /* the engine's own */
    struct loop_watch *watch;
    int fd; /* open until the end of the turn in which it was closed */
    enum http_state state;
    int64_t since; /* when it came to this state; in HTTP_WRITING: when the client last took something */
    struct http_reader reader;
    struct http_writer writer;
    struct http_exchange exchange; /* the request that is pending */
    size_t lingered;               /* bytes thrown away in HTTP_LINGER */
    unsigned group;                /* of its client's address */
    int64_t paused_until;
    struct sockaddr_in6 peer;      /* or a sockaddr_in; of other families the family alone */
    bool used;                     /* a part of a request has come, now or before */
    bool asked;                    /* a whole one has */
    bool eof;                      /* the client will send no more */
    bool close;                    /* close when all is sent */
    bool linger;                   /* ... and keep reading for a while */
    bool processing;               /* http_conn_process is on the stack */
    bool paused;                   /* it is on that list */
    bool opened;                   /* the head of an open response was sent */
    bool detached;                 /* the engine has let go of it */
};

size_t http_conn_count(const struct http *http);

/* peer: NULL when unknown. */
struct http_conn *http_conn_open(struct http *http, int fd, const struct sockaddr *peer);

/* By the engine: the request that was handed to it, as it has read it. */
void http_conn_deliver(struct http_conn *conn, const struct http_head *head, struct slice body);
/* By the engine, in place of that: it has not taken the request for one, so that the gate refuses it. */
void http_conn_disown(struct http_conn *conn);

/* At the end of the turn in which it was closed. */
void http_conn_free(struct http_conn *conn);

/* Now; descriptor and memory go at the end of the turn. on_leave is called if an answer is owed. */
void http_conn_close(struct http_conn *conn, enum http_closing reason);
void http_conn_process(struct http_conn *conn);
void http_conn_flush(struct http_conn *conn);
void http_conn_unpause(struct http_conn *conn);  /* its time is over */
void http_conn_evict(struct http_conn *conn);    /* makes room; an unfinished request is answered with 408 */
void http_conn_time_out(struct http_conn *conn); /* it sat in its state for too long */

#endif
