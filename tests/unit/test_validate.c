/* core/validate: a request's path, query and body against the fields of its route, and what a refusal says. */
#include <config.h>

#include "unit.h"

#include <math.h>

#include "core/validate.h"

static bool upper(struct slice text, struct arena *arena, struct slice *out)
{
    (void)arena;
    *out = SLICE("UPPER");
    return slice_equal(text, SLICE("upper"));
}

enum { ID, LIMIT, WHO, BODY_ID, NAME, CODE, KIND, WHERE, UUID, MAC, FORM, COUNT_OF_ALL };

static const char *const kinds[] = {"small", "large", NULL};
static const struct field path_fields[] = {
    {.name = "id", .type = FIELD_INT, .min = 1, .max = INT64_MAX},
    {.name = NULL},
};
static const struct field query[] = {
    {.name = "limit", .type = FIELD_INT, .min = 1, .max = 1000},
    {.name = "who", .type = FIELD_TEXT, .min = 1, .max = 5, .required = true},
    {.name = NULL},
};
static const struct field body[] = {
    {.name = "id", .type = FIELD_INT, .min = 1, .max = INT64_MAX, .equals = "id"},
    {.name = "name", .type = FIELD_TEXT, .min = 1, .max = 3, .required = true, .nullable = true},
    {.name = "code", .type = FIELD_TEXT, .min = 0, .max = 10, .takes_numbers = true},
    {.name = "kind", .type = FIELD_ENUM, .choices = kinds},
    {.name = "where", .type = FIELD_POINT},
    {.name = "uuid", .type = FIELD_UUID},
    {.name = "mac", .type = FIELD_MAC},
    {.name = "form", .type = FIELD_TEXT, .min = 0, .max = 9, .normalise = upper, .form = "the word upper"},
    {.name = NULL},
};
static const struct route route = {
    .method = HTTP_PATCH, .path = "/x/{id}", .path_fields = path_fields, .query = query, .body = body};
static const struct route bare = {.method = HTTP_GET, .path = "/x"};

static struct arena arena;
static struct value values[ROUTE_FIELDS_MAX];
static struct refusal refusal;
static struct http_head head;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    memset(&head, 0, sizeof head);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool reads(const char *id, const char *asked, const char *text)
{
    struct router_match match = {.segments = {slice_of(id)}, .segment_count = 1};
    memset(values, 0xff, sizeof values);
    memset(&refusal, 0, sizeof refusal);
    head.query = slice_of(asked);
    return validate(&route, &match, &head, slice_of(text), &arena, values, &refusal);
}

static void refuses(const char *id, const char *asked, const char *text, int status, const char *message)
{
    if (reads(id, asked, text))
        fail_msg("accepted: %s ? %s %s", id, asked, text);
    if (refusal.status != status || strcmp(refusal.message, message) != 0)
        fail_msg("%s ? %s %s\n  gives %d %s", id, asked, text, refusal.status, refusal.message);
}

static void refuses_body(const char *text, const char *message)
{
    refuses("1", "who=a", text, 400, message);
}

static void takes_body(const char *text)
{
    if (!reads("1", "who=a", text))
        fail_msg("%s: %s", text, refusal.message);
}

static void set_type(struct slice type)
{
    head.fields[0] = (struct http_field){SLICE("Content-Type"), type};
    head.field_count = 1;
}

static void assert_text(int index, const char *expected)
{
    assert_true(values[index].present);
    if (!slice_equal(values[index].text, slice_of(expected)))
        fail_msg("%.*s instead of %s", (int)values[index].text.len, values[index].text.ptr, expected);
}

/* ---- the order of values ---- */

static void values_stand_in_the_order_path_query_body(void **state)
{
    (void)state;
    assert_int_equal(route_field(&route, "id"), ID); /* that of the path, before that of the body */
    assert_int_equal(route_field(&route, "limit"), LIMIT);
    assert_int_equal(route_field(&route, "name"), NAME);
    assert_int_equal(route_field(&route, "form"), FORM);
    assert_int_equal(route_field(&route, "nam"), -1);
    assert_int_equal(route_field(&bare, "id"), -1);
    assert_int_equal(route_field_count(body), COUNT_OF_ALL - BODY_ID);
    assert_int_equal(route_field_count(NULL), 0);
    assert_true(reads("7", "limit=9&who=a%20b", "{\"name\": \"n\", \"id\": 7}"));
    assert_int_equal(values[ID].integer, 7);
    assert_int_equal(values[LIMIT].integer, 9);
    assert_text(WHO, "a b");
    assert_int_equal(values[BODY_ID].integer, 7);
    assert_text(NAME, "n");
    assert_false(values[CODE].present || values[KIND].present || values[WHERE].present ||
                 values[MAC].present);
}

/* ---- path and query ---- */

static void a_path_is_held_to_its_fields(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "-1", "x", "", "1.0", "9223372036854775808"};
    for (size_t i = 0; i < COUNT(bad); i++)
        refuses(bad[i], "who=a", "{\"name\": \"n\"}", 400,
                "id must be an integer from 1 to 9223372036854775807.");
}

static void a_query_is_held_to_its_fields(void **state)
{
    (void)state;
    static const struct {
        const char *query, *message;
    } cases[] = {
        {"", "The query parameter who is missing."},
        {"limit=1", "The query parameter who is missing."},
        {"who=", "who must be text of 1 to 5 characters."},
        {"who", "who must be text of 1 to 5 characters."},
        {"who=abcdef", "who must be text of 1 to 5 characters."},
        {"who=a&limit=1001", "limit must be an integer from 1 to 1000."},
        {"who=a&limit=1%20", "limit must be an integer from 1 to 1000."},
        {"who=a&who=a", "The query parameter who is given twice."},
        {"who=a&name=n", "name is not a query parameter of this path."},
        {"who=a&=b", "A query parameter has no name."},
        {"who=%zz", "The query parameter who is not well-formed percent-encoded UTF-8."},
        {"who=%00", "The query parameter who is not well-formed percent-encoded UTF-8."},
        {"%ff=1", "The name of a query parameter is not well-formed."},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        refuses("1", cases[i].query, "{\"name\": \"n\"}", 400, cases[i].message);
    assert_true(
        reads("1", "&&who=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9&", "{\"name\": \"n\"}")); /* five characters */
    assert_true(reads("1", "who=a+b=c", "{\"name\": \"n\"}"));
    assert_text(WHO, "a b=c");
}

static void a_name_that_is_shown_is_cut_between_characters(void **state)
{
    (void)state;
    char asked[512] = "", expected[256];
    for (int i = 0; i < 40; i++)
        strcat(asked, "\xe2\x82\xac"); /* three bytes each, of which 64 hold 21 */
    snprintf(expected, sizeof expected, "%.63s is not a query parameter of this path.", asked);
    refuses("1", asked, "{\"name\": \"n\"}", 400, expected);
}

/* ---- bodies ---- */

static void a_body_is_an_object_of_known_members(void **state)
{
    (void)state;
    refuses_body("", "The body is not JSON.");
    refuses_body("[]", "The body must be a JSON object.");
    refuses_body("null", "The body must be a JSON object.");
    refuses_body("{}", "The member name is missing.");
    refuses_body("{\"name\": \"n\", \"nam\": 1}", "nam is not a member of this request.");
    refuses_body("{\"\": 1}", "A member has no name.");
    refuses_body("{\"name\": \"n\", \"name\": \"n\"}", "name is given twice.");
    refuses_body("{\"name\": \"n\", \"id\": 2}", "id must equal the id of the path.");
    takes_body("{\"name\": \"n\", \"id\": 1}");
}

static void null_is_a_value_where_it_may_be(void **state)
{
    (void)state;
    takes_body("{\"name\": null}");
    assert_true(values[NAME].present && values[NAME].null);
    refuses_body("{\"name\": \"n\", \"code\": null}", "code must be text of 0 to 10 characters.");
    takes_body("{\"name\": \"n\"}");
    assert_false(values[NAME].null);
}

static void texts_are_counted_in_characters(void **state)
{
    (void)state;
    takes_body("{\"name\": \"\\u20ac\\u20ac\\u20ac\"}");
    assert_text(NAME, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    refuses_body("{\"name\": \"abcd\"}", "name must be text of 1 to 3 characters.");
    refuses_body("{\"name\": \"\"}", "name must be text of 1 to 3 characters.");
    refuses_body("{\"name\": 1}", "name must be text of 1 to 3 characters.");
    refuses_body("{\"name\": \"n\", \"id\": \"1\"}", "id must be an integer from 1 to 9223372036854775807.");
}

static void an_integer_may_be_written_as_a_real(void **state)
{
    static const char *const good[] = {"1.0", "10e-1", "0.1e1", "1.00000"};
    static const char *const bad[] = {"1.5", "0.0", "-1.0", "9007199254740992.0", "1e300", "-1e300", "1e-9"};
    char text[64];
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(text, sizeof text, "{\"name\": \"n\", \"id\": %s}", good[i]);
        takes_body(text);
        assert_int_equal(values[BODY_ID].integer, 1);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(text, sizeof text, "{\"name\": \"n\", \"id\": %s}", bad[i]);
        refuses_body(text, "id must be an integer from 1 to 9223372036854775807.");
    }
}

static void a_number_may_stand_for_a_text_that_takes_numbers(void **state)
{
    (void)state;
    takes_body("{\"name\": \"n\", \"code\": 12345}");
    assert_text(CODE, "12345");
    takes_body("{\"name\": \"n\", \"code\": 0.1}");
    assert_text(CODE, "0.1");
    takes_body("{\"name\": \"n\", \"code\": \"007\"}");
    assert_text(CODE, "007");
    refuses_body("{\"name\": \"n\", \"code\": 12345678901}", "code must be text of 0 to 10 characters.");
    refuses_body("{\"name\": \"n\", \"code\": true}", "code must be text of 0 to 10 characters.");
}

static void a_choice_is_one_of_its_words(void **state)
{
    (void)state;
    takes_body("{\"name\": \"n\", \"kind\": \"large\"}");
    assert_int_equal(values[KIND].integer, 1);
    assert_text(KIND, "large");
    refuses_body("{\"name\": \"n\", \"kind\": \"Large\"}", "kind must be one of small, large.");
    refuses_body("{\"name\": \"n\", \"kind\": 1}", "kind must be one of small, large.");
}

static void a_form_of_its_own_is_normalised(void **state)
{
    (void)state;
    takes_body("{\"name\": \"n\", \"form\": \"upper\"}");
    assert_text(FORM, "UPPER");
    refuses_body("{\"name\": \"n\", \"form\": \"other\"}", "form must be the word upper.");
    refuses_body("{\"name\": \"n\", \"form\": \"upperupper\"}", "form must be the word upper.");
}

static void a_point_is_two_numbers_within_the_globe(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",        "[1]",        "[1, 2, 3]", "[91, 0]", "[-90.1, 0]", "[0, 180.5]",
        "[0, -181]", "[\"x\", 0]", "[null, 0]", "{}",      "\"1,2\"",
    };
    char text[128];
    takes_body("{\"name\": \"n\", \"where\": [50.5, \"-012.250\"]}");
    assert_true(values[WHERE].point[0] >= 50.5 && values[WHERE].point[0] <= 50.5);
    assert_true(values[WHERE].point[1] >= -12.25 && values[WHERE].point[1] <= -12.25);
    takes_body("{\"name\": \"n\", \"where\": [-90, 180]}");
    takes_body("{\"name\": \"n\", \"where\": [90, -180]}");
    takes_body("{\"name\": \"n\", \"where\": [-0.0, \"-0\"]}");
    assert_false(signbit(values[WHERE].point[0]) || signbit(values[WHERE].point[1]));
    takes_body("{\"name\": \"n\", \"where\": [5e-324, -1e-10]}");
    assert_true(memcmp(values[WHERE].point, (double[2]){0, 0}, sizeof values[WHERE].point) == 0);
    takes_body("{\"name\": \"n\", \"where\": [0.000001, \"-0.000001\"]}");
    assert_true(values[WHERE].point[0] > 0 && values[WHERE].point[1] < 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(text, sizeof text, "{\"name\": \"n\", \"where\": %s}", bad[i]);
        refuses_body(text, "where must be a latitude from -90 to 90 and a longitude from -180 to 180, as two "
                           "numbers or strings.");
    }
}

static void uuids_and_mac_addresses_get_one_form(void **state)
{
    (void)state;
    static const char *const macs[] = {"08:00:2B:01:02:0f", "08-00-2b-01-02-0F", "0800.2b01.020f",
                                       "08002b01020f"};
    static const char *const bad_macs[] = {
        "",
        "08:00:2b:01:02",
        "08:00:2b:01:02:0f:00",
        "08:00-2b:01:02:0f",
        "0800:2b01:020f",
        "08002b0102:0f",
        "08.00.2b.01.02.0f",
        "080.02b01.020f",
        "08:00:2b:01:02:0g",
        "8:00:2b:01:02:0f0",
        "08002b01020f0",
        "08002b.01020.f",
    };
    static const char *const bad_uuids[] = {
        "",
        "123e4567e89b12d3a456426614174000",
        "123e4567-e89b-12d3-a456-42661417400",
        "123e4567-e89b-12d3-a456-4266141740000",
        "123e4567-e89b-12d3-a456-42661417400g",
        "123e456-7e89b-12d3-a456-426614174000",
        "{123e4567-e89b-12d3-a456-42661417400}",
    };
    char text[128];
    takes_body("{\"name\": \"n\", \"uuid\": \"123E4567-e89b-12D3-a456-42661417400F\"}");
    assert_text(UUID, "123e4567-e89b-12d3-a456-42661417400f");
    for (size_t i = 0; i < COUNT(macs); i++) {
        snprintf(text, sizeof text, "{\"name\": \"n\", \"mac\": \"%s\"}", macs[i]);
        takes_body(text);
        assert_text(MAC, "08:00:2b:01:02:0f");
    }
    for (size_t i = 0; i < COUNT(bad_macs); i++) {
        snprintf(text, sizeof text, "{\"name\": \"n\", \"mac\": \"%s\"}", bad_macs[i]);
        refuses_body(text, "mac must be a MAC address, such as 08:00:2b:01:02:03.");
    }
    for (size_t i = 0; i < COUNT(bad_uuids); i++) {
        snprintf(text, sizeof text, "{\"name\": \"n\", \"uuid\": \"%s\"}", bad_uuids[i]);
        refuses_body(text, "uuid must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000.");
    }
}

/* ---- the type of a body ---- */

static void a_body_is_json_by_its_type(void **state)
{
    (void)state;
    static const char *const right[] = {
        "application/json",
        "Application/JSON",
        "application/json ; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/json; version=1",
    };
    static const char *const wrong[] = {"text/plain",
                                        "application/jso",
                                        "application/json2",
                                        "",
                                        "application/json; charset=latin1",
                                        "application/json; charset=utf"};
    char message[256];
    for (size_t i = 0; i < COUNT(right); i++) {
        set_type(slice_of(right[i]));
        takes_body("{\"name\": \"n\"}");
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        set_type(slice_of(wrong[i]));
        snprintf(message, sizeof message, "The body's Content-Type must be application/json, not %s.",
                 wrong[i]);
        refuses("1", "who=a", "{\"name\": \"n\"}", 415, message);
    }
    set_type(SLICE("text/\xff"));
    refuses("1", "who=a", "{\"name\": \"n\"}", 415, "The body's Content-Type must be application/json.");
}

static void a_compressed_body_is_refused(void **state)
{
    (void)state;
    static struct http_field field = {.name = {"content-encoding", 16}};
    head.fields[0] = field;
    head.field_count = 1;
    head.fields[0].value = SLICE("identity");
    takes_body("{\"name\": \"n\"}");
    head.fields[0].value = SLICE("gzip");
    refuses("1", "who=a", "{\"name\": \"n\"}", 415, "The body must not have a Content-Encoding.");
}

static void what_is_in_the_body_may_be_left_for_later(void **state)
{
    (void)state;
    struct router_match match = {.segments = {SLICE("7")}, .segment_count = 1};
    head.query = SLICE("who=a");
    assert_true(validate_head(&route, &match, &head, &arena, values, &refusal));
    assert_int_equal(values[ID].integer, 7);
    assert_false(values[NAME].present);
    head.query = SLICE("");
    assert_false(validate_head(&route, &match, &head, &arena, values, &refusal));
    head.query = SLICE("who=a");
    set_type(SLICE("text/plain"));
    assert_false(validate_head(&route, &match, &head, &arena, values, &refusal));
    assert_int_equal(refusal.status, 415);
}

static void a_route_without_a_body_looks_at_none(void **state)
{
    (void)state;
    struct router_match match = {.segment_count = 0};
    set_type(SLICE("text/plain"));
    assert_true(validate(&bare, &match, &head, SLICE("no"), &arena, values, &refusal));
    head.query = SLICE("x=1");
    assert_false(validate(&bare, &match, &head, SLICE(""), &arena, values, &refusal));
    assert_string_equal(refusal.message, "x is not a query parameter of this path.");
}

static void one_value_that_came_as_text_is_read_alone(void **state)
{
    (void)state;
    struct value value;
    assert_true(validate_text(&query[0], SLICE("5"), &arena, &value, &refusal));
    assert_true(value.present && value.integer == 5);
    assert_false(validate_text(&query[0], SLICE("1001"), &arena, &value, &refusal));
    assert_string_equal(refusal.message, "limit must be an integer from 1 to 1000.");
}

#define VALIDATE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VALIDATE(values_stand_in_the_order_path_query_body),
        VALIDATE(a_path_is_held_to_its_fields),
        VALIDATE(a_query_is_held_to_its_fields),
        VALIDATE(a_name_that_is_shown_is_cut_between_characters),
        VALIDATE(a_body_is_an_object_of_known_members),
        VALIDATE(null_is_a_value_where_it_may_be),
        VALIDATE(texts_are_counted_in_characters),
        VALIDATE(an_integer_may_be_written_as_a_real),
        VALIDATE(a_number_may_stand_for_a_text_that_takes_numbers),
        VALIDATE(a_choice_is_one_of_its_words),
        VALIDATE(a_form_of_its_own_is_normalised),
        VALIDATE(a_point_is_two_numbers_within_the_globe),
        VALIDATE(uuids_and_mac_addresses_get_one_form),
        VALIDATE(a_body_is_json_by_its_type),
        VALIDATE(a_compressed_body_is_refused),
        VALIDATE(what_is_in_the_body_may_be_left_for_later),
        VALIDATE(a_route_without_a_body_looks_at_none),
        VALIDATE(one_value_that_came_as_text_is_read_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
