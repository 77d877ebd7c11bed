/* http_host_parse: the host by its form (host_length: an address in brackets, an IPv4 address, a name), then the
 * port. */
#include <config.h>

#include "http/http_host.h"

#include <arpa/inet.h>

#define PORT_MAX 65535

/* unreserved and sub-delims of RFC 3986 section 2, without the comma. */
static const bool name_char[256] = {
    ['-'] = 1, ['.'] = 1,         ['_'] = 1,         ['~'] = 1,         ['!'] = 1, ['$'] = 1,
    ['&'] = 1, ['\''] = 1,        ['('] = 1,         [')'] = 1,         ['*'] = 1, ['+'] = 1,
    [';'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['='] = 1,
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* reg-name, which IPv4 addresses are as well. */
static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (name_char[(unsigned char)text.ptr[i]])
            continue;
        if (text.ptr[i] != '%' || text.len - i < 3 || !is_hex(text.ptr[i + 1]) || !is_hex(text.ptr[i + 2]))
            return false;
        if (text.ptr[i + 1] == '0' || text.ptr[i + 1] == '1') /* a control character */
            return false;
        i += 2;
    }
    return true;
}

/* IPvFuture: "v" 1*HEXDIG "." and characters of a name or colons. */
static bool is_future_address(struct slice text)
{
    size_t i = 1;
    while (i < text.len && is_hex(text.ptr[i]))
        i++;
    if (i == 1 || i + 1 >= text.len || text.ptr[i] != '.')
        return false;
    for (i++; i < text.len; i++)
        if (!name_char[(unsigned char)text.ptr[i]] && text.ptr[i] != ':')
            return false;
    return true;
}

/* What stands in brackets. */
static bool is_address(struct slice text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.len > 0 && (text.ptr[0] == 'v' || text.ptr[0] == 'V'))
        return is_future_address(text);
    if (text.len >= sizeof copy || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

/* Leading zeros are digits like others. */
static bool parse_port(struct slice digits, int *port)
{
    *port = digits.len == 0 ? -1 : 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        *port = *port * 10 + (digits.ptr[i] - '0');
        if (*port > PORT_MAX)
            return false;
    }
    return true;
}

/* How long the host at the front is; 0 when a bracket is not closed. */
static size_t host_length(struct slice text)
{
    char mark = text.ptr[0] == '[' ? ']' : ':';
    const char *end = memchr(text.ptr, mark, text.len);
    if (mark == ']')
        return end == NULL ? 0 : (size_t)(end - text.ptr) + 1;
    return end == NULL ? text.len : (size_t)(end - text.ptr);
}

bool http_host_parse(struct slice text, struct http_host *host)
{
    *host = (struct http_host){.name = text, .port = -1};
    if (text.len == 0)
        return true;
    size_t length = host_length(text);
    if (length == 0 || (length < text.len && text.ptr[length] != ':'))
        return false;
    host->name.len = length;
    bool well_formed =
        text.ptr[0] == '[' ? is_address((struct slice){text.ptr + 1, length - 2}) : is_name(host->name);
    return well_formed &&
           (length == text.len ||
            parse_port((struct slice){text.ptr + length + 1, text.len - length - 1}, &host->port));
}
