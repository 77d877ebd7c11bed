/* core/router: from a method and a path to a route. */
#include <config.h>

#include "unit.h"

#include "core/router.h"

static const struct route routes[] = {
    {.method = HTTP_GET, .path = "/"},
    {.method = HTTP_GET, .path = "/orders"},
    {.method = HTTP_POST, .path = "/orders"},
    {.method = HTTP_GET, .path = "/orders/{id}"},
    {.method = HTTP_PATCH, .path = "/orders/{id}"},
    {.method = HTTP_POST, .path = "/orders/claim"}, /* behind the field, and yet before it */
    {.method = HTTP_GET, .path = "/{what}/{id}/parts/{part}"},
    {.method = HTTP_DELETE, .path = "/orders/{id}/parts/{part}"},
    {.method = HTTP_GET, .path = "/1/2/3/4/5/6/7/{h}"},
};

static struct router *router;
static struct arena arena;
static struct router_match match;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    router = router_new();
    for (size_t i = 0; i < COUNT(routes); i++)
        router_add(router, &routes[i], i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    router_free(router);
    arena_fini(&arena);
    return 0;
}

static void find(enum http_method method, const char *path)
{
    memset(&match, 0xff, sizeof match);
    router_find(router, method, slice_of(path), &arena, &match);
}

static void finds(enum http_method method, const char *path, int route)
{
    find(method, path);
    if (match.route != (route >= 0 ? &routes[route] : NULL) || match.malformed)
        fail_msg("%s", path);
}

static void routes_are_found_by_method_and_path(void **state)
{
    (void)state;
    finds(HTTP_GET, "/", 0);
    finds(HTTP_GET, "/orders", 1);
    finds(HTTP_POST, "/orders", 2);
    finds(HTTP_GET, "/orders/7", 3);
    finds(HTTP_PATCH, "/orders/7", 4);
    finds(HTTP_HEAD, "/orders", 1);
    finds(HTTP_GET, "/1/2/3/4/5/6/7/8", 8);
}

static void a_word_comes_before_a_field(void **state)
{
    (void)state;
    finds(HTTP_POST, "/orders/claim", 5);
    finds(HTTP_GET, "/orders/claim", -1);
    assert_string_equal(match.allow, "POST");
    finds(HTTP_GET, "/orders/1/parts/2", -1); /* as is the more special path */
    assert_string_equal(match.allow, "DELETE");
    finds(HTTP_GET, "/others/1/parts/2", 6);
}

static void fields_get_their_segments_in_order_and_decoded(void **state)
{
    (void)state;
    finds(HTTP_GET, "/a%2Fb/%C3%A9/parts/x%25", 6);
    assert_int_equal(match.segment_count, 3);
    assert_true(slice_equal(match.segments[0], SLICE("a/b")));
    assert_true(slice_equal(match.segments[1], SLICE("\xc3\xa9")));
    assert_true(slice_equal(match.segments[2], SLICE("x%")));
    finds(HTTP_GET, "/orders", 1);
    assert_int_equal(match.segment_count, 0);
    finds(HTTP_GET, "/%6Frders/7", 3); /* words are compared decoded */
}

static void one_slash_at_the_end_is_ignored(void **state)
{
    (void)state;
    finds(HTTP_GET, "/orders/", 1);
    finds(HTTP_GET, "/orders/7/", 3);
    finds(HTTP_GET, "/orders//", -1);
    finds(HTTP_GET, "//", -1);
    finds(HTTP_GET, "//orders", -1);
    finds(HTTP_GET, "/orders//parts/1", -1);
    assert_null(match.allow);
}

static void an_unknown_path_allows_nothing_and_a_known_one_says_what(void **state)
{
    (void)state;
    static const char *const unknown[] = {"/order", "/orders/1/2", "/ORDERS", "/1/2/3/4/5/6/7/8/9"};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        finds(HTTP_GET, unknown[i], -1);
        assert_null(match.allow);
    }
    finds(HTTP_DELETE, "/orders/7", -1);
    assert_string_equal(match.allow, "GET, HEAD, PATCH");
    finds(HTTP_PUT, "/", -1);
    assert_string_equal(match.allow, "GET, HEAD");
}

static void a_bad_escape_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"/orders/%",   "/orders/%4",  "/orders/%zz",
                                      "/orders/%ff", "/orders/%00", "/nowhere/%"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        find(HTTP_GET, bad[i]);
        if (!match.malformed || match.route != NULL || match.allow != NULL)
            fail_msg("%s", bad[i]);
    }
}

static void the_whole_server_has_the_methods_of_all_paths(void **state)
{
    (void)state;
    finds(HTTP_OPTIONS, "*", -1);
    assert_string_equal(match.allow, "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
}

#define ROUTER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROUTER(routes_are_found_by_method_and_path),
        ROUTER(a_word_comes_before_a_field),
        ROUTER(fields_get_their_segments_in_order_and_decoded),
        ROUTER(one_slash_at_the_end_is_ignored),
        ROUTER(an_unknown_path_allows_nothing_and_a_known_one_says_what),
        ROUTER(a_bad_escape_is_malformed),
        ROUTER(the_whole_server_has_the_methods_of_all_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
