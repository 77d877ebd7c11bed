/* What an HTML form has sent (application/x-www-form-urlencoded), for a route of the API: its inputs are called as the
 * fields of that route, those of its path, query and body alike, and held to the same limits. What was typed and what
 * is wrong with each input is kept, so that the form can be shown again. */
#ifndef ROWLOCK_CORE_FORM_H
#define ROWLOCK_CORE_FORM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "core/route.h"
#include "http/http_parse.h"

#define FORM_TYPE "application/x-www-form-urlencoded"
#define FORM_IF_MATCH "if_match" /* the same, for the condition */
#define FORM_TOKEN                                                                                           \
    "form_token" /* the input that is of the form and not of the route; see core/form_token.h */

struct form_input {
    const struct field *field;
    struct slice text; /* as typed; "" when it was not sent */
    bool given;
    const char *error; /* a sentence; NULL: none */
};

struct form {
    const struct route *route;
    struct form_input inputs[ROUTE_FIELDS_MAX]; /* in the order of route_field */
    size_t count;
    struct slice token;
    struct slice if_match; /* the tag of the record as it was shown; .ptr NULL: none was sent */
    const char *error;     /* about no single input */
};

/* The form of a route before anything was typed. */
void form_init(struct form *form, const struct route *route);

/* Whether the body of a request is one, by what its head says. */
bool form_is_sent(const struct http_head *head);

/* NULL: there is no such input. */
struct form_input *form_input(struct form *form, struct slice name);

/* Takes what was sent. The texts are copied. */
void form_read(struct form *form, struct slice body, struct arena *arena);

/* Validates all inputs into values, in the order of route_field. False: one at least has an error. An input that was
 * left empty is null where its field may be, and else as if it had not been sent. */
bool form_validate(struct form *form, struct arena *arena, struct value values[ROUTE_FIELDS_MAX]);

/* The route has refused it: the message goes to the input that it begins with the name of, else to the whole. */
void form_blame(struct form *form, struct slice message, struct arena *arena);

/* What a record has stands in the inputs that were not sent. */
void form_fill(struct form *form, const struct json *record, struct arena *arena);

/* A value as it stands in an input; a point is "50.4, 12.7". NULL, and what no input can hold, is "". */
struct slice form_text_of(const struct json *value, struct arena *arena);

/* What there is to choose from, as an array of objects: value, and whether it is chosen. */
void form_add_choices(struct buf *out, const struct field *field, struct slice chosen);

/* The form as a member of that name, for templates: an object of its error ("": none), if_match, and its inputs by
 * name, each with name, id (of HTML), value, error, about, required, type, and min, max, maxlength (null: none), long
 * (it has room for several lines) and choices. */
void form_add(struct buf *out, const struct form *form, const char *name);

#endif
