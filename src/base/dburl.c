#include <config.h>

#include "base/dburl.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool parse_sqlite(const char *path, struct dburl *url, const char **error)
{
    if (starts_with(path, "///")) /* as SQLAlchemy has it: sqlite:///relative, sqlite:////absolute */
        path += 3;
    if (*path == '\0' || strcmp(path, ":memory:") == 0) {
        *error = "it must name a file, as in sqlite:rowlock.db";
        return false;
    }
    url->sqlite_path = mem_dup(path);
    return true;
}

bool dburl_parse(const char *text, struct dburl *url, const char **error)
{
    *url = (struct dburl){NULL, NULL};
    if (starts_with(text, "sqlite:"))
        return parse_sqlite(text + strlen("sqlite:"), url, error);
    const char *rest = strstr(text, "://");
    if (starts_with(text, "postgres") && rest != NULL) {
        size_t scheme = strcspn(text, "+:");
        if ((scheme == strlen("postgres") ||
             (scheme == strlen("postgresql") && starts_with(text, "postgresql")))) {
            url->conninfo = mem_printf("postgresql%s", rest);
            return true;
        }
    } else if (rest == NULL && strchr(text, '=') != NULL) {
        url->conninfo = mem_dup(text);
        return true;
    }
    *error = "it must be postgresql://…, a libpq string such as host=… dbname=…, or sqlite:FILE";
    return false;
}

/* Copies text up to the end of a secret that begins at start, as three stars. */
static const char *hide(struct buf *out, const char *from, const char *start, size_t length)
{
    buf_add(out, from, (size_t)(start - from));
    buf_add_string(out, "***");
    return start + length;
}

char *dburl_mask(const char *text)
{
    struct buf out = BUF_INIT((size_t)1 << 20);
    const char *at = text, *authority = strstr(text, "://");
    if (authority != NULL) {
        authority += 3;
        size_t length = strcspn(authority, "/?");
        const char *sign = memrchr(authority, '@', length);
        const char *colon = sign == NULL ? NULL : memchr(authority, ':', (size_t)(sign - authority));
        if (colon != NULL)
            at = hide(&out, at, colon + 1, (size_t)(sign - colon - 1));
    }
    for (const char *found; (found = strstr(at, "password")) != NULL;) {
        found += strlen("password");
        size_t space = strspn(found, " ");
        if (found[space] != '=') {
            buf_add(&out, at, (size_t)(found - at));
            at = found;
            continue;
        }
        found += space + 1;
        found += strspn(found, " ");
        size_t length;
        if (*found == '\'') {
            for (length = 1; found[length] != '\0' && found[length] != '\''; length++)
                length += found[length] == '\\' && found[length + 1] != '\0';
            length += found[length] == '\'';
        } else {
            length = strcspn(found, " &");
        }
        at = hide(&out, at, found, length);
    }
    buf_add_string(&out, at);
    buf_add_char(&out, '\0');
    return out.data;
}

char *dburl_add_keyword(char *conninfo, const char *key, const char *value)
{
    struct buf out = BUF_INIT((size_t)1 << 20);
    if (conninfo != NULL) {
        buf_add_string(&out, conninfo);
        buf_add_char(&out, ' ');
    }
    buf_add_string(&out, key);
    buf_add_string(&out, "='");
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            buf_add_char(&out, '\\');
        buf_add_char(&out, *value);
    }
    buf_add(&out, "'", 2); /* with its NUL */
    free(conninfo);
    return out.data;
}
