/* Listening sockets. listen_open: open_unix for a path (what is_stale goes first), else split_address and
 * getaddrinfo, and of the addresses found the first that open_one can listen on. listen_adopt checks and settles a
 * socket that was passed. */
#include <config.h>

#include "proc/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096 /* the kernel cuts it to somaxconn */

struct host_port {
    char host[128], port[8];
};

static bool split_address(const char *address, struct host_port *out)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return false;
    const char *host = address, *end = colon;
    if (*address == '[') {
        if (colon == address || colon[-1] != ']')
            return false;
        host++;
        end--;
    } else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
        return false; /* a bare IPv6 address: which colon is the port's? */
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || atoi(colon + 1) > 65535 ||
        (size_t)(end - host) >= sizeof out->host)
        return false;
    memcpy(out->host, host, (size_t)(end - host));
    out->host[end - host] = '\0';
    memcpy(out->port, colon + 1, digits + 1);
    return true;
}

static int listen_fail(char *error, size_t size, const char *address, const char *what, const char *why)
{
    snprintf(error, size, "cannot %s %s: %s", what, address, why);
    return -1;
}

/* What the system says, and what may help. */
static const char *listen_reason(int number)
{
    switch (number) {
    case EADDRINUSE:
        return "it is in use; `ss -ltnp` shows by which program, --listen names another address";
    case EADDRNOTAVAIL:
        return "no interface of this host has that address";
    case EACCES:
        return "permission denied; a port below 1024 needs root or CAP_NET_BIND_SERVICE, a unix socket a "
               "folder "
               "that may be written to";
    default:
        return strerror(number);
    }
}

/* A socket file on which no process listens is left over from a crash. */
static bool is_stale(const struct sockaddr_un *name)
{
    struct stat info;
    if (lstat(name->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = probe >= 0 && connect(probe, (const struct sockaddr *)name, sizeof *name) != 0 &&
                 errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    return stale;
}

static struct sockaddr_un unix_name(const char *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", address + 5);
    return name;
}

/* 0, or the errno that bind would give. */
static int unix_obstacle(const struct sockaddr_un *name)
{
    struct stat info;
    const char *slash = strrchr(name->sun_path, '/');
    char folder[sizeof name->sun_path] = ".";
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", slash == name->sun_path ? 1 : (int)(slash - name->sun_path),
                 name->sun_path);
    if (lstat(name->sun_path, &info) == 0 && !is_stale(name))
        return EADDRINUSE;
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

static int try_unix(const char *address, char *error, size_t size)
{
    struct sockaddr_un name = unix_name(address);
    int obstacle = unix_obstacle(&name);
    if (obstacle != 0)
        return listen_fail(error, size, address, "listen on", listen_reason(obstacle));
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int open_unix(const char *address, char *bound, char *error, size_t size)
{
    struct sockaddr_un name = unix_name(address);
    if (is_stale(&name))
        unlink(name.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        listen_fail(error, size, address, "listen on", listen_reason(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    snprintf(bound, LISTEN_ADDRESS_MAX, "%s", address);
    return fd;
}

static void set_stream_options(int fd)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int open_one(const struct addrinfo *where, bool reuse_port)
{
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where->ai_protocol);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_stream_options(fd);
    if (where->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if ((reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        bind(fd, where->ai_addr, where->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int listen_open(const char *address, bool reuse_port, char bound[static LISTEN_ADDRESS_MAX], char *error,
                size_t error_size)
{
    if (strncmp(address, "unix:", 5) == 0)
        return open_unix(address, bound, error, error_size);
    struct host_port parts;
    if (!split_address(address, &parts))
        return listen_fail(error, error_size, address, "listen on", "it has not the form host:port");
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE},
                    *found;
    int code = getaddrinfo(parts.host[0] == '\0' ? NULL : parts.host, parts.port, &hints, &found);
    if (code != 0)
        return listen_fail(error, error_size, address, "listen on", gai_strerror(code));
    int fd = -1, saved = 0;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = open_one(at, reuse_port);
        if (fd < 0)
            saved = errno;
    }
    freeaddrinfo(found);
    if (fd < 0)
        return listen_fail(error, error_size, address, "listen on", listen_reason(saved));
    listen_name(fd, bound);
    return fd;
}

int listen_try(const char *address, char *error, size_t error_size)
{
    char bound[LISTEN_ADDRESS_MAX];
    return strncmp(address, "unix:", 5) == 0 ? try_unix(address, error, error_size)
                                             : listen_open(address, false, bound, error, error_size);
}

static int socket_option(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

bool listen_adopt(int fd, char *error, size_t error_size)
{
    int family = socket_option(fd, SO_DOMAIN);
    if (family < 0) {
        snprintf(error, error_size, "%s", errno == ENOTSOCK ? "it is not a socket" : strerror(errno));
        return false;
    }
    if ((family != AF_INET && family != AF_INET6 && family != AF_UNIX) ||
        socket_option(fd, SO_TYPE) != SOCK_STREAM) {
        snprintf(error, error_size, "it must be a stream socket (ListenStream=) of IPv4, IPv6 or unix");
        return false;
    }
    if (socket_option(fd, SO_ACCEPTCONN) != 1) {
        snprintf(error, error_size, "it does not listen (a connection of Accept=yes?)");
        return false;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        snprintf(error, error_size, "%s", strerror(errno));
        return false;
    }
    if (family != AF_UNIX)
        set_stream_options(fd);
    return true;
}

static void name_unix(const struct sockaddr_un *name, socklen_t length, char *bound)
{
    size_t size = length - offsetof(struct sockaddr_un, sun_path);
    bool abstract = size > 0 && name->sun_path[0] == '\0';
    if (size > 0)
        snprintf(bound, LISTEN_ADDRESS_MAX, "unix:%s%.*s", abstract ? "@" : "", (int)(size - abstract),
                 name->sun_path + abstract);
}

void listen_name(int fd, char bound[static LISTEN_ADDRESS_MAX])
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    char host[INET6_ADDRSTRLEN + 32], port[8];
    bound[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        return;
    if (name.ss_family == AF_UNIX)
        name_unix((const struct sockaddr_un *)&name, length, bound);
    else if (getnameinfo((struct sockaddr *)&name, length, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(bound, LISTEN_ADDRESS_MAX, name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

struct listen_file listen_file_of(const char *address)
{
    struct stat info;
    if (strncmp(address, "unix:", 5) != 0 || lstat(address + 5, &info) != 0)
        return (struct listen_file){0, 0};
    return (struct listen_file){(unsigned long)info.st_dev, (unsigned long)info.st_ino};
}

void listen_remove(const char *address, struct listen_file file)
{
    struct listen_file now = listen_file_of(address);
    if (file.inode != 0 && now.device == file.device && now.inode == file.inode)
        unlink(address + 5);
}
