/* The events of orders, as they happen: GET /orders/events. */
#ifndef ROWLOCK_APPS_ORDERS_EVENTS_H
#define ROWLOCK_APPS_ORDERS_EVENTS_H

#include "core/feed.h"
#include "core/route.h"

extern const struct feed_source orders_events;
extern const struct field orders_events_query[];

void orders_events_start(struct request *request);

#endif
