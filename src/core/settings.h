/* The settings of the program itself (core's rows and members), and how to get those of an app. */
#ifndef ROWLOCK_CORE_SETTINGS_H
#define ROWLOCK_CORE_SETTINGS_H

#include "base/cacheurl.h"
#include "base/command_line.h"
#include "base/log.h"
#include "base/proxy.h"
#include "base/setting.h"
#include "core/access_log.h"
#include "core/allowance.h"
#include "core/cors.h"
#include "core/hosts.h"
#include "core/scope.h"
#include "core/trusted.h"
#include "http/http.h"
#include "pg/pooler.h"

#define SETTINGS_LISTEN_MAX 16
#define SETTINGS_ADDRESSES_MAX (SETTINGS_LISTEN_MAX + 1)
#define SETTINGS_WORKERS_MAX 256

struct settings {
    const char *file; /* that the others may stand in; "": none */
    /* exactly one of these two; owned */
    char *sqlite_path;
    char *conninfo;
    enum pooler pooler;
    char *listen[SETTINGS_LISTEN_MAX]; /* owned */
    size_t listen_count;
    const char *metrics_listen; /* NULL: metrics are served where all else is */
    int64_t workers, db_connections, queue, max_connections, max_events;
    int64_t keep_events;    /* days; 0: for ever */
    const char *apps;       /* by comma, or "all" */
    struct proxies proxies; /* to other servers */
    struct cacheurl cache;
    int64_t deadline_ns, drain_ns;
    const char *otlp, *otlp_headers, *service; /* see trace/otlp.h; "": no spans are sent */
    unsigned traced_of_a_million;
    struct hosts hosts;
    struct cors cors;
    struct trusted trusted;
    struct allowance allowance; /* of each caller */
    const char *api_keys;       /* the file; "": none, and everybody may do everything */
    scope_set anonymous;        /* what needs no key */
    bool gzip, migrate, access_log, no_pages;
    enum access_log_format access_log_format;
    enum http_engine_kind http;
    enum log_format log_format;
    enum log_level log_level;
    struct setting_list list; /* what they were made of, and the groups of apps */
};

/* Reads flags and environment: core's settings and those of the groups (which end with NULL). False with *error (to be
 * freed): a line for each that is wrong, which names the flag, variable or file and says what would be right. To be
 * freed in any case. */
bool settings_read(struct settings *settings, struct command_line *line,
                   const struct setting_group *const *groups, char **error);
/* Reads them again, and takes over what may change while a server runs. tell is called for each setting that has
 * another value now, with where that stands, and whether it was taken over. False with *error (as settings_read): all
 * stays. */
bool settings_renew(struct settings *settings, struct command_line *line,
                    const struct setting_group *const *groups, void (*tell)(const char *source, bool changed),
                    char **error);
void settings_free(struct settings *settings);

/* The struct that an app's group of settings fills. */
const void *settings_of(const struct settings *settings, const struct setting_group *group);

/* All addresses: those for all, and then that for operators, if there is one. */
size_t settings_address_count(const struct settings *settings);
const char *settings_address(const struct settings *settings, size_t index);

static inline bool settings_have_keys(const struct settings *settings)
{
    return settings->api_keys != NULL && settings->api_keys[0] != '\0';
}

const char *settings_engine(const struct settings *settings); /* "postgres" or "sqlite": the folder in sql/ */
const char *settings_http(const struct settings *settings);   /* the name of the engine that reads HTTP */

/* Where a setting was found: "--listen", "ROWLOCK_LISTEN", SETTING_BUILT_IN and the like. */
const char *settings_source(const struct settings *settings, const char *name);

/* Variables that look like a mistyped ROWLOCK_ setting. */
void settings_find_mistyped(const struct settings *settings,
                            void (*tell)(const char *variable, const char *meant));

void settings_print_help(const struct setting_group *const *groups, FILE *out); /* a line a setting */
void settings_print(const struct settings *settings, FILE *out); /* what holds, secrets masked */

#endif
