/* core/access_log: lines that other programs read, whatever clients send. */
#include <config.h>

#include "unit.h"

#include <time.h>

#include "core/access_log.h"

static struct buf line = BUF_INIT(1 << 16);

/* The line without its time, which is compared by its form. */
static const char *written(enum access_log_format format, const struct access *access)
{
    static char text[8192];
    buf_clear(&line);
    access_log_line(&line, format, access);
    const char *all = buf_text(&line), *from = strchr(all, '['), *to = strchr(all, ']');
    assert_int_equal(to - from, sizeof "[02/Jan/2026:03:04:05 +0100" - 1);
    snprintf(text, sizeof text, "%.*s%s", (int)(from + 1 - all), all, to);
    return text;
}

static const struct visitor ann = {.target = {"/orders?page=1&limit=3", 22},
                                   .referer = {"http://a.example/", 17},
                                   .agent = {"curl/8", 6},
                                   .minor = 1};

static void a_line_is_as_others_have_it(void **state)
{
    (void)state;
    struct access access = {
        .client = "192.0.2.7", .visitor = &ann, .method = "GET", .status = 200, .bytes = 12345};
    assert_string_equal(written(ACCESS_LOG_COMMON, &access),
                        "192.0.2.7 - - [] \"GET /orders?page=1&limit=3 HTTP/1.1\" 200 12345\n");
    access.user = "ann";
    assert_string_equal(written(ACCESS_LOG_COMBINED, &access),
                        "192.0.2.7 - ann [] \"GET /orders?page=1&limit=3 HTTP/1.1\" 200 12345 "
                        "\"http://a.example/\" \"curl/8\"\n");
}

static void what_is_not_there_is_a_dash(void **state)
{
    (void)state;
    static const struct visitor nobody = {.minor = 1}, quiet = {.target = {"/", 1}, .agent = {"", 0}};
    struct access access = {.client = "", .visitor = &nobody, .method = "-", .status = 400};
    assert_string_equal(written(ACCESS_LOG_COMBINED, &access), "- - - [] \"-\" 400 - \"-\" \"-\"\n");
    access = (struct access){.client = "", .visitor = &quiet, .method = "HEAD", .status = 204};
    assert_string_equal(written(ACCESS_LOG_COMBINED, &access),
                        "- - - [] \"HEAD / HTTP/1.0\" 204 - \"-\" \"-\"\n");
}

static void nobody_ends_a_line_or_a_text_in_it(void **state)
{
    (void)state;
    static const struct visitor mallory = {
        .target = {"/\"x\" 200 1\\", 11}, .agent = {"\" \n\r\t\x1b\x7f\xc3\xa9\\\"", 11}, .minor = 1};
    struct access access = {.client = "", .visitor = &mallory, .method = "GET", .status = 404, .bytes = 1};
    assert_string_equal(written(ACCESS_LOG_COMBINED, &access),
                        "- - - [] \"GET /\\\"x\\\" 200 1\\\\ HTTP/1.1\" 404 1 \"-\" "
                        "\"\\\" \\x0a\\x0d\\x09\\x1b\\x7f\\xc3\\xa9\\\\\\\"\"\n");
}

static void its_time_is_local(void **state)
{
    (void)state;
    struct access access = {.client = "192.0.2.7", .visitor = &ann, .method = "GET", .status = 200};
    char expected[64];
    time_t before = time(NULL);
    buf_clear(&line);
    access_log_line(&line, ACCESS_LOG_COMMON, &access);
    bool found = false;
    for (time_t at = before - 1; at <= time(NULL) && !found; at++) {
        strftime(expected, sizeof expected, "[%d/%b/%Y:%H:%M:%S %z]", localtime(&at));
        found = strstr(buf_text(&line), expected) != NULL;
    }
    assert_true(found);
}

static int east(void **state)
{
    (void)state;
    return setenv("TZ", "NPT-05:45", 1);
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&line);
    return unsetenv("TZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_as_others_have_it),
        cmocka_unit_test(what_is_not_there_is_a_dash),
        cmocka_unit_test(nobody_ends_a_line_or_a_text_in_it),
        cmocka_unit_test(its_time_is_local),
    };
    return cmocka_run_group_tests(tests, east, tear_down);
}
