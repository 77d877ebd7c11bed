/* Fields that say who asks, such as the taker of an order. A key with takers=own speaks for its name alone: that is who
 * asks. */
#ifndef ROWLOCK_CORE_OWN_H
#define ROWLOCK_CORE_OWN_H

#include "core/request.h"

/* The name that the request speaks for; .ptr NULL: it may say any. */
struct slice own_name(const struct request *request);

/* Fills in the fields of the route that are such (struct field, own). False: another name is given, or none where one
 * is required; the request was answered. */
bool own_settle(struct request *request);

#endif
