/* memcached's text protocol. The greeting is "version", because it needs no key; memcached_take takes one line off the
 * front, and the value behind it where the line announces one. */
#include <config.h>

#include "store/memcached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/store_remote.h"

#define LINE_MAX_BYTES 512u

static const struct store_remote_ops memcached_ops;

struct store *memcached_new(struct loop *loop, const struct cacheurl *url)
{
    struct store_remote *remote = mem_new(sizeof *remote);
    store_remote_init(remote, loop, url, &memcached_ops);
    return &remote->store;
}

static void memcached_free(struct store_remote *remote)
{
    store_remote_fini(remote);
    free(remote);
}

static void memcached_reset(struct store_remote *remote)
{
    (void)remote; /* what came half is in its buffer */
}

/* ---- asking ---- */

static void memcached_greet(struct store_remote *remote, struct buf *out)
{
    (void)remote;
    buf_add_string(out, "version\r\n");
}

static bool memcached_find(struct store_remote *remote, struct slice key, struct buf *out)
{
    (void)remote;
    buf_printf(out, "get %.*s\r\n", (int)key.len, key.ptr);
    return true;
}

/* It counts whole seconds, so up to one is lost; and 0 would mean for ever. */
static bool memcached_put(struct store_remote *remote, struct slice key, struct slice value, int64_t life_ns,
                          struct buf *out)
{
    long long seconds = life_ns / CLOCK_SECOND;
    (void)remote;
    if (seconds < 1)
        return false;
    buf_printf(out, "set %.*s 0 %lld %zu\r\n", (int)key.len, key.ptr, seconds, value.len);
    buf_add_slice(out, value);
    buf_add_string(out, "\r\n");
    return true;
}

/* ---- answers ---- */

static bool begins_with(struct slice text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.len >= length && memcmp(text.ptr, prefix, length) == 0;
}

/* The line at the front, without its CR LF. */
static enum store_remote_take front_line(const struct buf *in, struct slice *line)
{
    size_t searched = in->len < LINE_MAX_BYTES ? in->len : LINE_MAX_BYTES;
    const char *end = memmem(in->data, searched, "\r\n", 2);
    if (end == NULL)
        return searched == LINE_MAX_BYTES ? STORE_REMOTE_BAD : STORE_REMOTE_MORE;
    *line = (struct slice){in->data, (size_t)(end - in->data)};
    return STORE_REMOTE_ONE;
}

/* "VALUE key flags bytes": the last word. */
static bool memcached_value_length(struct slice line, size_t *length)
{
    const char *space = memrchr(line.ptr, ' ', line.len);
    int64_t number;
    if (space == NULL ||
        text_int((struct slice){space + 1, line.len - (size_t)(space + 1 - line.ptr)}, &number) !=
            TEXT_NUMBER_OK ||
        number < 0 || number > (int64_t)STORE_VALUE_MAX)
        return false;
    *length = (size_t)number;
    return true;
}

static enum store_remote_take memcached_take_found(struct store_remote *remote, struct buf *in,
                                                   struct slice line)
{
    static const char tail[] = "\r\nEND\r\n";
    size_t length, head = line.len + 2;
    if (slice_equal(line, SLICE("END")) || begins_with(line, "SERVER_ERROR")) {
        buf_drop(in, head);
        store_remote_answer(remote, (struct slice){NULL, 0});
        return STORE_REMOTE_ONE;
    }
    if (!begins_with(line, "VALUE ") || !memcached_value_length(line, &length))
        return STORE_REMOTE_BAD;
    if (in->len < head + length + sizeof tail - 1)
        return STORE_REMOTE_MORE;
    if (memcmp(in->data + head + length, tail, sizeof tail - 1) != 0)
        return STORE_REMOTE_BAD;
    store_remote_answer(remote, (struct slice){in->data + head, length});
    buf_drop(in, head + length + sizeof tail - 1);
    return STORE_REMOTE_ONE;
}

/* What it says to a set is of no interest, as long as it is one of its words. */
static enum store_remote_take memcached_take_stored(struct store_remote *remote, struct buf *in,
                                                    struct slice line)
{
    if (!slice_equal(line, SLICE("STORED")) && !slice_equal(line, SLICE("NOT_STORED")) &&
        !begins_with(line, "SERVER_ERROR"))
        return STORE_REMOTE_BAD;
    buf_drop(in, line.len + 2);
    store_remote_answer(remote, (struct slice){NULL, 0});
    return STORE_REMOTE_ONE;
}

static enum store_remote_take memcached_take_welcome(struct store_remote *remote, struct buf *in,
                                                     struct slice line)
{
    if (!begins_with(line, "VERSION "))
        return STORE_REMOTE_BAD;
    buf_drop(in, line.len + 2);
    store_remote_ready(remote);
    return STORE_REMOTE_ONE;
}

static enum store_remote_take memcached_take(struct store_remote *remote, struct buf *in)
{
    struct slice line;
    enum store_remote_take take = front_line(in, &line);
    if (take != STORE_REMOTE_ONE)
        return take;
    if (remote->state == STORE_REMOTE_GREETING)
        return memcached_take_welcome(remote, in, line);
    return store_remote_finds(remote) ? memcached_take_found(remote, in, line)
                                      : memcached_take_stored(remote, in, line);
}

static const struct store_remote_ops memcached_ops = {
    .name = "memcached",
    .greet = memcached_greet,
    .find = memcached_find,
    .put = memcached_put,
    .take = memcached_take,
    .reset = memcached_reset,
    .free = memcached_free,
};
