/* http/http_parse: the head and the chunked body of a request, whole and in pieces of every size. */
#include <config.h>

#include "unit.h"

#include "http/http_chunks.h"
#include "http/http_parse.h"

static struct http_head head;
static struct http_refusal refusal;

static bool parse(const char *text)
{
    refusal = (struct http_refusal){0};
    return http_parse(text, strlen(text), &head, &refusal);
}

static void assert_slice(struct slice slice, const char *expected)
{
    assert_non_null(slice.ptr);
    if (!slice_equal(slice, slice_of(expected)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)slice.len, slice.ptr, expected);
}

static void a_request_is_taken_apart(void **state)
{
    (void)state;
    assert_true(parse("PATCH /orders/7?a=b&c HTTP/1.1\r\nHost: x\r\ncontent-type:\t application/json \r\n"
                      "Content-Length: 18\r\nX-Request-Id: abc\r\nEmpty:\r\n\r\n"));
    assert_int_equal(head.method, HTTP_PATCH);
    assert_slice(head.path, "/orders/7");
    assert_slice(head.query, "a=b&c");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.content_length, 18);
    assert_slice(http_head_field(&head, SLICE("Content-Type")), "application/json");
    assert_slice(http_head_field(&head, SLICE("x-request-ID")), "abc");
    assert_int_equal(head.field_count, 5);
    assert_slice(head.fields[4].name, "Empty");
    assert_int_equal(head.fields[4].value.len, 0);
    assert_true(head.keep_alive);
    assert_false(head.chunked);
    assert_false(head.expect_continue);
}

static void of_a_field_that_comes_twice_the_last_counts(void **state)
{
    (void)state;
    assert_true(parse("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n"));
    assert_slice(http_head_field(&head, SLICE("A")), "3");
    assert_null(http_head_field(&head, SLICE("C")).ptr);
}

static void nothing_is_left_of_the_request_before(void **state)
{
    (void)state;
    assert_true(parse("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Type: t\r\nX-Request-Id: "
                      "i\r\nTransfer-Encoding: chunked\r\n"
                      "Expect: 100-continue\r\nConnection: close\r\n\r\n"));
    assert_true(head.chunked && head.expect_continue && !head.keep_alive);
    assert_true(parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(!head.chunked && !head.expect_continue && head.keep_alive);
    assert_null(head.query.ptr);
    assert_null(http_head_field(&head, SLICE("Content-Type")).ptr);
    assert_null(http_head_field(&head, SLICE("X-Request-Id")).ptr);
    assert_int_equal(head.field_count, 1);
    assert_int_equal(head.content_length, 0);
}

static void every_method_has_its_name(void **state)
{
    (void)state;
    for (int method = 0; method < HTTP_METHODS; method++) {
        char text[100];
        snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: x\r\n\r\n",
                 http_method_name((enum http_method)method));
        assert_true(parse(text));
        assert_int_equal(head.method, method);
    }
}

static void higher_minor_versions_are_served_as_1_1(void **state)
{
    (void)state;
    for (int minor = 1; minor <= 9; minor++) {
        char text[64];
        snprintf(text, sizeof text, "GET / HTTP/1.%d\r\nHost: x\r\n\r\n", minor);
        assert_true(parse(text));
        assert_int_equal(head.minor, 1);
        assert_true(head.keep_alive);
    }
    assert_false(parse("GET / HTTP/1.2\r\n\r\n")); /* without Host */
}

static void options_has_a_target_for_the_whole_server(void **state)
{
    (void)state;
    assert_true(parse("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_slice(head.path, "*");
    assert_slice(head.host, "x");
    assert_null(head.query.ptr);
    assert_true(parse("OPTIONS http://h:1 HTTP/1.1\r\nHost: x\r\n\r\n")); /* RFC 9112 section 3.2.4 */
    assert_slice(head.path, "*");
    assert_slice(head.host, "h:1");
    assert_true(parse("OPTIONS http://h?x HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_slice(head.path, "/");
    assert_true(parse("OPTIONS /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_slice(head.path, "/x");
}

static void the_authority_of_an_absolute_target_is_asked(void **state)
{
    (void)state;
    assert_true(parse("GET http://h:1/orders?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_slice(head.path, "/orders");
    assert_slice(head.query, "x=1");
    assert_slice(head.host, "h:1");
    assert_true(parse("GET /orders HTTP/1.1\r\nHost: h:2\r\n\r\n"));
    assert_slice(head.host, "h:2");
    assert_true(parse("GET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_slice(head.path, "/");
    assert_true(parse("GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_slice(head.path, "/");
    assert_slice(head.query, "x");
}

static void connections_are_kept_as_the_version_says(void **state)
{
    (void)state;
    assert_true(parse("GET / HTTP/1.0\r\n\r\n"));
    assert_false(head.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"));
    assert_true(head.keep_alive);
    assert_true(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade ,CLOSE\r\n\r\n"));
    assert_false(head.keep_alive);
    assert_true(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n"));
    assert_false(head.keep_alive);
}

static void what_two_readers_could_read_differently_is_refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {400, "\r\n"},
        {400, "GET / HTTP/1.1\nHost: x\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"},
        {400, "GET /\r\nHost: x\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET orders HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET http://u@h/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET ftp://h/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1\r\nHost: x\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.x\r\nHost: x\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.10\r\nHost: x\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "OPTIONS *?x HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "OPTIONS ** HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET http://x/ HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {400, "GET http://x:y/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET http://x:65536/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET http://[x]/ HTTP/1.1\r\nHost: x\r\n\r\n"},
        {505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"},
        {501, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {501, "get / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400,
         "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "GET / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {501, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip;q=1 , chunked\r\n\r\n"},
        {501, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked, br\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked,\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ,chunked\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked ;q=1\r\n\r\n"},
        {417, "GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x"},
        {400, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (parse(cases[i].text))
            fail_msg("accepted: %s", cases[i].text);
        if (refusal.status != cases[i].status)
            fail_msg("%d instead of %d: %s", refusal.status, cases[i].status, cases[i].text);
        assert_non_null(refusal.detail);
    }
}

static void a_nul_in_the_head_is_refused(void **state)
{
    (void)state;
    static const char in_field[] = "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n",
                      in_target[] = "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_false(http_parse(in_field, sizeof in_field - 1, &head, &refusal));
    assert_int_equal(refusal.status, 400);
    assert_false(http_parse(in_target, sizeof in_target - 1, &head, &refusal));
    assert_int_equal(refusal.status, 400);
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(100000);
    buf_add_string(&text, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (unsigned i = 1; i < HTTP_FIELDS_MAX; i++)
        buf_add_string(&text, "A: b\r\n");
    size_t whole = text.len;
    buf_add_string(&text, "\r\n");
    assert_true(http_parse(text.data, text.len, &head, &refusal));
    assert_int_equal(head.field_count, HTTP_FIELDS_MAX);
    text.len = whole;
    buf_add_string(&text, "A: b\r\n\r\n");
    assert_false(http_parse(text.data, text.len, &head, &refusal));
    assert_int_equal(refusal.status, 431);
    buf_fini(&text);
}

static void the_end_of_a_head_is_found_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t end;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET", 27},
        {"a\n\nb", 3},
        {"a\r\n\r\n\r\n", 5},
        {"a\n\r\nb", 4},
        {"\n\n", 2},
        {"no end\r\n", 0},
        {"no end\r\n\r", 0},
        {"", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t piece = 1; piece <= 30; piece++) {
            size_t length = strlen(cases[i].text), seen = 0, end = 0;
            for (size_t have = 0; end == 0 && have < length;) {
                have = have + piece < length ? have + piece : length;
                end = http_head_end(cases[i].text, have, &seen);
            }
            if (end != cases[i].end)
                fail_msg("case %zu in pieces of %zu: %zu instead of %zu", i, piece, end, cases[i].end);
        }
}

/* Feeds text in pieces; what was not taken stays outside, and its length is in *rest. */
static enum http_chunks_result feed(const char *text, size_t piece, struct buf *body, size_t *rest)
{
    struct http_chunks chunks = {0};
    enum http_chunks_result result = HTTP_CHUNKS_MORE;
    size_t length = strlen(text), at = 0;
    while (at < length && result == HTTP_CHUNKS_MORE) {
        size_t used = 0, now = length - at < piece ? length - at : piece;
        result = http_chunks_feed(&chunks, text + at, now, &used, body);
        assert_true(used <= now);
        assert_true(result != HTTP_CHUNKS_MORE || used == now);
        at += used;
    }
    *rest = length - at;
    return result;
}

static void chunks_are_joined_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const char text[] =
        "5\r\nhello\r\n1;x=\"y\"\r\n \r\n00A\r\n0123456789\r\n0\r\nTrailer: dropped\r\nB:\r\n\r\nNEXT";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct buf body = BUF_INIT(HTTP_BODY_MAX);
        size_t rest;
        assert_int_equal(feed(text, piece, &body, &rest), HTTP_CHUNKS_DONE);
        assert_int_equal(rest, 4);
        assert_int_equal(body.len, 16);
        assert_memory_equal(body.data, "hello 0123456789", 16);
        buf_fini(&body);
    }
}

static void malformed_chunks_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\n",
        "1\n",
        "1\rx",
        "1\r\nab",
        "1\r\na\n",
        "1\r\na\rx",
        "000000001x\r\n",
        "7;[=b\r\n",
        "7;\r\n",
        "7; \r\n",
        "7;;\r\n",
        "7;a;\r\n",
        "7;=b\r\n",
        "7;a=\r\n",
        "7;a= \r\n",
        "7;a==b\r\n",
        "7;a=b=c\r\n",
        "7;a=[\r\n",
        "7;a b\r\n",
        "7;a=b c\r\n",
        "7 \r\n",
        "7\t\r\n",
        "7 a\r\n",
        "7;a \r\n",
        "7;a=b \r\n",
        "7;a=\"b\" \r\n",
        "7;a=\"b\r\n",
        "7;a=\"b\"c\r\n",
        "7;a=\"\\\r\n",
        "7;a=\"\x01\"\r\n",
        "7;a=\"\\\x01\"\r\n",
        "7;a=\"\x7f\"\r\n",
        "7;\"a\"\r\n",
        "7;a=b\"c\"\r\n",
        "7;\x80\r\n",
        "7;a\n",
        "7;a=\"b\"\n",
        "7;a=\"b\n",
        "7 ;a\n",
        "7,8\r\n",
        "0\r\nno colon\r\n",
        "0\r\nx\r\n",
        "0\r\na b: c\r\n",
        "0\r\na : c\r\n",
        "0\r\n: c\r\n",
        "0\r\n[: c\r\n",
        "0\r\na: \x01\r\n",
        "0\r\na: \x7f\r\n",
        "0\r\na: b\rc",
        "0\r\na: b\r\n c\r\n",
        "0\r\na: b\r\n\tc\r\n",
        "0\r\na: b\r\nc\r\n",
        "0\r\n\x80: c\r\n",
        ";x\r\n",
        "1;\x01\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\nA: b\n\r\n",
        "0\r\n folded\r\n",
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t piece = 1; piece <= 4; piece++) {
            struct buf body = BUF_INIT(HTTP_BODY_MAX);
            size_t rest;
            if (feed(cases[i], piece, &body, &rest) != HTTP_CHUNKS_MALFORMED)
                fail_msg("case %zu in pieces of %zu", i, piece);
            buf_fini(&body);
        }
}

static void chunk_extensions_and_trailers_by_the_grammar_are_read_over(void **state)
{
    (void)state;
    static const char *const sizes[] = {
        "7",
        "007",
        "0000000000000000000000000000000000000007",
        "7;a",
        "7;a=b",
        "7 ;a=b",
        "7; a=b",
        "7;a =b",
        "7;a= b",
        "7\t;\ta\t=\tb",
        "7;a=\"\"",
        "7;a=\"b c;d\\\"\\\\\x80\t\"",
        "7;a;b;c=d",
        "7;a ;b",
        "7;a=b ; c=\"d\" ;e",
        "7;!#$%&'*+-.^_`|~=1",
    };
    static const char *const ends[] = {
        "0\r\n\r\n",
        "000;last\r\n\r\n",
        "0\r\nA: b\r\n\r\n",
        "0\r\nA:\r\nB:b\r\nC:\t\x80 c \r\n\r\n",
        "0 ;a\r\n!#$%&'*+-.^_`|~: b:c\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT(sizes) * COUNT(ends); i++)
        for (size_t piece = 1; piece <= 8; piece++) {
            char text[256];
            struct buf body = BUF_INIT(HTTP_BODY_MAX);
            size_t rest;
            snprintf(text, sizeof text, "%s\r\n1234567\r\n%sNEXT", sizes[i / COUNT(ends)],
                     ends[i % COUNT(ends)]);
            if (feed(text, piece, &body, &rest) != HTTP_CHUNKS_DONE || rest != 4 || body.len != 7)
                fail_msg("refused in pieces of %zu: %s", piece, text);
            assert_memory_equal(body.data, "1234567", 7);
            buf_fini(&body);
        }
}

static void what_is_wrong_with_chunks_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"x\r\n", "size"},           {"7;[=b\r\n", "extension"}, {"7\rx", "size"},
        {"1\r\nab", "CR LF"},        {"1\r\na\rx", "CR LF"},     {"0\r\nno colon\r\n", "trailer"},
        {"0\r\na: b\rx", "trailer"}, {"0\r\n\rx", "trailer"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_chunks chunks = {0};
        struct buf body = BUF_INIT(HTTP_BODY_MAX);
        size_t used;
        assert_int_equal(http_chunks_feed(&chunks, cases[i].text, strlen(cases[i].text), &used, &body),
                         HTTP_CHUNKS_MALFORMED);
        assert_non_null(strstr(http_chunks_fault(&chunks), cases[i].word));
        buf_fini(&body);
    }
}

static void chunked_bodies_are_bounded(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(HTTP_BODY_MAX);
    struct http_chunks chunks = {0};
    size_t used, rest;
    assert_int_equal(feed("10001\r\n", 100, &body, &rest), HTTP_CHUNKS_TOO_LARGE);
    assert_int_equal(feed("ffffffff\r\n", 100, &body, &rest), HTTP_CHUNKS_TOO_LARGE);

    /* two that fit each, but not together */
    static char text[1100];
    snprintf(text, sizeof text, "400\r\n%01024d\r\n1\r\na\r\n", 0);
    body.max = 1024;
    assert_int_equal(feed(text, sizeof text, &body, &rest), HTTP_CHUNKS_TOO_LARGE);
    body.max = 1025;
    buf_clear(&body);
    assert_int_equal(feed(text, sizeof text, &body, &rest), HTTP_CHUNKS_MORE);
    buf_fini(&body);

    /* an extension, or trailers, without end */
    static char filler[1000];
    memset(filler, 'x', sizeof filler);
    static const char *const starts[] = {"1;", "1;a=\"", "1;a=", "0\r\n", "0\r\nA:"};
    for (size_t i = 0; i < COUNT(starts); i++) {
        chunks = (struct http_chunks){0};
        assert_int_equal(http_chunks_feed(&chunks, starts[i], strlen(starts[i]), &used, &body),
                         HTTP_CHUNKS_MORE);
        enum http_chunks_result result = HTTP_CHUNKS_MORE;
        for (int n = 0; n < 100 && result == HTTP_CHUNKS_MORE; n++)
            result = http_chunks_feed(&chunks, filler, sizeof filler, &used, &body);
        assert_int_equal(result, HTTP_CHUNKS_TOO_LARGE);
    }
    chunks = (struct http_chunks){0};
    memset(filler, '0', sizeof filler);
    enum http_chunks_result result = HTTP_CHUNKS_MORE;
    for (int n = 0; n < 100 && result == HTTP_CHUNKS_MORE; n++)
        result = http_chunks_feed(&chunks, filler, sizeof filler, &used, &body);
    assert_int_equal(result, HTTP_CHUNKS_TOO_LARGE);
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(of_a_field_that_comes_twice_the_last_counts),
        cmocka_unit_test(nothing_is_left_of_the_request_before),
        cmocka_unit_test(every_method_has_its_name),
        cmocka_unit_test(higher_minor_versions_are_served_as_1_1),
        cmocka_unit_test(options_has_a_target_for_the_whole_server),
        cmocka_unit_test(the_authority_of_an_absolute_target_is_asked),
        cmocka_unit_test(connections_are_kept_as_the_version_says),
        cmocka_unit_test(what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(too_many_fields_are_refused),
        cmocka_unit_test(the_end_of_a_head_is_found_in_pieces_of_any_size),
        cmocka_unit_test(chunks_are_joined_in_pieces_of_any_size),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(chunk_extensions_and_trailers_by_the_grammar_are_read_over),
        cmocka_unit_test(what_is_wrong_with_chunks_is_said),
        cmocka_unit_test(chunked_bodies_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
