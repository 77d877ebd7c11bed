/* core/etag: entity tags, and the lists of them that If-Match and If-None-Match are. */
#include <config.h>

#include "unit.h"

#include "core/etag.h"

static void finds(const char *list, const char *tag, enum etag_found weakly, enum etag_found strongly)
{
    assert_int_equal(etag_find(slice_of(list), tag, ETAG_WEAK), weakly);
    assert_int_equal(etag_find(slice_of(list), tag, ETAG_STRONG), strongly);
}

static void a_tag_is_written_as_it_is_found(void **state)
{
    char weak[ETAG_SIZE], strong[ETAG_SIZE];
    (void)state;
    etag_write(weak, ETAG_WEAK, 0xabcd);
    etag_write(strong, ETAG_STRONG, UINT64_MAX);
    assert_string_equal(weak, "W/\"000000000000abcd\"");
    assert_string_equal(strong, "\"ffffffffffffffff\"");
    finds(weak, weak, ETAG_FOUND, ETAG_NOT_FOUND);
    finds(strong, strong, ETAG_FOUND, ETAG_FOUND);
    finds(strong, weak, ETAG_NOT_FOUND, ETAG_NOT_FOUND);
}

/* The table of RFC 9110 section 8.8.3.2. */
static void strong_and_weak_comparison_differ_as_the_rfc_says(void **state)
{
    (void)state;
    finds("W/\"1\"", "W/\"1\"", ETAG_FOUND, ETAG_NOT_FOUND);
    finds("W/\"1\"", "W/\"2\"", ETAG_NOT_FOUND, ETAG_NOT_FOUND);
    finds("W/\"1\"", "\"1\"", ETAG_FOUND, ETAG_NOT_FOUND);
    finds("\"1\"", "\"1\"", ETAG_FOUND, ETAG_FOUND);
}

static void the_tag_may_be_anywhere_in_the_list(void **state)
{
    (void)state;
    finds("\"1\", \"2\",\"3\"", "\"1\"", ETAG_FOUND, ETAG_FOUND);
    finds("\"1\", \"2\",\"3\"", "\"2\"", ETAG_FOUND, ETAG_FOUND);
    finds("\"1\"\t,\"2\" ,  \"3\"", "\"3\"", ETAG_FOUND, ETAG_FOUND);
    finds("W/\"1\", \"1\"", "\"1\"", ETAG_FOUND, ETAG_FOUND);
    finds("\"1\", W/\"1\"", "\"1\"", ETAG_FOUND, ETAG_FOUND);
    finds(",, \"1\" , ,", "\"1\"", ETAG_FOUND, ETAG_FOUND);
    finds("\"1\", \"2\"", "\"3\"", ETAG_NOT_FOUND, ETAG_NOT_FOUND);
    finds("\"a,b\"", "\"b\"", ETAG_NOT_FOUND, ETAG_NOT_FOUND);
    finds("\"a,b\", \"b\"", "\"b\"", ETAG_FOUND, ETAG_FOUND);
    finds("\"\"", "\"\"", ETAG_FOUND, ETAG_FOUND);
    finds("\"\xff\x21\x7e\\\"", "\"\xff\x21\x7e\\\"", ETAG_FOUND, ETAG_FOUND);
}

static void a_star_has_every_tag_and_nothing_is_in_no_list(void **state)
{
    (void)state;
    finds("*", "\"1\"", ETAG_FOUND, ETAG_FOUND);
    finds("*", "W/\"1\"", ETAG_FOUND, ETAG_FOUND);
    finds("*", "", ETAG_NOT_FOUND, ETAG_NOT_FOUND);
    finds("\"1\", \"\"", "", ETAG_NOT_FOUND, ETAG_NOT_FOUND);
}

static void what_is_malformed_is_so_whatever_else_it_has(void **state)
{
    static const char *const lists[] = {
        "",         " ",        ",",         "1",           "\"",           "\"1",       "1\"",
        "W/",       "W",        "W/1",       "w/\"1\"",     "W /\"1\"",     "W/ \"1\"",  "WW/\"1\"",
        "**",       "*, \"1\"", "\"1\", *",  "\"1\" \"1\"", "\"1\"\"1\"",   "\"1\";q=1", "\"1\", 1",
        "1, \"1\"", "\"1 \"",   "\"1\x7f\"", "\"1\", \"2",  "\"1\"W/\"1\"", "'1'",       "\"1\t\""};
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        finds(lists[i], "\"1\"", ETAG_MALFORMED, ETAG_MALFORMED);
        finds(lists[i], "", ETAG_MALFORMED, ETAG_MALFORMED);
    }
    assert_int_equal(etag_find((struct slice){"\"1\0\"", 4}, "\"1\"", ETAG_WEAK), ETAG_MALFORMED);
}

/* Each prefix of a list, in memory of just its size: sanitizers see a read past its end. */
static void no_list_is_read_past_its_end(void **state)
{
    static const char list[] = ", W/\"1\" , \"2\"\t,*";
    (void)state;
    for (size_t length = 0; length < sizeof list; length++) {
        char *copy = malloc(length > 0 ? length : 1);
        memcpy(copy, list, length);
        enum etag_found found = length >= 13 && length <= 15  ? ETAG_FOUND
                                : length >= 7 && length <= 10 ? ETAG_NOT_FOUND
                                                              : ETAG_MALFORMED;
        assert_int_equal(etag_find((struct slice){copy, length}, "\"2\"", ETAG_STRONG), found);
        free(copy);
    }
}

static void the_tag_of_the_gzip_form_is_another_of_the_same_strength(void **state)
{
    char gzip[ETAG_SIZE];
    (void)state;
    etag_write_gzip(gzip, "W/\"0123456789abcdef\"");
    assert_string_equal(gzip, "W/\"0123456789abcdef-gzip\"");
    etag_write_gzip(gzip, "\"0123456789abcdef\"");
    assert_string_equal(gzip, "\"0123456789abcdef-gzip\"");
    finds(gzip, "\"0123456789abcdef\"", ETAG_NOT_FOUND, ETAG_NOT_FOUND);
}

/* Whoever has got one of them has seen this state of it. */
static void conditions_hold_for_the_tags_of_both_forms(void **state)
{
    (void)state;
    static const struct slice none = {NULL, 0};
    static const char *const seen[] = {"\"1\"", "\"1-gzip\"", "\"x\", \"1-gzip\"", "\"x\",\"1\"", "*"};
    static const char *const other[] = {"\"2\"",           "\"2-gzip\"", "\"1-\"",  "\"1-gzi\"",
                                        "\"1-gzip-gzip\"", "\"-gzip\"",  "\"gzip\""};
    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_int_equal(etag_precondition(slice_of(seen[i]), none, "\"1\""), PRECONDITIONS_HOLD);
        assert_int_equal(etag_precondition(none, slice_of(seen[i]), "\"1\""), IF_NONE_MATCH_FAILS);
        assert_int_equal(etag_precondition(slice_of(seen[i]), none, ""), IF_MATCH_FAILS);
    }
    for (size_t i = 0; i < COUNT(other); i++) {
        assert_int_equal(etag_precondition(slice_of(other[i]), none, "\"1\""), IF_MATCH_FAILS);
        assert_int_equal(etag_precondition(none, slice_of(other[i]), "\"1\""), PRECONDITIONS_HOLD);
    }
    assert_int_equal(etag_precondition(SLICE("W/\"1-gzip\""), none, "\"1\""), IF_MATCH_FAILS);
    assert_int_equal(etag_precondition(none, SLICE("W/\"1-gzip\""), "\"1\""), IF_NONE_MATCH_FAILS);
    assert_int_equal(etag_precondition(none, SLICE("\"1-gzip\""), "W/\"1\""), IF_NONE_MATCH_FAILS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tag_of_the_gzip_form_is_another_of_the_same_strength),
        cmocka_unit_test(conditions_hold_for_the_tags_of_both_forms),
        cmocka_unit_test(a_tag_is_written_as_it_is_found),
        cmocka_unit_test(strong_and_weak_comparison_differ_as_the_rfc_says),
        cmocka_unit_test(the_tag_may_be_anywhere_in_the_list),
        cmocka_unit_test(a_star_has_every_tag_and_nothing_is_in_no_list),
        cmocka_unit_test(what_is_malformed_is_so_whatever_else_it_has),
        cmocka_unit_test(no_list_is_read_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
