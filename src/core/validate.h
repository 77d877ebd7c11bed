/* A request's path, query and body against the fields of its route. The message of a refusal names the member. */
#ifndef ROWLOCK_CORE_VALIDATE_H
#define ROWLOCK_CORE_VALIDATE_H

#include "base/arena.h"
#include "core/route.h"
#include "core/router.h"

/* Good values, for messages and examples; limits of a point. */
#define VALIDATE_UUID "123e4567-e89b-12d3-a456-426614174000"
#define VALIDATE_MAC "08:00:2b:01:02:03"
#define VALIDATE_LATITUDE_MAX 90
#define VALIDATE_LONGITUDE_MAX 180
/* What a coordinate is as a string, but for those with an exponent. */
#define VALIDATE_LATITUDE_PATTERN "^[+-]?0*([0-8]?[0-9](\\.[0-9]+)?|90(\\.0+)?)$"
#define VALIDATE_LONGITUDE_PATTERN "^[+-]?0*((1[0-7]|[0-9])?[0-9](\\.[0-9]+)?|180(\\.0+)?)$"

struct refusal {
    int status; /* 400 or 415 */
    char message[256];
};

/* Fills values in the order of route_field. False with *refusal. head and body are read, never kept. */
bool validate(const struct route *route, const struct router_match *match, const struct http_head *head,
              struct slice body, struct arena *arena, struct value values[ROUTE_FIELDS_MAX],
              struct refusal *refusal);

/* The same without a look at what is in the body: path, query, and the body's type. */
bool validate_head(const struct route *route, const struct router_match *match, const struct http_head *head,
                   struct arena *arena, struct value values[ROUTE_FIELDS_MAX], struct refusal *refusal);

/* One value that came as text, which must be UTF-8. The message of a refusal begins with the name of the field. */
bool validate_text(const struct field *field, struct slice text, struct arena *arena, struct value *value,
                   struct refusal *refusal);

#endif
