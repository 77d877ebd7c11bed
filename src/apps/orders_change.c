/* PATCH /orders/{id}: taking, with a lease or without, releasing, delivering; and what each outcome is called. */
#include <config.h>

#include "apps/orders_change.h"

#include "base/clock.h"
#include "base/text.h"
#include "core/obtain.h"
#include "core/rows.h"
#include "metrics/metrics.h"

#define AGE_MAX 9e9 /* seconds, of which nanoseconds fit into 64 bits; 285 years */

enum {
    CHANGE_ID,
    CHANGE_STATUS,
    CHANGE_TAKER,
    CHANGE_LEASE,
    CHANGE_CLAIM,
};

static const char *const statuses[] = {"TAKEN", "UNASSIGNED", "DELIVERED", NULL};

const struct field orders_change_body[] = {
    {.name = "status",
     .type = FIELD_ENUM,
     .required = true,
     .choices = statuses,
     .about = "TAKEN takes it, UNASSIGNED releases it, DELIVERED ends it"},
    {.name = "taker",
     FIELD_OF_TEXT(ORDERS_TAKER_MAX),
     .about = "who does so",
     .own = FIELD_OWN,
     .example = "\"courier-7\""},
    {.name = "lease", FIELD_OF_LEASE, .about = "with TAKEN: seconds from now until it is free again"},
    {.name = "claim",
     FIELD_OF_ID,
     .about = "the acquisition that is meant: when it is not the current one, nothing is changed"},
    {.name = NULL},
};

static const char *const success[] = {"SUCCESS", NULL};

const struct member orders_changed[] = {
    {.name = "status", .type = COLUMN_TEXT, .choices = success},
    {.name = "claim", .type = COLUMN_INT, .optional = true},
    {.name = "lease_until", .type = COLUMN_TIME, .nullable = true, .optional = true},
    {.name = NULL},
};

const char *orders_change_clash(const struct value *values)
{
    if (values[CHANGE_LEASE].present && !slice_equal(values[CHANGE_STATUS].text, SLICE("TAKEN")))
        return "The member lease goes with the status TAKEN alone.";
    return NULL;
}

static struct db_param integer_of(const struct value *value)
{
    return (struct db_param){.null = !value->present, .integer = value->integer};
}

/* Who speaks of no lease takes by a statement that knows of none. */
static void start_take(struct request *request, struct db_param params[DB_PARAMS_MAX])
{
    const struct value *lease = &request->values[CHANGE_LEASE], *claim = &request->values[CHANGE_CLAIM];
    params[PARAM_ORDER_LEASE_LEASE] = integer_of(lease);
    params[PARAM_ORDER_LEASE_CLAIM] = integer_of(claim);
    obtain_answer(request, lease->present || claim->present ? STATEMENT(ORDER_LEASE) : STATEMENT(ORDER_TAKE),
                  params);
}

void orders_change_start(struct request *request)
{
    static const struct statement *const by_status[] = {NULL, STATEMENT(ORDER_RELEASE),
                                                        STATEMENT(ORDER_DELIVER)};
    const struct value *taker = &request->values[CHANGE_TAKER];
    const struct statement *statement = by_status[request->values[CHANGE_STATUS].integer];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_TAKE_ID] = {.integer = request->values[CHANGE_ID].integer},
        [PARAM_ORDER_TAKE_TAKER] = {.null = !taker->present, .text = taker->text}};
    if (statement == NULL) {
        start_take(request, params);
        return;
    }
    params[PARAM_ORDER_RELEASE_CLAIM] = integer_of(&request->values[CHANGE_CLAIM]);
    obtain_answer(request, statement, params);
}

static bool releases(const struct answering *answering)
{
    return answering->statement == STATEMENT(ORDER_RELEASE) ||
           (answering->statement == STATEMENT(ORDER_CHANGE_IF) &&
            slice_equal(answering->params[PARAM_ORDER_CHANGE_IF_STATUS].text, SLICE("UNASSIGNED")));
}

static void refuse_held(const char *verb, struct slice holder, struct reply *reply)
{
    if (holder.ptr == NULL)
        reply_problem(reply, 400, "Order was taken without a taker, so only a request without one may %s it.",
                      verb);
    else
        reply_problem(reply, 400, "Order is held by %.*s, who alone may %s it.", (int)holder.len, holder.ptr,
                      verb);
}

struct refusal_of_change {
    const char *outcome, *message;
    enum metric_take take; /* as which it counts when somebody wanted to take the order */
};

/* NULL: no such outcome. */
static const struct refusal_of_change *refusal_of(struct slice outcome)
{
    static const struct refusal_of_change refusals[] = {
        {"taken", "Order is already taken.", TAKE_TAKEN},
        {"occupied", "Order is currently occupied.", TAKE_OCCUPIED},
        {"missing", "Order does not exist.", TAKE_MISSING},
        {"unassigned", "Order is not taken.", TAKE_OTHER},
        {"delivered", "Order is already delivered.", TAKE_DELIVERED},
        {"stale", "Order is not held under this claim.", TAKE_STALE},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (slice_equal(outcome, slice_of(refusals[i].outcome)))
            return &refusals[i];
    return NULL;
}

static bool takes(const struct answering *answering)
{
    return answering->statement == STATEMENT(ORDER_TAKE) || answering->statement == STATEMENT(ORDER_LEASE) ||
           (answering->statement == STATEMENT(ORDER_CHANGE_IF) &&
            slice_equal(answering->params[PARAM_ORDER_CHANGE_IF_STATUS].text, SLICE("TAKEN")));
}

/* A lease was asked for, or a claim was named. */
static bool is_leased(const struct answering *answering)
{
    const struct db_param *params = answering->params;
    if (answering->statement == STATEMENT(ORDER_CHANGE_IF))
        return slice_equal(params[PARAM_ORDER_CHANGE_IF_STATUS].text, SLICE("TAKEN")) &&
               !(params[PARAM_ORDER_CHANGE_IF_LEASE].null && params[PARAM_ORDER_CHANGE_IF_CLAIM].null);
    return answering->statement == STATEMENT(ORDER_LEASE);
}

static void write_success(const struct answering *answering)
{
    struct buf *body = &answering->reply->body;
    buf_printf(body, "{\"status\":\"%s\"", success[0]);
    if (is_leased(answering)) {
        struct slice claim = answer_value(answering->answer, COLUMN_ORDER_LEASE_CLAIM);
        buf_printf(body, ",\"claim\":%.*s,\"lease_until\":", (int)claim.len, claim.ptr);
        rows_add_value(body, COLUMN_TIME, answer_value(answering->answer, COLUMN_ORDER_LEASE_LEASE_UNTIL));
    }
    buf_add_char(body, '}');
}

/* An acquisition by order_take says how old the order was, in seconds of the database's clock. */
static void observe_age(const struct answering *answering)
{
    double age;
    if (answering->statement == STATEMENT(ORDER_TAKE) &&
        text_double(answer_value(answering->answer, COLUMN_ORDER_TAKE_AGE), &age) == TEXT_NUMBER_OK &&
        age >= 0 && age < AGE_MAX)
        metric_observe(METRIC_ORDER_AGE, 0, (uint64_t)(age * CLOCK_SECOND));
}

static void succeed(const struct answering *answering)
{
    observe_age(answering);
    write_success(answering);
}

void orders_change_write(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    struct reply *reply = answering->reply;
    struct slice outcome = answer->count == 1 ? answer_value(answer, COLUMN_ORDER_TAKE_OUTCOME) : SLICE("");
    const struct refusal_of_change *refusal = refusal_of(outcome);
    bool done = slice_equal(outcome, SLICE("done"));
    if (takes(answering))
        metric_add(METRIC_ORDER_TAKES, done ? TAKE_WON : refusal != NULL ? refusal->take : TAKE_OTHER, 1);
    if (done)
        succeed(answering);
    else if (slice_equal(outcome, SLICE("held")))
        refuse_held(releases(answering) ? "release" : "deliver",
                    answer_value(answer, COLUMN_ORDER_TAKE_HOLDER), reply);
    else if (slice_equal(outcome, SLICE("unchanged")))
        reply_not_made(reply, answering->statement->name);
    else if (refusal != NULL)
        reply_problem(reply, 400, "%s", refusal->message);
    else
        reply_problem(reply, 500, "The database gave an outcome that this server does not know.");
}
