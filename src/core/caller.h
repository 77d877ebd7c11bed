/* Who asks: what callers are told apart by where each is to get its share and no more. It is the address of the client;
 * where a proxy in front asks on its behalf, and is trusted, that which the proxy names. */
#ifndef ROWLOCK_CORE_CALLER_H
#define ROWLOCK_CORE_CALLER_H

#include <stdint.h>

#include "core/trusted.h"
#include "http/http_parse.h"

enum caller_kind {
    CALLER_UNKNOWN,
    CALLER_LOCAL, /* the peer of a unix socket: all of these are one caller */
    CALLER_IP,
};

struct caller {
    enum caller_kind kind;
    struct ip ip; /* of CALLER_IP */
    bool named;   /* by a trusted proxy, whose connection others use as well */
};

#define CALLER_TEXT_MAX IP_TEXT_MAX

/* peer: the other end of the connection; of a family that is not IP the family alone. head: NULL when the request was
 * not understood, and nothing it says counts. */
struct caller caller_find(const struct sockaddr *peer, const struct http_head *head,
                          const struct trusted *trusted);

/* Callers that are one have one number; others another, but by chance. Of IPv6 addresses a /64 is one, which is what
 * one customer has (RFC 6177 section 2). Never 0. */
uint64_t caller_number(const struct caller *caller, uint64_t seed);
uint64_t caller_number_of_key(struct slice name, uint64_t seed); /* of who asks by a key of that name */

/* The address as the log shows it; "unix", or "" when it is not known. */
void caller_write(const struct caller *caller, char out[CALLER_TEXT_MAX]);

#endif
