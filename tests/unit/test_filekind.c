/* base/filekind: what is no text in UTF-8 is told apart before a parser stumbles over it. */
#include <config.h>

#include "unit.h"

#include "base/filekind.h"

static void kinds_are_known_by_how_they_begin(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *says;
    } cases[] = {
        {{"", 0}, "is empty"},
        {{"\xff\xfe\0\0a\0\0\0", 8}, "UTF-32"},
        {{"\0\0\xfe\xff\0\0\0a", 8}, "UTF-32"},
        {{"\xff\xfe"
          "a\0",
          4},
         "UTF-16"},
        {{"\xfe\xff\0a", 4}, "UTF-16"},
        {{"i\0d\0", 4}, "UTF-16"},
        {{"\0i\0d", 4}, "UTF-16"},
        {{"PK\x03\x04...", 7}, "ZIP"},
        {{"\xd0\xcf\x11\xe0\xa1", 5}, "workbook"},
        {{"%PDF-1.7", 8}, "PDF"},
        {{"\x1f\x8b\x08", 3}, "compressed"},
        {{"BZh9", 4}, "compressed"},
        {{"\xfd"
          "7zXZ\0",
          6},
         "compressed"},
        {{"\x28\xb5\x2f\xfd", 4}, "compressed"},
        {{"id\x01,name\n", 9}, "binary"},
        {{"id\0\0,name\n", 10}, "binary"},
        {{"a\n\x01\x02", 4}, "binary"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *kind = filekind_of(cases[i].bytes);
        if (kind == NULL || strstr(kind, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, kind != NULL ? kind : "text");
    }
}

static void texts_may_be_text(void **state)
{
    (void)state;
    static const struct slice cases[] = {
        {"id,name\r\n1,a\r\n", 14}, {"\xef\xbb\xbfid\n", 6}, {"PK\x03", 2},
        {"a\tb\v\f\n", 6},          {"a\n\x01", 3}, /* one stray is named by the parser, with its line */
        {"caf\xe9\n", 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (filekind_of(cases[i]) != NULL)
            fail_msg("case %zu: %s", i, filekind_of(cases[i]));
}

/* One in twenty is too many, one in more is a mistake in a text. */
static void few_controls_in_a_long_text_are_let_pass(void **state)
{
    (void)state;
    char text[101];
    memset(text, 'a', sizeof text);
    text[0] = '\n';
    for (size_t i = 0; i < 5; i++)
        text[10 + i] = 0x7f;
    assert_null(filekind_of((struct slice){text, 100}));
    text[20] = 0x7f;
    assert_non_null(filekind_of((struct slice){text, 100}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_known_by_how_they_begin),
        cmocka_unit_test(texts_may_be_text),
        cmocka_unit_test(few_controls_in_a_long_text_are_let_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
