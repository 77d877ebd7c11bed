/* core/migrate: which migrations are applied, in which order, and whether a schema fits; the session is scripted. */
#include <config.h>

#include "unit.h"

#include "core/migrate.h"
#include "core/sql.h"

static struct {
    struct session session;
    int64_t version; /* of the newest that was applied; 0: there is no table of them */
    int64_t serves;  /* the oldest server that it serves */
    char done[4096]; /* what happened, a word each; a migration as "+3" */
    int fails_at;    /* the migration that fails, so often: */
    unsigned failures;
    bool passing;                   /* as what may work when it is tried again */
    const char *conflict;           /* the name of a table in the way */
    int apart;                      /* indexes that were made, or dropped, outside of a transaction */
    int busy;                       /* so often the lock of those who make them is not free */
    const struct statement *silent; /* the statement of that name is not answered */
} scripted;

static void note(const char *word)
{
    strcat(scripted.done, word);
    strcat(scripted.done, " ");
}

/* It is applied when it is run as a whole, or when its record is written, which is the end of it. */
static bool applies(const struct sql_migration *migration, const char *sql)
{
    return migration->text == sql ||
           (sql > migration->text && sql < migration->text + strlen(migration->text));
}

static bool stands_apart(const char *sql)
{
    return strstr(sql, "rowlock_migrations") == NULL &&
           (strstr(sql, "INDEX CONCURRENTLY") != NULL || strstr(sql, "VALIDATE CONSTRAINT") != NULL);
}

static enum db_error script(struct session *session, const char *sql)
{
    if (stands_apart(sql)) {
        assert_null(strstr(sql, ";\n")); /* alone, or PostgreSQL would make a transaction of them */
        scripted.apart++;
        return DB_OK;
    }
    for (size_t i = 0; i < sql_migration_count; i++) {
        if (!applies(&sql_migrations[i], sql))
            continue;
        int version = sql_migrations[i].version;
        char word[16];
        if (version == scripted.fails_at && scripted.failures > 0) {
            scripted.failures--;
            session->again = scripted.passing;
            strcpy(session->error, "it failed");
            note("failed");
            return DB_RETRY;
        }
        snprintf(word, sizeof word, "+%d", version);
        note(word);
        scripted.version = version;
        return DB_OK;
    }
    note(sql);
    return DB_OK;
}

static char cells[4][64];

static struct slice cell(const struct db_rows *rows, int row, int column)
{
    assert_true(row == 0 && column < rows->columns);
    return slice_of(cells[column]);
}

static enum db_error query(struct session *session, const char *sql, const char *const *params,
                           unsigned count, const struct db_rows **rows)
{
    static struct db_rows found = {.value = cell};
    (void)params;
    (void)count;
    *rows = &found;
    if (scripted.silent != NULL && sql == session_text(session, scripted.silent))
        return DB_LOST;
    found.count = 1;
    found.columns = 4;
    if (sql == session_text(session, STATEMENT(MIGRATIONS_LOCK))) {
        note("lock");
    } else if (sql == session_text(session, STATEMENT(MIGRATIONS_LOCK_APART))) {
        strcpy(cells[0], scripted.busy > 0 ? "f" : "t");
        note(scripted.busy-- > 0 ? "busy" : "apart");
    } else if (sql == session_text(session, STATEMENT(MIGRATIONS_UNLOCK_APART))) {
        note("unlock");
    } else if (sql == session_text(session, STATEMENT(MIGRATIONS_EXIST))) {
        strcpy(cells[0], scripted.version > 0 ? "t" : "f");
    } else if (sql == session_text(session, STATEMENT(MIGRATIONS_LIST))) {
        snprintf(cells[0], sizeof cells[0], "%lld", (long long)scripted.version);
        strcpy(cells[1], "name");
        snprintf(cells[2], sizeof cells[2], "%lld", (long long)scripted.serves);
        strcpy(cells[3], "2026-01-02");
    } else { /* what is in the way */
        found.count = scripted.conflict != NULL;
        snprintf(cells[0], sizeof cells[0], "%s", scripted.conflict != NULL ? scripted.conflict : "");
        strcpy(cells[1], "x");
    }
    return DB_OK;
}

static const struct session_ops ops = {.script = script, .query = query};

static int set_up(void **state)
{
    (void)state;
    memset(&scripted, 0, sizeof scripted);
    scripted.session.ops = &ops;
    scripted.session.engine = "postgres";
    scripted.serves = 1;
    return 0;
}

static void a_schema_fits_between_what_is_needed_and_what_it_serves(void **state)
{
    (void)state;
    char reason[256] = "";
    assert_true(migrate_fits((struct migrate_state){5, 1}, 5, 7, reason, sizeof reason));
    assert_true(
        migrate_fits((struct migrate_state){9, 7}, 5, 7, reason, sizeof reason)); /* newer, but serves us */
    assert_false(migrate_fits((struct migrate_state){4, 1}, 5, 7, reason, sizeof reason));
    assert_string_equal(reason, "version 4 is older than 5, which this server needs; run rowlock migrate");
    assert_false(migrate_fits((struct migrate_state){9, 8}, 5, 7, reason, sizeof reason));
    assert_string_equal(reason, "version 9 needs a server of at least 8, this one is 7; upgrade it");
}

static void a_check_asks_the_database(void **state)
{
    (void)state;
    assert_false(migrate_check(&scripted.session, 1)); /* it has no table of them */
    assert_string_equal(scripted.session.error,
                        "version 0 is older than 1, which this server needs; run rowlock migrate");
    assert_true(migrate_check(&scripted.session, 0));
    scripted.version = 5;
    assert_true(migrate_check(&scripted.session, 5));
    scripted.serves = 1000;
    assert_false(migrate_check(&scripted.session, 5));
}

static void a_database_that_does_not_answer_fits_nothing(void **state)
{
    (void)state;
    FILE *out = tmpfile();
    const struct statement *const silent[] = {STATEMENT(MIGRATIONS_EXIST), STATEMENT(MIGRATIONS_LIST)};
    scripted.version = 5;
    for (size_t i = 0; i < COUNT(silent); i++) {
        scripted.silent = silent[i];
        assert_false(migrate_check(&scripted.session, 0));
        assert_false(migrate_print_status(&scripted.session, out));
        assert_false(migrate_apply(&scripted.session, NULL));
    }
    assert_memory_equal(scripted.done, "BEGIN lock ROLLBACK ", 20);
    assert_null(strchr(scripted.done, '+'));
    scripted.silent = STATEMENT(MIGRATIONS_LOCK);
    assert_false(migrate_apply(&scripted.session, NULL));
    fclose(out);
}

static char told[256];

static void tell(int version, const char *name)
{
    char word[16];
    assert_true(name[0] != '\0');
    snprintf(word, sizeof word, "%d ", version);
    strcat(told, word);
}

static bool is_apart(int version)
{
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, "postgres") == 0 && sql_migrations[i].version == version)
            return sql_migrations[i].apart;
    return false;
}

static void who_makes_indexes_beside_others_waits_for_his_turn_outside_of_any_transaction(void **state)
{
    (void)state;
    scripted.version = 9;
    scripted.busy = 1;
    assert_true(is_apart(10));
    assert_true(migrate_apply(&scripted.session, NULL));
    assert_non_null(strstr(scripted.done, "BEGIN lock COMMIT busy apart BEGIN lock +10 COMMIT unlock "));
    assert_int_equal(scripted.apart, 11 + 2 + 2);
}

static void what_is_missing_is_applied_in_order_each_in_a_transaction_under_the_lock(void **state)
{
    (void)state;
    int newest = sql_newest("postgres");
    char expected[1024] = "BEGIN lock COMMIT ", all[256] = "", word[64];
    for (int version = 3; version <= newest; version++) {
        bool apart = is_apart(version);
        snprintf(word, sizeof word, "BEGIN lock %s+%d COMMIT %s", apart ? "COMMIT apart BEGIN lock " : "",
                 version, apart ? "unlock " : "");
        strcat(expected, word);
        snprintf(word, sizeof word, "%d ", version);
        strcat(all, word);
    }
    strcat(expected, "BEGIN lock COMMIT "); /* which finds nothing any more */
    strcpy(told, "");
    scripted.version = 2;
    assert_true(migrate_apply(&scripted.session, tell));
    assert_string_equal(scripted.done, expected);
    assert_string_equal(told, all);
    assert_int_equal(scripted.version, newest);
    strcpy(scripted.done, "");
    assert_true(migrate_apply(&scripted.session, NULL));
    assert_string_equal(scripted.done, "BEGIN lock COMMIT BEGIN lock COMMIT ");
}

static void a_migration_that_fails_is_undone(void **state)
{
    (void)state;
    scripted.version = 2;
    scripted.fails_at = 4;
    scripted.failures = 1;
    assert_false(migrate_apply(&scripted.session, NULL));
    assert_non_null(strstr(scripted.done, "+3 COMMIT BEGIN lock failed ROLLBACK "));
    assert_string_equal(scripted.session.error, "it failed");
    assert_int_equal(scripted.version, 3);
}

static void what_fails_for_a_passing_reason_is_tried_again(void **state)
{
    (void)state;
    scripted.version = 2;
    scripted.fails_at = 4;
    scripted.failures = 2;
    scripted.passing = true;
    assert_true(migrate_apply(&scripted.session, NULL));
    assert_non_null(strstr(scripted.done, "failed ROLLBACK "));
    assert_non_null(strstr(scripted.done, " +4 COMMIT "));
}

static void what_is_in_the_way_is_found_before_anything_is_changed(void **state)
{
    (void)state;
    scripted.conflict = "orders";
    assert_false(migrate_apply(&scripted.session, NULL));
    assert_non_null(
        strstr(scripted.session.error, "nothing was changed, because names that it needs are taken: orders"));
    assert_null(strchr(scripted.done, '+'));
}

static void has_line(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("no %s in\n%s", line, text);
}

static void the_status_lists_what_is_applied_and_what_is_pending(void **state)
{
    (void)state;
    char *text = NULL, line[128];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int newest = sql_newest("postgres");
    scripted.version = newest - 1;
    scripted.serves = 3;
    assert_true(migrate_print_status(&scripted.session, out));
    scripted.version = newest + 5;
    assert_true(migrate_print_status(&scripted.session, out));
    fclose(out);
    snprintf(line, sizeof line, "%d  name  applied 2026-01-02, serves servers from 3 on\n", newest - 1);
    has_line(text, line);
    snprintf(line, sizeof line, "\n%d  ", newest);
    has_line(text, line);
    has_line(text, "  pending\n");
    snprintf(line, sizeof line, "the schema is newer than this program, which knows %d\n", newest);
    has_line(text, line);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_schema_fits_between_what_is_needed_and_what_it_serves, set_up),
        cmocka_unit_test_setup(a_check_asks_the_database, set_up),
        cmocka_unit_test_setup(a_database_that_does_not_answer_fits_nothing, set_up),
        cmocka_unit_test_setup(what_is_missing_is_applied_in_order_each_in_a_transaction_under_the_lock,
                               set_up),
        cmocka_unit_test_setup(who_makes_indexes_beside_others_waits_for_his_turn_outside_of_any_transaction,
                               set_up),
        cmocka_unit_test_setup(a_migration_that_fails_is_undone, set_up),
        cmocka_unit_test_setup(what_fails_for_a_passing_reason_is_tried_again, set_up),
        cmocka_unit_test_setup(what_is_in_the_way_is_found_before_anything_is_changed, set_up),
        cmocka_unit_test_setup(the_status_lists_what_is_applied_and_what_is_pending, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
