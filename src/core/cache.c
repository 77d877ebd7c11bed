/* Kept replies. cache_find asks the store, which answers at once or later (cache_on_found). cache_keep puts the
 * reply that was written after a miss. A value is a header with a checksum, the key, and the parts of the reply, its
 * gzip form among them, so that it is made once and not for each hit. */
#include <config.h>

#include "core/cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/app.h"
#include "core/sql.h"
#include "store/memcached.h"
#include "store/redis.h"
#include "store/store_memory.h"

#define TYPE_MAX 64   /* of a media type with its NUL */
#define KEY_MAX 4096u /* replies with a longer one are not kept */
#define NEVER INT64_MIN

struct cache {
    const struct app *const *apps; /* that are served; ends with NULL */
    struct reply *reply;           /* the server's, where kept replies are read into */
    struct store *store;           /* NULL: none */
    int schema;                    /* the newest that this program knows */
    uint64_t boot;                 /* what the monotonic clock counts from */
    int64_t *changed;              /* by app: when the last notice of a change came */
    struct buf database;           /* which one; empty: it has not said so yet */
    bool local;                    /* no other process writes into the store */
    struct buf key, value;         /* scratch */
};

/* The beginning of a value. A value of another byte order or another program, or a damaged one, fails the check and
 * is a miss. */
struct header {
    char magic[8];
    uint64_t check; /* of all that follows */
    uint64_t boot;  /* whose monotonic clock it is */
    int64_t sent, sent_wall;
    uint32_t key, type, etag, fields, body, gzip; /* lengths of what follows, in this order */
};

static const char magic[8] = {'r', 'o', 'w', 'l', 'o', 'c', 'k', '2'};

static void cache_cancel(struct pending *pending);
static void cache_on_found(struct store_find *find, struct slice value);

static const struct pending_ops cache_pending = {.cancel = cache_cancel};

/* ---- life ---- */

bool cache_wanted(const struct settings *settings, const struct app *const *apps)
{
    if (settings->cache.kind == CACHE_NONE)
        return false;
    for (size_t i = 0; apps[i] != NULL; i++)
        for (size_t k = 0; k < apps[i]->route_count; k++)
            if (apps[i]->routes[k].cached)
                return true;
    return false;
}

/* Processes with the same number share a monotonic clock. */
static uint64_t boot_number(void)
{
    char text[64];
    uint64_t number = 0;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    size_t length = file != NULL ? fread(text, 1, sizeof text, file) : 0;
    if (file != NULL)
        fclose(file);
    if (length > 0)
        return hash_bytes((struct slice){text, length}, 0);
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number = (uint64_t)clock_now();
    return number;
}

/* SQLite: the host and the path of the file. PostgreSQL names itself (cache_on_listening), because on two hosts the
 * same settings may mean different databases. */
static void name_database(struct cache *cache, const char *file)
{
    char host[HOST_NAME_MAX + 1] = "", path[PATH_MAX];
    if (file == NULL)
        return;
    gethostname(host, sizeof host - 1);
    buf_printf(&cache->database, "%s %s", host, realpath(file, path) != NULL ? path : file);
}

static struct store *open_store(const struct cacheurl *url, struct loop *loop)
{
    switch (url->kind) {
    case CACHE_REDIS:
        return redis_new(loop, url);
    case CACHE_MEMCACHED:
        return memcached_new(loop, url);
    default:
        return store_memory_new(STORE_MEMORY_BYTES_MAX);
    }
}

struct cache *cache_new(const struct settings *settings, const struct app *const *apps, struct loop *loop,
                        struct reply *reply)
{
    struct cache *cache = mem_new(sizeof *cache);
    size_t count = 0;
    cache->apps = apps;
    cache->reply = reply;
    cache->database = BUF_INIT((size_t)8192);
    cache->key = BUF_INIT((size_t)KEY_MAX);
    cache->value = BUF_INIT(STORE_VALUE_MAX);
    if (!cache_wanted(settings, apps))
        return cache;
    while (apps[count] != NULL)
        count++;
    cache->changed = mem_array(count, sizeof *cache->changed);
    for (size_t i = 0; i < count; i++)
        cache->changed[i] = NEVER;
    cache->boot = boot_number();
    cache->schema = sql_newest(settings_engine(settings));
    cache->local = settings->cache.kind == CACHE_SIMPLE;
    name_database(cache, settings->sqlite_path);
    cache->store = open_store(&settings->cache, loop);
    return cache;
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->store != NULL)
        cache->store->ops->free(cache->store);
    buf_fini(&cache->database);
    buf_fini(&cache->key);
    buf_fini(&cache->value);
    free(cache->changed);
    free(cache);
}

static bool is_open(const struct cache *cache)
{
    return cache->store != NULL && (cache->local || cache->database.len > 0);
}

/* ---- what the database tells ---- */

void cache_on_change(struct cache *cache, struct slice group)
{
    const struct app *const *apps = cache->apps;
    for (size_t i = 0; cache->changed != NULL && apps[i] != NULL; i++)
        if (slice_equal(group, slice_of(apps[i]->name)))
            cache->changed[i] = clock_now();
}

void cache_on_listening(struct cache *cache, struct slice database)
{
    int64_t now = clock_now();
    buf_clear(&cache->database);
    buf_add_slice(&cache->database, database);
    for (size_t i = 0; cache->changed != NULL && cache->apps[i] != NULL; i++)
        cache->changed[i] = now;
}

/* When the group of this route changed last. */
static int64_t changed_at(const struct cache *cache, const struct route *route)
{
    const struct app *const *apps = cache->apps;
    for (size_t i = 0; apps[i] != NULL; i++)
        if (route >= apps[i]->routes && route < apps[i]->routes + apps[i]->route_count)
            return cache->changed[i];
    return NEVER;
}

/* ---- keys ---- */

/* Everything that the bytes of a reply depend on, except the data; and whether its gzip form is kept with it. */
static bool write_key(struct cache *cache, const struct route *route, const struct statement *statement,
                      const struct db_param *params)
{
    struct buf *key = &cache->key;
    buf_clear(key);
    buf_printf(key, "%s %d %d %.*s%c%s%c%s%c", PACKAGE_VERSION, cache->schema, cache->reply->coding != NULL,
               (int)cache->database.len, cache->database.len > 0 ? cache->database.data : "", 0, route->path,
               0, statement->name, 0);
    for (unsigned i = 0; i < statement->param_count; i++) {
        const struct db_param *param = &params[i];
        buf_add_char(key, param->null ? 'n' : 'v');
        if (param->null)
            continue;
        buf_add(key, &param->integer, sizeof param->integer);
        buf_add(key, &param->real, sizeof param->real);
        buf_add(key, &param->text.len, sizeof param->text.len);
        buf_add_slice(key, param->text);
    }
    return !key->failed;
}

/* The name of a key in the store. Two keys may have the same name, so the value holds the key too. */
static struct slice name_of(struct slice key, char out[64])
{
    int length = snprintf(out, 64, "rowlock:%016llx%016llx", (unsigned long long)hash_bytes(key, 1),
                          (unsigned long long)hash_bytes(key, 2));
    return (struct slice){out, (size_t)length};
}

/* ---- values ---- */

static uint64_t check_of(const struct header *header, struct slice rest)
{
    struct header copy = *header;
    copy.check = 0;
    return hash_bytes(rest, hash_bytes((struct slice){(const char *)&copy, sizeof copy}, 0));
}

/* False: it is too long. */
static bool write_value(struct cache *cache, struct slice key, int64_t sent, const struct reply *reply)
{
    struct buf *value = &cache->value;
    size_t type = strlen(reply->content_type) + 1, etag = strlen(reply->etag) + 1;
    struct slice body = buf_slice(&reply->body), gzip = {NULL, 0};
    if (reply_has_forms(reply))
        gzip = coding_gzip(reply->coding, body);
    struct header header = {.boot = cache->boot,
                            .sent = sent,
                            .sent_wall = clock_wall() - (clock_now() - sent),
                            .key = (uint32_t)key.len,
                            .type = (uint32_t)type,
                            .etag = (uint32_t)etag,
                            .fields = (uint32_t)reply->fields.len,
                            .body = (uint32_t)body.len,
                            .gzip = (uint32_t)gzip.len};
    memcpy(header.magic, magic, sizeof magic);
    buf_clear(value);
    buf_add(value, &header, sizeof header);
    buf_add_slice(value, key);
    buf_add(value, reply->content_type, type);
    buf_add(value, reply->etag, etag);
    buf_add_slice(value, buf_slice(&reply->fields));
    buf_add_slice(value, body);
    buf_add_slice(value, gzip);
    if (value->failed)
        return false;
    header.check = check_of(&header, (struct slice){value->data + sizeof header, value->len - sizeof header});
    memcpy(value->data, &header, sizeof header);
    return true;
}

/* When the statement of a kept reply was sent, by our monotonic clock; for another host's reply, reckoned from the
 * time of day. */
static int64_t sent_at(const struct cache *cache, const struct header *header, int64_t now)
{
    return header->boot == cache->boot ? header->sent : now - (clock_wall() - header->sent_wall);
}

static bool is_sound(const struct header *header, struct slice rest)
{
    uint64_t length =
        (uint64_t)header->key + header->type + header->etag + header->fields + header->body + header->gzip;
    return memcmp(header->magic, magic, sizeof magic) == 0 && length == rest.len && header->type > 0 &&
           header->etag > 0 && header->etag <= sizeof((struct reply *)NULL)->etag &&
           header->type <= TYPE_MAX && rest.ptr[header->key + header->type - 1] == '\0' &&
           rest.ptr[header->key + header->type + header->etag - 1] == '\0' &&
           check_of(header, rest) == header->check;
}

/* Fills the reply from what was found. False: nothing was found, it is not a reply of ours, or it is too old. */
static bool read_value(const struct cache *cache, const struct route *route, struct slice key,
                       struct slice value, struct reply *reply)
{
    struct header header;
    if (value.ptr == NULL || value.len < sizeof header)
        return false;
    memcpy(&header, value.ptr, sizeof header);
    struct slice rest = {value.ptr + sizeof header, value.len - sizeof header};
    if (!is_sound(&header, rest) || !slice_equal(key, (struct slice){rest.ptr, header.key}))
        return false;
    int64_t now = clock_now(), sent = sent_at(cache, &header, now);
    if (sent > now || now - sent >= CACHE_LIFE_NS || sent <= changed_at(cache, route))
        return false;
    const char *at = rest.ptr + header.key;
    reply_clear(reply);
    reply->content_type = at;
    at += header.type;
    memcpy(reply->etag, at, header.etag);
    at += header.etag;
    buf_add(&reply->fields, at, header.fields);
    at += header.fields;
    buf_add(&reply->body, at, header.body);
    if (reply->coding != NULL && header.gzip > 0)
        coding_put(reply->coding, (struct slice){at + header.body, header.gzip});
    return true;
}

/* ---- reading ---- */

static void cache_cancel(struct pending *pending)
{
    struct cache_lookup *lookup = pending_owner(pending, struct cache_lookup, pending);
    if (lookup->waiting)
        lookup->cache->store->ops->cancel(lookup->cache->store, &lookup->find);
    lookup->waiting = false;
}

enum cache_found cache_find(struct cache *cache, struct cache_lookup *lookup, const struct route *route,
                            const struct statement *statement, const struct db_param *params,
                            struct arena *arena)
{
    char name[64];
    struct slice value = {NULL, 0};
    if (!is_open(cache) || !write_key(cache, route, statement, params))
        return CACHE_MISS;
    struct slice key = buf_slice(&cache->key);
    lookup->find = (struct store_find){.done = cache_on_found};
    enum store_found found = cache->store->ops->find(cache->store, name_of(key, name), &lookup->find, &value);
    if (found != STORE_LATER) {
        bool hit = found == STORE_HIT && read_value(cache, route, key, value, cache->reply);
        return hit ? CACHE_HIT : CACHE_MISS;
    }
    lookup->pending.ops = &cache_pending;
    lookup->cache = cache;
    lookup->route = route;
    lookup->key = arena_dup(arena, key);
    lookup->waiting = true;
    return CACHE_LATER;
}

static void cache_on_found(struct store_find *find, struct slice value)
{
    struct cache_lookup *lookup = pending_owner(find, struct cache_lookup, find);
    struct reply *reply = lookup->cache->reply;
    lookup->waiting = false;
    bool hit = read_value(lookup->cache, lookup->route, lookup->key, value, reply);
    lookup->found(lookup, hit ? reply : NULL);
}

/* ---- keeping ---- */

static bool may_keep(const struct cache *cache, const struct route *route, const struct reply *reply)
{
    return route->cached && is_open(cache) && reply->status == 200 && reply->content_type != NULL &&
           !reply->close && !reply->fields.failed && !reply->body.failed;
}

void cache_keep(struct cache *cache, const struct answering *answering, int64_t sent)
{
    const struct reply *reply = answering->reply;
    char name[64];
    int64_t life = sent + CACHE_LIFE_NS - clock_now();
    if (!may_keep(cache, answering->route, reply) || life <= 0 || sent <= changed_at(cache, answering->route))
        return;
    if (!write_key(cache, answering->route, answering->statement, answering->params) ||
        !write_value(cache, buf_slice(&cache->key), sent, reply))
        return;
    cache->store->ops->put(cache->store, name_of(buf_slice(&cache->key), name), buf_slice(&cache->value),
                           life);
}
