/* The peer first; then whom it asks for, if it is one that is believed. */
#include <config.h>

#include "core/caller.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "core/forwarded.h"

#define CUSTOMER_BITS 64u /* of an IPv6 address */
#define TOLD_NS (60 * CLOCK_SECOND)

/* Whoever set the proxy up should know: its clients share one limit. */
static void tell_unclear(const struct caller *proxy)
{
    static int64_t told;
    char address[CALLER_TEXT_MAX];
    int64_t now = clock_now();
    if (told != 0 && now - told < TOLD_NS)
        return;
    told = now;
    caller_write(proxy, address);
    log_warn("a trusted proxy passes on a Forwarded or X-Forwarded-For that is malformed, or two that "
             "differ; its own address counts",
             LOG_S("proxy", address));
}

static bool is_trusted(const struct caller *peer, const struct trusted *trusted)
{
    return peer->kind == CALLER_LOCAL ? trusted->local
                                      : peer->kind == CALLER_IP && trusted_has(trusted, &peer->ip);
}

struct caller caller_find(const struct sockaddr *peer, const struct http_head *head,
                          const struct trusted *trusted)
{
    struct caller caller = {.kind = peer->sa_family == AF_UNIX ? CALLER_LOCAL : CALLER_UNKNOWN};
    struct ip client;
    if (ip_of(peer, &caller.ip))
        caller.kind = CALLER_IP;
    if (head == NULL || trusted_is_empty(trusted) || !is_trusted(&caller, trusted))
        return caller;
    switch (forwarded_find(head, trusted, &client)) {
    case FORWARDED_CLIENT:
        return (struct caller){CALLER_IP, client, true};
    case FORWARDED_UNCLEAR:
        tell_unclear(&caller);
        return caller;
    default:
        return caller;
    }
}

static uint64_t number_of(struct slice bytes, uint64_t seed)
{
    uint64_t number = hash_bytes(bytes, seed);
    return number != 0 ? number : 1;
}

uint64_t caller_number(const struct caller *caller, uint64_t seed)
{
    struct ip ip = caller->ip;
    if (caller->kind == CALLER_IP && !ip_is_v4(&ip))
        ip_mask(&ip, CUSTOMER_BITS);
    struct slice bytes = {(const char *)ip.bytes, caller->kind == CALLER_IP ? sizeof ip.bytes : 0};
    return number_of(bytes, seed + (uint64_t)caller->kind);
}

/* Behind the kinds, so that nobody's name is another's address. */
uint64_t caller_number_of_key(struct slice name, uint64_t seed)
{
    return number_of(name, seed + CALLER_IP + 1);
}

void caller_write(const struct caller *caller, char out[CALLER_TEXT_MAX])
{
    if (caller->kind == CALLER_IP)
        ip_write(&caller->ip, out);
    else
        snprintf(out, CALLER_TEXT_MAX, "%s", caller->kind == CALLER_LOCAL ? "unix" : "");
}
