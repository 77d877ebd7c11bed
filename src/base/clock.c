/* Clocks, and times as RFC 3339 and HTTP write them. Those of HTTP and of access logs are made once a
 * second. */
#include <config.h>

#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t last; /* threads read the clock, too */

int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t nanoseconds = (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
    atomic_store_explicit(&last, nanoseconds, memory_order_relaxed);
    return nanoseconds;
}

int64_t clock_last(void)
{
    return atomic_load_explicit(&last, memory_order_relaxed);
}

int64_t clock_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

void clock_rfc3339(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + used, size - used, ".%03dZ", (int)(now.tv_nsec / 1000000 % 1000));
}

void clock_rfc3339_at(char *out, size_t size, int64_t seconds)
{
    struct tm utc;
    time_t when = (time_t)seconds;
    gmtime_r(&when, &utc);
    strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

const char *clock_log_date(void)
{
    static char text[64];
    static time_t made;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == made)
        return text;
    struct tm local;
    localtime_r(&now.tv_sec, &local);
    long minutes = (local.tm_gmtoff < 0 ? -local.tm_gmtoff : local.tm_gmtoff) / 60;
    snprintf(text, sizeof text, "%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld", local.tm_mday, months[local.tm_mon],
             local.tm_year + 1900, local.tm_hour, local.tm_min, local.tm_sec, local.tm_gmtoff < 0 ? '-' : '+',
             minutes / 60, minutes % 60);
    made = now.tv_sec;
    return text;
}

const char *clock_http_date(void)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static char text[64];
    static time_t made;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == made)
        return text;
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday,
             months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    made = now.tv_sec;
    return text;
}
