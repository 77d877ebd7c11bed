/* readiness_check makes the three checks, each of which writes its name, whether it passed, and why not; readiness_warn
 * says what else should not be. */
#include <config.h>

#include "core/readiness.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice.h"
#include "core/app.h"
#include "core/migrate.h"
#include "db/db.h"

#define SLOW_NS (500 * CLOCK_MS) /* for a statement that takes two milliseconds */

/* The first right that an app which is served needs and the server has not; .ptr NULL: there is none. */
static struct slice missing_right(const struct app *const *apps, const char *denied)
{
    for (size_t i = 0; apps[i] != NULL; i++) {
        size_t length = strlen(apps[i]->name);
        for (const char *line = denied; *line != '\0';) {
            size_t end = strcspn(line, "\n");
            if (end > length && strncmp(line, apps[i]->name, length) == 0 && line[length] == ' ')
                return (struct slice){line + length + 1, end - length - 1};
            line += end + (line[end] == '\n');
        }
    }
    return (struct slice){NULL, 0};
}

static void check_database(const struct readiness *readiness, bool in_full, struct readiness_check *check)
{
    const struct db_health *health = readiness->health;
    struct slice right = missing_right(readiness->apps, health->denied);
    check->name = "database";
    check->status = CHECK_FAIL;
    if (!health->answers)
        snprintf(check->reason, sizeof check->reason, "%s", in_full ? health->reason : health->trouble);
    else if (!health->writable)
        snprintf(check->reason, sizeof check->reason, "it is read-only");
    else if (health->full)
        snprintf(check->reason, sizeof check->reason, "it has no room left");
    else if (right.ptr != NULL && in_full)
        snprintf(check->reason, sizeof check->reason, "the server's role lacks %.*s", (int)right.len,
                 right.ptr);
    else if (right.ptr != NULL)
        snprintf(check->reason, sizeof check->reason,
                 "it does not give this server the rights that it needs");
    else
        check->status = CHECK_PASS;
}

/* The obstacle may name schemas, which are for operators alone. */
static void tell_obstacle(const struct db_health *health, bool in_full, struct readiness_check *check)
{
    snprintf(check->reason, sizeof check->reason, "%s",
             in_full ? health->obstacle : "its tables are not as this server needs them, see the log");
}

static void check_schema(const struct readiness *readiness, bool in_full, struct readiness_check *check)
{
    const struct db_health *health = readiness->health;
    struct migrate_state state = {0, 0};
    if (health->has_schema)
        state = (struct migrate_state){health->version, health->oldest_server};
    bool fits = migrate_fits(state, readiness->schema_needed, readiness->schema_known, check->reason,
                             sizeof check->reason);
    check->name = "schema";
    check->status = health->answers ? CHECK_FAIL : CHECK_UNKNOWN;
    if (!health->answers)
        snprintf(check->reason, sizeof check->reason, "not known: the database does not answer");
    else if (health->obstacle[0] != '\0' && (fits || !health->has_schema))
        tell_obstacle(health, in_full, check);
    else if (fits)
        check->status = CHECK_PASS;
}

static void check_drain(const struct readiness *readiness, struct readiness_check *check)
{
    check->name = "drain";
    check->status = readiness->draining ? CHECK_FAIL : CHECK_PASS;
    if (readiness->draining)
        snprintf(check->reason, sizeof check->reason, "the server is shutting down");
}

void readiness_check(const struct readiness *readiness, bool in_full, struct readiness_check *checks)
{
    check_database(readiness, in_full, &checks[0]);
    check_schema(readiness, in_full, &checks[1]);
    check_drain(readiness, &checks[2]);
}

static struct readiness_check warning_of(const char *name, bool degraded, const char *reason)
{
    struct readiness_check check = {.name = name, .status = degraded ? CHECK_WARN : CHECK_PASS};
    if (degraded)
        snprintf(check.reason, sizeof check.reason, "%s", reason);
    return check;
}

void readiness_warn(const struct readiness *readiness, struct readiness_check *warnings)
{
    const struct db_health *health = readiness->health;
    bool answers = health->answers;
    char kept[128], slow[128];
    snprintf(kept, sizeof kept, "a replication slot keeps back %lld MiB of the write-ahead log",
             (long long)(health->wal_kept >> 20));
    snprintf(slow, sizeof slow, "the database takes %lld ms to answer",
             (long long)(health->answer_ns / CLOCK_MS));
    warnings[0] = warning_of("synchronous_commit", answers && health->asynchronous_commit,
                             "it is off: a crash of PostgreSQL can forget orders that were answered SUCCESS");
    warnings[1] = warning_of("standby", answers && health->asynchronous_standby,
                             "no commit waits for a standby: when one takes over, orders that were answered "
                             "SUCCESS last can be forgotten");
    warnings[2] = warning_of("replication", answers && health->wal_kept > 0, kept);
    warnings[3] = warning_of("latency", answers && health->answer_ns >= SLOW_NS, slow);
    warnings[4] =
        warning_of("disk", answers && health->low, "less than 5 % of the disk of the SQLite file is free");
}

bool readiness_pass(const struct readiness *readiness, const char **check, char *reason, size_t size)
{
    struct readiness_check checks[READINESS_CHECKS];
    readiness_check(readiness, true, checks);
    *check = NULL;
    for (size_t i = 0; i < READINESS_CHECKS && *check == NULL; i++) {
        if (checks[i].status != CHECK_FAIL)
            continue;
        *check = checks[i].name;
        snprintf(reason, size, "%s", checks[i].reason);
    }
    return *check == NULL;
}
