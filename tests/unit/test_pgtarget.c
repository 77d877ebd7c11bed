/* pgtarget: a connection string as hosts that are tried one after the other, and what libpq is given for each. */
#include <config.h>

#include "unit.h"

#include "base/clock.h"
#include "pg/pgtarget.h"

static const struct pg_limits limits = {
    .lock_ns = 50 * CLOCK_MS, .statement_ns = 2 * CLOCK_SECOND, .pooler_ns = 3 * CLOCK_SECOND};
static struct pgtarget *target;

static int set_up(void **state)
{
    (void)state;
    static const char *const variables[] = {
        "PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGOPTIONS", "PGAPPNAME", "PGTARGETSESSIONATTRS"};
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pgtarget_free(target);
    target = NULL;
    return 0;
}

static void make(const char *conninfo)
{
    char *error = NULL;
    pgtarget_free(target);
    target = pgtarget_new(conninfo, POOLER_AUTO, &limits, &error);
    if (target == NULL)
        fail_msg("%s: %s", conninfo, error);
}

/* What libpq is given, as "keyword=value" by line. */
static const char *given(size_t host, const char *hostaddr, bool plain)
{
    static char text[8192];
    const char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX];
    size_t used = 0;
    pgtarget_fill(target, host, hostaddr, plain, keywords, values);
    text[used++] = '\n';
    for (size_t i = 0; keywords[i] != NULL; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s=%s\n", keywords[i],
                                 values[i] != NULL ? values[i] : "NULL");
    return text;
}

static void has(const char *text, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("no %s in%s", line, text);
}

static void a_list_of_hosts_is_taken_apart(void **state)
{
    (void)state;
    make("postgresql://u:p@one:1,127.0.0.1:2,[::1]/x?target_session_attrs=read-write");
    assert_int_equal(target->host_count, 3);
    assert_string_equal(target->hosts[0].name, "one");
    assert_string_equal(target->hosts[0].port, "1");
    assert_true(target->hosts[0].lookup);
    assert_string_equal(target->hosts[1].name, "127.0.0.1");
    assert_false(target->hosts[1].lookup);
    assert_string_equal(target->hosts[2].name, "::1");
    assert_string_equal(target->hosts[2].port, "");
    assert_false(target->hosts[2].lookup);
    assert_true(target->read_write);
    const char *text = given(1, "", false);
    has(text, "host=127.0.0.1");
    has(text, "port=2");
    has(text, "user=u");
    has(text, "password=p");
    has(text, "dbname=x");
    assert_null(strstr(text, "\nhostaddr="));
    assert_null(strstr(text, "one"));
}

static void one_port_is_that_of_all_hosts(void **state)
{
    (void)state;
    make("host=a,b port=7");
    assert_string_equal(target->hosts[0].port, "7");
    assert_string_equal(target->hosts[1].port, "7");
    assert_false(target->read_write);
}

static void folders_and_addresses_are_not_looked_up(void **state)
{
    (void)state;
    make("host=/run,@abstract,name");
    assert_false(target->hosts[0].lookup);
    assert_false(target->hosts[1].lookup);
    assert_true(target->hosts[2].lookup);
    has(given(2, "10.0.0.1", false), "hostaddr=10.0.0.1");
    has(given(2, "10.0.0.1", false), "host=name");
    make("host=a,b hostaddr=10.0.0.1,10.0.0.2");
    assert_string_equal(target->hosts[1].name, "10.0.0.2");
    assert_false(target->hosts[1].lookup);
    make("dbname=x");
    assert_int_equal(target->host_count, 1);
    assert_null(target->hosts[0].name);
    assert_false(target->hosts[0].lookup);
}

static void the_environment_fills_in_what_is_left_out(void **state)
{
    (void)state;
    setenv("PGHOST", "env", 1);
    setenv("PGPORT", "9", 1);
    setenv("PGTARGETSESSIONATTRS", "read-write", 1);
    make("dbname=x");
    assert_string_equal(target->hosts[0].name, "env");
    assert_string_equal(target->hosts[0].port, "9");
    assert_true(target->read_write);
    make("host=own dbname=x target_session_attrs=any");
    assert_string_equal(target->hosts[0].name, "own");
    assert_string_equal(target->hosts[0].port, "9");
    assert_false(target->read_write);
    setenv("PGSERVICE", "s", 1); /* then libpq reads them from there */
    make("dbname=x");
    assert_null(target->hosts[0].name);
    set_up(NULL);
}

static void our_options_come_first_and_those_of_the_string_win(void **state)
{
    (void)state;
    make("host=a options='-c jit=on' application_name=mine");
    has(given(0, "", false),
        "options=-c lock_timeout=50 -c statement_timeout=2000 -c plan_cache_mode=force_generic_plan "
        "-c enable_seqscan=off -c random_page_cost=1.1 -c jit=off -c jit=on");
    has(given(0, "", true), "options=-c jit=on");
    has(given(0, "", true), "application_name=mine");
    make("host=a");
    has(given(0, "", true), "options=NULL");
    has(given(0, "", true), "application_name=rowlock");
    has(given(0, "", true), "gssencmode=disable");
    has(given(0, "", true), "tcp_user_timeout=5000");
    has(given(0, "", true), "client_encoding=UTF8");
    make("host=a gssencmode=prefer tcp_user_timeout=1 client_encoding=LATIN1");
    has(given(0, "", true), "gssencmode=prefer");
    has(given(0, "", true), "tcp_user_timeout=1");
    assert_non_null(strstr(given(0, "", true), "\nclient_encoding=UTF8\nhost=a\n")); /* ours is the last */
}

static void the_limits_are_kept_for_what_settles_a_session(void **state)
{
    (void)state;
    make("host=a");
    assert_int_equal(target->limits.lock_ns, limits.lock_ns);
    assert_int_equal(target->limits.statement_ns, limits.statement_ns);
    assert_int_equal(target->pooler_ns, limits.pooler_ns);
    assert_int_equal(target->pooler, POOLER_AUTO);
    struct buf out = BUF_INIT(1000);
    pgtarget_add_local(&out);
    buf_add_char(&out, '\0');
    assert_string_equal(
        out.data,
        ", set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', "
        "'off', true), set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true)");
    buf_fini(&out);
}

static void a_string_that_libpq_cannot_read_is_refused_without_its_password(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"postgresql://u:S%zz@h/x", "percent-encoded"},
        {"postgresql://h/x?nonsense=S", "parameters that libpq knows"},
        {"host=a password='S", "single quotes"},
        {"host=a nonsense=S", "keywords that libpq knows"},
        {"host=a port=0", "from 1 to 65535"},
        {"host=a,b port=1,2,3", "one for all hosts or one for each"},
        {"host=a port=1,2", "one for all hosts or one for each"},
        {"host=a,b port=1,x", "from 1 to 65535"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *error = "";
        if (pgtarget_check(cases[i].text, &error))
            fail_msg("accepted: %s", cases[i].text);
        assert_non_null(strstr(error, cases[i].says));
    }
    const char *error;
    char *fault = NULL;
    assert_true(pgtarget_check("host=a,b port=1", &error));
    assert_true(pgtarget_check("hostaddr=10.0.0.1,10.0.0.2 host=a port=1,2", &error));
    assert_true(pgtarget_check("dbname=x", &error));
    assert_null(pgtarget_new("host=a nonsense=S", POOLER_AUTO, &limits, &fault));
    assert_non_null(strstr(fault, "keywords that libpq knows"));
    free(fault);
}

#define TARGET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET(a_list_of_hosts_is_taken_apart),
        TARGET(one_port_is_that_of_all_hosts),
        TARGET(folders_and_addresses_are_not_looked_up),
        TARGET(the_environment_fills_in_what_is_left_out),
        TARGET(our_options_come_first_and_those_of_the_string_win),
        TARGET(the_limits_are_kept_for_what_settles_a_session),
        TARGET(a_string_that_libpq_cannot_read_is_refused_without_its_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
