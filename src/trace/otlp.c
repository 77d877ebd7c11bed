/* otlp_record writes spans into gathering; otlp_on_timer sends them (send_batch, post), on_answer judges what the
 * collector says of them (settle), or waits to send the same again (retry). otlp_finish hurries all that. */
#include <config.h>

#include "trace/otlp.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/fetch.h"
#include "metrics/metrics.h"

#define BATCH_SPANS 512u
#define BATCH_BYTES ((size_t)512 << 10)
#define GATHER_SPANS 4096u /* more than that, or more bytes: dropped */
#define GATHER_BYTES ((size_t)2 << 20)
#define GATHER_NS CLOCK_SECOND /* how long the first span of a batch waits for others */
#define CONNECT_NS (2 * CLOCK_SECOND)
#define TOTAL_NS (5 * CLOCK_SECOND)
#define TRIES_MAX 5u
#define PAUSE_NS CLOCK_SECOND
#define PAUSE_MIN_NS (CLOCK_SECOND / 10)
#define PAUSE_MAX_NS (30 * CLOCK_SECOND) /* also of what Retry-After asks for */
#define FINISH_NS (2 * CLOCK_SECOND)
#define STEADY_NS                                                                                            \
    CLOCK_MS /* a wall clock that has moved by less is not followed, so that spans keep their order */
#define HEADERS_MAX 32u
#define PATH "/v1/traces"

struct batch {
    struct buf text; /* spans by comma */
    unsigned spans;
};

struct otlp {
    struct loop *loop;
    struct fetcher *fetcher;
    char *url;
    char *headers[HEADERS_MAX + 3]; /* those of the settings and ours; NULL behind the last */
    struct buf resource;            /* what stands before the spans */
    unsigned of_a_million;
    int64_t wall;                    /* what clock_now lacks of the wall clock's time */
    struct batch gathering, leaving; /* leaving: on its way, or to be sent again */
    unsigned tries;                  /* of leaving */
    bool refused;                    /* the log was told that the collector takes nothing */
    struct fetch *fetch;             /* NULL: nothing is on its way */
    struct loop_timer *timer;        /* until the next batch leaves, or the same again */
    bool finishing;                  /* nothing waits, and nothing is tried again */
    struct loop_timer *limit;        /* of finishing */
    void (*done)(void *argument);    /* whom to tell then; NULL: nobody, any more */
    void *argument;
};

static void otlp_on_timer(void *argument);
static void otlp_on_limit(void *argument);
static void on_answer(const struct fetch_answer *answer, void *argument);
static void go_on(struct otlp *otlp);

/* ---- headers ---- */

/* The next of the list as "Name: value", to be freed; NULL: it is not right. */
static char *take_header(struct slice *list)
{
    struct slice pair = text_take(list, ',');
    const char *equals = pair.len > 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
    if (equals == NULL)
        return NULL;
    struct slice name = text_trimmed((struct slice){pair.ptr, (size_t)(equals - pair.ptr)}),
                 value = text_trimmed((struct slice){equals + 1, (size_t)(pair.ptr + pair.len - equals - 1)});
    char *plain = mem_new(value.len + 1);
    size_t length = 0;
    bool right = name.len > 0 && text_percent_decode(value, false, plain, &length);
    for (size_t i = 0; i < name.len; i++)
        right &= name.ptr[i] > ' ' && name.ptr[i] < 0x7f && name.ptr[i] != ':';
    for (size_t i = 0; i < length; i++)
        right &= (unsigned char)plain[i] >= ' ' && plain[i] != 0x7f;
    char *header = right ? mem_printf("%.*s: %.*s", (int)name.len, name.ptr, (int)length, plain) : NULL;
    free(plain);
    return header;
}

const char *otlp_headers_wrong(const char *headers)
{
    struct slice list = slice_of(headers);
    for (size_t count = 0; list.len > 0; count++) {
        char *header = take_header(&list);
        bool right = header != NULL && count < HEADERS_MAX;
        free(header);
        if (!right)
            return "it must be name=value, by comma, values percent-encoded";
    }
    return NULL;
}

static void set_headers(struct otlp *otlp, const char *headers)
{
    struct slice list = slice_of(headers);
    size_t count = 0;
    otlp->headers[count++] = mem_dup("Content-Type: application/json");
    otlp->headers[count++] = mem_dup("Expect:"); /* curl's question whether it may send a long body */
    while (list.len > 0)
        otlp->headers[count++] = take_header(&list);
}

/* ---- life ---- */

static void write_resource(struct otlp *otlp, const char *service)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const struct span_attribute attributes[] = {
        SPAN_TEXT("service.name", slice_of(service)),
        SPAN_TEXT("service.version", SLICE(PACKAGE_VERSION)),
        SPAN_TEXT("host.name", slice_of(host)),
        SPAN_INT("process.pid", getpid()),
        SPAN_TEXT("telemetry.sdk.name", SLICE("rowlock")),
        SPAN_TEXT("telemetry.sdk.language", SLICE("c")),
        SPAN_TEXT("telemetry.sdk.version", SLICE(PACKAGE_VERSION)),
    };
    otlp->resource = BUF_INIT((size_t)1 << 16);
    buf_add_string(&otlp->resource, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    bool any = false;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        any |= span_write_attribute(&otlp->resource, &attributes[i], any);
    buf_add_string(&otlp->resource,
                   "]},\"scopeSpans\":[{\"scope\":{\"name\":\"rowlock\",\"version\":\"" PACKAGE_VERSION
                   "\"},\"spans\":[");
}

static char *address_of(const char *url)
{
    size_t length = strlen(url), path = strlen(PATH);
    if (length >= path && strcmp(url + length - path, PATH) == 0)
        return mem_dup(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return mem_printf("%.*s%s", (int)length, url, PATH);
}

struct otlp *otlp_new(struct loop *loop, const struct otlp_options *options)
{
    struct fetcher *fetcher = fetcher_new(loop, options->proxies, 1, CONNECT_NS, TOTAL_NS);
    if (fetcher == NULL)
        return NULL;
    struct otlp *otlp = mem_new(sizeof *otlp);
    otlp->loop = loop;
    otlp->fetcher = fetcher;
    otlp->url = address_of(options->url);
    otlp->of_a_million = options->of_a_million;
    otlp->wall = clock_wall() - clock_now();
    otlp->gathering.text = otlp->leaving.text = BUF_INIT(GATHER_BYTES);
    otlp->timer = loop_timer_new(loop, otlp_on_timer, otlp);
    otlp->limit = loop_timer_new(loop, otlp_on_limit, otlp);
    set_headers(otlp, options->headers);
    write_resource(otlp, options->service);
    return otlp;
}

static void drop(struct batch *batch, enum metric_span_drop why)
{
    if (batch->spans > 0)
        metric_add(METRIC_SPANS_DROPPED, why, batch->spans);
    batch->spans = 0;
    buf_clear(&batch->text);
}

void otlp_free(struct otlp *otlp)
{
    if (otlp == NULL)
        return;
    drop(&otlp->leaving, SPAN_DROP_SHUTDOWN);
    drop(&otlp->gathering, SPAN_DROP_SHUTDOWN);
    fetcher_free(otlp->fetcher);
    loop_timer_free(otlp->timer);
    loop_timer_free(otlp->limit);
    buf_fini(&otlp->gathering.text);
    buf_fini(&otlp->leaving.text);
    buf_fini(&otlp->resource);
    for (size_t i = 0; otlp->headers[i] != NULL; i++)
        free(otlp->headers[i]);
    free(otlp->url);
    free(otlp);
}

/* ---- gathering ---- */

bool otlp_wants(const struct otlp *otlp, const struct trace *trace)
{
    return trace_is_among(trace, otlp->of_a_million);
}

/* The clock of the wall is looked at where nothing has gathered, and not for each span: the parts of a request would
 * begin before the request otherwise. */
static void follow_clock(struct otlp *otlp)
{
    int64_t wall = clock_wall() - clock_now(), moved = wall - otlp->wall;
    if (moved > STEADY_NS || moved < -STEADY_NS)
        otlp->wall = wall;
}

static bool is_full(const struct batch *batch)
{
    return batch->spans >= BATCH_SPANS || batch->text.len >= BATCH_BYTES;
}

void otlp_record(struct otlp *otlp, const struct span *span)
{
    struct batch *batch = &otlp->gathering;
    size_t before = batch->text.len;
    bool idle = otlp->leaving.spans == 0;
    if (batch->spans == 0)
        follow_clock(otlp);
    if (batch->spans < GATHER_SPANS) {
        buf_add_string(&batch->text, batch->spans > 0 ? "," : "");
        span_write(&batch->text, span, otlp->wall);
    }
    if (batch->spans >= GATHER_SPANS || batch->text.failed) {
        batch->text.len = before;
        batch->text.failed = false;
        metric_add(METRIC_SPANS_DROPPED, SPAN_DROP_FULL, 1);
        return;
    }
    batch->spans++;
    if (idle && (is_full(batch) || otlp->finishing))
        loop_timer_start(otlp->timer, 0);
    else if (idle && !loop_timer_pending(otlp->timer))
        loop_timer_start(otlp->timer, GATHER_NS);
}

/* ---- sending ---- */

static void post(struct otlp *otlp)
{
    struct buf body = BUF_INIT(2 * GATHER_BYTES);
    buf_add_slice(&body, buf_slice(&otlp->resource));
    buf_add_slice(&body, buf_slice(&otlp->leaving.text));
    buf_add_string(&body, "]}]}]}");
    struct fetch_request request = {.method = "POST",
                                    .url = otlp->url,
                                    .headers = (const char *const *)otlp->headers,
                                    .body = buf_slice(&body)};
    otlp->tries++;
    otlp->fetch = fetch_send(otlp->fetcher, &request, on_answer, otlp);
    if (otlp->fetch == NULL)
        drop(&otlp->leaving, SPAN_DROP_AWAY);
    buf_fini(&body);
}

static void send_batch(struct otlp *otlp)
{
    struct batch spare = otlp->leaving;
    otlp->leaving = otlp->gathering;
    otlp->gathering = spare;
    buf_trim(&otlp->gathering.text, BATCH_BYTES);
    otlp->tries = 0;
    post(otlp);
}

static void otlp_on_timer(void *argument)
{
    struct otlp *otlp = argument;
    if (otlp->fetch != NULL)
        return;
    if (otlp->leaving.spans > 0)
        post(otlp);
    else if (otlp->gathering.spans > 0)
        send_batch(otlp);
}

/* ---- what the collector says ---- */

/* How many of them it has not taken though it says that it has (ExportTracePartialSuccess). What is no such document
 * says nothing. */
static unsigned rejected_of(struct slice body, unsigned most)
{
    char ignored[192];
    struct json *document = body.len > 0 ? json_read(body, ignored, sizeof ignored) : NULL;
    const struct json *partial = NULL, *count = NULL;
    int64_t number = 0;
    if (document != NULL && json_type_of(document) == JSON_OBJECT_VALUE)
        partial = json_member(document, "partialSuccess");
    if (partial != NULL && json_type_of(partial) == JSON_OBJECT_VALUE)
        count = json_member(partial, "rejectedSpans");
    if (count != NULL && json_type_of(count) == JSON_INT_VALUE)
        number = json_int(count);
    else if (count != NULL && json_type_of(count) == JSON_STRING_VALUE &&
             text_int(json_text(count), &number) != TEXT_NUMBER_OK)
        number = 0;
    json_free(document);
    return number <= 0 ? 0 : number < most ? (unsigned)number : most;
}

static bool is_passing(const struct fetch_answer *answer)
{
    int status = answer->status;
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static void tell(struct otlp *otlp, const struct fetch_answer *answer, bool taken)
{
    if (taken && otlp->refused)
        log_info("spans are taken again");
    else if (!taken && !otlp->refused)
        log_warn("the collector does not take spans", LOG_I("status", answer->status),
                 LOG_S("reason", answer->error), LOG_S("proxy", answer->proxy));
    otlp->refused = !taken;
}

static void settle(struct otlp *otlp, const struct fetch_answer *answer)
{
    struct batch *batch = &otlp->leaving;
    bool taken = answer->status / 100 == 2;
    unsigned rejected = taken ? rejected_of(answer->body, batch->spans) : 0;
    if (taken)
        metric_add(METRIC_SPANS_SENT, 0, batch->spans - rejected);
    batch->spans = taken ? rejected : batch->spans;
    drop(batch, taken || !is_passing(answer) ? SPAN_DROP_REFUSED : SPAN_DROP_AWAY);
}

/* The pause that the collector asks for (RFC 9110 section 10.2.3; dates are not read), else one that grows. */
static int64_t pause_of(const struct otlp *otlp, const struct fetch_answer *answer)
{
    int64_t seconds;
    struct slice asked = answer->status != 0 ? fetch_field(answer, "Retry-After") : SLICE("");
    if (asked.ptr == NULL || text_int(text_trimmed(asked), &seconds) != TEXT_NUMBER_OK || seconds < 0)
        return backoff_ns(otlp->tries - 1, PAUSE_NS, PAUSE_MAX_NS);
    int64_t pause = seconds < PAUSE_MAX_NS / CLOCK_SECOND ? seconds * CLOCK_SECOND : PAUSE_MAX_NS;
    return pause > PAUSE_MIN_NS ? pause : PAUSE_MIN_NS; /* or all tries were over at once */
}

static void on_answer(const struct fetch_answer *answer, void *argument)
{
    struct otlp *otlp = argument;
    otlp->fetch = NULL;
    tell(otlp, answer, answer->status / 100 == 2);
    if (is_passing(answer) && otlp->tries < TRIES_MAX && !otlp->finishing) {
        loop_timer_start(otlp->timer, pause_of(otlp, answer));
        return;
    }
    settle(otlp, answer);
    go_on(otlp);
}

static void go_on(struct otlp *otlp)
{
    if (otlp->gathering.spans > 0)
        loop_timer_start(otlp->timer, is_full(&otlp->gathering) || otlp->finishing ? 0 : GATHER_NS);
    else
        otlp_on_limit(otlp);
}

/* ---- finishing ---- */

bool otlp_finish(struct otlp *otlp, void (*done)(void *argument), void *argument)
{
    if (otlp == NULL || otlp->finishing || otlp->leaving.spans + otlp->gathering.spans == 0)
        return false;
    otlp->finishing = true;
    otlp->done = done;
    otlp->argument = argument;
    loop_timer_start(otlp->limit, FINISH_NS);
    loop_timer_start(otlp->timer, 0);
    return true;
}

static void otlp_on_limit(void *argument)
{
    struct otlp *otlp = argument;
    void (*done)(void *) = otlp->done;
    loop_timer_stop(otlp->limit);
    otlp->done = NULL;
    if (done != NULL)
        done(otlp->argument);
}
