/* limits_admit looks at the rate, then at who is inside; write_fields tells what is left, refuse what is too much. */
#include <config.h>

#include "core/limits.h"

#include "base/clock.h"
#include "core/buckets.h"
#include "core/crowd.h"
#include "core/keys.h"
#include "core/request.h"
#include "core/server_parts.h"
#include "core/settings.h"
#include "metrics/metrics.h"

#define FIELDS_MAX 512u

bool limits_open(size_t processes)
{
    if (!buckets_open())
        return false;
    if (crowd_open(processes))
        return true;
    buckets_close();
    return false;
}

void limits_close(void)
{
    buckets_close();
    crowd_close();
}

void limits_attach(void)
{
    crowd_attach();
}

/* ---- what is counted ---- */

/* Of a request that asks to be admitted. */
struct admission {
    struct request *request;
    struct allowance allowance;
    enum limits_use use;
    struct bucket_size size;
    struct bucket_state bucket; /* of a caller with a rate */
    uint64_t inside;            /* of one who may have so many at once */
};

/* What the key says of itself counts in place of what holds for all. */
static struct allowance allowance_of(const struct request *request)
{
    struct allowance allowance = request->server->settings->allowance;
    if (request->key == NULL)
        return allowance;
    const struct key_limits *own = &request->key->limits;
    if (own->rate > 0) {
        allowance.rate = own->rate;
        allowance.period_ns = own->per_s * CLOCK_SECOND;
        allowance.burst = 0;
    }
    if (own->burst > 0)
        allowance.burst = own->burst;
    if (own->concurrent > 0)
        allowance.concurrent = own->concurrent;
    return allowance;
}

/* Numbers of keys may be larger than those of settings: a request costs a nanosecond at least, and a bucket holds what 64
 * bits do. */
static struct bucket_size bucket_size_of(const struct allowance *allowance)
{
    struct bucket_size size = {allowance->period_ns / allowance->rate, allowance_burst(allowance)};
    size.interval_ns = size.interval_ns > 0 ? size.interval_ns : 1;
    int64_t most = INT64_MAX / 4 / size.interval_ns;
    size.burst = size.burst < most ? size.burst : most;
    return size;
}

static bool is_in_rate(struct admission *admission)
{
    const struct allowance *allowance = &admission->allowance;
    if (allowance->rate == 0)
        return true;
    admission->size = bucket_size_of(allowance);
    return buckets_use(admission->request->caller_number, clock_now(), &admission->size,
                       admission->use == LIMITS_TAKE ? BUCKET_TAKE : BUCKET_LOOK, &admission->bucket);
}

static bool has_room(struct admission *admission)
{
    struct request *request = admission->request;
    uint64_t max = (uint64_t)admission->allowance.concurrent;
    struct crowd_count count = {NULL, 0};
    bool has = true;
    if (max == 0)
        return true;
    if (admission->use == LIMITS_TAKE)
        has = crowd_enter(request->caller_number, max, &count);
    else
        count.inside = crowd_look(request->caller_number) + 1;
    request->inside = count.place;
    admission->inside = count.inside < max ? count.inside : max;
    return has && count.inside <= max;
}

/* ---- what is told ---- */

static int64_t seconds(int64_t ns)
{
    return ns > CLOCK_SECOND ? (ns + CLOCK_SECOND - 1) / CLOCK_SECOND : 1;
}

/* For how long the client can use no more than what is left (section 4.1.2 of the draft), in seconds. Who spreads what
 * is left over that time keeps to the rate, which section 8.5 asks for. */
static int64_t window(const struct admission *admission)
{
    const struct bucket_state *bucket = &admission->bucket;
    return seconds(bucket->left > 0 ? bucket->left * admission->size.interval_ns : bucket->wait_ns);
}

static void add_rate(struct buf *policy, struct buf *state, const struct admission *admission)
{
    const struct bucket_size *size = &admission->size;
    buf_printf(policy, "\"rate\";q=%lld;w=%lld", (long long)size->burst,
               (long long)seconds(size->burst * size->interval_ns));
    buf_printf(state, "\"rate\";r=%lld;t=%lld", (long long)admission->bucket.left,
               (long long)window(admission));
}

static void add_concurrent(struct buf *policy, struct buf *state, const struct admission *admission)
{
    int64_t max = admission->allowance.concurrent;
    const char *between = policy->len > 0 ? ", " : "";
    buf_printf(policy, "%s\"concurrent\";q=%lld;qu=\"concurrent-requests\"", between, (long long)max);
    buf_printf(state, "%s\"concurrent\";r=%lld", between, (long long)(max - (int64_t)admission->inside));
}

static void add_fields(const struct admission *admission)
{
    struct buf policy = BUF_INIT(FIELDS_MAX), state = BUF_INIT(FIELDS_MAX);
    if (admission->allowance.rate > 0)
        add_rate(&policy, &state, admission);
    if (admission->allowance.concurrent > 0)
        add_concurrent(&policy, &state, admission);
    request_add_field(admission->request, "RateLimit-Policy", buf_slice(&policy));
    request_add_field(admission->request, "RateLimit", buf_slice(&state));
    buf_fini(&policy);
    buf_fini(&state);
}

static void refuse(struct admission *admission, bool rate)
{
    const struct allowance *allowance = &admission->allowance;
    struct request *request = admission->request;
    const char *who = request->key != NULL ? "key" : "address";
    struct reply *reply = request_reply(request);
    int64_t wait = rate ? window(admission) : 1;
    metric_add(METRIC_REFUSALS, rate ? REFUSAL_RATE : REFUSAL_CONCURRENT, 1);
    if (rate)
        reply_problem(reply, 429,
                      "This %s may send %lld request%s %s, and has sent more; ask again in %lld s.", who,
                      (long long)allowance->rate, allowance->rate > 1 ? "s" : "",
                      allowance_period(allowance), (long long)wait);
    else
        reply_problem(reply, 429,
                      "This %s may have %lld request%s answered at a time; ask again when one is.", who,
                      (long long)allowance->concurrent, allowance->concurrent > 1 ? "s" : "");
    buf_printf(&reply->fields, "Retry-After: %lld\r\n", (long long)wait);
    reply->refused = true;
    request_send(request, reply);
}

bool limits_admit(struct request *request, enum limits_use use)
{
    struct admission admission = {.request = request, .allowance = allowance_of(request), .use = use};
    if (request->key != NULL)
        request->caller_number = caller_number_of_key(slice_of(request->key->name), buckets_seed());
    if (admission.allowance.rate == 0 && admission.allowance.concurrent == 0)
        return true;
    bool rate = is_in_rate(&admission);
    admission.use = rate ? use : LIMITS_LOOK;
    bool room = has_room(&admission);
    add_fields(&admission);
    if (!rate || !room)
        refuse(&admission, !rate);
    return rate && room;
}
