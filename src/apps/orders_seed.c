/* orders_seed writes orders between random points as rows of JSON (add_order), and stores them by one statement. */
#include <config.h>

#include "apps/orders_seed.h"

#include <math.h>

#include "apps/distance.h"
#include "base/buf.h"
#include "base/random.h"
#include "core/statements.h"

static double degrees(double low, double high)
{
    return round(random_between(low, high) * 1e6) / 1e6;
}

/* An order within a European city or between two. */
static void add_order(struct buf *rows)
{
    struct distance_point from = {degrees(36, 60), degrees(-9, 30)}, to;
    if (random_between(0, 1) < 0.8) {
        to.latitude = degrees(from.latitude - 0.1, from.latitude + 0.1);
        to.longitude = degrees(from.longitude - 0.15, from.longitude + 0.15);
    } else {
        to = (struct distance_point){degrees(36, 60), degrees(-9, 30)};
    }
    buf_printf(rows, "[%.6f,%.6f,%.6f,%.6f,%lld]", from.latitude, from.longitude, to.latitude, to.longitude,
               llround(distance_haversine(from, to)));
}

bool orders_seed(struct session *session, int64_t count)
{
    struct buf rows = BUF_INIT((size_t)1 << 20);
    buf_add_char(&rows, '[');
    for (int64_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(&rows, ',');
        add_order(&rows);
    }
    buf_add_char(&rows, ']');
    bool ok = session_store(session, STATEMENT(ORDER_SEED), buf_text(&rows), count) == DB_OK;
    buf_fini(&rows);
    return ok;
}
