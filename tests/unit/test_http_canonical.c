/* http/http_canonical: a request in the one form that no two parsers read differently. */
#include <config.h>

#include "unit.h"

#include "http/http_canonical.h"

#define LONGEST 7 /* of the targets that are all tried */

static struct http_head head_of(const char *text)
{
    struct http_head head;
    struct http_refusal refusal;
    if (!http_parse(text, strlen(text), &head, &refusal))
        fail_msg("%s: %s", text, refusal.detail);
    return head;
}

static void check(const char *sent, const char *body, const char *written)
{
    struct http_head head = head_of(sent);
    struct buf out = BUF_INIT(100000);
    http_canonical_write(&out, &head, slice_of(body));
    buf_add_char(&out, '\0');
    assert_false(out.failed);
    assert_string_equal(out.data, written);
    buf_fini(&out);
}

static void what_is_settled_is_said_anew_or_left_out(void **state)
{
    (void)state;
    check("GET /a?b HTTP/1.1\r\nHost:  x \r\nA:\tb \r\nA: c\r\n\r\n", "",
          "GET /a?b HTTP/1.1\r\nHost: x\r\nA: b\r\nA: c\r\n\r\n");
    check("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: Chunked\r\nTrailer: b\r\nTE: trailers\r\n"
          "expect: 100-continue\r\n\r\n",
          "12345", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345");
    check("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: x, keep-alive\r\nKeep-Alive: 5\r\n"
          "Upgrade: h2c\r\nProxy-Connection: close\r\n\r\n",
          "", "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    check("GET / HTTP/1.9\r\nHost: x\r\nConnection: TE\r\nConnection: close\r\n\r\n", "",
          "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    check("GET / HTTP/1.0\r\n\r\n", "", "GET / HTTP/1.0\r\n\r\n");
    check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "",
          "GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    check("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "", "GET / HTTP/1.0\r\n\r\n");
}

static void targets_are_in_origin_form_whatever_they_were(void **state)
{
    (void)state;
    check("GET http://a:80/b?c HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /b?c HTTP/1.1\r\nHost: a:80\r\n\r\n");
    check("GET http://a HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    check("GET http://a?b HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /?b HTTP/1.1\r\nHost: a\r\n\r\n");
    check("GET http://a//b HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /.//b HTTP/1.1\r\nHost: a\r\n\r\n");
    check("OPTIONS http://a HTTP/1.1\r\nHost: x\r\n\r\n", "", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    check("OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n", "", "OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n");
    check("GET //x:y/z HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /.//x:y/z HTTP/1.1\r\nHost: x\r\n\r\n");
    check("GET //[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /.//[::1/ HTTP/1.1\r\nHost: x\r\n\r\n");
    check("GET /./x HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /././x HTTP/1.1\r\nHost: x\r\n\r\n");
    check("GET /?//x HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /?//x HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void a_body_is_left_out_where_not_all_expect_one(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < COUNT(methods); i++) {
        char sent[100], written[104];
        snprintf(sent, sizeof sent, "%s / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", methods[i]);
        snprintf(written, sizeof written, "%sab", sent);
        check(sent, "ab", written);
        assert_true(http_canonical_has_body(head_of(sent).method));
    }
    check("HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", "ab",
          "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    check("TRACE / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", "ab",
          "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_false(http_canonical_has_body(HTTP_HEAD));
    assert_false(http_canonical_has_body(HTTP_TRACE));
}

/* What the text parses as is the head that was written, and the target comes back as it was. */
static void check_round(const char *target, size_t length)
{
    struct http_head head = {.method = HTTP_GET, .minor = 1, .host = {"x", 1}, .keep_alive = true}, again;
    struct buf out = BUF_INIT(1000);
    struct http_refusal refusal;
    http_head_set_target(&head, (struct slice){target, length});
    http_canonical_write(&out, &head, (struct slice){NULL, 0});
    assert_true(http_parse(out.data, out.len, &again, &refusal));
    const char *written = out.data + strlen("GET "), *end = memchr(written, ' ', out.len);
    if (written[1] == '/')
        fail_msg("\"%.*s\" is written as what looks like an authority", (int)length, target);
    struct slice back = http_canonical_target((struct slice){written, (size_t)(end - written)});
    if (!slice_equal(back, (struct slice){target, length}))
        fail_msg("\"%.*s\" comes back as \"%.*s\"", (int)length, target, (int)back.len, back.ptr);
    buf_fini(&out);
}

/* All of the characters that matter, up to that length, and what begins so. */
static void every_target_comes_back(void **state)
{
    (void)state;
    static const char letters[] = "/.?x";
    char target[LONGEST + 12] = "/";
    for (size_t length = 1; length <= LONGEST; length++) {
        unsigned many = 1u << 2 * (length - 1);
        for (unsigned number = 0; number < many; number++) {
            for (size_t i = 1; i < length; i++)
                target[i] = letters[number >> 2 * (i - 1) & 3];
            check_round(target, length);
            memcpy(target + length, "//y:z/%2e?/", 11);
            check_round(target, length + 11);
        }
    }
}

static void what_does_not_fit_fails(void **state)
{
    (void)state;
    struct http_head head = head_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    struct buf out = BUF_INIT(51); /* one too few */
    http_canonical_write(&out, &head, SLICE("12345"));
    assert_true(out.failed);
    buf_fini(&out);
    out = BUF_INIT(52 + HTTP_CANONICAL_EXTRA);
    http_canonical_write(&out, &head, SLICE("12345"));
    assert_false(out.failed);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_settled_is_said_anew_or_left_out),
        cmocka_unit_test(targets_are_in_origin_form_whatever_they_were),
        cmocka_unit_test(a_body_is_left_out_where_not_all_expect_one),
        cmocka_unit_test(every_target_comes_back),
        cmocka_unit_test(what_does_not_fit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
