/* http/http_reader: bytes to requests, however they are cut, and how often a head is parsed for that. */
#include <config.h>

#include "unit.h"

#include "http/http_parse.h"

static unsigned parsed;

static bool counted_parse(const char *bytes, size_t length, struct http_head *head,
                          struct http_refusal *refusal)
{
    parsed++;
    return http_parse(bytes, length, head, refusal);
}

#define http_parse counted_parse
#include "../../src/http/http_reader.c"
#undef http_parse

static struct http_reader reader;
static struct http_message message;
static char told[1024]; /* what came out, one line a request */

static void tell(enum http_reading reading)
{
    size_t at = strlen(told);
    if (reading == HTTP_READ_WHOLE)
        snprintf(told + at, sizeof told - at, "%s %.*s %.*s\n", http_method_name(message.head.method),
                 (int)message.head.path.len, message.head.path.ptr, (int)message.body.len,
                 message.body.ptr != NULL ? message.body.ptr : "");
    else if (reading == HTTP_READ_LEAVE)
        snprintf(told + at, sizeof told - at, "leave for %.*s\n", (int)message.head.path.len,
                 message.head.path.ptr);
    else if (reading == HTTP_READ_REFUSED)
        snprintf(told + at, sizeof told - at, "%d\n", message.refusal.status);
}

static void feed(const char *bytes, size_t length)
{
    enum http_reading reading = HTTP_READ_WHOLE;
    assert_true(http_reader_add(&reader, bytes, length));
    while (http_reader_held(&reader) > 0 && reading != HTTP_READ_PART && reading != HTTP_READ_NOTHING) {
        reading = http_reader_next(&reader, &message);
        tell(reading);
        if (reading == HTTP_READ_WHOLE)
            http_reader_done(&reader);
        if (reading == HTTP_READ_REFUSED)
            http_reader_drop(&reader);
    }
}

static void begin_anew(void)
{
    http_reader_fini(&reader);
    reader = HTTP_READER_INIT;
    told[0] = '\0';
    parsed = 0;
}

static const struct {
    const char *bytes, *told;
} streams[] = {
    {"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a \n"},
    {"\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
     "GET /a \nGET /b \n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
     "POST /a abc\nGET /b \n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2\r\nab\r\n001;x=\"y\"\r\nc\r\n0\r\nT: v\r\n\r\n"
     "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nzPOST /c HTTP/1.1\r\nHost: x\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "POST /a abc\nPUT /b z\nPOST /c \n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", "413\n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx", "400\n"},
    {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10001\r", "413\n"},
    {"GET /a HTTP/1.1\r\n\r\n", "400\n"},
};

static void where_the_bytes_are_cut_makes_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        size_t length = strlen(streams[i].bytes);
        for (size_t cut = 0; cut <= length; cut++) {
            begin_anew();
            feed(streams[i].bytes, cut);
            if (strchr(told, '4') == NULL)
                feed(streams[i].bytes + cut, length - cut);
            assert_string_equal(told, streams[i].told);
        }
        begin_anew();
        for (size_t at = 0; at < length; at++)
            feed(streams[i].bytes + at, 1);
        assert_string_equal(told, streams[i].told);
    }
}

static void a_head_is_parsed_twice_at_most_however_many_pieces_its_body_has(void **state)
{
    (void)state;
    static const char plain[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n";
    begin_anew();
    feed(plain, sizeof plain - 1);
    for (unsigned i = 0; i < HTTP_BODY_MAX; i++) {
        assert_int_equal(strlen(told), 0);
        assert_int_equal(parsed, 1);
        feed("x", 1);
    }
    assert_int_equal(strncmp(told, "POST /a xxx", 11), 0);
    assert_int_equal(parsed, 2);
    static const char chunked[] = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    begin_anew();
    feed(chunked, sizeof chunked - 1);
    for (unsigned i = 0; i < 1000; i++)
        feed("1\r\nx\r\n", 6);
    assert_int_equal(parsed, 1);
    feed("0\r\n\r\n", 5);
    assert_int_equal(parsed, 2);
    begin_anew();
    feed("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 28);
    assert_int_equal(parsed, 1);
}

static void leave_is_asked_for_once_and_only_while_the_body_is_awaited(void **state)
{
    (void)state;
    static const char head[] =
        "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    begin_anew();
    feed(head, sizeof head - 1);
    feed("a", 1);
    feed("b", 1);
    assert_string_equal(told, "leave for /a\nPOST /a ab\n");
    begin_anew();
    char whole[sizeof head + 2];
    snprintf(whole, sizeof whole, "%sab", head);
    feed(whole, strlen(whole));
    assert_string_equal(told, "POST /a ab\n");
    begin_anew();
    static const char old[] = "POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    feed(old, sizeof old - 1);
    feed("a", 1);
    assert_string_equal(told, "POST /a a\n");
}

static void a_line_or_a_head_that_has_no_end_is_refused_at_its_limit(void **state)
{
    (void)state;
    begin_anew();
    feed("GET /", 5);
    for (size_t i = 5; i < HTTP_LINE_MAX; i++)
        feed("x", 1);
    assert_string_equal(told, "");
    feed("x", 1);
    assert_string_equal(told, "414\n");
    begin_anew();
    feed("GET / HTTP/1.1\r\n", 16);
    for (size_t i = 16; i < HTTP_HEAD_MAX; i++)
        feed(i % 100 == 0 ? "\n" : "x", 1);
    assert_string_equal(told, "");
    feed("x", 1);
    assert_string_equal(told, "431\n");
    begin_anew();
    char *line = calloc(1, 20000);
    memset(line, 'x', 19000);
    memcpy(line + 19000, "\r\n\r\n", 4);
    feed(line, 19004);
    free(line);
    assert_string_equal(told, "414\n");
}

static void half_an_empty_line_is_nothing_of_a_request(void **state)
{
    (void)state;
    begin_anew();
    assert_true(http_reader_add(&reader, "\r", 1));
    assert_int_equal(http_reader_next(&reader, &message), HTTP_READ_NOTHING);
    assert_false(http_reader_has_begun(&reader));
    assert_true(http_reader_add(&reader, "\nG", 2));
    assert_int_equal(http_reader_next(&reader, &message), HTTP_READ_PART);
    assert_true(http_reader_has_begun(&reader));
}

static int tear_down(void **state)
{
    (void)state;
    begin_anew();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_the_bytes_are_cut_makes_no_difference),
        cmocka_unit_test(a_head_is_parsed_twice_at_most_however_many_pieces_its_body_has),
        cmocka_unit_test(leave_is_asked_for_once_and_only_while_the_body_is_awaited),
        cmocka_unit_test(a_line_or_a_head_that_has_no_end_is_refused_at_its_limit),
        cmocka_unit_test(half_an_empty_line_is_nothing_of_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
