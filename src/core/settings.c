/* Core's rows, and the few values whose meaning is more than a number, a word or a choice. */
#include <config.h>

#include "core/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dburl.h"
#include "base/environment.h"
#include "base/mem.h"
#include "base/text.h"
#include "pg/pgtarget.h"
#include "trace/otlp.h"

/* Descriptors for all but clients, at the most: 66 sessions of the database, 64 connections of operators, 64 to the
 * distance provider, 17 addresses, and 45 for the loop, the log, a cache server, names, and files. */
#define FILES_RESERVED 256
#define LIBPQ "libpq's environment"

/* ---- the database ---- */

static bool read_database(const struct setting_at *at, char **error)
{
    struct settings *settings = at->members;
    struct dburl url;
    const char *right;
    if (!dburl_parse(at->found->text, &url, &right))
        return setting_wrong(at, right, error);
    settings->sqlite_path = url.sqlite_path;
    settings->conninfo = url.conninfo;
    return url.conninfo == NULL || pgtarget_check(url.conninfo, &right) || setting_wrong(at, right, error);
}

/* DB_HOST and its likes, put together for libpq. */
static bool find_db_parts(struct setting_found *found, char **error)
{
    static const struct {
        const char *key, *variable, *other;
        bool secret;
    } parts[] = {{"host", "DB_HOST", NULL, false},
                 {"port", "DB_PORT", NULL, false},
                 {"user", "DB_USERNAME", "DB_USER", false},
                 {"password", "DB_PASSWORD", NULL, true},
                 {"dbname", "DB_NAME", NULL, false}};
    if (environment_get("DB_HOST") == NULL && environment_get("DB_NAME") == NULL)
        return true;
    char *conninfo = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct setting_found part;
        if (!environment_variable(parts[i].variable, parts[i].secret, &part, error) ||
            environment_refuse_empty(&part, error)) {
            free(conninfo);
            return false;
        }
        if (part.text == NULL && parts[i].other != NULL)
            environment_variable(parts[i].other, false, &part, error);
        bool right = part.text == NULL || strcmp(parts[i].key, "port") != 0 || dburl_ports_ok(part.text);
        if (part.text != NULL)
            conninfo = dburl_add_keyword(conninfo, parts[i].key, part.text);
        setting_found_set(&part, NULL, NULL);
        if (!right) {
            *error = mem_printf("%s is not right: it must be a port from 1 to 65535", parts[i].variable);
            free(conninfo);
            return false;
        }
    }
    setting_found_set(found, conninfo, mem_dup("environment DB_HOST and its likes"));
    return true;
}

/* Those variables, or else libpq's own, which libpq reads by itself. */
static bool find_database(struct setting_found *found, char **error)
{
    static const char *const names[] = {"PGHOST", "PGDATABASE", "PGSERVICE"};
    if (!find_db_parts(found, error))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && found->text == NULL; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            setting_found_set(found, mem_dup("application_name=rowlock"), mem_dup(LIBPQ));
    }
    return true;
}

/* What libpq finds by itself is shown in its place, but for the password. */
static char *show_database(const struct setting_at *at)
{
    static const char *const names[] = {"PGSERVICE", "PGHOST",     "PGHOSTADDR",
                                        "PGPORT",    "PGDATABASE", "PGUSER"};
    if (strcmp(at->found->source, LIBPQ) != 0)
        return dburl_mask(at->found->text);
    struct buf text = BUF_INIT((size_t)1 << 20);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            buf_printf(&text, "%s%s=%s", text.len > 0 ? " " : "", names[i], value);
    }
    return buf_text(&text);
}

/* ---- addresses ---- */

static bool listen_ok(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0)
        return address[5] != '\0' && strlen(address) < 100;
    int64_t port;
    return colon != NULL && text_int(slice_of(colon + 1), &port) == TEXT_NUMBER_OK && port >= 0 &&
           port <= 65535 &&
           (address[0] == '[' ? colon[-1] == ']' : memchr(address, ':', (size_t)(colon - address)) == NULL);
}

/* Each flag names one address, which is a line; a variable may name several, by comma or space. */
static bool read_listen(const struct setting_at *at, char **error)
{
    struct settings *settings = at->members;
    const char *source = setting_is_built_in(at) ? at->row->name : at->found->source;
    const char *between = strcmp(source, at->row->flag) == 0 ? "\n" : ", ";
    char *copy = mem_dup(at->found->text), *save = NULL;
    for (char *word = strtok_r(copy, between, &save); word != NULL && *error == NULL;
         word = strtok_r(NULL, between, &save)) {
        if (settings->listen_count == SETTINGS_LISTEN_MAX)
            *error = mem_printf("%s names more than %d addresses", source, SETTINGS_LISTEN_MAX);
        else if (!listen_ok(word))
            *error = mem_printf("%s: \"%s\" is not right: it must be host:port, [v6]:port or unix:PATH",
                                source, word);
        else
            settings->listen[settings->listen_count++] = mem_dup(word);
    }
    free(copy);
    if (*error == NULL && settings->listen_count == 0)
        setting_wrong(at, "it must name an address", error);
    return *error == NULL;
}

static bool read_metrics_listen(const struct setting_at *at, char **error)
{
    struct settings *settings = at->members;
    if (setting_is_built_in(at))
        return true;
    if (!listen_ok(at->found->text))
        return setting_wrong(at, "it must be host:port, [v6]:port or unix:PATH", error);
    settings->metrics_listen = at->found->text;
    return true;
}

static char *show_listen(const struct setting_at *at)
{
    const struct settings *settings = at->members;
    char *lines = mem_dup(settings->listen[0]);
    for (size_t i = 1; i < settings->listen_count; i++) {
        char *longer = mem_printf("%s\n%s", lines, settings->listen[i]);
        free(lines);
        lines = longer;
    }
    return lines;
}

static bool read_cache(const struct setting_at *at, char **error)
{
    const char *right;
    return cacheurl_parse(at->found->text, &((struct settings *)at->members)->cache, &right) ||
           setting_wrong(at, right, error);
}

static bool read_hosts(const struct setting_at *at, char **error)
{
    const char *right;
    hosts_fini(&((struct settings *)at->members)->hosts);
    return hosts_parse(at->found->text, &((struct settings *)at->members)->hosts, &right) ||
           setting_wrong(at, right, error);
}

static bool read_cors(const struct setting_at *at, char **error)
{
    const char *right;
    cors_fini(&((struct settings *)at->members)->cors);
    return cors_parse(at->found->text, &((struct settings *)at->members)->cors, &right) ||
           setting_wrong(at, right, error);
}

static bool read_trusted(const struct setting_at *at, char **error)
{
    const char *right;
    trusted_fini(&((struct settings *)at->members)->trusted);
    return trusted_parse(at->found->text, &((struct settings *)at->members)->trusted, &right) ||
           setting_wrong(at, right, error);
}

static bool read_rate(const struct setting_at *at, char **error)
{
    return allowance_parse_rate(at->found->text, &((struct settings *)at->members)->allowance) ||
           setting_wrong(at, ALLOWANCE_RATE_RIGHT, error);
}

/* One of a million is the least that counts. */
static bool read_ratio(const struct setting_at *at, char **error)
{
    double ratio;
    if (text_double(slice_of(at->found->text), &ratio) != TEXT_NUMBER_OK || ratio < 0 || ratio > 1)
        return setting_wrong(at, "it must be a number from 0 to 1", error);
    ((struct settings *)at->members)->traced_of_a_million = (unsigned)(ratio * 1e6 + 0.5);
    return true;
}

static bool read_otlp(const struct setting_at *at, char **error)
{
    const char *text = at->found->text, *right = text[0] != '\0' ? setting_http_wrong(text) : NULL;
    ((struct settings *)at->members)->otlp = text;
    return right == NULL || setting_wrong(at, right, error);
}

static bool read_otlp_headers(const struct setting_at *at, char **error)
{
    const char *right = otlp_headers_wrong(at->found->text);
    ((struct settings *)at->members)->otlp_headers = at->found->text;
    return right == NULL || setting_wrong(at, right, error);
}

static bool read_anonymous(const struct setting_at *at, char **error)
{
    char hint[SCOPE_HINT_MAX];
    struct slice wrong;
    if (scope_parse_list(slice_of(at->found->text), &((struct settings *)at->members)->anonymous, &wrong))
        return true;
    char *right = mem_printf("%.*s is no scope%s; they are such as orders:read, orders, or * for all",
                             (int)wrong.len, wrong.ptr, scope_hint(wrong, hint));
    setting_wrong(at, right, error);
    free(right);
    return false;
}

static char *show_cache(const struct setting_at *at)
{
    return cacheurl_mask(at->found->text);
}

/* A proxy may be named without its scheme. Nothing else is asked of it: the environment has proxies for other programs
 * as well, and most servers fetch nothing. */
static char *show_proxy(const struct setting_at *at)
{
    const char *text = at->found->text;
    bool bare = text[0] != '\0' && strstr(text, "://") == NULL;
    char *url = mem_printf("%s%s", bare ? "http://" : "", text), *masked = dburl_mask(url);
    free(url);
    return masked;
}

/* ---- what this machine says ---- */

/* As many clients as descriptors are left for, once the soft limit was raised to the hard one. */
static int64_t connections_max(void)
{
    struct rlimit files;
    int64_t max = 1024;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        max = files.rlim_max == RLIM_INFINITY || files.rlim_max > 1 << 20 ? 1 << 20 : (int64_t)files.rlim_max;
    return max > 2 * FILES_RESERVED ? max - FILES_RESERVED : max / 2;
}

static char *connections_now(void)
{
    return mem_printf("%lld", (long long)connections_max());
}

static char *half_now(void)
{
    return mem_printf("%lld", (long long)connections_max() / 2);
}

static char *show_max_events(const struct setting_at *at)
{
    return mem_printf("%lld", (long long)((struct settings *)at->members)->max_events);
}

/* A number, or the word for 0. */
static char *show_number(const struct setting_at *at)
{
    int64_t number;
    memcpy(&number, (const char *)at->members + at->row->member, sizeof number);
    return number == 0 ? mem_dup(at->row->zero) : mem_printf("%lld", (long long)number);
}

static char *access_log_now(void)
{
    return mem_dup(isatty(STDOUT_FILENO) ? "on" : "off");
}

static char *log_format_now(void)
{
    return mem_dup(isatty(STDERR_FILENO) ? "text" : "json");
}

/* ---- rows ---- */

static const char *const poolers[] = {"auto", "none", "transaction", NULL};
static const char *const engines[] = {[HTTP_EVHTTP] = "evhttp", [HTTP_DIRECT] = "direct", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const access_log_formats[] = {
    [ACCESS_LOG_AS_LOG] = "log", [ACCESS_LOG_COMMON] = "common", [ACCESS_LOG_COMBINED] = "combined", NULL};

static const struct setting_alias of_database[] = {{"--db", "--database"},
                                                   {"--url", "--database"},
                                                   {"--dsn", "--database"},
                                                   {"-d", "--database"},
                                                   {NULL, NULL}};
static const struct setting_alias of_listen[] = {{"--port", "--listen HOST:PORT"},
                                                 {"-p", "--listen HOST:PORT"},
                                                 {"--bind", "--listen"},
                                                 {"-b", "--listen"},
                                                 {"--host", "--listen HOST:PORT"},
                                                 {"--address", "--listen"},
                                                 {NULL, NULL}};
static const struct setting_alias of_workers[] = {
    {"--threads", "--workers"}, {"--processes", "--workers"}, {"-w", "--workers"}, {NULL, NULL}};
static const struct setting_alias of_deadline[] = {{"--timeout", "--deadline"}, {NULL, NULL}};
static const struct setting_alias of_log_level[] = {{"--verbose", "--log-level debug"},
                                                    {"-v", "--log-level debug"},
                                                    {"--debug", "--log-level debug"},
                                                    {NULL, NULL}};

#define INTO(field) .member = offsetof(struct settings, field)

static const struct setting rows[] = {
    {SETTING_FLAG("settings", "FILE", "ROWLOCK_SETTINGS"), "",
     "a file of these variables, NAME=VALUE a line; read again on SIGHUP", SETTING_TEXT, INTO(file)},
    {SETTING_FLAG("database", "URL", "DATABASE_URL", "SQLALCHEMY_DATABASE_URI"), "sqlite:rowlock.db",
     "postgresql://… or sqlite:FILE", .secrecy = SETTING_WITH_PASSWORD, .read = read_database,
     .show = show_database, .elsewhere = find_database, .aliases = of_database},
    {SETTING_FLAG("listen", "ADDR", "ROWLOCK_LISTEN"), "127.0.0.1:8080",
     "host:port, [v6]:port or unix:PATH; may be repeated", .repeats = true, .read = read_listen,
     .show = show_listen, .aliases = of_listen},
    {SETTING_FLAG("metrics-listen", "ADDR", "ROWLOCK_METRICS_LISTEN"), "",
     "where /metrics is, and the health too; else it is at --listen", .read = read_metrics_listen},
    {SETTING_FLAG("workers", "N", "ROWLOCK_WORKERS"), "1",
     "processes on the same port; auto: as many as cores", SETTING_INT, INTO(workers), .min = 1,
     .max = SETTINGS_WORKERS_MAX, .zero = "auto", .aliases = of_workers},
    {SETTING_FLAG("db-connections", "N", "ROWLOCK_DB_CONNECTIONS"), "4", "PostgreSQL connections of a worker",
     SETTING_INT, INTO(db_connections), .min = 1, .max = 64},
    {SETTING_FLAG("pooler", "P", "ROWLOCK_POOLER"), "auto",
     "before PostgreSQL: none, transaction (PgBouncer) or auto", SETTING_CHOICE, INTO(pooler),
     .choices = poolers},
    {SETTING_FLAG("apps", "LIST", "ROWLOCK_APPS"), "all", "which apps are served, by comma", SETTING_TEXT,
     INTO(apps)},
    {SETTING_VARIABLE("https-proxy", "https_proxy", "HTTPS_PROXY"), "",
     "proxy to https:// addresses of other servers", SETTING_TEXT, INTO(proxies.https),
     .secrecy = SETTING_WITH_PASSWORD, .show = show_proxy},
    {SETTING_VARIABLE("http-proxy", "http_proxy"), "",
     "to http:// ones; in lower case alone, as libcurl has it", SETTING_TEXT, INTO(proxies.http),
     .secrecy = SETTING_WITH_PASSWORD, .show = show_proxy},
    {SETTING_VARIABLE("all-proxy", "all_proxy", "ALL_PROXY"), "", "to those without one of their own",
     SETTING_TEXT, INTO(proxies.all), .secrecy = SETTING_WITH_PASSWORD, .show = show_proxy},
    {SETTING_VARIABLE("no-proxy", "no_proxy", "NO_PROXY"), "",
     "hosts, domains and networks that are asked directly; * all", SETTING_TEXT, INTO(proxies.none_for)},
    {SETTING_FLAG("cache", "URL", "CACHE_URL"), "simple:", "none, simple:, redis://… or memcached://…",
     .secrecy = SETTING_WITH_PASSWORD, .read = read_cache, .show = show_cache},
    {SETTING_FLAG("deadline", "S", "ROWLOCK_DEADLINE"), "10", "seconds within which every request ends",
     SETTING_SECONDS, INTO(deadline_ns), .aliases = of_deadline},
    {SETTING_FLAG("drain", "S", "ROWLOCK_DRAIN"), "8", "seconds that a shutdown may take", SETTING_SECONDS,
     INTO(drain_ns)},
    {SETTING_FLAG("queue", "N", "ROWLOCK_QUEUE"), "1024", "database calls that may wait in a worker",
     SETTING_INT, INTO(queue), .min = 1, .max = 1000000},
    {SETTING_FLAG("max-connections", "N", "ROWLOCK_MAX_CONNECTIONS"), "",
     "clients of a worker; as the file limit allows", SETTING_INT, INTO(max_connections), .min = 1,
     .max_now = connections_max, .built_in_now = connections_now},
    {SETTING_FLAG("max-events", "N", "ROWLOCK_MAX_EVENTS"), "",
     "clients of a worker that listen to events; half of --max-connections", SETTING_INT, INTO(max_events),
     .min = 1, .max_now = connections_max, .built_in_now = half_now, .show = show_max_events},
    {SETTING_FLAG("keep-events", "DAYS", "ROWLOCK_KEEP_EVENTS"), "7",
     "days for which events are kept; forever: all of them", SETTING_INT, INTO(keep_events), .min = 1,
     .max = 36500, .zero = "forever", .show = show_number},
    {SETTING_FLAG("http", "ENGINE", "ROWLOCK_HTTP"), "evhttp",
     "what reads requests: evhttp, or direct, which is faster", SETTING_CHOICE, INTO(http),
     .choices = engines},
    {SETTING_FLAG("hosts", "LIST", "ROWLOCK_HOSTS"), "",
     "what Host may say, by comma, without ports; any when not given", .read = read_hosts, .live = true},
    {SETTING_FLAG("cors-origins", "LIST", "ROWLOCK_CORS_ORIGINS"), "",
     "origins whose pages may use the API, by comma; none when not given", .read = read_cors, .live = true},
    {SETTING_FLAG("trusted-proxies", "LIST", "ROWLOCK_TRUSTED_PROXIES"), "",
     "addresses, networks or unix: they say who asks (X-Forwarded-For)", .read = read_trusted, .live = true},
    {SETTING_FLAG("rate-limit", "RATE", "ROWLOCK_RATE_LIMIT"), "off",
     "requests that each caller may send: 100/s, 600/m, 5000/h; or off", .read = read_rate, .live = true},
    {SETTING_FLAG("rate-burst", "N", "ROWLOCK_RATE_BURST"), "auto",
     "of these, so many at once; auto: as many as --rate-limit has", SETTING_INT, INTO(allowance.burst),
     .min = 1, .max = ALLOWANCE_MAX, .zero = "auto", .show = show_number, .live = true},
    {SETTING_FLAG("max-concurrent", "N", "ROWLOCK_MAX_CONCURRENT"), "off",
     "requests that each caller may have at a time, or off", SETTING_INT, INTO(allowance.concurrent),
     .min = 1, .max = ALLOWANCE_MAX, .zero = "off", .show = show_number, .live = true},
    {SETTING_FLAG("api-keys", "FILE", "ROWLOCK_API_KEYS"), "",
     "who may do what, a line a key (rowlock key new); everybody everything when not given", SETTING_TEXT,
     INTO(api_keys)},
    {SETTING_FLAG("anonymous", "SCOPES", "ROWLOCK_ANONYMOUS"), "",
     "with --api-keys: what needs no key, such as orders:read, by comma", .read = read_anonymous,
     .live = true},
    {SETTING_FLAG("gzip", NULL, "ROWLOCK_GZIP"), "off", "compress replies to clients that take gzip",
     SETTING_BOOL, INTO(gzip)},
    {SETTING_FLAG("no-pages", NULL, "ROWLOCK_NO_PAGES"), "off",
     "serve the API alone, without pages for people", SETTING_BOOL, INTO(no_pages)},
    {SETTING_FLAG("migrate", NULL, "ROWLOCK_MIGRATE"), "off", "bring a PostgreSQL schema up to date at start",
     SETTING_BOOL, INTO(migrate)},
    {SETTING_FLAG("access-log", NULL, "ROWLOCK_ACCESS_LOG"), "",
     "a line a request; on when stdout is a terminal", SETTING_BOOL, INTO(access_log),
     .built_in_now = access_log_now, .live = true},
    {SETTING_FLAG("access-log-format", "F", "ROWLOCK_ACCESS_LOG_FORMAT"), "log",
     "log: as --log-format; common or combined: as Apache's, on stdout", SETTING_CHOICE,
     INTO(access_log_format), .choices = access_log_formats},
    {SETTING_FLAG("otlp", "URL", "ROWLOCK_OTLP", "OTEL_EXPORTER_OTLP_ENDPOINT"), "",
     "a collector that gets traces, by OTLP/HTTP in JSON; none when not given",
     .secrecy = SETTING_WITH_PASSWORD, .read = read_otlp},
    {SETTING_VARIABLE("otlp-headers", "ROWLOCK_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"), "",
     "fields for it, name=value by comma", .secrecy = SETTING_SECRET, .read = read_otlp_headers},
    {SETTING_VARIABLE("service-name", "OTEL_SERVICE_NAME"), "rowlock", "what it is told that this is",
     SETTING_TEXT, INTO(service)},
    {SETTING_FLAG("trace-ratio", "R", "ROWLOCK_TRACE_RATIO"), "0.01",
     "of traces that begin here, the share that it gets", .read = read_ratio},
    {SETTING_FLAG("log-format", "F", "ROWLOCK_LOG_FORMAT"), "", "text or json; text on a terminal",
     SETTING_CHOICE, INTO(log_format), .choices = log_formats, .built_in_now = log_format_now, .live = true},
    {SETTING_FLAG("log-level", "L", "ROWLOCK_LOG_LEVEL"), "info", "debug, info, warn or error",
     SETTING_CHOICE, INTO(log_level), .choices = log_level_names, .aliases = of_log_level, .live = true},
    {.name = NULL},
};

static bool check(const struct setting_list *list, void *members, char **error)
{
    struct settings *settings = members;
    struct setting_at workers = setting_find(list, "workers"), events = setting_find(list, "max-events");
    if (setting_is_built_in(&events))
        settings->max_events = settings->max_connections > 1 ? settings->max_connections / 2 : 1;
    else if (settings->max_events > settings->max_connections)
        return setting_wrong(&events, "it must not be more than --max-connections", error);
    struct setting_at burst = setting_find(list, "rate-burst");
    if (settings->allowance.burst > 0 && settings->allowance.rate == 0)
        return setting_wrong(&burst, "it counts beside --rate-limit alone", error);
    struct setting_at anonymous = setting_find(list, "anonymous");
    if (settings->anonymous != 0 && !settings_have_keys(settings))
        return setting_wrong(&anonymous, "it needs --api-keys; without keys everybody may do everything",
                             error);
    if (settings->workers == 0)
        settings->workers = settings->sqlite_path != NULL ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    return settings->workers == 1 || settings->sqlite_path == NULL ||
           setting_wrong(&workers, "SQLite has one worker; more need PostgreSQL (--database)", error);
}

static const struct setting_group core = {.rows = rows, .size = sizeof(struct settings), .check = check};

/* ---- reading and showing ---- */

static void add_groups(struct setting_list *list, struct settings *settings,
                       const struct setting_group *const *groups)
{
    setting_list_add(list, &core, settings);
    for (; *groups != NULL; groups++)
        setting_list_add(list, *groups, NULL);
}

/* The file that the others may stand in is named by its flag or its variable. */
static bool read_file(const struct setting_list *list, enum textfile_patience patience, char **error)
{
    struct setting_at at = setting_find(list, "settings");
    const char *path = at.found->text != NULL ? at.found->text : getenv(at.row->variables[0]);
    char *why = NULL;
    if (environment_read_file(list, path != NULL ? path : "", patience, &why))
        return true;
    *error = mem_printf("%s: %s", at.found->text != NULL ? at.row->flag : at.row->variables[0], why);
    free(why);
    return false;
}

static bool read_all(struct settings *settings, struct command_line *line,
                     const struct setting_group *const *groups, enum textfile_patience patience, char **error)
{
    memset(settings, 0, sizeof *settings);
    *error = NULL;
    add_groups(&settings->list, settings, groups);
    if (!command_line_read(line, &settings->list, error) || !read_file(&settings->list, patience, error))
        return false;
    environment_read(&settings->list, error);
    return setting_list_take(&settings->list, error);
}

bool settings_read(struct settings *settings, struct command_line *line,
                   const struct setting_group *const *groups, char **error)
{
    return read_all(settings, line, groups, TEXTFILE_WAIT, error);
}

void settings_free(struct settings *settings)
{
    setting_list_free(&settings->list);
    free(settings->sqlite_path);
    free(settings->conninfo);
    for (size_t i = 0; i < settings->listen_count; i++)
        free(settings->listen[i]);
    cacheurl_fini(&settings->cache);
    hosts_fini(&settings->hosts);
    cors_fini(&settings->cors);
    trusted_fini(&settings->trusted);
    memset(settings, 0, sizeof *settings);
}

bool settings_renew(struct settings *settings, struct command_line *line,
                    const struct setting_group *const *groups, void (*tell)(const char *source, bool changed),
                    char **error)
{
    struct settings fresh;
    bool right = read_all(&fresh, line, groups, TEXTFILE_NOW, error);
    if (right)
        setting_list_renew(&settings->list, &fresh.list, tell);
    settings_free(&fresh);
    return right;
}

const void *settings_of(const struct settings *settings, const struct setting_group *group)
{
    return setting_list_members(&settings->list, group);
}

size_t settings_address_count(const struct settings *settings)
{
    return settings->listen_count + (settings->metrics_listen != NULL);
}

const char *settings_address(const struct settings *settings, size_t index)
{
    return index < settings->listen_count ? settings->listen[index] : settings->metrics_listen;
}

const char *settings_engine(const struct settings *settings)
{
    return settings->sqlite_path != NULL ? "sqlite" : "postgres";
}

const char *settings_http(const struct settings *settings)
{
    return engines[settings->http];
}

const char *settings_source(const struct settings *settings, const char *name)
{
    return setting_find(&settings->list, name).found->source;
}

void settings_find_mistyped(const struct settings *settings,
                            void (*tell)(const char *variable, const char *meant))
{
    environment_find_mistyped(&settings->list, "ROWLOCK_", tell);
}

void settings_print_help(const struct setting_group *const *groups, FILE *out)
{
    struct settings settings = {.workers = 0};
    add_groups(&settings.list, &settings, groups);
    setting_list_help(&settings.list, out);
    setting_list_free(&settings.list);
}

void settings_print(const struct settings *settings, FILE *out)
{
    setting_list_print(&settings->list, out);
}
