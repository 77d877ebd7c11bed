/* Several workers: a parent without an event loop that owns the sockets, starts the workers, watches them, and
 * replaces them without a client noticing. Each worker has a listening socket of its own for each address
 * (SO_REUSEPORT); the master keeps them all open, so that what the kernel has queued survives a worker's death.
 *
 * SIGTERM, SIGINT: drain all (SIGTERM), then end; a second one is quick (SIGUSR2). SIGHUP: renew, then one after the
 * other, a successor on the same sockets, and the old worker retires (SIGUSR1) when the new one is ready; a SIGHUP that
 * comes meanwhile counts afterwards. A worker that dies is started again, with backoff. One that stops beating is
 * killed when the deadline of the requests that it has is over, but not before 3 s, and after 10 s at the latest;
 * whether it serves, is a successor, retires or drains. */
#ifndef ROWLOCK_PROC_MASTER_H
#define ROWLOCK_PROC_MASTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a worker tells its master, in memory that both see; each process has its own. */
struct master_beat {
    _Atomic int64_t at; /* clock_now, at least twice a second, to the end */
    _Atomic bool ready; /* it may take over */
};

struct systemd;

struct master_plan {
    size_t workers;   /* at least 1 */
    size_t addresses; /* sockets of a worker */
    int *fds;         /* worker by worker; the master closes them */
    int64_t deadline_ns, drain_ns;
    struct systemd *systemd;       /* whom the master, and no worker, tells how things are */
    void (*renew)(void *argument); /* before workers are replaced; NULL: nothing is to be done */
    /* Runs in the child, with the signals above blocked until it unblocks them, until it is done; returns its exit
     * code. worker counts from 0. */
    int (*work)(size_t worker, const int *fds, size_t count, struct master_beat *beat, void *argument);
    void *argument;
};

/* Returns the exit code of the program: 0 after a drain, 1 when workers cannot be kept alive. */
int master_run(const struct master_plan *plan);

#endif
