/* core/locks: who waits for a lock, in which order, for how long. */
#include <config.h>

#include "unit.h"

#include "base/clock.h"
#include "core/locks.h"

#define DEADLINE_NS (3 * CLOCK_SECOND)
#define NOW (100 * CLOCK_SECOND)

static const struct statement_param id_param = {.name = "id", .type = DB_INT},
                                    text_param = {.name = "text", .type = DB_TEXT};
static const struct statement change = {.param_count = 1, .params = &id_param},
                              drop = {.param_count = 1, .params = &id_param},
                              named = {.param_count = 1, .params = &text_param},
                              set = {.param_count = 1, .params = &id_param, .set = true};

static struct loop *loop;
static struct locks locks;

static void on_turn(void *argument)
{
    (void)argument;
}

static int set_up(void **state)
{
    (void)state;
    memset(&locks, 0, sizeof locks);
    loop = loop_new();
    locks_init(&locks, loop, DEADLINE_NS, on_turn, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(locks.blocked.length, 0);
    locks_fini(&locks);
    loop_free(loop);
    return 0;
}

static void pauses_double_up_to_a_quarter_of_a_second(void **state)
{
    (void)state;
    static const int64_t expected[] = {50, 100, 200, 250, 250};
    struct lock_wait wait = {.statement = &change, .record = 7};
    struct table_lock table = {.shut = false};
    for (size_t i = 0; i < COUNT(expected); i++) {
        locks_meet_row(&locks, &wait, NOW);
        assert_int_equal(wait.retry_at, NOW + expected[i] * CLOCK_MS);
        locks_shut(&locks, &table, NOW);
        assert_int_equal(table.retry_at, NOW + expected[i] * CLOCK_MS);
        assert_true(table.shut);
    }
    assert_true(loop_timer_pending(locks.turn));
    locks_open(&table);
    assert_false(table.shut);
    locks_shut(&locks, &table, NOW);
    assert_int_equal(table.retry_at, NOW + 50 * CLOCK_MS);
    assert_false(locks_leave(&locks, &wait));
}

static void the_first_for_a_record_leaves_its_place_and_its_pause_to_the_next(void **state)
{
    (void)state;
    struct lock_wait waits[3];
    for (size_t i = 0; i < COUNT(waits); i++) {
        waits[i] = (struct lock_wait){.statement = &change, .record = 7};
        assert_int_equal(locks_in_way(&locks, &waits[i]), i > 0);
        locks_block(&locks, &waits[i], NOW);
        assert_int_equal(waits[i].first, i == 0);
    }
    locks_meet_row(&locks, &waits[0], NOW);
    assert_false(locks_leave(&locks, &waits[1])); /* it was not the first */
    assert_true(locks_leave(&locks, &waits[0]));
    assert_true(waits[2].first);
    assert_int_equal(waits[2].retry_at, NOW + 100 * CLOCK_MS);
    locks_meet_row(&locks, &waits[2], NOW);
    assert_int_equal(waits[2].retry_at, NOW + 200 * CLOCK_MS);
    assert_false(locks_leave(&locks, &waits[2]));
}

static void another_record_or_statement_is_in_nobodys_way(void **state)
{
    (void)state;
    const struct lock_wait others[] = {{.statement = &change, .record = 8},
                                       {.statement = &drop, .record = 7}};
    struct lock_wait wait = {.statement = &change, .record = 7};
    locks_block(&locks, &wait, NOW);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(locks_in_way(&locks, &others[i]));
    locks_leave(&locks, &wait);
    static const struct statement *const unknown[] = {&named,
                                                      &set}; /* their record is not told by a number */
    for (size_t i = 0; i < COUNT(unknown); i++) {
        wait = (struct lock_wait){.statement = unknown[i], .record = 7};
        locks_block(&locks, &wait, NOW);
        assert_false(locks_in_way(&locks, &wait));
        locks_leave(&locks, &wait);
    }
}

static void a_wait_ends_with_half_of_the_deadline(void **state)
{
    (void)state;
    struct lock_wait wait = {.statement = &set};
    locks_meet_table(&locks, &wait, NOW);
    locks_meet_table(&locks, &wait, NOW + CLOCK_SECOND);
    assert_int_equal(wait.give_up, NOW + DEADLINE_NS / 2);
    assert_int_equal(locks.row_wait_ns, DEADLINE_NS / 2);
    locks_fini(&locks);
    locks_init(&locks, loop, 60 * CLOCK_SECOND, on_turn, NULL);
    assert_int_equal(locks.table_wait_ns, 30 * CLOCK_SECOND);
    assert_int_equal(locks.row_wait_ns, 2 * CLOCK_SECOND); /* nobody waits longer for a row */
}

static void half_of_the_connections_may_be_held(void **state)
{
    (void)state;
    static const struct {
        unsigned connections, max;
    } cases[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {9, 4}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        locks.holding = cases[i].max - 1;
        assert_true(locks_may_hold(&locks, cases[i].connections));
        locks.holding++;
        assert_false(locks_may_hold(&locks, cases[i].connections));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(pauses_double_up_to_a_quarter_of_a_second),
        CASE(the_first_for_a_record_leaves_its_place_and_its_pause_to_the_next),
        CASE(another_record_or_statement_is_in_nobodys_way),
        CASE(a_wait_ends_with_half_of_the_deadline),
        CASE(half_of_the_connections_may_be_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
