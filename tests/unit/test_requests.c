/* The core from a request to its answer, between a scripted HTTP and a scripted database: this file's http_new and
 * pg_open take the place of the real ones. Routes and statements are those of the apps. */
#include <config.h>

#include "unit.h"

#include <libdeflate.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "apps/apps.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/server.h"
#include "http/http.h"
#include "io/loop.h"
#include "pg/pg.h"
#include "store/store_memory.h"

#define DEADLINE_NS (300 * CLOCK_MS)
#define ASKED 24

struct http {
    struct http_handlers handlers;
};

struct asked {
    struct http_request http;
    struct http_head head;
    char text[1024];
    bool answered, gone, close;
    bool begun, aborted; /* of a response in pieces */
    int status;
    char type[64], fields[1024], body[4096], id[80];
    size_t length; /* of the body */
    struct buf pieces;
    unsigned piece_count;
};

static struct {
    struct server *server;
    struct settings settings;
    struct loop *loop;
    struct loop_timer *stop;
    struct http http;
    struct db db;
    struct db_events events;
    struct db_request *sent[32]; /* in the order in which they came; NULL: answered */
    unsigned count;
    bool full, away;
    int64_t ahead; /* of the real clock */
} world;

static struct asked asked[ASKED];

/* ---- the clock ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int code = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += world.ahead / CLOCK_SECOND;
    return code;
}

/* ---- HTTP ---- */

struct http *http_new(struct loop *loop, enum http_engine_kind engine, const struct http_handlers *handlers,
                      const struct http_limits *limits)
{
    (void)engine;
    (void)limits;
    world.loop = loop;
    world.http.handlers = *handlers;
    return &world.http;
}

void http_add_listener(struct http *http, int fd)
{
    (void)http;
    (void)fd;
}

void http_retire(struct http *http)
{
    (void)http;
}

void http_drain(struct http *http, enum http_queue queue)
{
    (void)http;
    (void)queue;
}

void http_free(struct http *http)
{
    for (unsigned i = 0; i < ASKED; i++)
        if (asked[i].http.user != NULL && !asked[i].answered && !asked[i].gone) {
            asked[i].gone = true;
            http->handlers.on_leave(&asked[i].http, HTTP_GONE, http->handlers.argument);
        }
}

static void keep(char *out, size_t size, struct slice text)
{
    assert_true(text.len < size);
    memcpy(out, text.ptr != NULL ? text.ptr : "", text.len);
    out[text.len] = '\0';
}

static void add_value(struct buf *fields, const char *name, struct slice value)
{
    if (value.len > 0)
        buf_printf(fields, "%s: %.*s\r\n", name, (int)value.len, value.ptr);
}

void http_respond(struct http_request *request, const struct http_response *response)
{
    struct asked *to = (struct asked *)(void *)request;
    struct buf fields = BUF_INIT(sizeof to->fields);
    assert_false(to->answered); /* exactly once */
    assert_false(to->gone);
    to->answered = true;
    to->status = response->status;
    to->close = response->close;
    keep(to->type, sizeof to->type, slice_of(response->content_type != NULL ? response->content_type : ""));
    buf_printf(&fields, "%.*s", (int)response->fields.len,
               response->fields.len > 0 ? response->fields.ptr : "");
    add_value(&fields, "ETag", response->etag);
    add_value(&fields, "Content-Encoding", slice_of(response->coding));
    add_value(&fields, "Vary", slice_of(response->vary));
    keep(to->fields, sizeof to->fields, buf_slice(&fields));
    buf_fini(&fields);
    keep(to->body, sizeof to->body, response->body);
    to->length = response->body.len;
    keep(to->id, sizeof to->id, response->request_id);
}

/* In pieces: the body gathers, and pieces are counted. */
void http_respond_begin(struct http_request *request, const struct http_response *response)
{
    struct asked *to = (struct asked *)(void *)request;
    http_respond(request, response);
    to->answered = false;
    to->begun = true;
    to->piece_count = 0;
    to->pieces.max = 1 << 20;
    buf_clear(&to->pieces);
}

void http_respond_piece(struct http_request *request, struct slice piece)
{
    struct asked *to = (struct asked *)(void *)request;
    assert_true(to->begun && !to->answered);
    buf_add_slice(&to->pieces, piece);
    to->piece_count++;
}

void http_respond_end(struct http_request *request)
{
    struct asked *to = (struct asked *)(void *)request;
    assert_true(to->begun && !to->answered);
    to->answered = true;
}

void http_respond_abort(struct http_request *request)
{
    struct asked *to = (struct asked *)(void *)request;
    assert_true(to->begun && !to->answered);
    to->answered = to->aborted = true;
}

void http_respond_open(struct http_request *request, const struct http_response *response,
                       const struct http_stream *stream)
{
    (void)stream;
    http_respond_begin(request, response);
    fail_msg("no route of these tests goes on without an end");
}

void http_peer(const struct http_request *request, char *out, size_t size)
{
    (void)request;
    snprintf(out, size, "127.0.0.1");
}

const struct sockaddr *http_peer_address(const struct http_request *request)
{
    static const struct sockaddr nobody;
    (void)request;
    return &nobody;
}

size_t http_connection_count(const struct http *http)
{
    (void)http;
    return 0;
}

void http_sample(const struct http *http)
{
    (void)http;
}

const char *http_reason(int status)
{
    (void)status;
    return "Reason";
}

/* ---- libdeflate: counts, and writes what is no gzip ---- */

#define GZIP "\x1f\x8b of %zu"

static unsigned compressed;
static bool compressing = true;

size_t libdeflate_gzip_compress(struct libdeflate_compressor *compressor, const void *in, size_t in_length,
                                void *out, size_t out_room)
{
    (void)compressor;
    (void)in;
    compressed++;
    return compressing ? (size_t)snprintf(out, out_room, GZIP, in_length) : 0;
}

/* ---- the database ---- */

static unsigned db_connections(const struct db *db)
{
    (void)db;
    return 4;
}

static struct db_slot *db_slot(struct db *db, const struct statement *statement)
{
    (void)statement;
    return !world.full ? (struct db_slot *)(void *)db : NULL;
}

static bool db_away(const struct db *db)
{
    (void)db;
    return world.away;
}

static void db_send(struct db *db, struct db_slot *slot, struct db_request *request)
{
    (void)db;
    (void)slot;
    assert_in_range(world.count, 0, COUNT(world.sent) - 1);
    world.sent[world.count++] = request;
}

static const struct db_health *db_health(const struct db *db)
{
    static const struct db_health health = {
        .answers = true, .writable = true, .has_schema = true, .version = 7, .oldest_server = 1};
    (void)db;
    return &health;
}

static void fails(unsigned index, struct db_answer answer)
{
    struct db_request *request = world.sent[index];
    assert_non_null(request);
    world.sent[index] = NULL;
    for (unsigned position = 0; position < request->call_count; position++)
        request->on_answer(request, position, &answer);
    request->on_done(request);
}

static void lose(unsigned index)
{
    fails(index, (struct db_answer){.error = DB_LOST, .message = "", .sqlstate = ""});
}

static void db_free(struct db *db)
{
    (void)db;
    for (unsigned i = 0; i < world.count; i++)
        if (world.sent[i] != NULL)
            lose(i);
}

static const struct db_ops db_ops = {.engine = "postgres",
                                     .arrays = true,
                                     .connections = db_connections,
                                     .slot = db_slot,
                                     .away = db_away,
                                     .send = db_send,
                                     .health = db_health,
                                     .free = db_free};

struct db *pg_open(struct loop *loop, const struct pg_options *options, const struct db_events *events,
                   char **error)
{
    (void)loop;
    (void)options;
    (void)error;
    world.events = *events;
    world.db.ops = &db_ops;
    return &world.db;
}

/* Cells row by row, NULL for null. */
static const char *const *cells;
static int cell_columns;

static struct slice cell(const struct db_rows *rows, int row, int column)
{
    assert_in_range(row, 0, rows->count - 1);
    assert_in_range(column, 0, rows->columns - 1);
    return slice_of(cells[row * cell_columns + column]);
}

static void answers(unsigned index, const char *const *table, int rows, int columns)
{
    struct db_rows found = {.count = rows, .columns = columns, .value = cell};
    cells = table;
    cell_columns = columns;
    fails(index,
          (struct db_answer){
              .error = DB_OK, .message = "", .sqlstate = "", .rows = &found, .first = 0, .count = rows});
}

static void was_sent(unsigned index, const char *name, unsigned calls)
{
    assert_true(index < world.count);
    assert_non_null(world.sent[index]);
    assert_string_equal(world.sent[index]->statement->name, name);
    assert_int_equal(world.sent[index]->call_count, calls);
}

/* ---- the store: a value by name, which a test may look at and spoil ---- */

static struct {
    struct store store;
    char name[64], value[8192];
    size_t length; /* 0: it has none */
    int64_t life;
    bool slow; /* what is asked for comes later */
    struct store_find *find;
} shelf;

static enum store_found shelf_find(struct store *store, struct slice key, struct store_find *find,
                                   struct slice *value)
{
    (void)store;
    if (shelf.slow) {
        assert_null(shelf.find);
        shelf.find = find;
        return STORE_LATER;
    }
    *value = (struct slice){shelf.value, shelf.length};
    return shelf.length > 0 && slice_equal(key, slice_of(shelf.name)) ? STORE_HIT : STORE_MISS;
}

static void shelf_cancel(struct store *store, struct store_find *find)
{
    (void)store;
    assert_ptr_equal(shelf.find, find);
    shelf.find = NULL;
}

static void shelf_put(struct store *store, struct slice key, struct slice value, int64_t life_ns)
{
    (void)store;
    assert_true(key.len <= STORE_KEY_MAX && key.len < sizeof shelf.name && value.len <= sizeof shelf.value);
    memcpy(shelf.name, key.ptr, key.len);
    shelf.name[key.len] = '\0';
    memcpy(shelf.value, value.ptr, value.len);
    shelf.length = value.len;
    shelf.life = life_ns;
}

static void shelf_free(struct store *store)
{
    (void)store;
    assert_null(shelf.find);
}

struct store *store_memory_new(size_t bytes_max)
{
    static const struct store_ops ops = {
        .find = shelf_find, .cancel = shelf_cancel, .put = shelf_put, .free = shelf_free};
    (void)bytes_max;
    memset(&shelf, 0, sizeof shelf);
    shelf.store.ops = &ops;
    return &shelf.store;
}

/* What was asked for comes: the value that is there, or nothing. */
static void shelf_answers(bool hit)
{
    struct store_find *find = shelf.find;
    assert_non_null(find);
    shelf.find = NULL;
    find->done(find, (struct slice){hit ? shelf.value : NULL, hit ? shelf.length : 0});
}

/* ---- requests ---- */

static void stop(void *argument)
{
    loop_stop(argument);
}

static void run_for(int64_t ns)
{
    loop_timer_start(world.stop, ns);
    loop_run(world.loop);
}

static void turn(void)
{
    run_for(0);
}

static void ask_with(unsigned index, const char *target, const char *fields, const char *body)
{
    struct asked *one = &asked[index];
    struct http_refusal refusal;
    buf_fini(&one->pieces);
    memset(one, 0, sizeof *one);
    snprintf(one->text, sizeof one->text, "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, fields);
    if (!http_parse(one->text, strlen(one->text), &one->head, &refusal))
        fail_msg("%s: %s", one->text, refusal.detail);
    one->http.head = &one->head;
    one->http.body = slice_of(body);
    world.http.handlers.on_request(&one->http, world.http.handlers.argument);
}

static void ask(unsigned index, const char *target)
{
    ask_with(index, target, "", "");
}

static void leaves(unsigned index, enum http_leave how)
{
    asked[index].gone = how == HTTP_GONE;
    world.http.handlers.on_leave(&asked[index].http, how, world.http.handlers.argument);
}

static void gets(unsigned index, int status, const char *says)
{
    if (!asked[index].answered)
        fail_msg("%u has no answer yet", index);
    if (asked[index].status != status || strstr(asked[index].body, says) == NULL)
        fail_msg("%u got %d %s", index, asked[index].status, asked[index].body);
}

static void has_field(unsigned index, const char *line)
{
    if (strstr(asked[index].fields, line) == NULL)
        fail_msg("%u has no %s in %s", index, line, asked[index].fields);
}

/* The tag that it has got, as If-Match and the like take it. */
static const char *field_with_tag(unsigned index, const char *name)
{
    static char field[128];
    const char *etag = strstr(asked[index].fields, "ETag: ");
    assert_non_null(etag);
    snprintf(field, sizeof field, "%s: %.*s\r\n", name, (int)strcspn(etag + 6, "\r"), etag + 6);
    return field;
}

/* ---- life ---- */

static int set_up_with(char *flag)
{
    static const struct app *const apps[] = {&app_orders, &app_sites, &app_messages, &app_users, NULL};
    char *flags[] = {(char[]){"--database=host=h"}, (char[]){"--queue=8"},
                     (char[]){"--cache=simple:"},   (char[]){"--deadline=0.3"},
                     (char[]){"--drain=0.1"},       (char[]){"--distance=haversine"},
                     (char[]){"--access-log=off"},  flag};
    char *error = NULL;
    struct command_line line = {.argc = (int)COUNT(flags) - (flag == NULL), .argv = flags};
    memset(&world, 0, sizeof world);
    memset(asked, 0, sizeof asked);
    log_setup(LOG_ERROR + 1, LOG_TEXT);
    if (!settings_read(&world.settings, &line, apps_settings(), &error))
        fail_msg("%s", error);
    world.server = server_start(&world.settings, apps, NULL, 0, &error);
    if (world.server == NULL)
        fail_msg("%s", error);
    world.stop = loop_timer_new(world.loop, stop, world.loop);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static int set_up_gzip(void **state)
{
    (void)state;
    compressed = 0;
    compressing = true;
    return set_up_with((char[]){"--gzip"});
}

static int tear_down(void **state)
{
    (void)state;
    loop_timer_free(world.stop);
    server_free(world.server);
    settings_free(&world.settings);
    for (unsigned i = 0; i < ASKED; i++)
        buf_fini(&asked[i].pieces);
    log_set_wakeup(NULL, NULL);
    return 0;
}

static const char *const site[] = {"7", "Lab", NULL, "Road 1", NULL, "DE", "01067"};
#define SITE                                                                                                 \
    "{\"id\":7,\"name\":\"Lab\",\"contact\":null,\"address\":\"Road 1\",\"state_or_region\":null,"           \
    "\"country\":\"DE\",\"postcode_or_zip\":\"01067\"}"

/* ---- from a route to its reply ---- */

static void a_record_is_read_and_written_as_json_with_its_tag(void **state)
{
    (void)state;
    ask(0, "GET /site/7");
    turn();
    was_sent(0, "site_get", 1);
    assert_int_equal(world.sent[0]->params[0].integer, 7);
    answers(0, site, 1, 7);
    gets(0, 200, SITE);
    assert_string_equal(asked[0].body, SITE);
    assert_string_equal(asked[0].type, "application/json");
    has_field(0, "ETag: \"");
    ask_with(1, "GET /site/7", field_with_tag(0, "If-None-Match"), "");
    ask_with(2, "HEAD /site/7", field_with_tag(0, "If-Match"), "");
    ask_with(3, "GET /site/7", "If-Match: \"other\"\r\n", "");
    ask_with(4, "GET /site/7", "If-None-Match: \"a\"\r\nIf-None-Match: \"other\"\r\n", "");
    turn();
    while (world.sent[world.count - 1] != NULL)
        for (unsigned i = 1, seen = world.count; i < seen; i++)
            if (world.sent[i] != NULL)
                answers(i, site, 1, 7);
    gets(1, 304, "");
    assert_string_equal(asked[1].body, "");
    assert_string_equal(asked[1].type, "");
    has_field(1, "ETag: \"");
    gets(2, 200, SITE);
    gets(3, 412, "no longer, what If-Match names");
    gets(4, 200, SITE);
}

static void a_record_that_is_not_there_is_404(void **state)
{
    (void)state;
    ask(0, "GET /site/7");
    turn();
    answers(0, NULL, 0, 7);
    gets(0, 404, "\"status\":404");
    assert_string_equal(asked[0].type, "application/problem+json");
}

static void what_the_head_alone_decides_never_sees_the_database(void **state)
{
    (void)state;
    struct asked *broken = &asked[6];
    ask(0, "GET /nowhere");
    gets(0, 404, "There is nothing at this path.");
    ask(1, "PUT /site/7");
    gets(1, 405, "This path has the methods GET, HEAD, POST, DELETE.");
    has_field(1, "Allow: GET, HEAD, POST, DELETE\r\n");
    ask(2, "OPTIONS *");
    gets(2, 204, "");
    has_field(2, "Allow: GET, HEAD, POST, PATCH, DELETE, OPTIONS\r\n");
    assert_string_equal(asked[2].type, "");
    ask(3, "GET /site/%ff");
    gets(3, 400, "percent-encoded UTF-8");
    ask_with(4, "DELETE /site/7", "Origin: http://evil\r\n", "");
    gets(4, 403, "A page of another site");
    ask(5, "GET /site/x");
    gets(5, 400, "id must be an integer");
    memset(broken, 0, sizeof *broken);
    broken->http.refusal = (struct http_refusal){431, "Too long."};
    world.http.handlers.on_request(&broken->http, world.http.handlers.argument);
    gets(6, 431, "Too long.");
    assert_true(broken->close);
    turn();
    assert_int_equal(world.count, 0);
}

static void a_body_is_asked_for_only_where_the_head_is_right(void **state)
{
    (void)state;
    bool (*on_head)(struct http_request *, void *) = world.http.handlers.on_head;
    ask(0, "GET /nowhere"); /* fills the rest of it */
    asked[1] = asked[0];
    asked[1].http.head = &asked[1].head;
    asked[1].answered = false;
    assert_true(on_head(&asked[1].http, world.http.handlers.argument));
    gets(1, 404, "nothing at this path");
    asked[1].answered = false;
    asked[1].head.method = HTTP_POST;
    asked[1].head.path = SLICE("/site/7");
    assert_false(on_head(&asked[1].http, world.http.handlers.argument));
    asked[1].head.fields[asked[1].head.field_count++] =
        (struct http_field){SLICE("Content-Type"), SLICE("text/plain")};
    assert_true(on_head(&asked[1].http, world.http.handlers.argument));
    gets(1, 415, "must be application/json");
}

static void a_field_that_must_come_once_is_refused_by_name_when_it_comes_twice(void **state)
{
    (void)state;
    static const char *const names[] = {"Origin", "Content-Type", "Idempotency-Key", "Sec-Fetch-Site"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char fields[128], says[64];
        snprintf(fields, sizeof fields, "%s: http://h\r\nx: y\r\n%s: http://h\r\n", names[i], names[i]);
        snprintf(says, sizeof says, "%s is given twice.", names[i]);
        ask_with(0, "GET /site/7", fields, "");
        gets(0, 400, says);
    }
}

static void an_id_that_is_sane_is_said_again_and_another_is_made_up(void **state)
{
    (void)state;
    char first[80];
    ask_with(0, "GET /nowhere", "X-Request-Id: aB3-_.~:+/=@\r\n", "");
    assert_string_equal(asked[0].id, "aB3-_.~:+/=@");
    ask_with(0, "GET /nowhere", "X-Request-Id: a b\r\n", "");
    assert_int_equal(strlen(asked[0].id), 16);
    strcpy(first, asked[0].id);
    ask(0, "GET /nowhere");
    assert_int_equal(strlen(asked[0].id), 16);
    assert_string_not_equal(asked[0].id, first);
    ask_with(0, "GET /nowhere",
             "X-Request-Id: 12345678901234567890123456789012345678901234567890123456789012345\r\n", "");
    assert_int_equal(strlen(asked[0].id), 16);
}

static void a_write_gets_its_body_normalised_as_one_object(void **state)
{
    (void)state;
    ask_with(0, "POST /computer/7", "",
             "{\"name\": 5, \"mac\": \"08-00-2B-01-02-03\", \"site_id\": null, \"computer_id\": 7}");
    turn();
    was_sent(0, "computer_put", 1);
    assert_int_equal(world.sent[0]->params[0].integer, 7);
    struct slice body = world.sent[0]->params[1].text;
    assert_true(slice_equal(body, SLICE("{\"name\":\"5\",\"mac\":\"08:00:2b:01:02:03\",\"site_id\":null}")));
    static const char *const row[] = {"7", "5", "08:00:2b:01:02:03", NULL};
    answers(0, row, 1, 4);
    gets(0, 200, "{\"id\":7,\"name\":\"5\",\"mac\":\"08:00:2b:01:02:03\",\"site_id\":null}");
    has_field(0, "ETag: \"");
}

static void a_delete_that_the_database_kept_from_being_made_is_said(void **state)
{
    (void)state;
    static const char *const row[] = {"7", "Lab", NULL, NULL, NULL, NULL, NULL, "f"}, *const made[] = {
                                                                                          "7",  "Lab", NULL,
                                                                                          NULL, NULL,  NULL,
                                                                                          NULL, "t"};
    ask(0, "DELETE /site/7");
    ask(1, "DELETE /site/8");
    ask(2, "DELETE /site/9");
    turn();
    answers(0, row, 1, 8);
    answers(1, made, 1, 8);
    answers(2, NULL, 0, 8);
    gets(0, 500, "did not make the change");
    gets(1, 200, "\"name\":\"Lab\"");
    gets(2, 404, "");
}

static void a_page_links_to_its_neighbours_in_the_form_that_was_asked(void **state)
{
    (void)state;
    static const char *const two[] = {"7", "Lab", NULL, NULL, NULL, NULL, NULL,
                                      "9", "Lab", NULL, NULL, NULL, NULL, NULL};
    ask(0, "GET /sites?limit=1&after=3");
    ask(1, "GET /sites/4/1");
    ask(2, "GET /sites/0/5");
    turn();
    assert_int_equal(world.sent[0]->params[0].integer, 2); /* one more than is shown */
    assert_int_equal(world.sent[0]->params[2].integer, 3);
    assert_int_equal(world.sent[1]->params[1].integer, 4);
    answers(0, two, 2, 7);
    answers(1, two, 2, 7);
    answers(2, two, 2, 7);
    has_field(0, "Link: </sites?limit=1&after=7>; rel=\"next\", </sites?limit=1>; rel=\"first\"\r\n");
    has_field(
        1, "Link: </sites/5/1>; rel=\"next\", </sites/3/1>; rel=\"prev\", </sites/0/1>; rel=\"first\"\r\n");
    has_field(2, "Link: </sites/0/5>; rel=\"first\"\r\n");
    assert_null(strstr(asked[1].body, "\"id\":9"));
    assert_non_null(strstr(asked[2].body, "\"id\":9"));
}

/* ---- keys of requests that may be repeated ---- */

#define PLACE(from) "{\"origin\": [" from "], \"destination\": [50, 12]}"

static void a_key_stands_for_what_a_body_means(void **state)
{
    (void)state;
    static const char key[] = "Idempotency-Key: k-1\r\n";
    ask_with(0, "POST /orders", key, PLACE("51, 13"));
    ask_with(1, "POST /orders", key, "{\"destination\":[\"50.0\",12], \"origin\":[51.0,\"13\"]}");
    ask_with(2, "POST /orders", key, PLACE("51, 13.5"));
    turn();
    const struct db_param *params[3] = {NULL, NULL, NULL};
    for (unsigned i = 0, found = 0; i < world.count; i++)
        for (unsigned position = 0; position < world.sent[i]->call_count; position++, found++) {
            assert_string_equal(world.sent[i]->statement->name, "order_place_once");
            params[found] = world.sent[i]->params + position * world.sent[i]->statement->param_count + 5;
        }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(slice_equal(params[i][0].text, SLICE("/orders")));
        assert_true(slice_equal(params[i][1].text, SLICE("k-1")));
        assert_int_equal(params[i][2].text.len, 32);
    }
    assert_true(slice_equal(params[0][2].text, params[1][2].text));
    assert_false(slice_equal(params[0][2].text, params[2][2].text));
}

static void a_key_is_one_visible_word(void **state)
{
    (void)state;
    char lengthy[300] = "Idempotency-Key: ";
    ask_with(0, "POST /orders", "Idempotency-Key: a b\r\n", PLACE("51, 13"));
    gets(0, 400, "Idempotency-Key must be 1 to 255 visible ASCII characters.");
    ask_with(1, "POST /orders", "Idempotency-Key: \xc3\xa9\r\n", PLACE("51, 13"));
    gets(1, 400, "visible ASCII");
    ask_with(2, "POST /orders", "Idempotency-Key:\r\n", PLACE("51, 13"));
    gets(2, 400, "visible ASCII");
    memset(lengthy + 17, 'k', 256);
    strcpy(lengthy + 17 + 256, "\r\n");
    ask_with(3, "POST /orders", lengthy, PLACE("51, 13"));
    gets(3, 400, "visible ASCII");
    ask_with(4, "POST /orders", "", PLACE("51, 13"));
    turn();
    was_sent(0, "order_place", 1);
}

static void what_a_key_has_done_is_answered_as_without_one(void **state)
{
    (void)state;
    static const char body[] = "{\"sender\": \"ann\", \"recipient\": \"bob\", \"text\": \"hi\"}";
    static const char *const message[] = {"7", "ann", "bob", "hi", "2026-01-02 03:04:05+00", "done"};
    ask_with(0, "POST /messages", "", body);
    ask_with(1, "POST /messages", "Idempotency-Key: k\r\n", body);
    turn();
    was_sent(0, "message_send", 1);
    was_sent(1, "message_send_once", 1);
    answers(0, message, 1, 5);
    answers(1, message, 1, 6);
    for (unsigned i = 0; i < 2; i++) {
        gets(i, 201,
             "{\"id\":7,\"sender\":\"ann\",\"recipient\":\"bob\",\"text\":\"hi\",\"sent_at\":\"2026-");
        has_field(i, "Location: /messages/7\r\n");
    }
    assert_string_equal(asked[0].body, asked[1].body);
}

static void a_key_of_another_body_is_refused_and_one_that_is_held_is_asked_for_again(void **state)
{
    (void)state;
    static const char key[] = "Idempotency-Key: k\r\n";
    static const char *const other[] = {NULL, NULL, NULL, "other"}, *const again[] = {NULL, NULL, NULL,
                                                                                      "again"};
    ask_with(0, "POST /orders", key, PLACE("51, 13"));
    turn();
    answers(0, other, 1, 4);
    gets(0, 422, "This Idempotency-Key was used for a request with another body.");
    ask_with(1, "POST /orders", key, PLACE("51, 13"));
    for (unsigned i = 1; i <= 6; i++) {
        turn();
        was_sent(i, "order_place_once", 1);
        assert_false(asked[1].answered);
        answers(i, again, 1, 4);
    }
    gets(1, 503, "A request with this Idempotency-Key is being answered; ask again.");
    ask_with(2, "POST /orders", key, PLACE("51, 13"));
    turn();
    answers(7, again, 0, 4);
    assert_int_equal(asked[2].status, 500); /* the database kept the order from being made */
}

/* ---- errors ---- */

static void what_the_database_refuses_is_said_in_the_statements_words(void **state)
{
    (void)state;
    ask_with(0, "POST /computer/7", "", "{\"name\": \"a\", \"site_id\": 5}");
    turn();
    fails(0, (struct db_answer){.error = DB_REFUSED,
                                .message = "m",
                                .sqlstate = "23503",
                                .constraint = "computer_site_id_fkey"});
    gets(0, 400, "site_id must be the id of a site that exists.");
}

static void of_an_unknown_constraint_the_columns_are_asked_for(void **state)
{
    (void)state;
    static const char *const columns[] = {"CHECK (length(name) > 2)"};
    ask_with(0, "POST /computer/7", "", "{\"name\": \"a\"}");
    turn();
    fails(0, (struct db_answer){.error = DB_REFUSED,
                                .message = "m",
                                .sqlstate = "23514",
                                .table = "computer",
                                .constraint = "theirs"});
    assert_false(asked[0].answered);
    turn();
    was_sent(1, "constraint_columns", 1);
    assert_true(slice_equal(world.sent[1]->params[0].text, SLICE("computer")));
    assert_true(slice_equal(world.sent[1]->params[1].text, SLICE("theirs")));
    answers(1, columns, 1, 1);
    gets(0, 400, "name does not keep to a rule that the database has for it.");
}

static void a_refusal_is_told_though_its_columns_cannot_be_asked_for(void **state)
{
    (void)state;
    ask_with(0, "POST /computer/7", "", "{\"name\": \"a\"}");
    turn();
    world.away = true;
    fails(0, (struct db_answer){.error = DB_REFUSED,
                                .message = "m",
                                .sqlstate = "23514",
                                .table = "computer",
                                .constraint = "theirs"});
    gets(0, 500, "The database refused this for a reason that no request can mend");
    assert_int_equal(world.count, 1);
}

static void a_lost_answer_leaves_the_outcome_open(void **state)
{
    (void)state;
    ask_with(0, "POST /site/7", "", "{\"name\": \"a\"}");
    turn();
    lose(0);
    gets(0, 503, "whether it did is unknown");
    has_field(0, "Retry-After: 1\r\n");
}

static void a_database_that_is_away_is_not_asked(void **state)
{
    (void)state;
    world.away = true;
    world.full = true;
    ask(0, "GET /site/7");
    gets(0, 503, "The database is away; nothing was changed.");
    assert_int_equal(world.count, 0);
}

static void what_waits_is_told_when_the_database_goes(void **state)
{
    (void)state;
    world.full = true;
    ask(0, "GET /site/7");
    ask(1, "GET /sites");
    turn();
    world.events.on_away(world.events.argument);
    gets(0, 503, "The database is away");
    gets(1, 503, "The database is away");
}

static void so_many_may_wait_and_no_more(void **state)
{
    (void)state;
    world.full = true;
    for (unsigned i = 0; i < 9; i++) {
        char target[32];
        snprintf(target, sizeof target, "GET /site/%u", i);
        ask(i, target);
    }
    gets(8, 503, "Too many requests wait for the database; nothing was changed.");
    assert_false(asked[7].answered);
    world.full = false;
    world.events.on_room(world.events.argument);
    turn();
    assert_true(world.count > 0);
}

/* ---- time, and clients that leave ---- */

static void the_deadline_tells_whether_it_was_sent(void **state)
{
    (void)state;
    ask_with(0, "DELETE /site/7", "", "");
    turn();
    world.full = true;
    ask(1, "GET /site/8");
    run_for(DEADLINE_NS + 60 * CLOCK_MS);
    gets(0, 503, "whether it did is unknown");
    gets(1, 503, "did not take the request in time; nothing was changed");
    answers(0, site, 1, 7); /* which nobody waits for any more */
}

static void what_was_not_sent_is_taken_back_when_its_client_is_gone(void **state)
{
    (void)state;
    ask(0, "GET /site/7");
    ask(1, "GET /sites");
    leaves(0, HTTP_GONE);
    leaves(1, HTTP_GONE);
    turn();
    assert_int_equal(world.count, 0);
    ask(2, "GET /site/7");
    turn();
    leaves(2, HTTP_GONE);
    answers(0, site, 1, 7);
    assert_false(asked[2].answered);
}

static void a_client_that_sends_no_more_gets_what_is_on_its_way(void **state)
{
    (void)state;
    ask(0, "GET /site/7");
    leaves(0, HTTP_HALF_CLOSED);
    gets(0, 503, "closed before the request was sent");
    ask(1, "GET /site/7");
    turn();
    leaves(1, HTTP_HALF_CLOSED);
    assert_false(asked[1].answered);
    answers(0, site, 1, 7);
    gets(1, 200, SITE);
}

/* ---- shared reads ---- */

static void equal_reads_that_were_not_sent_share_one(void **state)
{
    (void)state;
    ask(0, "GET /sites?limit=5");
    ask(1, "GET /sites?limit=5");
    ask(2, "GET /sites?limit=6");
    ask_with(3, "HEAD /sites?limit=5", "", "");
    turn();
    assert_int_equal(world.count, 2);
    was_sent(0, "site_list", 1);
    was_sent(1, "site_list", 1);
    unsigned five = world.sent[0]->params[0].integer == 6 ? 0 : 1;
    answers(five, site, 1, 7);
    gets(0, 200, "[" SITE "]");
    gets(1, 200, "[" SITE "]");
    gets(3, 200, "[" SITE "]");
    assert_string_equal(asked[0].fields, asked[1].fields);
    has_field(0, "ETag: W/\"");
    assert_false(asked[2].answered);
    answers(1 - five, NULL, 0, 7);
    gets(2, 200, "[]");
}

/* Nobody sees less than what was committed before he asked. */
static void who_comes_after_it_was_sent_waits_for_the_next(void **state)
{
    (void)state;
    ask(0, "GET /sites");
    turn();
    ask(1, "GET /sites");
    ask(2, "GET /sites");
    turn();
    assert_int_equal(world.count, 1);
    answers(0, NULL, 0, 7);
    gets(0, 200, "[]");
    assert_false(asked[1].answered);
    turn();
    assert_int_equal(world.count, 2);
    answers(1, site, 1, 7);
    gets(1, 200, "[" SITE "]");
    gets(2, 200, "[" SITE "]");
}

static void who_leaves_a_shared_read_leaves_it_to_the_others(void **state)
{
    (void)state;
    ask(0, "GET /sites");
    ask(1, "GET /sites");
    leaves(0, HTTP_GONE);
    turn();
    answers(0, site, 1, 7);
    gets(1, 200, SITE);
    assert_false(asked[0].answered);
    ask(2, "GET /sites");
    turn();
    leaves(2, HTTP_GONE); /* on its way, and nobody waits for it; the next still does */
    ask(3, "GET /sites");
    turn();
    assert_int_equal(world.count, 2);
    answers(1, site, 1, 7);
    turn();
    answers(2, NULL, 0, 7);
    gets(3, 200, "[]");
}

static void an_error_of_a_shared_read_is_everybodys(void **state)
{
    (void)state;
    ask(0, "GET /sites");
    ask(1, "GET /sites");
    turn();
    lose(0);
    gets(0, 503, "The database is away");
    gets(1, 503, "The database is away");
}

static void the_conditions_of_a_shared_read_are_each_ones_own(void **state)
{
    (void)state;
    ask(0, "GET /sites");
    turn();
    answers(0, site, 1, 7);
    ask_with(1, "GET /sites", field_with_tag(0, "If-None-Match"), "");
    ask_with(2, "GET /sites", "If-Match: \"other\"\r\n", "");
    ask(3, "GET /sites");
    turn();
    answers(1, site, 1, 7);
    gets(1, 304, "");
    gets(2, 412, "If-Match");
    gets(3, 200, SITE);
    assert_string_equal(asked[3].fields, asked[0].fields);
}

/* ---- the cache ---- */

#define USERS "GET /api/users/profiles?page=1&pagination=5"
static const char *const user[] = {"1", "ann", "http://a", "User", "http://p"};

static void fill_cache(unsigned index, unsigned sent)
{
    ask(index, USERS);
    turn();
    was_sent(sent, "user_page", 1);
    answers(sent, user, 1, 5);
    gets(index, 200, "\"username\":\"ann\"");
}

static void what_was_read_is_answered_from_the_cache(void **state)
{
    (void)state;
    fill_cache(0, 0);
    ask(1, USERS);
    gets(1, 200, "ann"); /* at once */
    assert_string_equal(asked[1].body, asked[0].body);
    assert_string_equal(asked[1].fields, asked[0].fields);
    assert_string_equal(asked[1].type, asked[0].type);
    ask_with(2, USERS, field_with_tag(0, "If-None-Match"), "");
    gets(2, 304, "");
    assert_int_equal(world.count, 1);
    ask(3, "GET /api/users/profiles?page=1&pagination=6"); /* another question */
    assert_false(asked[3].answered);
    ask(4, "GET /api/users/profiles?page=1&pagination=5&username=ann");
    assert_false(asked[4].answered);
}

static void the_cache_forgets_after_five_seconds(void **state)
{
    (void)state;
    fill_cache(0, 0);
    world.ahead = 4 * CLOCK_SECOND;
    ask(1, USERS);
    gets(1, 200, "ann");
    world.ahead = 6 * CLOCK_SECOND;
    ask(2, USERS);
    assert_false(asked[2].answered);
}

static void a_change_that_is_told_of_empties_the_cache_at_once(void **state)
{
    (void)state;
    fill_cache(0, 0);
    world.events.on_change(SLICE("sites"), world.events.argument); /* of another group */
    ask(1, USERS);
    gets(1, 200, "ann");
    world.events.on_change(SLICE("users"), world.events.argument);
    ask(2, USERS);
    assert_false(asked[2].answered);
}

/* What was sent before the change may not have seen it. */
static void what_was_on_its_way_when_a_change_was_told_of_is_not_kept(void **state)
{
    (void)state;
    ask(0, USERS);
    turn();
    world.events.on_change(SLICE("users"), world.events.argument);
    answers(0, user, 1, 5);
    gets(0, 200, "ann");
    ask(1, USERS);
    assert_false(asked[1].answered);
}

static void after_a_gap_in_the_news_nothing_old_counts(void **state)
{
    (void)state;
    fill_cache(0, 0);
    world.events.on_listening(SLICE("this database"), world.events.argument);
    ask(1, USERS);
    assert_false(asked[1].answered);
    turn();
    answers(1, user, 1, 5);
    ask(2, USERS);
    gets(2, 200, "ann");
}

static void a_failure_is_not_kept(void **state)
{
    (void)state;
    ask(0, USERS);
    turn();
    lose(0);
    gets(0, 503, "away");
    ask(1, USERS);
    assert_false(asked[1].answered);
}

static void what_is_kept_lives_as_long_as_it_may_be_shown(void **state)
{
    (void)state;
    ask(0, USERS);
    turn();
    world.ahead = 2 * CLOCK_SECOND; /* while it was on its way */
    answers(0, user, 1, 5);
    assert_true(shelf.length > 0);
    assert_true(shelf.life > 2 * CLOCK_SECOND && shelf.life <= 3 * CLOCK_SECOND);
}

/* Another machine's byte order, another program's value, a torn one: each is a miss, and nobody is told nonsense. */
static void whatever_byte_of_a_kept_reply_is_wrong_it_is_not_shown(void **state)
{
    (void)state;
    fill_cache(0, 0);
    size_t length = shelf.length;
    for (size_t i = 0; i < length; i++) {
        shelf.value[i] ^= 1;
        ask(1, USERS);
        if (asked[1].answered)
            fail_msg("byte %zu of %zu", i, length);
        leaves(1, HTTP_GONE);
        shelf.value[i] ^= 1;
    }
    for (shelf.length = 1; shelf.length < length; shelf.length++) {
        ask(1, USERS);
        if (asked[1].answered)
            fail_msg("cut at %zu of %zu", shelf.length, length);
        leaves(1, HTTP_GONE);
    }
    ask(1, USERS);
    gets(1, 200, "ann");
}

static void a_store_may_answer_later(void **state)
{
    (void)state;
    fill_cache(0, 0);
    shelf.slow = true;
    ask(1, USERS);
    assert_false(asked[1].answered);
    shelf_answers(true);
    gets(1, 200, "ann");
    assert_string_equal(asked[1].body, asked[0].body);
    ask(2, USERS);
    shelf_answers(false);
    assert_false(asked[2].answered);
    turn();
    was_sent(1, "user_page", 1);
    answers(1, user, 1, 5);
    gets(2, 200, "ann");
}

static void a_store_is_not_waited_for_by_who_has_left(void **state)
{
    (void)state;
    shelf.slow = true;
    ask(0, USERS);
    leaves(0, HTTP_HALF_CLOSED); /* may still be there */
    assert_false(asked[0].answered);
    leaves(0, HTTP_GONE);
    assert_null(shelf.find);
    turn();
    assert_int_equal(world.count, 0);
}

/* ---- conditional writes ---- */

static const char *const guarded[] = {"7", "Lab", NULL, "Road 1", NULL, "DE", "01067", "guard-1"};
static const char *const changed[] = {"7", "Lab", NULL, "Road 2", NULL, "DE", "01067", "guard-2"};

/* The tag of the site as it is, by a GET. */
static const char *if_match_of_the_site(void)
{
    ask(ASKED - 1, "GET /site/7");
    turn();
    answers(world.count - 1, site, 1, 7);
    return field_with_tag(ASKED - 1, "If-Match");
}

static void a_conditional_write_names_the_record_that_it_has_read(void **state)
{
    (void)state;
    ask_with(0, "POST /site/7", if_match_of_the_site(), "{\"name\": \"New\"}");
    turn();
    was_sent(1, "site_guard", 1);
    answers(1, guarded, 1, 8);
    turn();
    was_sent(2, "site_put", 1);
    assert_true(slice_equal(world.sent[2]->params[2].text, SLICE("guard-1")));
    answers(2, site, 1, 7);
    gets(0, 200, SITE);
}

static void a_condition_that_fails_changes_nothing(void **state)
{
    (void)state;
    const char *if_match = if_match_of_the_site();
    ask_with(0, "POST /site/7", if_match, "{\"name\": \"New\"}");
    ask_with(1, "POST /site/7", "If-None-Match: *\r\n", "{\"name\": \"New\"}");
    turn();
    answers(1, changed, 1, 8);
    answers(2, guarded, 1, 8);
    gets(0, 412, "is not, or no longer, what If-Match names; nothing was changed.");
    gets(1, 412, "There is a record that If-None-Match excludes; nothing was changed.");
    ask_with(2, "POST /site/7", "If-Match: *\r\n", "{\"name\": \"New\"}");
    turn();
    answers(3, NULL, 0, 8);
    gets(2, 412, "There is no record that If-Match could name");
    ask_with(3, "POST /site/7", "If-Match: nonsense\r\n", "{\"name\": \"New\"}");
    gets(3, 400, "If-Match must be * or entity tags");
    turn();
    assert_int_equal(world.count, 4);
}

static void where_any_record_will_do_its_changes_are_in_nobodys_way(void **state)
{
    (void)state;
    ask_with(0, "POST /site/7", "If-Match: *\r\n", "{\"name\": \"New\"}");
    ask_with(1, "POST /site/8", "If-None-Match: *\r\n", "{\"name\": \"New\"}");
    turn();
    answers(0, guarded, 1, 8);
    answers(1, NULL, 0, 8);
    turn();
    assert_int_equal(world.count, 4);
    assert_true(slice_equal(world.sent[2]->params[2].text, SLICE("*")));
    assert_int_equal(world.sent[3]->params[2].text.len, 0);
    assert_false(world.sent[3]->params[2].null);
}

static void a_record_that_changed_meanwhile_is_read_again(void **state)
{
    (void)state;
    ask_with(0, "POST /site/7", if_match_of_the_site(), "{\"name\": \"New\"}");
    turn();
    answers(1, guarded, 1, 8);
    turn();
    answers(2, NULL, 0, 7); /* it has another guard now */
    turn();
    was_sent(3, "site_guard", 1);
    answers(3, changed, 1, 8);
    gets(0, 412, "no longer, what If-Match names");
}

static void a_write_that_finds_its_record_unchanged_and_is_not_made_is_an_error(void **state)
{
    (void)state;
    ask_with(0, "POST /site/7", if_match_of_the_site(), "{\"name\": \"New\"}");
    turn();
    answers(1, guarded, 1, 8);
    turn();
    answers(2, NULL, 0, 7);
    turn();
    answers(3, guarded, 1, 8);
    gets(0, 500, "did not make the change");
}

static void a_read_that_was_lost_has_changed_nothing(void **state)
{
    (void)state;
    ask_with(0, "POST /site/7", "If-Match: *\r\n", "{\"name\": \"New\"}");
    turn();
    lose(0);
    gets(0, 503, "The database is away; nothing was changed.");
}

/* ---- replies in pieces ---- */

#define MESSAGES 500 /* of a piece */
#define RECENT "GET /messages?recipient=ann&days=3"

static const char *messages[MESSAGES][6];

static void make_messages(void)
{
    static const char *const message[6] = {"9", "bob", "ann", "hi", "2026-01-02 03:04:05+00", "since"};
    for (unsigned i = 0; i < MESSAGES; i++)
        memcpy(messages[i], message, sizeof message);
}

static void client_took_it(unsigned index)
{
    world.http.handlers.on_writable(&asked[index].http, world.http.handlers.argument);
}

#define MESSAGE                                                                                              \
    "{\"id\":9,\"sender\":\"bob\",\"recipient\":\"ann\",\"text\":\"hi\",\"sent_at\":\"2026-01-02T03:04:"     \
    "05Z\"}"

static void what_is_long_goes_piece_by_piece_as_the_client_takes_it(void **state)
{
    (void)state;
    make_messages();
    ask(0, RECENT);
    turn();
    was_sent(0, "message_recent", 1);
    answers(0, &messages[0][0], MESSAGES, 6);
    assert_true(asked[0].begun && !asked[0].answered);
    assert_int_equal(asked[0].status, 200);
    has_field(0, "Link: </messages?recipient=ann&days=3>; rel=\"first\"\r\n");
    turn();
    assert_int_equal(world.count, 1); /* nothing is asked for before it was taken */
    client_took_it(0);
    turn();
    was_sent(1, "message_recent", 1);
    assert_int_equal(world.sent[1]->params[4].integer, 9); /* behind the last that was shown */
    answers(1, &messages[0][0], 1, 6);
    assert_true(asked[0].answered && !asked[0].aborted);
    assert_int_equal(asked[0].piece_count, 2);
    assert_int_equal(asked[0].pieces.len, (MESSAGES + 1) * (sizeof MESSAGE) + 1);
    assert_memory_equal(asked[0].pieces.data, "[" MESSAGE "," MESSAGE, 2 * sizeof MESSAGE);
    assert_int_equal(asked[0].pieces.data[asked[0].pieces.len - 1], ']');
}

static void what_is_short_is_one_reply_with_a_tag(void **state)
{
    (void)state;
    make_messages();
    ask(0, RECENT);
    turn();
    answers(0, &messages[0][0], 2, 6);
    gets(0, 200, "[" MESSAGE "," MESSAGE "]");
    has_field(0, "ETag: W/\"");
    assert_false(asked[0].begun);
}

static void a_reply_that_fails_on_its_way_is_cut_short(void **state)
{
    (void)state;
    make_messages();
    ask(0, RECENT);
    turn();
    answers(0, &messages[0][0], MESSAGES, 6);
    client_took_it(0);
    turn();
    lose(1);
    assert_true(asked[0].aborted);
}

static void a_client_has_all_its_time_to_take_a_piece_and_the_database_has_not(void **state)
{
    (void)state;
    make_messages();
    ask(0, RECENT);
    turn();
    answers(0, &messages[0][0], MESSAGES, 6);
    run_for(DEADLINE_NS + 60 * CLOCK_MS);
    assert_false(asked[0].answered);
    client_took_it(0);
    run_for(DEADLINE_NS + 60 * CLOCK_MS);
    assert_true(asked[0].aborted);
}

static void who_leaves_in_the_middle_of_a_reply_is_forgotten(void **state)
{
    (void)state;
    make_messages();
    ask(0, RECENT);
    turn();
    answers(0, &messages[0][0], MESSAGES, 6);
    leaves(0, HTTP_GONE);
    turn();
    assert_int_equal(world.count, 1);
    assert_false(asked[0].answered);
}

/* ---- gzip ---- */

#define TAKES_GZIP "Accept-Encoding: gzip\r\n"
#define ROWS 12

static const char *sites[ROWS][7];

static void make_sites(void)
{
    for (unsigned i = 0; i < ROWS; i++)
        memcpy(sites[i], site, sizeof site);
}

/* Whether it has the gzip form of a body of that length. */
static bool has_gzip(unsigned index, size_t length)
{
    char form[64];
    assert_int_equal(asked[index].status, 200);
    has_field(index, "Vary: Accept-Encoding\r\n");
    bool coded = strstr(asked[index].fields, "Content-Encoding: gzip\r\n") != NULL;
    assert_int_equal(coded, strstr(asked[index].fields, "-gzip\"\r\n") != NULL);
    snprintf(form, sizeof form, GZIP, length);
    if (coded)
        assert_string_equal(asked[index].body, form);
    else
        assert_int_equal(asked[index].length, length);
    return coded;
}

#define SITES_LENGTH (ROWS * sizeof SITE + 1) /* with a comma or a bracket behind each, and one before */

static void a_shared_read_is_compressed_once_for_all_who_take_it(void **state)
{
    (void)state;
    make_sites();
    for (unsigned i = 0; i < 6; i++)
        ask_with(i, i == 4 ? "HEAD /sites?limit=99" : "GET /sites?limit=99", i % 2 == 0 ? TAKES_GZIP : "",
                 "");
    turn();
    assert_int_equal(world.count, 1);
    answers(0, &sites[0][0], ROWS, 7);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(has_gzip(i, SITES_LENGTH), i % 2 == 0);
    assert_int_equal(compressed, 1);
}

static void nobody_who_takes_it_nothing_to_compress(void **state)
{
    (void)state;
    make_sites();
    ask(0, "GET /sites?limit=99");
    ask_with(1, "GET /sites?limit=99", "Accept-Encoding: br, gzip;q=0\r\n", "");
    turn();
    answers(0, &sites[0][0], ROWS, 7);
    assert_false(has_gzip(0, SITES_LENGTH) || has_gzip(1, SITES_LENGTH));
    ask_with(2, "GET /sites?limit=99", TAKES_GZIP, "");
    turn();
    answers(1, site, 1, 7);
    gets(2, 200, "[" SITE "]"); /* too short */
    assert_null(strstr(asked[2].fields, "Vary"));
    assert_int_equal(compressed, 0);
}

static void what_cannot_be_compressed_is_sent_as_it_is(void **state)
{
    (void)state;
    compressing = false;
    make_sites();
    for (unsigned i = 0; i < 3; i++)
        ask_with(i, "GET /sites?limit=99", TAKES_GZIP, "");
    turn();
    answers(0, &sites[0][0], ROWS, 7);
    for (unsigned i = 0; i < 3; i++)
        assert_false(has_gzip(i, SITES_LENGTH));
    assert_int_equal(compressed, 1); /* tried once */
}

static void a_confirmed_tag_costs_no_compression(void **state)
{
    (void)state;
    char known[128], both[256];
    make_sites();
    ask_with(0, "GET /sites?limit=99", TAKES_GZIP, "");
    ask(1, "GET /sites?limit=99");
    turn();
    answers(0, &sites[0][0], ROWS, 7);
    assert_true(has_gzip(0, SITES_LENGTH) && !has_gzip(1, SITES_LENGTH));
    snprintf(known, sizeof known, "%s", field_with_tag(0, "If-None-Match"));
    snprintf(both, sizeof both, "%s" TAKES_GZIP, known);
    ask_with(2, "GET /sites?limit=99", both, "");
    ask_with(3, "GET /sites?limit=99", known, ""); /* its tag is of a form that it does not take any more */
    snprintf(both, sizeof both, "%s" TAKES_GZIP, field_with_tag(1, "If-None-Match"));
    ask_with(4, "GET /sites?limit=99", both, "");
    turn();
    answers(1, &sites[0][0], ROWS, 7);
    assert_int_equal(compressed, 1);
    assert_int_equal(asked[2].status, 304);
    assert_int_equal(asked[4].status, 304);
    has_field(2, "-gzip\"\r\nVary: Accept-Encoding\r\n");
    has_field(4, "\r\nVary: Accept-Encoding\r\n");
    assert_null(strstr(asked[4].fields, "-gzip"));
    assert_null(strstr(asked[2].fields, "Content-Encoding"));
    assert_false(has_gzip(3, SITES_LENGTH));
}

static void a_kept_reply_is_compressed_once(void **state)
{
    static const char many[] = "GET /api/users/profiles?page=1&pagination=20";
    static const char *users[20][5];
    (void)state;
    for (unsigned i = 0; i < COUNT(users); i++)
        for (unsigned k = 0; k < 5; k++)
            users[i][k] = k == 0 ? "7" : "https://example.com/x";
    ask_with(0, many, TAKES_GZIP, "");
    turn();
    answers(0, &users[0][0], COUNT(users), 5);
    for (unsigned i = 1; i < 6; i++)
        ask_with(i, many, i % 2 == 0 ? TAKES_GZIP : "", "");
    assert_int_equal(world.count, 1); /* all others are hits */
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(has_gzip(i, asked[1].length), i % 2 == 0);
    assert_int_equal(compressed, 1);
}

static void what_goes_piece_by_piece_is_never_compressed(void **state)
{
    (void)state;
    make_messages();
    ask_with(0, RECENT, TAKES_GZIP, "");
    turn();
    answers(0, &messages[0][0], MESSAGES, 6);
    client_took_it(0);
    turn();
    answers(1, &messages[0][0], 1, 6);
    assert_true(asked[0].answered && !asked[0].aborted);
    assert_int_equal(asked[0].pieces.len, (MESSAGES + 1) * (sizeof MESSAGE) + 1);
    assert_null(strstr(asked[0].fields, "Content-Encoding"));
    assert_null(strstr(asked[0].fields, "Vary"));
    assert_int_equal(compressed, 0);
}

/* ---- the end ---- */

static void when_the_time_of_a_drain_is_over_all_are_told(void **state)
{
    (void)state;
    ask_with(0, "DELETE /site/7", "", "");
    turn();
    world.full = true;
    ask(1, "GET /site/8");
    server_drain(world.server);
    turn();
    assert_false(asked[0].answered || asked[1].answered);
    run_for(150 * CLOCK_MS);
    gets(0, 503, "whether it did is unknown");
    gets(1, 503, "The server is shutting down; nothing was changed.");
}

#define REQUESTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define GZIP_REQUESTS(test) cmocka_unit_test_setup_teardown(test, set_up_gzip, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REQUESTS(a_record_is_read_and_written_as_json_with_its_tag),
        REQUESTS(a_record_that_is_not_there_is_404),
        REQUESTS(what_the_head_alone_decides_never_sees_the_database),
        REQUESTS(a_body_is_asked_for_only_where_the_head_is_right),
        REQUESTS(a_field_that_must_come_once_is_refused_by_name_when_it_comes_twice),
        REQUESTS(an_id_that_is_sane_is_said_again_and_another_is_made_up),
        REQUESTS(a_write_gets_its_body_normalised_as_one_object),
        REQUESTS(a_delete_that_the_database_kept_from_being_made_is_said),
        REQUESTS(a_page_links_to_its_neighbours_in_the_form_that_was_asked),
        REQUESTS(a_key_stands_for_what_a_body_means),
        REQUESTS(a_key_is_one_visible_word),
        REQUESTS(what_a_key_has_done_is_answered_as_without_one),
        REQUESTS(a_key_of_another_body_is_refused_and_one_that_is_held_is_asked_for_again),
        REQUESTS(what_the_database_refuses_is_said_in_the_statements_words),
        REQUESTS(of_an_unknown_constraint_the_columns_are_asked_for),
        REQUESTS(a_refusal_is_told_though_its_columns_cannot_be_asked_for),
        REQUESTS(a_lost_answer_leaves_the_outcome_open),
        REQUESTS(a_database_that_is_away_is_not_asked),
        REQUESTS(what_waits_is_told_when_the_database_goes),
        REQUESTS(so_many_may_wait_and_no_more),
        REQUESTS(the_deadline_tells_whether_it_was_sent),
        REQUESTS(what_was_not_sent_is_taken_back_when_its_client_is_gone),
        REQUESTS(a_client_that_sends_no_more_gets_what_is_on_its_way),
        REQUESTS(equal_reads_that_were_not_sent_share_one),
        REQUESTS(who_comes_after_it_was_sent_waits_for_the_next),
        REQUESTS(who_leaves_a_shared_read_leaves_it_to_the_others),
        REQUESTS(an_error_of_a_shared_read_is_everybodys),
        REQUESTS(the_conditions_of_a_shared_read_are_each_ones_own),
        REQUESTS(what_was_read_is_answered_from_the_cache),
        REQUESTS(the_cache_forgets_after_five_seconds),
        REQUESTS(a_change_that_is_told_of_empties_the_cache_at_once),
        REQUESTS(what_was_on_its_way_when_a_change_was_told_of_is_not_kept),
        REQUESTS(after_a_gap_in_the_news_nothing_old_counts),
        REQUESTS(a_failure_is_not_kept),
        REQUESTS(what_is_kept_lives_as_long_as_it_may_be_shown),
        REQUESTS(whatever_byte_of_a_kept_reply_is_wrong_it_is_not_shown),
        REQUESTS(a_store_may_answer_later),
        REQUESTS(a_store_is_not_waited_for_by_who_has_left),
        REQUESTS(a_conditional_write_names_the_record_that_it_has_read),
        REQUESTS(a_condition_that_fails_changes_nothing),
        REQUESTS(where_any_record_will_do_its_changes_are_in_nobodys_way),
        REQUESTS(a_record_that_changed_meanwhile_is_read_again),
        REQUESTS(a_write_that_finds_its_record_unchanged_and_is_not_made_is_an_error),
        REQUESTS(a_read_that_was_lost_has_changed_nothing),
        REQUESTS(what_is_long_goes_piece_by_piece_as_the_client_takes_it),
        REQUESTS(what_is_short_is_one_reply_with_a_tag),
        REQUESTS(a_reply_that_fails_on_its_way_is_cut_short),
        REQUESTS(a_client_has_all_its_time_to_take_a_piece_and_the_database_has_not),
        REQUESTS(who_leaves_in_the_middle_of_a_reply_is_forgotten),
        GZIP_REQUESTS(a_shared_read_is_compressed_once_for_all_who_take_it),
        GZIP_REQUESTS(nobody_who_takes_it_nothing_to_compress),
        GZIP_REQUESTS(what_cannot_be_compressed_is_sent_as_it_is),
        GZIP_REQUESTS(a_confirmed_tag_costs_no_compression),
        GZIP_REQUESTS(a_kept_reply_is_compressed_once),
        GZIP_REQUESTS(what_goes_piece_by_piece_is_never_compressed),
        REQUESTS(when_the_time_of_a_drain_is_over_all_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
