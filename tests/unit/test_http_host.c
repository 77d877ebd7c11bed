/* http/http_host: what may stand in Host and in the authority of a target. */
#include <config.h>

#include "unit.h"

#include "http/http_host.h"

static void hosts_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
        int port;
    } cases[] = {
        {"", "", -1}, /* well-formed for a target without an authority */
        {"a", "a", -1},
        {"localhost:8080", "localhost", 8080},
        {"example.org:", "example.org", -1}, /* port = *DIGIT */
        {"example.org.", "example.org.", -1},
        {"EXAMPLE.org:0", "EXAMPLE.org", 0},
        {"a:65535", "a", 65535},
        {"a:000080", "a", 80},
        {"127.0.0.1", "127.0.0.1", -1},
        {"127.0.0.1:1", "127.0.0.1", 1},
        {"999.1.2.3.4", "999.1.2.3.4", -1}, /* a name */
        {"a_b-c.d~e", "a_b-c.d~e", -1},
        {"a!$&'()*+;=b", "a!$&'()*+;=b", -1},
        {"a%20b", "a%20b", -1},
        {"%C3%a4.org:80", "%C3%a4.org", 80},
        {"xn--4ca.org", "xn--4ca.org", -1},
        {"[::1]", "[::1]", -1},
        {"[::1]:8080", "[::1]", 8080},
        {"[::]:", "[::]", -1},
        {"[2001:DB8:0:0:8:800:200c:417a]", "[2001:DB8:0:0:8:800:200c:417a]", -1},
        {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]", 80},
        {"[v1.a:b]", "[v1.a:b]", -1},
        {"[VfF.~]:80", "[VfF.~]", 80},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_host host;
        if (!http_host_parse(slice_of(cases[i].text), &host))
            fail_msg("refused: %s", cases[i].text);
        if (!slice_equal(host.name, slice_of(cases[i].name)) || host.port != cases[i].port)
            fail_msg("%s is \"%.*s\" and %d", cases[i].text, (int)host.name.len, host.name.ptr, host.port);
    }
}

static void what_is_no_host_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "a b",
        " a",
        "a ",
        "a\tb",
        "a/b",
        "a/",
        "/",
        "//a",
        "http://a",
        "a?b",
        "a#b",
        "u@a",
        "u:p@a",
        "@",
        "@a",
        "a, b",
        "a,b",
        ",",
        "a,",
        "<script>",
        "a>",
        "\"a\"",
        "a\\b",
        "a^b",
        "a`b",
        "{a}",
        "a|b",
        "\xc3\xa4.org",
        "a\x01",
        "a\x7f",
        "%",
        "a%",
        "a%2",
        "a%zz",
        "a%2g",
        "a%g0",
        "%00",
        "a%0ab",
        "a%1fb",
        /* ports */
        ":",
        ":80",
        "a:b",
        "a:80b",
        "a:-1",
        "a:+1",
        "a: 80",
        "a:80 ",
        "a:65536",
        "a:99999999999999999999",
        "a:0x50",
        "a:80:80",
        "a::80",
        "a:8,0",
        "::1",
        "1:2:3:4:5:6:7:8",
        "2001:db8::1:80",
        /* brackets */
        "[",
        "]",
        "[]",
        "[]:80",
        "[::1",
        "::1]",
        "[::1]a",
        "[::1]80",
        "[::1]]",
        "[[::1]]",
        "a[::1]",
        "[::1]:b",
        "[::1]:65536",
        "[a]",
        "[127.0.0.1]",
        "[::1%25eth0]",
        "[::1%eth0]",
        "[:::1]",
        "[1::2::3]",
        "[12345::]",
        "[::g]",
        "[1:2:3:4:5:6:7]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::1.2.3]",
        "[::256.1.1.1]",
        "[ ::1]",
        "[::1 ]",
        "[::1/64]",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
        "[v]",
        "[v1]",
        "[v1.]",
        "[v.a]",
        "[vg.a]",
        "[v1.a b]",
        "[v1.a/b]",
        "[v1.a@b]",
        "[v1.[]",
        "[v1.%20]",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_host host;
        if (http_host_parse(slice_of(cases[i]), &host))
            fail_msg("accepted: %s", cases[i]);
    }
}

static void a_nul_ends_no_host(void **state)
{
    (void)state;
    struct http_host host;
    assert_false(http_host_parse(SLICE("a\0b"), &host));
    assert_false(http_host_parse(SLICE("[::1\0]"), &host));
    assert_false(http_host_parse(SLICE("a:8\0"), &host));
    assert_false(http_host_parse(SLICE("a%2\0"), &host));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_taken_apart),
        cmocka_unit_test(what_is_no_host_is_refused),
        cmocka_unit_test(a_nul_ends_no_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
