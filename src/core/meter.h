/* Requests as they are counted: by endpoint, which is a method and the path of a route, and by status. The labels of
 * both are known before the first request, so that counting one with its time is three additions. */
#ifndef ROWLOCK_CORE_METER_H
#define ROWLOCK_CORE_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http_parse.h"

struct app;
struct settings;

/* Gives the metrics their labels and makes room for the processes; once, before the first of them. False with errno
 * when there is no memory. */
bool meter_open(const struct settings *settings, const struct app *const *apps, size_t processes);

/* The endpoints that are no route's. */
#define METER_UNKNOWN 0u /* no method was understood */
#define METER_NONE SIZE_MAX

/* number: of the route among those of all apps, in their order; METER_NONE: no route was found. */
static inline size_t meter_endpoint(enum http_method method, size_t number)
{
    return number == METER_NONE ? 1 + (size_t)method : 1 + HTTP_METHODS + 2 * number + (method == HTTP_HEAD);
}

/* trace: the id of its trace, if that is recorded by anybody; else NULL. */
void meter_request(size_t endpoint, int status, int64_t took_ns, const unsigned char *trace);

#endif
