/* http/http_writer: responses to bytes, and bytes to a socket that does not take them all at once. */
#include <config.h>

#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "http/http_writer.h"

#define LARGE ((size_t)4 << 20)

static struct http_spares spares;
static struct http_writer writer;
static struct http_exchange exchange;
static const struct http_response hello = {.status = 200,
                                           .content_type = "text/plain",
                                           .fields = {"ETag: \"1\"\r\n", 11},
                                           .request_id = {"id", 2},
                                           .body = {"hello", 5}};

/* What was written, without the line of the date, which changes. */
static const char *written(void)
{
    static char text[1024];
    struct slice out = buf_slice(&writer.out);
    const char *date = memmem(out.ptr, out.len, "Date: ", 6);
    assert_non_null(date);
    size_t before = (size_t)(date - out.ptr), line = 6 + 29 + 2;
    snprintf(text, sizeof text, "%.*s%.*s", (int)before, out.ptr, (int)(out.len - before - line),
             date + line);
    return text;
}

static int set_up(void **state)
{
    (void)state;
    writer = HTTP_WRITER_INIT(&spares);
    exchange = (struct http_exchange){.keep_alive = true};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_writer_fini(&writer);
    http_spares_fini(&spares);
    return 0;
}

#define FRONT "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define OWN "X-Content-Type-Options: nosniff\r\nX-Request-Id: id\r\n"
#define ETAG "ETag: \"1\"\r\n"
#define FIELDS ETAG OWN

static void a_response_has_its_length_and_its_body(void **state)
{
    (void)state;
    assert_true(http_writer_respond(&writer, &exchange, &hello, false));
    assert_string_equal(written(), FRONT "Content-Length: 5\r\n" FIELDS "\r\nhello");
}

static void the_answer_to_head_has_the_length_and_no_body(void **state)
{
    (void)state;
    exchange.is_head = true;
    assert_true(http_writer_respond(&writer, &exchange, &hello, true));
    assert_string_equal(written(), FRONT "Content-Length: 5\r\nConnection: close\r\n" FIELDS "\r\n");
}

static void the_form_of_a_body_is_said_and_a_304_says_what_it_depends_on(void **state)
{
    (void)state;
    struct http_response response = hello;
    response.etag = SLICE("\"1-gzip\"");
    response.coding = "gzip";
    response.vary = "Accept-Encoding";
    response.fields = SLICE("");
    assert_true(http_writer_respond(&writer, &exchange, &response, false));
    assert_string_equal(written(),
                        FRONT "Content-Length: 5\r\nETag: \"1-gzip\"\r\n"
                              "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n" OWN "\r\nhello");
    buf_clear(&writer.out);
    response.status = 304;
    assert_true(http_writer_respond(&writer, &exchange, &response, false));
    assert_string_equal(written(), "HTTP/1.1 304 Not Modified\r\nETag: \"1-gzip\"\r\n"
                                   "Vary: Accept-Encoding\r\n" OWN "\r\n");
}

static void statuses_without_a_body_have_neither_type_nor_length(void **state)
{
    (void)state;
    struct http_response response = hello;
    response.status = 304;
    assert_true(http_writer_respond(&writer, &exchange, &response, false));
    assert_string_equal(written(), "HTTP/1.1 304 Not Modified\r\n" FIELDS "\r\n");
}

static void http_1_0_is_told_that_the_connection_stays(void **state)
{
    (void)state;
    exchange.minor_0 = true;
    assert_true(http_writer_respond(&writer, &exchange, &hello, false));
    assert_string_equal(written(),
                        FRONT "Content-Length: 5\r\nConnection: keep-alive\r\n" FIELDS "\r\nhello");
}

static void stream(bool close)
{
    http_writer_begin(&writer, &exchange, &hello, close);
    http_writer_piece(&writer, &exchange, SLICE("0123456789abcdef"));
    http_writer_piece(&writer, &exchange, SLICE("")); /* it would be the last chunk */
    http_writer_piece(&writer, &exchange, SLICE("z"));
    http_writer_end(&writer, &exchange);
}

static void a_stream_has_chunks(void **state)
{
    (void)state;
    stream(false);
    assert_string_equal(written(), FRONT "Transfer-Encoding: chunked\r\n" FIELDS
                                         "\r\n10\r\n0123456789abcdef\r\n1\r\nz\r\n0\r\n\r\n");
}

static void a_stream_of_http_1_0_ends_with_the_connection(void **state)
{
    (void)state;
    exchange.minor_0 = true;
    stream(true);
    assert_string_equal(written(), FRONT "Connection: close\r\n" FIELDS "\r\n0123456789abcdefz");
}

static void a_stream_that_answers_head_has_its_head_only(void **state)
{
    (void)state;
    exchange.is_head = true;
    stream(false);
    assert_string_equal(written(), FRONT "Transfer-Encoding: chunked\r\n" FIELDS "\r\n");
}

static void what_a_client_does_not_take_is_kept_and_nothing_is_sent_twice(void **state)
{
    (void)state;
    static char large[LARGE], buffer[65536];
    int pair[2];
    size_t took = 0, rounds = 0;
    struct http_response response = {.status = 200, .request_id = {"id", 2}, .body = {large, LARGE}};
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 31 >> 3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(http_writer_respond(&writer, &exchange, &response, false));
    size_t head = http_writer_left(&writer) - LARGE;
    for (enum http_sending sending = HTTP_SENT_PART; sending != HTTP_SENT_ALL || took < head + LARGE;) {
        sending = http_writer_send(&writer, pair[0]);
        assert_true(sending == HTTP_SENT_PART || sending == HTTP_SENT_ALL);
        assert_true((sending == HTTP_SENT_ALL) == (http_writer_left(&writer) == 0));
        ssize_t got = read(pair[1], buffer, sizeof buffer);
        assert_true(got > 0);
        for (size_t i = 0; i < (size_t)got; i++, took++)
            if (took >= head)
                assert_int_equal(buffer[i], large[took - head]);
        rounds++;
    }
    assert_int_equal(took, head + LARGE);
    assert_true(rounds > 10);
    assert_int_equal(writer.out.cap, 0); /* an idle connection keeps no large buffer */
    close(pair[1]);
    assert_true(http_writer_respond(&writer, &exchange, &hello, false));
    assert_int_equal(http_writer_send(&writer, pair[0]), HTTP_SEND_LOST);
    close(pair[0]);
}

/* A stream whose client is always behind by more than a piece, but by no more than two. */
static void a_client_that_is_never_up_to_date_has_no_more_kept_than_it_lacks(void **state)
{
    (void)state;
    static char piece[65536], buffer[65536];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    writer.out.max = 8 * sizeof piece;
    http_writer_begin(&writer, &exchange, &hello, false);
    for (unsigned round = 0; round < 1000; round++) {
        if (http_writer_left(&writer) <= sizeof piece)
            http_writer_piece(&writer, &exchange, (struct slice){piece, sizeof piece});
        enum http_sending sending = http_writer_send(&writer, pair[0]);
        assert_true(sending == HTTP_SENT_PART || sending == HTTP_SENT_ALL);
        if (sending == HTTP_SENT_PART)
            assert_true(read(pair[1], buffer, 16384) > 0);
    }
    assert_true(http_writer_left(&writer) > 0);
    assert_true(writer.out.len <= 4 * sizeof piece);
    close(pair[0]);
    close(pair[1]);
}

static void what_does_not_fit_into_memory_is_a_failure_that_stays(void **state)
{
    (void)state;
    writer.out = BUF_INIT(1024);
    static char large[2048];
    struct http_response response = {.status = 200, .request_id = {"id", 2}, .body = {large, sizeof large}};
    assert_false(http_writer_respond(&writer, &exchange, &response, false));
    assert_int_equal(http_writer_send(&writer, -1), HTTP_SEND_OVERFLOW);
}

/* What was sent by one connection, as far as it is small, is written by the next ones. */
static void memory_of_what_was_sent_is_kept_for_others(void **state)
{
    (void)state;
    int pair[2];
    static char large[HTTP_SPARE_BYTES];
    struct http_writer other = HTTP_WRITER_INIT(&spares);
    struct http_response response = {.status = 200, .request_id = {"id", 2}, .body = {large, sizeof large}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(http_writer_respond(&writer, &exchange, &hello, false));
    const char *memory = writer.out.data;
    assert_int_equal(http_writer_send(&writer, pair[0]), HTTP_SENT_ALL);
    assert_null(writer.out.data);
    assert_int_equal(spares.count, 1);
    assert_true(http_writer_respond(&other, &exchange, &hello, false));
    assert_ptr_equal(other.out.data, memory);
    assert_int_equal(http_writer_left(&other), strlen(FRONT "Content-Length: 5\r\n" FIELDS "\r\nhello") + 37);
    assert_true(http_writer_respond(&writer, &exchange, &response, false));
    assert_int_equal(http_writer_send(&writer, pair[0]), HTTP_SENT_ALL);
    assert_null(writer.out.data);
    assert_int_equal(spares.count, 0);
    http_writer_fini(&other);
    close(pair[0]);
    close(pair[1]);
}

static void no_more_memory_is_kept_than_for_some(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HTTP_SPARES_MAX + 3; i++) {
        struct buf buf = BUF_INIT(100);
        buf_add_string(&buf, "x");
        http_spares_give(&spares, &buf);
        assert_null(buf.data);
        assert_int_equal(buf.max, 100);
    }
    assert_int_equal(spares.count, HTTP_SPARES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_response_has_its_length_and_its_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_answer_to_head_has_the_length_and_no_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_form_of_a_body_is_said_and_a_304_says_what_it_depends_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(statuses_without_a_body_have_neither_type_nor_length, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(http_1_0_is_told_that_the_connection_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_has_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_of_http_1_0_ends_with_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_answers_head_has_its_head_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_client_does_not_take_is_kept_and_nothing_is_sent_twice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_is_never_up_to_date_has_no_more_kept_than_it_lacks,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_of_what_was_sent_is_kept_for_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_memory_is_kept_than_for_some, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_into_memory_is_a_failure_that_stays, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
