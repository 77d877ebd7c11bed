/* metrics_write -> add_metric for each row: add_head, and then add_sum, add_histogram or add_each for each combination
 * of its labels. */
#include <config.h>

#include "metrics/metrics_text.h"

#include "metrics/metrics.h"

static const char *const type_words[] = {[METRIC_COUNTER] = "counter",
                                         [METRIC_GAUGE] = "gauge",
                                         [METRIC_HISTOGRAM] = "histogram",
                                         [METRIC_INFO] = "info"};
static const char *const suffixes[] = {
    [METRIC_COUNTER] = "_total", [METRIC_GAUGE] = "", [METRIC_HISTOGRAM] = "", [METRIC_INFO] = "_info"};
static const char *const units[] = {
    [METRIC_NUMBER] = NULL, [METRIC_BYTES] = "bytes", [METRIC_SECONDS] = "seconds"};

/* ---- numbers ---- */

void metrics_add_seconds(struct buf *out, uint64_t nanoseconds)
{
    char digits[9];
    size_t length = 9;
    uint64_t rest = nanoseconds % 1000000000;
    buf_add_int(out, (int64_t)(nanoseconds / 1000000000));
    for (size_t i = 9; i-- > 0; rest /= 10)
        digits[i] = (char)('0' + rest % 10);
    while (length > 0 && digits[length - 1] == '0')
        length--;
    if (length > 0)
        buf_add_char(out, '.');
    buf_add(out, digits, length);
}

static void add_number(struct buf *out, enum metric_unit unit, uint64_t number)
{
    if (unit == METRIC_SECONDS)
        metrics_add_seconds(out, number);
    else
        buf_add_int(out, (int64_t)number);
}

/* The value of a label, so always with a point, as OpenMetrics wants it: another text would be another series. */
static void add_bound(struct buf *out, enum metric_unit unit, uint64_t bound)
{
    add_number(out, unit, bound);
    if (unit != METRIC_SECONDS || bound % 1000000000 == 0)
        buf_add_string(out, ".0");
}

/* ---- the head of a metric ---- */

static void begin(struct buf *out, const char *word, const char *name, const char *suffix)
{
    buf_add_string(out, word);
    buf_add_string(out, name);
    buf_add_string(out, suffix);
    buf_add_char(out, ' ');
}

static void add_line(struct buf *out, const char *text)
{
    buf_add_string(out, text);
    buf_add_char(out, '\n');
}

/* Prometheus' format names what stands in the lines, and knows no info; OpenMetrics names the metric. */
static void add_head(struct buf *out, const struct metric_row *row, enum metrics_format format)
{
    bool open = format == METRICS_OPENMETRICS;
    const char *suffix = open ? "" : suffixes[row->type];
    enum metric_type type = row->type == METRIC_INFO && !open ? METRIC_GAUGE : row->type;
    begin(out, "# HELP ", row->name, suffix);
    add_line(out, row->help);
    begin(out, "# TYPE ", row->name, suffix);
    add_line(out, type_words[type]);
    if (open && units[row->unit] != NULL) {
        begin(out, "# UNIT ", row->name, suffix);
        add_line(out, units[row->unit]);
    }
}

/* ---- lines ---- */

/* A line of a metric: which, and by which labels. */
struct series {
    struct buf *out;
    const struct metric_row *row;
    const char *labels[METRIC_LABELS_MAX]; /* NULL: none */
    bool exemplars;                        /* are shown, if it has some */
};

static void add_labels(const struct series *series)
{
    const char *before = "{";
    for (size_t i = 0; i < METRIC_LABELS_MAX && series->labels[i] != NULL; i++) {
        buf_add_string(series->out, before);
        buf_add_string(series->out, series->labels[i]);
        before = ",";
    }
}

static void begin_line(const struct series *series, const char *suffix)
{
    buf_add_string(series->out, series->row->name);
    buf_add_string(series->out, suffix);
    add_labels(series);
}

/* Behind the labels of the series; with one more, which has been written, has_more. */
static void add_value(const struct series *series, bool has_more, enum metric_unit unit, uint64_t number)
{
    buf_add_string(series->out, has_more || series->labels[0] != NULL ? "} " : " ");
    add_number(series->out, unit, number);
}

static void end_line(const struct series *series, bool has_more, enum metric_unit unit, uint64_t number)
{
    add_value(series, has_more, unit, number);
    buf_add_char(series->out, '\n');
}

static void begin_label(const struct series *series, const char *name)
{
    buf_add_char(series->out, series->labels[0] != NULL ? ',' : '{');
    buf_add_string(series->out, name);
    buf_add_string(series->out, "=\"");
}

/* The number of a metric of the table, from the row. */
static enum metric metric_of(const struct series *series)
{
    return (enum metric)(series->row - metric_rows);
}

static void add_sum(const struct series *series, size_t at)
{
    uint64_t sum = metrics_sum(metric_of(series), at);
    if (sum == 0 && (series->row->sparse || series->row->for_all))
        return;
    sum -= series->row->for_all;
    begin_line(series, suffixes[series->row->type]);
    end_line(series, false, series->row->unit, series->row->type == METRIC_INFO ? 1 : sum);
}

static void add_exemplar(const struct series *series, size_t at, size_t bucket)
{
    static const char hex[] = "0123456789abcdef";
    struct metric_exemplar exemplar;
    if (!metrics_exemplar(metric_of(series), at, bucket, &exemplar))
        return;
    buf_add_string(series->out, " # {trace_id=\"");
    for (size_t i = 0; i < METRIC_TRACE_BYTES; i++) {
        buf_add_char(series->out, hex[exemplar.trace[i] >> 4]);
        buf_add_char(series->out, hex[exemplar.trace[i] & 15]);
    }
    buf_add_string(series->out, "\"} ");
    add_number(series->out, series->row->unit, exemplar.value);
    buf_add_char(series->out, ' ');
    metrics_add_seconds(series->out, (uint64_t)exemplar.at);
}

static void add_bucket(const struct series *series, size_t at, size_t bucket, uint64_t count)
{
    const struct metric_bounds *bounds = series->row->bounds;
    begin_line(series, "_bucket");
    begin_label(series, "le");
    if (bucket < bounds->count)
        add_bound(series->out, series->row->unit, bounds->at[bucket]);
    else
        buf_add_string(series->out, "+Inf");
    buf_add_char(series->out, '"');
    add_value(series, true, METRIC_NUMBER, count);
    if (series->exemplars)
        add_exemplar(series, at, bucket);
    buf_add_char(series->out, '\n');
}

/* Printed buckets count all that is not above their bound. */
static void add_histogram(const struct series *series, size_t at)
{
    uint64_t buckets[METRIC_BOUNDS_MAX + 1], sum, count = 0;
    size_t last = series->row->bounds->count;
    metrics_sum_buckets(metric_of(series), at, buckets, &sum);
    for (size_t i = 0; i <= last; i++)
        count += buckets[i];
    if (count == 0 && series->row->sparse)
        return;
    count = 0;
    for (size_t i = 0; i <= last; i++)
        add_bucket(series, at, i, count += buckets[i]);
    begin_line(series, "_sum");
    end_line(series, false, series->row->unit, sum);
    begin_line(series, "_count");
    end_line(series, false, METRIC_NUMBER, count);
}

static void add_each(const struct series *series)
{
    uint64_t value;
    for (size_t slot = 0; slot < metrics_slots(); slot++) {
        if (!metrics_of(slot, metric_of(series), &value))
            continue;
        begin_line(series, suffixes[series->row->type]);
        begin_label(series, "process");
        buf_add_int(series->out, (int64_t)slot);
        buf_add_char(series->out, '"');
        end_line(series, true, series->row->unit, value);
    }
}

static void add_series(struct series *series, size_t at)
{
    size_t second = metrics_values(series->row->labels[1]), index[] = {at / second, at % second};
    for (size_t i = 0; i < METRIC_LABELS_MAX; i++)
        series->labels[i] =
            series->row->labels[i] != LABEL_NONE ? metrics_value(series->row->labels[i], index[i]) : NULL;
    if (series->row->type == METRIC_HISTOGRAM)
        add_histogram(series, at);
    else
        add_sum(series, at);
}

static void add_metric(struct buf *out, const struct metric_row *row, enum metrics_format format)
{
    struct series series = {
        .out = out, .row = row, .exemplars = row->traced && format == METRICS_OPENMETRICS};
    size_t count = metrics_values(row->labels[0]) * metrics_values(row->labels[1]);
    add_head(out, row, format);
    if (row->each)
        add_each(&series);
    else
        for (size_t at = 0; at < count; at++)
            add_series(&series, at);
}

void metrics_write(struct buf *out, enum metrics_format format)
{
    for (int i = 0; i < METRICS; i++)
        add_metric(out, &metric_rows[i], format);
    if (format == METRICS_OPENMETRICS)
        buf_add_string(out, "# EOF\n");
}
