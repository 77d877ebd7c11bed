/* Addresses of caches. cacheurl_parse: the words "none" and "simple:", else parse_rest takes an URL apart (parse_user,
 * parse_host, parse_db). cacheurl_mask hides the password for those who read the settings. */
#include <config.h>

#include "base/cacheurl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define FORMS "it must be none, simple:, redis://[:password@]host[:port][/db] or memcached://host[:port]"
#define REDIS_PORT 6379
#define MEMCACHED_PORT 11211
#define PATH_MAX_BYTES 100 /* what fits into a socket address, with room to spare */

static bool cacheurl_is_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    return strncmp(text, word, length) == 0 &&
           (text[length] == '\0' || strcmp(text + length, ":") == 0 || strcmp(text + length, "://") == 0);
}

static char *cacheurl_decode(struct slice text)
{
    char *out = mem_new(text.len + 1);
    size_t length;
    if (text_percent_decode(text, false, out, &length)) {
        out[length] = '\0';
        return out;
    }
    free(out);
    return NULL;
}

/* "[user][:password]" */
static bool parse_user(struct slice text, struct cacheurl *url)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    if (url->kind != CACHE_REDIS || colon == NULL)
        return false;
    size_t user = (size_t)(colon - text.ptr);
    url->user = user > 0 ? cacheurl_decode((struct slice){text.ptr, user}) : NULL;
    url->password = cacheurl_decode((struct slice){colon + 1, text.len - user - 1});
    return (user == 0 || url->user != NULL) && url->password != NULL;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool parse_host(struct slice text, struct cacheurl *url)
{
    int64_t port = url->kind == CACHE_REDIS ? REDIS_PORT : MEMCACHED_PORT;
    const char *end = text.ptr + text.len, *after, *host = text.ptr;
    if (text.len > 0 && text.ptr[0] == '[') {
        host++;
        after = memchr(text.ptr, ']', text.len);
        if (after == NULL || (after + 1 < end && after[1] != ':'))
            return false;
        url->host = mem_dup_n(host, (size_t)(after - host));
        after++;
    } else {
        after = memchr(text.ptr, ':', text.len);
        after = after != NULL ? after : end;
        url->host = mem_dup_n(host, (size_t)(after - host));
    }
    if (after < end &&
        (text_int((struct slice){after + 1, (size_t)(end - after - 1)}, &port) != TEXT_NUMBER_OK ||
         port < 1 || port > 65535))
        return false;
    url->port = (int)port;
    return url->host[0] != '\0' && strpbrk(url->host, ", ") == NULL;
}

/* "/3" behind a host. */
static bool parse_db(const char *path, struct cacheurl *url)
{
    int64_t db = 0;
    if (path[0] == '\0' || path[1] == '\0')
        return true;
    if (url->kind != CACHE_REDIS || text_int(slice_of(path + 1), &db) != TEXT_NUMBER_OK || db < 0 ||
        db > 1000000)
        return false;
    url->db = (int)db;
    return true;
}

static bool parse_rest(const char *rest, struct cacheurl *url)
{
    size_t authority = strcspn(rest, "/");
    const char *path = rest + authority, *at = memrchr(rest, '@', authority);
    if (strpbrk(rest, "?#") != NULL)
        return false;
    if (at != NULL && !parse_user((struct slice){rest, (size_t)(at - rest)}, url))
        return false;
    struct slice host = {at != NULL ? at + 1 : rest, 0};
    host.len = (size_t)(path - host.ptr);
    if (host.len == 0 && path[0] == '/' && path[1] != '\0') {
        url->path = mem_dup(path);
        return strlen(path) < PATH_MAX_BYTES;
    }
    return parse_host(host, url) && parse_db(path, url);
}

bool cacheurl_parse(const char *text, struct cacheurl *url, const char **error)
{
    memset(url, 0, sizeof *url);
    *error = FORMS;
    if (cacheurl_is_word(text, "none"))
        return true;
    url->kind = CACHE_SIMPLE;
    if (cacheurl_is_word(text, "simple"))
        return true;
    url->kind = strncmp(text, "redis://", 8) == 0 ? CACHE_REDIS : CACHE_MEMCACHED;
    if (url->kind == CACHE_MEMCACHED && strncmp(text, "memcached://", 12) != 0) {
        if (strncmp(text, "rediss://", 9) == 0)
            *error = "Rowlock speaks to Redis without TLS; " FORMS;
        return false;
    }
    if (parse_rest(strstr(text, "://") + 3, url))
        return true;
    cacheurl_fini(url);
    return false;
}

void cacheurl_fini(struct cacheurl *url)
{
    free(url->host);
    free(url->path);
    free(url->user);
    free(url->password);
    memset(url, 0, sizeof *url);
}

/* Up to the last @, wherever it stands: a password with a slash that was not encoded must not come into a log. */
char *cacheurl_mask(const char *text)
{
    const char *rest = strstr(text, "://"), *at = strrchr(text, '@');
    if (at == NULL)
        return mem_dup(text);
    rest = rest != NULL && rest < at ? rest + 3 : text;
    const char *colon = memchr(rest, ':', (size_t)(at - rest));
    const char *secret = colon != NULL ? colon + 1 : rest;
    return mem_printf("%.*s***%s", (int)(secret - text), text, at);
}
