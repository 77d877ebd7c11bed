/* core/dbhealth: rows of the statements about the database, as both engines give them. */
#include <config.h>

#include "unit.h"

#include "core/dbhealth.h"
#include "core/statements.h"

static const char *cells[COLUMN_HEALTH_DENIED + 1];
static struct db_health health;

static struct slice cell(const struct db_rows *rows, int row, int column)
{
    (void)rows;
    assert_int_equal(row, 3);
    assert_in_range(column, 0, COUNT(cells) - 1);
    return slice_of(cells[column]);
}

static void read_by(const struct db_question *question)
{
    const struct db_rows rows = {.count = 4, .columns = COUNT(cells), .value = cell};
    question->read(&rows, 3, &health);
}

static int set_up(void **state)
{
    (void)state;
    memset(&health, 'x', sizeof health); /* of the time before */
    memset(cells, 0, sizeof cells);
    return 0;
}

static void a_row_of_postgresql_is_read(void **state)
{
    (void)state;
    cells[COLUMN_HEALTH_WRITABLE] = "f";
    cells[COLUMN_HEALTH_VERSION] = "7";
    cells[COLUMN_HEALTH_OLDEST_SERVER] = "2";
    cells[COLUMN_HEALTH_SYNCHRONOUS_COMMIT] = "off";
    cells[COLUMN_HEALTH_STANDBY] = "t";
    cells[COLUMN_HEALTH_ASYNCHRONOUS_STANDBY] = "t";
    cells[COLUMN_HEALTH_WAL_KEPT] = "1073741825";
    cells[COLUMN_HEALTH_OBSTACLE] = "a table is elsewhere";
    cells[COLUMN_HEALTH_DENIED] = "orders SELECT on orders";
    read_by(&dbhealth_question);
    assert_false(health.writable);
    assert_true(health.standby);
    assert_true(health.asynchronous_commit);
    assert_true(health.asynchronous_standby);
    assert_int_equal(health.version, 7);
    assert_int_equal(health.oldest_server, 2);
    assert_int_equal(health.wal_kept, INT64_C(1073741825));
    assert_string_equal(health.obstacle, "a table is elsewhere");
    assert_string_equal(health.denied, "orders SELECT on orders");
}

static void a_row_of_sqlite_is_read(void **state)
{
    (void)state;
    cells[COLUMN_HEALTH_WRITABLE] = "1";
    cells[COLUMN_HEALTH_VERSION] = "0";
    cells[COLUMN_HEALTH_SYNCHRONOUS_COMMIT] = "on";
    read_by(&dbhealth_question);
    assert_true(health.writable);
    assert_false(health.standby);
    assert_false(health.asynchronous_commit);
    assert_false(health.asynchronous_standby);
    assert_int_equal(health.version, 0);
    assert_int_equal(health.oldest_server, 0);
    assert_int_equal(health.wal_kept, 0);
    assert_string_equal(health.obstacle, "");
    assert_string_equal(health.denied, "");
}

static void what_is_too_long_ends_with_a_whole_character(void **state)
{
    (void)state;
    char text[2 * sizeof health.obstacle] = "";
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    cells[COLUMN_HEALTH_OBSTACLE] = text;
    read_by(&dbhealth_question);
    assert_int_equal(strlen(health.obstacle) % 2, 0);
    assert_in_range(strlen(health.obstacle), sizeof health.obstacle - 2, sizeof health.obstacle - 1);
}

static void hidden_tables_are_an_obstacle(void **state)
{
    (void)state;
    cells[COLUMN_TABLES_HIDDEN_NAME] = "app";
    read_by(&dbhealth_hidden);
    assert_string_equal(health.obstacle,
                        "the server's role may not use the schema app, where its tables are");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        CASE(a_row_of_postgresql_is_read),
        CASE(a_row_of_sqlite_is_read),
        CASE(what_is_too_long_ends_with_a_whole_character),
        CASE(hidden_tables_are_an_obstacle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
