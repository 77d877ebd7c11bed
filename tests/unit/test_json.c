/* base/json: what clients send is read strictly, and a refusal names the member. */
#include <config.h>

#include "unit.h"

#include "base/json.h"

static char error[192];

static struct json *read_text(const char *text)
{
    strcpy(error, "");
    return json_read(slice_of(text), error, sizeof error);
}

static void every_kind_of_value_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {
        {"null", JSON_NULL_VALUE},          {"true", JSON_BOOL_VALUE},
        {"false", JSON_BOOL_VALUE},         {"-7", JSON_INT_VALUE},
        {"1.5", JSON_REAL_VALUE},           {"1e2", JSON_REAL_VALUE},
        {"\"\\u00e9\"", JSON_STRING_VALUE}, {"[1]", JSON_ARRAY_VALUE},
        {" {} ", JSON_OBJECT_VALUE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *document = read_text(cases[i].text);
        if (document == NULL || json_type_of(document) != cases[i].type)
            fail_msg("%s", cases[i].text);
        json_free(document);
    }
}

static void values_are_read_whole(void **state)
{
    (void)state;
    struct json *document =
        read_text("{\"i\": -9223372036854775808, \"r\": 2.5, \"t\": \"a\\u0001b\", \"l\": [1, \"2\"]}");
    assert_non_null(document);
    assert_int_equal(json_int(json_member(document, "i")), INT64_MIN);
    assert_true(json_number(json_member(document, "r")) >= 2.5 &&
                json_number(json_member(document, "r")) <= 2.5);
    assert_true(slice_equal(json_text(json_member(document, "t")), (struct slice){"a\x01"
                                                                                  "b",
                                                                                  3}));
    const struct json *list = json_member(document, "l");
    assert_int_equal(json_length(list), 2);
    assert_true(json_number(json_at(list, 0)) >= 1 && json_number(json_at(list, 0)) <= 1);
    assert_true(slice_equal(json_text(json_at(list, 1)), SLICE("2")));
    assert_null(json_at(list, 2));
    assert_null(json_member(document, "x"));
    json_free(document);
}

static bool note_name(const char *name, const struct json *value, void *argument)
{
    char *seen = argument;
    assert_int_equal(json_type_of(value), JSON_INT_VALUE);
    strcat(seen, name);
    return strcmp(name, "b") != 0;
}

static void members_are_visited_until_one_says_stop(void **state)
{
    (void)state;
    char seen[16] = "";
    struct json *document = read_text("{\"a\": 1, \"c\": 2}");
    assert_true(json_each(document, note_name, seen));
    assert_string_equal(seen, "ac");
    json_free(document);
    strcpy(seen, "");
    document = read_text("{\"a\": 1, \"b\": 2, \"c\": 3}");
    assert_false(json_each(document, note_name, seen));
    assert_string_equal(seen, "ab");
    json_free(document);
}

static void a_refusal_names_the_member_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "The body is not JSON."},
        {"no", "The body is not JSON."},
        {"{} {}", "The body is not JSON."},
        {"[1,", "The body is not JSON."},
        {"{\"a\": 1", "The body is not JSON: a is malformed."},
        {"{\"a\": tru}", "The body is not JSON: a is malformed."},
        {"{\"a\": {\"b\": [1, {\"c\": .5}]}}", "The body is not JSON: c is malformed."},
        {"{\"a\": {\"b\": 1}, \"d\": 01}", "The body is not JSON: d is malformed."},
        {"{\"a\": [1, 2], \"e\": +1}", "The body is not JSON: e is malformed."},
        {"{\"a\": \"{,\\\"\", \"f\": nul}", "The body is not JSON: f is malformed."},
        {"{\"a\": 1, \"a\": 2}", "a is given twice."},
        {"{\"a\": 9223372036854775808}", "a is a number beyond what 64 bits or a double hold."},
        {"{\"a\": 1e999}", "a is a number beyond what 64 bits or a double hold."},
        {"1e999", "The body is a number beyond what 64 bits or a double hold."},
        {"{\"a\": \"\xff\"}", "a is not valid UTF-8."},
        {"{\"a\": \"\\u0000\"}", "a has a NUL character (\\u0000)."},
        {"{\"\xff\": 1}", "The name of a member is not valid UTF-8."},
        {"{\"a\\u0000\": 1}", "The body has a NUL character (\\u0000)."},
        {"{\"a\\\"\\u0062\x7f\": nul}", "The body is not JSON: a\"b is malformed."},
        {"{\"\": nul}", "The body is not JSON."},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (read_text(cases[i].text) != NULL)
            fail_msg("accepted: %s", cases[i].text);
        if (strcmp(error, cases[i].error) != 0)
            fail_msg("%s\n  gives: %s", cases[i].text, error);
    }
    assert_null(json_read((struct slice){NULL, 0}, error, sizeof error));
    assert_string_equal(error, "The body is not JSON.");
}

static void a_long_name_is_cut_in_the_message(void **state)
{
    (void)state;
    char text[400], expected[192];
    snprintf(text, sizeof text, "{\"%0300d\": nul}", 0);
    snprintf(expected, sizeof expected, "The body is not JSON: %064d is malformed.", 0);
    assert_null(read_text(text));
    assert_string_equal(error, expected);
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    static char text[20000];
    for (size_t i = 0; i < 10000; i++)
        text[i] = '[';
    assert_null(read_text(text));
    assert_string_equal(error, "The body is nested too deeply.");
    memcpy(text, "{\"deep\": ", 9);
    for (size_t i = 9; i < 10000; i++)
        text[i] = '[';
    assert_null(read_text(text));
    assert_string_equal(error, "deep is nested too deeply.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_told),
        cmocka_unit_test(values_are_read_whole),
        cmocka_unit_test(members_are_visited_until_one_says_stop),
        cmocka_unit_test(a_refusal_names_the_member_and_says_why),
        cmocka_unit_test(a_long_name_is_cut_in_the_message),
        cmocka_unit_test(nesting_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
