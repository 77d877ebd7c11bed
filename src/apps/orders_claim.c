/* POST /orders/claim: whoever asks gets the oldest of those that are free. */
#include <config.h>

#include "apps/orders_claim.h"

#include "apps/orders_change.h"
#include "core/obtain.h"
#include "core/rows.h"

enum {
    CLAIM_TAKER,
    CLAIM_LIMIT,
    CLAIM_LEASE,
};

#define CLAIM_MAX 100

const struct field orders_claim_body[] = {
    {.name = "taker",
     FIELD_OF_TEXT(ORDERS_TAKER_MAX),
     .required = true,
     .about = "who takes them",
     .example = "\"courier-7\""},
    {.name = "limit",
     .type = FIELD_INT,
     .min = 1,
     .max = CLAIM_MAX,
     .about = "how many at most; 1 when not said"},
    {.name = "lease", FIELD_OF_LEASE, .about = "seconds from now until they are free again"},
    {.name = NULL},
};

void orders_claim_start(struct request *request)
{
    const struct value *limit = &request->values[CLAIM_LIMIT], *lease = &request->values[CLAIM_LEASE];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_ORDER_CLAIM_TAKER] = {.text = request->values[CLAIM_TAKER].text},
        [PARAM_ORDER_CLAIM_LIMIT] = {.integer = limit->present ? limit->integer : 1},
        [PARAM_ORDER_CLAIM_LEASE] = {.null = !lease->present, .integer = lease->integer}};
    obtain_answer(request, STATEMENT(ORDER_CLAIM), params);
}

/* The answer of a key that has no orders is a row without one. */
void orders_claim_write(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    bool none = answer->count == 0 || answer_value(answer, LIST_ORDER_ID).ptr == NULL;
    rows_add_array(&answering->reply->body, answering->statement, answer->rows, answer->first,
                   none ? 0 : answer->count);
}
