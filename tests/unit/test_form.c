/* core/form: what a form has sent, against the fields of a route; what is shown again. */
#include <config.h>

#include "unit.h"

#include "core/form.h"

static const char *const kinds[] = {"red", "green", NULL};
static const struct field path[] = {{.name = "id", FIELD_OF_ID, .required = true}, {.name = NULL}};
static const struct field body[] = {
    {.name = "thing_id", .type = FIELD_INT, .equals = "id", .min = 0, .max = 9},
    {.name = "name", FIELD_OF_TEXT(300), .required = true, .about = "what it is called"},
    {.name = "note", .type = FIELD_TEXT, .nullable = true, .max = 20},
    {.name = "kind", .type = FIELD_ENUM, .choices = kinds},
    {.name = "at", .type = FIELD_POINT},
    {.name = NULL},
};
static const struct route route = {.path = "/thing/{id}", .path_fields = path, .body = body};

enum { ID, THING_ID, NAME, NOTE, KIND, AT };

static struct arena arena;
static struct form form;
static struct value values[ROUTE_FIELDS_MAX];

static bool sent(const char *text)
{
    arena_reset(&arena);
    form_init(&form, &route);
    form_read(&form, slice_of(text), &arena);
    return form_validate(&form, &arena, values);
}

static const char *error_of(const char *name)
{
    return form_input(&form, slice_of(name))->error;
}

static void inputs_are_the_fields_of_the_route(void **state)
{
    (void)state;
    assert_true(sent("id=7&name=A+b%26c&note=&kind=green&at=50.5%2C+-12.25&form_token=abc"));
    assert_int_equal(values[ID].integer, 7);
    assert_false(values[THING_ID].present);
    assert_true(slice_equal(values[NAME].text, SLICE("A b&c")));
    assert_true(values[NOTE].present && values[NOTE].null);
    assert_int_equal(values[KIND].integer, 1);
    assert_true(values[AT].point[0] == 50.5 && values[AT].point[1] == -12.25);
    assert_true(slice_equal(form.token, SLICE("abc")));
}

static void what_was_left_empty_is_not_there(void **state)
{
    (void)state;
    assert_true(sent("id=1&name=x&kind=&at="));
    assert_false(values[KIND].present || values[AT].present || values[NOTE].present);
    assert_false(sent("id=1&name="));
    assert_string_equal(error_of("name"), "name is missing.");
    assert_false(sent(""));
    assert_string_equal(error_of("id"), "id is missing.");
}

static void each_input_has_its_own_error_and_keeps_what_was_typed(void **state)
{
    (void)state;
    assert_false(sent("id=x&name=ok&kind=blue&at=north"));
    assert_non_null(strstr(error_of("id"), "id must be an integer"));
    assert_non_null(strstr(error_of("kind"), "kind must be one of red, green"));
    assert_non_null(strstr(error_of("at"), "at must be a latitude"));
    assert_null(error_of("name"));
    assert_true(slice_equal(form_input(&form, SLICE("kind"))->text, SLICE("blue")));
    static const char *const points[] = {"1", "1,", ",1", "91,0", "0,181", "1,2,3", "a,b"};
    char text[64];
    for (size_t i = 0; i < COUNT(points); i++) {
        snprintf(text, sizeof text, "id=1&name=x&at=%s", points[i]);
        assert_false(sent(text));
    }
}

static void what_is_no_input_or_twice_or_malformed_is_refused(void **state)
{
    (void)state;
    assert_false(sent("id=1&name=x&nonesuch=1"));
    assert_string_equal(form.error, "\"nonesuch\" is not an input of this form.");
    assert_false(sent("id=1&name=x&thing_id=1"));
    assert_false(sent("id=1&name=x&name=y"));
    assert_string_equal(error_of("name"), "name is given twice.");
    assert_false(sent("id=1&name=%ff"));
    assert_false(sent("id=1&name=%00"));
    assert_false(sent("id=1&name=%"));
    assert_non_null(form.error);
    assert_false(sent("id=1&name=x&=1"));
    assert_true(sent("&&id=1&name=x&"));
}

static void lines_end_as_everywhere_else(void **state)
{
    (void)state;
    assert_true(sent("id=1&name=a%0D%0Ab%0Dc"));
    assert_true(slice_equal(values[NAME].text, SLICE("a\nb\rc")));
}

static void a_message_goes_to_the_input_that_it_names(void **state)
{
    (void)state;
    sent("id=1&name=x");
    form_blame(&form, SLICE("name does not keep to a rule."), &arena);
    assert_string_equal(error_of("name"), "name does not keep to a rule.");
    assert_null(form.error);
    form_blame(&form, SLICE("Order is already taken."), &arena);
    assert_string_equal(form.error, "Order is already taken.");
}

static void a_record_fills_what_was_not_sent(void **state)
{
    (void)state;
    char error[64];
    struct json *record =
        json_read(SLICE("{\"id\":5,\"name\":\"old\",\"note\":null,\"at\":[1.5,-2]}"), error, sizeof error);
    sent("id=1&name=new");
    form_fill(&form, record, &arena);
    json_free(record);
    assert_true(slice_equal(form_input(&form, SLICE("name"))->text, SLICE("new")));
    assert_true(slice_equal(form_input(&form, SLICE("note"))->text, SLICE("")));
    assert_true(slice_equal(form_input(&form, SLICE("at"))->text, SLICE("1.5, -2")));
}

static void a_template_sees_values_errors_and_limits(void **state)
{
    (void)state;
    char error[64];
    struct buf out = BUF_INIT(10000);
    sent("id=1&name=x&kind=blue");
    buf_add_char(&out, '{');
    form_add(&out, &form, "change");
    buf_add_char(&out, '}');
    struct json *data = json_read(buf_slice(&out), error, sizeof error);
    assert_non_null(data);
    const struct json *change = json_member(data, "change"), *name = json_member(change, "name"),
                      *kind = json_member(change, "kind");
    assert_true(slice_equal(json_text(json_member(name, "id")), SLICE("change-name")));
    assert_int_equal(json_int(json_member(name, "maxlength")), 600);
    assert_true(json_truth(json_member(name, "long")) && json_truth(json_member(name, "required")));
    assert_int_equal(json_length(json_member(kind, "choices")), 2);
    assert_true(json_text(json_member(kind, "error")).len > 0);
    assert_null(json_member(change, "thing_id"));
    json_free(data);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_the_fields_of_the_route),
        cmocka_unit_test(what_was_left_empty_is_not_there),
        cmocka_unit_test(each_input_has_its_own_error_and_keeps_what_was_typed),
        cmocka_unit_test(what_is_no_input_or_twice_or_malformed_is_refused),
        cmocka_unit_test(lines_end_as_everywhere_else),
        cmocka_unit_test(a_message_goes_to_the_input_that_it_names),
        cmocka_unit_test(a_record_fills_what_was_not_sent),
        cmocka_unit_test(a_template_sees_values_errors_and_limits),
    };
    arena_init(&arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
