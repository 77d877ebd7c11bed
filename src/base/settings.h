/* The settings of the program, and what they mean. setting.h says which there are, with flag, variables and built-in
 * value (--help, `rowlock config` and the reading come from it); setting_values.h where a value was found. */
#ifndef ROWLOCK_BASE_SETTINGS_H
#define ROWLOCK_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cacheurl.h"
#include "base/dburl.h"
#include "base/log.h"
#include "base/proxy.h"
#include "base/setting_values.h"

#define SETTINGS_WORKERS_MAX 256

enum distance_provider {
    DISTANCE_HAVERSINE,
    DISTANCE_GOOGLE,
    DISTANCE_OSRM,
};

struct settings {
    /* exactly one of these two */
    const char *sqlite_path;
    const char *conninfo;
    enum pooler pooler;
    const char *listen[SETTING_LISTEN_MAX];
    size_t listen_count;
    int64_t workers, db_connections, queue, max_connections;
    const char *apps; /* comma-separated; NULL: all */
    enum distance_provider distance;
    const char *gmap_token, *gmap_url, *osrm_url;
    const char *github_url, *github_token; /* the token is "" when there is none */
    struct proxies proxies;                /* to the servers above */
    struct cacheurl cache;
    int64_t deadline_ns, drain_ns;
    bool migrate, access_log;
    enum log_format log_format;
    enum log_level log_level;
    struct setting_values values; /* what they were made of */
};

/* Reads flags and environment. flags ends with name NULL, or is NULL. Words that are no flags go to words (at most
 * word_max). False with *error (to be freed), which names the flag, variable or file and says what would be right. */
bool settings_read(struct settings *settings, int argc, char **argv, struct command_flag *flags,
                   const char **words, size_t word_max, size_t *word_count, char **error);
void settings_free(struct settings *settings);

const char *settings_engine(const struct settings *settings); /* "postgres" or "sqlite": the folder in sql/ */

void settings_print_help(FILE *out);                             /* a line a setting */
void settings_print(const struct settings *settings, FILE *out); /* the effective ones, secrets masked */

#endif
