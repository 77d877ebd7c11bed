/* core/settings with base/setting, command_line and environment, and the groups of two apps: what flags and variables
 * mean, which of them wins, and what is said of those that are wrong. */
#include <config.h>

#include "unit.h"

#include <unistd.h>

#include "apps/apps.h"
#include "apps/distance.h"

extern char **environ;

static struct settings settings;
static char *error;
static char *empty[] = {NULL};
static char **real_environment;
static const struct command_flag flags[] = {
    {.name = "--total", .short_name = "-t", .value_name = "N", .about = "how many", .counts = true},
    {.name = "--dry", .about = "only say"},
    {.name = NULL},
};
static struct command_line line;

/* Flags by space. */
static bool reads(const char *arguments)
{
    static char copy[1024];
    static char *argv[24];
    char *save = NULL;
    int argc = 0;
    settings_free(&settings);
    free(error);
    error = NULL;
    snprintf(copy, sizeof copy, "%s", arguments);
    for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    line = (struct command_line){.argc = argc, .argv = argv, .flags = {flags[0], flags[1]}, .words_max = 2};
    return settings_read(&settings, &line, apps_settings(), &error);
}

static const struct distance_settings *distance(void)
{
    return settings_of(&settings, &distance_settings);
}

static int set_up(void **state)
{
    (void)state;
    real_environment = environ;
    environ = empty;
    memset(&settings, 0, sizeof settings);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    settings_free(&settings);
    free(error);
    error = NULL;
    environ = real_environment;
    return 0;
}

static void takes(const char *command_line)
{
    if (!reads(command_line))
        fail_msg("%s: %s", command_line, error);
}

static void refuses(const char *command_line, const char *expected)
{
    if (reads(command_line))
        fail_msg("accepted: %s", command_line);
    if (strcmp(error, expected) != 0)
        fail_msg("%s\n  gives: %s", command_line, error);
}

/* As rowlock config shows it: the value and where it is from. */
static void shows(const char *name, const char *value, const char *source)
{
    char *text = NULL, expected[512];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fputc('\n', out);
    settings_print(&settings, out);
    fclose(out);
    snprintf(expected, sizeof expected, "\n%-16s %-48s # %s\n", name, value, source);
    if (strstr(text, expected) == NULL)
        fail_msg("no %s in%s", expected, text);
    free(text);
}

static void without_a_word_the_built_in_values_hold(void **state)
{
    (void)state;
    takes("");
    assert_string_equal(settings.sqlite_path, "rowlock.db");
    assert_null(settings.conninfo);
    assert_string_equal(settings.apps, "all");
    assert_string_equal(settings_engine(&settings), "sqlite");
    shows("database", "sqlite:rowlock.db", "built-in");
    shows("listen", "127.0.0.1:8080", "built-in");
    shows("workers", "1", "built-in");
    shows("db-connections", "4", "built-in");
    shows("pooler", "auto", "built-in");
    shows("apps", "all", "built-in");
    shows("distance", "haversine", "built-in");
    shows("github-url", "https://api.github.com", "built-in");
    shows("cache", "simple:", "built-in");
    shows("deadline", "10", "built-in");
    shows("drain", "8", "built-in");
    shows("queue", "1024", "built-in");
    shows("migrate", "off", "built-in");
    shows("log-level", "info", "built-in");
    assert_true(settings.deadline_ns == INT64_C(10000000000) && settings.drain_ns == INT64_C(8000000000));
    assert_true(settings.max_connections > 0);
}

static void a_flag_wins_over_a_variable(void **state)
{
    (void)state;
    setenv("ROWLOCK_QUEUE", "5", 1);
    setenv("ROWLOCK_DEADLINE", "2.5", 1);
    setenv("ROWLOCK_LOG_LEVEL", "", 1); /* as if it were not there */
    takes("--queue 7");
    assert_int_equal(settings.queue, 7);
    shows("queue", "7", "--queue");
    assert_true(settings.deadline_ns == INT64_C(2500000000));
    shows("deadline", "2.5", "ROWLOCK_DEADLINE");
    shows("log-level", "info", "built-in");
    takes("--queue=8 --queue 9");
    assert_int_equal(settings.queue, 9); /* the last one counts */
}

static void the_first_of_two_variables_wins(void **state)
{
    (void)state;
    setenv("SQLALCHEMY_DATABASE_URI", "sqlite:b.db", 1);
    takes("");
    shows("database", "sqlite:b.db", "SQLALCHEMY_DATABASE_URI");
    setenv("DATABASE_URL", "sqlite:a.db", 1);
    takes("");
    shows("database", "sqlite:a.db", "DATABASE_URL");
}

static void addresses_to_listen_on_may_be_several(void **state)
{
    (void)state;
    takes("--listen a:1 --listen [::1]:0 --listen unix:/x");
    assert_int_equal(settings.listen_count, 3);
    shows("listen", "[::1]:0", "--listen");
    setenv("ROWLOCK_LISTEN", "a:1, b:2 c:3", 1);
    takes("");
    assert_int_equal(settings.listen_count, 3);
    shows("listen", "c:3", "ROWLOCK_LISTEN");
    takes("--listen d:4");
    assert_int_equal(settings.listen_count, 1);
    static const char *const bad[] = {"a", "a:", "a:x", "a:65536", "a:-1", "::1:80", "[::1:80", "unix:"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char command_line[64], expected[128];
        snprintf(command_line, sizeof command_line, "--listen %s", bad[i]);
        snprintf(expected, sizeof expected,
                 "--listen: \"%s\" is not right: it must be host:port, [v6]:port or unix:PATH", bad[i]);
        refuses(command_line, expected);
    }
    setenv("ROWLOCK_LISTEN", "a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1", 1);
    refuses("", "ROWLOCK_LISTEN names more than 16 addresses");
    setenv("ROWLOCK_LISTEN", " , ", 1);
    refuses("", "ROWLOCK_LISTEN: \" , \" is not right: it must name an address");
}

static void what_is_wrong_is_named_with_what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *command_line, *error;
    } cases[] = {
        {"--queue 0", "--queue: \"0\" is not right: it must be an integer from 1 to 1000000"},
        {"--queue 1000001", "--queue: \"1000001\" is not right: it must be an integer from 1 to 1000000"},
        {"--queue 1.5", "--queue: \"1.5\" is not right: it must be an integer from 1 to 1000000"},
        {"--queue=", "--queue: \"\" is not right: it must be an integer from 1 to 1000000"},
        {"--db-connections 65", "--db-connections: \"65\" is not right: it must be an integer from 1 to 64"},
        {"--workers x", "--workers: \"x\" is not right: it must be auto or an integer from 1 to 256"},
        {"--workers 2",
         "--workers: \"2\" is not right: SQLite has one worker; more need PostgreSQL (--database)"},
        {"--deadline 0.09",
         "--deadline: \"0.09\" is not right: it must be a number of seconds from 0.1 to 3600"},
        {"--deadline 3601",
         "--deadline: \"3601\" is not right: it must be a number of seconds from 0.1 to 3600"},
        {"--drain x", "--drain: \"x\" is not right: it must be a number of seconds from 0.1 to 3600"},
        {"--gzip=9", "--gzip: \"9\" is not right: it must be on or off"},
        {"--migrate=maybe", "--migrate: \"maybe\" is not right: it must be on or off"},
        {"--access-log=2", "--access-log: \"2\" is not right: it must be on or off"},
        {"--access-log-format apache",
         "--access-log-format: \"apache\" is not right: it must be log, common or combined"},
        {"--otlp h:4318", "--otlp is not right: it must begin with http:// or https://"},
        {"--trace-ratio 1.1", "--trace-ratio: \"1.1\" is not right: it must be a number from 0 to 1"},
        {"--trace-ratio 1%", "--trace-ratio: \"1%\" is not right: it must be a number from 0 to 1"},
        {"--log-format xml", "--log-format: \"xml\" is not right: it must be text or json"},
        {"--log-level loud", "--log-level: \"loud\" is not right: it must be debug, info, warn or error"},
        {"--pooler x", "--pooler: \"x\" is not right: it must be auto, none or transaction"},
        {"--distance x", "--distance: \"x\" is not right: it must be google, osrm or haversine"},
        {"--distance google", "--distance: \"google\" is not right: google needs GMAP_TOKEN"},
        {"--distance osrm", "--distance: \"osrm\" is not right: osrm needs OSRM_URL"},
        {"--queue", "--queue needs a value: database calls that may wait in a worker"},
        {"--total", "--total needs a value"},
        {"--quue 5", "--quue is not a flag of this command (did you mean --queue?); see rowlock --help"},
        {"--totl 5", "--totl is not a flag of this command (did you mean --total?); see rowlock --help"},
        {"--port 5",
         "--port is not a flag of this command (did you mean --listen HOST:PORT?); see rowlock --help"},
        {"--nonsense", "--nonsense is not a flag of this command; see rowlock --help"},
        {"a b 7", "\"7\" is one word too many (did you mean --total 7?); see rowlock --help"},
        {"a b c",
         "\"c\" is one word too many (a command comes first, flags such as --listen 127.0.0.1:8080 behind "
         "it); see rowlock --help"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        refuses(cases[i].command_line, cases[i].error);
}

static void passwords_are_in_no_message_and_in_no_list(void **state)
{
    (void)state;
    reads("--database mysql://u:SECRET@h/x");
    assert_non_null(error);
    assert_null(strstr(error, "SECRET"));
    reads("--cache redis://:SECRET@h:x");
    assert_non_null(error);
    assert_null(strstr(error, "SECRET"));
    setenv("GMAP_TOKEN", "SECRET", 1);
    setenv("https_proxy", "u:SECRET@proxy:1", 1);
    setenv("GITHUB_TOKEN", "", 1);
    takes("--database postgresql://u:SECRET@h/x --cache redis://:SECRET@h");
    shows("database", "postgresql://u:***@h/x", "--database");
    shows("cache", "redis://:***@h", "--cache");
    shows("gmap-token", "***", "GMAP_TOKEN");
    shows("github-token", "", "built-in");
    shows("https-proxy", "http://u:***@proxy:1", "https_proxy");
    assert_string_equal(settings.conninfo, "postgresql://u:SECRET@h/x");
}

static void switches_are_on_off_or_by_a_word(void **state)
{
    (void)state;
    static const char *const on[] = {"--migrate",     "--migrate=on", "--migrate=true",
                                     "--migrate=yes", "--migrate=1",  "--migrate=ON"},
                             *const off[] = {"--migrate=off", "--migrate=false", "--migrate=no",
                                             "--migrate=0", "--migrate=OFF"};
    for (size_t i = 0; i < COUNT(on); i++) {
        takes(on[i]);
        assert_true(settings.migrate);
    }
    for (size_t i = 0; i < COUNT(off); i++) {
        takes(off[i]);
        assert_false(settings.migrate);
    }
    takes("--access-log --log-format json");
    assert_true(settings.access_log);
    assert_int_equal(settings.log_format, LOG_JSON);
    takes("--access-log=off --log-format text --log-level error");
    assert_false(settings.access_log);
    assert_int_equal(settings.log_format, LOG_TEXT);
    assert_int_equal(settings.log_level, LOG_ERROR);
    shows("log-format", "text", "--log-format");
    shows("access-log", "off", "--access-log");
}

static void numbers_depend_on_the_machine_where_that_is_said(void **state)
{
    (void)state;
    takes("--workers auto");
    assert_int_equal(settings.workers, 1); /* on SQLite */
    takes("--workers auto --database host=h");
    assert_int_equal(settings.workers, sysconf(_SC_NPROCESSORS_ONLN));
    takes("--workers 256 --database host=h --max-connections 1 --db-connections 64 --queue 1000000");
    assert_int_equal(settings.workers, 256);
    assert_int_equal(settings.max_connections, 1);
    assert_int_equal(settings.db_connections, 64);
    assert_false(reads("--max-connections 1048577"));
}

static void the_token_chooses_who_measures_distances(void **state)
{
    (void)state;
    setenv("GMAP_TOKEN", "t", 1);
    takes("");
    shows("distance", "google", "built-in");
    takes("--distance haversine");
    shows("distance", "haversine", "--distance");
    setenv("OSRM_URL", "ftp://h", 1);
    refuses("--distance osrm", "OSRM_URL is not right: it must begin with http:// or https://");
    setenv("OSRM_URL", "https://h", 1);
    takes("--distance osrm");
    shows("osrm-url", "https://h", "OSRM_URL");
    setenv("GITHUB_TOKEN", "two words", 1);
    refuses("", "GITHUB_TOKEN is not right: it must be one word of ASCII");
    setenv("GITHUB_TOKEN", "t", 1);
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b", 1);
    refuses(
        "",
        "OTEL_EXPORTER_OTLP_HEADERS is not right: it must be name=value, by comma, values percent-encoded");
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0ab", 1);
    refuses(
        "",
        "OTEL_EXPORTER_OTLP_HEADERS is not right: it must be name=value, by comma, values percent-encoded");
    unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
    setenv("GITHUB_API_URL", "h", 1);
    refuses("", "GITHUB_API_URL is not right: it must begin with http:// or https://");
}

/* ---- files ---- */

static char path[64];

static void write_file(const void *bytes, size_t length)
{
    strcpy(path, "/tmp/rowlock-settings-XXXXXX");
    int fd = mkstemp(path);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

static void a_secret_may_be_in_a_file(void **state)
{
    (void)state;
    char expected[256];
    write_file("secret\r\n\n", 9);
    setenv("GMAP_TOKEN_FILE", path, 1);
    takes("");
    assert_string_equal(distance()->gmap_token, "secret");
    shows("gmap-token", "***", "GMAP_TOKEN_FILE");
    setenv("GMAP_TOKEN", "x", 1);
    refuses("", "GMAP_TOKEN and GMAP_TOKEN_FILE are both set; set one");
    unsetenv("GMAP_TOKEN");
    unlink(path);
    snprintf(expected, sizeof expected, "GMAP_TOKEN_FILE: cannot read %s: No such file or directory", path);
    refuses("", expected);
    write_file("a\0b", 3);
    setenv("GMAP_TOKEN_FILE", path, 1);
    snprintf(expected, sizeof expected, "GMAP_TOKEN_FILE: cannot read %s: it is no text", path);
    refuses("", expected);
    unlink(path);
    write_file("\n", 1);
    setenv("GMAP_TOKEN_FILE", path, 1);
    takes("");
    shows("gmap-token", "", "GMAP_TOKEN_FILE, which is empty");
    unsetenv("GMAP_TOKEN_FILE");
    setenv("DATABASE_URL_FILE", path, 1);
    refuses("", "DATABASE_URL_FILE: its file is empty");
    unlink(path);
}

static void a_file_that_is_too_long_is_no_secret(void **state)
{
    (void)state;
    static char bytes[65536];
    char expected[256];
    memset(bytes, 'x', sizeof bytes);
    write_file(bytes, sizeof bytes);
    setenv("GMAP_TOKEN_FILE", path, 1);
    snprintf(expected, sizeof expected, "GMAP_TOKEN_FILE: cannot read %s: it is too long", path);
    refuses("", expected);
    unlink(path);
    write_file(bytes, sizeof bytes - 1);
    setenv("GMAP_TOKEN_FILE", path, 1);
    takes("");
    assert_int_equal(strlen(distance()->gmap_token), sizeof bytes - 1);
    unlink(path);
}

/* ---- databases ---- */

static void the_parts_of_a_database_are_put_together(void **state)
{
    (void)state;
    setenv("DB_HOST", "h", 1);
    setenv("DB_USER", "u", 1);
    setenv("DB_PASSWORD", "a'b", 1);
    setenv("DB_NAME", "n", 1);
    setenv("DB_PORT", "5433", 1);
    takes("");
    assert_string_equal(settings.conninfo, "host='h' port='5433' user='u' password='a\\'b' dbname='n'");
    shows("database", "host='h' port='5433' user='u' password=*** dbname='n'",
          "environment DB_HOST and its likes");
    setenv("DB_USERNAME", "v", 1); /* before DB_USER */
    takes("");
    assert_non_null(strstr(settings.conninfo, "user='v'"));
    setenv("DB_PORT", "x", 1);
    refuses("", "DB_PORT is not right: it must be a port from 1 to 65535");
    takes("--database sqlite:a.db");
    assert_string_equal(settings.sqlite_path, "a.db");
    unsetenv("DB_HOST");
    unsetenv("DB_NAME");
    takes("");
    assert_string_equal(settings.sqlite_path, "rowlock.db"); /* the others alone name none */
}

static void libpq_may_know_the_database(void **state)
{
    (void)state;
    setenv("PGUSER", "u", 1);
    takes("");
    assert_string_equal(settings_engine(&settings), "sqlite");
    setenv("PGHOST", "h", 1);
    takes("");
    assert_string_equal(settings_engine(&settings), "postgres");
    shows("database", "PGHOST=h PGUSER=u", "libpq's environment");
}

/* ---- commands ---- */

static void words_and_flags_of_a_command_are_told_apart(void **state)
{
    (void)state;
    takes("one --total 5 --dry two");
    assert_int_equal(line.word_count, 2);
    assert_string_equal(line.words[0], "one");
    assert_string_equal(line.words[1], "two");
    assert_string_equal(command_line_value(&line, "--total"), "5");
    assert_string_equal(command_line_value(&line, "--dry"), "");
    takes("-t=6 -");
    assert_string_equal(command_line_value(&line, "--total"), "6");
    assert_null(command_line_value(&line, "--dry"));
    assert_string_equal(line.words[0], "-");
}

static char mistyped[256];

static void note(const char *variable, const char *meant)
{
    strcat(mistyped, variable);
    strcat(mistyped, ">");
    strcat(mistyped, meant);
    strcat(mistyped, " ");
}

static void a_variable_that_looks_mistyped_is_told(void **state)
{
    (void)state;
    strcpy(mistyped, "");
    setenv("ROWLOCK_QUEUE", "5", 1);
    setenv("ROWLOCK_QEUE", "5", 1);
    setenv("ROWLOCK_NONSENSE", "5", 1);
    setenv("QUEUE", "5", 1);
    takes("");
    settings_find_mistyped(&settings, note);
    assert_string_equal(mistyped, "ROWLOCK_QEUE>ROWLOCK_QUEUE ");
}

static void help_has_a_line_for_each(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    settings_print_help(apps_settings(), out);
    fclose(out);
    assert_non_null(strstr(
        text, "\n  --queue N              ROWLOCK_QUEUE              database calls that may wait in a "
              "worker [1024]\n"));
    assert_non_null(strstr(text, "\n                         GMAP_TOKEN "));
    assert_memory_equal(text, "  --settings FILE        ROWLOCK_SETTINGS ", 42);
    free(text);
}

#define SETTINGS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS(without_a_word_the_built_in_values_hold),
        SETTINGS(a_flag_wins_over_a_variable),
        SETTINGS(the_first_of_two_variables_wins),
        SETTINGS(addresses_to_listen_on_may_be_several),
        SETTINGS(what_is_wrong_is_named_with_what_is_right),
        SETTINGS(passwords_are_in_no_message_and_in_no_list),
        SETTINGS(switches_are_on_off_or_by_a_word),
        SETTINGS(numbers_depend_on_the_machine_where_that_is_said),
        SETTINGS(the_token_chooses_who_measures_distances),
        SETTINGS(a_secret_may_be_in_a_file),
        SETTINGS(a_file_that_is_too_long_is_no_secret),
        SETTINGS(the_parts_of_a_database_are_put_together),
        SETTINGS(libpq_may_know_the_database),
        SETTINGS(words_and_flags_of_a_command_are_told_apart),
        SETTINGS(a_variable_that_looks_mistyped_is_told),
        SETTINGS(help_has_a_line_for_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
