/* POST /orders/claim, as the table of routes has it. */
#ifndef ROWLOCK_APPS_ORDERS_CLAIM_H
#define ROWLOCK_APPS_ORDERS_CLAIM_H

#include "core/answer.h"
#include "core/request.h"

extern const struct field orders_claim_body[];
extern const struct member orders_claimed[];
const char *orders_claim_clash(const struct value *values);
void orders_claim_start(struct request *request);
void orders_claim_write(const struct answering *answering);

#endif
