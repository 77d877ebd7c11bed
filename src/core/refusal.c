/* refusal_message: is the constraint declared with the statement? Else, is it about a member of the body? Else, is
 * it the value as such? */
#include <config.h>

#include "core/refusal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool gave(const struct route *route, const struct value *values, const char *member)
{
    int field = route_field(route, member);
    return field >= 0 && values[field].present && !values[field].null;
}

static const char *declared(const struct route *route, const struct value *values,
                            const struct statement *statement, const char *constraint)
{
    for (const struct statement_refusal *refusal = statement->refusals;
         refusal != NULL && refusal->constraint != NULL; refusal++)
        if (strcmp(constraint, refusal->constraint) == 0 &&
            (refusal->member == NULL || gave(route, values, refusal->member)))
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
    const char *column = route_column(field);
    size_t own = strlen(column);
    if (length < own || strncmp(word, column, own) != 0)
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
static const char *member_of(const struct route *route, const struct db_answer *answer)
{
    const char *named = answer->constraint;
    const char *const texts[] = {answer->column, answer->columns,
                                 named != NULL && !is_name(named) ? named : NULL};
    for (const struct field *field = route->body; field != NULL && field->name != NULL; field++)
        for (size_t i = 0; field->equals == NULL && i < sizeof texts / sizeof texts[0]; i++)
            if (texts[i] != NULL && mentions(texts[i], field, texts[i] == answer->columns))
                return field->name;
    return NULL;
}

bool refusal_message(const struct route *route, const struct value *values, const struct statement *statement,
                     const struct db_answer *answer, char *message, size_t size)
{
    if (answer->error != DB_REFUSED || route == NULL)
        return false;
    const char *known =
        answer->constraint != NULL ? declared(route, values, statement, answer->constraint) : NULL;
    const char *member = member_of(route, answer);
    if (known != NULL)
        snprintf(message, size, "%s", known);
    else if (member != NULL)
        snprintf(message, size, "%s does not keep to a rule that the database has for it.", member);
    else if (answer->value)
        snprintf(message, size, "The database refused the values: %s.", answer->message);
    return known != NULL || member != NULL || answer->value;
}

bool refusal_is_open(const struct route *route, const struct value *values, const struct statement *statement,
                     const struct db_answer *answer)
{
    char message[512];
    return answer->error == DB_REFUSED && answer->constraint != NULL && is_name(answer->constraint) &&
           !refusal_message(route, values, statement, answer, message, sizeof message);
}
