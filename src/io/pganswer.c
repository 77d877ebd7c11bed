#include <config.h>

#include "io/pganswer.h"

#include <stdlib.h>
#include <string.h>

struct pg_rows {
    struct db_rows base;
    const PGresult *result;
    int shift; /* leading columns that are not the caller's */
};

static enum db_error classify(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum db_error error;
    } rules[] = {
        {"22", DB_REFUSED},   {"23", DB_REFUSED},   {"40001", DB_RETRY},  {"40P01", DB_RETRY},
        {"26000", DB_RETRY},  {"0A000", DB_RETRY},  {"42P05", DB_RETRY},  {"55P03", DB_BUSY},
        {"57014", DB_BUSY},   {"53", DB_BUSY},      {"54", DB_REFUSED},   {"25006", DB_AWAY},
        {"57P", DB_LOST},     {"08", DB_LOST},      {"42P01", DB_SCHEMA}, {"42703", DB_SCHEMA},
        {"42883", DB_SCHEMA}, {"3F000", DB_SCHEMA}, {"42704", DB_KEPT}, /* as orders.sql says it */
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
            return rules[i].error;
    return DB_FAILED;
}

struct db_answer pganswer_error(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return (struct db_answer){.error = sqlstate == NULL ? DB_LOST : classify(sqlstate),
                              .sqlstate = sqlstate != NULL ? sqlstate : "",
                              .message = message != NULL ? message : "the database gave no reason"};
}

bool pganswer_is_unsure(const PGresult *notice)
{
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
    return function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0;
}

void pganswer_all(struct db_unit *unit, const struct db_answer *answer)
{
    for (unsigned member = 0; member < unit->members; member++)
        unit->on_answer(unit, member, answer);
}

static struct slice pg_value(const struct db_rows *rows, int row, int column)
{
    const struct pg_rows *view = (const struct pg_rows *)rows;
    column += view->shift;
    if (PQgetisnull(view->result, row, column))
        return (struct slice){NULL, 0};
    return (struct slice){PQgetvalue(view->result, row, column),
                          (size_t)PQgetlength(view->result, row, column)};
}

void pganswer_rows(struct db_unit *unit, const PGresult *result)
{
    bool set = unit->statement->set;
    struct pg_rows view = {
        .base = {.count = PQntuples(result), .columns = PQnfields(result) - set, .value = pg_value},
        .result = result,
        .shift = set};
    struct db_answer answer = {.error = DB_OK, .message = "", .sqlstate = "", .rows = &view.base};
    if (!set) {
        answer.count = view.base.count;
        unit->on_answer(unit, 0, &answer);
        return;
    }
    int row = 0;
    for (unsigned member = 0; member < unit->members; member++) {
        answer.first = row;
        while (row < view.base.count && (unsigned)atoi(PQgetvalue(result, row, 0)) == member + 1)
            row++;
        answer.count = row - answer.first;
        unit->on_answer(unit, member, &answer);
    }
}
