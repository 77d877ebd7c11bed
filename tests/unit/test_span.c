/* trace/span: what a collector gets of a span, to the byte; trace/otlp: which header fields it may get. */
#include <config.h>

#include "unit.h"

#include "trace/otlp.h"

static struct buf out = BUF_INIT(1 << 16);

static const struct trace trace = {.id = {0x0a, [15] = 0x9c}, .span = {1, [7] = 2}, .flags = TRACE_SAMPLED},
                          part = {.id = {0x0a, [15] = 0x9c},
                                  .span = {3, [7] = 4},
                                  .parent = {1, [7] = 2},
                                  .flags = TRACE_SAMPLED,
                                  .state = {"a=1", 3}};

#define IDS "\"traceId\":\"0a00000000000000000000000000009c\",\"spanId\":"

static const char *written(const struct span *span)
{
    buf_clear(&out);
    span_write(&out, span, 1000);
    return buf_text(&out);
}

static void a_span_has_what_is_known_of_it(void **state)
{
    (void)state;
    struct span span = {.trace = &trace, .name = "a \"b\"", .kind = SPAN_SERVER, .start = 5, .end = 7};
    assert_string_equal(written(&span),
                        "{" IDS "\"0100000000000002\",\"flags\":257,\"name\":\"a \\\"b\\\"\",\"kind\":2,"
                        "\"startTimeUnixNano\":\"1005\",\"endTimeUnixNano\":\"1007\",\"attributes\":[]}");
}

static void a_part_has_its_parent_links_and_what_went_wrong(void **state)
{
    (void)state;
    struct span_link link = span_link_to(&trace);
    const struct span_attribute attributes[] = {SPAN_NOTHING, SPAN_INT("n", -7), SPAN_NOTHING,
                                                SPAN_TEXT("t", SLICE(""))};
    struct span span = {.trace = &part,
                        .name = "x",
                        .kind = SPAN_CLIENT,
                        .remote = true,
                        .attributes = attributes,
                        .attribute_count = COUNT(attributes),
                        .links = &link,
                        .link_count = 1,
                        .error = "away"};
    assert_string_equal(
        written(&span),
        "{" IDS "\"0300000000000004\",\"traceState\":\"a=1\",\"parentSpanId\":\"0100000000000002\","
        "\"flags\":769,\"name\":\"x\",\"kind\":3,\"startTimeUnixNano\":\"1000\","
        "\"endTimeUnixNano\":\"1000\",\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":\"-7\"}},"
        "{\"key\":\"t\",\"value\":{\"stringValue\":\"\"}}],\"links\":[{" IDS
        "\"0100000000000002\",\"flags\":257}],\"status\":{\"message\":\"away\",\"code\":2}}");
}

/* How long the text of an attribute is; -1: it is left out. */
static int kept(struct slice text)
{
    struct span_attribute attribute = SPAN_TEXT("t", text);
    buf_clear(&out);
    if (!span_write_attribute(&out, &attribute, false))
        return -1;
    return (int)(out.len - strlen("{\"key\":\"t\",\"value\":{\"stringValue\":\"\"}}"));
}

static void a_long_text_is_cut_before_a_character(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text);
    assert_int_equal(kept((struct slice){text, 1024}), 1024);
    assert_int_equal(kept((struct slice){text, 1025}), 1024);
    memcpy(text + 1022, "\xe2\x82\xac", 3);
    assert_int_equal(kept((struct slice){text, 1025}), 1022);
    assert_int_equal(kept((struct slice){text + 1, 1024}), 1024);
    memcpy(text + 1021, "\xf0\x9f\x8c\x8d", 4);
    assert_int_equal(kept((struct slice){text, 1025}), 1021);
    assert_int_equal(kept((struct slice){text, 1024}), -1); /* it was cut before */
}

static void what_is_no_utf_8_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(kept(SLICE("\xff")), -1);
    assert_int_equal(kept(SLICE("a\0b")), -1);
    assert_int_equal(kept(SLICE("\xc3\xa9")), 2);
}

static void header_fields_are_pairs_by_comma(void **state)
{
    (void)state;
    static const char *const right[] = {"",          "a=1",   "a=1,b=2", " a = 1 , b = 2 ",
                                        "a=%20x%2C", "a=b=c", "a=",      "x-api-key=abc,"},
                             *const wrong[] = {"a",     "=1",    "a b=1",    "a:=1",       "a=%0d%0aB: c",
                                               "a=%zz", "a=%00", "a=1,,b=2", "a\xc3\xa9=1"};
    for (size_t i = 0; i < COUNT(right); i++)
        if (otlp_headers_wrong(right[i]) != NULL)
            fail_msg("%s", right[i]);
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (otlp_headers_wrong(wrong[i]) == NULL)
            fail_msg("%s", wrong[i]);
    char many[200] = "";
    for (int i = 0; i < 32; i++)
        strcat(many, "a=1,");
    assert_null(otlp_headers_wrong(many));
    strcat(many, "a=1");
    assert_non_null(otlp_headers_wrong(many));
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_has_what_is_known_of_it),
        cmocka_unit_test(a_part_has_its_parent_links_and_what_went_wrong),
        cmocka_unit_test(a_long_text_is_cut_before_a_character),
        cmocka_unit_test(what_is_no_utf_8_is_left_out),
        cmocka_unit_test(header_fields_are_pairs_by_comma),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
