/* core/accept, core/weight: who would rather have HTML than JSON, or OpenMetrics than plain text. */
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

static bool open(const char *accept)
{
    struct http_head head = {.field_count = 1, .fields = {{SLICE("Accept"), slice_of(accept)}}};
    return accept_is(&head, SLICE("application/openmetrics-text"));
}

static void a_type_is_given_to_whom_names_it_and_not_plain_text_before_it(void **state)
{
    (void)state;
    assert_true(
        open("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
             "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
    assert_true(open("text/plain, Application/OpenMetrics-Text; version=1.0.0"));
    assert_true(open("application/openmetrics-text;version=0.0.1;q=0.2, application/openmetrics-text;q=0.9, "
                     "text/plain;q=0.5"));
    assert_false(open(""));
    assert_false(open("*/*"));
    assert_false(open("application/*"));
    assert_false(open("text/plain;version=0.0.4"));
    assert_false(open("application/openmetrics-text;q=0"));
    assert_false(open("application/openmetrics-text;q=0.4, text/plain;q=0.5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_want_html),
        cmocka_unit_test(all_others_do_not),
        cmocka_unit_test(lines_of_a_list_are_one_list),
        cmocka_unit_test(a_type_is_given_to_whom_names_it_and_not_plain_text_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
