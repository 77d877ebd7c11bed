/* systemd's protocols. systemd_open reads what was passed (read_listeners, read_watchdog, systemd_read_address) and
 * removes the variables. systemd_tell is called at each beat: it sends one datagram if the state or the status has
 * changed, or if the watchdog is due; what the manager's queue does not take is sent at the next beat. */
#include <config.h>

#include "proc/systemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "proc/listen.h"

#define INTERVAL_NS (500 * CLOCK_MS)
#define PATIENCE_NS (5 * CLOCK_SECOND)

/* ---- what was passed ---- */

/* A number from 1 on; false when it is something else. *number is 0 when the variable is not set, or empty. */
static bool read_number(const char *name, int64_t max, int64_t *number, char **error)
{
    const char *value = getenv(name);
    *number = 0;
    if (value == NULL || value[0] == '\0')
        return true;
    if (text_int(slice_of(value), number) == TEXT_NUMBER_OK && *number >= 1 && *number <= max)
        return true;
    *error = mem_printf("%s: \"%s\" is not right: it must be an integer from 1 to %lld", name, value,
                        (long long)max);
    return false;
}

static bool read_listeners(struct systemd *systemd, size_t max, char **error)
{
    int64_t count, pid;
    char reason[128];
    if (!read_number("LISTEN_PID", INT32_MAX, &pid, error))
        return false;
    if (pid != getpid())
        return true; /* none, or those of a parent that has left the variables behind */
    if (!read_number("LISTEN_FDS", (int64_t)max, &count, error))
        return false;
    for (int fd = SYSTEMD_FIRST_LISTENER; fd < SYSTEMD_FIRST_LISTENER + count; fd++)
        if (!listen_adopt(fd, reason, sizeof reason)) {
            *error = mem_printf("LISTEN_FDS: descriptor %d: %s", fd, reason);
            return false;
        }
    systemd->listeners = (size_t)count;
    return true;
}

static bool read_watchdog(struct systemd *systemd, char **error)
{
    int64_t usec, pid;
    if (!read_number("WATCHDOG_PID", INT32_MAX, &pid, error) ||
        !read_number("WATCHDOG_USEC", INT64_C(1000000000000), &usec, error))
        return false;
    systemd->watchdog_ns = pid == 0 || pid == getpid() ? usec * 1000 : 0;
    return true;
}

static bool systemd_read_address(struct systemd *systemd, char **error)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path != NULL ? strlen(path) : 0;
    if (length == 0)
        return true;
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof systemd->address.sun_path) {
        *error =
            mem_printf("NOTIFY_SOCKET: \"%s\" is not right: it must be the path of a socket, or @NAME", path);
        return false;
    }
    systemd->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (systemd->fd < 0) {
        *error = mem_printf("NOTIFY_SOCKET: %s", strerror(errno));
        return false;
    }
    systemd->address.sun_family = AF_UNIX;
    memcpy(systemd->address.sun_path, path, length);
    if (path[0] == '@')
        systemd->address.sun_path[0] = '\0'; /* abstract: the length says where the name ends */
    systemd->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return true;
}

bool systemd_open(struct systemd *systemd, size_t listeners_max, char **error)
{
    static const char *const variables[] = {"LISTEN_PID",   "LISTEN_FDS",    "LISTEN_FDNAMES",
                                            "WATCHDOG_PID", "WATCHDOG_USEC", "NOTIFY_SOCKET"};
    *systemd = (struct systemd){.fd = -1};
    bool ok = read_listeners(systemd, listeners_max, error) && read_watchdog(systemd, error) &&
              systemd_read_address(systemd, error);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    return ok;
}

void systemd_close(struct systemd *systemd)
{
    if (systemd->fd >= 0)
        close(systemd->fd);
    systemd->fd = -1;
}

/* ---- what is told ---- */

bool systemd_wanted(const struct systemd *systemd)
{
    return systemd->fd >= 0;
}

int64_t systemd_interval(const struct systemd *systemd)
{
    int64_t half = systemd->watchdog_ns / 2;
    return half > 0 && half < INTERVAL_NS ? half : INTERVAL_NS;
}

/* One line of UTF-8, or systemd would read another message, or none. */
static void copy_status(char *out, const char *status)
{
    snprintf(out, SYSTEMD_STATUS_MAX, "%s", status);
    for (char *at = out; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    for (size_t length = strlen(out); !text_utf8(slice_of(out), NULL); length--)
        out[length - 1] = '\0'; /* it was cut within a character */
}

/* Unless it must be said again. */
static bool send_text(struct systemd *systemd, const char *text)
{
    if (sendto(systemd->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&systemd->address,
               systemd->address_length) >= 0)
        return true;
    if (errno == EAGAIN || errno == EINTR)
        return false;
    if (!systemd->complained)
        log_warn("cannot tell systemd", LOG_S("reason", strerror(errno)));
    systemd->complained = true;
    return true;
}

static enum systemd_state systemd_settle(struct systemd *systemd, enum systemd_state state, int64_t now)
{
    if (state != SYSTEMD_WAITING)
        return state;
    if (systemd->waiting == 0)
        systemd->waiting = now;
    return systemd->state >= SYSTEMD_READY || now - systemd->waiting >= PATIENCE_NS ? SYSTEMD_READY : state;
}

void systemd_tell(struct systemd *systemd, enum systemd_state state, const char *status)
{
    static const char *const words[] = {[SYSTEMD_PREPARING] = "",
                                        [SYSTEMD_WAITING] = "",
                                        [SYSTEMD_READY] = "READY=1\n",
                                        [SYSTEMD_RELOADING] = "RELOADING=1\n",
                                        [SYSTEMD_STOPPING] = "STOPPING=1\n"};
    if (systemd->fd < 0)
        return;
    char line[SYSTEMD_STATUS_MAX], text[SYSTEMD_STATUS_MAX + 128], since[64] = "";
    int64_t now = clock_now();
    state = systemd_settle(systemd, state, now);
    copy_status(line, status);
    bool changed = state != systemd->state, said = strcmp(line, systemd->status) != 0;
    bool due = systemd->watchdog_ns > 0 &&
               now + systemd_interval(systemd) >= systemd->beat + systemd->watchdog_ns / 2;
    if (!changed && !said && !due)
        return;
    if (changed && state == SYSTEMD_RELOADING)
        snprintf(since, sizeof since, "MONOTONIC_USEC=%lld\n", (long long)(now / 1000));
    snprintf(text, sizeof text, "%s%s%sSTATUS=%s\n", changed ? words[state] : "", since,
             due ? "WATCHDOG=1\n" : "", line);
    if (!send_text(systemd, text))
        return;
    systemd->state = state;
    snprintf(systemd->status, sizeof systemd->status, "%s", line);
    if (due)
        systemd->beat = now;
}
