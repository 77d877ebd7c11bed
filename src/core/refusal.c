#include <config.h>

#include "core/refusal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/server_parts.h"

static bool gave(const struct request *request, const char *member)
{
    int field = route_field(request->route, member);
    return field >= 0 && request->values[field].present && !request->values[field].null;
}

static const char *declared(const struct request *request, const struct statement *statement,
                            const char *constraint)
{
    for (const struct statement_refusal *refusal = statement->refusals;
         refusal != NULL && refusal->constraint != NULL; refusal++)
        if (strcmp(constraint, refusal->constraint) == 0 &&
            (refusal->member == NULL || gave(request, refusal->member)))
            return refusal->message;
    return NULL;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A point is two columns. */
static bool is_of(const struct field *field, const char *word, size_t length)
{
    size_t own = strlen(field->name);
    if (length < own || strncmp(word, field->name, own) != 0)
        return false;
    return length == own || (field->type == FIELD_POINT && length == own + 4 &&
                             (strncmp(word + own, "_lat", 4) == 0 || strncmp(word + own, "_lng", 4) == 0));
}

/* A word, what is in quotes, or one character. */
static size_t token(const char *text)
{
    size_t length = 1;
    if (*text == '\'') {
        length += strcspn(text + 1, "'");
        return length + (text[length] != '\0');
    }
    while (is_word(*text) && is_word(text[length]))
        length++;
    return length;
}

/* In a list of columns or an expression; with to_close only up to where its first parenthesis is closed. */
static bool mentions(const char *text, const struct field *field, bool to_close)
{
    int depth = 0;
    for (size_t length; *text != '\0'; text += length) {
        length = token(text);
        depth += (*text == '(') - (*text == ')');
        if (to_close && *text == ')' && depth == 0)
            return false;
        if (is_word(*text) && is_of(field, text, length))
            return true;
    }
    return false;
}

static bool is_name(const char *constraint)
{
    while (is_word(*constraint))
        constraint++;
    return *constraint == '\0';
}

/* A member of the body that the refusal is about; NULL: none. */
static const char *member_of(const struct request *request, const struct db_answer *answer)
{
    const char *named = answer->constraint;
    const char *const texts[] = {answer->column, answer->columns,
                                 named != NULL && !is_name(named) ? named : NULL};
    for (const struct field *field = request->route->body; field != NULL && field->name != NULL; field++)
        for (size_t i = 0; field->equals == NULL && i < sizeof texts / sizeof texts[0]; i++)
            if (texts[i] != NULL && mentions(texts[i], field, texts[i] == answer->columns))
                return field->name;
    return NULL;
}

bool refusal_words(const struct request *request, const struct statement *statement,
                   const struct db_answer *answer, char *words, size_t size)
{
    if (answer->error != DB_REFUSED || request == NULL || request->route == NULL)
        return false;
    const char *known = answer->constraint != NULL ? declared(request, statement, answer->constraint) : NULL;
    const char *member = member_of(request, answer);
    if (known != NULL)
        snprintf(words, size, "%s", known);
    else if (member != NULL)
        snprintf(words, size, "%s does not keep to a rule that the database has for it.", member);
    else if (answer->value)
        snprintf(words, size, "The database refused the values: %s.", answer->message);
    return known != NULL || member != NULL || answer->value;
}

/* ---- asking what a constraint is about ---- */

struct refusal {
    const struct statement *statement;
    struct db_answer answer;
};

static void finish(struct request *request, const struct statement *statement, const struct db_answer *answer)
{
    struct reply *reply = request_reply(request);
    reply_db_error(reply, request, statement, answer);
    request_send(request, reply);
}

static void on_columns(struct call *call, const struct db_answer *answer, void *argument)
{
    struct request *request = argument;
    struct refusal *refusal = request->refusal;
    (void)call;
    if (answer->error == DB_OK && answer->count == 1) {
        struct slice columns =
            answer->rows->value(answer->rows, answer->first, COLUMN_CONSTRAINT_COLUMNS_COLUMNS);
        refusal->answer.columns = columns.ptr != NULL ? arena_dup(&request->arena, columns).ptr : NULL;
    }
    finish(request, refusal->statement, &refusal->answer);
}

static const char *keep(struct request *request, const char *text)
{
    return text != NULL ? arena_dup(&request->arena, slice_of(text)).ptr : NULL;
}

/* What the database said is gone when its callback returns. */
static struct refusal *keep_refusal(struct request *request, const struct statement *statement,
                                    const struct db_answer *answer)
{
    struct refusal *refusal = arena_alloc(&request->arena, sizeof *refusal);
    *refusal = (struct refusal){.statement = statement, .answer = *answer};
    refusal->answer.message = keep(request, answer->message);
    refusal->answer.sqlstate = keep(request, answer->sqlstate);
    refusal->answer.table = keep(request, answer->table);
    refusal->answer.column = keep(request, answer->column);
    refusal->answer.constraint = keep(request, answer->constraint);
    return refusal;
}

static bool should_ask(const struct request *request, const struct statement *statement,
                       const struct db_answer *answer)
{
    char words[512];
    return answer->error == DB_REFUSED && answer->constraint != NULL && is_name(answer->constraint) &&
           !refusal_words(request, statement, answer, words, sizeof words);
}

void refusal_reply(struct request *request, const struct statement *statement, const struct db_answer *answer)
{
    struct db_param params[DB_PARAMS_MAX] = {{.null = answer->table == NULL}};
    if (!should_ask(request, statement, answer)) {
        finish(request, statement, answer);
        return;
    }
    request->refusal = keep_refusal(request, statement, answer);
    params[PARAM_CONSTRAINT_COLUMNS_TABLE].text = slice_of(request->refusal->answer.table);
    params[PARAM_CONSTRAINT_COLUMNS_CONSTRAINT].text = slice_of(request->refusal->answer.constraint);
    /* that it was refused is known, whether or not it can be asked why */
    if (request_try_call(request, STATEMENT(CONSTRAINT_COLUMNS), params, on_columns) != CALL_STARTED)
        finish(request, statement, &request->refusal->answer);
}
