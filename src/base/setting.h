/* What settings there are: a row each, with its flag, its variables and its built-in value. */
#ifndef ROWLOCK_BASE_SETTING_H
#define ROWLOCK_BASE_SETTING_H

enum setting_id {
    SETTING_DATABASE,
    SETTING_LISTEN,
    SETTING_WORKERS,
    SETTING_DB_CONNECTIONS,
    SETTING_POOLER,
    SETTING_APPS,
    SETTING_DISTANCE,
    SETTING_GMAP_TOKEN,
    SETTING_GMAP_URL,
    SETTING_OSRM_URL,
    SETTING_GITHUB_URL,
    SETTING_GITHUB_TOKEN,
    SETTING_HTTPS_PROXY,
    SETTING_HTTP_PROXY,
    SETTING_ALL_PROXY,
    SETTING_NO_PROXY,
    SETTING_CACHE,
    SETTING_DEADLINE,
    SETTING_DRAIN,
    SETTING_QUEUE,
    SETTING_MAX_CONNECTIONS,
    SETTING_MIGRATE,
    SETTING_ACCESS_LOG,
    SETTING_LOG_FORMAT,
    SETTING_LOG_LEVEL,
    SETTING_COUNT,
};

enum secrecy {
    SECRECY_NONE,
    SECRECY_WHOLE,   /* shown as *** */
    SECRECY_PASSWORD /* an address: its password and its keys are masked */
};

/* NULL where there is none. Without value_name the flag is a switch. built_in may be "": code decides. */
struct setting {
    const char *name, *flag, *value_name;
    const char *variables[2]; /* the first that is set counts */
    const char *built_in;
    enum secrecy secrecy;
    const char *about;
};

extern const struct setting setting_rows[SETTING_COUNT];

#endif
