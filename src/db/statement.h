/* A statement: its SQL for each engine, its parameters and its columns. All are declared in sql/, where their SQL
 * stands, and are constants that build-aux/embed-sql.awk makes of that (core/statements.h). */
#ifndef ROWLOCK_DB_STATEMENT_H
#define ROWLOCK_DB_STATEMENT_H

#include <stdbool.h>

#define DB_PARAMS_MAX 9u

enum db_engine {
    DB_POSTGRES,
    DB_SQLITE,
    DB_ENGINES,
};

enum db_type {
    DB_INT,   /* 64 bits */
    DB_FLOAT, /* double */
    DB_TEXT,  /* UTF-8 without NUL */
};

/* How a column's text becomes JSON. */
enum column_type {
    COLUMN_INT,
    COLUMN_FLOAT,
    COLUMN_TEXT,
    COLUMN_BOOL,
    COLUMN_TIME,  /* RFC 3339 in UTC */
    COLUMN_POINT, /* two columns of SQL: [latitude, longitude] */
    COLUMN_JSON,  /* is JSON already */
};

struct statement_param {
    /* The field of a route that fills it, where a route needs no start; "body": the members of the body that were
     * given, validated and normalised, as one JSON object. */
    const char *name;
    enum db_type type;
    bool nullable;
};

struct statement_column {
    const char *name; /* of the member; not that of the SQL column */
    enum column_type type;
    bool nullable;
};

/* What a constraint that refused the values is to the caller. Of others see core/refusal.h. */
struct statement_refusal {
    const char *constraint; /* as the database names it; see struct db_answer for SQLite's */
    const char *message;
    const char *member; /* the caller is at fault only if the body had this member; NULL: always */
};

struct statement {
    const char *name;             /* in sql/, in the log, and as the prepared statement */
    const char *text[DB_ENGINES]; /* SQL */
    unsigned index;               /* of the catalogue: unique, below its count */
    /* Calls that wait travel together. On PostgreSQL parameters are arrays, the first column is the position of the
     * call and none of those below. */
    bool set;
    bool writes; /* it may change something, or lock a row */
    bool waits;  /* it may have to wait for a row that another transaction has locked */
    bool heavy;  /* each of its calls keeps the database busy: see core/call.c */
    bool apart;  /* two sets of it are not in each other's way */
    bool told;   /* the last of its columns says whether the change was made */
    unsigned param_count;
    unsigned column_count; /* of those that a reply shows; others may follow them */
    const struct statement_param *params;
    const struct statement_column *columns;
    const char *row; /* the list in sql/ that its columns are; NULL: they are its own */
    const struct statement_refusal *refusals; /* ends with constraint NULL; NULL: none */
};

#endif
