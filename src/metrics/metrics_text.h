/* What was counted, as text: Prometheus' format 0.0.4, or OpenMetrics 1.0.0. The latter has exemplars: of the
 * buckets of a histogram, a trace that is recorded, with its value (section 4.6.1). */
#ifndef ROWLOCK_METRICS_METRICS_TEXT_H
#define ROWLOCK_METRICS_METRICS_TEXT_H

#include "base/buf.h"

#define METRICS_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum metrics_format {
    METRICS_PROMETHEUS,
    METRICS_OPENMETRICS,
};

void metrics_write(struct buf *out, enum metrics_format format);

/* Seconds of a number of nanoseconds, without zeros at the end: "1.5", "2". */
void metrics_add_seconds(struct buf *out, uint64_t nanoseconds);

#endif
