/* Replies that are kept for a while: those of GETs whose route says .cached, as shared reads have written them. A reply
 * is as old as the moment at which its statement was sent to the database. It is used for five seconds from then on at
 * most, and only if that moment lies behind the last notice of a change of its group (NOTIFY, PostgreSQL), whichever
 * server wrote it and wherever it is kept.
 *
 * A group is an app: the tables of users notify "users". */
#ifndef ROWLOCK_CORE_CACHE_H
#define ROWLOCK_CORE_CACHE_H

#include "core/answer.h"
#include "core/pending.h"
#include "store/store.h"

#define CACHE_LIFE_NS (5 * CLOCK_SECOND)

struct app;
struct arena;
struct cache;
struct settings;

/* By the setting, for the apps that are served; what is kept is read into reply. All are borrowed. The name of a
 * PostgreSQL database comes later, with cache_on_listening; until then a store that servers share is not used. */
struct cache *cache_new(const struct settings *settings, const struct app *const *apps, struct loop *loop,
                        struct reply *reply);
void cache_free(struct cache *cache); /* every look-up must be over; NULL is harmless */

/* Whether any route that is served is kept at all. */
bool cache_wanted(const struct settings *settings, const struct app *const *apps);

enum cache_found {
    CACHE_MISS,
    CACHE_HIT,   /* the kept reply stands in the reply */
    CACHE_LATER, /* found is called, once, within STORE_PATIENCE_NS, unless that is cancelled */
};

struct cache_lookup {
    struct pending pending;
    /* reply: what was kept; NULL: nothing. Set before. */
    void (*found)(struct cache_lookup *lookup, const struct reply *reply);
    /* inside */
    struct store_find find;
    struct cache *cache;
    const struct route *route;
    struct slice key; /* in the arena */
    bool waiting;
};

enum cache_found cache_find(struct cache *cache, struct cache_lookup *lookup, const struct route *route,
                            const struct statement *statement, const struct db_param *params,
                            struct arena *arena);

/* Keeps the reply that was written, if its route says .cached; sent: when its statement was sent. */
void cache_keep(struct cache *cache, const struct answering *answering, int64_t sent);

/* The database's events: a group changed; from now on it tells of changes, some of which may have been
 * missed. */
void cache_on_change(struct cache *cache, struct slice group);
void cache_on_listening(struct cache *cache, struct slice database);

#endif
