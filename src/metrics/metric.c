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

const struct metric_words metric_words[LABELS] = {
    [LABEL_CONNECTION] = WORDS("state", connection_words),
    [LABEL_CLOSING] = WORDS("reason", closing_words),
    [LABEL_REFUSAL] = WORDS("reason", refusal_words),
};

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

/* A request has ten seconds unless --deadline says otherwise. */
static const struct metric_bounds of_requests = {14,
                                                 {500 * US, MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
                                                  100 * MS, 250 * MS, 500 * MS, S, 2500 * MS, 5 * S, 10 * S}};
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
