/* base/cacheurl: addresses of caches, and how they are shown. */
#include <config.h>

#include "unit.h"

#include "base/cacheurl.h"

static void same_text(const char *a, const char *b, const char *about)
{
    if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
        fail_msg("%s: %s instead of %s", about, a != NULL ? a : "nothing", b != NULL ? b : "nothing");
}

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct cacheurl url;
    } cases[] = {
        {"none", {.kind = CACHE_NONE}},
        {"none:", {.kind = CACHE_NONE}},
        {"simple", {.kind = CACHE_SIMPLE}},
        {"simple:", {.kind = CACHE_SIMPLE}},
        {"simple://", {.kind = CACHE_SIMPLE}},
        {"redis://h", {.kind = CACHE_REDIS, .host = "h", .port = 6379}},
        {"redis://h:1", {.kind = CACHE_REDIS, .host = "h", .port = 1}},
        {"redis://h:65535/", {.kind = CACHE_REDIS, .host = "h", .port = 65535}},
        {"redis://h/3", {.kind = CACHE_REDIS, .host = "h", .port = 6379, .db = 3}},
        {"redis://[::1]", {.kind = CACHE_REDIS, .host = "::1", .port = 6379}},
        {"redis://[::1]:7/1000000", {.kind = CACHE_REDIS, .host = "::1", .port = 7, .db = 1000000}},
        {"redis://:s%40%2F@h", {.kind = CACHE_REDIS, .host = "h", .port = 6379, .password = "s@/"}},
        {"redis://u:p@q@h", {.kind = CACHE_REDIS, .host = "h", .port = 6379, .user = "u", .password = "p@q"}},
        {"redis://u:@h", {.kind = CACHE_REDIS, .host = "h", .port = 6379, .user = "u", .password = ""}},
        {"redis:///run/redis.sock", {.kind = CACHE_REDIS, .path = "/run/redis.sock"}},
        {"redis://:s@/run/redis.sock", {.kind = CACHE_REDIS, .path = "/run/redis.sock", .password = "s"}},
        {"memcached://h", {.kind = CACHE_MEMCACHED, .host = "h", .port = 11211}},
        {"memcached:///m", {.kind = CACHE_MEMCACHED, .path = "/m"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cacheurl url;
        const struct cacheurl *wanted = &cases[i].url;
        const char *error;
        if (!cacheurl_parse(cases[i].text, &url, &error))
            fail_msg("%s: %s", cases[i].text, error);
        assert_int_equal(url.kind, wanted->kind);
        same_text(url.host, wanted->host, cases[i].text);
        same_text(url.path, wanted->path, cases[i].text);
        same_text(url.user, wanted->user, cases[i].text);
        same_text(url.password, wanted->password, cases[i].text);
        if (url.port != wanted->port || url.db != wanted->db)
            fail_msg("%s: port %d, database %d", cases[i].text, url.port, url.db);
        cacheurl_fini(&url);
        assert_null(url.host);
    }
}

static void what_is_none_is_refused_and_the_forms_are_said(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "nonesuch",
        "simple:x",
        "redis:h",
        "redis://",
        "redis:///",
        "redis://:6379",
        "redis://h:",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://a b",
        "redis://a,b",
        "redis://[::1",
        "redis://[::1]x",
        "redis://[]",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1000001",
        "redis://h/1/2",
        "redis://h?db=1",
        "redis://h#1",
        "redis://u@h",
        "redis://%zz:p@h",
        "redis://u:%00@h",
        "memcached://h/1",
        "memcached://u:p@h",
        "http://h",
        "redis:///"
        "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
        "9",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cacheurl url;
        const char *error;
        if (cacheurl_parse(cases[i], &url, &error))
            fail_msg("accepted: %s", cases[i]);
        assert_non_null(strstr(error, "it must be none, simple:, redis://"));
        assert_null(url.host);
        assert_null(url.password);
    }
    struct cacheurl url;
    const char *error;
    assert_false(cacheurl_parse("rediss://h", &url, &error));
    assert_non_null(strstr(error, "without TLS"));
}

static void passwords_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"redis://h:6379/1", "redis://h:6379/1"},
        {"redis://:S@h", "redis://:***@h"},
        {"redis://u:S@h", "redis://u:***@h"},
        {"redis://u:a/S@h", "redis://u:***@h"},
        {"redis://u:a@S@h", "redis://u:***@h"},
        {"redis://S@h", "redis://***@h"},
        {"u:S@h", "u:***@h"},
        {"S@h://", "***@h://"},
        {"simple:", "simple:"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *shown = cacheurl_mask(cases[i].text);
        assert_string_equal(shown, cases[i].shown);
        free(shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(what_is_none_is_refused_and_the_forms_are_said),
        cmocka_unit_test(passwords_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
