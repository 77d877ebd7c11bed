/* Inside a feed: what it consists of, and its clients, each of whom is an open response of HTTP and a place in the
 * ring. Here is what can be done with a client; what is to be done, and when, is in feed_serve.h and feed.h. */
#ifndef ROWLOCK_CORE_FEED_CLIENT_H
#define ROWLOCK_CORE_FEED_CLIENT_H

#include "base/list.h"
#include "core/chore.h"
#include "core/feed_owners.h"
#include "core/feed_reader.h"
#include "core/scope.h"
#include "http/http.h"

/* A client sits on the list of its state. */
enum feed_state {
    FEED_EARLY, /* it waits for what the reader finds: where the feed ends, or whether there is what it names */
    FEED_PAGING,  /* it is further back than the ring, and waits for its turn to have a page read */
    FEED_READING, /* its page is being read; one at most */
    FEED_LIVE,    /* it was given all that it lacked; in the order of next */
    FEED_BEHIND,  /* the ring has something for it to look at */
    FEED_SENDING, /* it is taking what it was given */
    FEED_STATES,
};

struct admitted;
struct crowd_place;
struct server;

struct feed_client {
    struct list_node link,
        beat_link; /* of its state; of all, in the order in which they were last sent something */
    struct feed *feed;
    struct http_request *http;
    struct crowd_place *inside; /* where it is counted as a request that is worked on; NULL: nowhere */
    struct feed_filter filter;  /* owner is owned */
    struct admitted *who;       /* owned; NULL: keys are not set */
    uint64_t owner_hash;        /* of the filter */
    enum feed_state state;
    bool fresh;                    /* it has not asked for anything older than itself */
    bool joined;                   /* it goes on in the ring, at next; else behind position */
    bool told;                     /* it knows that something may be missing before position */
    uint64_t next, asked;          /* asked: how many reads had been sent when it came */
    struct feed_position position; /* of the last event that was looked at for it */
    int64_t beat;                  /* when it was last sent something */
};

struct feed {
    struct list_node link; /* of its server's */
    struct loop *loop;
    struct calls *calls;
    const struct feed_source *source;
    struct feed_ring ring;
    struct feed_reader reader;
    struct chore purge; /* unused when events are kept for ever */
    struct list states[FEED_STATES];
    struct list beats; /* all clients */
    size_t clients_max;
    struct feed_owners
        owners;       /* of the events that were last looked at for a client who wants those of one */
    struct buf piece; /* the last that was put together */
    struct {
        uint64_t from, to, end; /* its events, and where the ring ended then */
        bool open;              /* for clients that take everything */
    } gathered;
    struct call page;
    struct feed_client *paged; /* whose page it is; NULL: nobody's */
    struct loop_timer *sweep, *beating, *draining, *checking;
    const struct server *server; /* whose keys count */
    uint64_t keys_seen;          /* the version of them by which all clients were looked at */
    scope_set anonymous_seen;
    int64_t drained; /* when all are to be gone; 0: it does not drain */
};

#define FEED_PIECE_MAX ((size_t)32 << 10) /* what is kept for a client who does not take it */

/* Takes what filter refers to by a copy. http and state are to be set. */
struct feed_client *feed_client_new(struct feed *feed, const struct feed_filter *filter);
void feed_client_free(struct feed_client *client); /* HTTP has let go of it */

void feed_client_set_state(struct feed_client *client, enum feed_state state);

/* Something that the client is to take before it is given more; something small beside that. */
void feed_client_send(struct feed_client *client, struct slice piece);
void feed_client_say(struct feed_client *client, struct slice piece);

/* Ends the response as one that is whole, or so that the client sees that it is not, and frees the client. */
void feed_client_end(struct feed_client *client);
void feed_client_cut(struct feed_client *client);

#endif
