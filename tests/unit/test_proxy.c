/* base/proxy: which proxy is asked. */
#include <config.h>

#include "unit.h"

#include <stdbool.h>

#include "base/proxy.h"

static const struct proxies both = {"http://plain:1", "http://tls:2", "socks5h://any:3", ""};

static void the_scheme_says_which(void **state)
{
    (void)state;
    const struct proxies only = {"", "", "any:3", ""}, none = {"", "", "", ""};
    assert_string_equal(proxy_for(&both, "http://h/"), "http://plain:1");
    assert_string_equal(proxy_for(&both, "https://h/"), "http://tls:2");
    assert_string_equal(proxy_for(&only, "http://h/"), "any:3");
    assert_string_equal(proxy_for(&only, "https://h/"), "any:3");
    assert_null(proxy_for(&none, "https://h/"));
}

static void some_are_asked_directly(void **state)
{
    (void)state;
    static const struct {
        const char *none_for, *url;
        bool direct;
    } cases[] = {
        {"*", "http://h/", true},
        {"hub.test", "https://hub.test/x", true},
        {"hub.test", "https://API.Hub.Test:8443/x", true},
        {".hub.test", "https://api.hub.test/x", true},
        {".hub.test", "https://hub.test/x", true},
        {"hub.test.", "https://hub.test/x", true},
        {"hub.test", "https://hub.test./x", true},
        {"hub.test", "https://ann:secret@hub.test?x", true},
        {"hub.test", "https://github.test/x", false},
        {"api.hub.test", "https://hub.test/x", false},
        {"a.test,hub.test", "https://hub.test/", true},
        {" a.test , hub.test ", "https://hub.test/", true},
        {"a.test hub.test", "https://hub.test/", true},
        {"a.test,,", "https://hub.test/", false},
        {".", "https://hub.test/", false},
        {"test/8", "https://hub.test/", false},
        {"127.0.0.1", "http://127.0.0.1:5000/", true},
        {"127.0.0.1", "http://127.0.0.10/", false},
        {"0.0.1", "http://127.0.0.1/", false},
        {"10.0.0.0/8", "http://10.9.8.7/", true},
        {"10.0.0.0/8", "http://11.9.8.7/", false},
        {"192.168.0.0/23", "http://192.168.1.255/", true},
        {"192.168.0.0/23", "http://192.168.2.0/", false},
        {"0.0.0.0/0", "http://1.2.3.4/", true},
        {"10.0.0.0/33", "http://10.0.0.0/", false},
        {"10.0.0.0/x", "http://10.0.0.0/", false},
        {"::1", "http://[::1]:5000/", true},
        {"[::1]", "http://[::1]/", true},
        {"fd00::/8", "http://[fd12::1]/", true},
        {"fd00::/8", "http://10.0.0.1/", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proxies proxies = both;
        proxies.none_for = cases[i].none_for;
        if ((proxy_for(&proxies, cases[i].url) == NULL) != cases[i].direct)
            fail_msg("no_proxy=%s and %s", cases[i].none_for, cases[i].url);
    }
}

static void people_see_host_and_port_alone(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"http://ann:secret@proxy:3128/", "proxy:3128"},
                                           {"ann:p@ss@proxy:3128", "proxy:3128"},
                                           {"socks5h://[::1]:9", "[::1]:9"},
                                           {"proxy", "proxy"},
                                           {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *host = proxy_host_of(cases[i][0]);
        assert_string_equal(host, cases[i][1]);
        free(host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scheme_says_which),
        cmocka_unit_test(some_are_asked_directly),
        cmocka_unit_test(people_see_host_and_port_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
