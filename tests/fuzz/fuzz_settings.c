/* A libFuzzer target: texts of settings. The first byte of an input says which; what is wrong has a reason, and what is shown of an
 * address with a password shows no password: that of the input is "geheim". */
#include <config.h>

#include "fuzz.h"

#include "base/cacheurl.h"
#include "base/dburl.h"
#include "base/proxy.h"
#include "base/text.h"
#include "core/cors.h"
#include "core/hosts.h"
#include "core/trusted.h"

static void try_database(const char *text)
{
    struct dburl url = {NULL, NULL};
    const char *error = NULL;
    if (dburl_parse(text, &url, &error))
        must((url.sqlite_path != NULL) != (url.conninfo != NULL));
    else
        must(error != NULL);
    free(url.sqlite_path);
    free(url.conninfo);
    free(dburl_mask(text));
}

static void try_ports(const char *text)
{
    dburl_ports_ok(text);
}

static void try_cache(const char *text)
{
    struct cacheurl url = {.host = NULL};
    const char *error = NULL;
    must(cacheurl_parse(text, &url, &error) || error != NULL);
    cacheurl_fini(&url);
    free(cacheurl_mask(text));
}

static void try_hosts(const char *text)
{
    struct hosts hosts;
    const char *right = NULL;
    if (hosts_parse(text, &hosts, &right))
        for (size_t i = 0; i < hosts.count; i++)
            must(hosts_has(&hosts, slice_of(hosts.names[i])));
    else
        must(right != NULL);
    hosts_fini(&hosts);
}

static void try_origins(const char *text)
{
    struct cors cors;
    const char *right = NULL;
    must(cors_parse(text, &cors, &right) || right != NULL);
    cors_fini(&cors);
}

static void try_networks(const char *text)
{
    struct trusted trusted;
    const char *right = NULL;
    must(trusted_parse(text, &trusted, &right) || right != NULL);
    trusted_fini(&trusted);
}

/* The address is what stands before the first blank, what is asked directly behind it. */
static void try_proxies(const char *text)
{
    const char *blank = strchr(text, ' ');
    struct proxies proxies = {.http = "", .https = "", .all = "p:1", .none_for = blank != NULL ? blank : ""};
    char *url = NULL;
    must(asprintf(&url, "http://%.*s", (int)(blank != NULL ? blank - text : (long)strlen(text)), text) >= 0);
    proxy_for(&proxies, url);
    free(proxy_host_of(url));
    free(url);
}

static void try_numbers(const char *text)
{
    int64_t integer, moment;
    double number, again;
    char shortest[64];
    text_int(slice_of(text), &integer);
    text_time(slice_of(text), &moment);
    if (text_double(slice_of(text), &number) != TEXT_NUMBER_OK)
        return;
    text_from_double(shortest, sizeof shortest, number);
    must(text_double(slice_of(shortest), &again) == TEXT_NUMBER_OK && again == number);
}

/* A password is between the last ":" of what stands before the "@" and that. */
static void try_secret(const char *text)
{
    char *url = NULL;
    if (strpbrk(text, ":@/?#%[]\\' ") != NULL || strstr(text, "geheim") != NULL || text[0] == '\0')
        return;
    must(asprintf(&url, "postgresql://%s:geheim@%s/x?sslpassword=geheim", text, text) >= 0);
    char *masked = dburl_mask(url);
    must(strstr(masked, "geheim") == NULL);
    free(masked);
    free(url);
}

static void (*const tries[])(const char *text) = {try_database, try_ports,   try_cache,
                                                  try_hosts,    try_origins, try_networks,
                                                  try_proxies,  try_numbers, try_secret};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    if (strlen(text) == size - 1)
        tries[data[0] % (sizeof tries / sizeof tries[0])](text);
    free(text);
    return 0;
}
