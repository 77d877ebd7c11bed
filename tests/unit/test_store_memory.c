/* store/store_memory: the store in the process. */
#include <config.h>

#include "unit.h"

#include <time.h>

#include "store/store_memory.h"

#define LONG (100 * CLOCK_SECOND)

static void put(struct store *store, const char *key, const char *value, int64_t life_ns)
{
    store->ops->put(store, slice_of(key), slice_of(value), life_ns);
}

static bool holds(struct store *store, const char *key, const char *expected)
{
    struct store_find find = {NULL, NULL};
    struct slice value = {NULL, 0};
    return store->ops->find(store, slice_of(key), &find, &value) == STORE_HIT &&
           slice_equal(value, slice_of(expected));
}

static bool misses(struct store *store, const char *key)
{
    struct store_find find = {NULL, NULL};
    struct slice value = {NULL, 0};
    return store->ops->find(store, slice_of(key), &find, &value) == STORE_MISS;
}

static void what_was_put_is_found(void **state)
{
    (void)state;
    struct store *store = store_memory_new(100000);
    assert_true(misses(store, "a"));
    put(store, "a", "one", LONG);
    put(store, "b", "", LONG);
    put(store, "", "three", LONG);
    assert_true(holds(store, "a", "one"));
    assert_true(holds(store, "b", ""));
    assert_true(holds(store, "", "three"));
    assert_true(misses(store, "ab"));
    put(store, "a", "another", LONG);
    assert_true(holds(store, "a", "another"));
    store->ops->free(store);
}

static void what_replaces_takes_no_more_room(void **state)
{
    (void)state;
    struct store *store = store_memory_new(100000);
    put(store, "a", "0123456789", LONG);
    size_t one = store_memory_bytes(store);
    assert_true(one >= 11);
    for (int i = 0; i < 100; i++)
        put(store, "a", "9876543210", LONG);
    assert_int_equal(store_memory_bytes(store), one);
    put(store, "a", "", LONG);
    assert_int_equal(store_memory_bytes(store), one - 10);
    store->ops->free(store);
}

static void nothing_is_found_after_its_time(void **state)
{
    (void)state;
    struct store *store = store_memory_new(100000);
    put(store, "short", "1", 20 * CLOCK_MS);
    put(store, "long", "2", LONG);
    put(store, "none", "3", 0);
    assert_true(misses(store, "none"));
    assert_true(holds(store, "short", "1"));
    nanosleep(&(struct timespec){.tv_nsec = 25 * 1000 * 1000}, NULL);
    size_t before = store_memory_bytes(store);
    assert_true(misses(store, "short"));
    assert_true(store_memory_bytes(store) < before);
    assert_true(holds(store, "long", "2"));
    store->ops->free(store);
}

static void the_least_recently_used_makes_room(void **state)
{
    (void)state;
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = '\0';
    struct store *store = store_memory_new(4 * 1200);
    put(store, "a", value, LONG);
    put(store, "b", value, LONG);
    put(store, "c", value, LONG);
    put(store, "d", value, LONG);
    assert_true(holds(store, "a", value));
    put(store, "e", value, LONG);
    assert_true(misses(store, "b"));
    assert_true(holds(store, "a", value) && holds(store, "c", value) && holds(store, "d", value) &&
                holds(store, "e", value));
    store->ops->free(store);
}

static void bytes_never_exceed_their_bound(void **state)
{
    (void)state;
    enum { MOST = 50000 };
    char key[16], value[4001];
    struct store *store = store_memory_new(MOST);
    memset(value, 'v', 4000);
    for (int i = 0; i < 5000; i++) {
        size_t length = (size_t)(i * 37 % 4000);
        snprintf(key, sizeof key, "%d", i % 700);
        store->ops->put(store, slice_of(key), (struct slice){value, length}, LONG);
        assert_true(store_memory_bytes(store) <= MOST);
        assert_false(misses(store, key));
    }
    store->ops->free(store);
}

static void what_is_larger_than_all_of_it_is_not_kept(void **state)
{
    (void)state;
    char value[2001];
    memset(value, 'v', 2000);
    value[2000] = '\0';
    struct store *store = store_memory_new(1500);
    put(store, "small", "1", LONG);
    put(store, "large", value, LONG);
    assert_true(misses(store, "large"));
    assert_true(holds(store, "small", "1"));
    put(store, "small", value, LONG); /* what it would have replaced is out of date */
    assert_true(misses(store, "small"));
    assert_int_equal(store_memory_bytes(store), 0);
    store->ops->free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(what_replaces_takes_no_more_room),
        cmocka_unit_test(nothing_is_found_after_its_time),
        cmocka_unit_test(the_least_recently_used_makes_room),
        cmocka_unit_test(bytes_never_exceed_their_bound),
        cmocka_unit_test(what_is_larger_than_all_of_it_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
