/* Each field is read once, from its begin, because a quoted comma is known from there alone. What the walk from the end
 * would come to is kept on the way (struct chain, chain_add). */
#include <config.h>

#include "core/forwarded.h"

#include <string.h>

#include "base/text.h"

#define NODE_MAX 64 /* of a name of a client: an address, its brackets and a port */

/* What the walk from the end of what was read so far comes to. */
struct chain {
    const struct trusted *trusted;
    struct ip ip;
    bool known; /* there is an address at which it stops */
    bool open;  /* a trusted one that follows is where it stops: nothing before it is of use */
    bool sent;  /* there is such a field */
    bool malformed;
};

/* ---- the chain ---- */

/* ip: NULL when it does not say who. */
static void chain_add(struct chain *chain, const struct ip *ip)
{
    if (ip == NULL) {
        chain->known = false;
        chain->open = true;
    } else if (chain->open || !trusted_has(chain->trusted, ip)) {
        chain->ip = *ip;
        chain->known = true;
        chain->open = false;
    }
}

/* ---- a node (RFC 7239 section 6) ---- */

static bool is_port(struct slice text)
{
    bool hidden = text.len > 1 && text.ptr[0] == '_';
    if (text.len == 0 || (!hidden && text.len > 5))
        return false;
    for (size_t i = hidden; i < text.len; i++) {
        char c = text.ptr[i];
        bool digit = c >= '0' && c <= '9';
        bool other = hidden && (http_token_char[(unsigned char)c]);
        if (!digit && !other)
            return false;
    }
    return true;
}

/* "[2001:db8::1]" with or without a port. */
static bool read_bracketed(struct slice text, struct ip *ip)
{
    const char *end = memchr(text.ptr, ']', text.len);
    if (end == NULL)
        return false;
    struct slice inside = {text.ptr + 1, (size_t)(end - text.ptr) - 1};
    struct slice rest = {end + 1, text.len - inside.len - 2};
    bool bare = rest.len == 0;
    return memchr(inside.ptr, ':', inside.len) != NULL && ip_parse(inside, ip) &&
           (bare || (rest.ptr[0] == ':' && is_port((struct slice){rest.ptr + 1, rest.len - 1})));
}

/* An address, in brackets or not, with a port or not. Anything else says nothing of who it is. */
static bool read_node(struct slice text, struct ip *ip)
{
    if (text.len > 0 && text.ptr[0] == '[')
        return read_bracketed(text, ip);
    if (ip_parse(text, ip))
        return true;
    const char *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    if (colon == NULL)
        return false;
    struct slice address = {text.ptr, (size_t)(colon - text.ptr)};
    return ip_parse(address, ip) && is_port((struct slice){colon + 1, text.len - address.len - 1});
}

static void add_node(struct chain *chain, struct slice text)
{
    struct ip ip;
    chain_add(chain, read_node(text, &ip) ? &ip : NULL);
}

/* ---- X-Forwarded-For: nodes by comma ---- */

static void read_nodes(struct chain *chain, struct slice line)
{
    while (line.len > 0) {
        struct slice node = text_take(&line, ',');
        if (node.len > 0) /* a list may have empty elements (RFC 9110 section 5.6.1) */
            add_node(chain, node);
    }
}

/* ---- Forwarded: elements by comma, pairs by semicolon (RFC 7239 section 4) ---- */

static char next_of(struct slice rest)
{
    return rest.len > 0 ? rest.ptr[0] : '\0';
}

static void skip(struct slice *rest, size_t count)
{
    *rest = (struct slice){rest->ptr + count, rest->len - count};
}

static void skip_blanks(struct slice *rest)
{
    while (next_of(*rest) == ' ' || next_of(*rest) == '\t')
        skip(rest, 1);
}

static struct slice take_token(struct slice *rest)
{
    size_t length = 0;
    while (length < rest->len && http_token_char[(unsigned char)rest->ptr[length]])
        length++;
    struct slice token = {rest->ptr, length};
    skip(rest, length);
    return token;
}

/* A quoted string without its quotes and escapes; of one that is longer than any node, its first part. False when it
 * does not end. */
static bool take_quoted(struct slice *rest, char text[NODE_MAX], size_t *length)
{
    *length = 0;
    skip(rest, 1);
    while (rest->len > 0 && rest->ptr[0] != '"') {
        if (rest->ptr[0] == '\\')
            skip(rest, 1);
        if (rest->len == 0)
            return false;
        if (*length < NODE_MAX)
            text[(*length)++] = rest->ptr[0];
        skip(rest, 1);
    }
    if (rest->len == 0)
        return false;
    skip(rest, 1);
    return true;
}

/* A token, or what many send in place of one without quoting it: an address with colons and brackets. */
static struct slice take_plain(struct slice *rest)
{
    size_t length = 0;
    while (length < rest->len && strchr(",;\" \t", rest->ptr[length]) == NULL)
        length++;
    struct slice value = {rest->ptr, length};
    skip(rest, length);
    return value;
}

/* What of an element is of use. */
struct element {
    bool named;     /* it has a "for" */
    size_t length;
    char node[NODE_MAX];
};

/* name=value. False when it is none, or a second "for". */
static bool read_pair(struct slice *rest, struct element *element)
{
    char text[NODE_MAX];
    size_t length;
    struct slice name = take_token(rest);
    if (name.len == 0 || next_of(*rest) != '=')
        return false;
    skip(rest, 1);
    if (next_of(*rest) != '"') {
        struct slice value = take_plain(rest);
        length = value.len < NODE_MAX ? value.len : NODE_MAX;
        slice_put(text, (struct slice){value.ptr, length});
    } else if (!take_quoted(rest, text, &length)) {
        return false;
    }
    if (length == 0 || !slice_equal_nocase(name, SLICE("for")))
        return length > 0;
    if (element->named)
        return false;
    element->named = true;
    element->length = length;
    memcpy(element->node, text, length);
    return true;
}

static bool read_element(struct chain *chain, struct slice *rest)
{
    struct element element = {.named = false};
    for (bool more = true; more; skip_blanks(rest)) {
        bool empty = rest->len == 0 || next_of(*rest) == ',' || next_of(*rest) == ';';
        if (!empty && !read_pair(rest, &element))
            return false;
        skip_blanks(rest);
        more = next_of(*rest) == ';';
        skip(rest, more);
    }
    add_node(chain, (struct slice){element.node, element.length});
    return rest->len == 0 || next_of(*rest) == ',';
}

static void read_elements(struct chain *chain, struct slice line)
{
    for (skip_blanks(&line); line.len > 0 && !chain->malformed; skip_blanks(&line)) {
        if (next_of(line) == ',')
            skip(&line, 1);
        else
            chain->malformed = !read_element(chain, &line);
    }
}

/* ---- both ---- */

/* The lines of a field are one list (RFC 9110 section 5.3). */
static struct chain walk(const struct http_head *head, const struct trusted *trusted, struct slice name,
                         void (*read)(struct chain *chain, struct slice line))
{
    struct chain chain = {.trusted = trusted, .open = true};
    for (size_t i = 0; i < head->field_count && !chain.malformed; i++) {
        if (!slice_equal_nocase(head->fields[i].name, name))
            continue;
        chain.sent = true;
        read(&chain, head->fields[i].value);
    }
    return chain;
}

enum forwarded forwarded_find(const struct http_head *head, const struct trusted *trusted, struct ip *client)
{
    struct chain standard = walk(head, trusted, SLICE("Forwarded"), read_elements);
    struct chain usual = walk(head, trusted, SLICE("X-Forwarded-For"), read_nodes);
    const struct chain *chain = standard.sent ? &standard : &usual;
    bool both = standard.sent && usual.sent;
    bool differ = standard.known != usual.known ||
                  (standard.known && memcmp(standard.ip.bytes, usual.ip.bytes, sizeof usual.ip.bytes) != 0);
    if (standard.malformed || (both && differ))
        return FORWARDED_UNCLEAR;
    if (!chain->known)
        return FORWARDED_NOTHING;
    *client = chain->ip;
    return FORWARDED_CLIENT;
}
