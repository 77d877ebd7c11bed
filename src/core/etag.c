/* etag_write makes a tag of a hash. etag_find walks a list, element by element (take_tag), and compares;
 * etag_precondition puts the two lists together. */
#include <config.h>

#include "core/etag.h"

#include <stdio.h>

void etag_write(char out[ETAG_SIZE], enum etag_strength strength, uint64_t hash)
{
    snprintf(out, ETAG_SIZE, "%s\"%016llx\"", strength == ETAG_WEAK ? "W/" : "", (unsigned long long)hash);
}

void etag_write_gzip(char out[ETAG_SIZE], const char *tag)
{
    snprintf(out, ETAG_SIZE, "%.*s-gzip\"", (int)strlen(tag) - 1, tag);
}

/* ---- lists ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* etagc */
static bool is_opaque(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte > ' ' && byte != '"' && byte != 0x7f;
}

/* "W/" is case-sensitive. */
static bool is_weak(struct slice tag)
{
    return tag.len >= 2 && tag.ptr[0] == 'W' && tag.ptr[1] == '/';
}

static struct slice rest_of(struct slice text, size_t start)
{
    return (struct slice){text.ptr + start, text.len - start};
}

/* The length of the tag that the text begins with; 0: it begins with none. */
static size_t tag_length(struct slice text)
{
    size_t i = is_weak(text) ? 2 : 0;
    if (i == text.len || text.ptr[i++] != '"')
        return 0;
    while (i < text.len && is_opaque(text.ptr[i]))
        i++;
    return i < text.len && text.ptr[i] == '"' ? i + 1 : 0;
}

/* Takes the next tag off the list, past empty elements (RFC 9110 section 5.6.1); an empty one behind the last. False:
 * the list is malformed. */
static bool take_tag(struct slice *list, struct slice *tag)
{
    size_t i = 0;
    while (i < list->len && (is_blank(list->ptr[i]) || list->ptr[i] == ','))
        i++;
    *list = rest_of(*list, i);
    *tag = (struct slice){list->ptr, tag_length(*list)};
    if (tag->len == 0)
        return list->len == 0;
    for (i = tag->len; i < list->len && is_blank(list->ptr[i]);)
        i++;
    *list = rest_of(*list, i);
    return list->len == 0 || list->ptr[0] == ',';
}

static bool same(struct slice a, struct slice b, enum etag_strength comparison)
{
    if (comparison == ETAG_STRONG)
        return !is_weak(a) && slice_equal(a, b);
    return slice_equal(rest_of(a, is_weak(a) ? 2 : 0), rest_of(b, is_weak(b) ? 2 : 0));
}

enum etag_found etag_find(struct slice list, const char *tag, enum etag_strength comparison)
{
    enum etag_found found = ETAG_MALFORMED;
    struct slice wanted = slice_of(tag), one;
    if (slice_equal(list, SLICE("*")))
        return wanted.len > 0 ? ETAG_FOUND : ETAG_NOT_FOUND;
    while (take_tag(&list, &one)) {
        if (one.len == 0)
            return found;
        if (found != ETAG_FOUND)
            found = same(one, wanted, comparison) ? ETAG_FOUND : ETAG_NOT_FOUND;
    }
    return ETAG_MALFORMED;
}

static bool finds(struct slice list, const char *tag, enum etag_strength comparison, enum etag_found wanted)
{
    char gzip[ETAG_SIZE];
    if (list.ptr == NULL)
        return false;
    enum etag_found found = etag_find(list, tag, comparison);
    if (found == ETAG_NOT_FOUND && tag[0] != '\0') {
        etag_write_gzip(gzip, tag);
        found = etag_find(list, gzip, comparison);
    }
    return found == wanted;
}

enum precondition etag_precondition(struct slice if_match, struct slice if_none_match, const char *tag)
{
    if (finds(if_match, tag, ETAG_STRONG, ETAG_NOT_FOUND))
        return IF_MATCH_FAILS;
    if (finds(if_none_match, tag, ETAG_WEAK, ETAG_FOUND))
        return IF_NONE_MATCH_FAILS;
    return PRECONDITIONS_HOLD;
}
