/* How far it is between two points on Earth, in metres: by the great circle, or by road from a provider. */
#ifndef ROWLOCK_APPS_DISTANCE_H
#define ROWLOCK_APPS_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/settings.h"
#include "io/loop.h"
#include "trace/trace.h"

/* In the order of --distance's words. */
enum distance_provider {
    DISTANCE_GOOGLE,
    DISTANCE_OSRM,
    DISTANCE_HAVERSINE,
};

/* The settings: which provider is asked. */
struct distance_settings {
    enum distance_provider provider;
    const char *gmap_token, *gmap_url, *osrm_url;
};

extern const struct setting_group distance_settings;

struct distance;
struct distance_query;

struct distance_point {
    double latitude, longitude; /* degrees */
};

/* metres, or -1 with an error that may be shown to the client and holds no secret. Never before distance_start has
 * returned. */
typedef void distance_cb(int64_t metres, const char *error, void *argument);

/* NULL with *error (to be freed). */
struct distance *distance_new(struct loop *loop, const struct settings *settings, char **error);
void distance_free(struct distance *distance);

/* Providers that need no network answer at once: true and *metres. */
bool distance_now(const struct distance *distance, struct distance_point from, struct distance_point to,
                  int64_t *metres);

/* The others are asked, as a part of the trace; NULL when too many questions are on their way. */
struct distance_query *distance_start(struct distance *distance, struct distance_point from,
                                      struct distance_point to, const struct trace *trace,
                                      distance_cb *callback, void *argument);
void distance_cancel(struct distance_query *query); /* no callback any more */

/* The great-circle distance by the haversine formula (R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope
 * 68(2), 1984) on a sphere of the mean Earth radius 6 371 008.8 m (IUGG). */
double distance_haversine(struct distance_point from, struct distance_point to);

#endif
