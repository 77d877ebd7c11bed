/* core/readiness: what is said of a server to balancers, operators and the log, from what its database said last. */
#include <config.h>

#include "base/clock.h"
#include "core/app.h"
#include "core/readiness.h"
#include "db/db.h"
#include "unit.h"

static const struct app orders = {.name = "orders"}, sites = {.name = "sites"};
static const struct app *apps[3];
static struct db_health health;
static struct readiness readiness;

static int set_up(void **state)
{
    (void)state;
    apps[0] = &orders;
    apps[1] = apps[2] = NULL;
    health = (struct db_health){.answers = true,
                                .writable = true,
                                .has_schema = true,
                                .version = 7,
                                .oldest_server = 1,
                                .trouble = ""};
    readiness = (struct readiness){.apps = apps, .health = &health, .schema_needed = 5, .schema_known = 7};
    return 0;
}

/* The three checks, and with which reasons; NULL: it passes. */
static void says(bool in_full, const char *database, const char *schema, const char *drain)
{
    static const char *const names[READINESS_CHECKS] = {"database", "schema", "drain"};
    const char *reasons[READINESS_CHECKS] = {database, schema, drain};
    struct readiness_check checks[READINESS_CHECKS];
    memset(checks, 0, sizeof checks);
    readiness_check(&readiness, in_full, checks);
    for (size_t i = 0; i < READINESS_CHECKS; i++) {
        assert_string_equal(checks[i].name, names[i]);
        if (reasons[i] != NULL)
            assert_string_equal(checks[i].reason, reasons[i]);
        else
            assert_int_equal(checks[i].status, CHECK_PASS);
        assert_int_equal(checks[i].status == CHECK_PASS, reasons[i] == NULL);
    }
}

/* Which of the five warn, as bits in their order. */
static void warns_of(unsigned which)
{
    static const char *const names[READINESS_WARNINGS] = {"synchronous_commit", "standby", "replication",
                                                          "latency", "disk"};
    struct readiness_check warnings[READINESS_WARNINGS];
    memset(warnings, 0, sizeof warnings);
    readiness_warn(&readiness, warnings);
    for (size_t i = 0; i < READINESS_WARNINGS; i++) {
        assert_string_equal(warnings[i].name, names[i]);
        assert_int_equal(warnings[i].status, which >> i & 1 ? CHECK_WARN : CHECK_PASS);
        assert_int_equal(warnings[i].reason[0] != '\0', which >> i & 1);
    }
}

static void is_not_ready(const char *name, const char *why)
{
    const char *check;
    char reason[256] = "";
    assert_false(readiness_pass(&readiness, &check, reason, sizeof reason));
    assert_string_equal(check, name);
    assert_string_equal(reason, why);
}

static void it_is_ready_when_nothing_is_wrong(void **state)
{
    (void)state;
    const char *check;
    char reason[256];
    says(false, NULL, NULL, NULL);
    assert_true(readiness_pass(&readiness, &check, reason, sizeof reason));
    assert_null(check);
}

static void a_database_that_is_silent_leaves_the_schema_unknown(void **state)
{
    (void)state;
    struct readiness_check checks[READINESS_CHECKS];
    health.answers = false;
    health.trouble = "it cannot be reached";
    snprintf(health.reason, sizeof health.reason, "connection to db.internal refused");
    says(false, "it cannot be reached", "not known: the database does not answer", NULL);
    says(true, "connection to db.internal refused", "not known: the database does not answer", NULL);
    readiness_check(&readiness, false, checks);
    assert_int_equal(checks[1].status, CHECK_UNKNOWN);
    is_not_ready("database", "connection to db.internal refused");
}

static void a_database_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    health.full = true;
    says(false, "it has no room left", NULL, NULL);
    health.writable = false;
    says(false, "it is read-only", NULL, NULL);
    is_not_ready("database", "it is read-only");
}

static void a_right_counts_when_an_app_that_is_served_needs_it(void **state)
{
    (void)state;
    snprintf(health.denied, sizeof health.denied,
             "sites SELECT on site\norder INSERT on it\nusers SELECT on users");
    says(true, NULL, NULL, NULL);
    apps[1] = &sites;
    says(true, "the server's role lacks SELECT on site", NULL, NULL);
    says(false, "it does not give this server the rights that it needs", NULL, NULL);
}

static void a_schema_that_does_not_fit_says_why(void **state)
{
    (void)state;
    health.version = 4;
    struct readiness_check checks[READINESS_CHECKS];
    readiness_check(&readiness, false, checks);
    assert_int_equal(checks[1].status, CHECK_FAIL);
    assert_non_null(strstr(checks[1].reason, "4"));
    is_not_ready("schema", checks[1].reason);
}

static void an_obstacle_is_told_in_full_to_operators_alone(void **state)
{
    (void)state;
    snprintf(health.obstacle, sizeof health.obstacle, "orders is found in the schema secret");
    says(true, NULL, "orders is found in the schema secret", NULL);
    says(false, NULL, "its tables are not as this server needs them, see the log", NULL);
}

static void an_obstacle_is_why_there_is_no_schema_but_not_why_it_is_too_old(void **state)
{
    (void)state;
    struct readiness_check checks[READINESS_CHECKS];
    snprintf(health.obstacle, sizeof health.obstacle, "the schema may not be used");
    health.has_schema = false;
    says(true, NULL, "the schema may not be used", NULL);
    health.has_schema = true;
    health.version = 4;
    readiness_check(&readiness, true, checks);
    assert_int_equal(checks[1].status, CHECK_FAIL);
    assert_null(strstr(checks[1].reason, "may not be used"));
}

static void a_drain_is_told_behind_everything_else(void **state)
{
    (void)state;
    readiness.draining = true;
    says(false, NULL, NULL, "the server is shutting down");
    is_not_ready("drain", "the server is shutting down");
    health.writable = false;
    is_not_ready("database", "it is read-only");
}

static void what_is_degraded_is_said_and_keeps_nobody_from_serving(void **state)
{
    (void)state;
    const char *check;
    char reason[256];
    warns_of(0);
    health.asynchronous_commit = true;
    warns_of(1);
    health.asynchronous_standby = true;
    warns_of(3);
    health.wal_kept = 1;
    warns_of(7);
    health.answer_ns = 499 * CLOCK_MS;
    warns_of(7);
    health.answer_ns = 500 * CLOCK_MS;
    warns_of(15);
    health.low = true;
    warns_of(31);
    assert_true(readiness_pass(&readiness, &check, reason, sizeof reason));
    says(false, NULL, NULL, NULL);
    health.answers = false; /* what it said before holds no more */
    warns_of(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_ready_when_nothing_is_wrong, set_up),
        cmocka_unit_test_setup(what_is_degraded_is_said_and_keeps_nobody_from_serving, set_up),
        cmocka_unit_test_setup(a_database_that_is_silent_leaves_the_schema_unknown, set_up),
        cmocka_unit_test_setup(a_database_that_cannot_be_written_is_told, set_up),
        cmocka_unit_test_setup(a_right_counts_when_an_app_that_is_served_needs_it, set_up),
        cmocka_unit_test_setup(a_schema_that_does_not_fit_says_why, set_up),
        cmocka_unit_test_setup(an_obstacle_is_told_in_full_to_operators_alone, set_up),
        cmocka_unit_test_setup(an_obstacle_is_why_there_is_no_schema_but_not_why_it_is_too_old, set_up),
        cmocka_unit_test_setup(a_drain_is_told_behind_everything_else, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
