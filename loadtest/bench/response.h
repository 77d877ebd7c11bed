/*
 * response: reads one HTTP/1.1 response after another as the bytes come, and throws their bodies away.
 *
 * A response that breaks the protocol ends the program: a load generator that guesses would measure something else.
 */
#ifndef LOADTEST_RESPONSE_H
#define LOADTEST_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESPONSE_CODES = 600 }; /* a status is below that */

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_CHUNK_SIZE, PHASE_CHUNK_DATA, PHASE_CHUNK_END, PHASE_TRAILER };

/* All zeros is a fresh one. */
struct response {
    enum phase phase;
    bool close_after; /* this answer said Connection: close */
    bool chunk_ext;   /* within the ignored rest of a chunk-size line */
    unsigned status;
    uint64_t left; /* bytes of a body or chunk still to come */
    size_t line;   /* bytes of the trailer line so far, to know an empty one */
    char *head;    /* ours; only when a head came in pieces */
    size_t head_len;
};

/* True when the response is complete: status and close_after say what it was, and the next bytes begin another.
 * `used` is set to how many of the bytes were its own. */
bool response_take(struct response *response, const char *bytes, size_t len, size_t *used);

/* Forgets a response that was begun: its connection is gone. */
void response_reset(struct response *response);

void response_fini(struct response *response);

#endif
