/* JSON Schemas (2020-12) of what requests and replies hold. */
#ifndef ROWLOCK_OPENAPI_SCHEMA_H
#define ROWLOCK_OPENAPI_SCHEMA_H

#include "base/buf.h"
#include "core/route.h"

/* Each adds one value. */
void openapi_add_field(struct buf *out, const struct field *field);
void openapi_add_body(struct buf *out, const struct route *route);            /* an object of its fields */
void openapi_add_columns(struct buf *out, const struct statement *statement); /* a row */
void openapi_add_reply(struct buf *out, const struct route *route);           /* what success has */

/* An example of a field, and of a body: what is required, and what has one of its own. */
void openapi_add_example(struct buf *out, const struct field *field);
void openapi_add_body_example(struct buf *out, const struct field *fields);

void openapi_add_description(struct buf *out, const struct field *field); /* its member */

void openapi_add_problem_schema(struct buf *out); /* as the member "problem" */
#define OPENAPI_PROBLEM "{\"$ref\":\"#/components/schemas/problem\"}"

#endif
