/* Whether requests should be sent to a server: what its database said last, whether the schema is one that it can work
 * with, and whether it is being shut down. */
#ifndef ROWLOCK_CORE_READINESS_H
#define ROWLOCK_CORE_READINESS_H

#include <stdbool.h>
#include <stddef.h>

struct app;
struct db_health;

/* What is looked at. */
struct readiness {
    const struct app *const *apps; /* that are served; ends with NULL */
    const struct db_health *health;
    int schema_needed; /* the newest migration that these apps need */
    int schema_known;  /* the newest that this program knows */
    bool draining;
};

enum check_status {
    CHECK_PASS,
    CHECK_WARN,    /* it passes, but not for long or not as it should */
    CHECK_UNKNOWN, /* it could not be made */
    CHECK_FAIL,
};

struct readiness_check {
    const char *name;
    enum check_status status;
    char reason[256]; /* unless it passed */
};

#define READINESS_CHECKS 3 /* "database", "schema", "drain" */

/* Each check by itself. The database's own words may name its host, role and name: in_full is for operators alone. */
void readiness_check(const struct readiness *readiness, bool in_full, struct readiness_check *checks);

/* What is degraded though requests are served: each passes or warns, for all to read. While the database does not
 * answer nothing is known of it, and all pass. */
#define READINESS_WARNINGS 5 /* "synchronous_commit", "standby", "replication", "latency", "disk" */
void readiness_warn(const struct readiness *readiness, struct readiness_check *warnings);

/* False with the first check that failed, and its reason in full. */
bool readiness_pass(const struct readiness *readiness, const char **check, char *reason, size_t size);

#endif
