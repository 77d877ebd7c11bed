/* A libFuzzer target: a request to any route of any app, from its head to the values that the route starts with. An input
 * is a head and what follows it, the body. What is valid lies within the limits of its field; what is not is refused in
 * words. Beside it whatever else is read in a head: conditions, Accept, Origin, Host, Forwarded, coding. */
#include <config.h>

#include "fuzz.h"

#include "apps/apps.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/accept.h"
#include "core/coding.h"
#include "core/cors.h"
#include "core/etag.h"
#include "core/feed_position.h"
#include "core/form.h"
#include "core/forwarded.h"
#include "core/hosts.h"
#include "core/origin.h"
#include "core/router.h"
#include "core/validate.h"
#include "http/http_parse.h"

static struct {
    struct router *router;
    struct hosts hosts;
    struct cors cors;
    struct trusted trusted;
} world;

static void add_app(const struct app *app)
{
    for (size_t i = 0; i < app->route_count; i++)
        router_add(world.router, &app->routes[i], i);
}

static void make_world(void)
{
    const char *right;
    if (world.router != NULL)
        return;
    world.router = router_new();
    add_app(&app_operations);
    for (const struct app *const *app = apps_all(); *app != NULL; app++)
        add_app(*app);
    must(hosts_parse("t, api.example, [2001:db8::1]", &world.hosts, &right));
    must(cors_parse("https://app.example, http://localhost:3000", &world.cors, &right));
    must(trusted_parse("10.0.0.0/8, fd00::/8, 127.0.0.1", &world.trusted, &right));
}

/* ---- values ---- */

static void look_at_value(const struct field *field, const struct value *value)
{
    size_t points = 0;
    if (!value->present || value->null) {
        must(!value->null || field->nullable);
        must(!field->required || value->null);
        return;
    }
    if (field->type == FIELD_INT)
        must(value->integer >= field->min && value->integer <= field->max);
    if (field->type == FIELD_TEXT || field->type == FIELD_UUID || field->type == FIELD_MAC)
        must(text_utf8(value->text, &points));
    if (field->type == FIELD_TEXT && field->normalise == NULL)
        must((int64_t)points >= field->min && (int64_t)points <= field->max);
    if (field->type == FIELD_POINT)
        must(value->point[0] >= -90 && value->point[0] <= 90 && value->point[1] >= -180 &&
             value->point[1] <= 180);
}

static void look_at_values(const struct route *route, const struct value *values)
{
    const struct field *const parts[] = {route->path_fields, route->query, route->body};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (const struct field *field = parts[i]; field != NULL && field->name != NULL; field++)
            look_at_value(field, values++);
}

static void look_at_refusal(const struct refusal *refusal)
{
    must(refusal->status >= 400 && refusal->status < 500);
    must(refusal->message[0] != '\0' && text_utf8(slice_of(refusal->message), NULL));
}

static void try_route(const struct router_match *match, const struct http_head *head, struct slice body,
                      struct arena *arena)
{
    struct value values[ROUTE_FIELDS_MAX];
    struct refusal refusal;
    struct form form;
    bool by_head = validate_head(match->route, match, head, arena, values, &refusal);
    if (validate(match->route, match, head, body, arena, values, &refusal)) {
        must(by_head);
        look_at_values(match->route, values);
        if (match->route->clash != NULL)
            match->route->clash(values);
    } else {
        look_at_refusal(&refusal);
    }
    form_init(&form, match->route);
    form_read(&form, body, arena);
    if (form_validate(&form, arena, values))
        look_at_values(match->route, values);
}

/* ---- what else a head has ---- */

static void try_fields(const struct http_head *head)
{
    struct feed_position position;
    struct ip client;
    struct buf fields = BUF_INIT(1 << 20);
    struct slice if_match = http_head_field(head, SLICE("If-Match")),
                 if_none_match = http_head_field(head, SLICE("If-None-Match"));
    etag_precondition(if_match, if_none_match, "\"0123456789abcdef\"");
    accept_is_html(head);
    accept_is(head, SLICE("application/openmetrics-text"));
    coding_is_accepted(head);
    origin_refusal(head);
    hosts_has(&world.hosts, head->host);
    cors_add_fields(&world.cors, head, &fields);
    cors_is_preflight(&world.cors, head);
    forwarded_find(head, &world.trusted, &client);
    feed_position_read(http_head_field(head, SLICE("Last-Event-ID")), &position);
    buf_fini(&fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_text(data, size);
    size_t seen = 0, end = http_head_end(bytes, size, &seen);
    struct http_head head;
    struct http_refusal refusal;
    struct router_match match;
    struct arena arena;
    make_world();
    arena_init(&arena);
    if (end > 0 && http_parse(bytes, end, &head, &refusal)) {
        router_find(world.router, head.method, head.path, &arena, &match);
        if (match.route != NULL)
            try_route(&match, &head, (struct slice){bytes + end, size - end}, &arena);
        try_fields(&head);
    }
    arena_fini(&arena);
    free(bytes);
    return 0;
}
