#include <config.h>

#include "http/http_room.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/http_conn.h"

#define RESTED_NS (500 * CLOCK_MS) /* a connection that has rested for so long may make room */
#define SCAN 16u
#define SHARE 4u /* whoever has one in so many of all connections unfinished is to blame */
#define TOLD_NS (60 * CLOCK_SECOND)

void http_room_init(struct http_room *room)
{
    for (unsigned i = 0; i < HTTP_ROOM_GROUPS; i++)
        list_init(&room->unfinished[i]);
    if (getrandom(&room->seed, sizeof room->seed, 0) != (ssize_t)sizeof room->seed)
        room->seed = (uint64_t)clock_now();
    room->told = 0;
}

uint64_t http_room_address(const struct sockaddr *peer)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    uint64_t address = 0;
    if (peer != NULL && peer->sa_family == AF_INET) {
        memcpy(&v4, peer, sizeof v4);
        address = (uint64_t)1 << 32 | v4.sin_addr.s_addr;
    } else if (peer != NULL && peer->sa_family == AF_INET6) {
        memcpy(&v6, peer, sizeof v6);
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr); /* a client of a socket for both */
        memcpy(&address, v6.sin6_addr.s6_addr + (is_v4 ? 12 : 0), is_v4 ? 4 : 8);
        address |= is_v4 ? (uint64_t)1 << 32 : 0;
    }
    return address;
}

unsigned http_room_group(const struct http_room *room, const struct sockaddr *peer)
{
    uint64_t address = http_room_address(peer);
    struct slice bytes = {(const char *)&address, sizeof address};
    return (unsigned)(hash_bytes(bytes, room->seed) % HTTP_ROOM_GROUPS);
}

static bool is_unfinished(const struct http_conn *conn)
{
    return conn->state == HTTP_READING || (conn->state == HTTP_IDLE && !conn->asked);
}

void http_room_note(struct http_conn *conn)
{
    struct list *list = &conn->http->room.unfinished[conn->group];
    if (!is_unfinished(conn))
        list_remove(&conn->room_link);
    else if (!list_linked(&conn->room_link))
        list_append(list, &conn->room_link);
}

bool http_room_is_left(const struct http *http)
{
    return http_conn_count(http) - http->states[HTTP_LINGER].length < http->limits.connections;
}

/* What has come, and was not read yet, is not held against anybody. */
static bool is_quiet(const struct http_conn *conn)
{
    char byte;
    return conn->out.len == conn->out_sent && recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

bool http_room_is_resting(const struct http_conn *conn)
{
    return !http_conn_has_begun(conn) && is_quiet(conn);
}

/* The connection that has rested longest goes, if there is one. */
static bool close_resting(struct http *http)
{
    struct list_node *node = list_first(&http->states[HTTP_IDLE]);
    int64_t now = clock_now();
    for (unsigned i = 0; node != NULL && i < SCAN; i++) {
        struct http_conn *conn = list_entry(node, struct http_conn, state_link);
        if (now - conn->since < RESTED_NS)
            return false;
        if (http_room_is_resting(conn)) {
            http_conn_close(conn);
            return true;
        }
        node = list_next(node);
    }
    return false;
}

/* The one that lingers longest goes: its client has had time to read the answer. */
static enum http_room_result close_lingering(struct http *http)
{
    struct list_node *node = list_first(&http->states[HTTP_LINGER]);
    if (node == NULL)
        return HTTP_ROOM_NONE;
    struct http_conn *conn = list_entry(node, struct http_conn, state_link);
    if (clock_now() - conn->since < HTTP_ROOM_WAIT_NS)
        return HTTP_ROOM_SOON;
    http_conn_close(conn);
    return HTTP_ROOM_MADE;
}

static int64_t oldest_since(const struct list *list)
{
    return list_first_of(list, struct http_conn, room_link)->since;
}

/* The address with most unfinished requests, of those whose oldest began by then; of several, the one that has waited
 * longest. NULL: there is none. */
static struct list *heaviest(struct http_room *room, int64_t then)
{
    struct list *heaviest = NULL;
    for (unsigned i = 0; i < HTTP_ROOM_GROUPS; i++) {
        struct list *list = &room->unfinished[i];
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
    if (http->room.told != 0 && now - http->room.told < TOLD_NS)
        return;
    http->room.told = now;
    http_peer(&conn->request, peer, sizeof peer);
    log_warn("unfinished requests make room for new connections", LOG_S("address", peer),
             LOG_I("unfinished", group->length), LOG_I("connections", http_conn_count(http)));
}

/* The oldest of an address goes, unless they are all too young for that, or not quiet. */
static enum http_room_result evict_from(struct http *http, struct list *group)
{
    struct list_node *node = list_first(group);
    enum http_room_result result = HTTP_ROOM_NONE;
    int64_t now = clock_now();
    for (unsigned i = 0; node != NULL && i < SCAN; i++) {
        struct http_conn *conn = list_entry(node, struct http_conn, room_link);
        if (now - conn->since < HTTP_ROOM_WAIT_NS) {
            result = HTTP_ROOM_SOON;
        } else if (is_quiet(conn)) {
            tell(http, conn, group);
            http_conn_evict(conn);
            return HTTP_ROOM_MADE;
        }
        node = list_next(node);
    }
    return result;
}

enum http_room_result http_room_make(struct http *http)
{
    int64_t now = clock_now();
    struct list *group = heaviest(&http->room, now);
    bool of_descriptors = http_room_is_left(http); /* it is they that are missing, and who lingers has one */
    enum http_room_result made = of_descriptors ? close_lingering(http) : HTTP_ROOM_NONE;
    if (made == HTTP_ROOM_NONE && group != NULL && group->length * SHARE >= http_conn_count(http))
        made = evict_from(http, group);
    if (made != HTTP_ROOM_NONE)
        return made;
    if (close_resting(http))
        return HTTP_ROOM_MADE;
    group = heaviest(&http->room, now - HTTP_ROOM_WAIT_NS);
    return group != NULL && evict_from(http, group) == HTTP_ROOM_MADE ? HTTP_ROOM_MADE : HTTP_ROOM_NONE;
}
