/* core/reply: problem documents, links, tags, and what each error of a database is to a caller. */
#include <config.h>

#include "unit.h"

#include "base/log.h"
#include "core/reply.h"
#include "db/statement.h"

static struct reply reply;

static int set_up(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_TEXT); /* errors are provoked */
    reply_init(&reply);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reply_fini(&reply);
    return 0;
}

static void assert_bytes(const struct buf *buf, const char *expected)
{
    assert_false(buf->failed);
    if (!slice_equal(buf_slice(buf), slice_of(expected)))
        fail_msg("%.*s instead of %s", (int)buf->len, buf->data, expected);
}

static void a_new_reply_is_200_and_json(void **state)
{
    (void)state;
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "application/json");
    assert_string_equal(reply.etag, "");
    assert_false(reply.close);
    assert_int_equal(reply.body.len + reply.fields.len, 0);
}

static void a_problem_replaces_what_was_written(void **state)
{
    (void)state;
    buf_add_string(&reply.body, "half");
    reply_add_link(&reply, "next", "/x");
    reply_add_etag(&reply, ETAG_STRONG);
    reply.close = true;
    reply_problem(&reply, 404, "There is no \"%s\".", "x");
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.content_type, "application/problem+json");
    assert_bytes(&reply.body, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                              "\"detail\":\"There is no \\\"x\\\".\",\"error\":\"There is no \\\"x\\\".\"}");
    assert_bytes(&reply.fields, "");
    assert_string_equal(reply.etag, "");
    assert_true(reply.close); /* that of the connection stays */
    reply_add_link(&reply, "first", "/y");
    assert_bytes(&reply.fields, "Link: </y>; rel=\"first\"\r\n");
    reply_clear(&reply);
    assert_int_equal(reply.status, 200);
    assert_false(reply.close);
}

static void who_is_away_says_when_to_try_again(void **state)
{
    (void)state;
    reply_problem(&reply, 503, "x");
    assert_bytes(&reply.fields, "Retry-After: 1\r\n");
    reply_problem(&reply, 500, "x");
    assert_bytes(&reply.fields, "");
}

static void a_message_that_is_too_long_ends_with_a_whole_character(void **state)
{
    (void)state;
    char text[1100] = "a"; /* of the 1023 bytes that fit, the last two are two thirds of a character */
    for (size_t i = 1; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    reply_problem(&reply, 400, "%s", text);
    const char *detail = strstr(reply.body.data, "\"detail\":\"a"), *end = strstr(detail, "\",\"error\"");
    assert_int_equal(end - detail - 11, 1020);
    assert_memory_equal(end - 3, "\xe2\x82\xac", 3);
}

static void links_share_one_field(void **state)
{
    (void)state;
    reply_add_link(&reply, "next", "/sites/%d/%d", 10, 5);
    assert_bytes(&reply.fields, "Link: </sites/10/5>; rel=\"next\"\r\n");
    reply_add_link(&reply, "first", "/sites/0/5");
    assert_bytes(&reply.fields, "Link: </sites/10/5>; rel=\"next\", </sites/0/5>; rel=\"first\"\r\n");
}

static void tag(char out[ETAG_SIZE], const char *body, const char *link, enum etag_strength strength)
{
    reply_clear(&reply);
    buf_add_string(&reply.body, body);
    if (link != NULL)
        reply_add_link(&reply, "next", "%s", link);
    reply_add_etag(&reply, strength);
    memcpy(out, reply.etag, ETAG_SIZE);
}

static void a_tag_is_of_the_body_and_a_weak_one_of_its_links_too(void **state)
{
    (void)state;
    char a[ETAG_SIZE], b[ETAG_SIZE];
    tag(a, "{}", NULL, ETAG_STRONG);
    tag(b, "{}", NULL, ETAG_STRONG);
    assert_string_equal(a, b);
    assert_int_equal(a[0], '"');
    tag(b, "[]", NULL, ETAG_STRONG);
    assert_string_not_equal(a, b);
    tag(b, "{}", "/x", ETAG_STRONG);
    assert_string_equal(a, b);
    tag(a, "{}", "/x", ETAG_WEAK);
    assert_int_equal(a[0], 'W');
    tag(b, "{}", "/y", ETAG_WEAK);
    assert_string_not_equal(a, b);
}

static void every_error_of_a_database_has_a_status_and_says_whether_something_changed(void **state)
{
    (void)state;
    static const struct statement statement = {.name = "order_take"};
    static const struct {
        enum db_error error;
        int status;
        const char *says;
    } cases[] = {
        {DB_REFUSED, 500, "nothing was changed"},  {DB_RETRY, 503, "nothing was changed"},
        {DB_LOCKED, 503, "nothing was changed"},   {DB_UNFIT, 503, "nothing was changed"},
        {DB_BUSY, 503, "nothing was changed"},     {DB_SCHEMA, 503, "tables are not as"},
        {DB_DENIED, 503, "nothing was changed"},   {DB_FULL, 503, "no room left; nothing was changed"},
        {DB_AWAY, 503, "nothing was changed"},     {DB_LOST, 503, "whether it did is unknown"},
        {DB_KEPT, 500, "did not make the change"}, {DB_FAILED, 500, "nothing was changed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct db_answer answer = {.error = cases[i].error, .message = "secret", .sqlstate = "XX000"};
        reply_db_error(&reply, NULL, NULL, &statement, &answer);
        assert_int_equal(reply.status, cases[i].status);
        buf_add_char(&reply.body, '\0');
        if (strstr(reply.body.data, cases[i].says) == NULL || strstr(reply.body.data, "secret") != NULL)
            fail_msg("%s", reply.body.data);
    }
}

static void a_change_that_was_not_made_is_a_500(void **state)
{
    (void)state;
    reply_not_made(&reply, "order_take");
    assert_int_equal(reply.status, 500);
    buf_add_char(&reply.body, '\0');
    assert_non_null(strstr(reply.body.data, "did not make the change that was asked for"));
}

#define REPLY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLY(a_new_reply_is_200_and_json),
        REPLY(a_problem_replaces_what_was_written),
        REPLY(who_is_away_says_when_to_try_again),
        REPLY(a_message_that_is_too_long_ends_with_a_whole_character),
        REPLY(links_share_one_field),
        REPLY(a_tag_is_of_the_body_and_a_weak_one_of_its_links_too),
        REPLY(every_error_of_a_database_has_a_status_and_says_whether_something_changed),
        REPLY(a_change_that_was_not_made_is_a_500),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
