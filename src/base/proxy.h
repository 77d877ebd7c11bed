/* Which proxy a request to another server goes through, as libcurl reads https_proxy and its like. */
#ifndef ROWLOCK_BASE_PROXY_H
#define ROWLOCK_BASE_PROXY_H

/* "" where there is none. */
struct proxies {
    const char *http, *https; /* for addresses with that scheme */
    const char *all;          /* for those that have none of their own */
    const char *none_for; /* hosts, domains and networks by comma or space that are asked directly, or "*" */
};

/* The proxy for an address that begins with http:// or https://; NULL: none. */
const char *proxy_for(const struct proxies *proxies, const char *url);

/* The "host:port" of an address, all of it that people may be shown: without scheme, user, password and path. To be
 * freed. */
char *proxy_host_of(const char *url);

#endif
