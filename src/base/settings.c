#include <config.h>

#include "base/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define FILES_RESERVED 64 /* descriptors for all but clients */

/* ---- from text to meaning ---- */

static const char *source_name(const struct settings *settings, enum setting_id id)
{
    return values_built_in(&settings->values, id) ? setting_rows[id].name : settings->values.of[id].source;
}

static bool is_proxy(enum setting_id id)
{
    return id == SETTING_HTTPS_PROXY || id == SETTING_HTTP_PROXY || id == SETTING_ALL_PROXY;
}

static char *mask(enum setting_id id, const char *value)
{
    if (setting_rows[id].secrecy == SECRECY_WHOLE && value[0] != '\0')
        return mem_dup("***");
    if (setting_rows[id].secrecy != SECRECY_PASSWORD)
        return mem_dup(value);
    if (id == SETTING_CACHE)
        return cacheurl_mask(value);
    bool bare = is_proxy(id) && value[0] != '\0' && strstr(value, "://") == NULL;
    char *url = mem_printf("%s%s", bare ? "http://" : "", value), *masked = dburl_mask(url);
    free(url);
    return masked;
}

/* Where a password begins and ends in what is malformed is anybody's guess, so none of it is shown. */
static bool wrong(const struct settings *settings, enum setting_id id, const char *right, char **error)
{
    const char *name = source_name(settings, id);
    *error = setting_rows[id].secrecy == SECRECY_NONE
                 ? mem_printf("%s: \"%s\" is not right: %s", name, settings->values.of[id].text, right)
                 : mem_printf("%s is not right: %s", name, right);
    return false;
}

static bool to_int(const struct settings *settings, enum setting_id id, int64_t least, int64_t most,
                   int64_t *out, char **error)
{
    if (text_int(slice_of(settings->values.of[id].text), out) == TEXT_NUMBER_OK && *out >= least &&
        *out <= most)
        return true;
    char *right = mem_printf("it must be %san integer from %lld to %lld",
                             id == SETTING_WORKERS ? "auto or " : "", (long long)least, (long long)most);
    wrong(settings, id, right, error);
    free(right);
    return false;
}

static bool to_seconds(const struct settings *settings, enum setting_id id, int64_t *out, char **error)
{
    double seconds;
    if (text_double(slice_of(settings->values.of[id].text), &seconds) != TEXT_NUMBER_OK || seconds < 0.1 ||
        seconds > 3600)
        return wrong(settings, id, "it must be a number of seconds from 0.1 to 3600", error);
    *out = (int64_t)(seconds * (double)CLOCK_SECOND);
    return true;
}

static bool to_bool(const struct settings *settings, enum setting_id id, bool built_in, bool *out,
                    char **error)
{
    static const char *const words[2][5] = {{"off", "false", "no", "0", "OFF"},
                                            {"on", "true", "yes", "1", "ON"}};
    const char *value = settings->values.of[id].text;
    *out = built_in;
    if (value[0] == '\0')
        return true;
    for (int on = 0; on < 2; on++)
        for (size_t i = 0; i < 5; i++)
            if (strcmp(value, words[on][i]) == 0) {
                *out = on == 1;
                return true;
            }
    return wrong(settings, id, "it must be on or off", error);
}

static bool to_database(struct settings *settings, char **error)
{
    struct dburl url;
    const char *right;
    if (!dburl_parse(settings->values.of[SETTING_DATABASE].text, &url, &right))
        return wrong(settings, SETTING_DATABASE, right, error);
    settings->sqlite_path = url.sqlite_path;
    settings->conninfo = url.conninfo;
    return true;
}

static bool to_pooler(struct settings *settings, char **error)
{
    static const char *const names[] = {
        [POOLER_AUTO] = "auto", [POOLER_NONE] = "none", [POOLER_TRANSACTION] = "transaction"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(settings->values.of[SETTING_POOLER].text, names[i]) == 0) {
            settings->pooler = (enum pooler)i;
            return true;
        }
    return wrong(settings, SETTING_POOLER, "it must be auto, none or transaction", error);
}

static bool to_cache(struct settings *settings, char **error)
{
    const char *right;
    return cacheurl_parse(settings->values.of[SETTING_CACHE].text, &settings->cache, &right) ||
           wrong(settings, SETTING_CACHE, right, error);
}

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

static bool to_listen(struct settings *settings, char **error)
{
    settings->listen_count = settings->values.listen_count;
    for (size_t i = 0; i < settings->listen_count; i++) {
        settings->listen[i] = settings->values.listen[i];
        if (!listen_ok(settings->listen[i])) {
            *error = mem_printf("%s: \"%s\" is not right: it must be host:port, [v6]:port or unix:PATH",
                                source_name(settings, SETTING_LISTEN), settings->listen[i]);
            return false;
        }
    }
    return settings->listen_count > 0 || wrong(settings, SETTING_LISTEN, "it must name an address", error);
}

static bool is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static bool to_distance(struct settings *settings, char **error)
{
    const char *value = settings->values.of[SETTING_DISTANCE].text;
    settings->gmap_token = settings->values.of[SETTING_GMAP_TOKEN].text;
    settings->gmap_url = settings->values.of[SETTING_GMAP_URL].text;
    settings->osrm_url = settings->values.of[SETTING_OSRM_URL].text;
    bool token = settings->gmap_token[0] != '\0';
    if (strcmp(value, "google") == 0 || (value[0] == '\0' && token))
        settings->distance = DISTANCE_GOOGLE;
    else if (strcmp(value, "osrm") == 0)
        settings->distance = DISTANCE_OSRM;
    else if (strcmp(value, "haversine") == 0 || value[0] == '\0')
        settings->distance = DISTANCE_HAVERSINE;
    else
        return wrong(settings, SETTING_DISTANCE, "it must be google, osrm or haversine", error);
    if (settings->distance == DISTANCE_GOOGLE && !token)
        return wrong(settings, SETTING_DISTANCE, "google needs GMAP_TOKEN", error);
    if (settings->distance == DISTANCE_OSRM && settings->osrm_url[0] == '\0')
        return wrong(settings, SETTING_DISTANCE, "osrm needs OSRM_URL", error);
    enum setting_id id = settings->distance == DISTANCE_GOOGLE ? SETTING_GMAP_URL : SETTING_OSRM_URL;
    const char *url = settings->values.of[id].text;
    if (settings->distance != DISTANCE_HAVERSINE && !is_http(url))
        return wrong(settings, id, "it must begin with http:// or https://", error);
    return true;
}

static bool to_github(struct settings *settings, char **error)
{
    settings->github_url = settings->values.of[SETTING_GITHUB_URL].text;
    settings->github_token = settings->values.of[SETTING_GITHUB_TOKEN].text;
    if (!is_http(settings->github_url))
        return wrong(settings, SETTING_GITHUB_URL, "it must begin with http:// or https://", error);
    for (const char *at = settings->github_token; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return wrong(settings, SETTING_GITHUB_TOKEN, "it must be one word of ASCII", error);
    return true;
}

/* Not looked at any further: the environment has them for others as well, and most servers ask nobody. */
static void take_proxies(struct settings *settings)
{
    const struct setting_value *of = settings->values.of;
    settings->proxies = (struct proxies){.http = of[SETTING_HTTP_PROXY].text,
                                         .https = of[SETTING_HTTPS_PROXY].text,
                                         .all = of[SETTING_ALL_PROXY].text,
                                         .none_for = of[SETTING_NO_PROXY].text};
}

/* As many clients as descriptors are left for, once the soft limit was raised to the hard one. */
static bool to_max_connections(struct settings *settings, char **error)
{
    struct rlimit files;
    int64_t most = 1024;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        most =
            files.rlim_max == RLIM_INFINITY || files.rlim_max > 1 << 20 ? 1 << 20 : (int64_t)files.rlim_max;
    settings->max_connections = most > 2 * FILES_RESERVED ? most - FILES_RESERVED : most / 2;
    if (settings->values.of[SETTING_MAX_CONNECTIONS].text[0] == '\0')
        return true;
    return to_int(settings, SETTING_MAX_CONNECTIONS, 1, settings->max_connections, &settings->max_connections,
                  error);
}

static bool to_workers(struct settings *settings, char **error)
{
    if (strcmp(settings->values.of[SETTING_WORKERS].text, "auto") == 0)
        settings->workers = settings->sqlite_path != NULL ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    else if (!to_int(settings, SETTING_WORKERS, 1, SETTINGS_WORKERS_MAX, &settings->workers, error))
        return false;
    if (settings->workers > 1 && settings->sqlite_path != NULL)
        return wrong(settings, SETTING_WORKERS, "SQLite has one worker; more need PostgreSQL (--database)",
                     error);
    return true;
}

static bool to_log(struct settings *settings, char **error)
{
    const char *format = settings->values.of[SETTING_LOG_FORMAT].text;
    if (format[0] == '\0')
        settings->log_format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
    else if (strcmp(format, "text") == 0 || strcmp(format, "json") == 0)
        settings->log_format = format[0] == 't' ? LOG_TEXT : LOG_JSON;
    else
        return wrong(settings, SETTING_LOG_FORMAT, "it must be text or json", error);
    if (!log_level_from_name(settings->values.of[SETTING_LOG_LEVEL].text, &settings->log_level))
        return wrong(settings, SETTING_LOG_LEVEL, "it must be debug, info, warn or error", error);
    return to_bool(settings, SETTING_ACCESS_LOG, isatty(STDOUT_FILENO), &settings->access_log, error);
}

static bool to_all(struct settings *settings, char **error)
{
    take_proxies(settings);
    settings->apps =
        values_built_in(&settings->values, SETTING_APPS) ? NULL : settings->values.of[SETTING_APPS].text;
    return to_database(settings, error) && to_listen(settings, error) && to_workers(settings, error) &&
           to_int(settings, SETTING_DB_CONNECTIONS, 1, 64, &settings->db_connections, error) &&
           to_pooler(settings, error) && to_distance(settings, error) && to_github(settings, error) &&
           to_cache(settings, error) &&
           to_seconds(settings, SETTING_DEADLINE, &settings->deadline_ns, error) &&
           to_seconds(settings, SETTING_DRAIN, &settings->drain_ns, error) &&
           to_int(settings, SETTING_QUEUE, 1, 1000000, &settings->queue, error) &&
           to_max_connections(settings, error) &&
           to_bool(settings, SETTING_MIGRATE, false, &settings->migrate, error) && to_log(settings, error);
}

bool settings_read(struct settings *settings, int argc, char **argv, struct command_flag *flags,
                   const char **words, size_t word_max, size_t *word_count, char **error)
{
    memset(settings, 0, sizeof *settings);
    return values_read_arguments(&settings->values, argc, argv, flags, words, word_max, word_count, error) &&
           values_read_environment(&settings->values, error) && to_all(settings, error);
}

void settings_free(struct settings *settings)
{
    values_free(&settings->values);
    free((char *)(uintptr_t)settings->sqlite_path);
    free((char *)(uintptr_t)settings->conninfo);
    cacheurl_fini(&settings->cache);
    memset(settings, 0, sizeof *settings);
}

const char *settings_engine(const struct settings *settings)
{
    return settings->sqlite_path != NULL ? "sqlite" : "postgres";
}

/* ---- showing them ---- */

void settings_print_help(FILE *out)
{
    for (int id = 0; id < SETTING_COUNT; id++) {
        const struct setting *setting = &setting_rows[id];
        char flag[40];
        snprintf(flag, sizeof flag, "%s%s%s", setting->flag != NULL ? setting->flag : "",
                 setting->value_name != NULL ? " " : "",
                 setting->value_name != NULL ? setting->value_name : "");
        fprintf(out, "  %-22s %-26s %s%s%s%s\n", flag, setting->variables[0], setting->about,
                setting->built_in[0] != '\0' ? " [" : "", setting->built_in,
                setting->built_in[0] != '\0' ? "]" : "");
    }
}

/* What libpq finds by itself, but for the password. */
static char *libpq_environment(void)
{
    static const char *const names[] = {"PGSERVICE", "PGHOST",     "PGHOSTADDR",
                                        "PGPORT",    "PGDATABASE", "PGUSER"};
    struct buf text = BUF_INIT((size_t)1 << 20);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            buf_printf(&text, "%s%s=%s", text.len > 0 ? " " : "", names[i], value);
    }
    buf_add_char(&text, '\0');
    return text.data;
}

static void print_one(FILE *out, const char *name, const char *value, const char *source)
{
    fprintf(out, "%-16s %-48s # %s\n", name, value, source);
}

void settings_print(const struct settings *settings, FILE *out)
{
    static const char *const providers[] = {"haversine", "google", "osrm"};
    char number[32];
    for (int id = 0; id < SETTING_COUNT; id++) {
        const char *source = settings->values.of[id].source, *name = setting_rows[id].name;
        char *masked = strcmp(source, SETTING_LIBPQ) == 0
                           ? libpq_environment()
                           : mask((enum setting_id)id, settings->values.of[id].text);
        const char *value = masked;
        if (id == SETTING_LISTEN) {
            for (size_t i = 0; i < settings->listen_count; i++)
                print_one(out, name, settings->listen[i], source);
            free(masked);
            continue;
        }
        if (id == SETTING_DISTANCE)
            value = providers[settings->distance];
        else if (id == SETTING_APPS && settings->apps == NULL)
            value = "all";
        else if (id == SETTING_ACCESS_LOG || id == SETTING_MIGRATE)
            value = (id == SETTING_MIGRATE ? settings->migrate : settings->access_log) ? "on" : "off";
        else if (id == SETTING_LOG_FORMAT)
            value = settings->log_format == LOG_TEXT ? "text" : "json";
        else if (id == SETTING_MAX_CONNECTIONS || id == SETTING_WORKERS) {
            snprintf(number, sizeof number, "%lld",
                     (long long)(id == SETTING_WORKERS ? settings->workers : settings->max_connections));
            value = number;
        }
        print_one(out, name, value, source);
        free(masked);
    }
}
