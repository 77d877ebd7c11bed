/* What the server asks of a database, whichever it is: requests in, rows or an error out, later, exactly once.
 * PostgreSQL (pg.h) and SQLite (sqlite.h) implement it; nothing above this line knows which one it is.
 *
 * A database request is one statement in a transaction of its own, for one call or for a set of them. Everything it
 * carries must stay until on_done, after which the engine has forgotten it. */
#ifndef ROWLOCK_DB_DB_H
#define ROWLOCK_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "db/statement.h"

struct db_param {
    bool null;
    int64_t integer;   /* DB_INT */
    double real;       /* DB_FLOAT */
    struct slice text; /* DB_TEXT; borrowed until the request was sent */
};

/* Rows as the engine holds them; a value is text, .ptr NULL for null. Good until the callback returns. */
struct db_rows {
    int count, columns;
    struct slice (*value)(const struct db_rows *rows, int row, int column);
};

enum db_error {
    DB_OK,
    /* Of all but DB_LOST it is true that nothing was stored. */
    DB_REFUSED, /* a value or a constraint; whose fault that is, core/refusal.h says */
    DB_RETRY,   /* rolled back for a passing reason; the same again may work */
    DB_LOCKED,  /* it waited for a lock for as long as the database lets it; ask again later */
    DB_UNFIT,   /* the session is at fault, and is replaced; another may do it */
    DB_BUSY,    /* it gave up waiting: a lock, its own time limit, too many connections */
    DB_SCHEMA,  /* a table or column is not there */
    DB_DENIED,  /* it has not the right to */
    DB_FULL,    /* there is no room on the disk */
    DB_AWAY,    /* it is not there, or takes no writes */
    DB_LOST,    /* its connection was lost on the way: the outcome is unknown */
    DB_KEPT,    /* a trigger of the database's owner kept the change from being made. Nothing was stored */
    DB_FAILED,  /* anything else */
    /* Never of a database: it waited to be sent, and others' turn came first (core/call.h). */
    DB_CROWDED,
};

struct db_answer {
    enum db_error error;
    const char *message;  /* of an error; "" else */
    const char *sqlstate; /* of PostgreSQL's errors; "" else */
    /* Of DB_REFUSED, as far as the database says; NULL else. SQLite's constraints are "table.column", the expression
     * of a CHECK, or "FOREIGN KEY". */
    const char *table, *column, *constraint;
    const char *columns; /* those that the constraint is about, where that was asked; else NULL */
    bool value;          /* of DB_REFUSED: a value as such, too long or of characters that it cannot hold */
    const struct db_rows *rows; /* of DB_OK */
    int first, count;           /* which of the rows answer this call */
};

struct db_request {
    struct list_node link; /* link and left are the engine's */
    unsigned left;
    const struct statement *statement;
    unsigned call_count;           /* 1, or of a set as many as there are; each has a position, from 0 on */
    bool last;                     /* it is expected to wait for a lock: nothing is sent behind it */
    bool brief;                    /* others wait for a lock just now: this one tries for a moment only */
    const struct db_param *params; /* call_count times param_count, call by call */
    /* Asked by an engine that has not started the call yet: false leaves it out. May be NULL. */
    bool (*wanted)(const struct db_request *request, unsigned position);
    void (*on_answer)(struct db_request *request, unsigned position, const struct db_answer *answer);
    void (*on_done)(struct db_request *request); /* may be NULL; last: the request is the owner's again */
    const char *
        label; /* what the database is to show and log as its client meanwhile, where it can; NULL: as ever */
    int backend; /* set by the engine: the process of the database that works on it; 0: it has no number */
    void *owner;
};

/* What the database said when it was last asked, each second in the background. */
struct db_health {
    bool answers; /* it answered in time */
    bool writable;
    bool has_schema; /* rowlock_migrations is there */
    bool standby;    /* it is read-only, and its sessions will take writes when it is promoted */
    int64_t version, oldest_server;
    bool asynchronous_commit;  /* PostgreSQL with synchronous_commit off */
    bool asynchronous_standby; /* it has a standby, and commits do not wait for any */
    int64_t
        wal_kept; /* bytes that a replication slot of PostgreSQL keeps back, when that is too much; else 0 */
    int64_t answer_ns;   /* how long PostgreSQL took to say so */
    bool low;            /* less than 5 % of the disk with SQLite's file is free */
    bool full;           /* PostgreSQL's disk; SQLite does not answer then */
    char denied[1024];   /* rights that are missing: lines of an app's name, a space, and what in full */
    char obstacle[200];  /* what is wrong with the tables though the schema's version is right; "": nothing */
    char reason[256];    /* why it does not answer, for the log: may name host, role and database */
    const char *trouble; /* the same, for all to read: "it ..." */
};

/* A statement about the database itself, and what its row says. */
struct db_question {
    const struct statement *statement;
    void (*read)(const struct db_rows *rows, int row, struct db_health *health);
};

struct db_events {
    void (*on_room)(void *argument);   /* there is room for a request again */
    void (*on_away)(void *argument);   /* no connection for a while: what waits should be told */
    void (*on_health)(void *argument); /* the health was asked for anew */
    /* Where the engine can tell: the tables of a group were changed. */
    void (*on_change)(struct slice group, void *argument);
    /* From now on it tells; what changed before may have been missed. Which database this is, in words of its own. */
    void (*on_listening)(struct slice database, void *argument);
    void *argument;
};

struct db;
struct db_slot; /* the engine's own */

struct db_ops {
    const char *engine; /* "postgres" or "sqlite": the folder of its SQL */
    bool arrays;        /* sets travel as arrays */
    unsigned (*connections)(const struct db *db);
    /* Where a request of that statement may go: good for one send, which must come before anything else is asked of the
     * database. NULL: there is no room. */
    struct db_slot *(*slot)(struct db *db, const struct statement *statement);
    /* True while the database has been out of reach for longer than is worth waiting for. */
    bool (*away)(const struct db *db);
    void (*send)(struct db *db, struct db_slot *slot, struct db_request *request); /* answers come later */
    const struct db_health *(*health)(const struct db *db);
    void (*sample)(const struct db *db); /* sets the metrics of its connections. NULL: it has none */
    void (*free)(struct db *db);         /* answers what is outstanding */
};

struct db {
    const struct db_ops *ops;
};

#endif
