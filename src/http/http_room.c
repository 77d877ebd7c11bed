/* http_room_make asks in this order: an address that holds more than its share of unfinished requests loses its oldest;
 * then the connection that has rested longest goes; then any unfinished request that is old enough. Where descriptors
 * are missing, connections that linger go before all of these. */
#include <config.h>

#include "http/http_room.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_conn.h"

#define RESTED_NS (500 * CLOCK_MS) /* a connection that has rested for so long may make room */
#define SCAN 16u
#define SHARE 4u /* whoever has one in so many of all connections unfinished is to blame */
#define TOLD_NS (60 * CLOCK_SECOND)

bool http_room_is_left(const struct http *http)
{
    size_t count = http_conn_count(http) + http->arriving - http->states[HTTP_LINGER].length;
    return count < http->limits.connections;
}

/* Nothing is to be sent, and nothing has come that was not read yet. */
static bool is_quiet(const struct http_conn *conn)
{
    char byte;
    return http_writer_left(&conn->writer) == 0 && recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

bool http_room_is_resting(const struct http_conn *conn)
{
    return !http_reader_has_begun(&conn->reader) && is_quiet(conn);
}

/* The connection that has rested longest goes, if there is one. */
static bool close_resting(struct http *http)
{
    int64_t now = clock_now();
    unsigned seen = 0;
    list_for_each(struct http_conn, conn, &http->states[HTTP_IDLE], state_link) {
        if (seen++ == SCAN || now - conn->since < RESTED_NS)
            return false;
        if (http_room_is_resting(conn)) {
            http_conn_close(conn, HTTP_CLOSE_MADE_ROOM);
            return true;
        }
    }
    return false;
}

/* The one that lingers longest goes: its client has had time to read the answer. */
static enum http_room_result close_lingering(struct http *http)
{
    struct http_conn *conn = list_first_of(&http->states[HTTP_LINGER], struct http_conn, state_link);
    if (conn == NULL)
        return HTTP_ROOM_NONE;
    if (clock_now() - conn->since < HTTP_ROOM_WAIT_NS)
        return HTTP_ROOM_SOON;
    http_conn_close(conn, HTTP_CLOSE_MADE_ROOM);
    return HTTP_ROOM_MADE;
}

static int64_t oldest_since(const struct list *list)
{
    return list_first_of(list, struct http_conn, group_link)->since;
}

/* The address with most unfinished requests, of those whose oldest began by then; of several, the one that has waited
 * longest. NULL: there is none. */
static struct list *heaviest(struct http_groups *groups, int64_t then)
{
    struct list *heaviest = NULL;
    for (unsigned i = 0; i < HTTP_GROUPS; i++) {
        struct list *list = &groups->unfinished[i];
        if (list->length == 0 || oldest_since(list) > then)
            continue;
        if (heaviest == NULL || list->length > heaviest->length ||
            (list->length == heaviest->length && oldest_since(list) < oldest_since(heaviest)))
            heaviest = list;
    }
    return heaviest;
}

static void tell(struct http *http, struct http_conn *conn, const struct list *group)
{
    char peer[64];
    int64_t now = clock_now();
    if (http->told_evicted != 0 && now - http->told_evicted < TOLD_NS)
        return;
    http->told_evicted = now;
    http_peer(&conn->exchange.request, peer, sizeof peer);
    log_warn("unfinished requests make room for new connections", LOG_S("address", peer),
             LOG_I("unfinished", group->length), LOG_I("connections", http_conn_count(http)));
}

/* The oldest of an address goes, unless they are all too young for that, or not quiet. */
static enum http_room_result evict_from(struct http *http, struct list *group)
{
    enum http_room_result result = HTTP_ROOM_NONE;
    int64_t now = clock_now();
    unsigned seen = 0;
    list_for_each(struct http_conn, conn, group, group_link) {
        if (seen++ == SCAN)
            break;
        if (now - conn->since < HTTP_ROOM_WAIT_NS) {
            result = HTTP_ROOM_SOON;
        } else if (is_quiet(conn)) {
            tell(http, conn, group);
            http_conn_evict(conn);
            return HTTP_ROOM_MADE;
        }
    }
    return result;
}

enum http_room_result http_room_make(struct http *http)
{
    int64_t now = clock_now();
    struct list *group = heaviest(&http->groups, now);
    bool of_descriptors =
        http_room_is_left(http); /* they are missing, and a connection that lingers has one */
    enum http_room_result made = of_descriptors ? close_lingering(http) : HTTP_ROOM_NONE;
    if (made == HTTP_ROOM_NONE && group != NULL && group->length * SHARE >= http_conn_count(http))
        made = evict_from(http, group);
    if (made != HTTP_ROOM_NONE)
        return made;
    if (close_resting(http))
        return HTTP_ROOM_MADE;
    group = heaviest(&http->groups, now - HTTP_ROOM_WAIT_NS);
    return group != NULL && evict_from(http, group) == HTTP_ROOM_MADE ? HTTP_ROOM_MADE : HTTP_ROOM_NONE;
}
