/* on_look finds that the file has changed, and begins to read it when it has not changed again until the next look;
 * on_step reads on, until its keys take the place of those that were there (take), or it is refused (refuse). */
#include <config.h>

#include "core/key_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "metrics/metrics.h"

#define LOOK_NS (250 * CLOCK_MS)

struct key_watch {
    const char *path;
    struct keys *keys;
    struct keys_mark taken;       /* of the file whose keys these are */
    struct keys_mark refused;     /* of the one that is not right, while it is there */
    struct keys_mark seen, begun; /* by the last look; when reading began */
    uint64_t version;
    bool wrong;                   /* the file is the one that was refused */
    struct keys_reading *reading; /* NULL: it is not being read */
    struct loop_timer *look, *step;
};

static void on_look(void *argument);
static void on_step(void *argument);

void key_watch_warn(const char *path)
{
    const char *why = keys_file_exposed(path);
    if (why != NULL)
        log_warn("the file of API keys should have other rights", LOG_S("file", path), LOG_S("reason", why));
}

static void set_wrong(struct key_watch *watch, bool wrong)
{
    watch->wrong = wrong;
    metric_set_for_all(METRIC_API_KEYS, 0, keys_count(watch->keys));
    metric_set_for_all(METRIC_API_KEYS_FILE_REFUSED, 0, wrong);
}

static void take(struct key_watch *watch, struct keys *keys, struct keys_mark mark)
{
    keys_free(watch->keys);
    watch->keys = keys;
    watch->taken = mark;
    watch->version++;
    log_info("API keys read", LOG_S("file", watch->path), LOG_I("keys", keys_count(keys)));
    key_watch_warn(watch->path);
    set_wrong(watch, false);
}

/* A line of the log for each that is wrong. */
static void refuse(struct key_watch *watch, char *error, struct keys_mark mark)
{
    char *rest = error;
    while (rest != NULL)
        log_error("the file of API keys is not right, and the keys stay as they were",
                  LOG_S("file", watch->path), LOG_S("reason", strsep(&rest, "\n")));
    free(error);
    watch->refused = mark;
    set_wrong(watch, true);
}

/* ---- reading ---- */

static void end_reading(struct key_watch *watch)
{
    keys_reading_free(watch->reading);
    watch->reading = NULL;
}

static void begin_reading(struct key_watch *watch, struct keys_mark mark)
{
    char *error = NULL;
    watch->begun = mark;
    watch->reading = keys_reading_new(watch->path, &error);
    if (watch->reading != NULL)
        loop_timer_start(watch->step, 0);
    else
        refuse(watch, error, mark);
}

/* What has changed while it was read may be half of something. */
static void on_step(void *argument)
{
    struct key_watch *watch = argument;
    struct keys *keys = NULL;
    char *error = NULL;
    enum keys_read read = keys_reading_step(watch->reading, &keys, &error);
    if (read == KEYS_READ_MORE) {
        loop_timer_start(watch->step, 0);
        return;
    }
    struct keys_mark now = keys_file_mark(watch->path);
    end_reading(watch);
    if (!keys_mark_equal(&now, &watch->begun)) {
        keys_free(keys);
        free(error);
    } else if (read == KEYS_READ_DONE) {
        take(watch, keys, now);
    } else {
        refuse(watch, error, now);
    }
}

/* ---- looking ---- */

/* When the file is again as it was before it went wrong, nothing has to be read. */
static bool is_settled(struct key_watch *watch, const struct keys_mark *now)
{
    if (!keys_mark_equal(now, &watch->taken))
        return watch->wrong && keys_mark_equal(now, &watch->refused);
    if (watch->wrong)
        set_wrong(watch, false);
    return true;
}

static void look(struct key_watch *watch, bool at_once)
{
    struct keys_mark now = keys_file_mark(watch->path);
    bool still = keys_mark_equal(&now, &watch->seen);
    watch->seen = now;
    if (watch->reading == NULL && !is_settled(watch, &now) && (still || at_once))
        begin_reading(watch, now);
}

static void on_look(void *argument)
{
    struct key_watch *watch = argument;
    look(watch, false);
    loop_timer_start(watch->look, LOOK_NS);
}

void key_watch_look(struct key_watch *watch)
{
    look(watch, true);
}

/* ---- life ---- */

static void read_now(struct key_watch *watch)
{
    struct keys_mark mark;
    char *error = NULL;
    struct keys *keys = keys_file_read(watch->path, &mark, &error);
    if (keys != NULL)
        take(watch, keys, mark);
    else
        refuse(watch, error, mark);
}

struct key_watch *key_watch_new(struct loop *loop, const char *path, struct keys *keys, struct keys_mark mark)
{
    struct key_watch *watch = mem_new(sizeof *watch);
    struct keys_mark now = keys_file_mark(path);
    watch->path = path;
    watch->keys = keys;
    watch->taken = watch->seen = mark;
    watch->look = loop_timer_new(loop, on_look, watch);
    watch->step = loop_timer_new(loop, on_step, watch);
    set_wrong(watch, false);
    if (!keys_mark_equal(&now, &mark))
        read_now(watch);
    loop_timer_start(watch->look, LOOK_NS);
    return watch;
}

void key_watch_free(struct key_watch *watch)
{
    if (watch == NULL)
        return;
    end_reading(watch);
    keys_free(watch->keys);
    loop_timer_free(watch->look);
    loop_timer_free(watch->step);
    free(watch);
}

const struct keys *key_watch_keys(const struct key_watch *watch)
{
    return watch->keys;
}

uint64_t key_watch_version(const struct key_watch *watch)
{
    return watch->version;
}
