/* key_line_parse takes the words off one after the other: the name, the hash, then scopes and NAME=VALUE
 * (key_line_take_word, which has a reader for each). */
#include <config.h>

#include "core/key_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define SHOWN_MAX 24
#define LIMIT_MAX 1000000000
#define EXPIRES_MAX INT64_C(4102444800) /* 2100-01-01 */

static bool wrong(char why[static KEY_LINE_WHY_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(char why[static KEY_LINE_WHY_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, KEY_LINE_WHY_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word, which is empty at the end of the line. */
static struct slice next_word(struct slice *line)
{
    size_t begin = 0;
    while (begin < line->len && is_blank(line->ptr[begin]))
        begin++;
    size_t end = begin;
    while (end < line->len && !is_blank(line->ptr[end]))
        end++;
    struct slice word = {line->ptr + begin, end - begin};
    *line = (struct slice){line->ptr + end, line->len - end};
    if (word.len > 0 && word.ptr[0] == '#')
        word = *line = (struct slice){line->ptr, 0};
    return word;
}

/* A word that looks like a scope may be repeated; whatever else stands there may be a key. */
static bool may_be_shown(struct slice word)
{
    for (size_t i = 0; i < word.len; i++)
        if (!((word.ptr[i] >= 'a' && word.ptr[i] <= 'z') || strchr(":-*", word.ptr[i]) != NULL))
            return false;
    return word.len <= SHOWN_MAX;
}

static bool refuse_scope(struct slice word, char *why)
{
    char hint[SCOPE_HINT_MAX];
    if (!may_be_shown(word))
        return wrong(why,
                     "what stands behind the SHA-256 is a scope, such as orders:read, or one of takers=, "
                     "rate=, burst=, concurrent= and expires=");
    return wrong(why, "\"%.*s\" is no scope%s", (int)word.len, word.ptr, scope_hint(word, hint));
}

/* ---- NAME=VALUE ---- */

static bool read_count(struct slice text, uint32_t *count)
{
    int64_t number;
    if (text_int(text, &number) != TEXT_NUMBER_OK || number < 1 || number > LIMIT_MAX || *count != 0)
        return false;
    *count = (uint32_t)number;
    return true;
}

static bool take_rate(struct slice text, struct api_key *key)
{
    static const struct {
        struct slice unit;
        uint32_t seconds;
    } units[] = {{{"s", 1}, 1}, {{"m", 1}, 60}, {{"min", 3}, 60}, {{"h", 1}, 3600}};
    struct slice number = text_take(&text, '/');
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_equal(text, units[i].unit)) {
            key->limits.per_s = units[i].seconds;
            return read_count(number, &key->limits.rate);
        }
    return false;
}

static bool take_burst(struct slice text, struct api_key *key)
{
    return read_count(text, &key->limits.burst);
}

static bool take_concurrent(struct slice text, struct api_key *key)
{
    return read_count(text, &key->limits.concurrent);
}

static bool take_takers(struct slice text, struct api_key *key)
{
    key->takers_own = slice_equal(text, SLICE("own"));
    return key->takers_own;
}

/* The forms of RFC 3339 in UTC: 2027-01-31, 2027-01-31T12:00:00Z; and no day that there is not. */
static bool take_expires(struct slice text, struct api_key *key)
{
    char whole[] = "0000-00-00T00:00:00Z", again[32];
    int64_t at;
    if ((text.len != 10 && text.len != sizeof whole - 1) || key->expires != 0)
        return false;
    memcpy(whole, text.ptr, text.len);
    if (!text_time(slice_of(whole), &at) || at <= 0 || at / CLOCK_SECOND >= EXPIRES_MAX)
        return false;
    key->expires = at / CLOCK_SECOND;
    clock_rfc3339_at(again, sizeof again, key->expires);
    return strcmp(again, whole) == 0;
}

bool key_line_take_word(struct slice word, struct api_key *key, char why[static KEY_LINE_WHY_MAX])
{
    static const struct {
        const char *name, *right;
        bool (*take)(struct slice text, struct api_key *key);
    } options[] = {
        {"takers", "own", take_takers},
        {"rate", "a number, / and s, m or h, such as 100/s, once", take_rate},
        {"burst", "a number from 1 on, once", take_burst},
        {"concurrent", "a number from 1 on, once", take_concurrent},
        {"expires", "a day or a moment in UTC, such as 2027-01-31 or 2027-01-31T12:00:00Z, once",
         take_expires},
    };
    struct slice name = word, text = {NULL, 0};
    const char *equals = memchr(word.ptr, '=', word.len);
    scope_set scopes;
    if (equals != NULL) {
        name.len = (size_t)(equals - word.ptr);
        text = (struct slice){equals + 1, word.len - name.len - 1};
    }
    for (size_t i = 0; equals != NULL && i < sizeof options / sizeof options[0]; i++)
        if (slice_equal(name, slice_of(options[i].name)))
            return options[i].take(text, key) ||
                   wrong(why, "%s must be %s", options[i].name, options[i].right);
    if (!scope_parse(word, &scopes))
        return refuse_scope(word, why);
    key->scopes |= scopes;
    return true;
}

/* ---- the line ---- */

static bool check_whole(const struct api_key *key, char *why)
{
    if (key->scopes == 0)
        return wrong(why, "it names no scope");
    return key->limits.burst == 0 || key->limits.rate != 0 || wrong(why, "burst needs a rate beside it");
}

static bool read_line(struct slice line, struct api_key *key, char *name, char *why)
{
    struct slice first = next_word(&line);
    if (!key_name_is_right(first))
        return wrong(why, "the first word must be the name of the key, " KEY_NAME_FORM);
    memcpy(name, first.ptr, first.len);
    name[first.len] = '\0';
    if (!digest_read(next_word(&line), key->hash))
        return wrong(why, "the second word must be the SHA-256 of the key, 64 hex digits, as rowlock key new "
                          "prints it");
    for (struct slice word = next_word(&line); word.len > 0; word = next_word(&line))
        if (!key_line_take_word(word, key, why))
            return false;
    return check_whole(key, why);
}

enum key_line key_line_parse(struct slice line, struct api_key *key, char name[static KEY_NAME_MAX + 1],
                             char why[static KEY_LINE_WHY_MAX])
{
    struct slice rest = line;
    *key = (struct api_key){.name = name};
    if (line.len > KEY_LINE_MAX) {
        wrong(why, "it has more than %d characters", KEY_LINE_MAX);
        return KEY_LINE_WRONG;
    }
    if (memchr(line.ptr, '\0', line.len) != NULL) {
        wrong(why, "it has a NUL");
        return KEY_LINE_WRONG;
    }
    if (next_word(&rest).len == 0)
        return KEY_LINE_NONE;
    return read_line(line, key, name, why) ? KEY_LINE_KEY : KEY_LINE_WRONG;
}
