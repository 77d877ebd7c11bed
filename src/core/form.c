/* form_read takes pairs apart (read_pair); form_validate has each input validated as the API would (validate_input). */
#include <config.h>

#include "core/form.h"

#include <stdio.h>

#include "base/jsonout.h"
#include "base/text.h"
#include "core/validate.h"

#define LONG_POINTS 200 /* a longer text gets an input of several lines */
#define NAME_SHOWN 64

static void add_inputs(struct form *form, const struct field *fields)
{
    for (; fields != NULL && fields->name != NULL; fields++)
        form->inputs[form->count++] = (struct form_input){.field = fields, .text = SLICE("")};
}

void form_init(struct form *form, const struct route *route)
{
    *form = (struct form){.route = route, .token = SLICE("")};
    add_inputs(form, route->path_fields);
    add_inputs(form, route->query);
    add_inputs(form, route->body);
}

bool form_is_sent(const struct http_head *head)
{
    struct slice type = http_head_field(head, SLICE("Content-Type"));
    size_t length = sizeof FORM_TYPE - 1;
    return type.len >= length && strncasecmp(type.ptr, FORM_TYPE, length) == 0 &&
           (type.len == length || type.ptr[length] == ';' || type.ptr[length] == ' ');
}

/* A member of the body that repeats the path is left out. */
struct form_input *form_input(struct form *form, struct slice name)
{
    for (size_t i = 0; i < form->count; i++)
        if (slice_equal(slice_of(form->inputs[i].field->name), name) && form->inputs[i].field->equals == NULL)
            return &form->inputs[i];
    return NULL;
}

/* ---- what was sent ---- */

/* Browsers send lines with CR LF (HTML, "Constructing the form data set"). */
static struct slice with_line_feeds(char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\r' || i + 1 == length || text[i + 1] != '\n')
            text[used++] = text[i];
    return (struct slice){text, used};
}

static bool decode(struct slice part, struct arena *arena, struct slice *out)
{
    char *text = arena_alloc(arena, part.len + 1);
    size_t length;
    if (!text_percent_decode(part, true, text, &length))
        return false;
    *out = with_line_feeds(text, length);
    return true;
}

static void take_input(struct form *form, struct slice name, struct slice text, struct arena *arena)
{
    struct form_input *input = form_input(form, name);
    if (slice_equal(name, SLICE(FORM_TOKEN))) {
        form->token = text;
    } else if (slice_equal(name, SLICE(FORM_IF_MATCH))) {
        form->if_match = text;
    } else if (input == NULL) {
        int shown = name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN;
        char *error = (char *)(uintptr_t)arena_printf(arena, "%.*s", shown, name.ptr);
        text_end_at_character(error);
        form->error = arena_printf(arena, "\"%s\" is not an input of this form.", error);
    } else if (input->given) {
        input->error = arena_printf(arena, "%s is given twice.", input->field->name);
    } else {
        input->text = text;
        input->given = true;
    }
}

static void read_pair(struct form *form, struct slice pair, struct arena *arena)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t split = equals != NULL ? (size_t)(equals - pair.ptr) : pair.len, past = split + (equals != NULL);
    struct slice name, text;
    if (decode((struct slice){pair.ptr, split}, arena, &name) &&
        decode((struct slice){pair.ptr + past, pair.len - past}, arena, &text))
        take_input(form, name, text, arena);
    else
        form->error = "What was sent is not well-formed percent-encoded UTF-8 without NUL.";
}

void form_read(struct form *form, struct slice body, struct arena *arena)
{
    while (body.len > 0) {
        const char *mark = memchr(body.ptr, '&', body.len);
        struct slice pair = {body.ptr, mark != NULL ? (size_t)(mark - body.ptr) : body.len};
        size_t past = pair.len + (mark != NULL);
        if (pair.len > 0)
            read_pair(form, pair, arena);
        body = (struct slice){body.ptr + past, body.len - past};
    }
}

/* ---- what is right ---- */

/* White space around a number or the like is nobody's intention. */
static struct slice trimmed(const struct form_input *input)
{
    struct slice text = input->text;
    if (input->field->type == FIELD_TEXT && input->field->normalise == NULL)
        return text;
    while (text.len > 0 && text.ptr[0] == ' ')
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

static void validate_input(struct form_input *input, struct arena *arena, struct value *value)
{
    struct refusal refusal;
    struct slice text = trimmed(input);
    if (input->field->equals != NULL || input->error != NULL)
        return;
    if (text.len == 0) {
        value->null = value->present = input->given && input->field->nullable;
        if (input->field->required && !value->present)
            input->error = arena_printf(arena, "%s is missing.", input->field->name);
    } else if (!validate_text(input->field, text, arena, value, &refusal)) {
        input->error = arena_printf(arena, "%s", refusal.message);
    }
}

bool form_validate(struct form *form, struct arena *arena, struct value values[ROUTE_FIELDS_MAX])
{
    bool ok = form->error == NULL;
    memset(values, 0, form->count * sizeof *values);
    for (size_t i = 0; i < form->count; i++) {
        validate_input(&form->inputs[i], arena, &values[i]);
        ok &= form->inputs[i].error == NULL;
    }
    return ok;
}

void form_blame(struct form *form, struct slice message, struct arena *arena)
{
    const char *words = arena_dup(arena, message).ptr;
    const char *blank = memchr(words, ' ', message.len);
    struct slice first = {words, blank != NULL ? (size_t)(blank - words) : 0};
    struct form_input *input = form_input(form, first);
    if (input != NULL)
        input->error = words;
    else
        form->error = words;
}

/* ---- what a record has ---- */

static const char *number_of(const struct json *value, struct arena *arena)
{
    char number[32];
    if (value != NULL && json_type_of(value) == JSON_INT_VALUE)
        return arena_printf(arena, "%lld", (long long)json_int(value));
    text_from_double(number, sizeof number, value != NULL ? json_number(value) : 0);
    return arena_printf(arena, "%s", number);
}

struct slice form_text_of(const struct json *value, struct arena *arena)
{
    switch (value != NULL ? json_type_of(value) : JSON_NULL_VALUE) {
    case JSON_STRING_VALUE:
        return arena_dup(arena, json_text(value));
    case JSON_INT_VALUE:
    case JSON_REAL_VALUE:
        return slice_of(number_of(value, arena));
    case JSON_ARRAY_VALUE:
        return slice_of(arena_printf(arena, "%s, %s", number_of(json_at(value, 0), arena),
                                     number_of(json_at(value, 1), arena)));
    default:
        return SLICE("");
    }
}

void form_fill(struct form *form, const struct json *record, struct arena *arena)
{
    for (size_t i = 0; i < form->count; i++)
        if (!form->inputs[i].given)
            form->inputs[i].text = form_text_of(json_member(record, form->inputs[i].field->name), arena);
}

/* ---- for templates ---- */

static void add_text(struct buf *out, const char *name, struct slice text)
{
    jsonout_name(out, name);
    buf_add_json(out, text);
}

void form_add_choices(struct buf *out, const struct field *field, struct slice chosen)
{
    jsonout_open(out, '[');
    for (const char *const *choice = field->choices; choice != NULL && *choice != NULL; choice++) {
        jsonout_open(out, '{');
        jsonout_named_text(out, "value", *choice);
        jsonout_named_raw(out, "chosen", slice_equal(slice_of(*choice), chosen) ? "true" : "false");
        jsonout_close(out, '}');
    }
    jsonout_close(out, ']');
}

static void add_limit(struct buf *out, const char *name, bool has, int64_t limit)
{
    if (has)
        jsonout_named_int(out, name, limit);
    else
        jsonout_named_raw(out, name, "null");
}

/* All of them, so that none is looked for further out. maxlength counts UTF-16 units (HTML, "maxlength"), of which a
 * code point is two at most. */
static void add_limits(struct buf *out, const struct form_input *input)
{
    const struct field *field = input->field;
    bool number = field->type == FIELD_INT, text = field->type == FIELD_TEXT && field->normalise == NULL;
    jsonout_named_text(out, "type", number ? "number" : "text");
    add_limit(out, "min", number && field->min != INT64_MIN, field->min);
    add_limit(out, "max", number && field->max != INT64_MAX, field->max);
    add_limit(out, "maxlength", text, 2 * field->max);
    jsonout_named_raw(out, "long", text && field->max > LONG_POINTS ? "true" : "false");
    jsonout_name(out, "choices");
    form_add_choices(out, field, input->text);
}

static void add_input(struct buf *out, const char *form, const struct form_input *input)
{
    const struct field *field = input->field;
    char id[128];
    snprintf(id, sizeof id, "%s-%s", form, field->name);
    jsonout_named(out, field->name, '{');
    jsonout_named_text(out, "name", field->name);
    jsonout_named_text(out, "id", id);
    add_text(out, "value", input->text);
    add_text(out, "error", slice_of(input->error != NULL ? input->error : ""));
    jsonout_named_text(out, "about", field->about != NULL ? field->about : "");
    jsonout_named_raw(out, "required", field->required ? "true" : "false");
    add_limits(out, input);
    jsonout_close(out, '}');
}

void form_add(struct buf *out, const struct form *form, const char *name)
{
    jsonout_named(out, name, '{');
    add_text(out, "error", slice_of(form->error != NULL ? form->error : ""));
    add_text(out, FORM_IF_MATCH, form->if_match.ptr != NULL ? form->if_match : SLICE(""));
    for (size_t i = 0; i < form->count; i++)
        if (form->inputs[i].field->equals == NULL)
            add_input(out, name, &form->inputs[i]);
    jsonout_close(out, '}');
}
