/* core/conflict: tables of somebody else where migrations are about to make ours; the session is scripted. */
#include <config.h>

#include "unit.h"

#include "core/conflict.h"

static struct {
    struct session session;
    const char *(*rows)[2]; /* what the database answers: a name, its columns */
    int count;
    enum db_error error;
    char asked[20000]; /* the names that were asked for */
    unsigned queries;
} scripted;

static struct slice value(const struct db_rows *rows, int row, int column)
{
    assert_in_range(row, 0, rows->count - 1);
    return slice_of(scripted.rows[row][column]);
}

static enum db_error query(struct session *session, const char *sql, const char *const *params,
                           unsigned count, const struct db_rows **rows)
{
    static struct db_rows found = {.columns = 2, .value = value};
    assert_ptr_equal(session, &scripted.session);
    assert_non_null(sql);
    assert_int_equal(count, 1);
    snprintf(scripted.asked, sizeof scripted.asked, ",%s,", params[0]);
    scripted.queries++;
    found.count = scripted.count;
    *rows = &found;
    return scripted.error;
}

static const struct session_ops ops = {.query = query};

static int set_up(void **state)
{
    (void)state;
    memset(&scripted, 0, sizeof scripted);
    scripted.session.ops = &ops;
    scripted.session.engine = "postgres";
    return 0;
}

static bool asked_for(const char *name)
{
    char word[64];
    snprintf(word, sizeof word, ",%s,", name);
    return strstr(scripted.asked, word) != NULL;
}

static void the_names_that_migrations_make_are_asked_for(void **state)
{
    (void)state;
    static const char *const engines[] = {"postgres", "sqlite"};
    for (size_t i = 0; i < COUNT(engines); i++) {
        scripted.session.engine = engines[i];
        assert_true(conflict_free(&scripted.session, 0));
        assert_true(asked_for("orders") && asked_for("site") && asked_for("users"));
        assert_false(asked_for("rowlock_migrations") || asked_for("IF"));
        assert_false(asked_for(""));
    }
    assert_int_equal(scripted.queries, 2);
}

static void what_was_made_before_is_not_in_the_way(void **state)
{
    (void)state;
    assert_true(conflict_free(&scripted.session, 1));
    assert_false(asked_for("orders"));
    assert_true(asked_for("site"));
    assert_true(asked_for("messages_recipient"));
    assert_true(conflict_free(&scripted.session, 1000)); /* nothing is left to be made */
    assert_int_equal(scripted.queries, 1);
}

static void complains(const char *(*rows)[2], int count, const char *expected)
{
    scripted.rows = rows;
    scripted.count = count;
    assert_false(conflict_free(&scripted.session, 0));
    assert_string_equal(scripted.session.error, expected);
}

#define TAKEN "nothing was changed, because names that it needs are taken: "
#define ANOTHER                                                                                              \
    ". Give Rowlock another database, or another schema; docs/coming-from.md says how to bring data over"

static void what_is_in_the_way_is_named(void **state)
{
    (void)state;
    static const char *rows[][2] = {{"a", "x"}, {"b", ""}, {"c", "x, y"}, {"d", "x"}, {"e", "x"}, {"f", "x"}};
    complains(rows, 1, TAKEN "a" ANOTHER);
    complains(rows, 4, TAKEN "a, b, c, d" ANOTHER);
    complains(rows, 6, TAKEN "a, b, c, d and 2 more" ANOTHER);
    scripted.session.engine = "sqlite";
    complains(rows, 1, TAKEN "a. Give Rowlock another file; docs/coming-from.md says how to bring data over");
}

static void its_columns_tell_whose_it_is(void **state)
{
    (void)state;
    static const char *flask[][2] = {{"x", "id"}, {"orders", "id, distance, status"}},
                      *own[][2] = {{"orders", "id, origin_lat, taker, distance, status"}},
                      *nearly[][2] = {{"orders", "distance_m, status"}},
                      *other[][2] = {{"orders2", "distance, status"}},
                      *users[][2] = {{"users", "username, type, profile_url"}};
    complains(flask, 2, TAKEN "x, orders; they look like those of the Flask service for orders" ANOTHER);
    complains(own, 1,
              TAKEN "orders; they look like Rowlock's own, without its table rowlock_migrations" ANOTHER);
    complains(nearly, 1, TAKEN "orders" ANOTHER);
    complains(other, 1, TAKEN "orders2" ANOTHER);
    complains(users, 1, TAKEN "users; they look like those of the Flask service for GitHub users" ANOTHER);
}

static void a_database_that_does_not_answer_is_no_good(void **state)
{
    (void)state;
    scripted.error = DB_LOST;
    strcpy(scripted.session.error, "gone");
    assert_false(conflict_free(&scripted.session, 0));
    assert_string_equal(scripted.session.error, "gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_names_that_migrations_make_are_asked_for, set_up),
        cmocka_unit_test_setup(what_was_made_before_is_not_in_the_way, set_up),
        cmocka_unit_test_setup(what_is_in_the_way_is_named, set_up),
        cmocka_unit_test_setup(its_columns_tell_whose_it_is, set_up),
        cmocka_unit_test_setup(a_database_that_does_not_answer_is_no_good, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
