/* Sixteen bytes each; what is text is read and written by the C library. */
#include <config.h>

#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

#define V4_BITS 96u /* in front of an IPv4 address */

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct ip of_v4(const void *four)
{
    struct ip ip;
    memcpy(ip.bytes, v4_prefix, sizeof v4_prefix);
    memcpy(ip.bytes + sizeof v4_prefix, four, 4);
    return ip;
}

bool ip_parse(struct slice text, struct ip *ip)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr four;
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    *slice_put(copy, text) = '\0';
    if (inet_pton(AF_INET, copy, &four) != 1)
        return inet_pton(AF_INET6, copy, ip->bytes) == 1;
    *ip = of_v4(&four);
    return true;
}

bool ip_of(const struct sockaddr *end, struct ip *ip)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (end->sa_family == AF_INET) {
        memcpy(&v4, end, sizeof v4);
        *ip = of_v4(&v4.sin_addr);
    } else if (end->sa_family == AF_INET6) {
        memcpy(&v6, end, sizeof v6);
        memcpy(ip->bytes, &v6.sin6_addr, sizeof ip->bytes);
    } else {
        return false;
    }
    return true;
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

void ip_write(const struct ip *ip, char out[IP_TEXT_MAX])
{
    bool v4 = ip_is_v4(ip);
    if (inet_ntop(v4 ? AF_INET : AF_INET6, ip->bytes + (v4 ? sizeof v4_prefix : 0), out, IP_TEXT_MAX) == NULL)
        out[0] = '\0';
}

void ip_mask(struct ip *ip, unsigned bits)
{
    for (unsigned i = 0; i < sizeof ip->bytes; i++) {
        unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
        ip->bytes[i] &= (unsigned char)(kept >= 8 ? 0xffu : 0xff00u >> kept);
    }
}

/* The bits of a prefix as they are counted here; of an address that is written as one of IPv4 32 at most. */
static bool read_prefix(struct slice text, bool v4, unsigned *bits)
{
    int64_t prefix;
    if (text.len == 0 || text.len > 3 || text.ptr[0] == '-' || text_int(text, &prefix) != TEXT_NUMBER_OK ||
        prefix > (v4 ? 32 : 128))
        return false;
    *bits = (unsigned)prefix + (v4 ? V4_BITS : 0);
    return true;
}

bool ip_network_parse(struct slice text, struct ip_network *network)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct slice address = {text.ptr, slash != NULL ? (size_t)(slash - text.ptr) : text.len};
    if (!ip_parse(address, &network->first))
        return false;
    bool v4 = memchr(address.ptr, ':', address.len) == NULL;
    network->bits = 128;
    if (slash != NULL &&
        !read_prefix((struct slice){slash + 1, text.len - address.len - 1}, v4, &network->bits))
        return false;
    struct ip masked = network->first;
    ip_mask(&masked, network->bits);
    return memcmp(masked.bytes, network->first.bytes, sizeof masked.bytes) == 0;
}

bool ip_network_has(const struct ip_network *network, const struct ip *ip)
{
    struct ip masked = *ip;
    ip_mask(&masked, network->bits);
    return ip_is_v4(ip) == ip_is_v4(&network->first) &&
           memcmp(masked.bytes, network->first.bytes, sizeof masked.bytes) == 0;
}
