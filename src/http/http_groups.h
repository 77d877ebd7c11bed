/* Inside HTTP: unfinished requests by the address of their client, because half a request costs its sender nothing. */
#ifndef ROWLOCK_HTTP_HTTP_GROUPS_H
#define ROWLOCK_HTTP_HTTP_GROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"

#define HTTP_GROUPS 1024u

/* Addresses are told apart by a hash: two that fall together are one, and nobody can choose which. */
struct http_groups {
    struct list unfinished[HTTP_GROUPS]; /* in the order in which they began */
    uint64_t seed;
};

void http_groups_init(struct http_groups *groups);

/* What counts as one address: of IPv6 a /64, which is what one customer has; all peers of unix sockets. */
uint64_t http_groups_address(const struct sockaddr *peer);
unsigned http_groups_find(const struct http_groups *groups,
                          const struct sockaddr *peer); /* peer: NULL when unknown */

/* Puts a connection on the list of its group, or takes it off; where it is already, it keeps its place. */
void http_groups_note(struct http_groups *groups, unsigned group, struct list_node *node, bool unfinished);

#endif
