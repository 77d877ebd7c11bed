/* base/text: what is read is read whole, or refused. */
#include <config.h>

#include "unit.h"

#include "base/text.h"

static void integers_of_64_bits_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {{"0", 0},
                 {"-0", 0},
                 {"7", 7},
                 {"-7", -7},
                 {"0012", 12},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t number = 99;
        if (text_int(slice_of(cases[i].text), &number) != TEXT_NUMBER_OK || number != cases[i].number)
            fail_msg("%s", cases[i].text);
    }
}

static void integers_beyond_64_bits_are_out_of_range(void **state)
{
    (void)state;
    static const char *const cases[] = {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                                        "18446744073709551617", "99999999999999999999999999999999999999"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t number;
        if (text_int(slice_of(cases[i]), &number) != TEXT_NUMBER_RANGE)
            fail_msg("%s", cases[i]);
    }
}

static void what_is_not_an_integer_is_malformed(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "-",
                                        "+1",
                                        "1.0",
                                        "1e3",
                                        " 1",
                                        "1 ",
                                        "--1",
                                        "0x1",
                                        "1\n",
                                        "one",
                                        "1,000",
                                        "99999999999999999999x"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t number;
        if (text_int(slice_of(cases[i]), &number) != TEXT_NUMBER_MALFORMED)
            fail_msg("%s", cases[i]);
    }
    int64_t number;
    assert_int_equal(text_int((struct slice){"1\0002", 3}, &number), TEXT_NUMBER_MALFORMED);
}

static void decimal_numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double number;
    } cases[] = {{"0", 0},          {"-0.0", 0},        {"12.707580", 12.707580},
                 {"012.70", 12.70}, {"+4.5", 4.5},      {"1e2", 100},
                 {"1E+2", 100},     {"25e-1", 2.5},     {"1e-999", 0.0},
                 {"-90", -90},      {"180.000000", 180}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        double number = 99;
        if (text_double(slice_of(cases[i].text), &number) != TEXT_NUMBER_OK ||
            !(number >= cases[i].number && number <= cases[i].number))
            fail_msg("%s", cases[i].text);
    }
}

static void what_is_no_finite_decimal_number_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",      ".",   "1.",  ".5",  "-",   "e1",       "1e",       "1e+",
                                        "nan",   "inf", "NaN", "0x1", "1,5", "1 ",       " 1",       "1.5.2",
                                        "1e5.5", "--1", "+-1", "1_0", "1f",  "infinity", "-Infinity"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        double number;
        if (text_double(slice_of(cases[i]), &number) != TEXT_NUMBER_MALFORMED)
            fail_msg("%s", cases[i]);
    }
    double number;
    assert_int_equal(text_double(SLICE("1e999"), &number), TEXT_NUMBER_RANGE);
    assert_int_equal(text_double(SLICE("-1e999"), &number), TEXT_NUMBER_RANGE);
}

static void a_double_is_written_so_that_it_reads_back(void **state)
{
    (void)state;
    static const double cases[] = {0,    -0.5,         50.456399, 12.70758, 0.1, 1.0 / 3, -179.99999999999997,
                                   1e-7, 123456789.125};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        double number;
        text_from_double(text, sizeof text, cases[i]);
        assert_int_equal(text_double(slice_of(text), &number), TEXT_NUMBER_OK);
        assert_memory_equal(&number, &cases[i], sizeof number);
    }
    char text[32];
    text_from_double(text, sizeof text, 50.456399);
    assert_string_equal(text, "50.456399");
}

static void utf8_counts_code_points(void **state)
{
    (void)state;
    size_t points = 99;
    assert_true(text_utf8(SLICE(""), &points));
    assert_int_equal(points, 0);
    assert_true(text_utf8(SLICE("a\u00e9\u20ac\U0001f600"), &points));
    assert_int_equal(points, 4);
    assert_true(text_utf8(SLICE("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80"), NULL));
}

static void what_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const struct slice cases[] = {
        {"\x80", 1},             /* a continuation alone */
        {"\xc3", 1},             /* cut */
        {"\xe2\x82", 2},         /* cut */
        {"\xf0\x9f\x98", 3},     /* cut */
        {"\xc0\x80", 2},         /* overlong */
        {"\xc1\xbf", 2},         /* overlong */
        {"\xe0\x9f\xbf", 3},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 4}, /* overlong */
        {"\xed\xa0\x80", 3},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4}, /* past U+10FFFF */
        {"\xf5\x80\x80\x80", 4}, /* no such first byte */
        {"\xff", 1},
        {"\xc3\x28", 2},
        {"a\0b", 3},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (text_utf8(cases[i], NULL))
            fail_msg("case %zu", i);
}

static void a_text_that_was_cut_ends_with_a_whole_character(void **state)
{
    (void)state;
    static const char whole[] = "xé語🚲";
    static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    for (size_t cut = 0; cut < COUNT(ends); cut++) {
        char text[sizeof whole];
        memcpy(text, whole, cut);
        text[cut] = '\0';
        text_end_at_character(text);
        assert_int_equal(strlen(text), ends[cut]);
    }
}

static void percent_escapes_are_decoded(void **state)
{
    (void)state;
    char out[64];
    size_t length;
    assert_true(text_percent_decode(SLICE("a%20b%C3%a9+c"), false, out, &length));
    assert_int_equal(length, 7);
    assert_memory_equal(out, "a b\xc3\xa9+c", 7);
    assert_true(text_percent_decode(SLICE("a+b%2B"), true, out, &length));
    assert_int_equal(length, 4);
    assert_memory_equal(out, "a b+", 4);
    assert_true(text_percent_decode(SLICE(""), true, out, &length));
    assert_int_equal(length, 0);
}

static void bad_escapes_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"%",   "%4",    "a%",  "%zz", "%4g",    "%g4",
                                        "%00", "a%00b", "%ff", "%c3", "%c0%80", "%%41"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64];
        size_t length;
        if (text_percent_decode(slice_of(cases[i]), false, out, &length))
            fail_msg("%s", cases[i]);
    }
}

static void all_but_unreserved_characters_are_encoded(void **state)
{
    (void)state;
    char out[64];
    text_percent_encode(SLICE("aZ09-._~"), out);
    assert_string_equal(out, "aZ09-._~");
    text_percent_encode(SLICE("a b/?&=+%\xc3\xa9"), out);
    assert_string_equal(out, "a%20b%2F%3F%26%3D%2B%25%C3%A9");
    text_percent_encode(SLICE(""), out);
    assert_string_equal(out, "");
}

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t nanoseconds;
    } cases[] = {{"1970-01-01 00:00:00+00", 0},
                 {"1970-01-01T00:00:01.5Z", 1500000000},
                 {"2000-02-29 23:59:59.000001+00", INT64_C(951868799000001000)},
                 {"2000-03-01T00:00:00.000Z", INT64_C(951868800000000000)},
                 {"2026-11-26 22:54:13.123456+00", INT64_C(1795733653123456000)},
                 {"1969-12-31T23:59:59Z", INT64_C(-1000000000)}};
    int64_t read;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(text_time(slice_of(cases[i].text), &read));
        assert_int_equal(read, cases[i].nanoseconds);
    }
    static const char *const wrong[] = {"",
                                        "2026",
                                        "2026-11-26",
                                        "2026-11-26 22:54",
                                        "infinity",
                                        "20x6-11-26 22:54:13",
                                        "-026-11-26 22:54:13",
                                        "2026-11--6 22:54:13",
                                        "9223372036854775808",
                                        "2300-01-01 00:00:00+00",
                                        "0001-01-01 00:00:00+00"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(text_time(slice_of(wrong[i]), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_64_bits_are_read),
        cmocka_unit_test(integers_beyond_64_bits_are_out_of_range),
        cmocka_unit_test(what_is_not_an_integer_is_malformed),
        cmocka_unit_test(decimal_numbers_are_read),
        cmocka_unit_test(what_is_no_finite_decimal_number_is_refused),
        cmocka_unit_test(a_double_is_written_so_that_it_reads_back),
        cmocka_unit_test(utf8_counts_code_points),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(a_text_that_was_cut_ends_with_a_whole_character),
        cmocka_unit_test(percent_escapes_are_decoded),
        cmocka_unit_test(bad_escapes_are_refused),
        cmocka_unit_test(all_but_unreserved_characters_are_encoded),
        cmocka_unit_test(times_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
