/* template_add walks the operations of a template (add_ops); names are looked for in the objects that it is in, the
 * innermost first (find). */
#include <config.h>

#include "web/template.h"

#include <stdio.h>

#include "base/text.h"

#define VALUE_MAX ((size_t)1 << 20)
#define NAME_SIZE 64

/* An object, or one of an array, that the walk is in. */
struct scope {
    const struct json *value;
    const struct scope *outer; /* NULL: this is the data */
};

static void add_ops(struct buf *out, const struct template_op *ops, unsigned from, unsigned to,
                    const struct scope *scope);

/* ---- names ---- */

static const struct json *member(const struct json *value, struct slice word)
{
    char name[NAME_SIZE];
    int64_t index;
    snprintf(name, sizeof name, "%.*s", (int)word.len, word.ptr);
    if (value != NULL && json_type_of(value) == JSON_OBJECT_VALUE)
        return json_member(value, name);
    if (value != NULL && json_type_of(value) == JSON_ARRAY_VALUE && text_int(word, &index) == TEXT_NUMBER_OK)
        return json_at(value, (size_t)index);
    return NULL;
}

/* Takes the word before the next dot off the name. */
static struct slice take_word(struct slice *name)
{
    const char *dot = memchr(name->ptr, '.', name->len);
    struct slice word = {name->ptr, dot != NULL ? (size_t)(dot - name->ptr) : name->len};
    size_t past = word.len + (dot != NULL);
    *name = (struct slice){name->ptr + past, name->len - past};
    return word;
}

static const struct json *find(struct slice name, const struct scope *scope)
{
    bool innermost = name.ptr[0] == '.';
    if (innermost)
        name = (struct slice){name.ptr + 1, name.len - 1};
    if (name.len == 0)
        return scope->value;
    struct slice word = take_word(&name);
    const struct json *value = member(scope->value, word);
    while (value == NULL && !innermost && (scope = scope->outer) != NULL)
        value = member(scope->value, word);
    while (value != NULL && name.len > 0)
        value = member(value, take_word(&name));
    return value;
}

/* ---- values ---- */

/* All of these in text and in attributes alike. */
static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void add_escaped(struct buf *out, struct slice text)
{
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *entity = entity_of(text.ptr[i]);
        if (entity == NULL)
            continue;
        buf_add(out, text.ptr + done, i - done);
        buf_add_string(out, entity);
        done = i + 1;
    }
    if (done < text.len)
        buf_add(out, text.ptr + done, text.len - done);
}

/* The text of a value; number holds that of a number. An object and an array have none. */
static struct slice text_of(const struct json *value, char number[32])
{
    switch (value != NULL ? json_type_of(value) : JSON_NULL_VALUE) {
    case JSON_STRING_VALUE:
        return json_text(value);
    case JSON_INT_VALUE:
        snprintf(number, 32, "%lld", (long long)json_int(value));
        return slice_of(number);
    case JSON_REAL_VALUE:
        text_from_double(number, 32, json_number(value));
        return slice_of(number);
    case JSON_BOOL_VALUE:
        return json_truth(value) ? SLICE("true") : SLICE("false");
    default:
        return SLICE("");
    }
}

static void add_value(struct buf *out, const struct json *value, enum format format)
{
    char number[32];
    struct slice text = text_of(value, number);
    if (format == FORMAT_NONE) {
        add_escaped(out, text);
        return;
    }
    struct buf formatted = BUF_INIT(VALUE_MAX);
    format_add(&formatted, format, text);
    add_escaped(out, buf_slice(&formatted));
    buf_fini(&formatted);
}

/* ---- sections ---- */

/* Not there, null, false, "" or []. */
static bool is_empty(const struct json *value)
{
    switch (value != NULL ? json_type_of(value) : JSON_NULL_VALUE) {
    case JSON_NULL_VALUE:
        return true;
    case JSON_BOOL_VALUE:
        return !json_truth(value);
    case JSON_STRING_VALUE:
        return json_text(value).len == 0;
    case JSON_ARRAY_VALUE:
        return json_length(value) == 0;
    default:
        return false;
    }
}

/* Objects, and what an array holds, are gone into; anything else has only been asked for. */
static void add_section(struct buf *out, const struct template_op *ops, unsigned at, const struct json *value,
                        const struct scope *outer)
{
    struct scope scope = {value, outer};
    enum json_type type = json_type_of(value);
    if (type != JSON_ARRAY_VALUE) {
        add_ops(out, ops, at + 1, ops[at].end, type == JSON_OBJECT_VALUE ? &scope : outer);
        return;
    }
    for (size_t i = 0; i < json_length(value); i++) {
        scope.value = json_at(value, i);
        add_ops(out, ops, at + 1, ops[at].end, &scope);
    }
}

/* Gives the operation that follows. */
static unsigned add_op(struct buf *out, const struct template_op *ops, unsigned at, const struct scope *scope)
{
    const struct template_op *op = &ops[at];
    const struct json *value = op->text.len > 0 && op->kind != TEMPLATE_TEXT ? find(op->text, scope) : NULL;
    if (op->kind == TEMPLATE_TEXT)
        buf_add_slice(out, op->text);
    else if (op->kind == TEMPLATE_VALUE)
        add_value(out, value, op->format);
    else if (op->kind == TEMPLATE_PART)
        add_ops(out, op->part->ops, 0, UINT32_MAX, scope);
    else if (op->kind == TEMPLATE_SECTION && !is_empty(value))
        add_section(out, ops, at, value, scope);
    else if (op->kind == TEMPLATE_INVERTED && is_empty(value))
        add_ops(out, ops, at + 1, op->end, scope);
    return op->kind == TEMPLATE_SECTION || op->kind == TEMPLATE_INVERTED ? op->end : at + 1;
}

static void add_ops(struct buf *out, const struct template_op *ops, unsigned from, unsigned to,
                    const struct scope *scope)
{
    for (unsigned at = from; at < to && ops[at].kind != TEMPLATE_END;)
        at = add_op(out, ops, at, scope);
}

void template_add(struct buf *out, const struct web_template *template, const struct json *data)
{
    struct scope scope = {data, NULL};
    add_ops(out, template->ops, 0, UINT32_MAX, &scope);
}
