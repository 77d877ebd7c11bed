/* Inside PostgreSQL: a connection string taken apart into hosts that are tried one after the other, each with a
 * time limit of its own (libpq's connect_timeout does nothing for asynchronous connections). */
#ifndef ROWLOCK_IO_PGTARGET_H
#define ROWLOCK_IO_PGTARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "io/pgconn.h"
#include "io/pgsettings.h"

#define PG_KEYWORDS_MAX 64

struct pg_host {
    char *name; /* NULL: as libpq decides */
    char *port;
    bool lookup; /* a name that must be looked up before libpq sees it, because libpq would block */
};

struct pg_target {
    struct pg_host *hosts;
    size_t host_count;
    char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX]; /* all but hosts and ports */
    size_t count;
    bool read_write; /* target_session_attrs: a host that takes no writes is not wanted */
    enum pooler pooler;
    int64_t pooler_ns;
    struct pgsettings_limits limits;
    char *options;     /* for the start of a session: ours, then own_options */
    char *own_options; /* those of the connection string; NULL: none */
};

/* Goes on with what pgsettings_local has begun: how to plan, which is an option where sessions are ours. */
void pg_target_add_local(struct buf *out);

/* The arrays for PQconnectStartParams. hostaddr may be "". plain: without options of ours. Borrowed from the target. */
void pg_target_fill(const struct pg_target *target, size_t host, const char *hostaddr, bool plain,
                    const char **keywords, const char **values);

#endif
