/* openapi/, base/jsonout: what a route of each kind becomes. */
#include <config.h>

#include "unit.h"

#include "base/json.h"
#include "base/jsonout.h"
#include "core/app.h"
#include "openapi/openapi.h"

static const struct field id_path[] = {{.name = "id", FIELD_OF_ID, .required = true}, {.name = NULL}};

static const struct field body[] = {
    {.name = "id", .type = FIELD_INT, .min = -5, .max = 0, .equals = "id"},
    {.name = "text", FIELD_OF_TEXT(9), .required = true, .nullable = true, .takes_numbers = true},
    {.name = "at", .type = FIELD_POINT, .required = true},
    {.name = "mac", .type = FIELD_MAC, .required = true},
    {.name = NULL},
};

static const char *const choices[] = {"yes", "no", NULL};
static const struct member inner[] = {{.name = "more", .type = COLUMN_BOOL}, {.name = NULL}};
static const struct member members[] = {
    {.name = "word", .type = COLUMN_TEXT, .choices = choices},
    {.name = "number", .type = COLUMN_INT, .nullable = true, .optional = true},
    {.name = "one", .object = inner},
    {.name = "many", .array = inner},
    {.name = "rows", .rows = true},
    {.name = NULL},
};

static const struct route routes[] = {
    {.method = HTTP_POST,
     .path = "/thing/{id}",
     .summary = "Put",
     .path_fields = id_path,
     .body = body,
     .statement = STATEMENT(SITE_PUT),
     .guard = STATEMENT(SITE_GUARD),
     .shape = REPLY_OBJECT},
    {.method = HTTP_GET,
     .path = "/thing/{id}",
     .summary = "Get",
     .path_fields = id_path,
     .statement = STATEMENT(SITE_GET),
     .shape = REPLY_OBJECT,
     .missing = "No."},
    {.method = HTTP_GET,
     .path = "/things",
     .summary = "\"All\"",
     .statement = STATEMENT(INSTRUMENT_LIST),
     .shape = REPLY_OBJECT,
     .members = members,
     .status = 203,
     .unfit = 503},
};

static const struct app app = {.name = "things", .routes = routes, .route_count = COUNT(routes)};
static const struct app *const apps[] = {&app, NULL};
static const struct settings settings = {.workers = 1};
static struct buf text;
static struct json *document;

static int set_up(void **state)
{
    (void)state;
    char error[128];
    text = BUF_INIT(OPENAPI_SIZE_MAX);
    openapi_write(&text, &settings, apps);
    document = json_read(buf_slice(&text), error, sizeof error);
    return document == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    json_free(document);
    buf_fini(&text);
    return 0;
}

/* The value at "a > b > c". */
static const struct json *at(const char *path)
{
    const struct json *found = document;
    char name[64];
    while (found != NULL && *path != '\0') {
        size_t length = strcspn(path, ">");
        length -= path[length] == '>';
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        found = json_member(found, name);
        path += length;
        path += strspn(path, " >");
    }
    return found;
}

static void has(const char *words)
{
    buf_add_char(&text, '\0');
    text.len--;
    if (strstr(text.data, words) == NULL)
        fail_msg("no %s in %s", words, text.data);
}

static void a_document_is_written_with_its_commas(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(200);
    jsonout_open(&out, '{');
    jsonout_named(&out, "a", '[');
    jsonout_int(&out, -1);
    jsonout_text(&out, "[{:");
    jsonout_open(&out, '{');
    jsonout_close(&out, '}');
    jsonout_close(&out, ']');
    jsonout_named_text(&out, "b", "\"");
    jsonout_named_int(&out, "c", 2);
    jsonout_named_raw(&out, "d", "null");
    jsonout_close(&out, '}');
    buf_add_char(&out, '\0');
    assert_string_equal(out.data, "{\"a\":[-1,\"[{:\",{}],\"b\":\"\\\"\",\"c\":2,\"d\":null}");
    buf_fini(&out);
}

static void fields_are_schemas_with_their_limits(void **state)
{
    (void)state;
    has("\"text\":{\"description\":\"text\",\"type\":[\"string\",\"number\",\"null\"],\"minLength\":1,"
        "\"maxLength\":9,\"pattern\":");
    has("\"id\":{\"description\":\"id; it must equal the id of the "
        "path\",\"type\":\"integer\",\"format\":\"int64\","
        "\"minimum\":-5,\"maximum\":0}");
    has("\"required\":[\"text\",\"at\",\"mac\"]");
    has("\"schema\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0},\"example\":1}");
}

static void examples_are_of_what_is_required(void **state)
{
    (void)state;
    has("\"example\":{\"text\":\"text\",\"at\":[0,0],\"mac\":\"08:00:2b:01:02:03\"}");
}

static void members_that_c_writes_are_a_schema(void **state)
{
    (void)state;
    has("\"word\":{\"type\":\"string\",\"enum\":[\"yes\",\"no\"]},\"number\":{\"type\":[\"integer\",\"null\"]"
        ",\"format\":\"int64\"},"
        "\"one\":{\"type\":\"object\",\"required\":[\"more\"]");
    has("\"required\":[\"word\",\"one\",\"many\",\"rows\"]");
    has("\"rows\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"computer_id\"");
}

static void a_list_of_columns_is_described_once_by_its_name(void **state)
{
    (void)state;
    assert_non_null(at("components > schemas > site > properties > contact"));
    assert_null(at("components > schemas > instrument"));
    has("\"schema\":{\"$ref\":\"#/components/schemas/site\"}");
}

static void statuses_follow_from_what_a_route_does(void **state)
{
    (void)state;
    static const char *const post = "paths > /thing/{id} > post > responses > ";
    static const int given[] = {200, 400, 403, 412, 415, 500, 503}, not_given[] = {201, 304, 404, 405, 422};
    char path[128];
    for (size_t i = 0; i < COUNT(given); i++) {
        snprintf(path, sizeof path, "%s%d", post, given[i]);
        assert_non_null(at(path));
    }
    for (size_t i = 0; i < COUNT(not_given); i++) {
        snprintf(path, sizeof path, "%s%d", post, not_given[i]);
        assert_null(at(path));
    }
    assert_non_null(at("paths > /thing/{id} > get > responses > 404"));
    assert_non_null(at("paths > /things > get > responses > 203"));
}

static void a_new_record_leads_to_what_takes_its_id(void **state)
{
    (void)state;
    assert_non_null(at("paths > /thing/{id} > post > responses > 200 > links > getThingById > operationId"));
    assert_null(at("paths > /thing/{id} > get > responses > 200 > links"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_written_with_its_commas),
        cmocka_unit_test(fields_are_schemas_with_their_limits),
        cmocka_unit_test(examples_are_of_what_is_required),
        cmocka_unit_test(members_that_c_writes_are_a_schema),
        cmocka_unit_test(a_list_of_columns_is_described_once_by_its_name),
        cmocka_unit_test(statuses_follow_from_what_a_route_does),
        cmocka_unit_test(a_new_record_leads_to_what_takes_its_id),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
