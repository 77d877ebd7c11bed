/* Inside HTTP: the lines of fields, and those that HTTP itself adds to a response, for whoever writes it. */
#ifndef ROWLOCK_HTTP_HTTP_FIELDS_H
#define ROWLOCK_HTTP_HTTP_FIELDS_H

#include "http/http.h"

#define HTTP_OWN_FIELDS_MAX 7

struct http_fields {
    struct http_field list[HTTP_OWN_FIELDS_MAX]; /* pieces of the response, or static until the next call */
    size_t count;
    char length[24];
};

/* A request that was read, and what its response must know of it. */
struct http_exchange {
    struct http_request request;
    bool keep_alive; /* the client would go on with the connection */
    bool is_head;    /* the response has no body */
    bool minor_0;    /* HTTP/1.0: there are no chunks, and keep-alive must be said */
    bool by_gate;    /* no engine has seen the request, so that the gate answers */
};

/* RFC 9110 sections 15.3.5 and 15.4.5: no body, and no field that speaks of one. */
static inline bool http_is_bodyless(int status)
{
    return status == 204 || status == 304;
}

/* What the response has to say. close: the connection is closed behind it. length: that of the body is known. Not among
 * them: Transfer-Encoding, the keep-alive of HTTP/1.0, and the fields of the gate. */
void http_fields_fill(struct http_fields *fields, const struct http_response *response, bool close,
                      bool length);

/* Writes "Name: value\r\n" where there is room for it, which takes HTTP_FIELD_EXTRA bytes more than name and value.
 * Gives the place behind it. */
#define HTTP_FIELD_EXTRA 4u
char *http_field_write(char *at, struct slice name, struct slice value);

/* The lines of the gate, which are the same whatever is answered by whom: X-Content-Type-Options and X-Request-Id.
 * Their length, and where there is room for that, their bytes; gives the place behind them. */
size_t http_gate_fields_length(const struct http_response *response);
char *http_gate_fields_write(char *at, const struct http_response *response);

#endif
