/* core/hosts: which Host is one of the setting. */
#include <config.h>

#include "unit.h"

#include "core/hosts.h"

static void hosts_are_compared_as_people_mean_them(void **state)
{
    (void)state;
    static const struct {
        const char *setting, *asked;
        bool found;
    } cases[] = {
        {"a.example", "a.example", true},
        {"a.example", "A.Example", true},
        {"A.EXAMPLE", "a.example", true},
        {"a.example", "a.example:8080", true},
        {"a.example", "a.example:", true},
        {"a.example", "a.example.", true},
        {"a.example.", "a.example", true},
        {"a.example", "a.example.:80", true},
        {"a.example, b.example", "b.example", true},
        {"127.0.0.1", "127.0.0.1:1", true},
        {"[::1]", "[::1]:8080", true},
        {"[::1]", "[0:0:0:0:0:0:0:1]", true},
        {"[2001:DB8::A]", "[2001:db8:0::a]", true},
        {"a.example", "b.a.example", false},
        {"a.example", "a.example.b", false},
        {"a.example", "a.example..", false},
        {"a.example", "", false},
        {"a.example", ".", false},
        {"a.example", "a.example, b.example", false},
        {"a.example", "a.example:x", false},
        {"127.0.0.1", "[::ffff:127.0.0.1]", false},
        {"[::1]", "[::2]", false},
        {"[::1]", "::1", false},
        {"", "whatever", true},
        {"", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hosts hosts;
        const char *right;
        assert_true(hosts_parse(cases[i].setting, &hosts, &right));
        if (hosts_has(&hosts, slice_of(cases[i].asked)) != cases[i].found)
            fail_msg("%s of %s", cases[i].asked, cases[i].setting);
        hosts_fini(&hosts);
    }
}

static void a_name_that_is_longer_than_any_is_none(void **state)
{
    (void)state;
    struct hosts hosts;
    const char *right;
    char name[400];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_true(hosts_parse("a", &hosts, &right));
    assert_false(hosts_has(&hosts, slice_of(name)));
    hosts_fini(&hosts);
    assert_false(hosts_parse(name, &hosts, &right));
    hosts_fini(&hosts);
}

static void what_is_no_host_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"a.example:80", "a:", "http://a", "a/b",   "::1", "[::1", "[::1]:80",
                                        "a,,b",         ",",  "a b",      "*.a/x", "[x]", ".",    ".a",
                                        "a..b",         "a.."};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct hosts hosts;
        const char *right = NULL;
        if (hosts_parse(wrong[i], &hosts, &right))
            fail_msg("%s", wrong[i]);
        assert_non_null(right);
        hosts_fini(&hosts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_compared_as_people_mean_them),
        cmocka_unit_test(a_name_that_is_longer_than_any_is_none),
        cmocka_unit_test(what_is_no_host_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
