/* A client's life: feed_subscribe opens its response, on_writable places it each time that it has taken what it was
 * given (feed_serve.c), on_beat keeps it awake, and on_leave, or the drain, ends it. */
#include <config.h>

#include "core/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/key_watch.h"
#include "core/admit.h"
#include "core/feed_serve.h"
#include "core/request.h"
#include "core/server_parts.h"
#include "metrics/metrics.h"

#define RING_EVENTS 4096
#define RING_BYTES ((size_t)4 << 20)
#define BEAT_NS (15 * CLOCK_SECOND) /* proxies and browsers close what is silent for 30 s */
#define BEATING_NS CLOCK_SECOND
#define BEATS_PER_TURN 256
#define CHECKING_NS CLOCK_SECOND
#define DRAINING_NS (10 * CLOCK_MS)
#define PURGE_NS (60 * CLOCK_SECOND)
#define PURGE_AGAIN_NS (200 * CLOCK_MS)
/* After which clients come again: at random, so that they do not come all at once. */
#define RETRY_MS_MIN 1000
#define RETRY_MS_MAX 3000

_Static_assert((int)FEED_STATES == (int)LISTENERS && (int)FEED_LIVE == (int)LISTENER_LIVE, "states");

static enum feed_demand demand(void *argument);
static void on_read(enum feed_reading reading, void *argument);
static void on_beat(void *argument);
static void on_draining(void *argument);
static void on_checking(void *argument);

/* ---- feeds ---- */

static void purge_old(struct feed *feed, struct server *server)
{
    feed->purge = (struct chore){.statement = feed->source->purge,
                                 .parameter = server->settings->keep_events,
                                 .batch = feed->source->purged,
                                 .every_ns = PURGE_NS,
                                 .again_ns = PURGE_AGAIN_NS,
                                 .said = "purged events",
                                 .counted = "events"};
    if (server->settings->keep_events > 0)
        chores_add(&server->chores, feed->loop, feed->calls, &feed->purge);
}

void feed_add(struct server *server, const struct feed_source *source)
{
    struct feed *feed = mem_new(sizeof *feed);
    feed->loop = server->loop;
    feed->calls = server->calls;
    feed->source = source;
    feed->clients_max = (size_t)server->settings->max_events;
    for (int state = 0; state < FEED_STATES; state++)
        list_init(&feed->states[state]);
    list_init(&feed->beats);
    feed_ring_init(&feed->ring, RING_EVENTS, RING_BYTES);
    feed->reader = (struct feed_reader){.source = source,
                                        .ring = &feed->ring,
                                        .calls = feed->calls,
                                        .demand = demand,
                                        .on_read = on_read,
                                        .argument = feed};
    feed_reader_init(&feed->reader, feed->loop);
    feed_serve_init(feed);
    feed->beating = loop_timer_new(feed->loop, on_beat, feed);
    feed->draining = loop_timer_new(feed->loop, on_draining, feed);
    feed->checking = loop_timer_new(feed->loop, on_checking, feed);
    feed->server = server;
    purge_old(feed, server);
    list_append(&server->feeds, &feed->link);
}

static void feed_free(struct feed *feed)
{
    feed_reader_fini(&feed->reader);
    feed_serve_fini(feed);
    feed_ring_fini(&feed->ring);
    loop_timer_free(feed->beating);
    loop_timer_free(feed->draining);
    loop_timer_free(feed->checking);
    free(feed);
}

void feed_free_all(struct server *server)
{
    struct feed *feed;
    while ((feed = list_pop_of(&server->feeds, struct feed, link)) != NULL)
        feed_free(feed);
}

static struct feed *feed_of(const struct server *server, const struct feed_source *source)
{
    struct feed *feed = list_first_of(&server->feeds, struct feed, link);
    while (feed->source != source)
        feed = list_next_of(feed, struct feed, link);
    return feed;
}

void feed_sample(const struct server *server)
{
    uint64_t counts[LISTENERS] = {0}, held = 0;
    int64_t now = clock_now();
    list_for_each(struct feed, feed, &server->feeds, link) {
        for (size_t state = 0; state < LISTENERS; state++)
            counts[state] += feed->states[state].length;
        if (feed->reader.held != 0 && now > feed->reader.held)
            held = (uint64_t)(now - feed->reader.held);
    }
    for (size_t state = 0; state < LISTENERS; state++)
        metric_set(METRIC_EVENT_LISTENERS, state, counts[state]);
    metric_set(METRIC_EVENTS_HELD, 0, held);
}

void feed_wake_all(struct server *server)
{
    list_for_each(struct feed, feed, &server->feeds, link) {
        if (feed->beats.length > 0)
            feed_reader_wake(&feed->reader, FEED_WAKE_NS);
    }
}

/* ---- what the reader asks and tells ---- */

static enum feed_demand demand(void *argument)
{
    const struct feed *feed = argument;
    if (feed->beats.length == 0)
        return FEED_FOR_NOBODY;
    return feed_serve_is_done(feed) ? FEED_NOW : FEED_LATER;
}

static void on_read(enum feed_reading reading, void *argument)
{
    struct feed *feed = argument;
    if (reading == FEED_READ_BROKEN)
        feed_serve_scatter(feed);
    feed_serve_all(feed);
    feed_serve_page(feed);
}

/* ---- what HTTP tells ---- */

/* A client that has closed its sending side looks like one that has left, and is told that nothing follows. */
static void on_leave(struct http_request *http, enum http_leave how)
{
    struct feed_client *client = http->user;
    struct feed *feed = client->feed;
    if (how == HTTP_GONE)
        feed_client_free(client);
    else
        feed_client_end(client);
    feed_serve_page(feed);
}

static void on_writable(struct http_request *http)
{
    struct feed_client *client = http->user;
    if (client->state == FEED_SENDING)
        feed_serve_place(client);
}

/* ---- a request ---- */

static struct reply *begin(struct request *request)
{
    struct reply *reply = request_reply(request);
    reply->content_type = request->route->content_type;
    buf_add_string(&reply->fields, "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
    return reply;
}

static int write_retry(char *out, size_t size)
{
    return snprintf(out, size, "retry: %d\n\n", (int)random_int(RETRY_MS_MIN, RETRY_MS_MAX));
}

static void refuse_listener(struct request *request)
{
    metric_add(METRIC_REFUSALS, REFUSAL_LISTENERS, 1);
    request_problem(request, 503, "As many clients listen to events as may (--max-events).");
}

/* The head alone, or to a client that is to ask another server. */
static void send_away(struct request *request)
{
    char retry[32];
    int length = write_retry(retry, sizeof retry);
    request_stream_begin(request, begin(request), NULL);
    request_stream_piece(request, (struct slice){retry, (size_t)length});
    request_stream_end(request);
}

/* Whether all clients are to be looked at, and not only those whose key has an end. */
static bool keys_have_changed(struct feed *feed)
{
    uint64_t version = key_watch_version(feed->server->key_watch);
    scope_set anonymous = feed->server->settings->anonymous;
    bool changed = version != feed->keys_seen || anonymous != feed->anonymous_seen;
    feed->keys_seen = version;
    feed->anonymous_seen = anonymous;
    return changed;
}

/* Where keys are set, what it is by which the client listens is looked at again. */
static void admit_client(struct feed_client *client, const struct request *request)
{
    struct feed *feed = client->feed;
    if (request->server->key_watch == NULL)
        return;
    client->who = mem_new(sizeof *client->who);
    *client->who = admitted_as(request);
    if (loop_timer_pending(feed->checking))
        return;
    keys_have_changed(feed); /* it is by these that the first client was let in */
    loop_timer_start(feed->checking, CHECKING_NS);
}

/* What a client names: NULL: nothing. */
struct since {
    bool oldest; /* whatever is kept, so that nothing can be missing before it */
    struct feed_position position;
};

static bool read_since(struct slice text, struct since *since)
{
    *since = (struct since){.oldest = slice_equal(text, SLICE(FEED_OLDEST))};
    return since->oldest || feed_position_read(text, &since->position);
}

static void open_client(struct request *request, struct feed *feed, const struct since *since,
                        const struct feed_filter *filter)
{
    static const struct http_stream stream = {on_leave, on_writable};
    char retry[32];
    struct feed_client *client = feed_client_new(feed, filter);
    client->fresh = since == NULL;
    client->told = since != NULL && since->oldest;
    if (since != NULL)
        client->position = since->position;
    admit_client(client, request);
    client->http = request_stream_open(request, begin(request), &stream, client, &client->inside);
    int length = write_retry(retry, sizeof retry);
    feed_client_say(client, (struct slice){retry, (size_t)length});
    feed_reader_wake(&feed->reader, 0);
    if (!loop_timer_pending(feed->beating))
        loop_timer_start(feed->beating, BEATING_NS);
}

void feed_subscribe(struct request *request, const struct feed_source *source, struct slice since,
                    const struct feed_filter *filter)
{
    struct feed *feed = feed_of(request->server, source);
    struct slice last = http_head_field(request->http->head, SLICE("Last-Event-ID"));
    struct slice text = last.ptr != NULL ? last : since;
    struct since from;
    if (text.ptr != NULL && !read_since(text, &from))
        request_problem(request, 400, "%s must be the id of an event, such as 5731-42, or " FEED_OLDEST ".",
                        last.ptr != NULL ? "Last-Event-ID" : "The query parameter since");
    else if (feed->drained != 0 || request->method == HTTP_HEAD)
        send_away(request);
    else if (feed->beats.length >= feed->clients_max)
        refuse_listener(request);
    else
        open_client(request, feed, text.ptr != NULL ? &from : NULL, filter);
}

/* ---- silence ---- */

/* A client that few events are for is told how far it has come, or what it names would be too old one day. */
static void beat(struct feed_client *client)
{
    char text[FEED_POSITION_SIZE + 16], id[FEED_POSITION_SIZE];
    if (client->state == FEED_SENDING) {
        feed_client_say(client, (struct slice){NULL, 0});
    } else if (client->state == FEED_LIVE) {
        feed_position_write(id, client->position);
        int length = snprintf(text, sizeof text, ":\nid: %s\n\n", id);
        feed_client_say(client, (struct slice){text, (size_t)length});
    } else {
        feed_client_say(client, SLICE(":\n\n"));
    }
}

static void on_beat(void *argument)
{
    struct feed *feed = argument;
    int64_t now = clock_now();
    struct feed_client *client;
    for (int i = 0; i < BEATS_PER_TURN; i++) {
        client = list_first_of(&feed->beats, struct feed_client, beat_link);
        if (client == NULL)
            return;
        if (now - client->beat < BEAT_NS) {
            loop_timer_start(feed->beating, BEATING_NS);
            return;
        }
        beat(client);
    }
    loop_timer_start(feed->beating, 0);
}

/* ---- keys that no longer count ---- */

static void on_checking(void *argument)
{
    struct feed *feed = argument;
    bool changed = keys_have_changed(feed);
    list_for_each(struct feed_client, client, &feed->beats, beat_link) {
        if ((changed || client->who->expires != 0) && !admitted_still(client->who, feed->server))
            feed_client_end(client);
    }
    feed_serve_page(feed);
    if (feed->beats.length > 0)
        loop_timer_start(feed->checking, CHECKING_NS);
}

/* ---- the end ---- */

/* The part of them whose time has come. */
static size_t due_now(const struct feed *feed)
{
    int64_t left = feed->drained - clock_now();
    size_t turns = left > 0 ? (size_t)(left / DRAINING_NS) : 0;
    return feed->beats.length / (turns + 1) + 1;
}

static void on_draining(void *argument)
{
    struct feed *feed = argument;
    struct feed_client *client;
    for (size_t count = due_now(feed); count > 0; count--) {
        client = list_first_of(&feed->beats, struct feed_client, beat_link);
        if (client == NULL)
            return;
        feed_client_end(client);
    }
    loop_timer_start(feed->draining, DRAINING_NS);
}

void feed_drain_all(struct server *server, int64_t within_ns)
{
    list_for_each(struct feed, feed, &server->feeds, link) {
        int64_t each = (int64_t)feed->beats.length * CLOCK_MS;
        feed->drained = clock_now() + (each < within_ns ? each : within_ns);
        loop_timer_start(feed->draining, 0);
    }
}
