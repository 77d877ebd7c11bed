/* base/dburl: no form of a password is shown. */
#include <config.h>

#include "unit.h"

#include "base/dburl.h"

static void secrets_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"postgresql://u:S@h:1/x", "postgresql://u:***@h:1/x"},
        {"postgresql://u:Top/S@h:1/x", "postgresql://u:***@h:1/x"},
        {"postgresql://u:Top?S@h:1/x", "postgresql://u:***@h:1/x"},
        {"postgresql://u:p@S@h/x", "postgresql://u:***@h/x"},
        {"postgresql:/u:S@h/x", "postgresql:***@h/x"},
        {"postgresql://u@h/x?password=S&sslmode=require", "postgresql://u@h/x?password=***&sslmode=require"},
        {"postgresql://u@h/x?sslmode=require&PassWord=S", "postgresql://u@h/x?sslmode=require&PassWord=***"},
        {"postgresql://h/x?pass%77ord=S", "postgresql://h/x?pass%77ord=***"},
        {"postgresql:///x?user=a@b&password=S?S", "postgresql:///x?user=a@b&password=***"},
        {"postgresql://h:1/x?user=a@b&sslpassword=S", "postgresql://h:***@b&sslpassword=***"},
        {"postgresql://u@h1:1,h2:2/x", "postgresql://u@h1:1,h2:2/x"},
        {"http://h/?key=S", "http://h/?key=***"},
        {"http://h/a?b=c&access_token=S&d=e", "http://h/a?b=c&access_token=***&d=e"},
        {"http://S@h/", "http://***@h/"},
        {"ftp://u:S@h", "ftp://u:***@h"},
        {"u:S@h", "u:***@h"},
        {"host=h password=S dbname=x", "host=h password=*** dbname=x"},
        {"host=h password=ab&cdS dbname=x", "host=h password=*** dbname=x"},
        {"host=h password=a\\ bS dbname=x", "host=h password=*** dbname=x"},
        {"host=h password\t=\nS dbname=x", "host=h password\t=\n*** dbname=x"},
        {"host=h password='a \\' b S' dbname=x", "host=h password=*** dbname=x"},
        {"host=h password='a S", "host=h password=***"},
        {"host=h password=a\\", "host=h password=***"},
        {"host='a password=b' sslpassword=S", "host='a password=b' sslpassword=***"},
        {"password=my S", "password=*** ***"},
        {"host=h PASSWORD=S", "host=h PASSWORD=***"},
        {"sqlite:/a:b@c.db", "sqlite:/a:b@c.db"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *shown = dburl_mask(cases[i].text);
        assert_string_equal(shown, cases[i].shown);
        free(shown);
    }
}

static void a_password_that_libpq_would_take_apart_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"postgresql://u:p@S@h/x", "postgresql://u:Top/S@h:1/x",
                                        "postgresql+psycopg2://u:a@b/S@h",
                                        "postgres://u:a@S@h?sslmode=require", "postgresql://u:Top?a@S@h/x"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dburl url;
        const char *error;
        if (dburl_parse(cases[i], &url, &error))
            fail_msg("%s", cases[i]);
        assert_non_null(strstr(error, "percent-encoded"));
    }
}

static void ports_are_checked(void **state)
{
    (void)state;
    static const char *const right[] = {"", "1", "65535", "5432,5433", ",5433", "5432,"};
    static const char *const bad[] = {"0", "65536", "-1", "abc", "5432 ", "5432,x"};
    for (size_t i = 0; i < COUNT(right); i++)
        assert_true(dburl_ports_ok(right[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(dburl_ports_ok(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(a_password_that_libpq_would_take_apart_is_refused),
        cmocka_unit_test(ports_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
