/* api_send: write_body and write_url. api_read: read_success, or read_refusal. */
#include <config.h>

#include "prove/api.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

#define BODY_MAX ((size_t)8 << 10)
#define STEPS 10000 /* millionths of a degree that a mark may go north, and east */
#define FROM_LAT 50450000
#define FROM_LNG 12700000
#define TO_LAT 59430000
#define TO_LNG 24740000

struct api_spot api_spot_at_random(void)
{
    return (struct api_spot){FROM_LAT + random_int(0, STEPS - 1), FROM_LNG + random_int(0, STEPS - 1)};
}

/* ---- asking ---- */

static void add_point(struct buf *body, const char *name, int64_t lat, int64_t lng)
{
    char text[80];
    snprintf(text, sizeof text, "[\"%.6f\",\"%.6f\"]", (double)lat / 1e6, (double)lng / 1e6);
    jsonout_named_raw(body, name, text);
}

static void add_positive(struct buf *body, const char *name, int64_t number)
{
    if (number > 0)
        jsonout_named_int(body, name, number);
}

static void write_place(struct buf *body, const struct api *api, const struct prove_call *call)
{
    add_point(body, "origin", api->spot.lat, api->spot.lng);
    add_point(body, "destination", TO_LAT + call->mark % STEPS, TO_LNG + call->mark / STEPS);
}

static void write_claim(struct buf *body, const struct api *api, const struct prove_call *call, bool near)
{
    add_positive(body, "limit", call->limit);
    if (!near)
        return;
    add_point(body, "near", api->spot.lat, api->spot.lng);
    jsonout_named_int(body, "within", 1);
}

static void write_change(struct buf *body, const struct prove_call *call)
{
    static const char *const statuses[PROVE_OPS] = {
        [PROVE_TAKE] = "TAKEN", [PROVE_RELEASE] = "UNASSIGNED", [PROVE_DELIVER] = "DELIVERED"};
    jsonout_named_text(body, "status", statuses[call->op]);
    add_positive(body, "claim", call->fence);
}

static void write_body(struct buf *body, const struct api *api, const struct history *history,
                       const struct prove_call *call, bool near)
{
    jsonout_open(body, '{');
    if (call->op == PROVE_PLACE)
        write_place(body, api, call);
    else if (call->op == PROVE_CLAIM)
        write_claim(body, api, call, near);
    else
        write_change(body, call);
    if (call->taker >= 0)
        jsonout_named_text(body, "taker", history_name(history, call->taker));
    add_positive(body, "lease", call->lease);
    jsonout_close(body, '}');
}

static char *url_of(const struct api *api, const struct prove_call *call)
{
    switch (call->op) {
    case PROVE_PLACE:
        return mem_printf("%s/orders", api->url);
    case PROVE_CLAIM:
        return mem_printf("%s/orders/claim", api->url);
    case PROVE_LIST:
        return mem_printf("%s/orders?limit=%lld&before=%lld", api->url, (long long)call->limit,
                          (long long)call->order);
    default:
        return mem_printf("%s/orders/%lld", api->url, (long long)call->order);
    }
}

/* The fields, a NULL behind the last; each to be freed. */
static void set_headers(const char *headers[4], const struct api *api, const struct history *history,
                        const struct prove_call *call)
{
    size_t count = 0;
    headers[count++] = mem_dup("Content-Type: application/json");
    if (api->bearer != NULL)
        headers[count++] = mem_printf("Authorization: Bearer %s", api->bearer);
    if (call->key >= 0)
        headers[count++] = mem_printf("Idempotency-Key: %s", history_name(history, call->key));
    headers[count] = NULL;
}

struct fetch *api_send(const struct api *api, const struct history *history, const struct prove_call *call,
                       bool near, fetch_cb *callback, void *argument)
{
    bool reads = call->op == PROVE_READ || call->op == PROVE_LIST;
    const char *headers[4];
    struct buf body = BUF_INIT(BODY_MAX);
    char *url = url_of(api, call);
    struct fetch_request request = {.url = url, .headers = headers};
    set_headers(headers, api, history, call);
    if (!reads) {
        write_body(&body, api, history, call, near);
        request.body = buf_slice(&body);
        request.method = call->op == PROVE_PLACE || call->op == PROVE_CLAIM ? "POST" : "PATCH";
    }
    struct fetch *fetch = fetch_send(api->fetcher, &request, callback, argument);
    for (size_t i = 0; headers[i] != NULL; i++)
        free((void *)(uintptr_t)headers[i]);
    free(url);
    buf_fini(&body);
    return fetch;
}

/* ---- what success says ---- */

static int64_t micros_of(const struct json *time)
{
    int64_t nanoseconds;
    if (time == NULL || json_type_of(time) != JSON_STRING_VALUE || !text_time(json_text(time), &nanoseconds))
        return 0;
    return nanoseconds / 1000;
}

static int64_t int_member(const struct json *object, const char *name, int64_t absent)
{
    const struct json *value = json_member(object, name);
    return value != NULL && json_type_of(value) == JSON_INT_VALUE ? json_int(value) : absent;
}

static struct slice text_member(const struct json *object, const char *name)
{
    const struct json *value = json_member(object, name);
    return value != NULL && json_type_of(value) == JSON_STRING_VALUE ? json_text(value) : SLICE("");
}

/* Millionths of a degree of a point; false when it is none. */
static bool read_point(const struct json *point, int64_t *lat, int64_t *lng)
{
    if (point == NULL || json_type_of(point) != JSON_ARRAY_VALUE || json_length(point) != 2)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (json_type_of(json_at(point, i)) != JSON_REAL_VALUE &&
            json_type_of(json_at(point, i)) != JSON_INT_VALUE)
            return false;
    *lat = llround(json_number(json_at(point, 0)) * 1e6);
    *lng = llround(json_number(json_at(point, 1)) * 1e6);
    return true;
}

/* Of which placing the order is; 0: of none of this run. */
static int64_t mark_of(const struct api *api, const struct json *order)
{
    int64_t lat, lng;
    if (!read_point(json_member(order, "origin"), &lat, &lng) || lat != api->spot.lat ||
        lng != api->spot.lng || !read_point(json_member(order, "destination"), &lat, &lng))
        return 0;
    lat -= TO_LAT;
    lng -= TO_LNG;
    return lat >= 0 && lat < STEPS && lng >= 0 && lng < STEPS ? lat + lng * STEPS : 0;
}

static int taker_of(struct history *history, const struct json *order)
{
    const struct json *taker = json_member(order, "taker");
    if (taker == NULL)
        return PROVE_UNSAID;
    return json_type_of(taker) == JSON_STRING_VALUE ? history_text(history, json_text(taker)) : PROVE_NOBODY;
}

static bool read_order(const struct api *api, struct history *history, const struct json *order,
                       struct prove_seen *seen)
{
    if (json_type_of(order) != JSON_OBJECT_VALUE)
        return false;
    *seen = (struct prove_seen){.order = int_member(order, "id", 0),
                                .status = PROVE_ABSENT,
                                .taker = taker_of(history, order),
                                .claim = int_member(order, "claim", PROVE_UNSAID),
                                .until = micros_of(json_member(order, "lease_until")),
                                .mark = mark_of(api, order)};
    for (int i = PROVE_IS_FREE; i <= PROVE_IS_DELIVERED; i++)
        if (slice_equal(text_member(order, "status"), slice_of(prove_status_name((enum prove_status)i))))
            seen->status = (enum prove_status)i;
    return seen->order > 0 && seen->status != PROVE_ABSENT;
}

static bool read_orders(const struct api *api, struct history *history, struct prove_call *call,
                        const struct json *body)
{
    bool is_array = json_type_of(body) == JSON_ARRAY_VALUE, ok = true;
    size_t count = is_array ? json_length(body) : 1;
    if (is_array != (call->op == PROVE_LIST || call->op == PROVE_CLAIM))
        return false;
    struct prove_seen *seen = mem_array(count + 1, sizeof *seen);
    for (size_t i = 0; ok && i < count; i++)
        ok = read_order(api, history, is_array ? json_at(body, i) : body, &seen[i]);
    if (ok)
        history_set_seen(call, seen, count);
    free(seen);
    return ok;
}

static bool read_success(const struct api *api, struct history *history, struct prove_call *call,
                         const struct json *body)
{
    if (call->op != PROVE_TAKE && call->op != PROVE_RELEASE && call->op != PROVE_DELIVER)
        return read_orders(api, history, call, body);
    if (json_type_of(body) != JSON_OBJECT_VALUE ||
        !slice_equal(text_member(body, "status"), SLICE("SUCCESS")))
        return false;
    call->claim = int_member(body, "claim", 0);
    call->until = micros_of(json_member(body, "lease_until"));
    return true;
}

/* ---- what a refusal says ---- */

static bool begins(struct slice text, struct slice with)
{
    return text.len >= with.len && slice_equal((struct slice){text.ptr, with.len}, with);
}

static bool has(struct slice text, const char *word)
{
    return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

static bool read_holder(struct history *history, struct prove_call *call, struct slice detail)
{
    struct slice before = SLICE("Order is held by ");
    if (begins(detail, SLICE("Order was taken without a taker")))
        return true;
    if (!begins(detail, before))
        return false;
    detail.ptr += before.len;
    detail.len -= before.len;
    const char *behind = memmem(detail.ptr, detail.len, ", who alone may", strlen(", who alone may"));
    if (behind == NULL)
        return false;
    call->holder = history_text(history, (struct slice){detail.ptr, (size_t)(behind - detail.ptr)});
    return true;
}

static enum prove_answer refusal_of(struct history *history, struct prove_call *call, struct slice detail)
{
    static const struct {
        const char *detail;
        enum prove_answer answer;
    } refusals[] = {{"Order is already taken.", PROVE_TAKEN},
                    {"Order is currently occupied.", PROVE_OCCUPIED},
                    {"Order does not exist.", PROVE_MISSING},
                    {"Order is not taken.", PROVE_FREE},
                    {"Order is already delivered.", PROVE_DELIVERED},
                    {"Order is not held under this claim.", PROVE_STALE}};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (slice_equal(detail, slice_of(refusals[i].detail)))
            return refusals[i].answer;
    return read_holder(history, call, detail) ? PROVE_HELD : PROVE_REFUSED;
}

/* Whoever refuses a request (4xx) has not carried it out; of the other statuses the server itself says what
 * happened. */
static enum prove_answer read_refusal(struct history *history, struct prove_call *call,
                                      const struct json *body)
{
    struct slice detail =
        body != NULL && json_type_of(body) == JSON_OBJECT_VALUE ? text_member(body, "detail") : SLICE("");
    if (has(detail, "nothing was changed"))
        return PROVE_UNCHANGED;
    if (call->code >= 400 && call->code < 500)
        return refusal_of(history, call, detail);
    return PROVE_UNKNOWN;
}

void api_read(const struct api *api, struct history *history, struct prove_call *call,
              const struct fetch_answer *answer)
{
    char why[128];
    call->code = answer->status;
    call->answer = answer->unsent ? PROVE_UNSENT : PROVE_UNKNOWN;
    if (answer->status == 0)
        return;
    struct json *body = json_read(answer->body, why, sizeof why);
    if (answer->status != 200)
        call->answer = read_refusal(history, call, body);
    else if (body != NULL && read_success(api, history, call, body))
        call->answer = PROVE_DONE;
    json_free(body);
}
