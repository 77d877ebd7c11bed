/* Which hosts a server goes by, against DNS rebinding: a page of another site whose name suddenly leads to this
 * server's address still says its own name in Host. */
#ifndef ROWLOCK_CORE_HOSTS_H
#define ROWLOCK_CORE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct hosts {
    char **names; /* as hosts are compared; owned */
    size_t count; /* 0: any host */
};

/* Names, IPv4 addresses and IPv6 ones in brackets, by comma; ports are not compared, and none may be given. False with
 * *right (static), what would be right. To be given to hosts_fini in any case. */
bool hosts_parse(const char *text, struct hosts *hosts, const char **right);
void hosts_fini(struct hosts *hosts);

/* Whether what Host says is one of them: in whatever case, with or without a port or the dot of the root, an IPv6
 * address in any of its forms (RFC 3986 section 6.2.2.1, RFC 9110 section 7.2). */
bool hosts_has(const struct hosts *hosts, struct slice asked);

#endif
