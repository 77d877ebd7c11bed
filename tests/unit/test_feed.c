/* core/feed, from a client to the statements that read for it, with a small ring: this file's HTTP takes what is sent,
 * and its database is a journal of a few rows, of which some may wait for an older transaction. */
#include <config.h>

#include "unit.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "apps/orders_events.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/feed_client.h"
#include "core/feed.h"
#include "core/request.h"
#include "core/server_parts.h"
#include "http/http.h"

#define CLIENTS 24
#define ROWS 2000
#define RING 16

static struct {
    struct server server;
    struct settings settings;
    struct loop_timer *stop;
    struct db db;
    struct feed *feed;
    int64_t ahead; /* of the real clock */
} world;

/* ---- the clock ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int code = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += world.ahead / CLOCK_SECOND;
    return code;
}

/* ---- HTTP: a client takes what it was sent at the end of the turn, unless it is slow ---- */

static struct client {
    struct http_request http;
    const struct http_stream *stream;
    struct buf got;
    struct loop_task taken;
    int status;
    bool slow, open, ended, aborted;
} clients[CLIENTS];

static struct client *client_of(struct http_request *request)
{
    return (struct client *)(void *)request;
}

static void on_taken(void *argument)
{
    struct client *client = argument;
    if (client->open)
        client->stream->on_writable(&client->http);
}

static void take_later(struct client *client)
{
    if (!client->slow)
        loop_defer(world.server.loop, &client->taken);
}

void http_respond_open(struct http_request *request, const struct http_response *response,
                       const struct http_stream *stream)
{
    struct client *client = client_of(request);
    client->stream = stream;
    client->status = response->status;
    client->open = true;
    take_later(client);
}

void http_respond_piece(struct http_request *request, struct slice piece)
{
    struct client *client = client_of(request);
    assert_false(client->ended || client->aborted);
    if (piece.len == 0)
        return;
    buf_add_slice(&client->got, piece);
    buf_add_char(&client->got, '\0');
    client->got.len--;
    take_later(client);
}

void http_respond_begin(struct http_request *request, const struct http_response *response)
{
    client_of(request)->status = response->status;
}

void http_respond_end(struct http_request *request)
{
    struct client *client = client_of(request);
    client->open = false;
    client->ended = true;
}

void http_respond_abort(struct http_request *request)
{
    struct client *client = client_of(request);
    client->open = false;
    client->aborted = true;
}

void http_respond(struct http_request *request, const struct http_response *response)
{
    client_of(request)->status = response->status;
}

const struct sockaddr *http_peer_address(const struct http_request *request)
{
    static const struct sockaddr nobody;
    (void)request;
    return &nobody;
}

const char *http_reason(int status)
{
    (void)status;
    return "Reason";
}

/* ---- the database: a journal in the order of transactions ---- */

static struct row {
    int64_t xid, number, record;
    char owner[8];
} rows[ROWS];
static int row_count, visible; /* those that no older transaction can come before */
static bool away;
static unsigned reads, reads_of_pages, largest;

static struct {
    int first, count;
} answered;

static void write_row(int64_t record)
{
    assert_true(row_count < ROWS);
    struct row *row = &rows[row_count];
    *row = (struct row){.xid = 100 + row_count / 3, .number = 1 + row_count, .record = record};
    snprintf(row->owner, sizeof row->owner, "t%d", (int)(record % 5));
    row_count++;
}

static void settle_rows(void)
{
    visible = row_count;
    feed_wake_all(&world.server);
}

static struct slice cell(const struct db_rows *found, int at, int column)
{
    static char text[4][32];
    static unsigned turn;
    const struct row *row = &rows[answered.first + at];
    assert_in_range(at, 0, found->count - 1);
    int64_t value = column == 0 ? row->record : column == 2 ? row->xid : row->number;
    if (column == 1)
        return slice_of(row->owner);
    if (column == 4)
        return visible < row_count ? SLICE("t") : SLICE("f");
    char *out = text[turn++ % 4];
    snprintf(out, sizeof text[0], "%lld", (long long)value);
    return slice_of(out);
}

static struct slice place_cell(const struct db_rows *found, int at, int column)
{
    return cell(found, at, column + 2);
}

static int first_from(int64_t xid, int64_t number)
{
    int at = 0;
    while (at < visible && (rows[at].xid < xid || (rows[at].xid == xid && rows[at].number < number)))
        at++;
    return at;
}

static int at_most(int64_t count, int there)
{
    return count < there ? (int)count : there;
}

static void answer(struct db_request *unit)
{
    struct db_rows found = {.count = 0, .columns = 5, .value = cell};
    struct db_answer reply = {.error = away ? DB_LOST : DB_OK, .message = "", .sqlstate = "", .rows = &found};
    reads++;
    if (unit->statement == orders_events.start) {
        answered.first = visible - 1 - (int)unit->params[0].integer;
        found.value = place_cell;
        found.columns = 2;
        found.count = answered.first >= 0;
    } else {
        answered.first = first_from(unit->params[0].integer, unit->params[1].integer);
        found.count = at_most(unit->params[2].integer, visible - answered.first);
        reads_of_pages += unit->params[2].integer != (int64_t)FEED_PAGE(&world.feed->ring);
    }
    reply.count = found.count;
    unit->on_answer(unit, 0, &reply);
    unit->on_done(unit);
}

static struct {
    struct loop_task task;
    struct db_request *unit;
} asked[8];

static void on_asked(void *argument)
{
    struct db_request **unit = argument, *whose = *unit;
    *unit = NULL;
    answer(whose);
}

static void db_send(struct db *db, struct db_slot *slot, struct db_request *unit)
{
    unsigned i = 0;
    (void)db;
    (void)slot;
    while (asked[i].unit != NULL)
        i++;
    asked[i].unit = unit;
    loop_task_init(&asked[i].task, on_asked, &asked[i].unit);
    loop_defer(world.server.loop, &asked[i].task);
}

static unsigned db_connections(const struct db *db)
{
    (void)db;
    return 4;
}

static struct db_slot *db_slot(struct db *db, const struct statement *statement)
{
    (void)statement;
    return (struct db_slot *)(void *)db;
}

static bool db_away(const struct db *db)
{
    (void)db;
    return away;
}

static const struct db_ops db_ops = {.engine = "postgres",
                                     .arrays = true,
                                     .connections = db_connections,
                                     .slot = db_slot,
                                     .away = db_away,
                                     .send = db_send};

/* ---- the feed: its rows are record, owner, xid, number, held ---- */

static const char *const kinds[] = {"even", "odd", NULL};

static void read_row(const struct feed_source *source, const struct db_rows *found, int row,
                     struct feed_event *event, struct buf *data)
{
    (void)source;
    event->record = rows[answered.first + row].record;
    event->owner = found->value(found, row, 1);
    event->kind = (unsigned)event->record % 2;
    buf_printf(data, "%lld", (long long)event->record);
}

static struct feed_source source;

/* ---- clients ---- */

static void stop(void *argument)
{
    loop_stop(argument);
}

static void run_for(int64_t ns)
{
    loop_timer_start(world.stop, ns);
    loop_run(world.server.loop);
}

/* So many turns of the loop, however slow the machine is, and longer than the reader waits. */
static void turns(void)
{
    for (int turn = 0; turn < 40; turn++)
        run_for(CLOCK_MS);
}

#define SOON(condition)                                                                                      \
    do {                                                                                                     \
        for (int again = 0; again < 200 && !(condition); again++)                                            \
            turns();                                                                                         \
        assert_true(condition);                                                                              \
    } while (0)

static void join_with(unsigned index, const char *since, const struct feed_filter *filter)
{
    static const struct route route = {.method = HTTP_GET, .path = "/", .content_type = "text/event-stream"};
    static struct http_head head = {.method = HTTP_GET, .minor = 1};
    struct client *client = &clients[index];
    loop_task_cancel(&client->taken);
    buf_fini(&client->got);
    *client =
        (struct client){.got = BUF_INIT((size_t)1 << 20), .slow = client->slow, .http = {.head = &head}};
    loop_task_init(&client->taken, on_taken, client);
    struct request *request = request_begin(&world.server, &client->http);
    request->route = &route;
    feed_subscribe(request, &source, slice_of(since), filter);
}

static void join(unsigned index, const char *since)
{
    static const struct feed_filter everything = {.of_record = false};
    join_with(index, since, &everything);
}

static void leave(unsigned index)
{
    clients[index].open = false;
    clients[index].stream->on_leave(&clients[index].http, HTTP_GONE);
}

static void goes_on(unsigned index)
{
    clients[index].slow = false;
    take_later(&clients[index]);
}

/* The records that it was sent, by comma. */
static const char *records(unsigned index)
{
    static char text[16384];
    size_t used = 0;
    text[0] = '\0';
    for (const char *at = clients[index].got.data; at != NULL && (at = strstr(at, "data: ")) != NULL;) {
        at += strlen("data: ");
        size_t length = strcspn(at, "\n");
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", used > 0 ? "," : "", (int)length, at);
    }
    return text;
}

/* The last id that it was sent. */
static const char *last_id(unsigned index)
{
    static char text[CLIENTS][FEED_POSITION_SIZE];
    for (const char *at = clients[index].got.data; at != NULL && (at = strstr(at, "id: ")) != NULL;) {
        at += strlen("id: ");
        snprintf(text[index], sizeof text[index], "%.*s", (int)strcspn(at, "\n"), at);
    }
    return text[index];
}

static bool got(unsigned index, const char *text)
{
    return clients[index].got.data != NULL && strstr(clients[index].got.data, text) != NULL;
}

/* ---- set-up ---- */

static int set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    memset(asked, 0, sizeof asked);
    row_count = visible = 0;
    reads = reads_of_pages = largest = 0;
    away = false;
    log_setup(LOG_ERROR, LOG_TEXT);
    source = orders_events;
    source.kinds = kinds;
    source.read = read_row;
    world.settings = (struct settings){.max_events = CLIENTS, .deadline_ns = 60 * CLOCK_SECOND};
    struct server *server = &world.server;
    server->settings = &world.settings;
    server->loop = loop_new();
    server->calls = calls_new(server->loop, 100, world.settings.deadline_ns);
    server->deadline = loop_timer_new(server->loop, stop, server->loop);
    world.stop = loop_timer_new(server->loop, stop, server->loop);
    world.db.ops = &db_ops;
    calls_set_db(server->calls, &world.db);
    reply_init(&server->reply);
    list_init(&server->requests);
    list_init(&server->streams);
    list_init(&server->spares);
    list_init(&server->feeds);
    feed_add(server, &source);
    world.feed = list_first_of(&server->feeds, struct feed, link);
    feed_ring_init(&world.feed->ring, RING, 100000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (clients[i].open)
            leave(i);
        loop_task_cancel(&clients[i].taken);
        buf_fini(&clients[i].got);
        memset(&clients[i], 0, sizeof clients[i]);
    }
    run_for(0);
    feed_free_all(&world.server);
    calls_free(world.server.calls);
    request_free_spares(&world.server);
    reply_fini(&world.server.reply);
    loop_timer_free(world.server.deadline);
    loop_timer_free(world.stop);
    loop_free(world.server.loop);
    return 0;
}

static void write_rows(int64_t from, int64_t to)
{
    for (int64_t record = from; record <= to; record++)
        write_row(record);
    settle_rows();
}

/* ---- the tests ---- */

static void who_names_nothing_gets_what_comes_from_now_on(void **state)
{
    (void)state;
    write_rows(1, 5);
    join(0, NULL);
    turns();
    assert_string_equal(records(0), "");
    assert_string_equal(last_id(0), "101-5");
    assert_true(got(0, "retry: "));
    write_rows(6, 7);
    turns();
    assert_string_equal(records(0), "6,7");
    assert_string_equal(last_id(0), "102-7");
    assert_true(got(0, "id: 101-6\nevent: even\ndata: 6\n\n"));
}

static void nobody_reads_when_nobody_listens(void **state)
{
    (void)state;
    write_rows(1, 5);
    turns();
    assert_int_equal(reads, 0);
    join(0, NULL);
    turns();
    leave(0);
    SOON(world.feed->ring.events == NULL);
    unsigned before = reads;
    write_rows(6, 7);
    run_for(2 * FEED_POLL_NS);
    assert_int_equal(reads, before);
    assert_null(world.feed->ring.events);
}

static void who_is_in_the_ring_asks_nothing_of_the_database(void **state)
{
    (void)state;
    write_rows(1, 5);
    join(0, NULL);
    turns();
    write_rows(6, 9);
    turns();
    for (unsigned i = 1; i < CLIENTS; i++)
        join(i, "101-6");
    turns();
    for (unsigned i = 1; i < CLIENTS; i++)
        assert_string_equal(records(i), "7,8,9");
    assert_int_equal(reads_of_pages, 0);
}

static void who_is_further_back_gets_pages(void **state)
{
    (void)state;
    write_rows(1, 600);
    join(0, "100-2");
    join(1, FEED_OLDEST);
    turns();
    write_rows(601, 603);
    turns();
    assert_true(reads_of_pages > 5);
    assert_int_equal(strncmp(records(0), "3,4,5,6,", 8), 0);
    assert_int_equal(strncmp(records(1), "1,2,3,4,", 8), 0);
    assert_string_equal(last_id(0), "300-603");
    assert_string_equal(last_id(1), "300-603");
}

static void what_waits_for_an_older_transaction_is_not_sent(void **state)
{
    (void)state;
    write_rows(1, 2);
    join(0, NULL);
    turns();
    write_row(3);
    feed_wake_all(&world.server);
    turns();
    assert_string_equal(records(0), "");
    visible = row_count; /* nobody says so, but it is looked for */
    SOON(strcmp(records(0), "3") == 0);
}

static void an_id_that_is_not_there_is_a_gap_and_all_that_is_follows(void **state)
{
    static const char *const unknown[] = {"99-1", "100-9", "101-1", "999-1", "0-0"};
    (void)state;
    write_rows(1, 40);
    memmove(rows, rows + 10, (size_t)(row_count - 10) * sizeof *rows);
    row_count -= 10;
    settle_rows();
    for (unsigned i = 0; i < COUNT(unknown); i++)
        join(i, unknown[i]);
    turns();
    for (unsigned i = 0; i < COUNT(unknown); i++) {
        char text[64];
        snprintf(text, sizeof text, "event: gap\ndata: {\"since\":\"%s\"}\n\n", unknown[i]);
        assert_true(got(i, text));
        assert_non_null(strstr(records(i), "},11,12,13,"));
        assert_string_equal(last_id(i), "113-40");
    }
}

static void who_came_before_the_first_event_misses_none(void **state)
{
    (void)state;
    join(0, NULL);
    turns();
    assert_string_equal(last_id(0), "0-0");
    leave(0);
    write_rows(1, 40);
    join(0, "0-0");
    turns();
    assert_int_equal(strncmp(records(0), "1,2,3,", 6), 0);
    assert_string_equal(last_id(0), "113-40");
}

static void a_journal_that_is_emptied_is_a_gap_for_all(void **state)
{
    (void)state;
    write_rows(1, 5);
    join(0, NULL);
    join(1, "101-4");
    turns();
    row_count = 0;
    settle_rows();
    turns();
    write_rows(70, 71);
    turns();
    assert_string_equal(records(0), "{\"since\":\"101-5\"},70,71");
    assert_string_equal(records(1), "5,{\"since\":\"101-5\"},70,71");
}

static void a_slow_client_is_cut_when_the_ring_has_passed_it(void **state)
{
    (void)state;
    write_rows(1, 2);
    join(0, NULL);
    join(1, NULL);
    turns();
    clients[0].slow = true;
    for (int64_t i = 3; i < 3 + 2 * RING; i++) {
        write_rows(i, i);
        turns();
    }
    assert_string_equal(records(0), "3"); /* and no more was put together for it */
    assert_true(clients[0].aborted);
    assert_true(clients[1].open);
    assert_string_equal(last_id(1), "111-34");
    join(0, last_id(0));
    goes_on(0);
    turns();
    assert_int_equal(strncmp(records(0), "4,5,6,", 6), 0);
    assert_string_equal(last_id(0), "111-34");
}

static void while_the_database_is_away_clients_stay(void **state)
{
    (void)state;
    away = true;
    join(0, NULL);
    run_for(2 * FEED_POLL_NS);
    away = false;
    write_rows(1, 2);
    SOON(strcmp(last_id(0), "100-2") == 0);
    away = true;
    write_rows(3, 4);
    run_for(2 * FEED_POLL_NS);
    join(1, "100-1");
    run_for(FEED_POLL_NS);
    assert_string_equal(records(0), "");
    away = false;
    SOON(strcmp(records(0), "3,4") == 0);
    SOON(strcmp(records(1), "2,3,4") == 0);
}

static void silence_is_broken_and_moves_on_who_took_nothing(void **state)
{
    const struct feed_filter filter = {.of_owner = true, .owner = SLICE("nobody")};
    (void)state;
    write_rows(1, 2);
    join_with(0, NULL, &filter);
    turns();
    write_rows(3, 40);
    turns();
    assert_string_equal(last_id(0), "100-2");
    world.ahead += 16 * CLOCK_SECOND;
    SOON(got(0, ":\nid: 113-40\n\n"));
    assert_string_equal(records(0), "");
}

static void there_are_no_more_than_may_be(void **state)
{
    (void)state;
    world.feed->clients_max = 2;
    for (unsigned i = 0; i < 3; i++)
        join(i, NULL);
    assert_int_equal(clients[1].status, 200);
    assert_int_equal(clients[2].status, 503);
    leave(0);
    join(2, NULL);
    assert_int_equal(clients[2].status, 200);
}

static unsigned open_clients(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        count += clients[i].open;
    return count;
}

static void a_drain_sends_them_away_one_after_the_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS - 1; i++)
        join(i, NULL);
    turns();
    feed_drain_all(&world.server, 4 * CLOCK_SECOND);
    run_for(0);
    assert_in_range(open_clients(), 1, CLIENTS - 2);
    SOON(open_clients() == 0);
    assert_true(clients[0].ended);
    join(CLIENTS - 1, NULL);
    assert_int_equal(clients[CLIENTS - 1].status, 200);
    assert_true(clients[CLIENTS - 1].ended);
}

/* ---- whatever happens: the book of each client is the journal, as far as its filter takes it ---- */

static struct book {
    struct feed_filter filter;
    char owner[8];
    int seen; /* rows that it has looked at */
    bool listening;
} books[CLIENTS];

static unsigned seed = 1;

static unsigned chance(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

static bool is_for(const struct book *book, const struct row *row)
{
    const struct feed_event event = {
        .record = row->record, .owner = slice_of(row->owner), .kind = (unsigned)row->record % 2};
    return feed_filter_takes(&book->filter, &event);
}

/* All that the client was sent since it came is what follows in the journal. */
static void check_book(unsigned index)
{
    struct book *book = &books[index];
    const char *at = clients[index].got.data;
    assert_false(got(index, "event: gap"));
    while (at != NULL && (at = strstr(at, "data: ")) != NULL) {
        long long record = atoll(at += strlen("data: "));
        while (book->seen < visible && !is_for(book, &rows[book->seen]))
            book->seen++;
        assert_true(book->seen < visible);
        assert_int_equal(rows[book->seen++].record, record);
    }
    buf_fini(&clients[index].got);
}

static void come(unsigned index)
{
    struct book *book = &books[index];
    char since[FEED_POSITION_SIZE] = FEED_OLDEST;
    if (book->seen > 0)
        feed_position_write(since,
                            (struct feed_position){rows[book->seen - 1].xid, rows[book->seen - 1].number});
    clients[index].slow = chance(4) == 0;
    join_with(index, since, &book->filter);
    book->listening = true;
}

static void do_something(void)
{
    unsigned index = chance(CLIENTS);
    if (chance(3) == 0)
        for (unsigned more = chance(20); more > 0 && row_count < ROWS; more--)
            write_row(1000 + row_count);
    if (chance(3) == 0)
        settle_rows();
    if (chance(12) == 0)
        away = !away;
    check_book(index);
    books[index].listening &= clients[index].open;
    if (!books[index].listening)
        come(index);
    else if (chance(3) == 0)
        leave(index);
    else if (clients[index].slow)
        goes_on(index);
    run_for(chance(3) * CLOCK_MS);
}

static void no_client_misses_anything_whatever_happens(void **state)
{
    (void)state;
    memset(books, 0, sizeof books);
    write_rows(1000, 1099);
    for (unsigned i = 0; i < CLIENTS; i++) {
        snprintf(books[i].owner, sizeof books[i].owner, "t%u", i % 5);
        books[i].filter = (struct feed_filter){
            .of_owner = i % 3 == 1, .owner = slice_of(books[i].owner), .kinds = i % 4 == 2 ? 1u : 0};
    }
    for (int i = 0; i < 3000 && row_count < ROWS; i++)
        do_something();
    away = false;
    settle_rows();
    for (unsigned i = 0; i < CLIENTS; i++) {
        goes_on(i);
        check_book(i);
        if (!clients[i].open)
            come(i);
        goes_on(i);
    }
    for (int again = 0; again < 20; again++)
        turns();
    for (unsigned i = 0; i < CLIENTS; i++) {
        check_book(i);
        for (int row = books[i].seen; row < row_count; row++)
            assert_false(is_for(&books[i], &rows[row]));
    }
    assert_true(row_count > 500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_names_nothing_gets_what_comes_from_now_on),
        TEST(nobody_reads_when_nobody_listens),
        TEST(who_is_in_the_ring_asks_nothing_of_the_database),
        TEST(who_is_further_back_gets_pages),
        TEST(what_waits_for_an_older_transaction_is_not_sent),
        TEST(an_id_that_is_not_there_is_a_gap_and_all_that_is_follows),
        TEST(who_came_before_the_first_event_misses_none),
        TEST(a_journal_that_is_emptied_is_a_gap_for_all),
        TEST(a_slow_client_is_cut_when_the_ring_has_passed_it),
        TEST(while_the_database_is_away_clients_stay),
        TEST(silence_is_broken_and_moves_on_who_took_nothing),
        TEST(there_are_no_more_than_may_be),
        TEST(a_drain_sends_them_away_one_after_the_other),
        TEST(no_client_misses_anything_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
