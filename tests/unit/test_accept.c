/* core/accept, core/weight: who would rather have HTML than JSON. */
#include <config.h>

#include "unit.h"

#include "core/accept.h"

static bool html(const char *accept)
{
    struct http_head head = {
        .field_count = 2,
        .fields = {{SLICE("X-Accept"), SLICE("text/html")}, {SLICE("accept"), slice_of(accept)}}};
    return accept_is_html(&head);
}

static void browsers_want_html(void **state)
{
    (void)state;
    assert_true(
        html("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"));
    assert_true(html("text/html"));
    assert_true(html("Text/HTML ; level=1 ; q=0.5"));
    assert_true(html("application/json;q=0.4, text/html;q=0.5"));
}

static void all_others_do_not(void **state)
{
    (void)state;
    static const char *const lists[] = {"",
                                        "*/*",
                                        "text/*",
                                        "application/json",
                                        "application/json, text/html",
                                        "text/html;q=0",
                                        "text/html;q=0.3, application/problem+json;q=0.4",
                                        "text/html;q=2",
                                        "text/htmlx",
                                        ",,"};
    for (size_t i = 0; i < COUNT(lists); i++)
        assert_false(html(lists[i]));
    struct http_head none = {.field_count = 0};
    assert_false(accept_is_html(&none));
}

static void lines_of_a_list_are_one_list(void **state)
{
    (void)state;
    struct http_head head = {.field_count = 2,
                             .fields = {{SLICE("Accept"), SLICE("text/html;q=0.5")},
                                        {SLICE("Accept"), SLICE("application/json")}}};
    assert_false(accept_is_html(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_want_html),
        cmocka_unit_test(all_others_do_not),
        cmocka_unit_test(lines_of_a_list_are_one_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
