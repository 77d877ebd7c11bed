/* core/refusal: whether a caller is at fault for what the database refused, and what he is told. */
#include <config.h>

#include "unit.h"

#include "core/refusal.h"
#include "core/reply.h"

static const struct field path_fields[] = {{.name = "id", .type = FIELD_INT}, {.name = NULL}};
static const struct field body[] = {
    {.name = "id", .type = FIELD_INT, .equals = "id"},
    {.name = "name", .type = FIELD_TEXT},
    {.name = "origin", .type = FIELD_POINT},
    {.name = "mac", .type = FIELD_MAC},
    {.name = NULL},
};
enum { PATH_ID, ID, NAME, ORIGIN, MAC };

static const struct route route = {.path = "/x/{id}", .path_fields = path_fields, .body = body};
static const struct statement_refusal refusals[] = {{"x_mac_key", "Another has this mac.", "mac"},
                                                    {"x_pkey", "There is one already.", NULL},
                                                    {NULL, NULL, NULL}};
static const struct statement statement = {.name = "put", .refusals = refusals};
static struct value values[ROUTE_FIELDS_MAX];

static int set_up(void **state)
{
    (void)state;
    memset(values, 0, sizeof values);
    return 0;
}

static void says(struct db_answer answer, const char *expected)
{
    char message[128] = "";
    answer.error = DB_REFUSED;
    bool at_fault = refusal_message(&route, values, &statement, &answer, message, sizeof message);
    if (at_fault != (expected != NULL) || (at_fault && strcmp(message, expected) != 0))
        fail_msg("%s: %s", answer.constraint != NULL ? answer.constraint : "", message);
}

#define RULE " does not keep to a rule that the database has for it."

static void a_declared_constraint_has_its_own_words(void **state)
{
    (void)state;
    says((struct db_answer){.constraint = "x_pkey"}, "There is one already.");
    says((struct db_answer){.constraint = "x_pkey", .column = "name"}, "There is one already.");
    says((struct db_answer){.constraint = "x_mac_key"}, NULL); /* he gave no mac */
    values[MAC] = (struct value){.present = true, .null = true};
    says((struct db_answer){.constraint = "x_mac_key"}, NULL);
    values[MAC].null = false;
    says((struct db_answer){.constraint = "x_mac_key"}, "Another has this mac.");
}

static void a_member_of_the_body_is_named(void **state)
{
    (void)state;
    says((struct db_answer){.column = "name"}, "name" RULE);
    says((struct db_answer){.column = "names"}, NULL);
    says((struct db_answer){.column = "nam"}, NULL);
    says((struct db_answer){.column = "origin_lat"}, "origin" RULE); /* a point is two columns */
    says((struct db_answer){.column = "origin_lng"}, "origin" RULE);
    says((struct db_answer){.column = "origin_xyz"}, NULL);
    says((struct db_answer){.column = "name_lat"}, NULL);
    says((struct db_answer){.column = "id"}, NULL); /* it repeats the path, and cannot be mended alone */
    says((struct db_answer){.column = "room"}, NULL);
}

static void the_columns_of_a_constraint_are_those_up_to_its_parenthesis(void **state)
{
    (void)state;
    says((struct db_answer){.constraint = "check_1", .columns = "CHECK (length(name) < 5)"}, "name" RULE);
    says((struct db_answer){.constraint = "check_1", .columns = "UNIQUE (room, mac)"}, "mac" RULE);
    says((struct db_answer){.constraint = "check_1", .columns = "FOREIGN KEY (room) REFERENCES y(name)"},
         NULL);
    says((struct db_answer){.constraint = "check_1", .columns = "CHECK (room <> 'name')"}, NULL);
    says((struct db_answer){.constraint = "check_1", .columns = "CHECK (room <> 'name"}, NULL);
    says((struct db_answer){.constraint = "check_1", .columns = "CHECK (room <> 'xname')"}, NULL);
    says((struct db_answer){.constraint = "check_1", .columns = "CHECK (room <> 'x' AND name <> 'y')"},
         "name" RULE);
    says((struct db_answer){.constraint = "check_1"}, NULL);
}

static void a_caller_at_fault_gets_400(void **state)
{
    (void)state;
    const struct db_answer answer = {.error = DB_REFUSED, .constraint = "x_pkey"};
    struct reply reply;
    reply_init(&reply);
    reply_db_error(&reply, &route, values, &statement, &answer);
    assert_int_equal(reply.status, 400);
    buf_add_char(&reply.body, '\0');
    assert_non_null(strstr(reply.body.data, "\"There is one already.\""));
    reply_fini(&reply);
}

/* SQLite names no constraint, but says what it is about. */
static void an_expression_in_place_of_a_name_is_searched(void **state)
{
    (void)state;
    says((struct db_answer){.constraint = "x.name"}, "name" RULE);
    says((struct db_answer){.constraint = "length(name) > 1"}, "name" RULE);
    says((struct db_answer){.constraint = "FOREIGN KEY"}, NULL);
    says((struct db_answer){.constraint = "name"}, NULL); /* that is a name */
}

static void a_value_that_cannot_be_stored_is_the_callers(void **state)
{
    (void)state;
    says((struct db_answer){.value = true, .message = "value too long"},
         "The database refused the values: value too long.");
    says((struct db_answer){.value = false, .message = "value too long"}, NULL);
    says((struct db_answer){.value = true, .message = "m", .column = "name"}, "name" RULE);
}

static void nobody_is_at_fault_for_other_errors_or_without_a_route(void **state)
{
    (void)state;
    char message[128];
    const struct db_answer failed = {.error = DB_FAILED, .constraint = "x_pkey"},
                           refused = {.error = DB_REFUSED, .constraint = "x_pkey"};
    assert_false(refusal_message(&route, values, &statement, &failed, message, sizeof message));
    assert_false(refusal_message(NULL, values, &statement, &refused, message, sizeof message));
    assert_false(refusal_message(NULL, NULL, &statement, &refused, message, sizeof message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_declared_constraint_has_its_own_words, set_up),
        cmocka_unit_test_setup(a_member_of_the_body_is_named, set_up),
        cmocka_unit_test_setup(the_columns_of_a_constraint_are_those_up_to_its_parenthesis, set_up),
        cmocka_unit_test_setup(a_caller_at_fault_gets_400, set_up),
        cmocka_unit_test_setup(an_expression_in_place_of_a_name_is_searched, set_up),
        cmocka_unit_test_setup(a_value_that_cannot_be_stored_is_the_callers, set_up),
        cmocka_unit_test_setup(nobody_is_at_fault_for_other_errors_or_without_a_route, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
