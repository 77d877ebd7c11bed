/* Inside HTTP: who makes room for a new connection when there are as many as there may be. Only those go that owe
 * nothing to anybody: connections that rest between two requests, and those whose request has not come to its end. What
 * is being worked on or answered stays.
 *
 * Half requests cost their sender nothing, so they are judged by address: the one that has most of them loses its
 * oldest first. Where it holds so many that it is to blame, they go before connections that rest; else those that rest
 * go first, because their clients expect that (RFC 9112 section 9.5). */
#ifndef ROWLOCK_HTTP_ROOM_H
#define ROWLOCK_HTTP_ROOM_H

#include <stdbool.h>

#include "base/clock.h"

struct http;
struct http_conn;

/* A request that has begun may come to its end undisturbed in this time. */
#define HTTP_ROOM_WAIT_NS (50 * CLOCK_MS)

/* Those that linger have had their answer and are gone in a moment. */
bool http_room_is_left(const struct http *http);

/* Idle for good: nothing of a request read, nothing to read and nothing to send. */
bool http_room_is_resting(const struct http_conn *conn);

enum http_room_result {
    HTTP_ROOM_MADE,
    HTTP_ROOM_SOON, /* an address holds more than its share, and will have to give in a moment */
    HTTP_ROOM_NONE,
};

/* Also where descriptors are missing although the number of connections is not reached. */
enum http_room_result http_room_make(struct http *http);

#endif
