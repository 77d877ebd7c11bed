/* base/csv: RFC 4180, with the line and the field of what is wrong. */
#include <config.h>

#include "unit.h"

#include "base/csv.h"

/* Reads text to its end into "field|field/field|field/", with ! for what is bad. */
static const char *read_all(const char *text, size_t length, struct csv *csv)
{
    static char out[512];
    static char *copy;
    size_t used = 0;
    enum csv_found found;
    free(copy);
    copy = malloc(length > 0 ? length : 1); /* of just this size, so that reading past the end is seen */
    memcpy(copy, text, length);
    csv_init(csv, copy, length);
    while ((found = csv_next(csv)) == CSV_RECORD) {
        for (size_t i = 0; i < csv->count; i++)
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", i > 0 ? "|" : "",
                                     (int)csv->fields[i].text.len, csv->fields[i].text.ptr);
        used += (size_t)snprintf(out + used, sizeof out - used, "/");
    }
    snprintf(out + used, sizeof out - used, "%s", found == CSV_BAD ? "!" : "");
    return out;
}

struct reading {
    const char *text, *records;
};

static void check(const struct reading *cases, size_t count)
{
    struct csv csv;
    for (size_t i = 0; i < count; i++) {
        const char *got = read_all(cases[i].text, strlen(cases[i].text), &csv);
        if (strcmp(got, cases[i].records) != 0)
            fail_msg("%s\nis read as %s\nand not as %s", cases[i].text, got, cases[i].records);
    }
}

static void records_and_fields_are_separated(void **state)
{
    (void)state;
    static const struct reading cases[] = {
        {"a,b\nc,d\n", "a|b/c|d/"},
        {"a,b\r\nc,d\r\n", "a|b/c|d/"},
        {"a,b\nc,d", "a|b/c|d/"},
        {"a,b\r\nc,d\n", "a|b/c|d/"},
        {"a", "a/"},
        {"a,,b", "a||b/"},
        {",", "|/"},
        {"a,\nb,", "a|/b|/"},
        {" a , b ", " a | b /"},
        {"a;b\tc", "a;b\tc/"},
    };
    check(cases, COUNT(cases));
}

static void an_empty_text_has_no_records(void **state)
{
    (void)state;
    static const struct reading cases[] = {
        {"", ""}, {"\n", ""}, {"\r\n\n", ""}, {"\xef\xbb\xbf", ""}, {"\xef\xbb\xbf\n", ""}};
    check(cases, COUNT(cases));
}

static void lines_without_a_character_are_passed_over(void **state)
{
    (void)state;
    static const struct reading cases[] = {
        {"\n\na\n\r\n\nb\n\n", "a/b/"}, {"a\n \nb", "a/ /b/"}, {"a\n\"\"\nb", "a//b/"}};
    check(cases, COUNT(cases));
}

static void quoted_fields_hold_commas_quotes_and_lines(void **state)
{
    (void)state;
    static const struct reading cases[] = {
        {"\"a,b\",c", "a,b|c/"}, {"\"a \"\"b\"\"\",c", "a \"b\"|c/"}, {"\"\"\"\"", "\"/"},
        {"\"\",\"\"", "|/"},     {"\"a\nb\",c\nd,e", "a\nb|c/d|e/"},  {"\"a\r\nb\"\r\nc", "a\r\nb/c/"},
        {"\"a\rb\"", "a\rb/"},   {"\"a\n\n\nb\"", "a\n\n\nb/"},       {"x,\"a\"\r\n\"b\",y", "x|a/b|y/"},
        {"\" a \"", " a /"},
    };
    check(cases, COUNT(cases));
}

static void a_byte_order_mark_is_passed_over_in_front_alone(void **state)
{
    (void)state;
    static const struct reading cases[] = {
        {"\xef\xbb\xbf"
         "a,b\n",
         "a|b/"},
        {"\xef\xbb\xbf\"a\",b\n", "a|b/"},
        {"a\n\xef\xbb\xbf"
         "b",
         "a/\xef\xbb\xbf"
         "b/"},
    };
    check(cases, COUNT(cases));
}

static void what_is_bad_names_its_line_and_field(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t line, column;
        const char *word;
    } cases[] = {
        {"a,b\nc,d\"e\n", 2, 2, "quote within"},
        {"a\"", 1, 1, "quote within"},
        {" \"a\"", 1, 1, "quote within"},
        {"a,b\nc,\"d\n\ne", 2, 2, "not closed"},
        {"\"", 1, 1, "not closed"},
        {"\"\"\"", 1, 1, "not closed"},
        {"a,b,\"c\"d", 1, 3, "behind the closing quote"},
        {"\"a\" ,b", 1, 1, "behind the closing quote"},
        {"\"a\"\rb", 1, 1, "behind the closing quote"},
        {"\n\na\rb", 3, 1, "carriage return"},
        {"a\r", 1, 1, "carriage return"},
        {"\"x\ny\",z\"", 2, 2, "quote within"},
        {"\"1\n2\n3\"\n\n\"", 5, 1, "not closed"},
    };
    struct csv csv;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got = read_all(cases[i].text, strlen(cases[i].text), &csv);
        if (strchr(got, '!') == NULL || csv.line != cases[i].line || csv.column != cases[i].column ||
            strstr(csv.reason, cases[i].word) == NULL)
            fail_msg("%s\ngives %s line %zu column %zu: %s", cases[i].text, got, csv.line, csv.column,
                     csv.reason);
    }
}

static void records_and_fields_know_their_lines(void **state)
{
    (void)state;
    char text[] = "a,b\n\n\"c\nd\",e\r\nf";
    struct csv csv;
    csv_init(&csv, text, sizeof text - 1);
    assert_int_equal(csv_next(&csv), CSV_RECORD);
    assert_int_equal(csv.line, 1);
    assert_int_equal(csv_next(&csv), CSV_RECORD);
    assert_int_equal(csv.line, 3);
    assert_int_equal(csv.fields[0].line, 3);
    assert_int_equal(csv.fields[1].line, 4);
    assert_int_equal(csv_next(&csv), CSV_RECORD);
    assert_int_equal(csv.line, 5);
    assert_int_equal(csv_next(&csv), CSV_END);
}

static void there_are_so_many_fields_and_no_more(void **state)
{
    (void)state;
    char text[CSV_FIELDS_MAX + 1];
    struct csv csv;
    memset(text, ',', sizeof text);
    csv_init(&csv, text, CSV_FIELDS_MAX - 1);
    assert_int_equal(csv_next(&csv), CSV_RECORD);
    assert_int_equal(csv.count, CSV_FIELDS_MAX);
    csv_init(&csv, text, CSV_FIELDS_MAX);
    assert_int_equal(csv_next(&csv), CSV_BAD);
    assert_int_equal(csv.line, 1);
    assert_int_equal(csv.column, CSV_FIELDS_MAX);
}

static void nul_is_a_byte_like_others(void **state)
{
    (void)state;
    struct csv csv;
    char text[] = {'a', '\0', 'b', ',', 'c'};
    csv_init(&csv, text, sizeof text);
    assert_int_equal(csv_next(&csv), CSV_RECORD);
    assert_int_equal(csv.count, 2);
    assert_int_equal(csv.fields[0].text.len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_fields_are_separated),
        cmocka_unit_test(an_empty_text_has_no_records),
        cmocka_unit_test(lines_without_a_character_are_passed_over),
        cmocka_unit_test(quoted_fields_hold_commas_quotes_and_lines),
        cmocka_unit_test(a_byte_order_mark_is_passed_over_in_front_alone),
        cmocka_unit_test(what_is_bad_names_its_line_and_field),
        cmocka_unit_test(records_and_fields_know_their_lines),
        cmocka_unit_test(there_are_so_many_fields_and_no_more),
        cmocka_unit_test(nul_is_a_byte_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
