/* Inside HTTP: one connection, and the lists by which its server finds it. */
#ifndef ROWLOCK_HTTP_CONN_H
#define ROWLOCK_HTTP_CONN_H

#include "base/buf.h"
#include "base/list.h"
#include "http/http.h"
#include "http/http_room.h"

/* A connection sits on the list of its state, in the order in which it came there, so that the oldest is first. */
enum http_state {
    HTTP_IDLE,      /* nothing of a request has come */
    HTTP_READING,   /* a part of one has */
    HTTP_PENDING,   /* the caller owes an answer */
    HTTP_STREAMING, /* the caller is answering, piece by piece; since: when the client last took something */
    HTTP_WRITING,   /* the client does not take what it asked for */
    HTTP_LINGER, /* answered and shut down for writing; reading on, so that no reset overtakes the answer */
    HTTP_CLOSED, /* to be freed at the end of the turn */
    HTTP_STATES,
};

struct http {
    struct loop *loop;
    struct http_handlers handlers;
    struct http_limits limits;
    struct list states[HTTP_STATES];
    struct http_room room;
    struct list dirty;     /* connections with something to send */
    struct list resumable; /* connections with input that was left for the next turn */
    struct loop_task flush, bury;
    struct loop_timer *sweep, *resume, *accept_again;
    struct http_listener *listeners;
    size_t listener_count;
    bool listening, draining, drained;
    bool dismissing; /* idle connections are closed */
    bool crowded;    /* somebody waits for room: the next answer closes its connection */
    int64_t told_crowded;
    char scratch[65536]; /* what one read takes */
};

struct http_conn {
    struct list_node state_link, dirty_link, resume_link;
    struct list_node room_link; /* of its group, while its request is unfinished */
    struct http *http;
    struct loop_watch *watch;
    int fd;
    enum http_state state;
    int64_t since;  /* when it came to this state; in HTTP_WRITING: when the client last took something */
    struct buf in;  /* read and not yet used */
    size_t in_seen; /* how far in was searched for the end of a head */
    struct buf out; /* not yet sent, from out_sent on */
    size_t out_sent;
    struct buf body; /* of a chunked request */
    struct http_chunks chunks;
    size_t head_length; /* of the head at the front of in whose body is awaited; 0: none */
    size_t lingered;    /* bytes thrown away in HTTP_LINGER */
    struct http_request request;
    unsigned group;                    /* of its client's address; see http_room.h */
    bool used;                         /* a part of a request has come, now or before */
    bool asked;                        /* a whole one has */
    bool eof;                          /* the client will send no more */
    bool close;                        /* close when out is sent */
    bool linger;                       /* ... and keep reading for a while */
    bool keep_alive, is_head, minor_0; /* of the request that is pending */
    bool chunked_out;                  /* the response that is streamed has chunks */
    bool continued;                    /* 100 was sent for the request that is being read */
    bool processing;                   /* conn_process is on the stack */
};

size_t http_conn_count(const struct http *http);
/* Of one that is not worked on: a part of a request has come. */
bool http_conn_has_begun(const struct http_conn *conn);
void http_conn_open(struct http *http, int fd, const struct sockaddr *peer); /* peer: NULL when unknown */
void http_conn_close(struct http_conn *conn); /* now; the memory goes at the end of the turn */
void http_conn_process(struct http_conn *conn);
void http_conn_flush(struct http_conn *conn);
void http_conn_evict(struct http_conn *conn); /* as close, with a word where a part of a request has come */
void http_conn_time_out(struct http_conn *conn); /* it sat in its state for too long */

/* The server's: a connection went, or lingers only. */
void http_server_on_closed(struct http *http);

#endif
