/* core/feed_position, core/feed_event and core/feed_ring: what a feed keeps, and how it is found again. */
#include <config.h>

#include "unit.h"

#include "core/feed_ring.h"

static struct feed_ring ring;

static struct feed_position at(int64_t xid, int64_t number)
{
    return (struct feed_position){xid, number};
}

/* Its text and its owner say which one it is. */
static void add(int64_t xid, int64_t number)
{
    char text[32], owner[32];
    snprintf(text, sizeof text, "text %d", (int)number);
    snprintf(owner, sizeof owner, "owner %d", (int)number);
    const struct feed_event event = {
        .position = at(xid, number), .text = slice_of(text), .owner = slice_of(owner)};
    feed_ring_add(&ring, &event);
}

static int set_up(void **state)
{
    (void)state;
    feed_ring_init(&ring, 8, 1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    feed_ring_fini(&ring);
    return 0;
}

static void ids_are_read_as_they_are_written(void **state)
{
    static const char *const good[] = {"0-0", "5731-42", "9223372036854775807-9223372036854775807"};
    static const char *const bad[] = {"",
                                      "-",
                                      "1",
                                      "1-",
                                      "-1",
                                      "1--2",
                                      "-1-2",
                                      "1-2-",
                                      " 1-2",
                                      "+1-2",
                                      "1-x",
                                      "1 - 2",
                                      "9223372036854775808-1"};
    char text[FEED_POSITION_SIZE];
    struct feed_position position;
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(feed_position_read(slice_of(good[i]), &position));
        feed_position_write(text, position);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(feed_position_read(slice_of(bad[i]), &position));
    assert_false(feed_position_read((struct slice){NULL, 0}, &position));
}

static void positions_are_in_the_order_of_transactions(void **state)
{
    (void)state;
    assert_true(feed_position_compare(at(1, 9), at(2, 1)) < 0);
    assert_true(feed_position_compare(at(2, 1), at(1, 9)) > 0);
    assert_true(feed_position_compare(at(2, 1), at(2, 2)) < 0);
    assert_int_equal(feed_position_compare(at(2, 2), at(2, 2)), 0);
}

static void a_filter_takes_what_all_of_it_names(void **state)
{
    const struct feed_event event = {.record = 7, .owner = SLICE("ann"), .kind = 1}, nobodys = {.record = 7};
    const struct feed_filter everything = {.of_record = false};
    (void)state;
    assert_true(feed_filter_is_open(&everything));
    assert_true(feed_filter_takes(&everything, &event) && feed_filter_takes(&everything, &nobodys));
    struct feed_filter filter = {
        .of_record = true, .record = 7, .of_owner = true, .owner = SLICE("ann"), .kinds = 2};
    assert_false(feed_filter_is_open(&filter));
    assert_true(feed_filter_takes(&filter, &event));
    assert_false(feed_filter_takes(&filter, &nobodys));
    filter.kinds = 5;
    assert_false(feed_filter_takes(&filter, &event));
    filter.kinds = 0;
    filter.record = 8;
    assert_false(feed_filter_takes(&filter, &event));
    filter.of_record = false;
    filter.owner = SLICE("an");
    assert_false(feed_filter_takes(&filter, &event));
}

/* Every position that the ring knows leads to what follows it, and no other does. */
static void check_found(int64_t first, int64_t last, int64_t behind)
{
    uint64_t number;
    for (int64_t i = first; i <= last; i++) {
        assert_true(feed_ring_find(&ring, at(3, i), &number));
        assert_int_equal(number, ring.first + (uint64_t)(i - first) + 1);
    }
    assert_true(feed_ring_find(&ring, ring.start, &number));
    assert_int_equal(number, ring.first);
    assert_false(feed_ring_find(&ring, at(3, behind), &number));
    assert_false(feed_ring_find(&ring, at(4, 1), &number));
}

static void what_is_in_the_ring_is_found_by_its_position(void **state)
{
    uint64_t number;
    (void)state;
    assert_true(feed_ring_find(&ring, at(0, 0), &number));
    assert_int_equal(number, 0);
    assert_false(feed_ring_find(&ring, at(3, 1), &number));
    for (int64_t i = 1; i <= 8; i++) {
        add(3, i);
        assert_int_equal(feed_position_compare(feed_ring_end(&ring), at(3, i)), 0);
        check_found(1, i, i + 1);
    }
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= 100; i++)
        add(3, i);
    assert_int_equal(ring.next - ring.first, 8);
    assert_int_equal(feed_position_compare(ring.start, at(3, 92)), 0);
    check_found(93, 100, 91);
    for (uint64_t number = ring.first; number < ring.next; number++) {
        char text[32], owner[32];
        snprintf(text, sizeof text, "text %d", (int)number + 1);
        snprintf(owner, sizeof owner, "owner %d", (int)number + 1);
        assert_true(slice_equal(feed_ring_at(&ring, number)->text, slice_of(text)));
        assert_true(slice_equal(feed_ring_at(&ring, number)->owner, slice_of(owner)));
    }
}

static void the_oldest_go_when_they_are_too_long(void **state)
{
    char text[400];
    (void)state;
    memset(text, 'x', sizeof text);
    for (int64_t i = 1; i <= 5; i++) {
        const struct feed_event event = {.position = at(3, i), .text = {text, sizeof text}};
        feed_ring_add(&ring, &event);
    }
    assert_int_equal(ring.next - ring.first, 2);
    assert_int_equal(ring.bytes, 800);
    check_found(4, 5, 2);
    char huge[2000] = "one that is longer than all may be together";
    const struct feed_event event = {.position = at(3, 6), .text = {huge, sizeof huge}};
    feed_ring_add(&ring, &event);
    assert_int_equal(ring.next - ring.first, 1);
    check_found(6, 6, 4);
}

static void a_ring_that_begins_anew_counts_on(void **state)
{
    uint64_t number;
    (void)state;
    add(3, 1);
    add(3, 2);
    feed_ring_restart(&ring, at(9, 9));
    assert_int_equal(ring.bytes, 0);
    assert_int_equal(ring.first, 2);
    assert_int_equal(feed_position_compare(feed_ring_end(&ring), at(9, 9)), 0);
    assert_false(feed_ring_find(&ring, at(3, 2), &number));
    assert_true(feed_ring_find(&ring, at(9, 9), &number));
    assert_int_equal(number, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ids_are_read_as_they_are_written),      TEST(positions_are_in_the_order_of_transactions),
        TEST(a_filter_takes_what_all_of_it_names),   TEST(what_is_in_the_ring_is_found_by_its_position),
        TEST(the_oldest_go_when_there_are_too_many), TEST(the_oldest_go_when_they_are_too_long),
        TEST(a_ring_that_begins_anew_counts_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
