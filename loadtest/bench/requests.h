/*
 * requests: the bytes of what is sent, built beforehand except for an id.
 */
#ifndef LOADTEST_REQUESTS_H
#define LOADTEST_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

enum { REQUEST_MAX = 1024 /* bytes */ };

enum ask {
    ASK_GET,     /* of the path that the options name */
    ASK_READ,    /* of an order */
    ASK_TAKE,    /* of an order by its id */
    ASK_DELIVER, /* the same */
    ASK_CLAIM,   /* of the oldest free orders */
    ASK_NEAR,    /* of the nearest free one to a random place */
    ASK_PLACE
};

struct text {
    char bytes[REQUEST_MAX];
    size_t len;
};

struct requests {
    const struct options *opt;
    const char *authority; /* of the Host field */
    uint64_t next_id;
    uint64_t stride;
    uint64_t random;
    uint64_t placed;      /* how often an order was placed */
    struct text constant; /* the whole request of ASK_GET */
    struct text prefix;   /* before an id */
    struct text suffix;   /* after the id, when all connections share it */
    struct text *changes; /* after the id, one a connection: each is a courier of its own name */
    struct text *claims;  /* whole requests, one a connection */
    struct text *bodies;  /* whole requests that place orders */
};

/* Both texts stay the caller's. Ends the program when a request is too long or memory is short. */
void requests_init(struct requests *requests, const struct options *opt, const char *authority);

/* Whether the range of ids has one that was not used yet. */
bool requests_left(const struct requests *requests);

/* The next id of the range, of ASK_READ and ASK_TAKE. */
uint64_t requests_id(struct requests *requests);

/* What that connection sends: its length, and where it is. scratch is used for what has an id or a place in it. */
size_t requests_next(struct requests *requests, enum ask ask, size_t connection, uint64_t id,
                     char scratch[REQUEST_MAX], const char **bytes);

void requests_fini(struct requests *requests);

#endif
