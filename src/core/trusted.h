/* Which peers are believed when they say on whose behalf they ask (--trusted-proxies). */
#ifndef ROWLOCK_CORE_TRUSTED_H
#define ROWLOCK_CORE_TRUSTED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

struct trusted {
    struct ip_network *networks; /* owned */
    size_t count;
    bool local; /* whoever connects to a unix socket */
};

/* Addresses and networks by comma or blank (10.0.0.0/8, fd00::/8, ::1), and "unix" for all peers of unix sockets: who
 * may connect to those is settled by the rights of their folder. False with *right (static), what would be right. To be
 * given to trusted_fini in any case. */
bool trusted_parse(const char *text, struct trusted *trusted, const char **right);
void trusted_fini(struct trusted *trusted);

bool trusted_is_empty(const struct trusted *trusted); /* nobody is believed */
bool trusted_has(const struct trusted *trusted, const struct ip *ip);

#endif
