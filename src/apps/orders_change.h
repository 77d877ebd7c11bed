/* PATCH /orders/{id}, as the table of routes has it. */
#ifndef ROWLOCK_APPS_ORDERS_CHANGE_H
#define ROWLOCK_APPS_ORDERS_CHANGE_H

#include "core/answer.h"
#include "core/request.h"

#define ORDERS_TAKER_MAX 200 /* code points of a name */
#define FIELD_OF_LEASE .type = FIELD_INT, .min = 1, .max = 86400

extern const struct field orders_change_body[];
extern const struct member orders_changed[];
const char *orders_change_clash(const struct value *values);
void orders_change_start(struct request *request);
void orders_change_write(const struct answering *answering);

#endif
