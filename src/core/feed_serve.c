/* A client is placed (feed_serve_place) whenever it has taken what it was given. Either the ring has what comes next
 * for it, and a sweep gives it that in one of the next turns (on_sweep, visit), or a page is read for it
 * (feed_serve_page, feed_serve_on_page), or it waits for the reader. */
#include <config.h>

#include "core/feed_serve.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

#define VISITS_PER_TURN 64
#define PAGE_ROWS 120           /* about as many as fit into a piece */
#define PAGE_ROWS_FILTERED 1000 /* of which few may be wanted */

static void on_sweep(void *argument);
static void feed_serve_on_page(struct call *call, const struct db_answer *answer, void *argument);

void feed_serve_init(struct feed *feed)
{
    feed->piece = BUF_INIT(FEED_TEXT_MAX + FEED_PIECE_MAX);
    feed->sweep = loop_timer_new(feed->loop, on_sweep, feed);
    feed->page.done = feed_serve_on_page;
    feed->page.argument = feed;
}

void feed_serve_fini(struct feed *feed)
{
    call_cancel(&feed->page);
    loop_timer_free(feed->sweep);
    buf_fini(&feed->piece);
}

/* ---- placing ---- */

static void sweep_soon(struct feed *feed)
{
    if (!loop_timer_pending(feed->sweep))
        loop_timer_start(feed->sweep, 0);
}

/* Nobody knows what lies between what the client names and the oldest event that is kept: it goes on from there. */
static void tell_gap(struct feed_client *client)
{
    char text[FEED_POSITION_SIZE + 64], since[FEED_POSITION_SIZE];
    feed_position_write(since, client->position);
    int length = snprintf(text, sizeof text, "event: gap\ndata: {\"since\":\"%s\"}\n\n", since);
    client->position = (struct feed_position){0, 0};
    client->told = true;
    feed_client_send(client, (struct slice){text, (size_t)length});
}

/* What a client that is cut off before its first event says when it comes again. */
static void tell_position(struct feed_client *client)
{
    char text[FEED_POSITION_SIZE + 8], id[FEED_POSITION_SIZE];
    feed_position_write(id, client->position);
    int length = snprintf(text, sizeof text, "id: %s\n\n", id);
    feed_client_send(client, (struct slice){text, (size_t)length});
}

static void join(struct feed_client *client, uint64_t next)
{
    client->joined = true;
    client->next = next;
    feed_client_set_state(client, FEED_BEHIND);
    sweep_soon(client->feed);
}

/* The client is in the ring, unless that has passed it while it took nothing. */
static void place_joined(struct feed_client *client)
{
    struct feed *feed = client->feed;
    if (client->next < feed->ring.first) {
        feed_client_cut(client);
    } else if (client->next == feed->ring.next) {
        feed_client_set_state(client, FEED_LIVE);
    } else {
        feed_client_set_state(client, FEED_BEHIND);
        sweep_soon(feed);
    }
}

/* Whether nothing is missing behind what the client names. The beginning is known by the first event that there ever
 * was. */
static bool is_known(const struct feed_client *client, const struct feed_position *first)
{
    if (client->told)
        return true;
    if (feed_position_is_start(client->position))
        return first == NULL || first->number == 1;
    return first != NULL && feed_position_compare(*first, client->position) == 0;
}

/* A client that names the beginning has its page read, which says whether that is there, unless there is nothing. */
static bool is_in_ring(const struct feed_client *client, uint64_t *next)
{
    const struct feed_ring *ring = &client->feed->ring;
    bool start = feed_position_is_start(client->position);
    return feed_ring_find(ring, client->position, next) && (!start || ring->first == ring->next);
}

/* The reader knows all that there was when the client came. */
static bool is_settled(const struct feed_client *client)
{
    const struct feed_reader *reader = &client->feed->reader;
    return reader->loaded && reader->settled > client->asked;
}

static bool is_ahead(const struct feed_client *client)
{
    const struct feed *feed = client->feed;
    return client->fresh || !feed->reader.loaded ||
           feed_position_compare(client->position, feed_ring_end(&feed->ring)) > 0;
}

static void begin_fresh(struct feed_client *client)
{
    client->fresh = false;
    client->joined = true;
    client->next = client->feed->ring.next;
    client->position = feed_ring_end(&client->feed->ring);
    tell_position(client);
}

static void place_elsewhere(struct feed_client *client)
{
    struct feed *feed = client->feed;
    uint64_t next;
    if (is_ahead(client) && !is_settled(client)) {
        feed_client_set_state(client, FEED_EARLY);
        feed_reader_wake(&feed->reader, 0);
    } else if (client->fresh) {
        begin_fresh(client);
    } else if (is_in_ring(client, &next)) {
        join(client, next);
    } else if (feed_position_compare(client->position, feed->ring.start) < 0 ||
               feed_position_is_start(client->position)) {
        feed_client_set_state(client, FEED_PAGING);
        feed_serve_page(feed);
    } else {
        tell_gap(client);
    }
}

void feed_serve_place(struct feed_client *client)
{
    if (client->joined)
        place_joined(client);
    else
        place_elsewhere(client);
}

void feed_serve_scatter(struct feed *feed)
{
    list_for_each(struct feed_client, client, &feed->beats, beat_link) {
        client->joined = false;
        client->asked = feed->reader.sent;
        if (client->state == FEED_LIVE || client->state == FEED_BEHIND)
            feed_client_set_state(client, FEED_EARLY);
    }
}

/* ---- from the ring ---- */

/* Puts together what the client takes of the events from next on, as far as it fits, and moves the client behind it. */
static void gather(struct feed_client *client)
{
    struct feed *feed = client->feed;
    uint64_t at = client->next;
    buf_clear(&feed->piece);
    for (; at < feed->ring.next; at++) {
        const struct feed_event *event = feed_ring_at(&feed->ring, at);
        if (!feed_filter_takes(&client->filter, event))
            continue;
        if (feed->piece.len > 0 && feed->piece.len + event->text.len > FEED_PIECE_MAX)
            break;
        buf_add_slice(&feed->piece, event->text);
    }
    feed->gathered.from = client->next;
    feed->gathered.to = at;
    feed->gathered.end = feed->ring.next;
    feed->gathered.open = feed_filter_is_open(&client->filter);
}

/* The piece of the client before fits as well. */
static bool is_gathered(const struct feed_client *client)
{
    const struct feed *feed = client->feed;
    return feed->gathered.open && feed_filter_is_open(&client->filter) &&
           feed->gathered.from == client->next && feed->gathered.end == feed->ring.next;
}

/* Most of those who want the events of one owner want none of what there is. They stand at the same place, mostly. */
static bool may_want_some(const struct feed_client *client)
{
    struct feed *feed = client->feed;
    if (!client->filter.of_owner || client->filter.or_nobody)
        return true;
    feed_owners_know(&feed->owners, &feed->ring, client->next, feed->ring.next);
    return feed_owners_may_have(&feed->owners, client->owner_hash);
}

static void move_to(struct feed_client *client, uint64_t next)
{
    const struct feed_ring *ring = &client->feed->ring;
    client->next = next;
    if (next > ring->first)
        client->position = feed_ring_at(ring, next - 1)->position;
}

static void visit(struct feed_client *client)
{
    struct feed *feed = client->feed;
    if (client->next < feed->ring.first) {
        feed_client_cut(client);
        return;
    }
    if (!may_want_some(client)) {
        move_to(client, feed->ring.next);
        feed_serve_place(client);
        return;
    }
    if (!is_gathered(client))
        gather(client);
    move_to(client, feed->gathered.to);
    if (feed->piece.len > 0)
        feed_client_send(client, buf_slice(&feed->piece));
    else
        feed_serve_place(client);
}

static struct feed_client *first_in(const struct feed *feed, enum feed_state state)
{
    return list_first_of(&feed->states[state], struct feed_client, link);
}

/* Clients that are live stand in the order of next, so that the first of them lacks most. */
static struct feed_client *first_to_visit(const struct feed *feed)
{
    struct feed_client *behind = first_in(feed, FEED_BEHIND), *live = first_in(feed, FEED_LIVE);
    if (behind != NULL)
        return behind;
    return live != NULL && live->next < feed->ring.next ? live : NULL;
}

static struct feed_client *first_to_place(const struct feed *feed)
{
    struct feed_client *early = first_in(feed, FEED_EARLY);
    return early != NULL && is_settled(early) ? early : NULL;
}

bool feed_serve_is_done(const struct feed *feed)
{
    return first_to_visit(feed) == NULL && first_to_place(feed) == NULL;
}

/* Of those who do not take what they were given, the first that the ring has passed; NULL: none that is known. */
static struct feed_client *first_to_cut(const struct feed *feed)
{
    struct feed_client *slow = first_in(feed, FEED_SENDING);
    return slow != NULL && slow->joined && slow->next < feed->ring.first ? slow : NULL;
}

static bool serve_one(struct feed *feed)
{
    struct feed_client *client = first_to_cut(feed);
    if (client != NULL) {
        feed_client_cut(client);
        return true;
    }
    client = first_to_place(feed);
    if (client != NULL) {
        feed_serve_place(client);
        return true;
    }
    client = first_to_visit(feed);
    if (client != NULL)
        visit(client);
    return client != NULL;
}

/* A part of them each turn, because they must not hold up requests. */
static void on_sweep(void *argument)
{
    struct feed *feed = argument;
    for (int i = 0; i < VISITS_PER_TURN; i++)
        if (!serve_one(feed)) {
            feed_reader_go_on(&feed->reader);
            return;
        }
    sweep_soon(feed);
}

void feed_serve_all(struct feed *feed)
{
    sweep_soon(feed);
}

/* ---- from the database ---- */

static int rows_for(const struct feed_client *client)
{
    return feed_filter_is_open(&client->filter) ? PAGE_ROWS : PAGE_ROWS_FILTERED;
}

/* One page at a time in a process, whoever wants one, each in his turn. When none can be read now, the reader comes
 * back to this. */
void feed_serve_page(struct feed *feed)
{
    struct feed_client *client = first_in(feed, FEED_PAGING);
    struct call *call = &feed->page;
    if (client == NULL || call->state != CALL_IDLE)
        return;
    call->statement = feed->source->from;
    call->params[0] = (struct db_param){.integer = client->position.xid};
    call->params[1] = (struct db_param){.integer = client->position.number};
    call->params[2] = (struct db_param){.integer = rows_for(client)};
    if (call_start(feed->calls, call) != CALL_STARTED)
        return;
    feed->paged = client;
    feed_client_set_state(client, FEED_READING);
}

/* One row of a page. False: it belongs into another piece, or behind what the reader knows. */
static bool add_row(struct feed_client *client, const struct db_rows *rows, int row, struct buf *text)
{
    struct feed *feed = client->feed;
    struct feed_event event;
    feed_event_read(feed->source, rows, row, &event, text);
    if (feed_position_compare(event.position, feed_ring_end(&feed->ring)) > 0)
        return false;
    bool taken = feed_filter_takes(&client->filter, &event);
    if (taken && feed->piece.len > 0 && feed->piece.len + event.text.len > FEED_PIECE_MAX)
        return false;
    if (taken)
        buf_add_slice(&feed->piece, event.text);
    client->position = event.position;
    client->told = false;
    return true;
}

/* True when the page has brought the client on. */
static bool take_page(struct feed_client *client, const struct db_answer *answer)
{
    struct feed_position before = client->position;
    struct buf text = BUF_INIT(FEED_TEXT_MAX);
    client->feed->gathered.open = false;
    buf_clear(&client->feed->piece);
    for (int row = answer->first; row < answer->first + answer->count; row++) {
        if (feed_position_compare(feed_event_position(answer->rows, row), before) > 0 &&
            !add_row(client, answer->rows, row, &text))
            break;
    }
    buf_fini(&text);
    return feed_position_compare(client->position, before) > 0;
}

/* Where a page brings nothing, there is nothing before what the ring has. */
static void give_page(struct feed_client *client, const struct db_answer *answer)
{
    struct feed *feed = client->feed;
    struct feed_position first = {0, 0};
    if (answer->count > 0)
        first = feed_event_position(answer->rows, answer->first);
    if (!is_known(client, answer->count > 0 ? &first : NULL))
        tell_gap(client);
    else if (!take_page(client, answer))
        join(client, feed->ring.first);
    else if (feed->piece.len > 0)
        feed_client_send(client, buf_slice(&feed->piece));
    else
        feed_serve_place(client);
}

static void feed_serve_on_page(struct call *call, const struct db_answer *answer, void *argument)
{
    struct feed *feed = argument;
    struct feed_client *client = feed->paged;
    (void)call;
    feed->paged = NULL;
    if (answer->error != DB_OK) {
        feed_client_set_state(client, FEED_PAGING);
        return;
    }
    if (feed->reader.loaded)
        give_page(client, answer);
    else
        feed_serve_place(client);
    feed_serve_page(feed);
}
