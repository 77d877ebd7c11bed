/* What a template sees, member by member; targets with names in them (page_data_target), and links of replies. */
#include <config.h>

#include "core/page_data.h"

#include <stdio.h>

#include "base/jsonout.h"
#include "base/text.h"
#include "core/app.h"
#include "core/form.h"
#include "core/keys.h"
#include "core/request.h"
#include "core/server_parts.h"

#define TARGET_MAX ((size_t)HTTP_LINE_MAX)

/* ---- targets ---- */

struct filling {
    bool (*value)(struct slice name, void *argument, struct slice *text);
    void *argument;
};

/* inside: "NAME" or "NAME:BUILT-IN". */
static bool add_named(struct buf *out, struct slice inside, const struct filling *filling)
{
    const char *colon = memchr(inside.ptr, ':', inside.len);
    struct slice name = {inside.ptr, colon != NULL ? (size_t)(colon - inside.ptr) : inside.len}, text;
    bool given = filling->value(name, filling->argument, &text);
    if (!given && colon != NULL)
        text = (struct slice){colon + 1, inside.len - name.len - 1};
    if (given || colon != NULL)
        text_add_percent_encoded(out, text);
    return given || colon != NULL;
}

/* False when a value is not there. */
static bool add_filled(struct buf *out, struct slice pattern, const struct filling *filling)
{
    while (pattern.len > 0) {
        const char *open = memchr(pattern.ptr, '{', pattern.len);
        size_t plain = open != NULL ? (size_t)(open - pattern.ptr) : pattern.len;
        buf_add(out, pattern.ptr, plain);
        if (open == NULL)
            return true;
        size_t length = strcspn(open, "}");
        if (!add_named(out, (struct slice){open + 1, length - 1}, filling))
            return false;
        pattern = (struct slice){open + length + 1, pattern.len - plain - length - 1};
    }
    return true;
}

static void add_query(struct buf *out, const char *query, const struct filling *filling)
{
    size_t begin = out->len;
    while (*query != '\0') {
        size_t length = strcspn(query, "&"), before = out->len;
        buf_add_char(out, out->len == begin ? '?' : '&');
        if (!add_filled(out, (struct slice){query, length}, filling))
            out->len = before;
        query += length + (query[length] == '&');
    }
}

const char *page_data_target(const char *pattern, struct arena *arena,
                             bool (*value)(struct slice name, void *argument, struct slice *text),
                             void *argument)
{
    struct filling filling = {value, argument};
    struct buf target = BUF_INIT(TARGET_MAX);
    size_t path = strcspn(pattern, "?");
    add_filled(&target, (struct slice){pattern, path}, &filling);
    if (pattern[path] == '?')
        add_query(&target, pattern + path + 1, &filling);
    const char *text = arena_dup(arena, buf_slice(&target)).ptr;
    buf_fini(&target);
    return text;
}

/* ---- parameters ---- */

static struct slice text_of(const struct field *field, const struct value *value, struct arena *arena)
{
    if (!value->present || value->null)
        return (struct slice){NULL, 0};
    if (field->type == FIELD_INT)
        return slice_of(arena_printf(arena, "%lld", (long long)value->integer));
    return value->text;
}

struct slice page_data_parameter(const struct route *route, const struct value *values, struct slice name,
                                 struct arena *arena)
{
    const struct field *groups[] = {route->path_fields, route->query};
    for (size_t group = 0; group < 2; group++)
        for (const struct field *field = groups[group]; field != NULL && field->name != NULL; field++) {
            if (slice_equal(slice_of(field->name), name))
                return text_of(field, values, arena);
            values++;
        }
    return (struct slice){NULL, 0};
}

static const struct value *add_fields(struct buf *out, const struct field *fields, const struct value *values)
{
    for (; fields != NULL && fields->name != NULL; fields++, values++) {
        if (!values->present || values->null)
            continue;
        jsonout_name(out, fields->name);
        if (fields->type == FIELD_INT)
            buf_add_int(out, values->integer);
        else
            buf_add_json(out, values->text);
    }
    return values;
}

static void add_choices(struct buf *out, const struct field *fields, const struct value *values)
{
    jsonout_named(out, "choices", '{');
    for (; fields != NULL && fields->name != NULL; fields++, values++) {
        if (fields->choices == NULL)
            continue;
        jsonout_name(out, fields->name);
        form_add_choices(out, fields, values->present ? values->text : SLICE(""));
    }
    jsonout_close(out, '}');
}

void page_data_add_given(struct buf *out, const struct route *route, const struct value *values)
{
    jsonout_named(out, "given", '{');
    const struct value *query = add_fields(out, route->path_fields, values);
    add_fields(out, route->query, query);
    jsonout_close(out, '}');
    add_choices(out, route->query, query);
}

/* ---- what every page has ---- */

static void add_menu_of(struct buf *out, const struct app *app, const struct page *shown)
{
    for (size_t i = 0; i < app->route_count; i++) {
        const struct page *page = app->routes[i].page;
        if (!page_is_in_menu(&app->routes[i]))
            continue;
        jsonout_open(out, '{');
        jsonout_named_text(out, "path", app->routes[i].path);
        jsonout_named_text(out, "title", page->title);
        jsonout_named_raw(out, "current", page == shown ? "true" : "false");
        jsonout_close(out, '}');
    }
}

static void add_sign_in(struct buf *out, const struct request *request)
{
    if (request->server->key_watch == NULL)
        return;
    jsonout_named(out, "sign_in", '{');
    jsonout_named_raw(out, "on", "true");
    jsonout_named_text(out, "key", request->key != NULL ? request->key->name : "");
    jsonout_close(out, '}');
}

void page_data_add_common(struct buf *out, const struct request *request, const struct page *page)
{
    jsonout_named_text(out, "version", PACKAGE_VERSION);
    jsonout_named_text(out, "title", page != NULL && page->title != NULL ? page->title : "");
    if (page != NULL && page->kind != NULL)
        jsonout_named_text(out, "kind", page->kind);
    jsonout_named(out, "pages", '[');
    for (const struct app *const *app = request->server->apps; *app != NULL; app++)
        add_menu_of(out, *app, page);
    jsonout_close(out, ']');
    add_sign_in(out, request);
}

/* ---- links ---- */

/* Takes <TARGET>; rel="REL" off the front of the line. */
static void add_link(struct buf *out, struct slice *line)
{
    char rel[16];
    text_take(line, '<');
    struct slice target = text_take(line, '>');
    text_take(line, '"');
    struct slice word = text_take(line, '"');
    const char *query = target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;
    if (query == NULL)
        return;
    snprintf(rel, sizeof rel, "%.*s", (int)word.len, word.ptr);
    jsonout_name(out, rel);
    buf_add_json(out, (struct slice){query, target.len - (size_t)(query - target.ptr)});
}

void page_data_add_links(struct buf *out, struct slice fields)
{
    while (fields.len > 0) {
        struct slice line = text_take(&fields, '\n'), name = text_take(&line, ':');
        while (slice_equal(name, SLICE("Link")) && line.len > 0)
            add_link(out, &line);
    }
}
