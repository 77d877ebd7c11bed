/* A statement as an app declares it: a name in sql/, its parameters and its columns. What the database does with it
 * (one call at a time, or calls gathered into sets) is a property of the statement; handlers do not know. */
#ifndef ROWLOCK_CORE_STMT_H
#define ROWLOCK_CORE_STMT_H

#include <stdbool.h>

#include "db/db.h"

#define STMT_COLUMNS_MAX 24
#define STMT_REFUSALS_MAX 6

/* How a column's text becomes JSON. */
enum column_type {
    COLUMN_END, /* ends the list */
    COLUMN_NUMBER,
    COLUMN_TEXT,
    COLUMN_BOOL,
    COLUMN_TIME,  /* RFC 3339 in UTC */
    COLUMN_POINT, /* this column and the next: [latitude, longitude] */
    COLUMN_JSON,  /* is JSON already */
};

struct stmt_column {
    const char *name; /* of the member; not that of the SQL column */
    enum column_type type;
};

struct stmt_param {
    /* The field of a route that fills it, where a route needs no prepare; "body": the members of the body that were
     * given, validated and normalised, as one JSON object. */
    const char *name;
    enum db_type type;
};

/* What a constraint that refused the values is to the caller. */
struct stmt_refusal {
    const char *constraint; /* as the database names it; see struct db_answer for SQLite's */
    const char *words;
    const char *member; /* the caller is at fault only if he gave this member of the body; NULL: always */
};

struct gather;

struct stmt {
    const char *name;
    bool set;       /* calls that wait travel together; see db/db.h for what the SQL must look like */
    bool told;      /* a column behind those that are shown says whether the change was made */
    unsigned apart; /* the parameter (from 1) whose values a set must not mix; 0: none */
    struct stmt_param params[DB_PARAMS_MAX + 1];      /* ends with name NULL */
    struct stmt_column columns[STMT_COLUMNS_MAX + 1]; /* ends with COLUMN_END */
    struct stmt_refusal
        refusals[STMT_REFUSALS_MAX + 1]; /* ends with constraint NULL; see core/refusal.h for others */
    /* Filled by calls_register: */
    struct db_statement db;
    struct gather *gather;
};

#endif
