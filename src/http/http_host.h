/* Who is asked: the value of Host and the authority of a request target, uri-host [ ":" port ] (RFC 9112 section 3.2,
 * RFC 3986 sections 3.2.2 and 3.2.3). Pure functions over memory. */
#ifndef ROWLOCK_HTTP_HOST_H
#define ROWLOCK_HTTP_HOST_H

#include <stdbool.h>

#include "base/slice.h"

struct http_host {
    struct slice name; /* as sent: a name, an IPv4 address, or an address of another kind in brackets */
    int port;          /* -1: none was given, or an empty one */
};

/* False when it is not well-formed. Stricter than the grammar in three points, where other readers would see something
 * else: a comma (two hosts that somebody has joined), %00 to %1F, and a port without a host. An empty text is
 * well-formed and has an empty name: so says Host when a target has no authority. There is no userinfo. */
bool http_host_parse(struct slice text, struct http_host *host);

#endif
