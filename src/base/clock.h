/* Time. Deadlines and ages use the monotonic clock; people are shown wall time. */
#ifndef ROWLOCK_BASE_CLOCK_H
#define ROWLOCK_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MS INT64_C(1000000)

int64_t clock_now(void); /* nanoseconds of CLOCK_MONOTONIC, always read afresh */

/* What clock_now gave last: for figures that may be a turn of the loop too small. */
int64_t clock_last(void);

int64_t clock_wall(void); /* nanoseconds since 1970, as the host believes */

/* RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z; out holds at least 32 bytes. */
void clock_rfc3339(char *out, size_t size);

/* The same of a number of seconds since 1970, without milliseconds. */
void clock_rfc3339_at(char *out, size_t size, int64_t seconds);

/* IMF-fixdate (RFC 9110 section 5.6.7), made once a second; the text is static. */
const char *clock_http_date(void);

/* As the Common Log Format has it, in local time, made once a second: 02/Jan/2026:03:04:05 +0100; the text is static. */
const char *clock_log_date(void);

#endif
