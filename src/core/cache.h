/* Replies that are kept for a while: those of GETs whose route says .cached. What is kept is what a shared read
 * wrote, and it is as old as the moment at which its statement was sent to the database: five seconds after that it
 * is dead, whatever happens. A change that the database tells of (NOTIFY, PostgreSQL) makes it die at once: a reply
 * counts only if its statement was sent after the last change of its group was heard of, whoever wrote it and
 * wherever it is kept.
 *
 * A group is an app: the tables of users notify "users". */
#ifndef ROWLOCK_CORE_CACHE_H
#define ROWLOCK_CORE_CACHE_H

#include "core/request.h"

#define CACHE_LIFE_NS (5 * CLOCK_SECOND)

struct cache;

/* By the setting. Knows its database, if that says who it is only later, by cache_on_listening. */
struct cache *cache_new(struct server *server);
void cache_free(struct cache *cache); /* every request must be over; NULL is harmless */

/* Whether any route that is served is kept at all. */
bool cache_wanted(const struct server *server);

/* Replies from the cache, or starts the shared read; at once, or within STORE_PATIENCE_NS. Texts in params
 * must last as long as the request. */
void cache_read(struct cache *cache, struct request *request, const struct statement *statement,
                const struct db_param *params);

/* Keeps the reply of a statement that was sent then. */
void cache_keep(struct cache *cache, const struct route *route, const struct statement *statement,
                const struct db_param *params, int64_t sent, const struct reply *reply);

/* The database's events: a group changed; from now on it tells of changes, some of which may have been
 * missed. */
void cache_on_change(struct cache *cache, struct slice group);
void cache_on_listening(struct cache *cache, struct slice database);

#endif
