/* Database addresses as people have them: SQLAlchemy's and others' URLs, libpq's strings, files. */
#ifndef ROWLOCK_BASE_DBURL_H
#define ROWLOCK_BASE_DBURL_H

#include <stdbool.h>

/* Exactly one of the two is set, both are to be freed. */
struct dburl {
    char *sqlite_path;
    char *conninfo; /* for libpq */
};

#define DBURL_ESCAPES "@ is %40, / is %2F, ? is %3F, % is %25"

/* False with *error (static) when it is none: postgres[ql][+driver]://…, key=value …, sqlite:PATH, sqlite:///PATH. */
bool dburl_parse(const char *text, struct dburl *url, const char **error);

/* Ports by comma, each from 1 to 65535 or empty, as libpq takes them. */
bool dburl_ports_ok(const char *ports);

/* A copy of any URL or libpq string with passwords, keys and tokens as "***"; to be freed. */
char *dburl_mask(const char *text);

/* Appends " key='value'" in libpq's quoting to a string that is grown with realloc. */
char *dburl_add_keyword(char *conninfo, const char *key, const char *value);

#endif
