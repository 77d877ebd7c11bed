/* core/origin: which requests a page of another site has sent. */
#include <config.h>

#include "unit.h"

#include "core/origin.h"

static bool passes(const char *method, const char *host, const char *fields)
{
    static struct http_head head;
    struct http_refusal refusal;
    char text[512];
    snprintf(text, sizeof text, "%s /x HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, host, fields);
    if (!http_parse(text, strlen(text), &head, &refusal))
        fail_msg("malformed: %s", text);
    return origin_refusal(&head) == NULL;
}

static void an_origin_must_be_the_host_that_was_asked(void **state)
{
    (void)state;
    static const struct {
        const char *host, *origin;
        bool own;
    } cases[] = {
        {"a", "http://a", true},
        {"a", "https://a", true}, /* a proxy speaks TLS */
        {"A.org", "HTTP://a.ORG", true},
        {"a:8080", "http://a:8080", true},
        {"a:08080", "http://a:8080", true},
        {"a:8080", "https://a:8080", true},
        {"a:80", "http://a", true},
        {"a:443", "https://a", true},
        {"a:", "http://a", true},
        {"a", "http://a:80", true},
        {"a", "https://a:443", true},
        {"127.0.0.1:8080", "http://127.0.0.1:8080", true},
        {"[::1]:8080", "http://[::1]:8080", true},
        {"a", "http://b", false},
        {"a", "http://a.b", false},
        {"a", "http://b.a", false},
        {"a", "http://ab", false},
        {"ab", "http://a", false},
        {"a:8080", "http://a", false},
        {"a", "http://a:8080", false},
        {"a:8080", "http://a:8081", false},
        {"a:80", "https://a", false},
        {"a:443", "http://a", false},
        {"localhost:8080", "http://127.0.0.1:8080", false},
        {"a", "null", false},
        {"a", "", false},
        {"a", "a", false},
        {"a", "//a", false},
        {"a", "ftp://a", false},
        {"a", "http:/a", false},
        {"a", "http://", false},
        {"a", "http:// a", false},
        {"a", "http://a/", false}, /* an origin has no path */
        {"a", "http://a http://a", false},
        {"a", "http://b, http://a", false},
        {"a", "http://u@a", false},
        {"a", "http://a:x", false},
        {"", "http://", false},
        {"", "http://a", false},
        {"", "null", false},
    };
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char field[100];
        snprintf(field, sizeof field, "Origin: %s\r\n", cases[i].origin);
        for (size_t k = 0; k < COUNT(methods); k++)
            if (passes(methods[k], cases[i].host, field) != cases[i].own)
                fail_msg("%s, Host \"%s\", Origin \"%s\"", methods[k], cases[i].host, cases[i].origin);
        assert_true(passes("GET", cases[i].host, field));
        assert_true(passes("HEAD", cases[i].host, field));
        assert_true(passes("OPTIONS", cases[i].host, field));
    }
}

static void what_the_browser_says_of_the_site_counts_too(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool passes;
    } cases[] = {
        {"", true},
        {"Sec-Fetch-Site: same-origin\r\n", true},
        {"Sec-Fetch-Site: none\r\n", true},
        {"Sec-Fetch-Site: same-origin\r\nOrigin: http://a\r\n", true},
        {"Origin: http://a\r\nSec-Fetch-Site: same-site\r\n", true}, /* http and https of one host */
        {"sec-fetch-site: none\r\nOrigin: http://a\r\n", true},
        {"Sec-Fetch-Site: cross-site\r\n", false},
        {"Sec-Fetch-Site: Cross-Site\r\n", false},
        {"Sec-Fetch-Site: cross-site\r\nOrigin: http://a\r\n", false},
        {"Sec-Fetch-Site: same-site\r\n", false},
        {"Sec-Fetch-Site: same-site\r\nOrigin: http://b\r\n", false},
        {"Sec-Fetch-Site: same-origin\r\nOrigin: http://b\r\n", false},
        {"Sec-Fetch-Site: none\r\nOrigin: null\r\n", false},
        {"Sec-Fetch-Site: \r\n", false},
        {"Sec-Fetch-Site: something-new\r\n", false},
        {"Sec-Fetch-Site: something-new\r\nOrigin: http://a\r\n", true},
        {"X-Forwarded-Host: b\r\nOrigin: http://b\r\n", false},
        {"Forwarded: host=b\r\nOrigin: http://b\r\n", false},
        {"Referer: http://b/\r\n", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (passes("POST", "a", cases[i].fields) != cases[i].passes)
            fail_msg("%s", cases[i].fields);
        assert_true(passes("GET", "a", cases[i].fields));
    }
}

static void the_authority_of_an_absolute_target_is_who_was_asked(void **state)
{
    (void)state;
    static struct http_head head;
    struct http_refusal refusal;
    static const char own[] = "POST http://a:1/x HTTP/1.1\r\nHost: b\r\nOrigin: http://a:1\r\n\r\n",
                      foreign[] = "POST http://a:1/x HTTP/1.1\r\nHost: b\r\nOrigin: http://b\r\n\r\n",
                      nobody[] = "POST /x HTTP/1.0\r\nOrigin: http://b\r\n\r\n";
    assert_true(http_parse(own, strlen(own), &head, &refusal));
    assert_null(origin_refusal(&head));
    assert_true(http_parse(foreign, strlen(foreign), &head, &refusal));
    assert_non_null(origin_refusal(&head));
    assert_true(http_parse(nobody, strlen(nobody), &head, &refusal));
    assert_non_null(origin_refusal(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_must_be_the_host_that_was_asked),
        cmocka_unit_test(what_the_browser_says_of_the_site_counts_too),
        cmocka_unit_test(the_authority_of_an_absolute_target_is_who_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
