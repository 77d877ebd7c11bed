#include <config.h>

#include "core/refusal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool gave(const struct request *request, const char *member)
{
    int field = route_field(request->route, member);
    return field >= 0 && request->values[field].present && !request->values[field].null;
}

static const char *declared(const struct request *request, const struct stmt *stmt, const char *constraint)
{
    for (const struct stmt_refusal *refusal = stmt->refusals; refusal->constraint != NULL; refusal++)
        if (strcmp(constraint, refusal->constraint) == 0 &&
            (refusal->member == NULL || gave(request, refusal->member)))
            return refusal->words;
    return NULL;
}

/* "_check", "_key2": what PostgreSQL puts behind table and column when it names a constraint by itself. */
static bool is_kind(const char *rest)
{
    static const char *const kinds[] = {"_check", "_key", "_fkey", "_excl", "_not_null", ""};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(rest, kinds[i], length) == 0)
            return rest[length + strspn(rest + length, "0123456789")] == '\0';
    }
    return false;
}

/* "site_country_check" of PostgreSQL, "site.country" of SQLite. */
static bool is_named_after(const char *constraint, const char *table, const char *member)
{
    const char *dot = strrchr(constraint, '.');
    if (dot != NULL)
        return strcmp(dot + 1, member) == 0;
    size_t length = table != NULL ? strlen(table) : 0;
    if (length > 0 && strncmp(constraint, table, length) == 0 && constraint[length] == '_')
        constraint += length + 1;
    return strncmp(constraint, member, strlen(member)) == 0 && is_kind(constraint + strlen(member));
}

/* SQLite calls a CHECK without a name by its expression, in which the member stands as a word. */
static bool is_in_expression(const char *constraint, const char *member)
{
    size_t length = strlen(member);
    if (strpbrk(constraint, " (<>=") == NULL)
        return false;
    for (const char *at = constraint; (at = strstr(at, member)) != NULL; at += length) {
        bool begins = at == constraint || (!isalnum((unsigned char)at[-1]) && at[-1] != '_');
        if (begins && !isalnum((unsigned char)at[length]) && at[length] != '_')
            return true;
    }
    return false;
}

/* A member of the body by which the refusal is named; NULL: none. */
static const char *member_of(const struct request *request, const struct db_answer *answer)
{
    for (const struct field *field = request->route->body; field != NULL && field->name != NULL; field++) {
        const char *name = field->name;
        if (field->equals != NULL)
            continue;
        if (answer->column != NULL && strcmp(answer->column, name) == 0)
            return name;
        if (answer->constraint != NULL && (is_named_after(answer->constraint, answer->table, name) ||
                                           is_in_expression(answer->constraint, name)))
            return name;
    }
    return NULL;
}

bool refusal_words(const struct request *request, const struct stmt *stmt, const struct db_answer *answer,
                   char *words, size_t size)
{
    if (answer->error != DB_REFUSED || request == NULL || request->route == NULL)
        return false;
    const char *known = answer->constraint != NULL ? declared(request, stmt, answer->constraint) : NULL;
    const char *member = member_of(request, answer);
    if (known != NULL)
        snprintf(words, size, "%s", known);
    else if (member != NULL)
        snprintf(words, size, "%s does not keep to a rule that the database has for it.", member);
    else if (answer->value)
        snprintf(words, size, "The database refused the values: %s.", answer->message);
    return known != NULL || member != NULL || answer->value;
}
