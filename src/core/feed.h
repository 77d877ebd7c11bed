/* A feed: events of a table that only grows, sent to whoever listens (text/event-stream, the HTML standard, section
 * 9.2). A process has one reader of it (feed_reader.h), and what it reads is shared by all clients: each is a place in
 * the ring of the newest events (feed_ring.h). Who comes again from further back gets pages from the database. Nothing
 * is lost, comes twice or out of order for a client that says, when it comes again, which event it has seen last; where
 * that is no longer known, it is told so by an event "gap". */
#ifndef ROWLOCK_CORE_FEED_H
#define ROWLOCK_CORE_FEED_H

#include "core/feed_event.h"

struct feed;
struct request;
struct server;

/* Of the feeds of a server: added before its first request, freed when its HTTP is gone. */
void feed_add(struct server *server, const struct feed_source *source);
void feed_free_all(struct server *server);

/* This process has changed something. */
void feed_wake_all(struct server *server);

void feed_sample(const struct server *server); /* sets the metrics of who listens */

/* All clients are sent away, one after the other within that time, so that they do not come back all at once. Who comes
 * later is sent away at once. */
void feed_drain_all(struct server *server, int64_t within_ns);

/* Answers the request with events: from the field Last-Event-ID on, else from since (.ptr NULL: from now on), those
 * that the filter takes, which is copied. */
void feed_subscribe(struct request *request, const struct feed_source *source, struct slice since,
                    const struct feed_filter *filter);

#endif
