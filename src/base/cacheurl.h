/* Addresses of caches: none, simple:, redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], memcached://HOST[:PORT]. A
 * path instead of a host is a Unix socket: redis:///run/redis.sock, memcached:///run/memcached.sock. */
#ifndef ROWLOCK_BASE_CACHEURL_H
#define ROWLOCK_BASE_CACHEURL_H

#include <stdbool.h>

enum cache_kind {
    CACHE_NONE,
    CACHE_SIMPLE,
    CACHE_REDIS,
    CACHE_MEMCACHED,
};

struct cacheurl {
    enum cache_kind kind;
    char *host; /* without the brackets of an IPv6 address; NULL: path */
    char *path; /* of a Unix socket; NULL: host */
    int port;
    char *user;     /* NULL: none */
    char *password; /* NULL: none */
    int db;         /* of Redis */
};

/* False with *error (static) when it is none. What was parsed is to be given to cacheurl_fini. */
bool cacheurl_parse(const char *text, struct cacheurl *url, const char **error);
void cacheurl_fini(struct cacheurl *url);

/* A copy with everything that may be a password as "***"; to be freed. */
char *cacheurl_mask(const char *text);

#endif
