/* Inside PostgreSQL: a connection string taken apart into hosts that are tried one after the other, each with a
 * time limit of its own (libpq's connect_timeout does nothing for asynchronous connections). */
#ifndef ROWLOCK_PG_PGTARGET_H
#define ROWLOCK_PG_PGTARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pg/pgsettings.h"
#include "pg/pooler.h"

#define PG_KEYWORDS_MAX 64

struct pg_host {
    char *name; /* NULL: as libpq decides */
    char *port;
    bool lookup; /* a name that must be looked up before libpq sees it, because libpq would block */
};

struct pgtarget {
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

struct pg_limits {
    int64_t lock_ns, statement_ns; /* the server lets a statement wait and run for so long */
    int64_t pooler_ns; /* a request that a pooler has for so long is taken back, with the connection */
};

/* Where to connect: a libpq connection string or URI, with every host of its list. NULL and *error (to be freed)
 * when it is malformed. */
struct pgtarget *pgtarget_new(const char *conninfo, enum pooler pooler, const struct pg_limits *limits,
                              char **error);
void pgtarget_free(struct pgtarget *target);

/* Whether a connection string is well-formed, before anything is opened. False with *error (static): what would be
 * right, in words of ours, because libpq's own quote the password. */
bool pgtarget_check(const char *conninfo, const char **error);

/* Goes on with what pgsettings_local has begun: how to plan, which is an option where sessions are ours. */
void pgtarget_add_local(struct buf *out);

/* The arrays for PQconnectStartParams. hostaddr may be "". plain: without options of ours. Borrowed from the target. */
void pgtarget_fill(const struct pgtarget *target, size_t host, const char *hostaddr, bool plain,
                   const char **keywords, const char **values);

#endif
