/* Counting, in memory that all processes of a server share, so that any of them can print what all have counted.
 *
 * Each process adds to a slot of its own, by relaxed atomics and without locks, so counting is an addition at a place
 * that is known when the server starts. What the process that had a slot before has counted stays there, and its
 * successor adds to it: counters never go back, whoever dies. Gauges are what a process has said last, and count as
 * long as it is there.
 *
 * Order of calls: metrics_add_value for each label whose values are not known before (metric.h), metrics_open, before
 * the first fork; then metrics_attach in each process that counts, with a number of metrics_reserve or its own; and
 * metrics_release, by anybody, when it is gone. Before metrics_attach counting does nothing. */
#ifndef ROWLOCK_METRICS_METRICS_H
#define ROWLOCK_METRICS_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/metric.h"

/* ---- opening ---- */

struct metric_pair {
    const char *name, *value;
};

/* The next value of a label: one pair or two. Copied. */
void metrics_add_value(enum metric_label label, const struct metric_pair *pairs, size_t count);

/* Makes room for so many processes. False with errno when there is no memory. */
bool metrics_open(size_t slots);
void metrics_close(void); /* forgets everything, values of labels too */

/* ---- processes ---- */

/* The number of a slot that nobody has, for a process that is about to begin; the last one, which several may share,
 * when there is none. Slot 0 is never given. */
size_t metrics_reserve(void);
void metrics_attach(size_t slot); /* this process counts there from now on */
void metrics_release(size_t slot);
size_t metrics_slot(void); /* of this process; SIZE_MAX: it has none */
bool metrics_is_attached(size_t slot); /* a process has it, and was not released */

/* ---- counting ---- */

extern _Atomic uint64_t *metrics_cells; /* of this process; NULL: it does not count */
extern size_t metrics_places[METRICS];  /* the first cell of each metric */

/* at: the position among the combinations of labels, in the order of the row: of two labels the first times the count
 * of the second, and the second; 0 of a metric without labels. */
static inline void metric_add(enum metric metric, size_t at, uint64_t count)
{
    if (metrics_cells != NULL)
        atomic_fetch_add_explicit(&metrics_cells[metrics_places[metric] + at], count, memory_order_relaxed);
}

/* Of a gauge. */
static inline void metric_set(enum metric metric, size_t at, uint64_t value)
{
    if (metrics_cells != NULL)
        atomic_store_explicit(&metrics_cells[metrics_places[metric] + at], value, memory_order_relaxed);
}

/* Of a gauge that any process may know, and that is the same for all (for_all). */
void metric_set_for_all(enum metric metric, size_t at, uint64_t value);

void metric_observe(enum metric metric, size_t at, uint64_t value); /* of a histogram */

#define METRIC_TRACE_BYTES 16u

/* Remembers which trace such a value was of, as the newest of its bucket; of a histogram that is traced. */
void metric_exemplify(enum metric metric, size_t at, uint64_t value,
                      const unsigned char trace[static METRIC_TRACE_BYTES]);

/* ---- reading ---- */

size_t metrics_values(enum metric_label label); /* how many a label has; 1 of LABEL_NONE */
const char *metrics_value(enum metric_label label,
                          size_t at); /* name="value", escaped; two of them by a comma */

/* A counter's or gauge's sum over all processes. */
uint64_t metrics_sum(enum metric metric, size_t at);

/* A histogram's: each bucket by itself, as many as bounds and one, and the sum of all values. */
void metrics_sum_buckets(enum metric metric, size_t at, uint64_t *buckets, uint64_t *sum);

struct metric_exemplar {
    unsigned char trace[METRIC_TRACE_BYTES];
    uint64_t value;
    int64_t at; /* nanoseconds since 1970 */
};

/* The newest of a bucket; false: there is none. */
bool metrics_exemplar(enum metric metric, size_t at, size_t bucket, struct metric_exemplar *newest);

/* Of one process; false: nobody has the slot. */
bool metrics_of(size_t slot, enum metric metric, uint64_t *value);
size_t metrics_slots(void);

#endif
