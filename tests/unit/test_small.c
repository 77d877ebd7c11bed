/* base/backoff, base/clock, base/hash, base/random, base/advice, base/mem. */
#include <config.h>

#include "unit.h"

#include <limits.h>
#include <time.h>

#include "base/advice.h"
#include "base/backoff.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

static void times_are_written_as_the_rfcs_have_them(void **state)
{
    (void)state;
    char text[40];
    struct tm utc;
    clock_rfc3339_at(text, sizeof text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    clock_rfc3339_at(text, sizeof text, 1709210096);
    assert_string_equal(text, "2024-02-29T12:34:56Z");
    clock_rfc3339(text, sizeof text);
    assert_int_equal(strlen(text), 24);
    memset(&utc, 0, sizeof utc);
    assert_string_equal(strptime(text, "%Y-%m-%dT%H:%M:%S", &utc), text + 19);
    assert_true(labs(timegm(&utc) - clock_wall() / CLOCK_SECOND) <= 1);
    assert_int_equal(text[19], '.');
    assert_int_equal(text[23], 'Z');
    memset(&utc, 0, sizeof utc);
    const char *date = clock_http_date();
    assert_string_equal(strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &utc), "");
    assert_int_equal(strlen(date), 29);
    assert_true(labs(timegm(&utc) - clock_wall() / CLOCK_SECOND) <= 1);
    assert_string_equal(clock_http_date(), date);
}

static void the_clock_goes_on(void **state)
{
    (void)state;
    int64_t before = clock_now();
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_true(clock_now() - before >= 2 * CLOCK_MS);
    assert_true(clock_now() - before < 60 * CLOCK_SECOND);
}

static void bytes_and_seeds_have_hashes_of_their_own(void **state)
{
    (void)state;
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t seen[sizeof bytes];
    for (size_t length = 0; length < sizeof bytes; length++) {
        seen[length] = hash_bytes((struct slice){bytes, length}, 0);
        assert_true(seen[length] == hash_bytes((struct slice){bytes, length}, 0));
        assert_true(seen[length] != hash_bytes((struct slice){bytes, length}, 1));
        for (size_t i = 0; i < length; i++)
            assert_true(seen[i] != seen[length]);
    }
}

static void every_byte_counts_in_a_hash(void **state)
{
    (void)state;
    char bytes[40] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (size_t length = 1; length < sizeof bytes; length++)
        for (size_t i = 0; i < length; i++) {
            uint64_t before = hash_bytes((struct slice){bytes, length}, 0);
            bytes[i] ^= 1;
            assert_true(hash_bytes((struct slice){bytes, length}, 0) != before);
            bytes[i] ^= 1;
        }
}

static void random_numbers_keep_to_their_bounds_and_reach_them(void **state)
{
    (void)state;
    bool low = false, high = false;
    for (int i = 0; i < 10000; i++) {
        int64_t number = random_int(-1, 1);
        double real = random_between(2.5, 3);
        assert_in_range(number + 1, 0, 2);
        assert_true(real >= 2.5 && real < 3);
        low |= number == -1;
        high |= number == 1;
    }
    assert_true(low && high);
    assert_int_equal(random_int(7, 7), 7);
}

static void advice_fits_the_message(void **state)
{
    (void)state;
    static const struct {
        const char *message, *word;
    } cases[] = {
        {"FATAL:  database \"x\" does not exist", "createdb"},
        {"FATAL:  role \"x\" does not exist", "createuser"},
        {"connection to server at \"h\", port 1 failed: Connection refused", "port"},
        {"connection to server on socket \"/x\" failed: No such file or directory",
         "PostgreSQL running here"},
        {"permission denied for schema public", "GRANT CREATE"},
        {"permission denied for table orders", "docs/operations.md"},
        {"database is locked", "another program"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *advice = advice_on(cases[i].message);
        if (advice == NULL || strstr(advice, cases[i].word) == NULL)
            fail_msg("%s: %s", cases[i].message, advice != NULL ? advice : "nothing");
    }
    assert_null(advice_on("No such file or directory")); /* not that of a socket */
    assert_null(advice_on("relation \"x\" does not exist"));
    assert_null(advice_on(NULL));
}

static void pauses_double_up_to_their_bound(void **state)
{
    (void)state;
    static const int64_t wanted[] = {100, 200, 400, 800, 1000, 1000};
    for (unsigned failures = 0; failures < COUNT(wanted); failures++)
        assert_int_equal(backoff_ns(failures, 100, 1000), wanted[failures]);
    assert_int_equal(backoff_ns(UINT32_MAX, 100, 1000), 1000);
    assert_int_equal(backoff_ns(0, 100, 50), 50);
    assert_int_equal(backoff_ns(3, 125, 1000), 1000);
}

static void memory_comes_zeroed_and_copied(void **state)
{
    (void)state;
    char *text = mem_printf("%d-%s", 5, "x"), *copy = mem_dup(text), *part = mem_dup_n("abcdef", 3);
    assert_string_equal(text, "5-x");
    assert_string_equal(copy, "5-x");
    assert_string_equal(part, "abc");
    assert_null(mem_dup(NULL));
    int *numbers = mem_array(50, sizeof *numbers);
    for (int i = 0; i < 50; i++)
        assert_int_equal(numbers[i], 0);
    numbers[49] = 7;
    numbers = mem_resize(numbers, 100 * sizeof *numbers);
    assert_int_equal(numbers[49], 7);
    free(numbers);
    free(text);
    free(copy);
    free(part);
}

static void pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    static const int64_t expected[] = {50, 100, 200, 400, 800, 1000, 1000};
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(backoff_ns(i, 50, 1000), expected[i]);
    assert_int_equal(backoff_ns(UINT_MAX, 1, INT64_MAX / 2), INT64_MAX / 2);
    assert_int_equal(backoff_ns(0, 2000, 1000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(times_are_written_as_the_rfcs_have_them),
        cmocka_unit_test(the_clock_goes_on),
        cmocka_unit_test(bytes_and_seeds_have_hashes_of_their_own),
        cmocka_unit_test(every_byte_counts_in_a_hash),
        cmocka_unit_test(random_numbers_keep_to_their_bounds_and_reach_them),
        cmocka_unit_test(advice_fits_the_message),
        cmocka_unit_test(pauses_double_up_to_their_bound),
        cmocka_unit_test(memory_comes_zeroed_and_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
