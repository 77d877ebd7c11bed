/* GET /orders and GET /orders/{id}/history, as the table of routes has them. */
#ifndef ROWLOCK_APPS_ORDERS_LIST_H
#define ROWLOCK_APPS_ORDERS_LIST_H

#include "core/answer.h"
#include "core/request.h"

extern const struct field orders_list_query[], orders_history_query[];
const char *orders_list_clash(const struct value *values);
void orders_list_start(struct request *request);
void orders_list_write(const struct answering *answering);
void orders_history_start(struct request *request);
void orders_history_write(const struct answering *answering);

#endif
