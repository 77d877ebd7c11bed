/* The table. docs/operations.md shows the same rows; a test compares them. */
#include <config.h>

#include "metrics/metric.h"

#define WORDS(label, list)                                                                                   \
    {                                                                                                        \
        .name = (label), .words = (list), .count = sizeof(list) / sizeof(list)[0]                            \
    }

static const char *const connection_words[] = {
    [CONNECTION_IDLE] = "idle",           [CONNECTION_READING] = "reading", [CONNECTION_PENDING] = "pending",
    [CONNECTION_STREAMING] = "streaming", [CONNECTION_WRITING] = "writing", [CONNECTION_LINGER] = "linger",
};

static const char *const closing_words[] = {
    [CLOSING_ANSWERED] = "answered", [CLOSING_LEFT] = "left",       [CLOSING_LOST] = "lost",
    [CLOSING_OVERFLOW] = "overflow", [CLOSING_ABORTED] = "aborted", [CLOSING_TIMED_OUT] = "timed_out",
    [CLOSING_MADE_ROOM] = "room",    [CLOSING_DRAINED] = "drained", [CLOSING_STOPPED] = "stopped",
};

static const char *const refusal_words[] = {
    [REFUSAL_MALFORMED] = "malformed",
    [REFUSAL_SLOW] = "slow",
    [REFUSAL_ROOM] = "room",
    [REFUSAL_BODY] = "body",
    [REFUSAL_TARGET] = "target",
    [REFUSAL_FIELDS] = "fields",
    [REFUSAL_UNSUPPORTED] = "unsupported",
    [REFUSAL_FOREIGN] = "foreign",
    [REFUSAL_KEY] = "key",
    [REFUSAL_SCOPE] = "scope",
    [REFUSAL_QUEUE] = "queue",
    [REFUSAL_DATABASE] = "database",
    [REFUSAL_DEADLINE] = "deadline",
    [REFUSAL_SHUTDOWN] = "shutdown",
    [REFUSAL_LISTENERS] = "listeners",
    [REFUSAL_RATE] = "rate",
    [REFUSAL_CONCURRENT] = "concurrent",
};

static const char *const error_words[] = {
    [ERROR_REFUSED] = "refused", [ERROR_RETRY] = "retry", [ERROR_LOCKED] = "locked",
    [ERROR_UNFIT] = "unfit",     [ERROR_BUSY] = "busy",   [ERROR_SCHEMA] = "schema",
    [ERROR_DENIED] = "denied",   [ERROR_FULL] = "full",   [ERROR_AWAY] = "away",
    [ERROR_LOST] = "lost",       [ERROR_KEPT] = "kept",   [ERROR_FAILED] = "failed",
};

static const char *const database_words[] = {
    [DATABASE_CONNECTING] = "connecting", [DATABASE_IDLE] = "idle", [DATABASE_BUSY] = "busy"};

static const char *const lookup_words[] = {[LOOKUP_HIT] = "hit", [LOOKUP_MISS] = "miss"};

static const char *const listener_words[] = {
    [LISTENER_EARLY] = "early", [LISTENER_PAGING] = "paging", [LISTENER_READING] = "reading",
    [LISTENER_LIVE] = "live",   [LISTENER_BEHIND] = "behind", [LISTENER_SENDING] = "sending",
};

static const char *const distance_words[] = {[PROVIDER_OK] = "ok",
                                             [PROVIDER_REFUSED] = "refused",
                                             [PROVIDER_MALFORMED] = "malformed",
                                             [PROVIDER_UNREACHABLE] = "unreachable"};

static const char *const take_words[] = {
    [TAKE_WON] = "won",         [TAKE_TAKEN] = "taken",         [TAKE_OCCUPIED] = "occupied",
    [TAKE_MISSING] = "missing", [TAKE_DELIVERED] = "delivered", [TAKE_STALE] = "stale",
    [TAKE_OTHER] = "other",
};

static const char *const claim_words[] = {[CLAIM_WON] = "won", [CLAIM_NOTHING] = "nothing"};

static const char *const span_drop_words[] = {[SPAN_DROP_FULL] = "full",
                                              [SPAN_DROP_REFUSED] = "refused",
                                              [SPAN_DROP_AWAY] = "away",
                                              [SPAN_DROP_SHUTDOWN] = "shutdown"};

const struct metric_words metric_words[LABELS] = {
    [LABEL_CONNECTION] = WORDS("state", connection_words),
    [LABEL_CLOSING] = WORDS("reason", closing_words),
    [LABEL_REFUSAL] = WORDS("reason", refusal_words),
    [LABEL_ERROR] = WORDS("class", error_words),
    [LABEL_DATABASE_CONNECTION] = WORDS("state", database_words),
    [LABEL_LOOKUP] = WORDS("result", lookup_words),
    [LABEL_LISTENER] = WORDS("state", listener_words),
    [LABEL_DISTANCE] = WORDS("outcome", distance_words),
    [LABEL_TAKE] = WORDS("outcome", take_words),
    [LABEL_CLAIM] = WORDS("outcome", claim_words),
    [LABEL_SPAN_DROP] = WORDS("reason", span_drop_words),
};

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

/* A request has ten seconds unless --deadline says otherwise. */
static const struct metric_bounds of_requests = {14,
                                                 {500 * US, MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
                                                  100 * MS, 250 * MS, 500 * MS, S, 2500 * MS, 5 * S, 10 * S}};
static const struct metric_bounds of_statements = {14,
                                                   {100 * US, 250 * US, 500 * US, MS, 2500 * US, 5 * MS,
                                                    10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, S,
                                                    2500 * MS, 10 * S}};
static const struct metric_bounds of_set_waits = {
    10, {10 * US, 100 * US, 500 * US, MS, 5 * MS, 10 * MS, 50 * MS, 100 * MS, S, 10 * S}};
static const struct metric_bounds of_set_calls = {10, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};
static const struct metric_bounds of_ages = {12,
                                             {100 * MS, 500 * MS, S, 2500 * MS, 5 * S, 10 * S, 30 * S, 60 * S,
                                              300 * S, 1800 * S, 3600 * S, 86400 * S}};
static const struct metric_bounds of_lag = {
    10, {MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S}};

#define ROW(kind, word, sentence) .name = (word), .type = METRIC_##kind, .help = (sentence)

const struct metric_row metric_rows[METRICS] = {
    [METRIC_BUILD] = {ROW(INFO, "rowlock_build", "The program's version, its database and what reads HTTP."),
                      .labels = {LABEL_BUILD}},
    [METRIC_HTTP_REQUESTS] = {ROW(COUNTER, "rowlock_http_requests",
                                  "Requests that have ended; 499: the client left before its answer."),
                              .labels = {LABEL_ENDPOINT, LABEL_STATUS}, .sparse = true},
    [METRIC_HTTP_REQUEST_DURATION] = {ROW(HISTOGRAM, "rowlock_http_request_duration_seconds",
                                          "From the end of a request's arrival to its answer."),
                                      .unit = METRIC_SECONDS, .labels = {LABEL_ENDPOINT},
                                      .bounds = &of_requests, .traced = true, .sparse = true},
    [METRIC_HTTP_REQUESTS_IN_FLIGHT] = {ROW(GAUGE, "rowlock_http_requests_in_flight",
                                            "Requests that wait for their answer.")},
    [METRIC_HTTP_RECEIVED] = {ROW(COUNTER, "rowlock_http_received_bytes", "Bytes that clients have sent."),
                              .unit = METRIC_BYTES},
    [METRIC_HTTP_SENT] = {ROW(COUNTER, "rowlock_http_sent_bytes", "Bytes that were sent to clients."),
                          .unit = METRIC_BYTES},
    [METRIC_HTTP_CONNECTIONS] = {ROW(GAUGE, "rowlock_http_connections",
                                     "Connections of clients by what they are about."),
                                 .labels = {LABEL_CONNECTION}},
    [METRIC_HTTP_CONNECTIONS_MAX] = {ROW(
        GAUGE, "rowlock_http_connections_max",
        "How many connections of clients there may be (--max-connections).")},
    [METRIC_HTTP_CONNECTIONS_ACCEPTED] = {ROW(COUNTER, "rowlock_http_connections_accepted",
                                              "Connections of clients that were accepted.")},
    [METRIC_HTTP_CONNECTIONS_CLOSED] = {ROW(COUNTER, "rowlock_http_connections_closed",
                                            "Connections of clients that were closed, by the reason."),
                                        .labels = {LABEL_CLOSING}},
    [METRIC_HTTP_ACCEPT_PAUSES] = {ROW(
        COUNTER, "rowlock_http_accept_pauses",
        "How often new connections had to wait because there was no room for them.")},
    [METRIC_REFUSALS] = {ROW(COUNTER, "rowlock_refusals",
                             "Requests that the server refused by its own limits, by the reason."),
                         .labels = {LABEL_REFUSAL}},
    [METRIC_API_KEYS] = {ROW(GAUGE, "rowlock_api_keys", "API keys that count (--api-keys)."),
                         .for_all = true},
    [METRIC_API_KEYS_FILE_REFUSED] =
        {ROW(GAUGE, "rowlock_api_keys_file_refused",
             "1 while the file of API keys is not right, and older keys count; else 0."),
         .for_all = true},
    [METRIC_CALLS_WAITING] = {ROW(GAUGE, "rowlock_calls_waiting",
                                  "Calls of statements that wait to be sent (--queue).")},
    [METRIC_CALLS_IN_FLIGHT] = {ROW(GAUGE, "rowlock_calls_in_flight",
                                    "Calls of statements that the database has.")},
    [METRIC_SETS_IN_FLIGHT] = {ROW(GAUGE, "rowlock_sets_in_flight", "Sets of calls that the database has.")},
    [METRIC_SET_CALLS] = {ROW(HISTOGRAM, "rowlock_set_calls", "How many calls a set has."),
                          .bounds = &of_set_calls},
    [METRIC_SET_WAIT] = {ROW(HISTOGRAM, "rowlock_set_wait_seconds",
                             "How long the oldest call of a set has waited when it was sent."),
                         .unit = METRIC_SECONDS, .bounds = &of_set_waits},
    [METRIC_STATEMENT_DURATION] = {ROW(HISTOGRAM, "rowlock_statement_duration_seconds",
                                       "From sending a set to its answer, by the name of its statement."),
                                   .unit = METRIC_SECONDS, .labels = {LABEL_STATEMENT},
                                   .bounds = &of_statements, .sparse = true},
    [METRIC_STATEMENT_ERRORS] =
        {ROW(COUNTER, "rowlock_statement_errors",
             "Calls that the database answered with an error, also those that are sent again."),
         .labels = {LABEL_ERROR}},
    [METRIC_DATABASE_CONNECTIONS] = {ROW(GAUGE, "rowlock_database_connections",
                                         "Connections to PostgreSQL for requests (--db-connections)."),
                                     .labels = {LABEL_DATABASE_CONNECTION}},
    [METRIC_DATABASE_CONNECTIONS_OPENED] = {ROW(COUNTER, "rowlock_database_connections_opened",
                                                "Connections to PostgreSQL that were made.")},
    [METRIC_DATABASE_CONNECTIONS_LOST] = {ROW(
        COUNTER, "rowlock_database_connections_lost",
        "Connections to PostgreSQL that were lost, given up or could not be made.")},
    [METRIC_CACHE_LOOKUPS] = {ROW(COUNTER, "rowlock_cache_lookups",
                                  "Requests whose answer may be a kept one, by whether it was."),
                              .labels = {LABEL_LOOKUP}},
    [METRIC_EVENT_LISTENERS] = {ROW(GAUGE, "rowlock_event_listeners",
                                    "Clients that listen to events, by where they stand."),
                                .labels = {LABEL_LISTENER}},
    [METRIC_EVENTS_HELD] = {ROW(GAUGE, "rowlock_events_held_seconds",
                                "For how long committed events have waited for an older transaction."),
                            .unit = METRIC_SECONDS},
    [METRIC_DISTANCE_REQUESTS] = {ROW(COUNTER, "rowlock_distance_requests",
                                      "Questions to the distance provider, by what became of them."),
                                  .labels = {LABEL_DISTANCE}},
    [METRIC_ORDER_TAKES] = {ROW(COUNTER, "rowlock_order_takes",
                                "Answers to whoever wanted to take an order, by what they say."),
                            .labels = {LABEL_TAKE}},
    [METRIC_ORDER_CLAIMS] = {ROW(COUNTER, "rowlock_order_claims",
                                 "Answers to whoever asked for any free orders (POST /orders/claim), by "
                                 "whether there were some."),
                             .labels = {LABEL_CLAIM}},
    [METRIC_ORDER_AGE] =
        {ROW(HISTOGRAM, "rowlock_order_age_seconds",
             "How old orders were when they were claimed, or taken by their id without a lease."),
         .unit = METRIC_SECONDS, .bounds = &of_ages},
    [METRIC_ORDERS_LIVE_ROWS] = {ROW(GAUGE, "rowlock_orders_live_rows",
                                     "Rows of the table orders, as PostgreSQL estimates them."),
                                 .for_all = true},
    [METRIC_ORDERS_DEAD_ROWS] =
        {ROW(GAUGE, "rowlock_orders_dead_rows",
             "Versions of rows in the table orders that wait for a vacuum, as PostgreSQL estimates them."),
         .for_all = true},
    [METRIC_ORDERS_BYTES] = {ROW(GAUGE, "rowlock_orders_table_bytes",
                                 "Size of the table orders with its indexes."),
                             .unit = METRIC_BYTES, .for_all = true},
    [METRIC_ORDER_LEASES_EXPIRED] = {ROW(COUNTER, "rowlock_order_leases_expired",
                                         "Orders that are free again because their lease has ended.")},
    [METRIC_ORDERS_CLAIMED] = {ROW(COUNTER, "rowlock_orders_claimed", "Orders in these answers.")},
    [METRIC_SPANS_SENT] = {ROW(COUNTER, "rowlock_spans_sent",
                               "Spans that the collector has taken (--otlp).")},
    [METRIC_SPANS_DROPPED] = {ROW(COUNTER, "rowlock_spans_dropped",
                                  "Spans that the collector did not get, by the reason."),
                              .labels = {LABEL_SPAN_DROP}},
    [METRIC_LOOP_LAG] = {ROW(HISTOGRAM, "rowlock_loop_lag_seconds",
                             "How late a timer of the event loop was that is due four times a second."),
                         .unit = METRIC_SECONDS, .bounds = &of_lag},
    [METRIC_WORKERS_READY] = {ROW(GAUGE, "rowlock_workers_ready",
                                  "Worker processes that are ready to serve.")},
    [METRIC_WORKERS_STARTED] = {ROW(COUNTER, "rowlock_workers_started", "Worker processes that have begun.")},
    [METRIC_WORKERS_DIED] = {ROW(COUNTER, "rowlock_workers_died",
                                 "Worker processes that ended without having been told to.")},
    [METRIC_WORKERS_REPLACED] = {ROW(COUNTER, "rowlock_workers_replaced",
                                     "Worker processes whose successor took over (SIGHUP).")},
    [METRIC_PROCESS_CPU] = {ROW(COUNTER, "process_cpu_seconds",
                                "Processor time, of all that had this number."),
                            .unit = METRIC_SECONDS, .each = true},
    [METRIC_PROCESS_RESIDENT] = {ROW(GAUGE, "process_resident_memory_bytes", "Resident memory."),
                                 .unit = METRIC_BYTES, .each = true},
    [METRIC_PROCESS_VIRTUAL] = {ROW(GAUGE, "process_virtual_memory_bytes", "Virtual memory."),
                                .unit = METRIC_BYTES, .each = true},
    [METRIC_PROCESS_FDS] = {ROW(GAUGE, "process_open_fds", "Open descriptors."), .each = true},
    [METRIC_PROCESS_FDS_MAX] = {ROW(GAUGE, "process_max_fds", "How many descriptors may be open."),
                                .each = true},
    [METRIC_PROCESS_START] = {ROW(GAUGE, "process_start_time_seconds",
                                  "When the process began, in seconds since 1970."),
                              .unit = METRIC_SECONDS, .each = true},
};
