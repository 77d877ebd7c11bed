/* hiredis writes the commands and reads the replies; the connection is store_remote.c's. Its own asynchronous
 * connections are not used: the one of 0.14 ends the process by an assertion when a reply comes that was not
 * asked for, and frees itself while its user still holds it. */
#include <config.h>

#include "store/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_remote.h"

/* Its headers hold code that our warnings are too strict for. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <hiredis.h>
#pragma GCC diagnostic pop

struct redis {
    struct store_remote remote;
    redisReader *reader; /* NULL: made when it is needed, thrown away with the connection */
    unsigned greetings;  /* not answered yet */
};

static const struct store_remote_ops redis_ops;

static struct redis *redis_of(struct store_remote *remote)
{
    return (struct redis *)(void *)remote;
}

struct store *redis_new(struct loop *loop, const struct cacheurl *url)
{
    struct redis *redis = mem_new(sizeof *redis);
    store_remote_init(&redis->remote, loop, url, &redis_ops);
    return &redis->remote.store;
}

static void redis_free(struct store_remote *remote)
{
    store_remote_fini(remote);
    free(redis_of(remote));
}

static void redis_reset(struct store_remote *remote)
{
    struct redis *redis = redis_of(remote);
    if (redis->reader != NULL)
        redisReaderFree(redis->reader);
    redis->reader = NULL;
    redis->greetings = 0;
}

/* ---- asking ---- */

static bool write_command(struct buf *out, int count, const char **words, const size_t *lengths)
{
    char *text = NULL;
    long long length = redisFormatCommandArgv(&text, count, words, lengths);
    if (length > 0)
        buf_add(out, text, (size_t)length);
    free(text);
    return length > 0;
}

static void greet_with(struct redis *redis, struct buf *out, const char *first, const char *second,
                       const char *third)
{
    const char *words[3] = {first, second, third};
    size_t lengths[3] = {0};
    int count = 0;
    for (; count < 3 && words[count] != NULL; count++)
        lengths[count] = strlen(words[count]);
    if (write_command(out, count, words, lengths))
        redis->greetings++;
}

static void redis_greet(struct store_remote *remote, struct buf *out)
{
    const struct cacheurl *url = remote->url;
    struct redis *redis = redis_of(remote);
    char db[16];
    snprintf(db, sizeof db, "%d", url->db);
    if (url->user != NULL)
        greet_with(redis, out, "AUTH", url->user, url->password);
    else if (url->password != NULL)
        greet_with(redis, out, "AUTH", url->password, NULL);
    if (url->db != 0)
        greet_with(redis, out, "SELECT", db, NULL);
    greet_with(redis, out, "PING", NULL, NULL);
}

static bool redis_find(struct store_remote *remote, struct slice key, struct buf *out)
{
    const char *words[] = {"GET", key.ptr};
    size_t lengths[] = {3, key.len};
    (void)remote;
    return write_command(out, 2, words, lengths);
}

static bool redis_put(struct store_remote *remote, struct slice key, struct slice value, int64_t life_ns,
                      struct buf *out)
{
    char life[24];
    int length = snprintf(life, sizeof life, "%lld", (long long)(life_ns / CLOCK_MS));
    const char *words[] = {"SET", key.ptr, value.ptr, "PX", life};
    size_t lengths[] = {3, key.len, value.len, 2, (size_t)length};
    (void)remote;
    return life_ns >= CLOCK_MS && write_command(out, 5, words, lengths);
}

/* ---- answers ---- */

static enum store_remote_take redis_refuse(struct redis *redis, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        snprintf(redis->remote.reason, sizeof redis->remote.reason, "%s", reply->str);
    return STORE_REMOTE_BAD;
}

static enum store_remote_take redis_take_welcome(struct redis *redis, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STATUS)
        return redis_refuse(redis, reply);
    if (--redis->greetings == 0)
        store_remote_ready(&redis->remote);
    return STORE_REMOTE_ONE;
}

/* A GET that fails (still loading, out of rights) is not worth repeating for a while. */
static enum store_remote_take redis_take_found(struct redis *redis, const redisReply *reply)
{
    struct slice value = {NULL, 0};
    if (reply->type == REDIS_REPLY_STRING)
        value = (struct slice){reply->str, (size_t)reply->len};
    else if (reply->type != REDIS_REPLY_NIL)
        return redis_refuse(redis, reply);
    store_remote_answer(&redis->remote, value);
    return STORE_REMOTE_ONE;
}

/* A SET that fails (out of memory, read-only) is no reason to stop reading. */
static enum store_remote_take redis_take_stored(struct redis *redis, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STATUS && reply->type != REDIS_REPLY_ERROR)
        return STORE_REMOTE_BAD;
    store_remote_answer(&redis->remote, (struct slice){NULL, 0});
    return STORE_REMOTE_ONE;
}

static enum store_remote_take take_reply(struct redis *redis, const redisReply *reply)
{
    struct store_remote *remote = &redis->remote;
    if (remote->state == STORE_REMOTE_GREETING)
        return redis->greetings > 0 ? redis_take_welcome(redis, reply) : STORE_REMOTE_BAD;
    return store_remote_finds(remote) ? redis_take_found(redis, reply) : redis_take_stored(redis, reply);
}

/* None of our answers is an array, and none is long: hiredis would set memory aside for as many elements as a
 * liar claims, and wait for as many bytes. */
static bool is_plausible(const redisReader *reader)
{
    return reader->len <= STORE_VALUE_MAX + 65536 &&
           (reader->ridx >= 0 || memchr("+-:$", reader->buf[reader->pos], 4) != NULL);
}

/* One turn's bytes go into the reader, then all replies come out of it. */
static enum store_remote_take redis_take(struct store_remote *remote, struct buf *in)
{
    struct redis *redis = redis_of(remote);
    enum store_remote_take take = STORE_REMOTE_ONE;
    if (redis->reader == NULL)
        redis->reader = redisReaderCreate();
    if (redis->reader == NULL || redisReaderFeed(redis->reader, in->data, in->len) != REDIS_OK)
        return STORE_REMOTE_BAD;
    buf_clear(in);
    while (take == STORE_REMOTE_ONE) {
        void *reply = NULL;
        if (redis->reader->pos >=
            redis->reader->len) /* asked now, it would take the next bytes for the middle of one */
            return STORE_REMOTE_MORE;
        if (!is_plausible(redis->reader) || redisReaderGetReply(redis->reader, &reply) != REDIS_OK)
            return STORE_REMOTE_BAD;
        if (reply == NULL)
            return STORE_REMOTE_MORE;
        take = remote->state == STORE_REMOTE_READY && remote->commands.length == 0 ? STORE_REMOTE_BAD
                                                                                   : take_reply(redis, reply);
        freeReplyObject(reply);
    }
    return take;
}

static const struct store_remote_ops redis_ops = {
    .name = "redis",
    .greet = redis_greet,
    .find = redis_find,
    .put = redis_put,
    .take = redis_take,
    .reset = redis_reset,
    .free = redis_free,
};
