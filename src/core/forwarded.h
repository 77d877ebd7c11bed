/* On whose behalf a proxy asks: Forwarded (RFC 7239), or X-Forwarded-For. Pure functions over the head of a request.
 *
 * Each proxy adds at the end whom it was asked by, so the fields are read from there: what a trusted proxy says is
 * believed, and if that is a trusted proxy as well, what stands before it. Where a trusted one says nothing of use
 * ("unknown", a hidden name), it is its own address that counts. */
#ifndef ROWLOCK_CORE_FORWARDED_H
#define ROWLOCK_CORE_FORWARDED_H

#include "core/trusted.h"
#include "http/http_parse.h"

enum forwarded {
    FORWARDED_NOTHING, /* neither field has anything to say: the peer asks for itself, or does not say for whom */
    FORWARDED_CLIENT,
    /* A field is malformed, or both are there and name different clients: one of them may come from the client, as
     * proxies know of one and pass on the other. Nobody is believed. */
    FORWARDED_UNCLEAR,
};

/* Of a request whose peer is trusted. */
enum forwarded forwarded_find(const struct http_head *head, const struct trusted *trusted, struct ip *client);

#endif
