/* POST /orders/claim: whoever asks gets the oldest of those that are free, or the nearest. */
#include <config.h>

#include "apps/orders_claim.h"

#include "apps/orders_change.h"
#include "base/text.h"
#include "core/idempotency.h"
#include "core/obtain.h"
#include "core/rows.h"
#include "metrics/metrics.h"

enum {
    CLAIM_TAKER,
    CLAIM_LIMIT,
    CLAIM_LEASE,
    CLAIM_NEAR,
    CLAIM_WITHIN,
};

#define CLAIM_MAX 100
#define WITHIN_MAX 20100000 /* more than half of the equator */

const struct field orders_claim_body[] = {
    {.name = "taker",
     FIELD_OF_TEXT(ORDERS_TAKER_MAX),
     .required = true,
     .about = "who takes them",
     .own = FIELD_OWN,
     .example = "\"courier-7\""},
    {.name = "limit",
     .type = FIELD_INT,
     .min = 1,
     .max = CLAIM_MAX,
     .about = "how many at most; 1 when not said"},
    {.name = "lease", FIELD_OF_LEASE, .about = "seconds from now until they are free again"},
    {.name = "near", .type = FIELD_POINT, .about = "nearest to this point first, instead of oldest first"},
    {.name = "within",
     .type = FIELD_INT,
     .min = 0,
     .max = WITHIN_MAX,
     .about = "with near: metres from there at most"},
    {.name = NULL},
};

const struct member orders_claimed[] = {
    {.name = "id", .type = COLUMN_INT},
    {.name = "origin", .type = COLUMN_POINT},
    {.name = "destination", .type = COLUMN_POINT},
    {.name = "distance", .type = COLUMN_INT},
    {.name = "status", .type = COLUMN_TEXT},
    {.name = "taker", .type = COLUMN_TEXT},
    {.name = "created_at", .type = COLUMN_TIME},
    {.name = "updated_at", .type = COLUMN_TIME},
    {.name = "claim", .type = COLUMN_INT},
    {.name = "lease_until", .type = COLUMN_TIME, .nullable = true},
    {.name = "distance_to_origin", .type = COLUMN_INT, .optional = true},
    {.name = NULL},
};

const char *orders_claim_clash(const struct value *values)
{
    if (values[CLAIM_WITHIN].present && !values[CLAIM_NEAR].present)
        return "The member within needs near beside it.";
    return NULL;
}

static struct db_param integer_or_null(const struct value *value)
{
    return (struct db_param){.null = !value->present, .integer = value->integer};
}

static void start_near(struct request *request, struct db_param params[DB_PARAMS_MAX])
{
    const struct value *near = &request->values[CLAIM_NEAR], *within = &request->values[CLAIM_WITHIN];
    params[PARAM_ORDER_CLAIM_NEAR_LAT] = (struct db_param){.real = near->point[0]};
    params[PARAM_ORDER_CLAIM_NEAR_LNG] = (struct db_param){.real = near->point[1]};
    params[PARAM_ORDER_CLAIM_NEAR_WITHIN] = integer_or_null(within);
    if (request->idempotency_key.ptr != NULL)
        idempotency_call(request, STATEMENT(ORDER_CLAIM_NEAR_ONCE), params);
    else
        obtain_answer(request, STATEMENT(ORDER_CLAIM_NEAR), params);
}

void orders_claim_start(struct request *request)
{
    const struct value *limit = &request->values[CLAIM_LIMIT];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_CLAIM_TAKER] = {.text = request->values[CLAIM_TAKER].text},
        [PARAM_ORDER_CLAIM_LIMIT] = {.integer = limit->present ? limit->integer : 1},
        [PARAM_ORDER_CLAIM_LEASE] = integer_or_null(&request->values[CLAIM_LEASE])};
    if (request->values[CLAIM_NEAR].present)
        start_near(request, params);
    else
        obtain_answer(request, STATEMENT(ORDER_CLAIM), params);
}

/* How old they were, by the database's clock. */
static void observe_ages(const struct db_answer *answer)
{
    const struct db_rows *rows = answer->rows;
    int64_t placed, claimed, age;
    for (int row = answer->first; row < answer->first + answer->count; row++)
        if (text_time(rows->value(rows, row, LIST_ORDER_CREATED_AT), &placed) &&
            text_time(rows->value(rows, row, LIST_ORDER_UPDATED_AT), &claimed) &&
            !__builtin_sub_overflow(claimed, placed, &age) && age >= 0)
            metric_observe(METRIC_ORDER_AGE, 0, (uint64_t)age);
}

/* The answer of a key that has no orders is a row without one. */
void orders_claim_write(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    bool none = answer->count == 0 || answer_value(answer, LIST_ORDER_ID).ptr == NULL;
    metric_add(METRIC_ORDER_CLAIMS, none ? CLAIM_NOTHING : CLAIM_WON, 1);
    metric_add(METRIC_ORDERS_CLAIMED, 0, none ? 0 : (uint64_t)answer->count);
    if (!none)
        observe_ages(answer);
    rows_add_array(&answering->reply->body, answering->statement, answer->rows, answer->first,
                   none ? 0 : answer->count);
}
