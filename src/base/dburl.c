/* Addresses of databases. dburl_parse tells a SQLite file from what goes to libpq; dburl_mask hides passwords in both
 * forms that libpq knows, URLs (mask_url) and words (mask_words). */
#include <config.h>

#include "base/dburl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define SPACES " \t\n\v\f\r"

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

/* Where libpq would take a part of the password for the host, and name that in its message. To libpq, user and password
 * end at the first @ unless a slash comes before it. */
static bool has_stray_sign(const char *authority)
{
    const char *end = authority + strcspn(authority, "@/"), *hosts = *end == '@' ? end + 1 : authority;
    return memchr(hosts, '@', strcspn(hosts, "?")) != NULL;
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
            if (has_stray_sign(rest + 3)) {
                *error = "what is special in its password must be percent-encoded, as must be an @ in its "
                         "path: " DBURL_ESCAPES;
                return false;
            }
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

bool dburl_ports_ok(const char *ports)
{
    for (;; ports++) {
        size_t length = strcspn(ports, ",");
        int64_t port;
        if (length > 0 &&
            (text_int((struct slice){ports, length}, &port) != TEXT_NUMBER_OK || port < 1 || port > 65535))
            return false;
        ports += length;
        if (*ports == '\0')
            return true;
    }
}

/* ---- hiding ---- */

/* Copies text up to the end of a secret that begins at start, as three stars. */
static const char *hide(struct buf *out, const char *from, const char *start, size_t length)
{
    buf_add(out, from, (size_t)(start - from));
    buf_add_string(out, "***");
    return start + length;
}

/* A keyword of libpq or a parameter of a URL whose value is a secret. One that is percent-encoded may be any. */
static bool is_secret(const char *name, size_t length)
{
    static const char *const parts[] = {"password", "passwd", "secret", "token", "key", "%"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t part = strlen(parts[i]);
        for (size_t at = 0; at + part <= length; at++)
            if (strncasecmp(name + at, parts[i], part) == 0)
                return true;
    }
    return false;
}

/* A password with an @, a slash or a question mark that was not encoded must not come into a log: it ends at the last @
 * of all. In the URL of a web server the user may be a key, and is hidden too. */
static void mask_url(struct buf *out, const char *text)
{
    const char *at = text, *start = strstr(text, "://"), *at_sign = strrchr(text, '@');
    start = start != NULL ? start + 3 : text;
    if (at_sign != NULL && at_sign > start) {
        const char *colon = memchr(start, ':', (size_t)(at_sign - start));
        const char *secret = colon != NULL ? colon + 1 : starts_with(text, "http") ? start : at_sign;
        if (secret < at_sign)
            at = hide(out, text, secret, (size_t)(at_sign - secret));
    }
    for (const char *name = at; (name = strpbrk(name, "?&")) != NULL;) {
        name++;
        size_t length = strcspn(name, "=?&");
        if (name[length] == '=' && is_secret(name, length))
            name = at = hide(out, at, name + length + 1, strcspn(name + length + 1, "&"));
    }
    buf_add_string(out, at);
}

/* The length of a value in libpq's quoting: up to white space, or up to the quote that ends it. */
static size_t dburl_value_length(const char *value)
{
    bool quoted = *value == '\'';
    size_t length = quoted;
    while (value[length] != '\0' && (quoted ? value[length] != '\'' : strchr(SPACES, value[length]) == NULL))
        length += value[length] == '\\' && value[length + 1] != '\0' ? 2 : 1;
    return length + (value[length] == '\'');
}

/* What libpq would not read is hidden from there on. */
static void mask_words(struct buf *out, const char *text)
{
    const char *at = text;
    for (const char *name = text + strspn(text, SPACES); *name != '\0'; name += strspn(name, SPACES)) {
        size_t length = strcspn(name, "=" SPACES);
        const char *value = name + length + strspn(name + length, SPACES);
        if (*value != '=') {
            at = hide(out, at, name, strlen(name));
            break;
        }
        value += 1 + strspn(value + 1, SPACES);
        size_t value_bytes = dburl_value_length(value);
        if (is_secret(name, length))
            at = hide(out, at, value, value_bytes);
        name = value + value_bytes;
    }
    buf_add_string(out, at);
}

char *dburl_mask(const char *text)
{
    if (starts_with(text, "sqlite:"))
        return mem_dup(text);
    struct buf out = BUF_INIT((size_t)1 << 20);
    if (text[strcspn(text, ":=@" SPACES)] == ':')
        mask_url(&out, text);
    else
        mask_words(&out, text);
    return buf_text(&out);
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
    buf_add_char(&out, '\'');
    free(conninfo);
    return buf_text(&out);
}
