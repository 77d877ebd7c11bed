/* base/log: lines as people and as programs read them, and what becomes of them when nobody takes them. */
#include <config.h>

#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

static int real_stderr, pipe_fds[2];

static int set_up(void **state)
{
    (void)state;
    real_stderr = dup(STDERR_FILENO);
    log_setup(LOG_INFO, LOG_TEXT);
    return pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) != 0 || dup2(pipe_fds[1], STDERR_FILENO) < 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_wakeup(NULL, NULL);
    log_set_worker(0);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/* What came out of the pipe, behind the time, whose length does not change. */
static const char *written(size_t from)
{
    static char text[8192];
    ssize_t count = read(pipe_fds[0], text, sizeof text - 1);
    text[count > 0 ? count : 0] = '\0';
    return strlen(text) >= from ? text + from : text;
}

#define TIME "2026-01-02T03:04:05.678Z"

static void a_line_of_text_has_words_and_quotes_what_is_none(void **state)
{
    (void)state;
    log_warn("a message", LOG_S("a", "word"), LOG_S("b", "two words"), LOG_S("c", ""), LOG_S("d", "a=b"),
             LOG_S("e", "q\"\\\n"), LOG_I("n", -5), LOG_MS("t", 1234567), LOG_S("missing", NULL));
    assert_string_equal(
        written(sizeof TIME - 1),
        " warn  a message a=word b=\"two words\" c=\"\" d=\"a=b\" e=\"q\\\"\\\\\\n\" n=-5 t=1.235\n");
}

static void a_line_of_json_is_an_object(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    log_set_worker(3);
    log_error("a \"message\"", LOG_S("a", "b"), LOG_I("n", 7), LOG_MS("t", 500000), LOG_S("missing", NULL));
    assert_string_equal(written(sizeof "{\"time\":\"" TIME - 1),
                        "\",\"level\":\"error\",\"message\":\"a "
                        "\\\"message\\\"\",\"worker\":3,\"a\":\"b\",\"n\":7,\"t\":0.500}\n");
}

static void a_worker_is_named_in_its_lines(void **state)
{
    (void)state;
    log_set_worker(2);
    log_info("x");
    assert_string_equal(written(sizeof TIME - 1), " info  x worker=2\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    log_debug("x");
    assert_string_equal(written(0), "");
    assert_true(log_enabled(LOG_INFO));
    assert_false(log_enabled(LOG_DEBUG));
    assert_string_equal(log_level_names[LOG_DEBUG], "debug");
    assert_string_equal(log_level_names[LOG_ERROR], "error");
    assert_null(log_level_names[LOG_ERROR + 1]);
}

static int wakeups;

static void on_wakeup(void *argument)
{
    assert_ptr_equal(argument, &wakeups);
    wakeups++;
}

static void lines_are_gathered_for_who_wants_to_be_told(void **state)
{
    (void)state;
    wakeups = 0;
    log_set_wakeup(on_wakeup, &wakeups);
    log_info("one");
    log_info("two");
    assert_int_equal(wakeups, 1);
    assert_string_equal(written(0), "");
    log_flush();
    const char *text = written(sizeof TIME - 1);
    assert_memory_equal(text, " info  one\n", 11);
    assert_non_null(strstr(text, " info  two\n"));
    log_info("three");
    assert_int_equal(wakeups, 2);
    log_flush();
}

static void fill(void)
{
    char zeros[4096] = "";
    while (write(pipe_fds[1], zeros, sizeof zeros) > 0)
        ;
}

static void drain(void)
{
    char bytes[4096];
    while (read(pipe_fds[0], bytes, sizeof bytes) > 0)
        ;
}

static void lines_that_nobody_took_are_counted_in_the_next(void **state)
{
    (void)state;
    fill();
    for (int i = 0; i < 5; i++)
        log_info("lost");
    drain();
    log_info("taken");
    const char *text = written(sizeof TIME - 1);
    assert_memory_equal(text, " warn  log lines lost, stderr did not take them lines=", 53);
    assert_non_null(
        strstr(text, "lines=5\n")); /* the lines that said so and were lost as well are none of them */
    assert_non_null(strstr(text, " info  taken\n"));
    log_info("another");
    assert_string_equal(written(sizeof TIME - 1), " info  another\n");
}

/* What was gathered beyond a megabyte is lost as well. */
static void a_buffer_that_is_full_takes_no_more_and_says_so(void **state)
{
    (void)state;
    char lengthy[10000];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    log_set_wakeup(on_wakeup, &wakeups);
    for (int i = 0; i < 110; i++)
        log_info(lengthy);
    fill();
    log_flush();
    drain();
    log_set_wakeup(NULL, NULL);
    log_info("taken");
    assert_non_null(strstr(written(0), " lines=110\n"));
}

/* What a pipe takes without blocking is PIPE_BUF; no piece of it ends in the middle of a line. */
static void many_lines_leave_in_pieces_of_whole_lines(void **state)
{
    (void)state;
    char lengthy[1500];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    log_set_wakeup(on_wakeup, &wakeups);
    for (int i = 0; i < 5; i++)
        log_info(lengthy);
    log_flush();
    const char *text = written(0);
    assert_int_equal(strlen(text), 5 * (sizeof TIME - 1 + 7 + sizeof lengthy - 1 + 1));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

#define LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG(a_line_of_text_has_words_and_quotes_what_is_none),
        LOG(a_line_of_json_is_an_object),
        LOG(a_worker_is_named_in_its_lines),
        LOG(what_is_below_the_level_is_not_written),
        LOG(lines_are_gathered_for_who_wants_to_be_told),
        LOG(lines_that_nobody_took_are_counted_in_the_next),
        LOG(a_buffer_that_is_full_takes_no_more_and_says_so),
        LOG(many_lines_leave_in_pieces_of_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
