/* db/session: transactions that are undone and tried again, and stores that are counted; the engine is scripted. */
#include <config.h>

#include "unit.h"

#include "db/session.h"

static const struct statement store = {.text = {[DB_POSTGRES] = "store", [DB_SQLITE] = "keep"},
                                       .param_count = 1};

static struct {
    struct session session;
    char asked[512]; /* a line each */
    const char *stored;
    enum db_error error;
    bool closed;
} scripted;

static enum db_error fake_script(struct session *session, const char *sql)
{
    strcat(scripted.asked, sql);
    strcat(scripted.asked, "\n");
    strcpy(session->error, "of the script");
    session->again = false;
    return scripted.error;
}

static struct slice value(const struct db_rows *rows, int row, int column)
{
    (void)rows;
    assert_int_equal(row + column, 0);
    return slice_of(scripted.stored);
}

static enum db_error fake_query(struct session *session, const char *sql, const char *const *params,
                                unsigned count, const struct db_rows **rows)
{
    static struct db_rows found = {.columns = 1, .value = value};
    (void)session;
    assert_string_equal(sql, "store");
    assert_int_equal(count, 1);
    assert_string_equal(params[0], "[]");
    found.count = scripted.stored != NULL;
    *rows = &found;
    return scripted.error;
}

static void fake_close(struct session *session)
{
    (void)session;
    scripted.closed = true;
}

static const struct session_ops ops = {.script = fake_script, .query = fake_query, .close = fake_close};

static int set_up(void **state)
{
    (void)state;
    memset(&scripted, 0, sizeof scripted);
    scripted.session.ops = &ops;
    scripted.session.engine = "postgres";
    return 0;
}

static void a_transaction_takes_its_lock_at_once_where_there_is_but_one(void **state)
{
    (void)state;
    assert_int_equal(session_begin(&scripted.session), DB_OK);
    scripted.session.engine = "sqlite";
    scripted.error = DB_LOST;
    assert_int_equal(session_begin(&scripted.session), DB_LOST);
    assert_string_equal(scripted.asked, "BEGIN\nBEGIN IMMEDIATE\n");
}

static void undoing_keeps_the_reason(void **state)
{
    (void)state;
    strcpy(scripted.session.error, "the reason");
    scripted.session.again = true;
    session_undo(&scripted.session);
    assert_string_equal(scripted.asked, "ROLLBACK\n");
    assert_string_equal(scripted.session.error, "the reason");
    assert_true(scripted.session.again);
}

static void only_what_passes_is_tried_again_and_not_for_ever(void **state)
{
    (void)state;
    int tries = 0;
    assert_false(session_retry(&scripted.session, &tries));
    assert_int_equal(tries, 0);
    scripted.session.again = true;
    tries = 3;
    assert_true(session_retry(&scripted.session, &tries));
    assert_int_equal(tries, 4);
    assert_true(session_retry(&scripted.session, &tries));
    assert_false(session_retry(&scripted.session, &tries));
    assert_string_equal(scripted.asked, "ROLLBACK\nROLLBACK\nROLLBACK\nROLLBACK\n");
}

static void what_was_stored_is_counted(void **state)
{
    (void)state;
    scripted.stored = "3";
    assert_int_equal(session_store(&scripted.session, &store, "[]", 3), DB_OK);
    assert_int_equal(session_store(&scripted.session, &store, "[]", 4), DB_REFUSED);
    assert_string_equal(scripted.session.error,
                        "the database stored 3 of 4 rows; is there a trigger, rule or policy of its own?");
    scripted.stored = NULL; /* no row is none */
    assert_int_equal(session_store(&scripted.session, &store, "[]", 1), DB_REFUSED);
    assert_int_equal(session_store(&scripted.session, &store, "[]", 0), DB_OK);
    scripted.error = DB_SCHEMA;
    assert_int_equal(session_store(&scripted.session, &store, "[]", 0), DB_SCHEMA);
}

static void a_statement_has_a_text_for_each_engine(void **state)
{
    (void)state;
    assert_string_equal(session_text(&scripted.session, &store), "store");
    scripted.session.engine = "sqlite";
    assert_string_equal(session_text(&scripted.session, &store), "keep");
}

static void rows_may_be_of_no_interest(void **state)
{
    (void)state;
    const char *const params[] = {"[]"};
    assert_int_equal(session_query(&scripted.session, &store, params, NULL), DB_OK);
}

static void a_session_is_closed_by_its_engine(void **state)
{
    (void)state;
    session_close(NULL);
    assert_false(scripted.closed);
    session_close(&scripted.session);
    assert_true(scripted.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_transaction_takes_its_lock_at_once_where_there_is_but_one, set_up),
        cmocka_unit_test_setup(undoing_keeps_the_reason, set_up),
        cmocka_unit_test_setup(only_what_passes_is_tried_again_and_not_for_ever, set_up),
        cmocka_unit_test_setup(what_was_stored_is_counted, set_up),
        cmocka_unit_test_setup(a_statement_has_a_text_for_each_engine, set_up),
        cmocka_unit_test_setup(rows_may_be_of_no_interest, set_up),
        cmocka_unit_test_setup(a_session_is_closed_by_its_engine, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
