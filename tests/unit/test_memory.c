/* base/buf, base/arena, base/list. */
#include <config.h>

#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"

static void assert_content(const struct buf *buf, const char *expected)
{
    assert_false(buf->failed);
    assert_int_equal(buf->len, strlen(expected));
    assert_memory_equal(buf->data, expected, buf->len);
}

static void a_buffer_gathers_what_is_added(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    buf_add(&buf, "one", 3);
    buf_add_char(&buf, ' ');
    buf_add_string(&buf, "two ");
    buf_add_slice(&buf, SLICE("three "));
    buf_add_int(&buf, INT64_MIN);
    buf_printf(&buf, " %d%%", 5);
    buf_add(&buf, NULL, 0);
    assert_content(&buf, "one two three -9223372036854775808 5%");
    buf_drop(&buf, 4);
    assert_content(&buf, "two three -9223372036854775808 5%");
    buf_drop(&buf, buf.len);
    assert_int_equal(buf.len, 0);
    buf_fini(&buf);
    buf_fini(&buf);
}

static void a_buffer_takes_exactly_its_maximum(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(10);
    buf_add(&buf, "0123456789", 10);
    assert_content(&buf, "0123456789");
    buf_add_char(&buf, 'x');
    assert_true(buf.failed);
    buf_fini(&buf);
}

static void its_text_ends_with_a_nul_that_is_no_part_of_it(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(4);
    assert_string_equal(buf_text(&buf), "");
    buf_add_string(&buf, "ab");
    assert_string_equal(buf_text(&buf), "ab");
    buf_add_char(&buf, 'c');
    assert_string_equal(buf_text(&buf), "abc");
    assert_int_equal(buf.len, 3);
    buf_add_char(&buf, 'd'); /* there is no room for the NUL */
    assert_null(buf_text(&buf));
    assert_true(buf.failed);
    buf_fini(&buf);
}

static void a_failed_buffer_stays_failed_until_it_is_cleared(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(8);
    buf_add_string(&buf, "far too long for it");
    assert_true(buf.failed);
    buf_add_char(&buf, 'a');
    assert_true(buf.failed);
    assert_null(buf_room(&buf, 1));
    buf_clear(&buf);
    buf_add_char(&buf, 'a');
    assert_content(&buf, "a");
    assert_null(buf_room(&buf, SIZE_MAX));
    assert_true(buf.failed);
    buf_fini(&buf);
}

/* Whether the text fits into the memory that is there by one byte more, by none, or not. */
static void printf_grows_the_memory_when_it_must(void **state)
{
    (void)state;
    static const size_t lengths[] = {510, 511, 512, 513};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct buf buf = BUF_INIT(2000);
        buf_add(&buf, "x", 1);
        assert_int_equal(buf.cap, 512);
        buf_printf(&buf, "%0*d", (int)lengths[i] - 1, 7);
        assert_int_equal(buf.len, lengths[i]);
        assert_int_equal(buf.cap, lengths[i] < 512 ? 512 : 1024);
        for (size_t k = 1; k < buf.len - 1; k++)
            assert_int_equal(buf.data[k], '0');
        assert_int_equal(buf.data[buf.len - 1], '7');
        buf_fini(&buf);
    }
}

static void printf_that_does_not_fit_fails(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(6); /* with the NUL that printf writes */
    buf_printf(&buf, "%s", "12345");
    assert_content(&buf, "12345");
    buf_printf(&buf, "%s", "6");
    assert_true(buf.failed);
    buf_fini(&buf);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    buf_add_json(&buf, SLICE("a\"b\\c\n\t\r\b\f\x01\x1f/\x7f\u00e9\U0001f600"));
    assert_false(buf.failed);
    buf_add_char(&buf, '\0');
    assert_string_equal(buf.data, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f/\x7f\u00e9\U0001f600\"");
    buf_clear(&buf);
    buf_add_json(&buf, SLICE(""));
    assert_content(&buf, "\"\"");
    buf_fini(&buf);
}

static void an_arena_gives_memory_that_does_not_overlap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (int round = 0; round < 3; round++) {
        unsigned char *pieces[200];
        for (size_t i = 0; i < COUNT(pieces); i++) {
            pieces[i] = arena_alloc(&arena, i * 37);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
            memset(pieces[i], (int)i, i * 37);
        }
        for (size_t i = 0; i < COUNT(pieces); i++)
            for (size_t j = 0; j < i * 37; j++)
                assert_int_equal(pieces[i][j], i);
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

static void an_arena_copies_and_prints(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    char text[] = "borrowed";
    struct slice copy = arena_dup(&arena, slice_of(text));
    text[0] = 'X';
    assert_int_equal(copy.len, 8);
    assert_string_equal(copy.ptr, "borrowed");
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "seven"), "7-seven");
    const char *large = arena_printf(&arena, "%0100000d", 1);
    assert_int_equal(strlen(large), 100000);
    arena_fini(&arena);
}

struct thing {
    int number;
    struct list_node link;
};

static void a_list_keeps_order_and_counts(void **state)
{
    (void)state;
    struct list list;
    struct thing things[4];
    list_init(&list);
    assert_null(list_first(&list));
    assert_null(list_pop(&list));
    for (int i = 0; i < 4; i++) {
        things[i].number = i;
        list_node_init(&things[i].link);
        assert_false(list_linked(&things[i].link));
    }
    list_append(&list, &things[1].link);
    list_append(&list, &things[2].link);
    list_append(&list, &things[3].link);
    list_prepend(&list, &things[0].link);
    assert_int_equal(list.length, 4);
    list_remove(&things[2].link);
    list_remove(&things[2].link);
    assert_int_equal(list.length, 3);
    static const int expected[] = {0, 1, 3};
    size_t i = 0;
    list_for_each(struct thing, thing, &list, link)
        assert_int_equal(thing->number, expected[i++]);
    assert_int_equal(i, 3);
    for (i = 0; i < 3; i++)
        assert_int_equal(list_pop_of(&list, struct thing, link)->number, expected[i]);
    assert_int_equal(list.length, 0);
    assert_false(list_linked(&things[3].link));
}

static void a_walk_may_remove_what_it_is_given(void **state)
{
    (void)state;
    struct list list;
    struct thing things[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&list);
    for (int i = 0; i < 4; i++)
        list_append(&list, &things[i].link);
    list_for_each(struct thing, thing, &list, link) {
        if (thing->number % 2 == 0)
            list_remove(&thing->link);
    }
    assert_int_equal(list.length, 2);
    assert_ptr_equal(list_first_of(&list, struct thing, link), &things[1]);
    assert_ptr_equal(list_last_of(&list, struct thing, link), &things[3]);
    list_for_each(struct thing, thing, &list, link)
        list_remove(&thing->link);
    assert_null(list_first_of(&list, struct thing, link));
    assert_null(list_last_of(&list, struct thing, link));
    assert_int_equal(list.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_gathers_what_is_added),
        cmocka_unit_test(a_buffer_takes_exactly_its_maximum),
        cmocka_unit_test(its_text_ends_with_a_nul_that_is_no_part_of_it),
        cmocka_unit_test(a_failed_buffer_stays_failed_until_it_is_cleared),
        cmocka_unit_test(printf_grows_the_memory_when_it_must),
        cmocka_unit_test(printf_that_does_not_fit_fails),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(an_arena_gives_memory_that_does_not_overlap),
        cmocka_unit_test(an_arena_copies_and_prints),
        cmocka_unit_test(a_list_keeps_order_and_counts),
        cmocka_unit_test(a_walk_may_remove_what_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
