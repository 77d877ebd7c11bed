/* What stores on a server have in common: one connection, on which answers come in the order of the questions. No
 * caller waits for it longer than STORE_PATIENCE_NS: when the server has not answered by then, the connection is
 * closed and all that was asked is a miss. Until a new connection has answered a greeting, nothing is asked.
 *
 * A protocol (redis.c, memcached.c) embeds the struct and fills ops: it writes commands and takes answers apart; it
 * never sees the socket. */
#ifndef ROWLOCK_STORE_STORE_REMOTE_H
#define ROWLOCK_STORE_STORE_REMOTE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/cacheurl.h"
#include "base/list.h"
#include "io/loop.h"
#include "store/store.h"

struct store_remote;
struct resolve;

enum store_remote_take {
    STORE_REMOTE_ONE,  /* an answer was taken: there may be another */
    STORE_REMOTE_MORE, /* it is not complete */
    STORE_REMOTE_BAD,  /* no server of this protocol says that: the connection is dropped */
};

struct store_remote_ops {
    const char *name;
    /* Writes the greeting; take then has to find out whether its answer is a welcome. */
    void (*greet)(struct store_remote *remote, struct buf *out);
    /* Write a command, or say false and write nothing. */
    bool (*find)(struct store_remote *remote, struct slice key, struct buf *out);
    bool (*put)(struct store_remote *remote, struct slice key, struct slice value, int64_t life_ns,
                struct buf *out);
    /* Takes one answer off the front of in and reports it: by store_remote_ready while greeting, then by
     * store_remote_answer. */
    enum store_remote_take (*take)(struct store_remote *remote, struct buf *in);
    void (*reset)(struct store_remote *remote); /* the connection is gone: forget what came half */
    void (*free)(struct store_remote *remote);
};

enum store_remote_state {
    STORE_REMOTE_WAITING, /* for the next attempt */
    STORE_REMOTE_RESOLVING,
    STORE_REMOTE_GREETING, /* connecting, until the greeting was answered */
    STORE_REMOTE_READY,
};

struct store_remote {
    struct store store;
    const struct store_remote_ops *ops;
    struct loop *loop;
    const struct cacheurl *url;
    enum store_remote_state state;
    struct loop_timer *timer; /* the next attempt, the limit of this one, or the oldest command's */
    struct resolve *resolving;
    int fd; /* -1: none */
    struct loop_watch *watch;
    struct loop_task flush; /* what one turn asks leaves together */
    struct buf in, out;
    struct list commands; /* sent, in order */
    size_t bytes;         /* of those */
    unsigned failures;    /* in a row */
    char reason[128];     /* why the protocol said STORE_REMOTE_BAD; "" when it did not say */
};

/* The url must outlive it. Connects in the background. */
void store_remote_init(struct store_remote *remote, struct loop *loop, const struct cacheurl *url,
                       const struct store_remote_ops *ops);
void store_remote_fini(struct store_remote *remote);

/* For take: */
void store_remote_ready(struct store_remote *remote);
/* To the oldest command; .ptr NULL: nothing was found. */
void store_remote_answer(struct store_remote *remote, struct slice value);
/* Whether the oldest command is a find. There must be one. */
bool store_remote_finds(const struct store_remote *remote);

#endif
