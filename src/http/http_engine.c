/* The engines. A further one is a file with its struct http_engine, and a line here, in http.h and with the choices of
 * --http (core/settings.c). */
#include <config.h>

#include "http/http_engine.h"

const struct http_engine *http_engine_of(enum http_engine_kind kind)
{
    static const struct http_engine *const engines[] = {
        [HTTP_EVHTTP] = &http_evhttp, [HTTP_DIRECT] = &http_direct};
    return engines[kind];
}
