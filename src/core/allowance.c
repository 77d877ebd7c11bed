/* A table of the periods. */
#include <config.h>

#include "core/allowance.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static const struct period {
    const char *letter, *name;
    int64_t ns;
} periods[] = {
    {"s", "a second", CLOCK_SECOND}, {"m", "a minute", 60 * CLOCK_SECOND}, {"h", "an hour", 3600 * CLOCK_SECOND}};

#define PERIODS (sizeof periods / sizeof periods[0])

bool allowance_parse_rate(const char *text, struct allowance *allowance)
{
    const char *slash = strchr(text, '/');
    bool off = strcmp(text, "off") == 0;
    int64_t rate = 0;
    if (off)
        allowance->rate = allowance->period_ns = 0;
    if (off || slash == NULL || text[0] == '-' ||
        text_int((struct slice){text, (size_t)(slash - text)}, &rate) != TEXT_NUMBER_OK)
        return off;
    for (size_t i = 0; i < PERIODS; i++)
        if (strcmp(slash + 1, periods[i].letter) == 0 && rate >= 1 && rate <= ALLOWANCE_MAX) {
            allowance->rate = rate;
            allowance->period_ns = periods[i].ns;
            return true;
        }
    return false;
}

const char *allowance_period(const struct allowance *allowance)
{
    size_t i = 0;
    while (i < PERIODS - 1 && periods[i].ns != allowance->period_ns)
        i++;
    return periods[i].name;
}

int64_t allowance_burst(const struct allowance *allowance)
{
    return allowance->burst > 0 ? allowance->burst : allowance->rate;
}
