/* base/similar: what a mistyped word was probably meant to be. */
#include <config.h>

#include "unit.h"

#include "base/similar.h"

static const char *const known[] = {"serve", "seed", "import", "migrate", "routes", "config", NULL, ""};

static void means(const char *word, const char *expected)
{
    char hint[SIMILAR_HINT_MAX], wanted[SIMILAR_HINT_MAX] = "";
    struct similar similar = similar_to(word, strlen(word));
    for (size_t i = 0; i < COUNT(known); i++)
        similar_try(&similar, known[i]);
    if (expected != NULL)
        snprintf(wanted, sizeof wanted, " (did you mean %s?)", expected);
    if (strcmp(similar_hint(&similar, hint), wanted) != 0)
        fail_msg("%s:%s", word, hint);
}

static void a_slip_of_the_finger_is_understood(void **state)
{
    (void)state;
    means("serv", "serve");
    means("srve", "serve");
    means("sede", "seed"); /* two letters swapped are one slip */
    means("mirgaet", "migrate");
    means("imgraet", "migrate");
    means("sxrvx", "serve");
    means("seve", "serve");
    means("imprt", "import");
    means("improt", "import");
    means("migrates", "migrate");
    means("mogrste", "migrate");
    means("sed", "seed");
    means("seeed", "seed");
}

static void the_beginning_of_a_word_is_that_word(void **state)
{
    (void)state;
    means("mig", "migrate");
    means("con", "config");
    means("co", NULL);

    char hint[SIMILAR_HINT_MAX];
    struct similar similar = similar_to("listen", 6);
    similar_try(&similar, "listen-host");
    assert_string_equal(similar_hint(&similar, hint), " (did you mean listen-host?)");
    similar = similar_to("listen-", 7); /* that of many */
    similar_try(&similar, "listen-host");
    assert_string_equal(similar_hint(&similar, hint), "");
}

static void what_is_far_from_all_is_nothing(void **state)
{
    (void)state;
    means("", NULL);
    means("elephant", NULL);
    means("xyz", NULL);
    means("sd", NULL);
    means("sxxd", NULL);     /* two letters of four */
    means("mograsty", NULL); /* three letters off */
}

static void the_closest_wins_and_the_first_of_those(void **state)
{
    (void)state;
    char hint[SIMILAR_HINT_MAX];
    struct similar similar = similar_to("listeners", 9);
    similar_try(&similar, "listen-us");
    similar_try(&similar, "listener");
    similar_try(&similar, "listenersx");
    assert_string_equal(similar_hint(&similar, hint), " (did you mean listener?)");
}

static void words_beyond_measure_are_not_compared(void **state)
{
    (void)state;
    char hint[SIMILAR_HINT_MAX], lengthy[42];
    memset(lengthy, 'a', 41);
    lengthy[41] = '\0';
    struct similar similar = similar_to(lengthy, 41);
    similar_try(&similar, lengthy + 1);
    assert_string_equal(similar_hint(&similar, hint), "");
    similar = similar_to(lengthy, 40);
    similar_try(&similar, lengthy);
    assert_string_equal(similar_hint(&similar, hint), "");
    similar_try(&similar, lengthy + 1);
    assert_non_null(strstr(similar_hint(&similar, hint), lengthy + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_finger_is_understood),
        cmocka_unit_test(the_beginning_of_a_word_is_that_word),
        cmocka_unit_test(what_is_far_from_all_is_nothing),
        cmocka_unit_test(the_closest_wins_and_the_first_of_those),
        cmocka_unit_test(words_beyond_measure_are_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
