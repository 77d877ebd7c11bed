/* What build-aux/embed-sql.awk made of sql/: both engines speak of the same things. */
#include <config.h>

#include "unit.h"

#include "core/sql.h"

static const char *const engines[] = {"postgres", "sqlite"};

static void statements_are_trimmed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STATEMENT_COUNT; i++)
        for (unsigned engine = 0; engine < DB_ENGINES; engine++) {
            const char *text = statements[i].text[engine];
            size_t length = strlen(text);
            assert_true(length > 0);
            assert_null(strchr(" \t\n;", text[length - 1]));
            assert_null(strstr(text, "-- name:"));
        }
}

static void a_statement_is_where_its_index_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STATEMENT_COUNT; i++)
        assert_int_equal(statements[i].index, i);
    assert_string_equal(STATEMENT(ORDER_TAKE)->name, "order_take");
    assert_in_range(STATEMENT_CALLS, 1, STATEMENT_COUNT);
}

static void a_declaration_is_a_constant_of_c(void **state)
{
    (void)state;
    const struct statement *take = STATEMENT(ORDER_TAKE), *once = STATEMENT(ORDER_PLACE_ONCE);
    assert_true(take->set && take->writes && !take->waits && !take->told);
    assert_int_equal(take->param_count, 2);
    assert_string_equal(take->params[PARAM_ORDER_TAKE_TAKER].name, "taker");
    assert_int_equal(take->params[PARAM_ORDER_TAKE_TAKER].type, DB_TEXT);
    assert_string_equal(take->columns[COLUMN_ORDER_TAKE_HOLDER].name, "holder");
    assert_string_equal(once->params[PARAM_ORDER_PLACE_ONCE_SCOPE + LIST_KEY_FINGERPRINT].name,
                        "fingerprint");
    assert_int_equal(STATEMENT(ORDER_GET)->column_count, 10);
    assert_int_equal(COLUMN_ORDER_GET_DISTANCE, 5); /* behind two points, which are two columns each */
    assert_true(STATEMENT(ORDER_CLAIM_NEAR)->heavy && !take->heavy);
    assert_true(STATEMENT(ORDER_CLAIM)->apart && !take->apart);
    assert_true(STATEMENT(SITE_DELETE)->told && STATEMENT(SITE_DELETE)->waits);
    assert_int_equal(COLUMN_MESSAGE_RECENT_SINCE, STATEMENT(MESSAGE_RECENT)->column_count);
}

static void lists_and_constants_are_written_out(void **state)
{
    (void)state;
    assert_non_null(strstr(STATEMENT(COMPUTER_GET)->text[DB_POSTGRES], "r.id, r.name, r.mac, r.site_id"));
    assert_non_null(
        strstr(STATEMENT(ORDER_GET)->text[DB_SQLITE], "id, origin_lat, origin_lng, destination_lat"));
    char limit[32];
    snprintf(limit, sizeof limit, "LIMIT %d", MESSAGES_A_PIECE);
    assert_non_null(strstr(STATEMENT(MESSAGE_RECENT)->text[DB_POSTGRES], limit));
}

static void migrations_are_numbered_from_one_without_gaps(void **state)
{
    (void)state;
    for (size_t e = 0; e < COUNT(engines); e++) {
        int expected = 1;
        for (size_t i = 0; i < sql_migration_count; i++)
            if (strcmp(sql_migrations[i].engine, engines[e]) == 0)
                assert_int_equal(sql_migrations[i].version, expected++);
        assert_true(expected > 1);
    }
}

static void migrations_are_the_same_on_both_engines(void **state)
{
    (void)state;
    assert_true(sql_migration_count % 2 == 0);
    size_t half = sql_migration_count / 2;
    for (size_t i = 0; i < half; i++) {
        const struct sql_migration *postgres = &sql_migrations[i], *sqlite = &sql_migrations[half + i];
        assert_string_equal(postgres->engine, "postgres");
        assert_string_equal(sqlite->engine, "sqlite");
        assert_int_equal(postgres->version, sqlite->version);
        assert_string_equal(postgres->name, sqlite->name);
        assert_int_equal(postgres->serves, sqlite->serves);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_trimmed),
        cmocka_unit_test(a_statement_is_where_its_index_says),
        cmocka_unit_test(a_declaration_is_a_constant_of_c),
        cmocka_unit_test(lists_and_constants_are_written_out),
        cmocka_unit_test(migrations_are_numbered_from_one_without_gaps),
        cmocka_unit_test(migrations_are_the_same_on_both_engines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
