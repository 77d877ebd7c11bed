#include <config.h>

#include "io/memcached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/remote.h"

#define LINE_MAX_BYTES 512u

static const struct remote_ops memcached_ops;

struct store *memcached_new(struct loop *loop, const struct cacheurl *url)
{
    struct remote *remote = mem_new(sizeof *remote);
    remote_init(remote, loop, url, &memcached_ops);
    return &remote->store;
}

static void memcached_free(struct remote *remote)
{
    remote_fini(remote);
    free(remote);
}

static void memcached_reset(struct remote *remote)
{
    (void)remote; /* what came half is in its buffer */
}

/* ---- asking ---- */

static void memcached_greet(struct remote *remote, struct buf *out)
{
    (void)remote;
    buf_add_string(out, "version\r\n");
}

static bool memcached_find(struct remote *remote, struct slice key, struct buf *out)
{
    (void)remote;
    buf_printf(out, "get %.*s\r\n", (int)key.len, key.ptr);
    return true;
}

/* It counts whole seconds, so up to one is lost; and 0 would mean for ever. */
static bool memcached_put(struct remote *remote, struct slice key, struct slice value, int64_t life_ns,
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
static enum remote_take front_line(const struct buf *in, struct slice *line)
{
    size_t searched = in->len < LINE_MAX_BYTES ? in->len : LINE_MAX_BYTES;
    const char *end = memmem(in->data, searched, "\r\n", 2);
    if (end == NULL)
        return searched == LINE_MAX_BYTES ? REMOTE_BAD : REMOTE_MORE;
    *line = (struct slice){in->data, (size_t)(end - in->data)};
    return REMOTE_ONE;
}

/* "VALUE key flags bytes": the last word. */
static bool value_length(struct slice line, size_t *length)
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

static enum remote_take take_found(struct remote *remote, struct buf *in, struct slice line)
{
    static const char tail[] = "\r\nEND\r\n";
    size_t length, head = line.len + 2;
    if (slice_equal(line, SLICE("END")) || begins_with(line, "SERVER_ERROR")) {
        buf_drop(in, head);
        remote_answer(remote, (struct slice){NULL, 0});
        return REMOTE_ONE;
    }
    if (!begins_with(line, "VALUE ") || !value_length(line, &length))
        return REMOTE_BAD;
    if (in->len < head + length + sizeof tail - 1)
        return REMOTE_MORE;
    if (memcmp(in->data + head + length, tail, sizeof tail - 1) != 0)
        return REMOTE_BAD;
    remote_answer(remote, (struct slice){in->data + head, length});
    buf_drop(in, head + length + sizeof tail - 1);
    return REMOTE_ONE;
}

/* What it says to a set is of no interest, as long as it is one of its words. */
static enum remote_take take_stored(struct remote *remote, struct buf *in, struct slice line)
{
    if (!slice_equal(line, SLICE("STORED")) && !slice_equal(line, SLICE("NOT_STORED")) &&
        !begins_with(line, "SERVER_ERROR"))
        return REMOTE_BAD;
    buf_drop(in, line.len + 2);
    remote_answer(remote, (struct slice){NULL, 0});
    return REMOTE_ONE;
}

static enum remote_take take_welcome(struct remote *remote, struct buf *in, struct slice line)
{
    if (!begins_with(line, "VERSION "))
        return REMOTE_BAD;
    buf_drop(in, line.len + 2);
    remote_ready(remote);
    return REMOTE_ONE;
}

static enum remote_take memcached_take(struct remote *remote, struct buf *in)
{
    struct slice line;
    enum remote_take take = front_line(in, &line);
    if (take != REMOTE_ONE)
        return take;
    if (remote->state == REMOTE_GREETING)
        return take_welcome(remote, in, line);
    return remote_finds(remote) ? take_found(remote, in, line) : take_stored(remote, in, line);
}

static const struct remote_ops memcached_ops = {
    .name = "memcached",
    .greet = memcached_greet,
    .find = memcached_find,
    .put = memcached_put,
    .take = memcached_take,
    .reset = memcached_reset,
    .free = memcached_free,
};
