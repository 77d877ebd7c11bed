/* Routes are data. One table an app: method, path, the fields of its path, query and body, its statement and the
 * shape of its reply. Matching, validation, `rowlock routes`, log labels and bindings all come from it.
 *
 * Most routes need no code: the fields are bound to the parameters of the statement by name, and its rows are
 * written as the reply. A route that takes more says how it is started (start), how its answer is written (write), or
 * both. */
#ifndef ROWLOCK_CORE_ROUTE_H
#define ROWLOCK_CORE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "core/scope.h"
#include "core/statements.h"
#include "db/db.h"
#include "http/http.h"

struct answering;
struct arena;
struct feed_source;
struct page;
struct page_form;
struct request;
struct settings;

enum field_type {
    FIELD_INT,   /* min to max */
    FIELD_TEXT,  /* min to max code points */
    FIELD_ENUM,  /* one of choices */
    FIELD_POINT, /* [latitude, longitude], numbers or strings; min and max are not used */
    FIELD_UUID,  /* RFC 9562, any case; normalised to lower case */
    FIELD_MAC,   /* 48 bits as aa:bb:cc:dd:ee:ff, with - or . or without borders; normalised to the first */
};

/* Whether a field says who asks, which a key with takers=own decides: see core/own.h. */
enum field_own {
    FIELD_ANYBODYS,
    FIELD_OWN,           /* the key's name, also when it is not given */
    FIELD_OWN_IF_NEEDED, /* the same where the request would not be right without it (clash) */
    FIELD_OWN_IF_GIVEN,  /* no other than the key's name */
};

struct field {
    const char *name;
    enum field_type type;
    bool required;
    bool nullable;      /* null is a value */
    bool takes_numbers; /* FIELD_TEXT: a number is taken as its text */
    const char *equals; /* in a body: the field of the path that it must equal; it is left out of "body" */
    int64_t min, max;
    const char *const *choices; /* ends with NULL */
    /* FIELD_TEXT: its own form. Gives what is stored, in the arena, or false. form says in words what is right. */
    bool (*normalise)(struct slice text, struct arena *arena, struct slice *out);
    const char *form;
    const char *pattern; /* form as a regular expression */
    const char *about;
    const char *example; /* JSON; NULL: one that its type has */
    enum field_own own;  /* of FIELD_TEXT */
    const char *column;  /* the parameter and column that it is; NULL: those of its name */
};

/* What many fields have in common: {.name = "before", FIELD_OF_ID, .about = "ids below this one"}. */
#define FIELD_OF_ID .type = FIELD_INT, .min = 0, .max = INT64_MAX
#define FIELD_OF_LIMIT .type = FIELD_INT, .min = 1, .max = ROUTE_LIMIT_MAX
#define FIELD_OF_TEXT(points) .type = FIELD_TEXT, .min = 1, .max = (points)

#define ROUTE_LIMIT_MAX 1000 /* records a page */

/* A field's value as a request gave it. Text lives in the request's arena. */
struct value {
    bool present;
    bool null;
    int64_t integer;   /* FIELD_INT; FIELD_ENUM: index into choices */
    struct slice text; /* FIELD_TEXT, FIELD_ENUM, FIELD_UUID, FIELD_MAC */
    double point[2];   /* FIELD_POINT */
};

#define ROUTE_FIELDS_MAX 16

enum reply_shape {
    REPLY_NONE,   /* no data: it has no entity tag */
    REPLY_OBJECT, /* the first row, a single record: a GET has a strong entity tag. 404 when there is none */
    REPLY_ARRAY,  /* all rows; where missing is said, 404 when there is none */
    REPLY_PAGE,   /* as many rows as were asked for, and Link: see core/paging.h */
};

/* A member of a reply that C writes. */
struct member {
    const char *name;
    enum column_type type;
    bool nullable, optional;
    const char *const *choices;  /* of COLUMN_TEXT; ends with NULL; NULL: any */
    const struct member *object; /* it is an object of these instead; ends with name NULL */
    const struct member *array;  /* it is an array of objects of these */
    bool rows;                   /* it is an array of the rows of the route's statement */
};

struct route {
    enum http_method method;
    const char *path; /* "/orders/{id}": each {name} is the next of path_fields */
    const char *summary;
    enum scope scope;                               /* that a key must have, where keys are set */
    const struct field *path_fields, *query, *body; /* each ends with name NULL; NULL: none */
    const struct statement *statement; /* of a route that chooses in start: one whose columns the reply has */
    /* Why fields that are right by themselves do not go together, as a 400 says it; NULL when they do. NULL: they
     * always do. */
    const char *(*clash)(const struct value *values);
    enum reply_shape shape;
    const struct member *members; /* of an object that start or write makes; NULL: the columns of statement */
    const char *content_type;     /* NULL: JSON */
    const char *other_type;       /* that success has instead when Accept asks for it; NULL: none */
    int status;                   /* of success; 0: 200. 201 has Location, the path and the first column */
    int unfit;                    /* a status that has the document of success as well; 0: none */
    bool no_store;                /* Cache-Control says so */
    bool any_host;                /* --hosts does not count: who asks goes by an address */
    bool unlimited;               /* limits of callers do not count: probes must not be refused */
    const char *missing;          /* what a 404 says; NULL: there is none */
    bool cached;                  /* a GET whose answer may be up to five seconds old; see core/cache.h */
    /* What people see here: see core/page.h. Of a route that is for them alone it is all there is; of any other
     * the page is for whom asks for HTML (core/accept.h). NULL: none. */
    const struct page *page;
    const struct page_form *form; /* of a POST for people: one of the forms of page; it comes here */
    /* No operation of the API: not in its document, and not served with --no-pages. Without a page it is what a page
     * reads that the API does not answer. */
    bool for_people;
    /* Also served at the address for operators, if there is one (--metrics-listen). */
    bool for_operators;
    bool for_operators_alone; /* and then at no other */
    /* As the clients of an original service know it: members of the body that are not its fields are left out, and a
     * body of another type than JSON is a 400. */
    bool of_original;
    /* Of a route that honours the Idempotency-Key: what takes the place of statement when a request has one; its first
     * parameters are the same. See core/idempotency.h. NULL: the key is not looked at. */
    const struct statement *once;

    /* Of a write to a single record: its conditions are honoured; see core/precondition.h. The statement reads the
     * columns that the GET of this path shows and, behind them, the guard of the record. NULL: If-Match and
     * If-None-Match are not looked at. */
    const struct statement *guard;
    /* The write that has a parameter "guard": null asks for nothing, "" that there is no such record, "*" that there is
     * one, else that it has this guard; it gives no row when that is not so. Bound by name. NULL: statement is it. */
    const struct statement *guarded;

    const struct feed_source *feed; /* of a route that sends events (core/feed.h); NULL: it does not */

    /* Starts a valid request: when it returns, either the request was answered or it waits for something
     * (core/pending.h). Usually it fills parameters and calls obtain_answer. NULL: obtain_answer with statement, its
     * parameters bound by name. A conditional write of a route with a guard is started by core/precondition.c
     * instead. */
    void (*start)(struct request *request);
    /* Writes the reply to an answer without error (core/answer.h). It must depend on its argument alone, because
     * readers share the reply. NULL: by shape. */
    void (*write)(const struct answering *answering);
};

/* The index of the field of a column among the values of its route: path fields, then query, then body. -1: no such
 * field. */
int route_field(const struct route *route, const char *column);
const char *route_column(const struct field *field);
size_t route_field_count(const struct field *fields);
/* At the addresses for all. */
bool route_is_served(const struct route *route, const struct settings *settings);
bool route_path_is_known(const struct route *routes,
                         size_t index); /* one before has it, for people as well or not */

/* Whether success has an entity tag, as the data of a GET has and the record that a POST has stored. */
bool route_has_tag(const struct route *route);

/* Which conditions about tags (RFC 9110 section 13) are looked at: those of a read end with 304 or 412, those of a
 * write with 412. */
bool route_has_read_conditions(const struct route *route);
bool route_has_write_conditions(const struct route *route);

#endif
