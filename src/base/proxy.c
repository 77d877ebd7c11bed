/* Which proxy an address is asked through. proxy_for: the proxy of the scheme, unless is_direct finds the host in the
 * list of those that are asked directly (network_has for addresses, domain_has for names). */
#include <config.h>

#include "base/proxy.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"

static struct slice authority_of(const char *url)
{
    const char *start = strstr(url, "://");
    start = start != NULL ? start + 3 : url;
    size_t length = strcspn(start, "/?#");
    const char *at_sign = memrchr(start, '@', length);
    size_t user = at_sign != NULL ? (size_t)(at_sign + 1 - start) : 0;
    return (struct slice){start + user, length - user};
}

char *proxy_host_of(const char *url)
{
    struct slice authority = authority_of(url);
    return mem_dup_n(authority.ptr, authority.len);
}

/* Without port, brackets and the dot that a name may end with. */
static struct slice proxy_name_of(struct slice authority)
{
    struct slice name = authority;
    const char *end;
    if (name.len > 0 && name.ptr[0] == '[') {
        end = memchr(name.ptr, ']', name.len);
        return (struct slice){name.ptr + 1, end != NULL ? (size_t)(end - name.ptr) - 1 : name.len - 1};
    }
    end = memrchr(name.ptr, ':', name.len);
    name.len = end != NULL ? (size_t)(end - name.ptr) : name.len;
    name.len -= name.len > 0 && name.ptr[name.len - 1] == '.';
    return name;
}

/* 4 or 16 bytes; 0: it is no address in numbers. */
static size_t proxy_read_address(struct slice text, unsigned char bytes[16])
{
    char copy[64];
    if (text.len >= sizeof copy)
        return 0;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET, copy, bytes) == 1 ? 4 : inet_pton(AF_INET6, copy, bytes) == 1 ? 16 : 0;
}

/* "10.0.0.0/8"; an address alone is a network of one. */
static bool network_has(struct slice network, const unsigned char *address, size_t size)
{
    unsigned char bytes[16];
    const char *slash = memchr(network.ptr, '/', network.len);
    int64_t bits = (int64_t)size * 8;
    struct slice base = {network.ptr, slash != NULL ? (size_t)(slash - network.ptr) : network.len};
    if (slash != NULL &&
        (text_int((struct slice){slash + 1, network.len - base.len - 1}, &bits) != TEXT_NUMBER_OK ||
         bits < 0 || bits > (int64_t)size * 8))
        return false;
    if (base.len > 1 && base.ptr[0] == '[' && base.ptr[base.len - 1] == ']')
        base = (struct slice){base.ptr + 1, base.len - 2};
    if (proxy_read_address(base, bytes) != size)
        return false;
    for (int64_t bit = 0; bit < bits; bit++)
        if (((bytes[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8)) & 1)
            return false;
    return true;
}

/* The host itself, or one below it: "hub.test" and ".hub.test" both are for api.hub.test as well. */
static bool domain_has(struct slice domain, struct slice host)
{
    if (domain.len > 0 && domain.ptr[0] == '.')
        domain = (struct slice){domain.ptr + 1, domain.len - 1};
    domain.len -= domain.len > 0 && domain.ptr[domain.len - 1] == '.';
    if (domain.len == 0 || domain.len > host.len ||
        strncasecmp(host.ptr + host.len - domain.len, domain.ptr, domain.len) != 0)
        return false;
    return domain.len == host.len || host.ptr[host.len - domain.len - 1] == '.';
}

static bool is_direct(const char *none_for, struct slice host)
{
    unsigned char address[16];
    size_t size = proxy_read_address(host, address);
    for (const char *at = none_for + strspn(none_for, ", "); *at != '\0'; at += strspn(at, ", ")) {
        struct slice word = {at, strcspn(at, ", ")};
        if (slice_equal(word, SLICE("*")) ||
            (size > 0 ? network_has(word, address, size) : domain_has(word, host)))
            return true;
        at += word.len;
    }
    return false;
}

const char *proxy_for(const struct proxies *proxies, const char *url)
{
    const char *proxy = strncasecmp(url, "https:", 6) == 0 ? proxies->https : proxies->http;
    if (proxy[0] == '\0')
        proxy = proxies->all;
    return proxy[0] == '\0' || is_direct(proxies->none_for, proxy_name_of(authority_of(url))) ? NULL : proxy;
}
