/* http_head_end finds where a head ends; http_parse reads it: parse_request_line, then each field (parse_field,
 * note_field: what it means for the request), at last check_framing, which needs all of them. */
#include <config.h>

#include "http/http_parse.h"

#include <string.h>

#include "http/http_host.h"

static const char *const method_names[HTTP_METHODS] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                                       "DELETE", "OPTIONS", "TRACE", "CONNECT"};

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

/* RFC 9110 section 5.6.2 */
const bool http_token_char[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

/* Of a request target: what need not be percent-encoded, and no fragment (RFC 9112 section 3.2). */
static const bool target_char[256] = {['!'] = 1, ['"'] = 1, ['$' ... '~'] = 1};

/* RFC 9110 section 5.5 */
static const bool value_char[256] = {['\t'] = 1, [' ' ... '~'] = 1, [0x80 ... 0xff] = 1};

/* How many of the first characters are such. */
static size_t length_of(const bool chars[256], const char *at, const char *end)
{
    const char *p = at;
    while (p < end && chars[(unsigned char)*p])
        p++;
    return (size_t)(p - at);
}

static size_t token_length(const char *at, const char *end)
{
    return length_of(http_token_char, at, end);
}

size_t http_head_end(const char *bytes, size_t length, size_t *seen)
{
    size_t i = *seen;
    while (i < length) {
        const char *newline = memchr(bytes + i, '\n', length - i);
        if (newline == NULL)
            break;
        size_t next = (size_t)(newline - bytes) + 1;
        if (next < length && bytes[next] == '\n')
            return next + 1;
        if (next + 1 < length && bytes[next] == '\r' && bytes[next + 1] == '\n')
            return next + 2;
        if (next + 1 >= length) { /* the empty line may still be coming: look at this end again */
            *seen = next - 1;
            return 0;
        }
        i = next;
    }
    *seen = length;
    return 0;
}

static bool refuse(struct http_refusal *refusal, int status, const char *detail)
{
    refusal->status = status;
    refusal->detail = detail;
    return false;
}

static bool parse_method(struct slice name, struct http_head *head, struct http_refusal *refusal)
{
    for (int i = 0; i < HTTP_METHODS; i++)
        if (slice_equal(name, slice_of(method_names[i]))) {
            head->method = (enum http_method)i;
            return true;
        }
    return refuse(refusal, 501, "The method is not one that this server knows.");
}

/* How long "http://" or "https://" at the front is; 0 when there is neither. */
static size_t scheme_length(struct slice target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (target.len >= length && strncasecmp(target.ptr, schemes[i], length) == 0)
            return length;
    }
    return 0;
}

/* Takes scheme and authority off an absolute target (RFC 9112 section 3.2.2). */
static bool take_authority(struct slice *target, size_t scheme, struct http_head *head,
                           struct http_refusal *refusal)
{
    size_t end = scheme;
    struct http_host host;
    while (end < target->len && target->ptr[end] != '/' && target->ptr[end] != '?')
        end++;
    head->host = (struct slice){target->ptr + scheme, end - scheme};
    if (head->host.len == 0 || !http_host_parse(head->host, &host))
        return refuse(refusal, 400, "The request target has no well-formed host, with or without a port.");
    *target = (struct slice){target->ptr + end, target->len - end};
    return true;
}

void http_head_set_target(struct http_head *head, struct slice target)
{
    const char *mark = memchr(target.ptr, '?', target.len);
    size_t path = mark == NULL ? target.len : (size_t)(mark - target.ptr);
    head->path = (struct slice){target.ptr, path};
    head->query = mark == NULL ? (struct slice){NULL, 0} : (struct slice){mark + 1, target.len - path - 1};
}

/* origin-form, absolute-form, or for OPTIONS asterisk-form (RFC 9112 section 3.2). */
static bool parse_target(struct slice target, struct http_head *head, struct http_refusal *refusal)
{
    if (length_of(target_char, target.ptr, target.ptr + target.len) < target.len)
        return refuse(refusal, 400, "The request target has a character that must be percent-encoded.");
    size_t scheme = scheme_length(target);
    if (scheme > 0) {
        if (!take_authority(&target, scheme, head, refusal))
            return false;
    } else if (slice_equal(target, SLICE("*"))) {
        if (head->method != HTTP_OPTIONS)
            return refuse(refusal, 400, "The request target * is for OPTIONS alone.");
    } else if (target.len == 0 || target.ptr[0] != '/') {
        return refuse(refusal, 400, "The request target must begin with a slash.");
    }
    bool whole_server = target.len == 0 && head->method == HTTP_OPTIONS;
    http_head_set_target(head, whole_server ? SLICE("*") : target);
    if (head->path.len == 0)
        head->path = SLICE("/");
    return true;
}

static bool parse_version(struct slice version, struct http_head *head, struct http_refusal *refusal)
{
    if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0 || version.ptr[5] < '0' ||
        version.ptr[5] > '9' || version.ptr[6] != '.' || version.ptr[7] < '0' || version.ptr[7] > '9')
        return refuse(refusal, 400, "The request line does not end in an HTTP version.");
    if (version.ptr[5] != '1')
        return refuse(refusal, 505, "This server speaks HTTP/1.1 and HTTP/1.0.");
    head->minor = version.ptr[7] == '0' ? 0 : 1; /* higher ones are served as 1.1 (RFC 9110 section 2.5) */
    return true;
}

static bool parse_request_line(struct slice line, struct http_head *head, struct http_refusal *refusal)
{
    const char *end = line.ptr + line.len;
    size_t method = token_length(line.ptr, end);
    if (method == 0 || method == line.len || line.ptr[method] != ' ')
        return refuse(refusal, 400, "The request line is malformed.");
    const char *target = line.ptr + method + 1;
    const char *space = memrchr(target, ' ', (size_t)(end - target));
    if (space == NULL || space == target)
        return refuse(refusal, 400, "The request line is malformed.");
    return parse_version((struct slice){space + 1, (size_t)(end - space - 1)}, head, refusal) &&
           parse_method((struct slice){line.ptr, method}, head, refusal) &&
           parse_target((struct slice){target, (size_t)(space - target)}, head, refusal);
}

static bool parse_field(struct slice line, struct http_field *field, struct http_refusal *refusal)
{
    const char *at = line.ptr, *end = line.ptr + line.len;
    if (*at == ' ' || *at == '\t')
        return refuse(refusal, 400, "A header field is folded over two lines.");
    size_t name = token_length(at, end);
    if (name == 0 || at + name == end || at[name] != ':')
        return refuse(refusal, 400, "A header field has no well-formed name.");
    field->name = (struct slice){at, name};
    at += name + 1;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    field->value = (struct slice){at, (size_t)(end - at)};
    if (length_of(value_char, at, end) < field->value.len)
        return refuse(refusal, 400, "A header field has a control character.");
    return true;
}

static bool parse_content_length(struct slice value, int64_t *length)
{
    if (value.len == 0 || value.len > 18)
        return false;
    *length = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        *length = *length * 10 + (value.ptr[i] - '0');
    }
    return true;
}

/* Takes the first member off a comma-separated list, without white space around it. False when it is the last. */
static bool list_next(struct slice *list, struct slice *member)
{
    const char *comma = memchr(list->ptr, ',', list->len);
    size_t length = comma == NULL ? list->len : (size_t)(comma - list->ptr), skip = 0;
    *member = (struct slice){list->ptr, length};
    while (skip < length && (member->ptr[skip] == ' ' || member->ptr[skip] == '\t'))
        skip++;
    *member = (struct slice){member->ptr + skip, length - skip};
    while (member->len > 0 && (member->ptr[member->len - 1] == ' ' || member->ptr[member->len - 1] == '\t'))
        member->len--;
    if (comma != NULL)
        *list = (struct slice){comma + 1, list->len - length - 1};
    return comma != NULL;
}

/* True when the comma-separated list has the token. */
static bool list_has(struct slice list, struct slice token)
{
    struct slice member;
    for (bool more = true; more;) {
        more = list_next(&list, &member);
        if (slice_equal_nocase(member, token))
            return true;
    }
    return false;
}

struct framing {
    unsigned hosts, lengths, encodings;
    bool close, keep_alive, unknown_codings;
};

/* Transfer codings, in the order in which they were applied; what has parameters is none that this server knows. Empty
 * members of the list, which other lists may have, are not worth the doubt. */
static bool note_codings(struct slice list, struct http_head *head, struct framing *framing,
                         struct http_refusal *refusal)
{
    struct slice coding;
    framing->encodings++;
    for (bool more = true; more;) {
        more = list_next(&list, &coding);
        size_t name = token_length(coding.ptr, coding.ptr + coding.len);
        if (name == 0 || (name < coding.len && strchr("; \t", coding.ptr[name]) == NULL))
            return refuse(refusal, 400, "Transfer-Encoding is not a list of transfer codings.");
        if (head->chunked)
            return refuse(refusal, 400,
                          "Something follows chunked in Transfer-Encoding; it must come last, and once.");
        head->chunked = slice_equal_nocase(coding, SLICE("chunked"));
        framing->unknown_codings |= !head->chunked;
        if (!head->chunked && slice_equal_nocase((struct slice){coding.ptr, name}, SLICE("chunked")))
            return refuse(refusal, 400, "The transfer coding chunked has no parameters.");
    }
    return true;
}

/* It must be right also where an absolute target takes its place. */
static bool note_host(struct slice value, struct http_head *head, struct framing *framing,
                      struct http_refusal *refusal)
{
    struct http_host host;
    framing->hosts++;
    if (!http_host_parse(value, &host))
        return refuse(refusal, 400, "Host is not a well-formed host, with or without a port.");
    if (head->host.ptr == NULL)
        head->host = value;
    return true;
}

static bool note_expect(struct slice value, struct http_head *head, struct framing *framing,
                        struct http_refusal *refusal)
{
    (void)framing;
    head->expect_continue = slice_equal_nocase(value, SLICE("100-continue"));
    return head->expect_continue ||
           refuse(refusal, 417, "The only expectation this server meets is 100-continue.");
}

static bool note_connection(struct slice value, struct http_head *head, struct framing *framing,
                            struct http_refusal *refusal)
{
    (void)head;
    (void)refusal;
    framing->close |= list_has(value, SLICE("close"));
    framing->keep_alive |= list_has(value, SLICE("keep-alive"));
    return true;
}

static bool note_length(struct slice value, struct http_head *head, struct framing *framing,
                        struct http_refusal *refusal)
{
    framing->lengths++;
    return parse_content_length(value, &head->content_length) ||
           refuse(refusal, 400, "Content-Length is not a number of bytes.");
}

/* The fields that say where a request ends, whom it is for and what becomes of its connection. */
static const struct {
    struct slice name;
    bool (*note)(struct slice value, struct http_head *head, struct framing *framing,
                 struct http_refusal *refusal);
} framing_fields[] = {
    {{"Host", 4}, note_host},
    {{"Expect", 6}, note_expect},
    {{"Connection", 10}, note_connection},
    {{"Content-Length", 14}, note_length},
    {{"Transfer-Encoding", 17}, note_codings},
};

static bool note_field(const struct http_field *field, struct http_head *head, struct framing *framing,
                       struct http_refusal *refusal)
{
    for (size_t i = 0; i < sizeof framing_fields / sizeof framing_fields[0]; i++)
        if (slice_equal_nocase(field->name, framing_fields[i].name))
            return framing_fields[i].note(field->value, head, framing, refusal);
    return true;
}

/* RFC 9112 section 6.3: a body whose last coding is not chunked has no end that both sides know, which is 400. */
static bool check_codings(const struct http_head *head, const struct framing *framing,
                          struct http_refusal *refusal)
{
    if (framing->lengths > 0)
        return refuse(refusal, 400, "Content-Length and Transfer-Encoding exclude each other.");
    if (head->minor == 0)
        return refuse(refusal, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!head->chunked)
        return refuse(refusal, 400, "The last transfer coding of a request must be chunked.");
    if (framing->unknown_codings)
        return refuse(refusal, 501, "The only transfer coding this server knows is chunked.");
    return true;
}

static bool check_framing(struct http_head *head, const struct framing *framing, struct http_refusal *refusal)
{
    if (framing->hosts > 1 || (framing->hosts == 0 && head->minor == 1))
        return refuse(refusal, 400, "There must be exactly one Host field.");
    if (framing->lengths > 1)
        return refuse(refusal, 400, "Content-Length is given twice.");
    if (framing->encodings > 0 && !check_codings(head, framing, refusal))
        return false;
    head->keep_alive = !framing->close && (head->minor == 1 || framing->keep_alive);
    return true;
}

struct slice http_head_field(const struct http_head *head, struct slice name)
{
    for (size_t i = head->field_count; i-- > 0;)
        if (slice_equal_nocase(head->fields[i].name, name))
            return head->fields[i].value;
    return (struct slice){NULL, 0};
}

bool http_parse(const char *bytes, size_t length, struct http_head *head, struct http_refusal *refusal)
{
    memset(head, 0, offsetof(struct http_head, fields));
    head->field_count = 0;
    head->keep_alive = head->chunked = head->expect_continue = false;
    head->content_length = 0;
    head->host = (struct slice){NULL, 0};
    struct framing framing = {0};
    const char *at = bytes, *end = bytes + length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL || newline == at || newline[-1] != '\r')
            return refuse(refusal, 400, "A line of the head does not end in CR LF.");
        struct slice line = {at, (size_t)(newline - at) - 1};
        if (line.len == 0) /* the empty line: http_head_end found it at the very end */
            return at != bytes && newline + 1 == end ? check_framing(head, &framing, refusal)
                                                     : refuse(refusal, 400, "The request line is missing.");
        if (at == bytes) {
            if (!parse_request_line(line, head, refusal))
                return false;
        } else {
            if (head->field_count == HTTP_FIELDS_MAX)
                return refuse(refusal, 431, "There are more than 100 header fields.");
            struct http_field *field = &head->fields[head->field_count++];
            if (!parse_field(line, field, refusal) || !note_field(field, head, &framing, refusal))
                return false;
        }
        at = newline + 1;
    }
    return refuse(refusal, 400, "The head does not end in an empty line.");
}
