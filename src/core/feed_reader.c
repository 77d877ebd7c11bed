/* on_timer -> send: first where the newest events begin (on_start), then page by page (on_rows), each from the event on
 * that was read last, which must be there, or nobody knows what is missing. */
#include <config.h>

#include "core/feed_reader.h"

#include "base/clock.h"
#include "base/log.h"

#define NEWEST(ring) FEED_PAGE(ring) /* that the ring begins with, for clients who were away for a moment */
#define HELD_NS (10 * CLOCK_SECOND)
#define TOLD_NS (60 * CLOCK_SECOND)

static void on_timer(void *argument);
static void feed_reader_on_answer(struct call *call, const struct db_answer *answer, void *argument);

void feed_reader_init(struct feed_reader *reader, struct loop *loop)
{
    reader->timer = loop_timer_new(loop, on_timer, reader);
    reader->call.done = feed_reader_on_answer;
    reader->call.argument = reader;
    reader->pause = FEED_WAKE_NS;
}

void feed_reader_fini(struct feed_reader *reader)
{
    call_cancel(&reader->call);
    loop_timer_free(reader->timer);
}

/* ---- when ---- */

static void schedule(struct feed_reader *reader, int64_t after_ns)
{
    int64_t due = clock_now() + after_ns;
    if (loop_timer_pending(reader->timer) && reader->due <= due)
        return;
    reader->due = due;
    loop_timer_start(reader->timer, after_ns);
}

void feed_reader_wake(struct feed_reader *reader, int64_t after_ns)
{
    reader->pause = FEED_WAKE_NS;
    if (reader->call.state != CALL_IDLE)
        reader->woken = true;
    else if (!reader->held_up)
        schedule(reader, after_ns);
}

void feed_reader_go_on(struct feed_reader *reader)
{
    if (reader->held_up)
        schedule(reader, 0);
    reader->held_up = false;
}

/* What is held comes when somebody's transaction ends, so it is looked for a few times soon, and then as all else. */
static int64_t pause_after(struct feed_reader *reader, bool full, bool held)
{
    if (full)
        return 0;
    if (reader->woken)
        return FEED_WAKE_NS;
    if (!held)
        return FEED_POLL_NS;
    reader->pause = 2 * reader->pause < FEED_POLL_NS ? 2 * reader->pause : FEED_POLL_NS;
    return reader->pause;
}

/* ---- asking ---- */

static void failed(struct feed_reader *reader)
{
    schedule(reader, FEED_POLL_NS);
    reader->on_read(FEED_READ_FAILED, reader->argument);
}

static void send(struct feed_reader *reader)
{
    struct call *call = &reader->call;
    struct feed_position end = feed_ring_end(reader->ring);
    if (reader->loaded) {
        call->statement = reader->source->from;
        call->params[0] = (struct db_param){.integer = end.xid};
        call->params[1] = (struct db_param){.integer = end.number};
        call->params[2] = (struct db_param){.integer = (int64_t)FEED_PAGE(reader->ring)};
    } else {
        call->statement = reader->source->start;
        call->params[0] = (struct db_param){.integer = (int64_t)NEWEST(reader->ring)};
    }
    reader->woken = false;
    reader->sent++;
    if (call_start(reader->calls, call) != CALL_STARTED)
        failed(reader);
}

static void forget(struct feed_reader *reader)
{
    reader->loaded = false;
    feed_ring_fini(reader->ring);
}

static void on_timer(void *argument)
{
    struct feed_reader *reader = argument;
    enum feed_demand demand = reader->demand(reader->argument);
    if (reader->call.state != CALL_IDLE)
        return;
    reader->held_up = demand == FEED_LATER;
    if (demand == FEED_NOW)
        send(reader);
    else if (demand == FEED_FOR_NOBODY)
        forget(reader);
}

/* ---- answers ---- */

static void on_start(struct feed_reader *reader, const struct db_answer *answer)
{
    struct feed_position start = {0, 0};
    if (answer->count > 0)
        start = feed_event_place(answer->rows, answer->first);
    feed_ring_restart(reader->ring, start);
    reader->loaded = true;
    send(reader);
}

/* Nothing is held for long but by a transaction that somebody has forgotten. */
static void watch_held(struct feed_reader *reader, bool held)
{
    int64_t now = clock_now();
    if (!held)
        reader->held = 0;
    else if (reader->held == 0)
        reader->held = now;
    if (reader->held == 0 || now - reader->held < HELD_NS ||
        (reader->told != 0 && now - reader->told < TOLD_NS))
        return;
    reader->told = now;
    log_warn("events wait for an older transaction that is still open", LOG_MS("for_ms", now - reader->held));
}

/* The event that was read last comes again, as the first, unless there was none. */
static bool is_whole(const struct feed_reader *reader, const struct db_answer *answer)
{
    struct feed_position end = feed_ring_end(reader->ring);
    return feed_position_is_start(end) ||
           (answer->count > 0 &&
            feed_position_compare(feed_event_position(answer->rows, answer->first), end) == 0);
}

static void add_rows(struct feed_reader *reader, const struct db_answer *answer)
{
    struct buf text = BUF_INIT(FEED_TEXT_MAX);
    struct feed_event event;
    int known = feed_position_is_start(feed_ring_end(reader->ring)) ? 0 : 1;
    for (int row = known; row < answer->count; row++) {
        feed_event_read(reader->source, answer->rows, answer->first + row, &event, &text);
        feed_ring_add(reader->ring, &event);
    }
    buf_fini(&text);
}

static void on_rows(struct feed_reader *reader, const struct db_answer *answer)
{
    if (!is_whole(reader, answer)) {
        log_warn("events that were read are no longer in the database");
        reader->on_read(FEED_READ_BROKEN, reader->argument);
        forget(reader);
        schedule(reader, 0);
        return;
    }
    bool full = (size_t)answer->count == FEED_PAGE(reader->ring);
    bool held = answer->count > 0 && feed_event_is_held(answer->rows, answer->first + answer->count - 1);
    add_rows(reader, answer);
    watch_held(reader, held && answer->count <= 1);
    schedule(reader, pause_after(reader, full, held));
    if (!full)
        reader->settled = reader->sent;
    reader->on_read(full ? FEED_READ_MORE : FEED_READ_ALL, reader->argument);
}

static void feed_reader_on_answer(struct call *call, const struct db_answer *answer, void *argument)
{
    struct feed_reader *reader = argument;
    int64_t now = clock_now();
    if (answer->error != DB_OK) {
        if (reader->troubled == 0 || now - reader->troubled > TOLD_NS)
            log_warn("events cannot be read", LOG_S("reason", answer->message));
        reader->troubled = now;
        failed(reader);
    } else if (call->statement == reader->source->start) {
        on_start(reader, answer);
    } else {
        reader->troubled = 0;
        on_rows(reader, answer);
    }
}
