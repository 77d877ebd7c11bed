/* sqlite/sqlite_file: opening anew in the loop, and what the last failure was. */
#include <config.h>

#include "unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sqlite/sqlite_block.h"
#include "sqlite/sqlite_file.h"

static char folder[] = "/tmp/test_sqlite_file-XXXXXX";
static char *path;

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    path = mem_printf("%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    free(path);
    return 0;
}

static struct sqlite_file *open_file(void)
{
    char *error = NULL;
    struct sqlite_file *file = sqlite_file_open(path, 0, &error);
    assert_non_null(file);
    return file;
}

/* What is left of the file is no longer in WAL mode, and to switch it another process's lock is in the way. */
static void opening_it_anew_does_not_stop_the_loop(void **state)
{
    (void)state;
    sqlite3 *other;
    struct sqlite_file *file = open_file();
    assert_int_equal(truncate(path, 10), 0);
    assert_false(sqlite_file_reopen(file)); /* it holds no lock of its own any more */
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    int64_t began = clock_now();
    assert_false(sqlite_file_reopen(file));
    assert_true(clock_now() - began < CLOCK_SECOND);
    assert_false(sqlite_file_usable(file));
    sqlite3_close(other);
    assert_true(sqlite_file_reopen(file));
    sqlite_file_close(file);
    unlink(path);
}

static void a_block_that_is_not_prepared_says_why(void **state)
{
    (void)state;
    struct sqlite_file *file = open_file();
    assert_null(sqlite_block_new(file, "SELECT 1 FROM nobody"));
    assert_int_equal(sqlite_file_failure(file), DB_SCHEMA);
    assert_null(sqlite_block_new(file, "SELECT"));
    assert_int_equal(sqlite_file_failure(file), DB_FAILED);
    assert_null(
        sqlite_block_new(file, "SELECT 1; SELECT 2; SELECT 3; SELECT 4; SELECT 5; SELECT 6; SELECT 7"));
    assert_int_equal(sqlite_file_failure(file), DB_FAILED);
    sqlite_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_it_anew_does_not_stop_the_loop),
        cmocka_unit_test(a_block_that_is_not_prepared_says_why),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
