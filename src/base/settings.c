#include <config.h>

#include "base/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define FILE_MAX_BYTES 65536
#define FILES_RESERVED 64 /* descriptors for all but clients */

enum secrecy {
    OPEN,
    SECRET,        /* shown as *** */
    HOLDS_PASSWORD /* an address: its password and its keys are masked */
};

static const struct setting {
    const char *name, *flag, *value_name;
    const char *variables[2]; /* the first that is set counts */
    const char *built_in;
    enum secrecy secrecy;
    const char *about;
} table[SETTING_COUNT] = {
    [SETTING_DATABASE] = {"database",
                          "--database",
                          "URL",
                          {"DATABASE_URL", "SQLALCHEMY_DATABASE_URI"},
                          "sqlite:rowlock.db",
                          HOLDS_PASSWORD,
                          "postgresql://… or sqlite:FILE"},
    [SETTING_LISTEN] = {"listen",
                        "--listen",
                        "ADDR",
                        {"ROWLOCK_LISTEN"},
                        "127.0.0.1:8080",
                        OPEN,
                        "host:port, [v6]:port or unix:PATH; may be repeated"},
    [SETTING_WORKERS] = {"workers",
                         "--workers",
                         "N",
                         {"ROWLOCK_WORKERS"},
                         "1",
                         OPEN,
                         "processes on the same port; auto: as many as cores"},
    [SETTING_DB_CONNECTIONS] = {"db-connections",
                                "--db-connections",
                                "N",
                                {"ROWLOCK_DB_CONNECTIONS"},
                                "4",
                                OPEN,
                                "PostgreSQL connections of a worker"},
    [SETTING_POOLER] = {"pooler",
                        "--pooler",
                        "P",
                        {"ROWLOCK_POOLER"},
                        "auto",
                        OPEN,
                        "before PostgreSQL: none, transaction (PgBouncer) or auto"},
    [SETTING_APPS] =
        {"apps", "--apps", "LIST", {"ROWLOCK_APPS"}, "", OPEN, "which apps are served, by comma; all"},
    [SETTING_DISTANCE] = {"distance",
                          "--distance",
                          "P",
                          {"ROWLOCK_DISTANCE"},
                          "",
                          OPEN,
                          "google, osrm or haversine; google when GMAP_TOKEN is set"},
    [SETTING_GMAP_TOKEN] =
        {"gmap-token", NULL, NULL, {"GMAP_TOKEN"}, "", SECRET, "key of the Distance Matrix API"},
    [SETTING_GMAP_URL] = {"gmap-url",
                          NULL,
                          NULL,
                          {"GMAP_DISTANCE_MATRIX_API"},
                          "https://maps.googleapis.com/maps/api/distancematrix/json",
                          HOLDS_PASSWORD,
                          "its address"},
    [SETTING_OSRM_URL] =
        {"osrm-url", NULL, NULL, {"OSRM_URL"}, "", HOLDS_PASSWORD, "address of an OSRM server"},
    [SETTING_GITHUB_URL] = {"github-url",
                            NULL,
                            NULL,
                            {"GITHUB_API_URL"},
                            "https://api.github.com",
                            HOLDS_PASSWORD,
                            "where seed users reads"},
    [SETTING_GITHUB_TOKEN] =
        {"github-token", NULL, NULL, {"GITHUB_TOKEN"}, "", SECRET, "raises its rate limit"},
    [SETTING_CACHE] = {"cache",
                       "--cache",
                       "URL",
                       {"CACHE_URL"},
                       "simple:",
                       HOLDS_PASSWORD,
                       "none, simple:, redis://… or memcached://…"},
    [SETTING_DEADLINE] = {"deadline",
                          "--deadline",
                          "S",
                          {"ROWLOCK_DEADLINE"},
                          "10",
                          OPEN,
                          "seconds within which every request ends"},
    [SETTING_DRAIN] =
        {"drain", "--drain", "S", {"ROWLOCK_DRAIN"}, "8", OPEN, "seconds that a shutdown may take"},
    [SETTING_QUEUE] = {"queue",
                       "--queue",
                       "N",
                       {"ROWLOCK_QUEUE"},
                       "1024",
                       OPEN,
                       "database calls that may wait in a worker"},
    [SETTING_MAX_CONNECTIONS] = {"max-connections",
                                 "--max-connections",
                                 "N",
                                 {"ROWLOCK_MAX_CONNECTIONS"},
                                 "",
                                 OPEN,
                                 "clients of a worker; as the file limit allows"},
    [SETTING_MIGRATE] = {"migrate",
                         "--migrate",
                         NULL,
                         {"ROWLOCK_MIGRATE"},
                         "off",
                         OPEN,
                         "bring a PostgreSQL schema up to date at start"},
    [SETTING_ACCESS_LOG] = {"access-log",
                            "--access-log",
                            NULL,
                            {"ROWLOCK_ACCESS_LOG"},
                            "",
                            OPEN,
                            "a line a request; on when stdout is a terminal"},
    [SETTING_LOG_FORMAT] = {"log-format",
                            "--log-format",
                            "F",
                            {"ROWLOCK_LOG_FORMAT"},
                            "",
                            OPEN,
                            "text or json; text on a terminal"},
    [SETTING_LOG_LEVEL] =
        {"log-level", "--log-level", "L", {"ROWLOCK_LOG_LEVEL"}, "info", OPEN, "debug, info, warn or error"},
};

#define BUILT_IN "built-in"
#define LIBPQ "libpq's environment"

static bool is_built_in(const struct settings *settings, enum setting_id id)
{
    return strcmp(settings->raw[id].source, BUILT_IN) == 0;
}

/* ---- where values come from ---- */

/* A value and what it came from; both to be freed. */
struct found {
    char *value, *source;
};

static void forget(struct found *found)
{
    free(found->value);
    free(found->source);
}

/* The text of a file without the ends of its last lines; NULL and *why (static). */
static char *read_file(const char *path, const char **why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *why = strerror(errno);
        return NULL;
    }
    char *text = mem_new(FILE_MAX_BYTES);
    size_t length = fread(text, 1, FILE_MAX_BYTES, file);
    *why = ferror(file) != 0                    ? strerror(errno)
           : length == FILE_MAX_BYTES           ? "it is too long"
           : memchr(text, '\0', length) != NULL ? "it is no text"
                                                : NULL;
    fclose(file);
    while (length > 0 && length < FILE_MAX_BYTES && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        text[--length] = '\0';
    if (*why == NULL)
        return text;
    free(text);
    return NULL;
}

/* What a variable holds, or the file that its _FILE form names. The value stays NULL when neither is set; an empty
 * variable counts as not set, because compose files pass those. Of an empty file it is "". */
static bool read_variable(const char *name, bool may_be_file, struct found *found, char **error)
{
    const char *plain = getenv(name), *why;
    *found = (struct found){NULL, NULL};
    if (plain != NULL && plain[0] != '\0')
        *found = (struct found){mem_dup(plain), mem_dup(name)};
    if (!may_be_file)
        return true;
    char *file_name = mem_printf("%s_FILE", name);
    const char *path = getenv(file_name);
    if (path == NULL || path[0] == '\0') {
        free(file_name);
        return true;
    }
    if (found->value != NULL) {
        *error = mem_printf("%s and %s are both set; set one", name, file_name);
    } else if ((found->value = read_file(path, &why)) != NULL) {
        found->source = file_name;
        return true;
    } else {
        *error = mem_printf("%s: cannot read %s: %s", file_name, path, why);
    }
    forget(found);
    free(file_name);
    return false;
}

/* Takes over both. */
static void set(struct settings *settings, enum setting_id id, struct found found)
{
    free(settings->raw[id].value);
    free(settings->raw[id].source);
    settings->raw[id].value = found.value;
    settings->raw[id].source = found.source;
}

/* A database or a password that its file does not hold was not left out on purpose. */
static bool is_empty_file(struct found *found, char **error)
{
    if (found->value == NULL || found->value[0] != '\0')
        return false;
    *error = mem_printf("%s: its file is empty", found->source);
    forget(found);
    return true;
}

/* DB_HOST and its likes, put together for libpq. */
static bool read_db_set(struct settings *settings, char **error)
{
    static const struct {
        const char *key, *variable, *other;
        bool secret;
    } parts[] = {{"host", "DB_HOST", NULL, false},
                 {"port", "DB_PORT", NULL, false},
                 {"user", "DB_USERNAME", "DB_USER", false},
                 {"password", "DB_PASSWORD", NULL, true},
                 {"dbname", "DB_NAME", NULL, false}};
    const char *host = getenv("DB_HOST"), *name = getenv("DB_NAME");
    if ((host == NULL || host[0] == '\0') && (name == NULL || name[0] == '\0'))
        return true;
    char *conninfo = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct found found;
        if (!read_variable(parts[i].variable, parts[i].secret, &found, error) ||
            is_empty_file(&found, error)) {
            free(conninfo);
            return false;
        }
        if (found.value == NULL && parts[i].other != NULL)
            read_variable(parts[i].other, false, &found, error);
        bool right = found.value == NULL || strcmp(parts[i].key, "port") != 0 || dburl_ports_ok(found.value);
        if (found.value != NULL)
            conninfo = dburl_add_keyword(conninfo, parts[i].key, found.value);
        forget(&found);
        if (!right) {
            *error = mem_printf("%s is not right: it must be a port from 1 to 65535", parts[i].variable);
            free(conninfo);
            return false;
        }
    }
    set(settings, SETTING_DATABASE, (struct found){conninfo, mem_dup("environment DB_HOST and its likes")});
    return true;
}

/* One setting that no flag gave. */
static bool read_setting(struct settings *settings, enum setting_id id, char **error)
{
    const struct setting *setting = &table[id];
    for (size_t i = 0; i < 2 && setting->variables[i] != NULL; i++) {
        struct found found;
        if (!read_variable(setting->variables[i], setting->secrecy != OPEN, &found, error) ||
            (setting->secrecy == HOLDS_PASSWORD && is_empty_file(&found, error)))
            return false;
        if (found.value == NULL)
            continue;
        if (found.value[0] == '\0') { /* a token that may be left out */
            char *source = found.source;
            found.source = mem_printf("%s, which is empty", source);
            free(source);
        }
        set(settings, id, found);
        return true;
    }
    set(settings, id, (struct found){mem_dup(setting->built_in), mem_dup(BUILT_IN)});
    return true;
}

static bool read_environment(struct settings *settings, char **error)
{
    for (int id = 0; id < SETTING_COUNT; id++)
        if (settings->raw[id].value == NULL && !read_setting(settings, (enum setting_id)id, error))
            return false;
    if (!is_built_in(settings, SETTING_DATABASE))
        return true;
    if (!read_db_set(settings, error))
        return false;
    static const char *const libpq[] = {"PGHOST", "PGDATABASE", "PGSERVICE"};
    for (size_t i = 0; i < 3 && is_built_in(settings, SETTING_DATABASE); i++) {
        const char *value = getenv(libpq[i]);
        if (value != NULL && value[0] != '\0')
            set(settings, SETTING_DATABASE,
                (struct found){mem_dup("application_name=rowlock"), mem_dup(LIBPQ)});
    }
    return true;
}

/* ---- flags ---- */

static bool flag_is(const char *argument, size_t length, const char *flag)
{
    return flag != NULL && strlen(flag) == length && strncmp(argument, flag, length) == 0;
}

struct arguments {
    int argc, at;
    char **argv;
};

/* The value of the flag at arguments->at: behind "=", or the next argument. */
static const char *flag_value(struct arguments *arguments, const char *equals, bool wanted)
{
    if (equals != NULL)
        return equals + 1;
    if (!wanted)
        return "";
    return arguments->at + 1 < arguments->argc ? arguments->argv[++arguments->at] : NULL;
}

static bool take_setting(struct settings *settings, enum setting_id id, const char *value, char **error)
{
    if (id == SETTING_LISTEN) {
        if (settings->listen_count == SETTINGS_LISTEN_MAX) {
            *error = mem_printf("--listen is given more than %d times", SETTINGS_LISTEN_MAX);
            return false;
        }
        settings->listen_flags[settings->listen_count++] = mem_dup(value);
    }
    bool on = table[id].value_name == NULL && value[0] == '\0';
    set(settings, id, (struct found){mem_dup(on ? "on" : value), mem_dup(table[id].flag)});
    return true;
}

static bool take_flag(struct settings *settings, struct arguments *arguments, struct command_flag *flags,
                      char **error)
{
    const char *argument = arguments->argv[arguments->at], *equals = strchr(argument, '=');
    size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    for (struct command_flag *flag = flags; flag != NULL && flag->name != NULL; flag++) {
        if (!flag_is(argument, length, flag->name) && !flag_is(argument, length, flag->short_name))
            continue;
        flag->value = flag_value(arguments, equals, flag->value_name != NULL);
        if (flag->value == NULL)
            *error = mem_printf("%s needs a value", flag->name);
        return flag->value != NULL;
    }
    for (int id = 0; id < SETTING_COUNT; id++) {
        if (!flag_is(argument, length, table[id].flag))
            continue;
        const char *value = flag_value(arguments, equals, table[id].value_name != NULL);
        if (value == NULL) {
            *error = mem_printf("%s needs a value: %s", table[id].flag, table[id].about);
            return false;
        }
        return take_setting(settings, (enum setting_id)id, value, error);
    }
    *error = mem_printf("%.*s is not a flag of this command; see rowlock --help", (int)length, argument);
    return false;
}

/* ---- from text to meaning ---- */

static const char *source_name(const struct settings *settings, enum setting_id id)
{
    return is_built_in(settings, id) ? table[id].name : settings->raw[id].source;
}

static char *mask(enum setting_id id, const char *value)
{
    if (table[id].secrecy == SECRET && value[0] != '\0')
        return mem_dup("***");
    if (table[id].secrecy != HOLDS_PASSWORD)
        return mem_dup(value);
    return id == SETTING_CACHE ? cacheurl_mask(value) : dburl_mask(value);
}

/* Where a password begins and ends in what is malformed is anybody's guess, so none of it is shown. */
static bool wrong(const struct settings *settings, enum setting_id id, const char *right, char **error)
{
    const char *name = source_name(settings, id);
    *error = table[id].secrecy == OPEN
                 ? mem_printf("%s: \"%s\" is not right: %s", name, settings->raw[id].value, right)
                 : mem_printf("%s is not right: %s", name, right);
    return false;
}

static bool to_int(const struct settings *settings, enum setting_id id, int64_t least, int64_t most,
                   int64_t *out, char **error)
{
    if (text_int(slice_of(settings->raw[id].value), out) == TEXT_NUMBER_OK && *out >= least && *out <= most)
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
    if (text_double(slice_of(settings->raw[id].value), &seconds) != TEXT_NUMBER_OK || seconds < 0.1 ||
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
    const char *value = settings->raw[id].value;
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
    if (!dburl_parse(settings->raw[SETTING_DATABASE].value, &url, &right))
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
        if (strcmp(settings->raw[SETTING_POOLER].value, names[i]) == 0) {
            settings->pooler = (enum pooler)i;
            return true;
        }
    return wrong(settings, SETTING_POOLER, "it must be auto, none or transaction", error);
}

static bool to_cache(struct settings *settings, char **error)
{
    const char *right;
    return cacheurl_parse(settings->raw[SETTING_CACHE].value, &settings->cache, &right) ||
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

/* Flags name one address each; the variable may name several, by comma or space. */
static bool to_listen(struct settings *settings, char **error)
{
    if (settings->listen_count == 0) {
        char *rest = settings->raw[SETTING_LISTEN].value, *save = NULL, *copy = mem_dup(rest);
        for (char *word = strtok_r(copy, ", ", &save);
             word != NULL && settings->listen_count < SETTINGS_LISTEN_MAX; word = strtok_r(NULL, ", ", &save))
            settings->listen_flags[settings->listen_count++] = mem_dup(word);
        free(copy);
    }
    for (size_t i = 0; i < settings->listen_count; i++) {
        settings->listen[i] = settings->listen_flags[i];
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
    const char *value = settings->raw[SETTING_DISTANCE].value;
    settings->gmap_token = settings->raw[SETTING_GMAP_TOKEN].value;
    settings->gmap_url = settings->raw[SETTING_GMAP_URL].value;
    settings->osrm_url = settings->raw[SETTING_OSRM_URL].value;
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
    const char *url = settings->raw[id].value;
    if (settings->distance != DISTANCE_HAVERSINE && !is_http(url))
        return wrong(settings, id, "it must begin with http:// or https://", error);
    return true;
}

static bool to_github(struct settings *settings, char **error)
{
    settings->github_url = settings->raw[SETTING_GITHUB_URL].value;
    settings->github_token = settings->raw[SETTING_GITHUB_TOKEN].value;
    if (!is_http(settings->github_url))
        return wrong(settings, SETTING_GITHUB_URL, "it must begin with http:// or https://", error);
    for (const char *at = settings->github_token; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return wrong(settings, SETTING_GITHUB_TOKEN, "it must be one word of ASCII", error);
    return true;
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
    if (settings->raw[SETTING_MAX_CONNECTIONS].value[0] == '\0')
        return true;
    return to_int(settings, SETTING_MAX_CONNECTIONS, 1, settings->max_connections, &settings->max_connections,
                  error);
}

static bool to_workers(struct settings *settings, char **error)
{
    if (strcmp(settings->raw[SETTING_WORKERS].value, "auto") == 0)
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
    const char *format = settings->raw[SETTING_LOG_FORMAT].value;
    if (format[0] == '\0')
        settings->log_format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
    else if (strcmp(format, "text") == 0 || strcmp(format, "json") == 0)
        settings->log_format = format[0] == 't' ? LOG_TEXT : LOG_JSON;
    else
        return wrong(settings, SETTING_LOG_FORMAT, "it must be text or json", error);
    if (!log_level_from_name(settings->raw[SETTING_LOG_LEVEL].value, &settings->log_level))
        return wrong(settings, SETTING_LOG_LEVEL, "it must be debug, info, warn or error", error);
    return to_bool(settings, SETTING_ACCESS_LOG, isatty(STDOUT_FILENO), &settings->access_log, error);
}

static bool to_all(struct settings *settings, char **error)
{
    settings->apps = is_built_in(settings, SETTING_APPS) ? NULL : settings->raw[SETTING_APPS].value;
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
    *word_count = 0;
    struct arguments arguments = {.argc = argc, .argv = argv};
    for (; arguments.at < argc; arguments.at++) {
        const char *argument = argv[arguments.at];
        if (argument[0] == '-' && argument[1] != '\0') {
            if (!take_flag(settings, &arguments, flags, error))
                return false;
        } else if (*word_count == word_max) {
            *error = mem_printf("\"%s\" is one word too many; see rowlock --help", argument);
            return false;
        } else {
            words[(*word_count)++] = argument;
        }
    }
    return read_environment(settings, error) && to_all(settings, error);
}

void settings_free(struct settings *settings)
{
    for (int id = 0; id < SETTING_COUNT; id++) {
        free(settings->raw[id].value);
        free(settings->raw[id].source);
    }
    for (size_t i = 0; i < SETTINGS_LISTEN_MAX; i++)
        free(settings->listen_flags[i]);
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
        const struct setting *setting = &table[id];
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
        const char *source = settings->raw[id].source, *name = table[id].name;
        char *masked = strcmp(source, LIBPQ) == 0 ? libpq_environment()
                                                  : mask((enum setting_id)id, settings->raw[id].value);
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
