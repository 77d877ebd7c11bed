/* An attack on a live server: couriers on connections of their own, for a while; then every order is brought
 * to its end and read, and the list is looked through for orders that nobody was told of. The history is what
 * comes of it. */
#ifndef ROWLOCK_PROVE_CAMPAIGN_H
#define ROWLOCK_PROVE_CAMPAIGN_H

#include "base/proxy.h"
#include "prove/courier.h"
#include "prove/history_file.h"

#define CAMPAIGN_TAKERS_MAX 1000

struct campaign_settings {
    const char *url;    /* without a slash at its end */
    const char *bearer; /* NULL: none */
    const struct proxies *proxies;
    struct history_writer *writer; /* NULL: none */
    int64_t takers, orders, for_ns;
    enum workload workload;
    int64_t seed;
};

struct campaign_result {
    int64_t orders; /* of this run, as far as is known */
    int64_t unread; /* that could not be read at the end */
    int64_t open;   /* brought to no end: they stand there as they are */
    int64_t ran_ns;
    bool plain_claims; /* claims of the oldest were tried, because there was no free order of others */
    bool interrupted;
};

/* False with *error (to be freed): the server cannot be asked. */
bool campaign_run(const struct campaign_settings *settings, struct history *history,
                  struct campaign_result *result, char **error);

#endif
