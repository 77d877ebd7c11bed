/* A list that is looked through: there are few. */
#include <config.h>

#include "core/trusted.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_between(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static bool add(struct trusted *trusted, struct slice word)
{
    if (slice_equal(word, SLICE("unix"))) {
        trusted->local = true;
        return true;
    }
    return ip_network_parse(word, &trusted->networks[trusted->count++]);
}

bool trusted_parse(const char *text, struct trusted *trusted, const char **right)
{
    *trusted = (struct trusted){.networks = mem_array(strlen(text) / 2 + 1, sizeof *trusted->networks)};
    *right = "it must be addresses and networks such as 10.0.0.0/8 or fd00::/8, whose bits behind the prefix "
             "are 0, or unix for peers of unix sockets; by comma";
    while (*text != '\0') {
        size_t length = 0;
        while (text[length] != '\0' && !is_between(text[length]))
            length++;
        if (length > 0 && !add(trusted, (struct slice){text, length}))
            return false;
        text += length;
        while (is_between(*text))
            text++;
    }
    return true;
}

void trusted_fini(struct trusted *trusted)
{
    free(trusted->networks);
    *trusted = (struct trusted){.networks = NULL};
}

bool trusted_is_empty(const struct trusted *trusted)
{
    return trusted->count == 0 && !trusted->local;
}

bool trusted_has(const struct trusted *trusted, const struct ip *ip)
{
    for (size_t i = 0; i < trusted->count; i++)
        if (ip_network_has(&trusted->networks[i], ip))
            return true;
    return false;
}
