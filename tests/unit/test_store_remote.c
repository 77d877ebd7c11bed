/* Redis and memcached as stores: what is asked and what is made of the answers, byte by byte, on a Unix socket whose
 * other end is the test. */
#include <config.h>

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "io/loop.h"
#include "store/memcached.h"
#include "store/redis.h"
#include "store/store_remote.h"

#define SOON (5 * CLOCK_SECOND) /* longer than anything takes that works */
#define LONG (100 * CLOCK_SECOND)

static struct {
    struct loop *loop;
    struct loop_timer *tick;
    bool (*until)(void);
    int64_t limit;
    int listener, peer; /* -1: none */
    char directory[64], path[96];
    struct cacheurl url;
    struct store *store;
    char heard[4096];
    size_t heard_length, wanted;
} rig;

static struct question {
    struct store_find find;
    bool done, hit;
    char value[64];
} question[300];

/* ---- the clock, which goes slowly, so that a machine with much to do does not look like a server that is silent
 * ---- */

static int slowness = 1;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int64_t begun;
    int code = (int)syscall(SYS_clock_gettime, clock, now);
    int64_t real = now->tv_sec * CLOCK_SECOND + now->tv_nsec;
    if (clock == CLOCK_REALTIME || slowness == 1)
        return code;
    begun = begun == 0 ? real : begun;
    real = begun + (real - begun) / slowness;
    *now = (struct timespec){.tv_sec = real / CLOCK_SECOND, .tv_nsec = real % CLOCK_SECOND};
    return code;
}

/* ---- the loop ---- */

static void on_tick(void *argument)
{
    (void)argument;
    if (rig.until() || clock_now() > rig.limit)
        loop_stop(rig.loop);
    else
        loop_timer_start(rig.tick, CLOCK_MS / 4);
}

static bool run_until(bool (*until)(void))
{
    rig.until = until;
    rig.limit = clock_now() + SOON;
    loop_timer_start(rig.tick, 0);
    loop_run(rig.loop);
    loop_timer_stop(rig.tick);
    return until();
}

static bool one_turn(void)
{
    static bool again;
    again = !again;
    return !again;
}

/* ---- the other end ---- */

static bool has_come(void)
{
    if (rig.peer < 0)
        rig.peer = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return rig.peer >= 0;
}

static bool has_said_enough(void)
{
    ssize_t count = recv(rig.peer, rig.heard + rig.heard_length, sizeof rig.heard - rig.heard_length, 0);
    rig.heard_length += count > 0 ? (size_t)count : 0;
    return rig.heard_length >= rig.wanted;
}

static bool has_hung_up(void)
{
    char byte;
    ssize_t count = recv(rig.peer, &byte, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
}

static void hear(const char *expected)
{
    rig.wanted = strlen(expected);
    rig.heard_length = 0;
    run_until(has_said_enough);
    rig.heard[rig.heard_length] = '\0';
    assert_string_equal(rig.heard, expected);
}

static void say(const char *text, size_t length)
{
    assert_int_equal(send(rig.peer, text, length, MSG_NOSIGNAL), length);
}

static bool is_ready(void)
{
    return ((struct store_remote *)(void *)rig.store)->state == STORE_REMOTE_READY;
}

static bool has_failed(void)
{
    return ((struct store_remote *)(void *)rig.store)->failures > 0;
}

/* Meets the store, hears its greeting and answers it. */
static void welcome(const char *greeting, const char *answer)
{
    assert_true(run_until(has_come));
    hear(greeting);
    say(answer, strlen(answer));
    assert_true(run_until(is_ready));
}

static void meet_redis(void)
{
    welcome("*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
}

static void meet_memcached(void)
{
    welcome("version\r\n", "VERSION 1.6.18\r\n");
}

/* ---- questions ---- */

static void on_found(struct store_find *find, struct slice value)
{
    struct question *asked = (struct question *)(void *)find;
    assert_false(asked->done);
    asked->done = true;
    asked->hit = value.ptr != NULL;
    snprintf(asked->value, sizeof asked->value, "%.*s", (int)value.len, value.ptr != NULL ? value.ptr : "");
}

static bool ask(unsigned index, const char *key)
{
    struct slice value;
    question[index].find.done = on_found;
    return rig.store->ops->find(rig.store, slice_of(key), &question[index].find, &value) == STORE_LATER;
}

static void put(const char *key, const char *value, int64_t life_ns)
{
    rig.store->ops->put(rig.store, slice_of(key), slice_of(value), life_ns);
}

static bool is_answered(void)
{
    return question[0].done;
}

/* The answer comes in pieces of so many bytes, a turn for each. */
static void answer_in_pieces(const char *text, size_t length, size_t piece)
{
    for (size_t at = 0; at < length; at += piece) {
        say(text + at, length - at < piece ? length - at : piece);
        run_until(one_turn);
    }
    assert_true(run_until(is_answered));
}

/* ---- life ---- */

static void open_rig(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(&rig, 0, sizeof rig);
    memset(question, 0, sizeof question);
    strcpy(rig.directory, "/tmp/rowlock-unit-XXXXXX");
    assert_non_null(mkdtemp(rig.directory));
    snprintf(rig.path, sizeof rig.path, "%s/s", rig.directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", rig.path);
    rig.peer = -1;
    rig.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(rig.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(rig.listener, 4), 0);
    rig.loop = loop_new();
    rig.tick = loop_timer_new(rig.loop, on_tick, NULL);
    rig.url.path = rig.path;
}

static int open_redis(void **state)
{
    (void)state;
    slowness = 20;
    open_rig();
    rig.url.kind = CACHE_REDIS;
    rig.store = redis_new(rig.loop, &rig.url);
    return 0;
}

static int open_memcached(void **state)
{
    (void)state;
    slowness = 20;
    open_rig();
    rig.url.kind = CACHE_MEMCACHED;
    rig.store = memcached_new(rig.loop, &rig.url);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    slowness = 1;
    rig.store->ops->free(rig.store);
    loop_timer_free(rig.tick);
    loop_free(rig.loop);
    if (rig.peer >= 0)
        close(rig.peer);
    close(rig.listener);
    unlink(rig.path);
    rmdir(rig.directory);
    return 0;
}

/* ---- Redis ---- */

static void redis_is_greeted_as_its_address_says(void **state)
{
    (void)state;
    static char user[] = "u", password[] = "p w";
    rig.url.user = user;
    rig.url.password = password;
    rig.url.db = 3;
    assert_true(run_until(has_come));
    hear("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np w\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n");
    assert_false(ask(0, "k")); /* nobody asks before all of it was answered */
    say("+OK\r\n+OK\r\n", 10);
    run_until(one_turn);
    assert_false(is_ready());
    say("+PONG\r\n", 7);
    assert_true(run_until(is_ready));
}

static void a_password_alone_is_said_without_a_user(void **state)
{
    (void)state;
    static char password[] = "p";
    rig.url.password = password;
    welcome("*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*1\r\n$4\r\nPING\r\n", "+OK\r\n+PONG\r\n");
}

static void redis_that_refuses_the_greeting_is_left(void **state)
{
    (void)state;
    assert_true(run_until(has_come));
    hear("*1\r\n$4\r\nPING\r\n");
    say("-NOAUTH x\r\n", 11);
    assert_true(run_until(has_hung_up));
    assert_false(ask(0, "k"));
}

static void a_value_of_redis_comes_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const char reply[] = "$7\r\na\r\nb $1\r\n";
    meet_redis();
    for (size_t piece = 1; piece < sizeof reply; piece++) {
        question[0].done = false;
        assert_true(ask(0, "k"));
        hear("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        answer_in_pieces(reply, sizeof reply - 1, piece);
        assert_true(question[0].hit);
        assert_string_equal(question[0].value, "a\r\nb $1");
    }
}

static void what_redis_does_not_have_is_a_miss_and_an_empty_value_is_not(void **state)
{
    (void)state;
    meet_redis();
    assert_true(ask(1, "a"));
    assert_true(ask(0, "b"));
    hear("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n");
    say("$-1\r\n$0\r\n\r\n", 11);
    assert_true(run_until(is_answered));
    assert_true(question[1].done);
    assert_false(question[1].hit);
    assert_true(question[0].hit);
}

static void redis_keeps_a_value_for_milliseconds(void **state)
{
    (void)state;
    meet_redis();
    put("k", "v", CLOCK_MS - 1);
    put("k", "value", 1500 * CLOCK_MS);
    hear("*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n$2\r\nPX\r\n$4\r\n1500\r\n");
}

static void redis_that_cannot_store_is_still_asked(void **state)
{
    (void)state;
    meet_redis();
    put("k", "v", CLOCK_SECOND);
    assert_true(ask(0, "k"));
    say("-OOM no\r\n$1\r\nv\r\n", 16);
    assert_true(run_until(is_answered));
    assert_true(question[0].hit);
}

/* Whatever it is: the question is a miss, and the connection is closed. */
static void nonsense_of_redis_ends_the_connection(void **state)
{
    static const struct {
        const char *text;
        bool hit; /* what came before the nonsense was an answer */
    } lies[] = {
        {"-LOADING\r\n", false},      {":1\r\n", false},    {"+OK\r\n", false}, {"*1\r\n$1\r\na\r\n", false},
        {"*1000000000\r\n", false},   {"hello\r\n", false}, {"$x\r\n", false},  {"$-1\r\n$-1\r\n", false},
        {"$1\r\na\r\n+OK\r\n", true},
    };
    for (size_t i = 0; i < COUNT(lies); i++) {
        if (i > 0)
            open_redis(state);
        meet_redis();
        assert_true(ask(0, "k"));
        hear("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        say(lies[i].text, strlen(lies[i].text));
        if (!run_until(has_hung_up))
            fail_msg("still there after %s", lies[i].text);
        assert_true(question[0].done);
        assert_int_equal(question[0].hit, lies[i].hit);
        assert_false(ask(1, "k"));
        if (i + 1 < COUNT(lies))
            close_rig(state);
    }
}

/* ---- memcached ---- */

static void a_value_of_memcached_comes_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const char reply[] = "VALUE k 0 8\r\na\r\nEND\r\n\r\nEND\r\n";
    meet_memcached();
    for (size_t piece = 1; piece < sizeof reply; piece++) {
        question[0].done = false;
        assert_true(ask(0, "k"));
        hear("get k\r\n");
        answer_in_pieces(reply, sizeof reply - 1, piece);
        assert_true(question[0].hit);
        assert_string_equal(question[0].value, "a\r\nEND\r\n");
    }
}

static void what_memcached_does_not_have_is_a_miss_and_an_empty_value_is_not(void **state)
{
    (void)state;
    meet_memcached();
    assert_true(ask(1, "a"));
    assert_true(ask(2, "b"));
    assert_true(ask(0, "c"));
    hear("get a\r\nget b\r\nget c\r\n");
    static const char reply[] = "END\r\nSERVER_ERROR out of memory\r\nVALUE c 0 0\r\n\r\nEND\r\n";
    say(reply, sizeof reply - 1);
    assert_true(run_until(is_answered));
    assert_false(question[1].hit || question[2].hit);
    assert_true(question[1].done && question[2].done && question[0].hit);
}

static void memcached_keeps_a_value_for_whole_seconds(void **state)
{
    (void)state;
    meet_memcached();
    put("k", "v", CLOCK_SECOND - 1);
    put("k", "value", 2 * CLOCK_SECOND - 1);
    hear("set k 0 1 5\r\nvalue\r\n");
    put("k", "w", LONG);
    put("k", "x", LONG);
    assert_true(ask(0, "k"));
    static const char reply[] = "STORED\r\nNOT_STORED\r\nSERVER_ERROR full\r\nVALUE k 0 1\r\nw\r\nEND\r\n";
    say(reply, sizeof reply - 1);
    assert_true(run_until(is_answered));
    assert_string_equal(question[0].value, "w");
}

static void nonsense_of_memcached_ends_the_connection(void **state)
{
    char lengthy[513];
    memset(lengthy, 'x', 512);
    lengthy[512] = '\0';
    const char *const lies[] = {
        "ERROR\r\n",
        "VALUE\r\n",
        "VALUE k 0 x\r\n",
        "VALUE k 0 -1\r\n",
        "VALUE k 0 524289\r\n",
        "VALUE k 0 1\r\nabEND\r\n",
        "VALUE k 0 1\r\na\r\nEND\r\r",
        "END\r\nEND\r\n",
        "STORED\r\n",
        lengthy,
    };
    for (size_t i = 0; i < COUNT(lies); i++) {
        if (i > 0)
            open_memcached(state);
        meet_memcached();
        assert_true(ask(0, "k"));
        hear("get k\r\n");
        say(lies[i], strlen(lies[i]));
        if (!run_until(has_hung_up))
            fail_msg("still there after %s", lies[i]);
        assert_true(question[0].done);
        assert_false(question[0].hit);
        if (i + 1 < COUNT(lies))
            close_rig(state);
    }
}

static void memcached_that_greets_otherwise_is_left(void **state)
{
    (void)state;
    assert_true(run_until(has_come));
    hear("version\r\n");
    say("ERROR\r\n", 7);
    assert_true(run_until(has_hung_up));
    assert_false(ask(0, "k"));
}

static void another_word_to_a_set_ends_the_connection(void **state)
{
    (void)state;
    meet_memcached();
    put("k", "v", LONG);
    hear("set k 0 100 1\r\nv\r\n");
    say("END\r\n", 5);
    assert_true(run_until(has_hung_up));
}

/* ---- both ---- */

static void what_nobody_asked_for_ends_the_connection(void **state)
{
    (void)state;
    meet_memcached();
    say("END\r\n", 5);
    assert_true(run_until(has_hung_up));
}

static void a_cancelled_question_takes_no_answer_of_another(void **state)
{
    (void)state;
    meet_memcached();
    assert_true(ask(1, "a"));
    assert_true(ask(0, "b"));
    rig.store->ops->cancel(rig.store, &question[1].find);
    hear("get a\r\nget b\r\n");
    static const char reply[] = "VALUE a 0 1\r\n1\r\nEND\r\nVALUE b 0 1\r\n2\r\nEND\r\n";
    say(reply, sizeof reply - 1);
    assert_true(run_until(is_answered));
    assert_string_equal(question[0].value, "2");
    assert_false(question[1].done);
}

static void who_does_not_answer_in_time_is_left(void **state)
{
    (void)state;
    meet_memcached();
    slowness = 1;
    int64_t asked = clock_now();
    assert_true(ask(0, "k"));
    assert_true(run_until(is_answered));
    assert_false(question[0].hit);
    assert_true(clock_now() - asked >= STORE_PATIENCE_NS);
    assert_true(clock_now() - asked < SOON);
    assert_false(ask(1, "k"));
}

static void so_many_questions_wait_and_no_more(void **state)
{
    (void)state;
    unsigned count = 0;
    meet_memcached();
    while (count < COUNT(question) && ask(count, "k"))
        count++;
    assert_int_equal(count, 256);
    rig.store->ops->cancel(rig.store, &question[255].find);
}

/* The same by TCP, to an address and to a name. */
static void listen_by_tcp(char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    slowness = 1;
    rig.store->ops->free(rig.store);
    close(rig.listener);
    rig.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(rig.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(rig.listener, 4), 0);
    assert_int_equal(getsockname(rig.listener, (struct sockaddr *)&address, &length), 0);
    rig.url.path = NULL;
    rig.url.host = host;
    rig.url.port = ntohs(address.sin_port);
    rig.store = redis_new(rig.loop, &rig.url);
}

static void an_address_is_connected_to_at_once(void **state)
{
    (void)state;
    static char host[] = "127.0.0.1";
    listen_by_tcp(host);
    meet_redis();
}

/* Of several addresses the next one is tried after each failure. */
static void a_name_is_looked_up_and_each_of_its_addresses_tried(void **state)
{
    (void)state;
    static char host[] = "localhost";
    listen_by_tcp(host);
    meet_redis();
}

static void a_name_that_is_none_is_tried_again_later(void **state)
{
    (void)state;
    static char host[] = "a name with spaces";
    listen_by_tcp(host);
    assert_true(run_until(has_failed));
    assert_false(ask(0, "k"));
}

static void who_hangs_up_is_missed(void **state)
{
    (void)state;
    meet_redis();
    assert_true(ask(0, "k"));
    hear("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    close(rig.peer);
    rig.peer = -1;
    assert_true(run_until(is_answered));
    assert_false(question[0].hit);
    assert_false(is_ready());
}

#define REDIS(test) cmocka_unit_test_setup_teardown(test, open_redis, close_rig)
#define MEMCACHED(test) cmocka_unit_test_setup_teardown(test, open_memcached, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS(redis_is_greeted_as_its_address_says),
        REDIS(a_password_alone_is_said_without_a_user),
        REDIS(redis_that_refuses_the_greeting_is_left),
        REDIS(a_value_of_redis_comes_in_pieces_of_any_size),
        REDIS(what_redis_does_not_have_is_a_miss_and_an_empty_value_is_not),
        REDIS(redis_keeps_a_value_for_milliseconds),
        REDIS(redis_that_cannot_store_is_still_asked),
        REDIS(nonsense_of_redis_ends_the_connection),
        MEMCACHED(a_value_of_memcached_comes_in_pieces_of_any_size),
        MEMCACHED(what_memcached_does_not_have_is_a_miss_and_an_empty_value_is_not),
        MEMCACHED(memcached_keeps_a_value_for_whole_seconds),
        MEMCACHED(nonsense_of_memcached_ends_the_connection),
        MEMCACHED(memcached_that_greets_otherwise_is_left),
        MEMCACHED(another_word_to_a_set_ends_the_connection),
        MEMCACHED(what_nobody_asked_for_ends_the_connection),
        MEMCACHED(a_cancelled_question_takes_no_answer_of_another),
        MEMCACHED(who_does_not_answer_in_time_is_left),
        MEMCACHED(so_many_questions_wait_and_no_more),
        REDIS(an_address_is_connected_to_at_once),
        REDIS(a_name_is_looked_up_and_each_of_its_addresses_tried),
        REDIS(a_name_that_is_none_is_tried_again_later),
        REDIS(who_hangs_up_is_missed),
    };
    log_setup(LOG_ERROR, LOG_TEXT); /* the connections that are lost on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
