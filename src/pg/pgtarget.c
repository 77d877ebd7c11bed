/* pgtarget_new has libpq take the string apart, takes hosts and ports out of the keywords, and puts our options before
 * its own. pgtarget_fill writes the arrays of one attempt. */
#include <config.h>

#include "pg/pgtarget.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/dburl.h"
#include "base/mem.h"

#define IDLE_NS (60 * CLOCK_SECOND) /* a transaction between its statements */

/* How to plan, unless the connection string says otherwise. Set statements are planned once: a small array otherwise
 * makes PostgreSQL plan anew each time. Sequential scans are left for what no index serves, because a plan made for
 * an empty table is kept while it grows; and a page in the order of an index is cheaper than fetching and sorting,
 * which the usual random_page_cost hides. */
static const struct {
    const char *name, *value;
} plans[] = {
    {"plan_cache_mode", "force_generic_plan"},
    {"enable_seqscan", "off"},
    {"random_page_cost", "1.1"},
    {"jit", "off"},
};

static void pgtarget_add(struct pgtarget *target, const char *keyword, const char *value)
{
    if (target->count + 6 >= PG_KEYWORDS_MAX)
        return;
    target->keywords[target->count] = mem_dup(keyword);
    target->values[target->count++] = mem_dup(value);
}

static bool pgtarget_is_address(const char *host)
{
    unsigned char out[16];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

/* The n-th part of a comma-separated list, or NULL when there are fewer. */
static char *part(const char *list, size_t n)
{
    if (list == NULL)
        return NULL;
    while (n > 0 && (list = strchr(list, ',')) != NULL) {
        list++;
        n--;
    }
    return list == NULL ? NULL : mem_dup_n(list, strcspn(list, ","));
}

static size_t parts(const char *list)
{
    size_t count = 1;
    for (; list != NULL && *list != '\0'; list++)
        count += *list == ',';
    return count;
}

static void split_hosts(struct pgtarget *target, const char *hosts, const char *hostaddrs, const char *ports)
{
    bool by_address = hostaddrs != NULL && *hostaddrs != '\0';
    const char *list = by_address ? hostaddrs : hosts;
    target->host_count = parts(list);
    target->hosts = mem_array(target->host_count, sizeof *target->hosts);
    for (size_t i = 0; i < target->host_count; i++) {
        struct pg_host *host = &target->hosts[i];
        host->name = part(list, i);
        host->port = part(ports, i);
        if (host->port == NULL && ports != NULL && strchr(ports, ',') == NULL)
            host->port = mem_dup(ports);
        bool named = host->name != NULL && host->name[0] != '\0';
        if (!named) {
            free(host->name);
            host->name = NULL;
        }
        host->lookup = named && !by_address && host->name[0] != '/' && host->name[0] != '@' &&
                       !pgtarget_is_address(host->name);
    }
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
    return NULL;
}

/* A URI that leaves a host out falls back on the environment, as libpq does. */
static const char *option_or_env(const PQconninfoOption *options, const char *keyword, const char *variable)
{
    const char *value = option(options, keyword);
    return value != NULL || option(options, "service") != NULL || getenv("PGSERVICE") != NULL
               ? value
               : getenv(variable);
}

/* What the connection string asks for comes last and wins; what must not be otherwise is settled when the session has
 * begun, because the environment (PGTZ, PGDATESTYLE) comes later still. The limits are for that first statement. */
static void write_options(struct pgtarget *target, const struct pg_limits *limits)
{
    struct buf options = BUF_INIT((size_t)1 << 20);
    buf_printf(&options, "-c lock_timeout=%lld -c statement_timeout=%lld",
               (long long)(limits->lock_ns / CLOCK_MS), (long long)(limits->statement_ns / CLOCK_MS));
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        buf_printf(&options, " -c %s=%s", plans[i].name, plans[i].value);
    if (target->own_options != NULL)
        buf_printf(&options, " %s", target->own_options);
    target->options = buf_text(&options);
}

static PQconninfoOption *parse(const char *conninfo, const char **error)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    if (options != NULL)
        return options;
    *error =
        strncmp(conninfo, "postgresql://", strlen("postgresql://")) == 0
            ? "it must be a URL with parameters that libpq knows; what is special in a password must be "
              "percent-encoded: " DBURL_ESCAPES
            : "it must be a libpq string: keyword=value with the keywords that libpq knows, and a value with "
              "spaces in single quotes";
    return NULL;
}

bool pgtarget_check(const char *conninfo, const char **error)
{
    PQconninfoOption *options = parse(conninfo, error);
    if (options == NULL)
        return false;
    const char *ports = option_or_env(options, "port", "PGPORT");
    const char *hosts = option_or_env(options, "hostaddr", "PGHOSTADDR");
    if (hosts == NULL)
        hosts = option_or_env(options, "host", "PGHOST");
    bool ok = ports == NULL || (dburl_ports_ok(ports) && (parts(ports) == 1 || parts(ports) == parts(hosts)));
    if (!ok)
        *error = "its port must be from 1 to 65535, one for all hosts or one for each";
    PQconninfoFree(options);
    return ok;
}

struct pgtarget *pgtarget_new(const char *conninfo, enum pooler pooler, const struct pg_limits *limits,
                              char **error)
{
    const char *right;
    PQconninfoOption *options = parse(conninfo, &right);
    if (options == NULL) {
        *error = mem_dup(right);
        return NULL;
    }
    struct pgtarget *target = mem_new(sizeof *target);
    target->pooler = pooler;
    target->pooler_ns = limits->pooler_ns;
    target->limits = (struct pgsettings_limits){limits->lock_ns, limits->statement_ns, IDLE_NS};
    split_hosts(target, option_or_env(options, "host", "PGHOST"),
                option_or_env(options, "hostaddr", "PGHOSTADDR"), option_or_env(options, "port", "PGPORT"));
    for (const PQconninfoOption *at = options; at->keyword != NULL; at++)
        if (at->val != NULL && strcmp(at->keyword, "host") != 0 && strcmp(at->keyword, "hostaddr") != 0 &&
            strcmp(at->keyword, "port") != 0 && strcmp(at->keyword, "options") != 0)
            pgtarget_add(target, at->keyword, at->val);
    const char *attributes = option_or_env(options, "target_session_attrs", "PGTARGETSESSIONATTRS");
    target->read_write = attributes != NULL && strcmp(attributes, "read-write") == 0;
    const char *own = option(options, "options");
    target->own_options = own != NULL ? mem_dup(own) : NULL;
    write_options(target, limits);
    if (option(options, "application_name") == NULL)
        pgtarget_add(target, "application_name", "rowlock");
    if (option(options, "gssencmode") == NULL)
        pgtarget_add(target, "gssencmode", "disable"); /* it may ask a KDC, blocking */
    if (option(options, "tcp_user_timeout") == NULL)
        pgtarget_add(target, "tcp_user_timeout", "5000");
    pgtarget_add(target, "client_encoding", "UTF8");
    PQconninfoFree(options);
    return target;
}

void pgtarget_free(struct pgtarget *target)
{
    if (target == NULL)
        return;
    for (size_t i = 0; i < target->host_count; i++) {
        free(target->hosts[i].name);
        free(target->hosts[i].port);
    }
    for (size_t i = 0; i < target->count; i++) {
        free(target->keywords[i]);
        free(target->values[i]);
    }
    free(target->hosts);
    free(target->options);
    free(target->own_options);
    free(target);
}

void pgtarget_add_local(struct buf *out)
{
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        buf_printf(out, ", set_config('%s', '%s', true)", plans[i].name, plans[i].value);
}

void pgtarget_fill(const struct pgtarget *target, size_t host, const char *hostaddr, bool plain,
                   const char **keywords, const char **values)
{
    size_t n = 0;
    for (; n < target->count; n++) {
        keywords[n] = target->keywords[n];
        values[n] = target->values[n];
    }
    const struct pg_host *where = &target->hosts[host];
    if (where->name != NULL) {
        keywords[n] = "host";
        values[n++] = where->name;
    }
    if (hostaddr[0] != '\0') {
        keywords[n] = "hostaddr";
        values[n++] = hostaddr;
    }
    if (where->port != NULL) {
        keywords[n] = "port";
        values[n++] = where->port;
    }
    keywords[n] = "options";
    values[n++] = plain ? target->own_options : target->options;
    keywords[n] = values[n] = NULL;
}
