/* Both sides are brought into the form in which hosts are compared (settle), then compared as text. */
#include <config.h>

#include "core/hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "http/http_host.h"

#define NAME_MAX_LENGTH 255

/* "[0:0::1]" as "[::1]"; what is no IPv6 address stays as it is. */
static void settle_address(char text[NAME_MAX_LENGTH + 1])
{
    char copy[NAME_MAX_LENGTH + 1], settled[INET6_ADDRSTRLEN];
    struct in6_addr address;
    snprintf(copy, sizeof copy, "%.*s", (int)strlen(text) - 2, text + 1);
    if (inet_pton(AF_INET6, copy, &address) == 1)
        snprintf(text, NAME_MAX_LENGTH + 1, "[%s]", inet_ntop(AF_INET6, &address, settled, sizeof settled));
}

/* How long the host in front of a port is; 0 for what is no host, or is longer than any. */
static size_t settle(struct slice asked, char out[NAME_MAX_LENGTH + 1])
{
    struct http_host host;
    if (!http_host_parse(asked, &host) || host.name.len > NAME_MAX_LENGTH)
        return 0;
    size_t length = host.name.len;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)host.name.ptr[i]);
    if (length > 1 && out[length - 1] == '.')
        length--;
    out[length] = '\0';
    if (out[0] == '[')
        settle_address(out);
    return host.name.len;
}

/* RFC 1035 section 3.1: the label without a character is that of the root, which is the last. */
static bool has_empty_label(const char *name)
{
    return name[0] == '.' || strstr(name, "..") != NULL || name[strlen(name) - 1] == '.';
}

bool hosts_parse(const char *text, struct hosts *hosts, const char **right)
{
    struct slice rest = slice_of(text);
    *hosts = (struct hosts){NULL, 0};
    hosts->names = mem_array(rest.len + 1, sizeof *hosts->names);
    *right = "it must be names, IPv4 addresses or IPv6 ones in brackets, by comma and without ports";
    while (rest.len > 0) {
        char name[NAME_MAX_LENGTH + 1];
        struct slice one = text_take(&rest, ',');
        if (one.len == 0 || settle(one, name) != one.len || has_empty_label(name))
            return false;
        hosts->names[hosts->count++] = mem_dup(name);
    }
    return true;
}

void hosts_fini(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->names[i]);
    free(hosts->names);
    *hosts = (struct hosts){NULL, 0};
}

bool hosts_has(const struct hosts *hosts, struct slice asked)
{
    char name[NAME_MAX_LENGTH + 1];
    if (hosts->count == 0)
        return true;
    if (settle(asked, name) == 0)
        return false;
    for (size_t i = 0; i < hosts->count; i++)
        if (strcmp(hosts->names[i], name) == 0)
            return true;
    return false;
}
