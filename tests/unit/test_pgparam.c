/* pgparam: parameters as PostgreSQL's binary format has them, byte by byte. */
#include <config.h>

#include "unit.h"

#include "pg/pgparam.h"

static struct pgparam encoded;

static int tear_down(void **state)
{
    (void)state;
    pgparam_fini(&encoded);
    return 0;
}

static void encode(const struct statement *statement, const struct db_param *params, unsigned calls)
{
    struct db_request request = {.statement = statement, .call_count = calls, .params = params};
    pgparam_encode(&encoded, &request);
}

static void assert_param(unsigned index, const void *bytes, int length)
{
    assert_int_equal(encoded.formats[index], 1);
    assert_int_equal(encoded.lengths[index], length);
    assert_memory_equal(encoded.values[index], bytes, (size_t)length);
}

static void types_are_those_of_the_system_catalogue(void **state)
{
    (void)state;
    assert_int_equal(pgparam_type(DB_INT, false), 20);
    assert_int_equal(pgparam_type(DB_FLOAT, false), 701);
    assert_int_equal(pgparam_type(DB_TEXT, false), 25);
    assert_int_equal(pgparam_type(DB_INT, true), 1016);
    assert_int_equal(pgparam_type(DB_FLOAT, true), 1022);
    assert_int_equal(pgparam_type(DB_TEXT, true), 1009);
}

static void a_plain_call_has_a_value_a_parameter(void **state)
{
    (void)state;
    struct statement statement = {.param_count = 3,
                                  .params = (const struct statement_param[]){
                                      {"p", DB_INT, true}, {"p", DB_FLOAT, true}, {"p", DB_TEXT, true}}};
    static const struct db_param params[] = {{.integer = -2}, {.real = -1.5}, {.text = {"caf\xc3\xa9", 5}}};
    encode(&statement, params, 1);
    assert_param(0, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
    assert_param(1, "\xbf\xf8\0\0\0\0\0\0", 8);
    assert_param(2, "caf\xc3\xa9", 5);
}

/* To libpq a NULL pointer is null, whatever the length. */
static void null_and_an_empty_text_differ(void **state)
{
    (void)state;
    struct statement statement = {.param_count = 3,
                                  .params = (const struct statement_param[]){
                                      {"p", DB_TEXT, true}, {"p", DB_TEXT, true}, {"p", DB_INT, true}}};
    static const struct db_param params[] = {{.text = {"", 0}}, {.null = true}, {.null = true}};
    encode(&statement, params, 1);
    assert_non_null(encoded.values[0]);
    assert_int_equal(encoded.lengths[0], 0);
    assert_null(encoded.values[1]);
    assert_null(encoded.values[2]);
}

static void a_set_has_an_array_a_parameter(void **state)
{
    (void)state;
    struct statement statement = {.set = true,
                                  .param_count = 3,
                                  .params = (const struct statement_param[]){
                                      {"p", DB_INT, true}, {"p", DB_TEXT, true}, {"p", DB_FLOAT, true}}};
    static const struct db_param params[] = {
        {.integer = 1}, {.text = {"ab", 2}}, {.real = 2}, {.integer = 258}, {.null = true}, {.real = 0},
    };
    encode(&statement, params, 2);
    static const char integers[] = "\0\0\0\1"         /* one dimension */
                                   "\0\0\0\0"         /* without nulls */
                                   "\0\0\0\x14"       /* of int8 */
                                   "\0\0\0\2\0\0\0\1" /* two, from 1 on */
                                   "\0\0\0\x8\0\0\0\0\0\0\0\1"
                                   "\0\0\0\x8\0\0\0\0\0\0\1\2";
    static const char texts[] = "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\2\0\0\0\1"
                                "\0\0\0\2"
                                "ab"
                                "\xff\xff\xff\xff";
    static const char reals[] = "\0\0\0\1\0\0\0\0\0\0\2\xbd\0\0\0\2\0\0\0\1"
                                "\0\0\0\x8\x40\0\0\0\0\0\0\0"
                                "\0\0\0\x8\0\0\0\0\0\0\0\0";
    assert_param(0, integers, sizeof integers - 1);
    assert_param(1, texts, sizeof texts - 1);
    assert_param(2, reals, sizeof reals - 1);
}

/* values point into bytes that move while they grow. */
static void what_was_encoded_first_is_good_to_the_last(void **state)
{
    (void)state;
    static char large[100000];
    memset(large, 'x', sizeof large);
    struct statement statement = {
        .param_count = 2,
        .params = (const struct statement_param[]){{"p", DB_TEXT, true}, {"p", DB_TEXT, true}}};
    const struct db_param params[] = {{.text = {"first", 5}}, {.text = {large, sizeof large}}};
    encode(&statement, params, 1);
    assert_param(0, "first", 5);
    assert_param(1, large, sizeof large);
    const struct db_param fewer[] = {{.text = {"again", 5}}, {.null = true}};
    encode(&statement, fewer, 1);
    assert_param(0, "again", 5);
    assert_true(encoded.bytes.cap <= 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_those_of_the_system_catalogue),
        cmocka_unit_test_teardown(a_plain_call_has_a_value_a_parameter, tear_down),
        cmocka_unit_test_teardown(null_and_an_empty_text_differ, tear_down),
        cmocka_unit_test_teardown(a_set_has_an_array_a_parameter, tear_down),
        cmocka_unit_test_teardown(what_was_encoded_first_is_good_to_the_last, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
