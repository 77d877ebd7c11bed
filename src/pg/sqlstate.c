/* A table by the code, or by its class (the first two characters). */
#include <config.h>

#include "pg/sqlstate.h"

#include <stddef.h>
#include <string.h>

/* PostgreSQL's documentation, Appendix A: a class is two characters, a code five. The longest row that fits counts;
 * what has no row is DB_FAILED: nothing was stored, asking again does not help, and the log has the reason
 * (among them XX internal, 58 files, 54 limits, P0 and 38 what a trigger raises, 0A not supported, 21, 27, HV).
 * docs/operations.md has the same for operators, and tests/integration/test_sqlstates.py walks all that there are. */
static const struct {
    const char *prefix;
    enum db_error error;
} rules[] = {
    {"08", DB_LOST},       /* connections, also those of a trigger: it may have happened */
    {"22", DB_REFUSED},    /* a value; whether the caller's, core/refusal.h says */
    {"2200H", DB_FAILED},  /* a sequence has run out */
    {"23", DB_REFUSED},    /* a constraint; whether the caller could know it, core/refusal.h says */
    {"25006", DB_AWAY},    /* a read-only session */
    {"25P02", DB_UNFIT},   /* a session in a failed transaction that another client left there */
    {"25P03", DB_LOST},    /* the session was ended for being idle in a transaction, */
    {"25P04", DB_LOST},    /* or for the length of one */
    {"26", DB_RETRY},      /* a prepared statement that the session does not have */
    {"28", DB_DENIED},     /* the role is not what it was */
    {"3D", DB_SCHEMA},     /* no such database */
    {"3F", DB_SCHEMA},     /* no such schema */
    {"40", DB_RETRY},      /* rolled back: serialization, deadlock */
    {"40002", DB_REFUSED}, /* rolled back by a constraint */
    {"40003", DB_LOST},    /* its own words: completion unknown */
    {"42", DB_SCHEMA},     /* our statements are right on our tables, so the tables are not ours */
    {"42704", DB_KEPT},    /* what orders.sql asks for when a trigger kept its change from being made */
    {"42501", DB_DENIED},  /* insufficient privilege */
    {"42P05", DB_RETRY},   /* a prepared statement of that name is there already */
    {"44", DB_REFUSED},    /* WITH CHECK OPTION of a view */
    {"53", DB_BUSY},       /* memory, connections */
    {"53100", DB_FULL},    /* disk full */
    {"53400", DB_FAILED},  /* a limit that was configured */
    {"54000", DB_REFUSED}, /* too long for an index, which it names */
    {"55006", DB_BUSY},    /* object in use */
    {"55P03", DB_LOCKED},  /* lock not available, in the time there was */
    {"57", DB_BUSY},       /* cancelled: by a time limit, or by hand */
    {"57P", DB_LOST},      /* shutting down, starting, crashed, dropped */
    {"72", DB_RETRY},      /* snapshot too old */
};

enum db_error sqlstate_error(const char *sqlstate)
{
    size_t best = 0;
    enum db_error error = DB_FAILED;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t length = strlen(rules[i].prefix);
        if (length <= best || strncmp(sqlstate, rules[i].prefix, length) != 0)
            continue;
        best = length;
        error = rules[i].error;
    }
    return error;
}
