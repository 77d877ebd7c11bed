/* Distances: by the settings, haversine answers at once (distance_now), or a provider is asked over HTTP
 * (distance_start, then on_fetched). */
#include <config.h>

#include "apps/distance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dburl.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/fetch.h"
#include "metrics/metrics.h"
#include "trace/otlp.h"

#define EARTH_RADIUS_M 6371008.8
#define CONNECT_NS (2 * CLOCK_SECOND)
#define TOTAL_NS (5 * CLOCK_SECOND)
#define MOST_AT_ONCE 64u

static const char *const providers[] = {"google", "osrm", "haversine", NULL};

#define INTO(field) .member = offsetof(struct distance_settings, field)

static const struct setting rows[] = {
    {SETTING_FLAG("distance", "P", "ROWLOCK_DISTANCE"), "",
     "google, osrm or haversine; google when GMAP_TOKEN is set", SETTING_CHOICE, INTO(provider),
     .choices = providers},
    {SETTING_VARIABLE("gmap-token", "GMAP_TOKEN"), "", "key of the Distance Matrix API", SETTING_TEXT,
     INTO(gmap_token), .secrecy = SETTING_SECRET},
    {SETTING_VARIABLE("gmap-url", "GMAP_DISTANCE_MATRIX_API"),
     "https://maps.googleapis.com/maps/api/distancematrix/json", "its address", SETTING_TEXT, INTO(gmap_url),
     .secrecy = SETTING_WITH_PASSWORD},
    {SETTING_VARIABLE("osrm-url", "OSRM_URL"), "", "address of an OSRM server", SETTING_TEXT, INTO(osrm_url),
     .secrecy = SETTING_WITH_PASSWORD},
    {.name = NULL},
};

static bool has_control(const char *text)
{
    while (*text != '\0' && (unsigned char)*text >= ' ' && *text != 0x7f)
        text++;
    return *text != '\0';
}

/* Addresses count only when they are asked. */
static bool check(const struct setting_list *list, void *members, char **error)
{
    struct distance_settings *own = members;
    struct setting_at provider = setting_find(list, "distance");
    bool token = own->gmap_token[0] != '\0';
    if (provider.found->text[0] == '\0')
        own->provider = token ? DISTANCE_GOOGLE : DISTANCE_HAVERSINE;
    if (own->provider == DISTANCE_HAVERSINE)
        return true;
    bool google = own->provider == DISTANCE_GOOGLE;
    if (google && !token)
        return setting_wrong(&provider, "google needs GMAP_TOKEN", error);
    struct setting_at key = setting_find(list, "gmap-token");
    if (google && has_control(own->gmap_token))
        return setting_wrong(&key, "it must be one line, without control characters", error);
    if (!google && own->osrm_url[0] == '\0')
        return setting_wrong(&provider, "osrm needs OSRM_URL", error);
    struct setting_at url = setting_find(list, google ? "gmap-url" : "osrm-url");
    const char *right = setting_http_wrong(url.found->text);
    return right == NULL || setting_wrong(&url, right, error);
}

const struct setting_group distance_settings = {
    .rows = rows, .size = sizeof(struct distance_settings), .check = check};

struct distance {
    enum distance_provider provider;
    const struct distance_settings *settings;
    struct fetcher *fetcher;
    int64_t most_ns;
};

struct distance_query {
    struct distance *distance;
    struct fetch *fetch;
    struct trace trace; /* its span is this question */
    int64_t started;
    distance_cb *callback;
    void *argument;
};

double distance_haversine(struct distance_point from, struct distance_point to)
{
    const double radian = acos(-1.0) / 180.0;
    double dlat = (to.latitude - from.latitude) * radian, dlng = (to.longitude - from.longitude) * radian;
    double a = sin(dlat / 2) * sin(dlat / 2) +
               cos(from.latitude * radian) * cos(to.latitude * radian) * sin(dlng / 2) * sin(dlng / 2);
    return 2 * EARTH_RADIUS_M * asin(fmin(1.0, sqrt(a)));
}

struct distance *distance_new(struct loop *loop, const struct settings *settings, char **error)
{
    struct distance *distance = mem_new(sizeof *distance);
    distance->settings = settings_of(settings, &distance_settings);
    distance->provider = distance->settings->provider;
    if (distance->provider == DISTANCE_HAVERSINE)
        return distance;
    /* the provider's time ends before the request's, so that its failure can still be told */
    int64_t total = settings->deadline_ns * 8 / 10 < TOTAL_NS ? settings->deadline_ns * 8 / 10 : TOTAL_NS;
    distance->fetcher =
        fetcher_new(loop, &settings->proxies, MOST_AT_ONCE, CONNECT_NS < total ? CONNECT_NS : total, total);
    if (distance->fetcher == NULL) {
        *error = mem_dup("cannot initialise libcurl");
        free(distance);
        return NULL;
    }
    return distance;
}

void distance_free(struct distance *distance)
{
    if (distance == NULL)
        return;
    fetcher_free(distance->fetcher);
    free(distance);
}

bool distance_now(const struct distance *distance, struct distance_point from, struct distance_point to,
                  int64_t *metres)
{
    if (distance->provider != DISTANCE_HAVERSINE)
        return false;
    *metres = (int64_t)llround(distance_haversine(from, to));
    return true;
}

/* ---- providers ---- */

static void coordinate(char *out, size_t size, double number)
{
    snprintf(out, size, "%.6f", number); /* about a decimetre; never an exponent */
}

static char *google_url(const struct distance_settings *settings, struct distance_point from,
                        struct distance_point to)
{
    char text[4][32];
    coordinate(text[0], sizeof text[0], from.latitude);
    coordinate(text[1], sizeof text[1], from.longitude);
    coordinate(text[2], sizeof text[2], to.latitude);
    coordinate(text[3], sizeof text[3], to.longitude);
    char *key = mem_new(3 * strlen(settings->gmap_token) + 1);
    text_percent_encode(slice_of(settings->gmap_token), key);
    char *url = mem_printf("%s%corigins=%s,%s&destinations=%s,%s&key=%s", settings->gmap_url,
                           strchr(settings->gmap_url, '?') != NULL ? '&' : '?', text[0], text[1], text[2],
                           text[3], key);
    free(key);
    return url;
}

/* OSRM wants longitude first. */
static char *osrm_url(const struct distance_settings *settings, struct distance_point from,
                      struct distance_point to)
{
    char text[4][32];
    const char *base = settings->osrm_url;
    size_t length = strlen(base);
    coordinate(text[0], sizeof text[0], from.longitude);
    coordinate(text[1], sizeof text[1], from.latitude);
    coordinate(text[2], sizeof text[2], to.longitude);
    coordinate(text[3], sizeof text[3], to.latitude);
    return mem_printf("%.*s/route/v1/driving/%s,%s;%s,%s?overview=false",
                      (int)(length > 0 && base[length - 1] == '/' ? length - 1 : length), base, text[0],
                      text[1], text[2], text[3]);
}

static const struct json *object_member(const struct json *object, const char *name)
{
    return object != NULL && json_type_of(object) == JSON_OBJECT_VALUE ? json_member(object, name) : NULL;
}

static const struct json *first_of(const struct json *array)
{
    return array != NULL && json_type_of(array) == JSON_ARRAY_VALUE ? json_at(array, 0) : NULL;
}

static struct slice text_of(const struct json *value)
{
    return value != NULL && json_type_of(value) == JSON_STRING_VALUE ? json_text(value)
                                                                     : (struct slice){NULL, 0};
}

static bool metres_of(const struct json *value, int64_t *metres)
{
    if (value == NULL || (json_type_of(value) != JSON_INT_VALUE && json_type_of(value) != JSON_REAL_VALUE))
        return false;
    double number = json_number(value);
    if (!(number >= 0 && number <= 1e9))
        return false;
    *metres = (int64_t)llround(number);
    return true;
}

static const char malformed[] = "The distance provider gave a malformed answer.";

/* A status that is one of the words its documentation lists may be told on; anything else is malformed. */
static const char *refusal_of(struct slice status)
{
    static const struct {
        const char *status, *error;
    } known[] = {
        {"ZERO_RESULTS", "The distance provider knows no way (ZERO_RESULTS)."},
        {"NOT_FOUND", "The distance provider does not know one of the places (NOT_FOUND)."},
        {"MAX_ROUTE_LENGTH_EXCEEDED",
         "The distance provider finds the way too long (MAX_ROUTE_LENGTH_EXCEEDED)."},
        {"OVER_QUERY_LIMIT", "The distance provider refuses for now (OVER_QUERY_LIMIT)."},
        {"OVER_DAILY_LIMIT", "The distance provider refuses for now (OVER_DAILY_LIMIT)."},
        {"REQUEST_DENIED", "The distance provider refuses the key (REQUEST_DENIED)."},
        {"INVALID_REQUEST", "The distance provider does not accept the places (INVALID_REQUEST)."},
        {"UNKNOWN_ERROR", "The distance provider failed (UNKNOWN_ERROR)."},
        {"NoRoute", "The distance provider knows no way (NoRoute)."},
        {"NoSegment", "The distance provider knows no road near one of the places (NoSegment)."},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_equal(status, slice_of(known[i].status)))
            return known[i].error;
    return malformed;
}

/* NULL, or why there is no distance. */
static const char *read_google(const struct json *document, int64_t *metres)
{
    struct slice status = text_of(object_member(document, "status"));
    if (!slice_equal(status, SLICE("OK")))
        return refusal_of(status);
    const struct json *element =
        first_of(object_member(first_of(object_member(document, "rows")), "elements"));
    status = text_of(object_member(element, "status"));
    if (!slice_equal(status, SLICE("OK")))
        return refusal_of(status);
    return metres_of(object_member(object_member(element, "distance"), "value"), metres) ? NULL : malformed;
}

static const char *read_osrm(const struct json *document, int64_t *metres)
{
    struct slice code = text_of(object_member(document, "code"));
    if (!slice_equal(code, SLICE("Ok")))
        return refusal_of(code);
    return metres_of(object_member(first_of(object_member(document, "routes")), "distance"), metres)
               ? NULL
               : malformed;
}

/* ---- asking ---- */

/* NULL, or why the answer gives no distance. A provider that fails may still say so in a document. */
static const char *read_answer(enum distance_provider provider, const struct fetch_answer *answer,
                               int64_t *metres)
{
    char ignored[192];
    struct json *document = json_read(answer->body, ignored, sizeof ignored);
    if (document == NULL)
        return malformed;
    const char *why =
        provider == DISTANCE_GOOGLE ? read_google(document, metres) : read_osrm(document, metres);
    json_free(document);
    return why == NULL && answer->status != 200 ? malformed : why;
}

static const char *const outcomes[] = {[PROVIDER_OK] = "",
                                       [PROVIDER_REFUSED] = "refused",
                                       [PROVIDER_MALFORMED] = "malformed",
                                       [PROVIDER_UNREACHABLE] = "unreachable"};

/* why: NULL, or why the answer gives no distance. */
static enum metric_distance outcome_of(const struct fetch_answer *answer, const char *why)
{
    if (answer->status == 0)
        return PROVIDER_UNREACHABLE;
    return why == NULL ? PROVIDER_OK : why == malformed ? PROVIDER_MALFORMED : PROVIDER_REFUSED;
}

static void tell_failure(const struct distance_query *query, const char *error, const char *proxy)
{
    char trace_id[TRACE_ID_SIZE], span_id[TRACE_SPAN_SIZE];
    trace_write_id(&query->trace, trace_id);
    trace_write_span(query->trace.parent, span_id);
    log_warn("no distance", LOG_S("reason", error), LOG_S("proxy", proxy), LOG_S("trace_id", trace_id),
             LOG_S("span_id", span_id));
}

/* The address without what is asked, and without passwords. */
static char *shown_url(const struct distance *distance)
{
    const struct distance_settings *settings = distance->settings;
    char *url = dburl_mask(distance->provider == DISTANCE_GOOGLE ? settings->gmap_url : settings->osrm_url);
    url[strcspn(url, "?#")] = '\0';
    return url;
}

/* OpenTelemetry's conventions for HTTP spans of clients. status: 0 when there was no answer. */
static void record(const struct distance_query *query, int status, const char *error)
{
    char code[16];
    if (query->trace.otlp == NULL)
        return;
    char *url = shown_url(query->distance), *host = proxy_host_of(url);
    snprintf(code, sizeof code, "%d", status);
    const struct span_attribute attributes[] = {
        SPAN_TEXT("http.request.method", SLICE("GET")),
        SPAN_TEXT("url.full", slice_of(url)),
        SPAN_TEXT("server.address", ((struct slice){host, strcspn(host, ":")})),
        SPAN_TEXT("rowlock.distance.provider", slice_of(providers[query->distance->provider])),
        status != 0 ? SPAN_INT("http.response.status_code", status) : SPAN_NOTHING,
        error == NULL ? SPAN_NOTHING : SPAN_TEXT("error.type", slice_of(status >= 400 ? code : error)),
    };
    struct span span = {.trace = &query->trace,
                        .name = "GET",
                        .kind = SPAN_CLIENT,
                        .start = query->started,
                        .end = clock_now(),
                        .attributes = attributes,
                        .attribute_count = sizeof attributes / sizeof attributes[0],
                        .error = error};
    otlp_record(query->trace.otlp, &span);
    free(url);
    free(host);
}

static void on_fetched(const struct fetch_answer *answer, void *argument)
{
    struct distance_query *query = argument;
    char error[192] = "";
    int64_t metres = -1;
    const char *why = answer->status != 0 ? read_answer(query->distance->provider, answer, &metres) : NULL;
    enum metric_distance outcome = outcome_of(answer, why);
    metric_add(METRIC_DISTANCE_REQUESTS, outcome, 1);
    if (answer->status == 0)
        snprintf(error, sizeof error, "The distance provider cannot be asked (%s).", answer->error);
    else if (why == malformed && answer->status != 200)
        snprintf(error, sizeof error, "The distance provider answered with status %d.", answer->status);
    else if (why != NULL)
        snprintf(error, sizeof error, "%s", why);
    if (error[0] != '\0')
        tell_failure(query, error, answer->proxy);
    record(query, answer->status, outcome == PROVIDER_OK ? NULL : outcomes[outcome]);
    distance_cb *callback = query->callback;
    void *owner = query->argument;
    free(query);
    callback(error[0] != '\0' ? -1 : metres, error, owner);
}

/* Who is asked may continue the trace (W3C Trace Context). */
static struct fetch *ask(struct distance_query *query, const char *url)
{
    char parent[TRACE_PARENT_SIZE];
    trace_write_parent(&query->trace, parent);
    struct slice state = query->trace.state;
    char *headers[] = {mem_printf("traceparent: %s", parent),
                       state.len > 0 ? mem_printf("tracestate: %.*s", (int)state.len, state.ptr) : NULL,
                       NULL};
    struct fetch *fetch =
        fetch_start(query->distance->fetcher, url, (const char *const *)headers, on_fetched, query);
    free(headers[0]);
    free(headers[1]);
    return fetch;
}

struct distance_query *distance_start(struct distance *distance, struct distance_point from,
                                      struct distance_point to, const struct trace *trace,
                                      distance_cb *callback, void *argument)
{
    struct distance_query *query = mem_new(sizeof *query);
    query->distance = distance;
    query->trace = trace_part(trace);
    query->started = clock_now();
    query->callback = callback;
    query->argument = argument;
    char *url = distance->provider == DISTANCE_GOOGLE ? google_url(distance->settings, from, to)
                                                      : osrm_url(distance->settings, from, to);
    query->fetch = ask(query, url);
    free(url);
    if (query->fetch == NULL) {
        free(query);
        return NULL;
    }
    return query;
}

void distance_cancel(struct distance_query *query)
{
    record(query, 0, "cancelled");
    fetch_cancel(query->fetch);
    free(query);
}
