/* sqlite/sqlite: the calls of one turn share a transaction; each is answered once, and stands or falls by itself. */
#include <config.h>

#include "unit.h"

#include <sqlite3.h>
#include <unistd.h>

#include "base/mem.h"
#include "sqlite/sqlite.h"

#define CALLS_MAX 8

static const struct statement_param one_int[] = {{.name = "id", .type = DB_INT}};
static const struct statement_param int_and_text[] = {{.name = "id", .type = DB_INT},
                                                      {.name = "name", .type = DB_TEXT}};

enum { HEALTH, INSERT, COUNT_ALL, INSERT_QUIETLY, STATEMENTS };

/* Rows of the table t; its trigger ends the transaction for the name "roll", and refuses the name "abort". */
static const struct statement catalogue[STATEMENTS] = {
    [HEALTH] = {.name = "health", .index = HEALTH, .text = {[DB_SQLITE] = "SELECT 1"}},
    [INSERT] = {.name = "insert",
                .index = INSERT,
                .set = true,
                .writes = true,
                .params = int_and_text,
                .param_count = 2,
                .text = {[DB_SQLITE] = "INSERT INTO t (id, name) VALUES ($1, $2) RETURNING id, name"}},
    [COUNT_ALL] = {.name = "count_all", .index = COUNT_ALL, .text = {[DB_SQLITE] = "SELECT count(*) FROM t"}},
    [INSERT_QUIETLY] = {.name = "insert_quietly",
                        .index = INSERT_QUIETLY,
                        .set = true,
                        .writes = true,
                        .params = one_int,
                        .param_count = 1,
                        .text = {[DB_SQLITE] = "INSERT INTO t (id) VALUES ($1)"}},
};

static void read_nothing(const struct db_rows *rows, int row, struct db_health *health)
{
    (void)rows;
    (void)row;
    (void)health;
}

static const struct db_question health = {&catalogue[HEALTH], read_nothing};

static char folder[] = "/tmp/test_sqlite-XXXXXX";
static char *path;
static struct loop *loop;
static struct db *db;
static sqlite3 *other; /* another process, as far as the file is concerned */

/* A request, and what was answered to each of its calls. */
struct asked {
    struct db_request request;
    struct db_param params[2 * CALLS_MAX];
    enum db_error errors[CALLS_MAX];
    char rows[CALLS_MAX][40], constraints[CALLS_MAX][40];
    unsigned answered;
    bool done;
    unsigned unwanted; /* the position of a call that is not wanted; CALLS_MAX: none */
};

static unsigned outstanding;
static bool waits_for_room;

static void on_nothing(void *argument)
{
    (void)argument;
}

static void on_change(struct slice group, void *argument)
{
    (void)group;
    (void)argument;
}

/* Each turn of work ends with it. */
static void on_room(void *argument)
{
    (void)argument;
    if (outstanding == 0 || waits_for_room)
        loop_stop(loop);
}

static bool is_wanted(const struct db_request *request, unsigned position)
{
    const struct asked *asked = request->owner;
    return position != asked->unwanted;
}

static void on_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct asked *asked = request->owner;
    assert_false(asked->done);
    asked->answered++;
    asked->errors[position] = answer->error;
    if (answer->constraint != NULL)
        snprintf(asked->constraints[position], sizeof asked->constraints[position], "%s", answer->constraint);
    for (int i = 0; answer->error == DB_OK && i < answer->count * answer->rows->columns; i++) {
        struct slice value = answer->rows->value(answer->rows, answer->first + i / answer->rows->columns,
                                                 i % answer->rows->columns);
        size_t used = strlen(asked->rows[position]);
        snprintf(asked->rows[position] + used, sizeof asked->rows[position] - used, "%s%.*s",
                 used > 0 ? " " : "", (int)value.len, value.ptr != NULL ? value.ptr : "");
    }
}

static void on_done(struct db_request *request)
{
    struct asked *asked = request->owner;
    assert_int_equal(asked->answered, request->call_count);
    asked->done = true;
    outstanding--;
}

static void execute(const char *sql)
{
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void open_db(void)
{
    char *error = NULL;
    struct db_events events = {on_room, on_nothing, on_nothing, on_change, on_change, NULL};
    db = sqlite_open(loop, path, &health, STATEMENTS, &events, &error);
    assert_non_null(db);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_sqlite-XXXXXX");
    assert_non_null(mkdtemp(folder));
    path = mem_printf("%s/file", folder);
    loop = loop_new();
    outstanding = 0;
    waits_for_room = false;
    open_db();
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
            "CREATE TRIGGER ends BEFORE INSERT ON t WHEN new.name = 'roll' BEGIN SELECT RAISE(ROLLBACK, "
            "'no'); END;"
            "CREATE TRIGGER refuses BEFORE INSERT ON t WHEN new.name = 'abort' BEGIN SELECT RAISE(ABORT, "
            "'no'); END");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    (void)state;
    if (db != NULL)
        db->ops->free(db);
    db = NULL;
    sqlite3_close(other);
    loop_free(loop);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char *file = mem_printf("%s%s", path, suffixes[i]);
        unlink(file);
        free(file);
    }
    rmdir(folder);
    free(path);
    return 0;
}

/* The ids and names are those of the calls, in order. */
static void ask(struct asked *asked, const struct statement *statement, unsigned count, const int64_t *ids,
                const char *const *names)
{
    memset(asked, 0, sizeof *asked);
    asked->unwanted = CALLS_MAX;
    asked->request = (struct db_request){.statement = statement,
                                         .call_count = count,
                                         .params = asked->params,
                                         .wanted = is_wanted,
                                         .on_answer = on_answer,
                                         .on_done = on_done,
                                         .owner = asked};
    for (unsigned i = 0; i < count && statement->param_count > 0; i++) {
        asked->params[i * statement->param_count].integer = ids[i];
        if (statement->param_count > 1)
            asked->params[i * 2 + 1] = (struct db_param){.text = slice_of(names[i])};
    }
    outstanding++;
    struct db_slot *slot = db->ops->slot(db, statement);
    assert_non_null(slot);
    db->ops->send(db, slot, &asked->request);
}

/* Until all that was asked is answered. */
static void run(void)
{
    if (outstanding > 0)
        loop_run(loop);
}

static int64_t stored(void)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(other, "SELECT count(*) FROM t", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return count;
}

static void each_call_of_a_set_gets_its_own_rows(void **state)
{
    (void)state;
    struct asked asked;
    ask(&asked, &catalogue[INSERT], 3, (int64_t[]){7, 5, 6}, (const char *const[]){"a", "b", "ü"});
    assert_int_equal(asked.answered, 0); /* never before send has returned */
    run();
    assert_string_equal(asked.rows[0], "7 a");
    assert_string_equal(asked.rows[1], "5 b");
    assert_string_equal(asked.rows[2], "6 ü");
    assert_int_equal(stored(), 3);
}

static void parameters_are_copied(void **state)
{
    (void)state;
    struct asked asked;
    char name[] = "before";
    ask(&asked, &catalogue[INSERT], 1, (int64_t[]){1}, (const char *const[]){name});
    memcpy(name, "behind", sizeof name);
    run();
    assert_string_equal(asked.rows[0], "1 before");
}

static void a_call_that_is_refused_leaves_the_others_alone(void **state)
{
    (void)state;
    struct asked asked;
    ask(&asked, &catalogue[INSERT], 4, (int64_t[]){1, 2, 3, 4},
        (const char *const[]){"a", "a", "abort", "b"});
    run();
    assert_int_equal(asked.errors[0], DB_OK);
    assert_int_equal(asked.errors[1], DB_REFUSED);
    assert_string_equal(asked.constraints[1], "t.name");
    assert_int_not_equal(asked.errors[2], DB_OK);
    assert_string_equal(asked.rows[3], "4 b");
    assert_int_equal(stored(), 2);
}

static void a_call_that_gives_no_row_has_written_nothing(void **state)
{
    (void)state;
    struct asked quiet, told;
    ask(&quiet, &catalogue[INSERT_QUIETLY], 1, (int64_t[]){1}, NULL);
    ask(&told, &catalogue[INSERT], 1, (int64_t[]){2}, (const char *const[]){"b"});
    run();
    assert_int_equal(quiet.errors[0], DB_OK);
    assert_string_equal(quiet.rows[0], "");
    assert_string_equal(told.rows[0], "2 b");
    assert_int_equal(stored(), 1);
}

static void a_call_that_ends_the_transaction_takes_no_other_along(void **state)
{
    (void)state;
    struct asked asked;
    ask(&asked, &catalogue[INSERT], 3, (int64_t[]){1, 2, 3}, (const char *const[]){"a", "roll", "c"});
    run();
    assert_string_equal(asked.rows[0], "1 a");
    assert_int_not_equal(asked.errors[1], DB_OK);
    assert_string_equal(asked.rows[2], "3 c");
    assert_int_equal(stored(), 2);
}

static void what_is_not_wanted_is_not_run(void **state)
{
    (void)state;
    struct asked asked;
    ask(&asked, &catalogue[INSERT], 2, (int64_t[]){1, 2}, (const char *const[]){"a", "b"});
    asked.unwanted = 0;
    run();
    assert_int_equal(asked.errors[0], DB_BUSY);
    assert_string_equal(asked.rows[1], "2 b");
    assert_int_equal(stored(), 1);
}

static void while_another_process_writes_what_reads_is_answered(void **state)
{
    (void)state;
    struct asked writes, reads;
    execute("BEGIN IMMEDIATE; INSERT INTO t (id) VALUES (9)");
    ask(&writes, &catalogue[INSERT], 1, (int64_t[]){1}, (const char *const[]){"a"});
    ask(&reads, &catalogue[COUNT_ALL], 1, NULL, NULL);
    waits_for_room = true;
    loop_run(loop);
    assert_string_equal(reads.rows[0], "0");
    assert_false(writes.done);
    execute("COMMIT");
    waits_for_room = false;
    run();
    assert_string_equal(writes.rows[0], "1 a");
    assert_int_equal(stored(), 2);
}

static void a_file_that_was_removed_takes_nothing(void **state)
{
    (void)state;
    struct asked asked;
    char *aside = mem_printf("%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    ask(&asked, &catalogue[INSERT], 1, (int64_t[]){1}, (const char *const[]){"a"});
    run();
    assert_int_equal(asked.errors[0], DB_AWAY);
    assert_true(db->ops->away(db));
    assert_int_equal(rename(aside, path), 0);
    free(aside);
    ask(&asked, &catalogue[INSERT], 1, (int64_t[]){1}, (const char *const[]){"a"});
    run();
    assert_int_equal(asked.errors[0], DB_OK);
    assert_false(db->ops->away(db));
}

static void what_is_outstanding_at_the_end_is_answered(void **state)
{
    (void)state;
    struct asked asked;
    ask(&asked, &catalogue[INSERT], 2, (int64_t[]){1, 2}, (const char *const[]){"a", "b"});
    db->ops->free(db);
    db = NULL;
    assert_true(asked.done);
    assert_int_equal(asked.errors[0], DB_AWAY);
    assert_int_equal(asked.errors[1], DB_AWAY);
    assert_int_equal(stored(), 0);
}

#define ENGINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE(each_call_of_a_set_gets_its_own_rows),
        ENGINE(parameters_are_copied),
        ENGINE(a_call_that_is_refused_leaves_the_others_alone),
        ENGINE(a_call_that_gives_no_row_has_written_nothing),
        ENGINE(a_call_that_ends_the_transaction_takes_no_other_along),
        ENGINE(what_is_not_wanted_is_not_run),
        ENGINE(while_another_process_writes_what_reads_is_answered),
        ENGINE(a_file_that_was_removed_takes_nothing),
        ENGINE(what_is_outstanding_at_the_end_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
