/* What the kernel says of this process: processor time, memory, descriptors. */
#ifndef ROWLOCK_METRICS_PROCESS_METRICS_H
#define ROWLOCK_METRICS_PROCESS_METRICS_H

/* Asks, and sets the metrics of this process. Some microseconds; where the kernel does not count descriptors (before
 * Linux 6.2) they are counted here, each 15 seconds, which takes a microsecond for each. */
void process_metrics_sample(void);

#endif
