/* core/rows: rows as JSON, as clients get them. */
#include <config.h>

#include "unit.h"

#include "core/rows.h"

#define COLUMNS 7

static const char *const table[][COLUMNS] = {
    {"1", "t", "caf\xc3\xa9 \"x\"\n", "2026-01-02 03:04:05.678+00", "50.5", "-1.25", "{\"a\":[1]}"},
    {"-9223372036854775808", "f", "", "2026-01-02T03:04:05Z", "0", "0", "null"},
    {"0", "1", "\x01", "2026-01-02 03:04:05+00:00", "90", "180", "2"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"4", "0", "d", "2026-01-02 03:04:05", "1", "2", "[]"},
};

static const char *const written[] = {
    "{\"id\":1,\"done\":true,\"name\":\"caf\xc3\xa9 \\\"x\\\"\\n\",\"at\":\"2026-01-02T03:04:05.678Z\","
    "\"where\":[50.5,-1.25],\"more\":{\"a\":[1]}}",
    "{\"id\":-9223372036854775808,\"done\":false,\"name\":\"\",\"at\":\"2026-01-02T03:04:05Z\",\"where\":[0,"
    "0],"
    "\"more\":null}",
    "{\"id\":0,\"done\":true,\"name\":\"\\u0001\",\"at\":\"2026-01-02T03:04:05Z\",\"where\":[90,180],"
    "\"more\":2}",
    "{\"id\":null,\"done\":null,\"name\":null,\"at\":null,\"where\":[null,null],\"more\":null}",
    "{\"id\":4,\"done\":false,\"name\":\"d\",\"at\":\"2026-01-02T03:04:05Z\",\"where\":[1,2],\"more\":[]}",
};

static const struct statement_column columns[] = {{"id", COLUMN_INT, true},      {"done", COLUMN_BOOL, true},
                                                  {"name", COLUMN_TEXT, true},   {"at", COLUMN_TIME, true},
                                                  {"where", COLUMN_POINT, true}, {"more", COLUMN_JSON, true}};
static const struct statement statement = {.columns = columns, .column_count = COUNT(columns)};

static struct slice value(const struct db_rows *rows, int row, int column)
{
    assert_in_range(row, 0, rows->count - 1);
    assert_in_range(column, 0, rows->columns - 1);
    return slice_of(table[row][column]);
}

static const struct db_rows rows = {.count = COUNT(table), .columns = COLUMNS, .value = value};

static void assert_written(const struct buf *out, const char *expected)
{
    assert_false(out->failed);
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static void every_kind_of_column_has_its_form(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(10000);
    for (int row = 0; row < (int)COUNT(table); row++) {
        buf_clear(&out);
        rows_add_object(&out, &statement, &rows, row);
        assert_written(&out, written[row]);
    }
    buf_fini(&out);
}

static void columns_behind_those_that_are_named_are_not_shown(void **state)
{
    (void)state;
    static const struct statement shorter = {.columns = columns, .column_count = 1};
    struct buf out = BUF_INIT(10000);
    rows_add_object(&out, &shorter, &rows, 0);
    assert_written(&out, "{\"id\":1}");
    buf_fini(&out);
}

static void an_array_has_the_rows_that_are_asked_for(void **state)
{
    (void)state;
    static const struct statement ids = {.columns = columns, .column_count = 1};
    struct buf out = BUF_INIT(10000);
    rows_add_array(&out, &ids, &rows, 2, 3);
    assert_written(&out, "[{\"id\":0},{\"id\":null},{\"id\":4}]");
    buf_clear(&out);
    rows_add_array(&out, &ids, &rows, 4, 1);
    assert_written(&out, "[{\"id\":4}]");
    buf_clear(&out);
    rows_add_array(&out, &ids, &rows, 1, 0);
    assert_written(&out, "[]");
    buf_fini(&out);
}

static void what_does_not_fit_fails_and_never_overflows(void **state)
{
    (void)state;
    for (size_t most = 0; most < strlen(written[0]); most++) {
        struct buf out = BUF_INIT(most);
        rows_add_object(&out, &statement, &rows, 0);
        assert_true(out.failed);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_column_has_its_form),
        cmocka_unit_test(columns_behind_those_that_are_named_are_not_shown),
        cmocka_unit_test(an_array_has_the_rows_that_are_asked_for),
        cmocka_unit_test(what_does_not_fit_fails_and_never_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
