/* What is counted: the table of metrics, a row each. A new one is a name here and a row in metric.c; whoever counts
 * says the name (metrics.h), and what is printed (metrics_text.h) follows from the row.
 *
 * Names and units are those of Prometheus' conventions (https://prometheus.io/docs/practices/naming/): seconds and
 * bytes; the suffixes _total and _info are added where the row is printed. */
#ifndef ROWLOCK_METRICS_METRIC_H
#define ROWLOCK_METRICS_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric {
    METRIC_BUILD,
    METRIC_HTTP_REQUESTS,
    METRIC_HTTP_REQUEST_DURATION,
    METRIC_HTTP_REQUESTS_IN_FLIGHT,
    METRIC_HTTP_RECEIVED,
    METRIC_HTTP_SENT,
    METRIC_HTTP_CONNECTIONS,
    METRIC_HTTP_CONNECTIONS_MAX,
    METRIC_HTTP_CONNECTIONS_ACCEPTED,
    METRIC_HTTP_CONNECTIONS_CLOSED,
    METRIC_HTTP_ACCEPT_PAUSES,
    METRIC_REFUSALS,
    METRIC_API_KEYS,
    METRIC_API_KEYS_FILE_REFUSED,
    METRIC_CALLS_WAITING,
    METRIC_CALLS_IN_FLIGHT,
    METRIC_SETS_IN_FLIGHT,
    METRIC_SET_CALLS,
    METRIC_SET_WAIT,
    METRIC_STATEMENT_DURATION,
    METRIC_STATEMENT_ERRORS,
    METRIC_DATABASE_CONNECTIONS,
    METRIC_DATABASE_CONNECTIONS_OPENED,
    METRIC_DATABASE_CONNECTIONS_LOST,
    METRIC_CACHE_LOOKUPS,
    METRIC_EVENT_LISTENERS,
    METRIC_EVENTS_HELD,
    METRIC_DISTANCE_REQUESTS,
    METRIC_ORDER_TAKES,
    METRIC_ORDER_CLAIMS,
    METRIC_ORDERS_CLAIMED,
    METRIC_ORDER_AGE,
    METRIC_ORDER_LEASES_EXPIRED,
    METRIC_ORDERS_LIVE_ROWS,
    METRIC_ORDERS_DEAD_ROWS,
    METRIC_ORDERS_BYTES,
    METRIC_SPANS_SENT,
    METRIC_SPANS_DROPPED,
    METRIC_LOOP_LAG,
    METRIC_WORKERS_READY,
    METRIC_WORKERS_STARTED,
    METRIC_WORKERS_DIED,
    METRIC_WORKERS_REPLACED,
    METRIC_PROCESS_CPU,
    METRIC_PROCESS_RESIDENT,
    METRIC_PROCESS_VIRTUAL,
    METRIC_PROCESS_FDS,
    METRIC_PROCESS_FDS_MAX,
    METRIC_PROCESS_START,
    METRICS,
};

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_INFO, /* always 1; what it says are its labels */
};

enum metric_unit {
    METRIC_NUMBER,
    METRIC_BYTES,
    METRIC_SECONDS, /* counted in nanoseconds */
};

/* What a metric is counted by: a label, or two that go together, and its values. */
enum metric_label {
    LABEL_NONE,
    LABEL_BUILD,    /* version and settings; one value */
    LABEL_ENDPOINT, /* method and route; core/meter.h */
    LABEL_STATUS,   /* of HTTP; core/meter.h */
    LABEL_CONNECTION,
    LABEL_CLOSING,
    LABEL_REFUSAL,
    LABEL_STATEMENT, /* by its index among all; core/meter.h */
    LABEL_ERROR,
    LABEL_DATABASE_CONNECTION,
    LABEL_LOOKUP,
    LABEL_LISTENER,
    LABEL_DISTANCE,
    LABEL_TAKE,
    LABEL_CLAIM,
    LABEL_SPAN_DROP,
    LABELS,
};

/* ---- values of labels, where they are known here ---- */

enum metric_connection {
    CONNECTION_IDLE,
    CONNECTION_READING,
    CONNECTION_PENDING,
    CONNECTION_STREAMING,
    CONNECTION_WRITING,
    CONNECTION_LINGER,
    CONNECTION_STATES,
};

enum metric_closing {
    CLOSING_ANSWERED,
    CLOSING_LEFT,
    CLOSING_LOST,
    CLOSING_OVERFLOW,
    CLOSING_ABORTED,
    CLOSING_TIMED_OUT,
    CLOSING_MADE_ROOM,
    CLOSING_DRAINED,
    CLOSING_STOPPED,
    CLOSINGS,
};

enum metric_refusal {
    REFUSAL_MALFORMED,
    REFUSAL_SLOW,
    REFUSAL_ROOM,
    REFUSAL_BODY,
    REFUSAL_TARGET,
    REFUSAL_FIELDS,
    REFUSAL_UNSUPPORTED,
    REFUSAL_FOREIGN,
    REFUSAL_KEY,
    REFUSAL_SCOPE,
    REFUSAL_QUEUE,
    REFUSAL_DATABASE,
    REFUSAL_DEADLINE,
    REFUSAL_SHUTDOWN,
    REFUSAL_LISTENERS,
    REFUSAL_RATE,
    REFUSAL_CONCURRENT,
    REFUSALS,
};

/* enum db_error, from DB_REFUSED on. */
enum metric_error {
    ERROR_REFUSED,
    ERROR_RETRY,
    ERROR_LOCKED,
    ERROR_UNFIT,
    ERROR_BUSY,
    ERROR_SCHEMA,
    ERROR_DENIED,
    ERROR_FULL,
    ERROR_AWAY,
    ERROR_LOST,
    ERROR_KEPT,
    ERROR_FAILED,
    ERRORS,
};

enum metric_database_connection {
    DATABASE_CONNECTING,
    DATABASE_IDLE,
    DATABASE_BUSY,
    DATABASE_CONNECTIONS,
};

enum metric_lookup {
    LOOKUP_HIT,
    LOOKUP_MISS,
    LOOKUPS,
};

/* enum feed_state. */
enum metric_listener {
    LISTENER_EARLY,
    LISTENER_PAGING,
    LISTENER_READING,
    LISTENER_LIVE,
    LISTENER_BEHIND,
    LISTENER_SENDING,
    LISTENERS,
};

enum metric_distance {
    PROVIDER_OK,
    PROVIDER_REFUSED,
    PROVIDER_MALFORMED,
    PROVIDER_UNREACHABLE,
    PROVIDER_OUTCOMES,
};

enum metric_take {
    TAKE_WON,
    TAKE_TAKEN,
    TAKE_OCCUPIED,
    TAKE_MISSING,
    TAKE_DELIVERED,
    TAKE_STALE,
    TAKE_OTHER,
    TAKES,
};

enum metric_claim {
    CLAIM_WON,
    CLAIM_NOTHING,
    CLAIMS,
};

enum metric_span_drop {
    SPAN_DROP_FULL,
    SPAN_DROP_REFUSED,
    SPAN_DROP_AWAY,
    SPAN_DROP_SHUTDOWN,
    SPAN_DROPS,
};

/* A label whose values are known here. */
struct metric_words {
    const char *name;
    const char *const *words; /* by their enum */
    size_t count;
};

/* By enum metric_label; name NULL: its values are added before metrics_open. */
extern const struct metric_words metric_words[LABELS];

/* ---- rows ---- */

#define METRIC_LABELS_MAX 2
#define METRIC_BOUNDS_MAX 16

/* The buckets of a histogram: their upper bounds, in the unit in which it is counted, ascending; behind the last comes
 * infinity. */
struct metric_bounds {
    size_t count;
    uint64_t at[METRIC_BOUNDS_MAX];
};

struct metric_row {
    const char *name;
    enum metric_type type;
    enum metric_unit unit;
    const char *help; /* a sentence, without \ and line feeds */
    enum metric_label labels[METRIC_LABELS_MAX];
    const struct metric_bounds *bounds; /* of a histogram */
    bool traced;                        /* a histogram whose buckets have exemplars */
    bool sparse;  /* combinations of labels that were never counted are not printed, because most cannot be */
    bool each;    /* of each process by itself, with the label process, and not of all together */
    bool for_all; /* one value for all processes, which is not there until it was set (metric_set_for_all) */
};

extern const struct metric_row metric_rows[METRICS];

#endif
