/* metrics: counting in memory that processes share, and what is printed of it. */
#include <config.h>

#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "metrics/metrics.h"
#include "metrics/metrics_text.h"
#include "metrics/process_metrics.h"

#define SLOTS 4
#define MANY 20000
#define MS UINT64_C(1000000)

/* Of the statuses; of the endpoints there are two. */
enum { STATUS_200, STATUS_404, STATUSES };

static int set_up(void **state)
{
    (void)state;
    metrics_add_value(LABEL_BUILD, (struct metric_pair[]){{"version", "1"}, {"http", "direct"}}, 2);
    metrics_add_value(LABEL_ENDPOINT, (struct metric_pair[]){{"method", "GET"}, {"route", "/a"}}, 2);
    metrics_add_value(LABEL_ENDPOINT, (struct metric_pair[]){{"method", "GET"}, {"route", "\"\\\n\""}}, 2);
    metrics_add_value(LABEL_STATUS, &(struct metric_pair){"status", "200"}, 1);
    metrics_add_value(LABEL_STATUS, &(struct metric_pair){"status", "404"}, 1);
    assert_true(metrics_open(SLOTS));
    metrics_attach(metrics_reserve());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_close();
    return 0;
}

/* ---- text ---- */

static struct buf text;

static const char *printed(enum metrics_format format)
{
    buf_fini(&text);
    text = BUF_INIT((size_t)1 << 20);
    metrics_write(&text, format);
    return buf_text(&text);
}

static void has(const char *lines)
{
    if (strstr(buf_text(&text), lines) == NULL)
        fail_msg("no\n%sin\n%s", lines, buf_text(&text));
}

static void has_not(const char *lines)
{
    if (strstr(buf_text(&text), lines) != NULL)
        fail_msg("%sin\n%s", lines, buf_text(&text));
}

static void seconds_have_no_zeros_at_their_end(void **state)
{
    static const struct {
        uint64_t nanoseconds;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "0.000000001"},
                 {500 * MS, "0.5"},
                 {1000 * MS, "1"},
                 {1000 * MS + 20, "1.00000002"},
                 {12345678901 * 1000, "12345.678901"}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_fini(&text);
        text = BUF_INIT(100);
        metrics_add_seconds(&text, cases[i].nanoseconds);
        assert_string_equal(buf_text(&text), cases[i].text);
    }
}

static void what_is_counted_is_printed_by_its_labels(void **state)
{
    (void)state;
    metric_add(METRIC_HTTP_REQUESTS, 0 * STATUSES + STATUS_404, 3);
    metric_add(METRIC_HTTP_REQUESTS, 1 * STATUSES + STATUS_200, 1);
    metric_add(METRIC_REFUSALS, REFUSAL_SLOW, 2);
    printed(METRICS_PROMETHEUS);
    has("# TYPE rowlock_http_requests_total counter\n"
        "rowlock_http_requests_total{method=\"GET\",route=\"/a\",status=\"404\"} 3\n"
        "rowlock_http_requests_total{method=\"GET\",route=\"\\\"\\\\\\n\\\"\",status=\"200\"} 1\n"
        "# HELP ");
    has("rowlock_refusals_total{reason=\"malformed\"} 0\nrowlock_refusals_total{reason=\"slow\"} 2\n");
    has("\nrowlock_http_received_bytes_total 0\n");
    has("# TYPE rowlock_build_info gauge\nrowlock_build_info{version=\"1\",http=\"direct\"} 1\n");
    has_not("# EOF");
    has_not("# UNIT");
}

static void openmetrics_names_the_metric_without_its_suffix(void **state)
{
    (void)state;
    metric_add(METRIC_HTTP_SENT, 0, 7);
    const char *all = printed(METRICS_OPENMETRICS);
    has("# TYPE rowlock_http_sent_bytes counter\n# UNIT rowlock_http_sent_bytes bytes\n"
        "rowlock_http_sent_bytes_total 7\n");
    has("# TYPE rowlock_build info\nrowlock_build_info{");
    assert_string_equal(all + strlen(all) - 6, "# EOF\n");
}

static void what_is_one_for_all_is_not_there_until_somebody_has_said_it(void **state)
{
    (void)state;
    printed(METRICS_PROMETHEUS);
    has_not("\nrowlock_orders_dead_rows ");
    metric_set_for_all(METRIC_ORDERS_DEAD_ROWS, 0, 0);
    printed(METRICS_PROMETHEUS);
    has("\nrowlock_orders_dead_rows 0\n");
    metric_set_for_all(METRIC_ORDERS_DEAD_ROWS, 0, 7);
    metrics_release(1);
    printed(METRICS_PROMETHEUS);
    has("\nrowlock_orders_dead_rows 7\n");
}

static void buckets_count_what_is_not_above_their_bound(void **state)
{
    (void)state;
    metric_observe(METRIC_LOOP_LAG, 0, 0);
    metric_observe(METRIC_LOOP_LAG, 0, 1 * MS);
    metric_observe(METRIC_LOOP_LAG, 0, 1 * MS + 1);
    metric_observe(METRIC_LOOP_LAG, 0, 1000 * MS);
    metric_observe(METRIC_LOOP_LAG, 0, 5000 * MS);
    printed(METRICS_PROMETHEUS);
    has("# TYPE rowlock_loop_lag_seconds histogram\n"
        "rowlock_loop_lag_seconds_bucket{le=\"0.001\"} 2\n"
        "rowlock_loop_lag_seconds_bucket{le=\"0.0025\"} 3\n");
    has("rowlock_loop_lag_seconds_bucket{le=\"0.5\"} 3\n"
        "rowlock_loop_lag_seconds_bucket{le=\"1.0\"} 4\n"
        "rowlock_loop_lag_seconds_bucket{le=\"+Inf\"} 5\n"
        "rowlock_loop_lag_seconds_sum 6.002000001\n"
        "rowlock_loop_lag_seconds_count 5\n");
}

static void a_histogram_of_a_label_has_buckets_of_its_own(void **state)
{
    (void)state;
    metric_observe(METRIC_HTTP_REQUEST_DURATION, 1, 3 * MS);
    printed(METRICS_PROMETHEUS);
    has("# TYPE rowlock_http_request_duration_seconds histogram\n"
        "rowlock_http_request_duration_seconds_bucket{method=\"GET\",route=\"\\\"\\\\\\n\\\"\",le=\"0.0005\"}"
        " 0\n");
    has("le=\"0.005\"} 1\n");
    has("rowlock_http_request_duration_seconds_sum{method=\"GET\",route=\"\\\"\\\\\\n\\\"\"} 0.003\n");
    has_not("seconds_bucket{method=\"GET\",route=\"/a\"");
}

/* ---- another process ---- */

/* Runs in a process of its own, which has the slot. */
static void in_process(size_t slot, void (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        metrics_attach(slot);
        what();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- exemplars ---- */

#define OF_A(bound)                                                                                          \
    "rowlock_http_request_duration_seconds_bucket{method=\"GET\",route=\"/a\",le=\"" bound "\"} "

static const unsigned char one[METRIC_TRACE_BYTES] = {0x0a, 0xf7, [15] = 0x9c},
                           other[METRIC_TRACE_BYTES] = {0xff, [15] = 1};

static void exemplify(const unsigned char *trace, uint64_t value)
{
    metric_observe(METRIC_HTTP_REQUEST_DURATION, 0, value);
    metric_exemplify(METRIC_HTTP_REQUEST_DURATION, 0, value, trace);
}

static void a_bucket_names_the_newest_trace_of_its_own(void **state)
{
    (void)state;
    exemplify(one, 3 * MS);
    exemplify(other, 4 * MS);
    exemplify(one, 20000 * MS);
    printed(METRICS_OPENMETRICS);
    has(OF_A("0.005") "2 # {trace_id=\"ff000000000000000000000000000001\"} 0.004 ");
    has(OF_A("0.0025") "0\n");
    has(OF_A("0.01") "2\n"); /* what it counts, and is of the bucket below, it does not name */
    has(OF_A("+Inf") "3 # {trace_id=\"0af7000000000000000000000000009c\"} 20 ");
    printed(METRICS_PROMETHEUS);
    has_not("trace_id");
}

static void exemplify_later(void)
{
    exemplify(other, 3 * MS);
}

static void the_newest_of_all_processes_is_named(void **state)
{
    (void)state;
    exemplify(one, 3 * MS);
    in_process(metrics_reserve(), exemplify_later);
    printed(METRICS_OPENMETRICS);
    has(OF_A("0.005") "2 # {trace_id=\"ff000000000000000000000000000001\"} 0.003 ");
    exemplify(one, 4 * MS);
    printed(METRICS_OPENMETRICS);
    has(OF_A("0.005") "3 # {trace_id=\"0af7000000000000000000000000009c\"} 0.004 ");
}

/* ---- the table ---- */

static void every_row_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_rows[i];
        assert_non_null(row->name);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        assert_null(strpbrk(row->help, "\\\n\""));
        assert_int_equal(row->type == METRIC_HISTOGRAM, row->bounds != NULL);
        for (size_t k = 1; row->bounds != NULL && k < row->bounds->count; k++)
            assert_true(row->bounds->at[k - 1] < row->bounds->at[k]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(row->name, metric_rows[k].name);
    }
    for (int label = 0; label < LABELS; label++)
        for (size_t i = 0; i < metric_words[label].count; i++)
            assert_non_null(metric_words[label].words[i]);
}

/* ---- processes ---- */

static void count_many(void)
{
    for (int i = 0; i < MANY; i++)
        metric_add(METRIC_HTTP_SENT, 0, 1);
    metric_set(METRIC_HTTP_CONNECTIONS, CONNECTION_IDLE, 5);
}

static void what_a_process_has_counted_outlives_it(void **state)
{
    (void)state;
    size_t slot = metrics_reserve();
    assert_int_equal(slot, 2);
    metric_set(METRIC_HTTP_CONNECTIONS, CONNECTION_IDLE, 1);
    in_process(slot, count_many);
    assert_int_equal(metrics_sum(METRIC_HTTP_SENT, 0), MANY);
    assert_int_equal(metrics_sum(METRIC_HTTP_CONNECTIONS, CONNECTION_IDLE), 6);
    metrics_release(slot);
    assert_int_equal(metrics_sum(METRIC_HTTP_SENT, 0), MANY);
    assert_int_equal(metrics_sum(METRIC_HTTP_CONNECTIONS, CONNECTION_IDLE), 1);
    assert_int_equal(metrics_reserve(), slot);
    in_process(slot, count_many);
    assert_int_equal(metrics_sum(METRIC_HTTP_SENT, 0), 2 * MANY);
}

static void nothing_is_lost_where_processes_share_a_slot(void **state)
{
    pid_t pids[4];
    (void)state;
    assert_int_equal(metrics_reserve(), 2);
    assert_int_equal(metrics_reserve(), 3);
    size_t slot = metrics_reserve();
    assert_int_equal(slot, 3);
    for (size_t i = 0; i < COUNT(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            metrics_attach(slot);
            count_many();
            _exit(0);
        }
    }
    for (size_t i = 0; i < COUNT(pids); i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    assert_int_equal(metrics_sum(METRIC_HTTP_SENT, 0), COUNT(pids) * MANY);
}

static void each_process_says_what_it_uses(void **state)
{
    size_t slot = metrics_reserve();
    (void)state;
    process_metrics_sample();
    in_process(slot, process_metrics_sample);
    printed(METRICS_PROMETHEUS);
    has("\nprocess_open_fds{process=\"1\"} ");
    has("\nprocess_open_fds{process=\"2\"} ");
    has_not("process_open_fds{process=\"1\"} 0\n");
    has_not("process_resident_memory_bytes{process=\"2\"} 0\n");
    metrics_release(slot);
    printed(METRICS_PROMETHEUS);
    has("\nprocess_open_fds{process=\"1\"} ");
    has_not("{process=\"2\"}");
}

static void who_has_no_slot_counts_nothing(void **state)
{
    (void)state;
    metrics_close();
    metric_add(METRIC_HTTP_SENT, 0, 1);
    metric_observe(METRIC_LOOP_LAG, 0, 1);
    metric_exemplify(METRIC_HTTP_REQUEST_DURATION, 0, 1, one);
    assert_int_equal(metrics_reserve(), 0);
    metrics_attach(0);
    metric_add(METRIC_HTTP_SENT, 0, 1);
    metrics_release(0);
    assert_int_equal(metrics_slots(), 0);
}

static int free_text(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_have_no_zeros_at_their_end),
        cmocka_unit_test_setup_teardown(what_is_counted_is_printed_by_its_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(openmetrics_names_the_metric_without_its_suffix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_one_for_all_is_not_there_until_somebody_has_said_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(buckets_count_what_is_not_above_their_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_histogram_of_a_label_has_buckets_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bucket_names_the_newest_trace_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_of_all_processes_is_named, set_up, tear_down),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test_setup_teardown(what_a_process_has_counted_outlives_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_where_processes_share_a_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_process_says_what_it_uses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_no_slot_counts_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, free_text);
}
