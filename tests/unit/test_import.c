/* core/import: files that are read and checked whole, and rows that are stored in chunks; the database is scripted. */
#include <config.h>

#include "unit.h"

#include <unistd.h>

#include "base/buf.h"
#include "core/import.h"

/* ---- the file ---- */

static const struct field columns[] = {
    {.name = "id", .type = FIELD_INT, .min = 0, .max = INT32_MAX},
    {.name = "name", .type = FIELD_TEXT, .min = 1, .max = 5},
    {.name = "name_fr", .type = FIELD_TEXT, .min = 1, .max = 5, .nullable = true},
    {.name = NULL},
};
static const struct import_file file = {.flag = "--things",
                                        .columns = columns,
                                        .stray = STATEMENT(PROVINCE_STRAY),
                                        .store = STATEMENT(PROVINCE_STORE)};

static char path[64];

static struct import *read_bytes(const void *bytes, size_t length, char **error)
{
    FILE *out = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    fclose(out);
    *error = NULL;
    return import_read(&file, path, error);
}

static struct import *read_text(const char *text, char **error)
{
    return read_bytes(text, strlen(text), error);
}

static int make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/rowlock-import-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void refuses_bytes(const char *bytes, size_t length, const char *expected)
{
    char *error, whole[256];
    struct import *import = read_bytes(bytes, length, &error);
    if (import != NULL)
        fail_msg("accepted: %s", bytes);
    snprintf(whole, sizeof whole, "%s:%s", path, expected);
    assert_string_equal(error, whole);
    free(error);
}

static void what_is_wrong_is_named_by_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "1: the file is empty; it must be CSV with the header id,name,name_fr"},
        {"PK\x03\x04",
         "1: the file is a workbook or a ZIP archive; save the sheet as CSV in UTF-8; it must be CSV "
         "with the header id,name,name_fr"},
        {"id,name,name_fr\r1,a,b\r",
         "1: the file has lines that end with a carriage return alone (old Macintosh); "
         "save it with LF or CRLF; it must be CSV with the header id,name,name_fr"},
        {"\n,,\n", "1: the file has empty lines alone; it must be CSV with the header id,name,name_fr"},
        {"id,name\n", "1: name_fr: is missing in the header"},
        {"id,name,name\n", "1: name: is in the header twice"},
        {"id,nam,name_fr\n", "1: nam: is no column of this file"},
        {"id;name;name_fr\n",
         "1: id;name;name_fr: is no column of this file; commas separate fields, not semicolons"},
        {"id\tname\n", "1: id?name: is no column of this file; commas separate fields, not tabs"},
        {"id,,name\n", "1: \"\": is no column of this file"},
        {"id,n\xff\n", "1: column 2: is not UTF-8"},
        {"id,name,name_fr\nx,a,b\n", "2: id: must be an integer from 0 to 2147483647."},
        {"id,name,name_fr\n,a,b\n", "2: id: must be an integer from 0 to 2147483647."},
        {"id,name,name_fr\n1,a,b\n2,abcdef,b\n", "3: name: must be text of 1 to 5 characters."},
        {"name,id,name_fr\n\"a\nb\",1,toolong\n", "3: name_fr: must be text of 1 to 5 characters."},
        {"id,name,name_fr\n1,\"a\n", "2: name: a quote that is not closed"},
        {"id,name,name_fr\n1,a,b,\"c\n", "2: column 4: a quote that is not closed"},
        {"\"id\n", "1: column 1: a quote that is not closed"},
        {"id,name,name_fr\n1\n", "2: name: is missing in this line"},
        {"id,name,name_fr\n1,a,b,c\n", "2: column 4: is one more than the header names"},
        {"id,name,name_fr\n1,\xff,b\n", "2: name: is not UTF-8"},
        {"id,name,name_fr\n1,a,b\n2,a,b\n1,c,d\n2,c,d\n", "4: id: 1 is in line 2 already"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        refuses_bytes(cases[i].text, strlen(cases[i].text), cases[i].error);
    static const char nul[] = "id,name,name_fr\n1,a\0b,c\n";
    refuses_bytes(nul, sizeof nul - 1, "2: name: has a NUL byte, which no text may have");
}

static void a_long_name_of_a_column_is_cut_between_characters(void **state)
{
    (void)state;
    char text[256] = "id,a", expected[256];
    for (int i = 0; i < 40; i++)
        strcat(text, "\xc3\xa9");
    snprintf(expected, sizeof expected, "1: %.63s: is no column of this file", text + 3);
    strcat(text, "\n");
    refuses_bytes(text, strlen(text), expected);
}

static void a_file_that_is_not_there_is_said(void **state)
{
    (void)state;
    char *error = NULL;
    assert_null(import_read(&file, "/nowhere/x.csv", &error));
    assert_string_equal(error, "/nowhere/x.csv: No such file or directory");
    free(error);
}

/* ---- the session ---- */

static struct {
    struct session session;
    char asked[4096];     /* the statements and scripts, a line each */
    char stored[16384];   /* what the last store was given */
    const char *stray[4]; /* what the statement for strays gives; [0] NULL: no row */
    const char *poison;   /* rows with this text are refused */
    enum db_error error;  /* of each store else */
    unsigned stores;
    int64_t kept_back;
} scripted;

static struct slice stray_value(const struct db_rows *rows, int row, int column)
{
    (void)rows;
    assert_int_equal(row, 0);
    return slice_of(scripted.stray[column]);
}

static char counted[24];

static struct slice count_value(const struct db_rows *rows, int row, int column)
{
    (void)rows;
    assert_int_equal(row + column, 0);
    return slice_of(counted);
}

static enum db_error fake_script(struct session *session, const char *sql)
{
    (void)session;
    strcat(scripted.asked, sql);
    strcat(scripted.asked, "\n");
    return DB_OK;
}

static enum db_error fake_store(const char *json)
{
    int64_t rows = 0;
    scripted.stores++;
    snprintf(scripted.stored, sizeof scripted.stored, "%s", json);
    if (scripted.poison != NULL && strstr(json, scripted.poison) != NULL) {
        strcpy(scripted.session.error, "violates things_name_fr_check");
        return DB_REFUSED;
    }
    for (const char *at = json + 1; *at != '\0'; at++)
        rows += *at == '[';
    snprintf(counted, sizeof counted, "%lld", (long long)(rows - scripted.kept_back));
    return scripted.error;
}

static enum db_error fake_query(struct session *session, const char *sql, const char *const *params,
                                unsigned count, const struct db_rows **rows)
{
    static struct db_rows strays = {.columns = 4, .value = stray_value},
                          counts = {.count = 1, .columns = 1, .value = count_value};
    (void)session;
    assert_int_equal(count, 1);
    bool is_store = strstr(sql, "INSERT") != NULL;
    strcat(scripted.asked, is_store ? "store\n" : "stray\n");
    strays.count = scripted.stray[0] != NULL;
    *rows = is_store ? &counts : &strays;
    return is_store ? fake_store(params[0]) : DB_OK;
}

static const struct session_ops fake_ops = {.script = fake_script, .query = fake_query};

static int set_up(void **state)
{
    memset(&scripted, 0, sizeof scripted);
    scripted.session.ops = &fake_ops;
    scripted.session.engine = "postgres";
    return make_path(state);
}

static struct import *import_of(const char *text)
{
    char *error;
    struct import *import = read_text(text, &error);
    if (import == NULL)
        fail_msg("%s", error);
    return import;
}

static void fails_to_store(const struct import *import, const char *expected)
{
    char *error = NULL, whole[256];
    assert_false(import_store(import, &scripted.session, NULL, &error));
    snprintf(whole, sizeof whole, "%s:%s", path, expected);
    assert_string_equal(error, whole);
    free(error);
}

static void rows_travel_as_arrays_in_the_order_of_the_fields(void **state)
{
    (void)state;
    char *error = NULL;
    struct import *import =
        import_of("\xef\xbb\xbfname,name_fr,id,,\r\n\r\n\"a\"\"b\",,7,,\r\n\xc3\xa9,x,2147483647\r\n,,,\r\n");
    assert_int_equal(import_count(import), 2);
    assert_true(import_store(import, &scripted.session, NULL, &error));
    assert_string_equal(scripted.stored, "[[7,\"a\\\"b\",null],[2147483647,\"\xc3\xa9\",\"x\"]]");
    assert_string_equal(scripted.asked,
                        "stray\nSAVEPOINT import_rows\nstore\nRELEASE SAVEPOINT import_rows\n");
    import_free(import);
}

static void a_file_without_records_stores_nothing(void **state)
{
    (void)state;
    char *error = NULL;
    struct import *import = import_of("id,name,name_fr\n");
    assert_int_equal(import_count(import), 0);
    assert_true(import_store(import, &scripted.session, NULL, &error));
    assert_string_equal(scripted.asked, "");
    import_free(import);
    import_free(NULL);
}

static void a_file_that_refers_to_nothing_is_not_searched_for_strays(void **state)
{
    (void)state;
    const struct import_file plain = {.flag = "--things", .columns = columns, .store = file.store};
    char *error = NULL;
    import_free(import_of("id,name,name_fr\n1,a,\n")); /* the file is there now */
    struct import *import = import_read(&plain, path, &error);
    assert_true(import_store(import, &scripted.session, NULL, &error));
    assert_string_equal(scripted.asked, "SAVEPOINT import_rows\nstore\nRELEASE SAVEPOINT import_rows\n");
    import_free(import);
}

static void a_row_that_refers_to_nothing_is_named(void **state)
{
    (void)state;
    struct import *import = import_of("id,name,name_fr\n1,a,\n\n2,b,\n");
    scripted.stray[0] = "2";
    scripted.stray[1] = "name";
    scripted.stray[2] = "b";
    scripted.stray[3] = "province";
    fails_to_store(import, "4: name: there is no province b");
    assert_int_equal(scripted.stores, 0);
    import_free(import);
}

/* The longest column that the constraint's name has is meant. */
static void the_row_that_is_refused_is_found(void **state)
{
    (void)state;
    struct import *import = import_of("id,name,name_fr\n1,a,\n2,bad,\n3,c,\n");
    scripted.poison = "bad";
    fails_to_store(import, "3: name_fr: violates things_name_fr_check");
    assert_int_equal(scripted.stores, 3); /* all, the first, the second */
    import_free(import);
}

static void rows_that_the_database_keeps_away_are_an_error(void **state)
{
    (void)state;
    char *error = NULL;
    struct import *import = import_of("id,name,name_fr\n1,a,\n");
    scripted.kept_back = 1;
    assert_false(import_store(import, &scripted.session, NULL, &error));
    assert_non_null(strstr(error, ":2: id: "));
    free(error);
    import_free(import);
}

static void an_error_of_the_database_is_passed_on_with_advice(void **state)
{
    (void)state;
    struct import *import = import_of("id,name,name_fr\n1,a,\n");
    strcpy(scripted.session.error, "no such table");
    scripted.error = DB_SCHEMA;
    fails_to_store(import, " no such table; is the schema up to date? Run rowlock migrate");
    scripted.error = DB_LOST;
    fails_to_store(import, " no such table");
    import_free(import);
}

static void many_rows_go_in_chunks(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(100000);
    char *error = NULL;
    buf_add_string(&text, "id,name,name_fr\n");
    for (int i = 0; i < 1001; i++)
        buf_printf(&text, "%d,a,b\n", i);
    buf_add_char(&text, '\0');
    struct import *import = import_of(text.data);
    assert_int_equal(import_count(import), 1001);
    assert_true(import_store(import, &scripted.session, NULL, &error));
    assert_int_equal(scripted.stores, 3);
    assert_string_equal(scripted.stored, "[[1000,\"a\",\"b\"]]");
    import_free(import);
    buf_fini(&text);
}

#define IMPORT(test) cmocka_unit_test_setup_teardown(test, set_up, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMPORT(what_is_wrong_is_named_by_line_and_column),
        IMPORT(a_long_name_of_a_column_is_cut_between_characters),
        IMPORT(a_file_that_is_not_there_is_said),
        IMPORT(rows_travel_as_arrays_in_the_order_of_the_fields),
        IMPORT(a_file_without_records_stores_nothing),
        IMPORT(a_file_that_refers_to_nothing_is_not_searched_for_strays),
        IMPORT(a_row_that_refers_to_nothing_is_named),
        IMPORT(the_row_that_is_refused_is_found),
        IMPORT(rows_that_the_database_keeps_away_are_an_error),
        IMPORT(an_error_of_the_database_is_passed_on_with_advice),
        IMPORT(many_rows_go_in_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
