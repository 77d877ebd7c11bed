/* Sends spans to a collector, as OTLP/HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/): in batches, one on its
 * way at a time, in bounded memory, and never in anybody's way. What the collector does not take is sent again a few
 * times, and what there is no room for is dropped; both are counted (METRIC_SPANS_…). */
#ifndef ROWLOCK_TRACE_OTLP_H
#define ROWLOCK_TRACE_OTLP_H

#include "base/proxy.h"
#include "io/loop.h"
#include "trace/span.h"

struct otlp;

struct otlp_options {
    const char *url;               /* of the collector; /v1/traces is added unless it ends with that */
    const char *headers;           /* name=value by comma, values percent-encoded; "": none */
    const char *service;           /* service.name */
    const struct proxies *proxies; /* borrowed */
    unsigned of_a_million;         /* of the traces that begin here, so many are recorded */
};

/* NULL when libcurl cannot be had; the log has the reason. */
struct otlp *otlp_new(struct loop *loop, const struct otlp_options *options);
void otlp_free(struct otlp *otlp); /* drops what was not sent; NULL is harmless */

/* Why such headers are not right, or NULL. */
const char *otlp_headers_wrong(const char *headers);

/* Whether a trace that begins here is to be recorded. */
bool otlp_wants(const struct otlp *otlp, const struct trace *trace);

/* Writes it behind those that have gathered. It has ended. */
void otlp_record(struct otlp *otlp, const struct span *span);

/* Sends what has gathered at once, and tries nothing again. done is called when that is over, within two seconds;
 * false: there is nothing, and no callback. otlp_free before is allowed, and then there is no callback either. */
bool otlp_finish(struct otlp *otlp, void (*done)(void *argument), void *argument);

#endif
