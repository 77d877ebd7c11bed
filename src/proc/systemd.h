/* What systemd and this process tell each other: listening sockets that were passed, readiness, status, and the
 * watchdog. Other supervisors that speak the same protocols (podman, s6) will do; without one nothing happens here.
 *
 * By hand and not by libsystemd: both protocols are a few lines, stable by promise, and the library would be the only
 * one that a server without systemd carries for nothing. */
#ifndef ROWLOCK_PROC_SYSTEMD_H
#define ROWLOCK_PROC_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SYSTEMD_FIRST_LISTENER 3 /* the passed descriptors are this one and those behind it */
#define SYSTEMD_STATUS_MAX 512

enum systemd_state {
    SYSTEMD_PREPARING, /* it does not listen yet */
    SYSTEMD_WAITING, /* it listens and waits for the database; soon that counts as ready, see systemd_tell */
    SYSTEMD_READY,
    SYSTEMD_RELOADING,
    SYSTEMD_STOPPING,
};

struct systemd {
    size_t listeners; /* how many sockets were passed */
    int fd;           /* -1: there is no supervisor to tell */
    struct sockaddr_un address;
    socklen_t address_length;
    int64_t watchdog_ns; /* 0: none */
    int64_t waiting;     /* since when; 0: not yet */
    int64_t beat;        /* when the watchdog was told last */
    enum systemd_state state;
    char status[SYSTEMD_STATUS_MAX]; /* both as they were told last */
    bool complained;
};

/* Reads the variables, checks the sockets and makes them non-blocking and close-on-exec. The variables are gone
 * afterwards, so that no child takes them for its own. False with *error (to be freed), which names the variable. */
bool systemd_open(struct systemd *systemd, size_t listeners_max, char **error);
void systemd_close(struct systemd *systemd); /* twice is harmless */

bool systemd_wanted(const struct systemd *systemd);

/* To be called when something has changed, and at least every systemd_interval; says only what is new, never waits,
 * and says later what could not be said. SYSTEMD_WAITING becomes SYSTEMD_READY when it lasts for five seconds: a
 * server without its database answers (503) and heals by itself, and a start that failed would not help it. Once it
 * was ready, SYSTEMD_WAITING changes the status only. status is for people, one line. */
void systemd_tell(struct systemd *systemd, enum systemd_state state, const char *status);
int64_t systemd_interval(const struct systemd *systemd);

#endif
