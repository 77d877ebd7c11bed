/* web/template, web/format: what a template makes of data, and that a value stays text. The tags themselves are read by
 * build-aux/embed-pages.awk (tests/build/embed-pages.test). */
#include <config.h>

#include "unit.h"

#include "web/asset.h"
#include "web/template.h"
#include "web/templates.h"

#define TEXT(words)                                                                                          \
    {                                                                                                        \
        .kind = TEMPLATE_TEXT, .text = { words, sizeof words - 1 }                                           \
    }
#define VALUE(name)                                                                                          \
    {                                                                                                        \
        .kind = TEMPLATE_VALUE, .text = { name, sizeof name - 1 }                                            \
    }
#define SECTION(name, behind)                                                                                \
    {                                                                                                        \
        .kind = TEMPLATE_SECTION, .text = {name, sizeof name - 1}, .end = (behind)                           \
    }
#define INVERTED(name, behind)                                                                               \
    {                                                                                                        \
        .kind = TEMPLATE_INVERTED, .text = {name, sizeof name - 1}, .end = (behind)                          \
    }
#define END                                                                                                  \
    {                                                                                                        \
        .kind = TEMPLATE_END                                                                                 \
    }

static void assert_made(const struct template_op *ops, const char *data, const char *expected)
{
    char error[128];
    struct buf out = BUF_INIT(10000);
    struct web_template template = {"t", ops};
    struct json *json = json_read(slice_of(data), error, sizeof error);
    assert_non_null(json);
    template_add(&out, &template, json);
    buf_add_char(&out, '\0');
    assert_string_equal(out.data, expected);
    json_free(json);
    buf_fini(&out);
}

static void a_value_is_escaped_whatever_it_is(void **state)
{
    (void)state;
    static const struct template_op ops[] = {TEXT("<a b=\""), VALUE("x"), TEXT("\">"), END};
    assert_made(ops, "{\"x\":\"\\\"'<script>&amp;\"}", "<a b=\"&quot;&#39;&lt;script&gt;&amp;amp;\">");
    assert_made(ops, "{\"x\":-12}", "<a b=\"-12\">");
    assert_made(ops, "{\"x\":1.5}", "<a b=\"1.5\">");
    assert_made(ops, "{\"x\":true}", "<a b=\"true\">");
    assert_made(ops, "{\"x\":null}", "<a b=\"\">");
    assert_made(ops, "{\"x\":[1]}", "<a b=\"\">");
    assert_made(ops, "{}", "<a b=\"\">");
    assert_made(ops, "{\"x\":\"caf\xc3\xa9 \xf0\x9f\x99\x82\"}", "<a b=\"caf\xc3\xa9 \xf0\x9f\x99\x82\">");
}

static void a_section_is_for_what_is_there(void **state)
{
    (void)state;
    static const struct template_op ops[] = {SECTION("x", 2), TEXT("yes"), INVERTED("x", 4), TEXT("no"), END};
    static const char *const there[] = {"true", "0", "\"a\"", "{}", "[1]", "-1.5"}, *const not_there[] = {
                                                                                        "false", "null",
                                                                                        "\"\"", "[]"};
    char data[64];
    for (size_t i = 0; i < COUNT(there); i++) {
        snprintf(data, sizeof data, "{\"x\":%s}", there[i]);
        assert_made(ops, data, "yes");
    }
    for (size_t i = 0; i < COUNT(not_there); i++) {
        snprintf(data, sizeof data, "{\"x\":%s}", not_there[i]);
        assert_made(ops, data, "no");
    }
    assert_made(ops, "{}", "no");
}

static void a_section_is_repeated_for_each_and_looks_inside_first(void **state)
{
    (void)state;
    static const struct template_op ops[] = {SECTION("rows", 5), VALUE("id"), TEXT(","),
                                             VALUE("name"),      TEXT(";"),   END};
    assert_made(
        ops, "{\"name\":\"out\",\"rows\":[{\"id\":1,\"name\":\"in\"},{\"id\":2},{\"id\":3,\"name\":null}]}",
        "1,in;2,out;3,;");
    assert_made(ops, "{\"rows\":{\"id\":9}}", "9,;");
    assert_made(ops, "{\"rows\":\"x\",\"id\":8}", "8,;");
}

static void a_dot_before_a_name_looks_no_further(void **state)
{
    (void)state;
    static const struct template_op ops[] = {SECTION("rows", 3), VALUE(".name"), TEXT(";"), END};
    assert_made(ops, "{\"name\":\"out\",\"rows\":[{\"name\":\"in\"},{\"id\":2}]}", "in;;");
}

static void names_with_dots_go_into_objects_and_arrays(void **state)
{
    (void)state;
    static const struct template_op ops[] = {VALUE("a.b"),       TEXT(" "),      VALUE("a.at.1"),
                                             TEXT(" "),          VALUE("a.b.c"), VALUE("a.at.7"),
                                             SECTION("a.at", 8), VALUE("."),     END};
    assert_made(ops, "{\"a\":{\"b\":\"x\",\"at\":[5,6]}}", "x 6 56");
}

static void sections_nest_and_parts_are_filled_where_they_stand(void **state)
{
    (void)state;
    static const struct template_op part_ops[] = {TEXT("<"), VALUE("n"), TEXT(">"), END};
    static const struct web_template part = {"p", part_ops};
    static const struct template_op ops[] = {
        SECTION("a", 4), SECTION("b", 3), {.kind = TEMPLATE_PART, .part = &part}, TEXT("|"), END};
    assert_made(ops, "{\"a\":[{\"b\":[{\"n\":1},{\"n\":2}]},{\"b\":[]},{\"b\":{\"n\":3}}]}", "<1><2>||<3>|");
}

static void assert_format(enum format format, const char *text, const char *expected)
{
    struct buf out = BUF_INIT(1000);
    format_add(&out, format, slice_of(text));
    buf_add_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_fini(&out);
}

static void formats_make_text_of_text(void **state)
{
    (void)state;
    assert_format(FORMAT_URL, "a b&c=\xc3\xa9/", "a%20b%26c%3D%C3%A9%2F");
    assert_format(FORMAT_INITIALS, "octo-cat", "OC");
    assert_format(FORMAT_INITIALS, "octocat", "O");
    assert_format(FORMAT_INITIALS, "\xc3\xa9mile von zola", "\xc3\xa9Z");
    assert_format(FORMAT_INITIALS, "-", "");
    assert_format(FORMAT_THOUSANDS, "1234567", "1,234,567");
    assert_format(FORMAT_THOUSANDS, "123", "123");
    assert_format(FORMAT_MILLIERS, "1234567",
                  "1\xe2\x80\xaf"
                  "234\xe2\x80\xaf"
                  "567");
    assert_format(FORMAT_THOUSANDS, "-1234", "-1234");
    assert_format(FORMAT_KM, "1728057", "1,728 km");
    assert_format(FORMAT_KM, "940", "0.9 km");
    assert_format(FORMAT_KM, "far", "far");
    assert_format(FORMAT_TIME, "2026-01-02T03:04:05.678Z", "2026-01-02 03:04 UTC");
    assert_format(FORMAT_TIME, "soon", "soon");
}

static void an_address_is_of_this_server_or_of_the_web(void **state)
{
    (void)state;
    static const char *const good[] = {"/", "/a?b=c", "?page=2", "#top", "http://a.test/", "HTTPS://a.test"},
                             *const bad[] = {"javascript:alert(1)",
                                             "//evil.test",
                                             "/\\evil.test",
                                             "data:text/html,x",
                                             " javascript:alert(1)",
                                             "",
                                             "evil"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_format(FORMAT_LINK, good[i], good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_format(FORMAT_LINK, bad[i], "#");
}

static void what_does_not_fit_fails(void **state)
{
    (void)state;
    char error[128];
    struct json *json = json_read(SLICE("{\"x\":\"<<<<\"}"), error, sizeof error);
    static const struct template_op ops[] = {TEXT("ab"), VALUE("x"), END};
    static const struct web_template template = {"t", ops};
    for (size_t most = 0; most < 18; most++) {
        struct buf out = BUF_INIT(most);
        template_add(&out, &template, json);
        assert_true(out.failed);
        buf_fini(&out);
    }
    json_free(json);
}

static void files_that_pages_load_are_found_by_name(void **state)
{
    (void)state;
    assert_true(assets[0].name != NULL);
    for (const struct asset *asset = assets; asset->name != NULL; asset++) {
        assert_ptr_equal(asset_find(slice_of(asset->name)), asset);
        assert_true(asset->gzip.len > 20 && asset->gzip.ptr[0] == '\x1f');
    }
    assert_string_equal(asset_of(SLICE("style.css"))->file, "style.css");
    assert_null(asset_of(SLICE("none.css")));
    assert_null(asset_find(SLICE("style.css")));
    assert_null(asset_find(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_escaped_whatever_it_is),
        cmocka_unit_test(a_section_is_for_what_is_there),
        cmocka_unit_test(a_section_is_repeated_for_each_and_looks_inside_first),
        cmocka_unit_test(a_dot_before_a_name_looks_no_further),
        cmocka_unit_test(names_with_dots_go_into_objects_and_arrays),
        cmocka_unit_test(sections_nest_and_parts_are_filled_where_they_stand),
        cmocka_unit_test(formats_make_text_of_text),
        cmocka_unit_test(an_address_is_of_this_server_or_of_the_web),
        cmocka_unit_test(what_does_not_fit_fails),
        cmocka_unit_test(files_that_pages_load_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
