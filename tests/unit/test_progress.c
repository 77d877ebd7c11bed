/* base/progress: what is shown of how far a command is. */
#include <config.h>

#include "unit.h"

#include "base/clock.h"
#include "base/progress.h"

/* seconds after it has begun */
static void shows(struct progress progress, int64_t seconds, int columns, const char *expected)
{
    char line[PROGRESS_LINE_MAX];
    progress.what = "orders";
    progress.began = 5 * CLOCK_SECOND;
    progress_write(line, &progress, progress.began + seconds * CLOCK_SECOND, columns);
    assert_string_equal(line, expected);
}

static struct progress bar(int64_t done, int64_t total)
{
    return (struct progress){.kind = PROGRESS_BAR, .done = done, .total = total};
}

static void a_line_has_number_rate_and_what_is_left(void **state)
{
    (void)state;
    shows((struct progress){.kind = PROGRESS_LINES, .done = 300, .total = 1200}, 10, 80,
          "orders: 300/1200, 30/s, 30 s left");
    shows((struct progress){.kind = PROGRESS_LINES, .done = 0, .total = 1200}, 10, 80, "orders: 0/1200");
    shows((struct progress){.kind = PROGRESS_LINES, .done = 10, .total = 20}, 0, 80, "orders: 10/20");
    shows((struct progress){.kind = PROGRESS_LINES, .done = 1, .total = 3}, 100, 80,
          "orders: 1/3, 0.0/s, 3 min 20 s left");
    shows((struct progress){.kind = PROGRESS_LINES, .done = 1000, .total = 100000000}, 1, 20,
          "orders: 1000/100000000, 1000/s, 27 h 46 min left");
}

static void a_bar_fills_what_the_terminal_leaves_it(void **state)
{
    (void)state;
    shows(bar(300, 1200), 10, 200,
          "orders [##########..............................] 300/1200 30/s, 30 s left");
    shows(bar(300, 1200), 10, 61, "orders [######....................] 300/1200 30/s, 30 s left");
    shows(bar(300, 1200), 10, 44, "orders 300/1200 30/s, 30 s left");
    shows(bar(300, 1200), 10, 20, "orders 300/1200 30/");
    shows(bar(300, 1200), 10, 1, "");
}

static void a_full_bar_says_how_long_it_took(void **state)
{
    (void)state;
    shows(bar(1200, 1200), 8, 65, "orders [################################] 1200/1200 150/s in 8 s");
    shows(bar(0, 0), 8, 40, "orders [#########################] 0/0 ");
}

static void nobody_needs_to_look(void **state)
{
    (void)state;
    progress_set(NULL, 1);
    progress_add(NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_number_rate_and_what_is_left),
        cmocka_unit_test(a_bar_fills_what_the_terminal_leaves_it),
        cmocka_unit_test(a_full_bar_says_how_long_it_took),
        cmocka_unit_test(nobody_needs_to_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
