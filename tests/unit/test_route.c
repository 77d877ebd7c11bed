/* core/route: which routes have entity tags, and which conditions are looked at. */
#include <config.h>

#include "core/route.h"
#include "unit.h"

static const struct statement statement, guard;

#define TAGGED(route_is, tag, on_read, on_write)                                                             \
    assert_int_equal(route_has_tag(&(route_is)), tag);                                                       \
    assert_int_equal(route_has_read_conditions(&(route_is)), on_read);                                       \
    assert_int_equal(route_has_write_conditions(&(route_is)), on_write)

static void data_that_is_read_has_a_tag_for_conditions(void **state)
{
    (void)state;
    for (enum reply_shape shape = REPLY_OBJECT; shape <= REPLY_PAGE; shape++) {
        struct route route = {.method = HTTP_GET, .statement = &statement, .shape = shape};
        TAGGED(route, true, true, false);
    }
}

static void what_is_no_data_has_none(void **state)
{
    (void)state;
    struct route route = {.method = HTTP_GET, .content_type = "text/plain"};
    TAGGED(route, false, false, false);
}

static void a_record_that_was_stored_has_the_tag_that_its_get_has(void **state)
{
    (void)state;
    struct route route = {.method = HTTP_POST, .shape = REPLY_OBJECT, .guard = &guard};
    TAGGED(route, true, false, true);
}

static void a_write_without_a_guard_looks_at_no_condition(void **state)
{
    (void)state;
    struct route route = {.method = HTTP_POST, .shape = REPLY_OBJECT, .once = &statement};
    TAGGED(route, false, false, false);
}

static void what_patch_and_delete_answer_is_not_the_record(void **state)
{
    (void)state;
    static const enum http_method methods[] = {HTTP_PATCH, HTTP_DELETE};
    for (size_t i = 0; i < COUNT(methods); i++) {
        struct route route = {.method = methods[i], .shape = REPLY_OBJECT, .guard = &guard};
        TAGGED(route, false, false, true);
    }
}

static void a_path_is_known_where_one_before_has_it(void **state)
{
    (void)state;
    static const struct route routes[] = {{.method = HTTP_GET, .path = "/a"},
                                          {.method = HTTP_POST, .path = "/b"},
                                          {.method = HTTP_POST, .path = "/a"}};
    assert_false(route_path_is_known(routes, 0));
    assert_false(route_path_is_known(routes, 1));
    assert_true(route_path_is_known(routes, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_that_is_read_has_a_tag_for_conditions),
        cmocka_unit_test(what_is_no_data_has_none),
        cmocka_unit_test(a_record_that_was_stored_has_the_tag_that_its_get_has),
        cmocka_unit_test(a_write_without_a_guard_looks_at_no_condition),
        cmocka_unit_test(what_patch_and_delete_answer_is_not_the_record),
        cmocka_unit_test(a_path_is_known_where_one_before_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
