/* origin_refusal lets reads pass and refuses what says cross-site; then Origin is compared with Host (is_own), and
 * without an Origin Sec-Fetch-Site decides. */
#include <config.h>

#include "core/origin.h"

#include "http/http_host.h"

/* A port that is not given is the scheme's, in Host as well: the browser asked by the scheme that Origin has. */
static bool is_same_host(struct slice theirs, struct slice asked, int scheme_port)
{
    struct http_host a, b;
    if (theirs.len == 0 || !http_host_parse(theirs, &a) || !http_host_parse(asked, &b))
        return false;
    return slice_equal_nocase(a.name, b.name) &&
           (a.port < 0 ? scheme_port : a.port) == (b.port < 0 ? scheme_port : b.port);
}

/* What is no "scheme://host:port", such as "null", is the origin of no server. */
static bool is_own(struct slice origin, struct slice asked)
{
    static const struct {
        const char *start;
        int port;
    } schemes[] = {{"http://", 80}, {"https://", 443}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i].start);
        if (origin.len > length && strncasecmp(origin.ptr, schemes[i].start, length) == 0)
            return is_same_host((struct slice){origin.ptr + length, origin.len - length}, asked,
                                schemes[i].port);
    }
    return false;
}

const char *origin_refusal(const struct http_head *head)
{
    if (head->method == HTTP_GET || head->method == HTTP_HEAD || head->method == HTTP_OPTIONS)
        return NULL;
    struct slice origin = http_head_field(head, SLICE("Origin"));
    struct slice site = http_head_field(head, SLICE("Sec-Fetch-Site"));
    if (origin.ptr == NULL && site.ptr == NULL)
        return NULL;
    if (slice_equal_nocase(site, SLICE("cross-site")))
        return "A page of another site (Sec-Fetch-Site: cross-site) must not change anything here.";
    if (origin.ptr != NULL)
        return is_own(origin, head->host) ? NULL
                                          : "A page of another site (its Origin is not the Host that was "
                                            "asked) must not change anything here.";
    if (slice_equal(site, SLICE("same-origin")) || slice_equal(site, SLICE("none")))
        return NULL;
    return "A page of another site must not change anything here: Sec-Fetch-Site is neither same-origin nor "
           "none, and "
           "there is no Origin.";
}
