/* base/dburl: addresses of databases; no form of a password is shown. */
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

static void addresses_of_every_kind_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sqlite_path, *conninfo;
    } cases[] = {
        {"sqlite:a.db", "a.db", NULL},
        {"sqlite:/x/a.db", "/x/a.db", NULL},
        {"sqlite:///a.db", "a.db", NULL},
        {"sqlite:////x/a.db", "/x/a.db", NULL},
        {"postgresql://u@h/x", NULL, "postgresql://u@h/x"},
        {"postgres://u@h/x", NULL, "postgresql://u@h/x"},
        {"postgresql+psycopg2://u@h/x", NULL, "postgresql://u@h/x"},
        {"postgres+asyncpg://h/x", NULL, "postgresql://h/x"},
        {"postgresql:///x?host=/run", NULL, "postgresql:///x?host=/run"},
        {"host=h dbname=x", NULL, "host=h dbname=x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dburl url;
        const char *error;
        if (!dburl_parse(cases[i].text, &url, &error))
            fail_msg("%s: %s", cases[i].text, error);
        if (cases[i].sqlite_path != NULL)
            assert_string_equal(url.sqlite_path, cases[i].sqlite_path);
        else
            assert_string_equal(url.conninfo, cases[i].conninfo);
        assert_true((url.sqlite_path == NULL) != (url.conninfo == NULL));
        free(url.sqlite_path);
        free(url.conninfo);
    }
}

static void what_is_no_address_of_a_database_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "it must be postgresql://"},
        {"rowlock.db", "it must be postgresql://"},
        {"mysql://h/x", "it must be postgresql://"},
        {"postgre://h/x", "it must be postgresql://"},
        {"postgresqlx://h/x", "it must be postgresql://"},
        {"postgres:h/x", "it must be postgresql://"},
        {"http://h/?a=b", "it must be postgresql://"},
        {"sqlite:", "it must name a file"},
        {"sqlite:///", "it must name a file"},
        {"sqlite::memory:", "it must name a file"},
        {"sqlite:///:memory:", "it must name a file"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dburl url;
        const char *error;
        if (dburl_parse(cases[i].text, &url, &error))
            fail_msg("accepted: %s", cases[i].text);
        assert_non_null(strstr(error, cases[i].says));
        assert_null(url.sqlite_path);
        assert_null(url.conninfo);
    }
}

static void a_keyword_is_added_in_quotes(void **state)
{
    (void)state;
    char *text = dburl_add_keyword(NULL, "host", "h");
    assert_string_equal(text, "host='h'");
    text = dburl_add_keyword(text, "password", "a b'c\\");
    assert_string_equal(text, "host='h' password='a b\\'c\\\\'");
    text = dburl_add_keyword(text, "user", "");
    assert_string_equal(text, "host='h' password='a b\\'c\\\\' user=''");
    free(text);
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
        cmocka_unit_test(addresses_of_every_kind_are_understood),
        cmocka_unit_test(what_is_no_address_of_a_database_is_refused),
        cmocka_unit_test(a_keyword_is_added_in_quotes),
        cmocka_unit_test(ports_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
