/* A connection is put into the group of its client's address once, when it is accepted (http_groups_find), and is on
 * the list of that group while its request is unfinished (http_groups_note). http_room.c looks for the longest list. */
#include <config.h>

#include "http/http_groups.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"

void http_groups_init(struct http_groups *groups)
{
    for (unsigned i = 0; i < HTTP_GROUPS; i++)
        list_init(&groups->unfinished[i]);
    if (getrandom(&groups->seed, sizeof groups->seed, 0) != (ssize_t)sizeof groups->seed)
        groups->seed = (uint64_t)clock_now();
}

uint64_t http_groups_address(const struct sockaddr *peer)
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

unsigned http_groups_find(const struct http_groups *groups, const struct sockaddr *peer)
{
    uint64_t address = http_groups_address(peer);
    struct slice bytes = {(const char *)&address, sizeof address};
    return (unsigned)(hash_bytes(bytes, groups->seed) % HTTP_GROUPS);
}

void http_groups_note(struct http_groups *groups, unsigned group, struct list_node *node, bool unfinished)
{
    if (!unfinished)
        list_remove(node);
    else if (!list_linked(node))
        list_append(&groups->unfinished[group], node);
}
