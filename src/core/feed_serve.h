/* Inside a feed: who is given what next. */
#ifndef ROWLOCK_CORE_FEED_SERVE_H
#define ROWLOCK_CORE_FEED_SERVE_H

#include "core/feed_client.h"

void feed_serve_init(struct feed *feed);
void feed_serve_fini(struct feed *feed); /* no client is left */

/* A client has taken what it was given: finds out what comes next for it. */
void feed_serve_place(struct feed_client *client);

/* All that were given everything, or wait for the reader, in the next turns. */
void feed_serve_all(struct feed *feed);
bool feed_serve_is_done(const struct feed *feed);

/* What was read is no longer in the database: clients are to be placed anew. */
void feed_serve_scatter(struct feed *feed);

/* The next page of whoever waits for one, unless one is being read. */
void feed_serve_page(struct feed *feed);

#endif
