/* pganswer, sqlstate: what PostgreSQL said, as answers. What it says is scripted: PQresultErrorField is this file's. */
#include <config.h>

#include "unit.h"

#include "pg/pganswer.h"
#include "pg/sqlstate.h"

/* ---- PostgreSQL ---- */

static struct {
    const char *sqlstate, *message, *function, *context, *table, *column, *constraint;
} said;

char *PQresultErrorField(const PGresult *result, int field)
{
    const char *text = field == PG_DIAG_SQLSTATE          ? said.sqlstate
                       : field == PG_DIAG_MESSAGE_PRIMARY ? said.message
                       : field == PG_DIAG_SOURCE_FUNCTION ? said.function
                       : field == PG_DIAG_CONTEXT         ? said.context
                       : field == PG_DIAG_TABLE_NAME      ? said.table
                       : field == PG_DIAG_COLUMN_NAME     ? said.column
                       : field == PG_DIAG_CONSTRAINT_NAME ? said.constraint
                                                          : NULL;
    (void)result;
    return (char *)(uintptr_t)text;
}

static int silence(void **state)
{
    (void)state;
    memset(&said, 0, sizeof said);
    return 0;
}

static struct db_answer error_of(const char *sqlstate)
{
    said.sqlstate = sqlstate;
    return pganswer_error(NULL);
}

static PGresult *rows_of(int columns, int rows, const char *const *values)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    static char name[] = "c";
    PGresAttDesc attributes[4];
    memset(attributes, 0, sizeof attributes);
    for (int i = 0; i < columns; i++)
        attributes[i].name = name;
    assert_true(PQsetResultAttrs(result, columns, attributes));
    for (int i = 0; i < rows * columns; i++) {
        char *value = (char *)(uintptr_t)values[i];
        assert_true(
            PQsetvalue(result, i / columns, i % columns, value, value != NULL ? (int)strlen(value) : -1));
    }
    return result;
}

/* ---- errors ---- */

static void a_code_is_judged_by_its_longest_rule(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum db_error error;
    } cases[] = {
        {"08006", DB_LOST},    {"22P02", DB_REFUSED}, {"2200H", DB_FAILED},  {"2200G", DB_REFUSED},
        {"23505", DB_REFUSED}, {"25006", DB_AWAY},    {"25001", DB_FAILED},  {"25P02", DB_UNFIT},
        {"25P03", DB_LOST},    {"26000", DB_RETRY},   {"28P01", DB_DENIED},  {"3D000", DB_SCHEMA},
        {"40001", DB_RETRY},   {"40P01", DB_RETRY},   {"40002", DB_REFUSED}, {"40003", DB_LOST},
        {"42P01", DB_SCHEMA},  {"42501", DB_DENIED},  {"42704", DB_KEPT},    {"42P05", DB_RETRY},
        {"44000", DB_REFUSED}, {"53300", DB_BUSY},    {"53100", DB_FULL},    {"53400", DB_FAILED},
        {"54000", DB_REFUSED}, {"54001", DB_FAILED},  {"55006", DB_BUSY},    {"55P03", DB_LOCKED},
        {"55000", DB_FAILED},  {"57014", DB_BUSY},    {"57P01", DB_LOST},    {"72000", DB_RETRY},
        {"P0001", DB_FAILED},  {"XX000", DB_FAILED},  {"", DB_FAILED},       {"4", DB_FAILED},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (sqlstate_error(cases[i].code) != cases[i].error)
            fail_msg("%s: %d", cases[i].code, (int)sqlstate_error(cases[i].code));
}

static void an_error_carries_what_the_database_says(void **state)
{
    (void)state;
    said.message = "duplicate key";
    said.table = "computers";
    said.column = "mac";
    said.constraint = "computers_mac_key";
    struct db_answer answer = error_of("23505");
    assert_int_equal(answer.error, DB_REFUSED);
    assert_string_equal(answer.sqlstate, "23505");
    assert_string_equal(answer.message, "duplicate key");
    assert_string_equal(answer.table, "computers");
    assert_string_equal(answer.column, "mac");
    assert_string_equal(answer.constraint, "computers_mac_key");
    assert_false(answer.value);
    assert_null(answer.rows);
}

/* libpq makes such results itself when a connection ends. */
static void an_error_without_a_code_is_a_lost_connection(void **state)
{
    (void)state;
    struct db_answer answer = error_of(NULL);
    assert_int_equal(answer.error, DB_LOST);
    assert_string_equal(answer.sqlstate, "");
    assert_string_equal(answer.message, "the database gave no reason");
    said.message = "server closed the connection";
    assert_string_equal(pganswer_error(NULL).message, "server closed the connection");
}

static void a_stale_plan_is_tried_again_and_what_is_not_supported_is_not(void **state)
{
    (void)state;
    assert_int_equal(error_of("0A000").error, DB_FAILED);
    said.function = "ExecInitNode";
    assert_int_equal(error_of("0A000").error, DB_FAILED);
    said.function = "RevalidateCachedQuery";
    assert_int_equal(error_of("0A000").error, DB_RETRY);
    assert_int_equal(error_of("0A001").error, DB_FAILED);
}

static void a_value_is_the_callers_unless_a_function_made_it(void **state)
{
    (void)state;
    static const char *const codes[] = {"22001", "22021", "22P05"};
    for (size_t i = 0; i < COUNT(codes); i++) {
        said.context = NULL;
        assert_true(error_of(codes[i]).value);
        said.context = "PL/pgSQL function f() line 1";
        assert_false(error_of(codes[i]).value);
    }
    said.context = NULL;
    assert_false(error_of("22003").value);
}

static void only_the_wait_for_a_standby_makes_a_commit_unsure(void **state)
{
    (void)state;
    said.sqlstate = "01000";
    assert_false(pganswer_is_unsure(NULL));
    said.function = "exec_simple_query";
    assert_false(pganswer_is_unsure(NULL));
    said.function = "SyncRepWaitForLSN";
    assert_true(pganswer_is_unsure(NULL));
}

/* ---- rows ---- */

#define CALLS 5

static struct {
    unsigned answered, order[CALLS];
    int first[CALLS], count[CALLS], columns;
    enum db_error error;
    char values[64]; /* all of all calls, "-" for null */
} heard;

static void on_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    (void)request;
    assert_in_range(position, 0, CALLS - 1);
    heard.order[heard.answered++] = position;
    heard.error = answer->error;
    if (answer->rows == NULL)
        return;
    heard.first[position] = answer->first;
    heard.count[position] = answer->count;
    heard.columns = answer->rows->columns;
    for (int row = answer->first; row < answer->first + answer->count; row++)
        for (int column = 0; column < answer->rows->columns; column++) {
            struct slice value = answer->rows->value(answer->rows, row, column);
            strncat(heard.values, value.ptr != NULL ? value.ptr : "-", value.ptr != NULL ? value.len : 1);
        }
}

static void answer_rows(bool set, unsigned calls, PGresult *result)
{
    struct statement statement = {.set = set};
    struct db_request request = {.statement = &statement, .call_count = calls, .on_answer = on_answer};
    memset(&heard, 0, sizeof heard);
    pganswer_rows(&request, result);
    PQclear(result);
    assert_int_equal(heard.error, DB_OK);
}

static void all_rows_are_those_of_a_plain_call(void **state)
{
    (void)state;
    static const char *const values[] = {"a", NULL, "", "b"};
    answer_rows(false, 1, rows_of(2, 2, values));
    assert_int_equal(heard.answered, 1);
    assert_int_equal(heard.first[0], 0);
    assert_int_equal(heard.count[0], 2);
    assert_int_equal(heard.columns, 2);
    assert_string_equal(heard.values, "a-b");
    answer_rows(false, 1, rows_of(2, 0, NULL));
    assert_int_equal(heard.answered, 1);
    assert_int_equal(heard.count[0], 0);
}

static void each_of_a_set_gets_the_rows_of_its_position(void **state)
{
    (void)state;
    static const char *const values[] = {"2", "a", "2", "b", "4", NULL, "5", "c"};
    answer_rows(true, CALLS, rows_of(2, 4, values));
    static const int first[] = {0, 0, 2, 2, 3}, count[] = {0, 2, 0, 1, 1};
    assert_int_equal(heard.answered, CALLS);
    for (unsigned position = 0; position < CALLS; position++) {
        assert_int_equal(heard.order[position], position);
        assert_int_equal(heard.first[position], first[position]);
        assert_int_equal(heard.count[position], count[position]);
    }
    assert_int_equal(heard.columns, 1); /* the position is nobody's */
    assert_string_equal(heard.values, "ab-c");
}

static void an_answer_may_be_everybodys(void **state)
{
    (void)state;
    struct db_request request = {.call_count = 3, .on_answer = on_answer};
    memset(&heard, 0, sizeof heard);
    pganswer_all(&request, &(struct db_answer){.error = DB_BUSY});
    assert_int_equal(heard.answered, 3);
    assert_int_equal(heard.order[2], 2);
    assert_int_equal(heard.error, DB_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_judged_by_its_longest_rule),
        cmocka_unit_test_setup(an_error_carries_what_the_database_says, silence),
        cmocka_unit_test_setup(an_error_without_a_code_is_a_lost_connection, silence),
        cmocka_unit_test_setup(a_stale_plan_is_tried_again_and_what_is_not_supported_is_not, silence),
        cmocka_unit_test_setup(a_value_is_the_callers_unless_a_function_made_it, silence),
        cmocka_unit_test_setup(only_the_wait_for_a_standby_makes_a_commit_unsure, silence),
        cmocka_unit_test(all_rows_are_those_of_a_plain_call),
        cmocka_unit_test(each_of_a_set_gets_the_rows_of_its_position),
        cmocka_unit_test(an_answer_may_be_everybodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
