/* pgsettings: what a session of PostgreSQL is told to be, and what it said of itself. */
#include <config.h>

#include "unit.h"

#include "base/clock.h"
#include "pg/pgsettings.h"

static const struct pgsettings_limits limits = {
    .lock_ns = 50 * CLOCK_MS, .statement_ns = 2 * CLOCK_SECOND, .idle_ns = 0};
static struct buf out = BUF_INIT(100000);

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static bool has(const char *text)
{
    return memmem(out.data, out.len, text, strlen(text)) != NULL;
}

static void a_transaction_is_settled_for_itself(void **state)
{
    (void)state;
    pgsettings_local(&out, &limits, SLICE(""), 150000);
    assert_memory_equal(out.data, "SELECT set_config('lock_timeout', '50', true), ", 47);
    assert_true(has(", set_config('statement_timeout', '2000', true)"));
    assert_true(has(", set_config('idle_in_transaction_session_timeout', '0', true)"));
    assert_true(has(", set_config('timezone', 'UTC', true)"));
    assert_true(has(", set_config('default_transaction_isolation', 'read committed', true)"));
    assert_false(has("false)"));
    assert_false(has("search_path"));
}

static void what_a_version_does_not_know_is_not_said(void **state)
{
    (void)state;
    pgsettings_local(&out, &limits, SLICE(""), 139999);
    assert_false(has("idle_session_timeout") || has("'transaction_timeout'"));
    buf_clear(&out);
    pgsettings_local(&out, &limits, SLICE(""), 140000);
    assert_true(has("idle_session_timeout"));
    assert_false(has("'transaction_timeout'"));
    buf_clear(&out);
    pgsettings_local(&out, &limits, SLICE(""), 170000);
    assert_true(has("'transaction_timeout'"));
}

/* Names of schemas are anybody's. */
static void a_path_is_quoted(void **state)
{
    (void)state;
    pgsettings_local(&out, &limits, SLICE("\"o'b\\\", pg_temp"), 150000);
    assert_true(has(", set_config('search_path', E'\"o''b\\\\\", pg_temp', true)"));
    assert_int_equal(out.data[out.len - 1], ')');
}

static void a_session_is_settled_for_good_where_it_is_ours(void **state)
{
    (void)state;
    pgsettings_ask(&out, &limits, PGSETTINGS_OURS, 7, 150000);
    assert_true(has("CASE WHEN true THEN pg_catalog.concat(set_config('lock_timeout', '50', false)"));
    buf_clear(&out);
    pgsettings_ask(&out, &limits, PGSETTINGS_OTHERS, 7, 150000);
    assert_true(has("CASE WHEN false THEN pg_catalog.concat("));
    buf_clear(&out);
    pgsettings_ask(&out, &limits, PGSETTINGS_ASKED, 7, 150000);
    assert_true(has("CASE WHEN pg_catalog.pg_backend_pid() = 7 THEN pg_catalog.concat("));
    assert_false(has(", true)"));
    assert_false(out.failed);
}

/* ---- what it said ---- */

static const char *row_of[4];

static struct slice value(const struct db_rows *rows, int row, int column)
{
    (void)rows;
    assert_int_equal(row, 0);
    return slice_of(row_of[column]);
}

static struct pgsettings_session read_row(const char *encoding, const char *mode, const char *path,
                                          const char *settled)
{
    static const struct db_rows rows = {.count = 1, .columns = 4, .value = value};
    row_of[0] = encoding;
    row_of[1] = mode;
    row_of[2] = path;
    row_of[3] = settled;
    return pgsettings_read(&rows, 0);
}

static void a_session_says_what_it_is(void **state)
{
    (void)state;
    struct pgsettings_session session = read_row("UTF8", "off", "public, pg_temp", "50");
    assert_true(session.known && session.settled);
    assert_false(session.read_only || session.standby);
    assert_true(slice_equal(session.encoding, SLICE("UTF8")));
    assert_true(slice_equal(session.path, SLICE("public, pg_temp")));
    session = read_row("UTF8", "on", NULL, NULL);
    assert_true(session.known && session.read_only);
    assert_false(session.standby || session.settled);
    assert_null(session.path.ptr);
    session = read_row("UTF8", "standby", NULL, "");
    assert_true(session.read_only && session.standby && session.settled);
}

static void what_is_not_such_a_row_says_nothing(void **state)
{
    (void)state;
    static const struct db_rows none = {.count = 0, .columns = 4, .value = value},
                                narrow = {.count = 1, .columns = 3, .value = value};
    assert_false(pgsettings_read(&none, 0).known);
    assert_false(pgsettings_read(&narrow, 0).known);
}

static void only_utf8_is_right(void **state)
{
    (void)state;
    char reason[256] = "";
    assert_false(pgsettings_misencoded(SLICE("UTF8"), reason, sizeof reason));
    assert_true(pgsettings_misencoded(SLICE("SQL_ASCII"), reason, sizeof reason));
    assert_non_null(strstr(reason, "its encoding is SQL_ASCII, and Rowlock needs UTF8"));
    assert_true(pgsettings_misencoded(SLICE("LATIN1"), reason, sizeof reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_transaction_is_settled_for_itself, tear_down),
        cmocka_unit_test_teardown(what_a_version_does_not_know_is_not_said, tear_down),
        cmocka_unit_test_teardown(a_path_is_quoted, tear_down),
        cmocka_unit_test_teardown(a_session_is_settled_for_good_where_it_is_ours, tear_down),
        cmocka_unit_test(a_session_says_what_it_is),
        cmocka_unit_test(what_is_not_such_a_row_says_nothing),
        cmocka_unit_test(only_utf8_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
