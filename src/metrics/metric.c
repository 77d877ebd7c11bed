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
    [REFUSAL_QUEUE] = "queue",
    [REFUSAL_DATABASE] = "database",
    [REFUSAL_DEADLINE] = "deadline",
    [REFUSAL_SHUTDOWN] = "shutdown",
    [REFUSAL_LISTENERS] = "listeners",
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

const struct metric_row metric_rows[METRICS] = {
    [METRIC_BUILD] = {"rowlock_build",
                      METRIC_INFO,
                      METRIC_NUMBER,
                      "The program's version, its database and what reads HTTP.",
                      {LABEL_BUILD}},
    [METRIC_HTTP_REQUESTS] = {"rowlock_http_requests",
                              METRIC_COUNTER,
                              METRIC_NUMBER,
                              "Requests that have ended; 499: the client left before its answer.",
                              {LABEL_ENDPOINT, LABEL_STATUS},
                              .sparse = true},
    [METRIC_HTTP_REQUEST_DURATION] = {"rowlock_http_request_duration_seconds",
                                      METRIC_HISTOGRAM,
                                      METRIC_SECONDS,
                                      "From the end of a request's arrival to its answer.",
                                      {LABEL_ENDPOINT},
                                      .bounds = &of_requests,
                                      .sparse = true},
    [METRIC_HTTP_REQUESTS_IN_FLIGHT] = {"rowlock_http_requests_in_flight", METRIC_GAUGE, METRIC_NUMBER,
                                        "Requests that wait for their answer."},
    [METRIC_HTTP_RECEIVED] = {"rowlock_http_received_bytes", METRIC_COUNTER, METRIC_BYTES,
                              "Bytes that clients have sent."},
    [METRIC_HTTP_SENT] = {"rowlock_http_sent_bytes", METRIC_COUNTER, METRIC_BYTES,
                          "Bytes that were sent to clients."},
    [METRIC_HTTP_CONNECTIONS] = {"rowlock_http_connections",
                                 METRIC_GAUGE,
                                 METRIC_NUMBER,
                                 "Connections of clients by what they are about.",
                                 {LABEL_CONNECTION}},
    [METRIC_HTTP_CONNECTIONS_MAX] = {"rowlock_http_connections_max", METRIC_GAUGE, METRIC_NUMBER,
                                     "How many connections of clients there may be (--max-connections)."},
    [METRIC_HTTP_CONNECTIONS_ACCEPTED] = {"rowlock_http_connections_accepted", METRIC_COUNTER, METRIC_NUMBER,
                                          "Connections of clients that were accepted."},
    [METRIC_HTTP_CONNECTIONS_CLOSED] = {"rowlock_http_connections_closed",
                                        METRIC_COUNTER,
                                        METRIC_NUMBER,
                                        "Connections of clients that were closed, by the reason.",
                                        {LABEL_CLOSING}},
    [METRIC_HTTP_ACCEPT_PAUSES] =
        {"rowlock_http_accept_pauses", METRIC_COUNTER, METRIC_NUMBER,
         "How often new connections had to wait because there was no room for them."},
    [METRIC_REFUSALS] = {"rowlock_refusals",
                         METRIC_COUNTER,
                         METRIC_NUMBER,
                         "Requests that the server refused by its own limits, by the reason.",
                         {LABEL_REFUSAL}},
    [METRIC_CALLS_WAITING] = {"rowlock_calls_waiting", METRIC_GAUGE, METRIC_NUMBER,
                              "Calls of statements that wait to be sent (--queue)."},
    [METRIC_CALLS_IN_FLIGHT] = {"rowlock_calls_in_flight", METRIC_GAUGE, METRIC_NUMBER,
                                "Calls of statements that the database has."},
    [METRIC_SETS_IN_FLIGHT] = {"rowlock_sets_in_flight", METRIC_GAUGE, METRIC_NUMBER,
                               "Sets of calls that the database has."},
    [METRIC_SET_CALLS] = {"rowlock_set_calls", METRIC_HISTOGRAM, METRIC_NUMBER, "How many calls a set has.",
                          .bounds = &of_set_calls},
    [METRIC_SET_WAIT] = {"rowlock_set_wait_seconds", METRIC_HISTOGRAM, METRIC_SECONDS,
                         "How long the oldest call of a set has waited when it was sent.",
                         .bounds = &of_set_waits},
    [METRIC_STATEMENT_DURATION] = {"rowlock_statement_duration_seconds",
                                   METRIC_HISTOGRAM,
                                   METRIC_SECONDS,
                                   "From sending a set to its answer, by the name of its statement.",
                                   {LABEL_STATEMENT},
                                   .bounds = &of_statements,
                                   .sparse = true},
    [METRIC_STATEMENT_ERRORS] =
        {"rowlock_statement_errors",
         METRIC_COUNTER,
         METRIC_NUMBER,
         "Calls that the database answered with an error, also those that are sent again.",
         {LABEL_ERROR}},
    [METRIC_DATABASE_CONNECTIONS] = {"rowlock_database_connections",
                                     METRIC_GAUGE,
                                     METRIC_NUMBER,
                                     "Connections to PostgreSQL for requests (--db-connections).",
                                     {LABEL_DATABASE_CONNECTION}},
    [METRIC_DATABASE_CONNECTIONS_OPENED] = {"rowlock_database_connections_opened", METRIC_COUNTER,
                                            METRIC_NUMBER, "Connections to PostgreSQL that were made."},
    [METRIC_DATABASE_CONNECTIONS_LOST] =
        {"rowlock_database_connections_lost", METRIC_COUNTER, METRIC_NUMBER,
         "Connections to PostgreSQL that were lost, given up or could not be made."},
    [METRIC_CACHE_LOOKUPS] = {"rowlock_cache_lookups",
                              METRIC_COUNTER,
                              METRIC_NUMBER,
                              "Requests whose answer may be a kept one, by whether it was.",
                              {LABEL_LOOKUP}},
    [METRIC_EVENT_LISTENERS] = {"rowlock_event_listeners",
                                METRIC_GAUGE,
                                METRIC_NUMBER,
                                "Clients that listen to events, by where they stand.",
                                {LABEL_LISTENER}},
    [METRIC_EVENTS_HELD] = {"rowlock_events_held_seconds", METRIC_GAUGE, METRIC_SECONDS,
                            "For how long committed events have waited for an older transaction."},
    [METRIC_DISTANCE_REQUESTS] = {"rowlock_distance_requests",
                                  METRIC_COUNTER,
                                  METRIC_NUMBER,
                                  "Questions to the distance provider, by what became of them.",
                                  {LABEL_DISTANCE}},
    [METRIC_ORDER_TAKES] = {"rowlock_order_takes",
                            METRIC_COUNTER,
                            METRIC_NUMBER,
                            "Answers to whoever wanted to take an order, by what they say.",
                            {LABEL_TAKE}},
    [METRIC_ORDER_CLAIMS] =
        {"rowlock_order_claims",
         METRIC_COUNTER,
         METRIC_NUMBER,
         "Answers to whoever asked for any free orders (POST /orders/claim), by whether there were some.",
         {LABEL_CLAIM}},
    [METRIC_ORDER_AGE] = {"rowlock_order_age_seconds", METRIC_HISTOGRAM, METRIC_SECONDS,
                          "How old orders were when they were claimed (POST /orders/claim).",
                          .bounds = &of_ages},
    [METRIC_ORDERS_LIVE_ROWS] = {"rowlock_orders_live_rows", METRIC_GAUGE, METRIC_NUMBER,
                                 "Rows of the table orders, as PostgreSQL estimates them.", .for_all = true},
    [METRIC_ORDERS_DEAD_ROWS] =
        {"rowlock_orders_dead_rows", METRIC_GAUGE, METRIC_NUMBER,
         "Versions of rows in the table orders that wait for a vacuum, as PostgreSQL estimates them.",
         .for_all = true},
    [METRIC_ORDERS_BYTES] = {"rowlock_orders_table_bytes", METRIC_GAUGE, METRIC_BYTES,
                             "Size of the table orders with its indexes.", .for_all = true},
    [METRIC_ORDER_LEASES_EXPIRED] = {"rowlock_order_leases_expired", METRIC_COUNTER, METRIC_NUMBER,
                                     "Orders that are free again because their lease has ended."},
    [METRIC_ORDERS_CLAIMED] = {"rowlock_orders_claimed", METRIC_COUNTER, METRIC_NUMBER,
                               "Orders in these answers."},
    [METRIC_LOOP_LAG] = {"rowlock_loop_lag_seconds", METRIC_HISTOGRAM, METRIC_SECONDS,
                         "How late a timer of the event loop was that is due four times a second.",
                         .bounds = &of_lag},
    [METRIC_WORKERS_READY] = {"rowlock_workers_ready", METRIC_GAUGE, METRIC_NUMBER,
                              "Worker processes that are ready to serve."},
    [METRIC_WORKERS_STARTED] = {"rowlock_workers_started", METRIC_COUNTER, METRIC_NUMBER,
                                "Worker processes that have begun."},
    [METRIC_WORKERS_DIED] = {"rowlock_workers_died", METRIC_COUNTER, METRIC_NUMBER,
                             "Worker processes that ended without having been told to."},
    [METRIC_WORKERS_REPLACED] = {"rowlock_workers_replaced", METRIC_COUNTER, METRIC_NUMBER,
                                 "Worker processes whose successor took over (SIGHUP)."},
    [METRIC_PROCESS_CPU] = {"process_cpu_seconds", METRIC_COUNTER, METRIC_SECONDS,
                            "Processor time, of all that had this number.", .each = true},
    [METRIC_PROCESS_RESIDENT] = {"process_resident_memory_bytes", METRIC_GAUGE, METRIC_BYTES,
                                 "Resident memory.", .each = true},
    [METRIC_PROCESS_VIRTUAL] = {"process_virtual_memory_bytes", METRIC_GAUGE, METRIC_BYTES, "Virtual memory.",
                                .each = true},
    [METRIC_PROCESS_FDS] = {"process_open_fds", METRIC_GAUGE, METRIC_NUMBER, "Open descriptors.",
                            .each = true},
    [METRIC_PROCESS_FDS_MAX] = {"process_max_fds", METRIC_GAUGE, METRIC_NUMBER,
                                "How many descriptors may be open.", .each = true},
    [METRIC_PROCESS_START] = {"process_start_time_seconds", METRIC_GAUGE, METRIC_SECONDS,
                              "When the process began, in seconds since 1970.", .each = true},
};
