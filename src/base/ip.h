/* Addresses of IPv4 and IPv6, and networks of them. An IPv4 address is kept as the IPv6 one that it is mapped to (RFC
 * 4291 section 2.5.5.2), so that a client is the same whichever kind of socket it came to. */
#ifndef ROWLOCK_BASE_IP_H
#define ROWLOCK_BASE_IP_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/slice.h"

#define IP_TEXT_MAX 48 /* of any address, with its NUL */

struct ip {
    unsigned char bytes[16];
};

/* As people write them (RFC 4291 section 2.2), without brackets, zone and port. */
bool ip_parse(struct slice text, struct ip *ip);

/* False when the socket's end is none of IP. */
bool ip_of(const struct sockaddr *end, struct ip *ip);

bool ip_is_v4(const struct ip *ip);
void ip_write(const struct ip *ip, char out[IP_TEXT_MAX]);

/* A network, or an address alone. */
struct ip_network {
    struct ip first;
    unsigned bits; /* of the 128 */
};

/* "10.0.0.0/8" (RFC 4632 section 3.1), "fd00::/8" or an address. False for a prefix that is none, and where a bit is
 * set that the prefix leaves out: what was meant then is not clear. */
bool ip_network_parse(struct slice text, struct ip_network *network);

/* Networks of IPv6 have no addresses of IPv4, whatever these are mapped to. */
bool ip_network_has(const struct ip_network *network, const struct ip *ip);

/* All bits but the first so many become 0. */
void ip_mask(struct ip *ip, unsigned bits);

#endif
