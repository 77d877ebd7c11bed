/* serve --check: what would keep a server of these settings from serving. */
#ifndef ROWLOCK_CMD_CHECK_H
#define ROWLOCK_CMD_CHECK_H

#include <stdbool.h>

#include "core/settings.h"

struct app;

/* True when it would serve. Each thing that would not work is a line on stderr that names its setting; what it could do
 * without, as the cache, is a line as well. Changes nothing, and ends within the deadline whoever does not answer.
 * addresses: whether it has to listen on them itself. */
bool check_would_serve(const struct settings *settings, const struct app *const *apps, bool addresses);

#endif
