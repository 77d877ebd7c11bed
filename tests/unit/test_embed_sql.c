/* What build-aux/embed-sql.awk made of sql/: both engines speak of the same things. */
#include <config.h>

#include "unit.h"

#include "core/sql.h"

static const char *const engines[] = {"postgres", "sqlite"};

static const struct sql_statement *find_statement(const char *engine, const char *name)
{
    for (size_t i = 0; i < sql_statement_count; i++)
        if (strcmp(sql_statements[i].engine, engine) == 0 && strcmp(sql_statements[i].name, name) == 0)
            return &sql_statements[i];
    return NULL;
}

static void each_statement_exists_for_both_engines(void **state)
{
    (void)state;
    assert_true(sql_statement_count > 0);
    for (size_t i = 0; i < sql_statement_count; i++)
        for (size_t e = 0; e < COUNT(engines); e++)
            if (!find_statement(engines[e], sql_statements[i].name))
                fail_msg("%s has a statement %s, %s has not", sql_statements[i].engine,
                         sql_statements[i].name, engines[e]);
}

static void no_statement_is_there_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sql_statement_count; i++)
        assert_ptr_equal(find_statement(sql_statements[i].engine, sql_statements[i].name),
                         &sql_statements[i]);
}

static void statements_are_trimmed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sql_statement_count; i++) {
        const char *text = sql_statements[i].text;
        size_t length = strlen(text);
        assert_true(length > 0);
        assert_null(strchr(" \t\n;", text[length - 1]));
        assert_null(strstr(text, "-- name:"));
    }
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

/* The files run by hand as well, so each records itself; what it records is what its name and header say. */
static void migrations_record_themselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sql_migration_count; i++) {
        const struct sql_migration *migration = &sql_migrations[i];
        char record[256];
        snprintf(record, sizeof record,
                 "INTO rowlock_migrations (version, name, oldest_server) VALUES (%d, '%s', %d)",
                 migration->version, migration->name, migration->serves);
        if (!strstr(migration->text, record))
            fail_msg("%s migration %04d_%s lacks: INSERT %s", migration->engine, migration->version,
                     migration->name, record);
        assert_true(migration->serves >= 1 && migration->serves <= migration->version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_statement_exists_for_both_engines),
        cmocka_unit_test(no_statement_is_there_twice),
        cmocka_unit_test(statements_are_trimmed),
        cmocka_unit_test(migrations_are_numbered_from_one_without_gaps),
        cmocka_unit_test(migrations_are_the_same_on_both_engines),
        cmocka_unit_test(migrations_record_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
