/* store_remote_start_attempt -> (store_remote_on_resolved) -> connect_to -> store_remote_on_socket: greeting sent,
 * answered: store_remote_ready -> (find | put -> store_remote_on_socket: store_remote_answer)*. lost: what was asked
 * is a miss, close, wait, store_remote_start_attempt. */
#include <config.h>

#include "store/store_remote.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/resolve.h"

#define CONNECT_NS CLOCK_SECOND
#define PAUSE_FIRST_NS CLOCK_SECOND
#define PAUSE_MAX_NS (8 * CLOCK_SECOND)
#define COMMANDS_MAX 256u
#define BYTES_MAX ((size_t)4 << 20)
#define READ_BYTES 65536u

struct command {
    struct list_node link;
    bool is_find;
    struct store_find *find; /* NULL: it puts, or its caller has cancelled it */
    size_t size;
    int64_t sent;
};

static void store_remote_on_timer(void *argument);
static void store_remote_on_resolved(const char *address, const char *error, void *argument);
static void store_remote_on_socket(int fd, int ready, void *argument);
static void store_remote_on_flush(void *argument);
static void store_remote_lost(struct store_remote *remote, const char *reason);
static const struct store_ops store_remote_store_ops;

static struct store_remote *store_remote_of(struct store *store)
{
    return (struct store_remote *)(void *)store;
}

/* ---- life ---- */

void store_remote_init(struct store_remote *remote, struct loop *loop, const struct cacheurl *url,
                       const struct store_remote_ops *ops)
{
    remote->store.ops = &store_remote_store_ops;
    remote->ops = ops;
    remote->loop = loop;
    remote->url = url;
    remote->state = STORE_REMOTE_WAITING;
    remote->fd = -1;
    remote->in = BUF_INIT(STORE_VALUE_MAX + 2 * (size_t)READ_BYTES);
    remote->out = BUF_INIT(2 * BYTES_MAX);
    list_init(&remote->commands);
    loop_task_init(&remote->flush, store_remote_on_flush, remote);
    remote->timer = loop_timer_new(loop, store_remote_on_timer, remote);
    loop_timer_start(remote->timer, 0);
}

/* Everything that was asked is a miss. */
static void fail_commands(struct store_remote *remote)
{
    while (remote->commands.length > 0)
        store_remote_answer(remote, (struct slice){NULL, 0});
}

static void store_remote_disconnect(struct store_remote *remote)
{
    remote->state = STORE_REMOTE_WAITING;
    loop_timer_stop(remote->timer);
    resolve_cancel(remote->resolving);
    remote->resolving = NULL;
    loop_task_cancel(&remote->flush);
    loop_watch_free(remote->watch);
    remote->watch = NULL;
    if (remote->fd >= 0)
        close(remote->fd);
    remote->fd = -1;
    buf_fini(&remote->in);
    buf_fini(&remote->out);
    remote->ops->reset(remote);
    fail_commands(remote);
}

void store_remote_fini(struct store_remote *remote)
{
    store_remote_disconnect(remote);
    loop_timer_free(remote->timer);
}

/* ---- connecting ---- */

static socklen_t fill_address(struct sockaddr_storage *out, const struct cacheurl *url, const char *address)
{
    memset(out, 0, sizeof *out);
    struct sockaddr_un *local = (struct sockaddr_un *)(void *)out;
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
    if (url->path != NULL) {
        local->sun_family = AF_UNIX;
        snprintf(local->sun_path, sizeof local->sun_path, "%s", url->path);
        return sizeof *local;
    }
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)url->port);
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)url->port);
        return sizeof *six;
    }
    errno = EAFNOSUPPORT;
    return 0;
}

/* False with errno. */
static bool connect_to(struct store_remote *remote, const char *address)
{
    struct sockaddr_storage where;
    socklen_t length = fill_address(&where, remote->url, address);
    int on = 1;
    if (length == 0)
        return false;
    remote->fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (remote->fd < 0)
        return false;
    if (where.ss_family != AF_UNIX)
        setsockopt(remote->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(remote->fd, (struct sockaddr *)&where, length) < 0 && errno != EINPROGRESS)
        return false;
    remote->watch = loop_watch_new(remote->loop, remote->fd, store_remote_on_socket, remote);
    loop_watch_set(remote->watch, LOOP_WRITE);
    return true;
}

static void open_at(struct store_remote *remote, const char *address)
{
    remote->state = STORE_REMOTE_GREETING;
    remote->reason[0] = '\0';
    if (connect_to(remote, address))
        remote->ops->greet(remote, &remote->out);
    else
        store_remote_lost(remote, strerror(errno));
}

static bool is_numeric(const char *host)
{
    unsigned char out[16];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

static void store_remote_start_attempt(struct store_remote *remote)
{
    const struct cacheurl *url = remote->url;
    loop_timer_start(remote->timer, CONNECT_NS);
    if (url->path != NULL || is_numeric(url->host)) {
        open_at(remote, url->host);
        return;
    }
    remote->state = STORE_REMOTE_RESOLVING;
    remote->resolving = resolve_start(remote->loop, url->host, store_remote_on_resolved, remote);
}

static void store_remote_on_resolved(const char *address, const char *error, void *argument)
{
    struct store_remote *remote = argument;
    remote->resolving = NULL;
    if (address == NULL) {
        store_remote_lost(remote, error);
        return;
    }
    /* of several addresses another one with each attempt that failed */
    char one[64];
    unsigned count = 1, skip;
    for (const char *at = address; *at != '\0'; at++)
        count += *at == ',';
    for (skip = remote->failures % count; skip > 0; skip--)
        address += strcspn(address, ",") + 1;
    snprintf(one, sizeof one, "%.*s", (int)strcspn(address, ","), address);
    open_at(remote, one);
}

void store_remote_ready(struct store_remote *remote)
{
    remote->state = STORE_REMOTE_READY;
    loop_timer_stop(remote->timer);
    if (remote->failures > 0)
        log_info("the cache is back", LOG_S("cache", remote->ops->name));
    remote->failures = 0;
}

/* ---- losing it ---- */

static void store_remote_lost(struct store_remote *remote, const char *reason)
{
    int64_t pause = backoff_ns(remote->failures, PAUSE_FIRST_NS, PAUSE_MAX_NS);
    if (remote->failures++ == 0)
        log_warn("the cache is away, the database answers alone", LOG_S("cache", remote->ops->name),
                 LOG_S("reason", reason));
    store_remote_disconnect(remote);
    loop_timer_start(remote->timer, pause + random() % (pause / 4));
}

/* In READY: the oldest command's time is over, unless it was answered meanwhile. */
static void judge_oldest(struct store_remote *remote)
{
    const struct command *oldest = list_first_of(&remote->commands, struct command, link);
    if (oldest == NULL)
        return;
    int64_t left = oldest->sent + STORE_PATIENCE_NS - clock_now();
    if (left > 0)
        loop_timer_start(remote->timer, left);
    else
        store_remote_lost(remote, "it did not answer in time");
}

static void store_remote_on_timer(void *argument)
{
    struct store_remote *remote = argument;
    if (remote->state == STORE_REMOTE_WAITING)
        store_remote_start_attempt(remote);
    else if (remote->state == STORE_REMOTE_READY)
        judge_oldest(remote);
    else
        store_remote_lost(remote, "it did not answer the attempt to connect in time");
}

/* ---- asking ---- */

static bool has_room(const struct store_remote *remote, size_t size)
{
    return remote->state == STORE_REMOTE_READY && remote->commands.length < COMMANDS_MAX &&
           remote->bytes + size <= BYTES_MAX;
}

static struct command *add_command(struct store_remote *remote, size_t size)
{
    struct command *command = mem_new(sizeof *command);
    command->size = size;
    command->sent = clock_now();
    remote->bytes += size;
    list_append(&remote->commands, &command->link);
    loop_defer(remote->loop, &remote->flush);
    if (!loop_timer_pending(remote->timer))
        loop_timer_start(remote->timer, STORE_PATIENCE_NS);
    return command;
}

static enum store_found store_remote_find(struct store *store, struct slice key, struct store_find *find,
                                          struct slice *value)
{
    struct store_remote *remote = store_remote_of(store);
    (void)value;
    if (!has_room(remote, key.len) || !remote->ops->find(remote, key, &remote->out))
        return STORE_MISS;
    struct command *command = add_command(remote, key.len);
    command->is_find = true;
    command->find = find;
    find->inside = command;
    return STORE_LATER;
}

/* The answer is thrown away when it comes. */
static void store_remote_cancel(struct store *store, struct store_find *find)
{
    struct command *command = find->inside;
    (void)store;
    command->find = NULL;
}

static void store_remote_put(struct store *store, struct slice key, struct slice value, int64_t life_ns)
{
    struct store_remote *remote = store_remote_of(store);
    size_t size = key.len + value.len;
    if (value.len <= STORE_VALUE_MAX && has_room(remote, size) &&
        remote->ops->put(remote, key, value, life_ns, &remote->out))
        add_command(remote, size);
}

bool store_remote_finds(const struct store_remote *remote)
{
    return list_first_of(&remote->commands, struct command, link)->is_find;
}

void store_remote_answer(struct store_remote *remote, struct slice value)
{
    struct command *command = list_pop_of(&remote->commands, struct command, link);
    if (command == NULL)
        return;
    struct store_find *find = command->find;
    remote->bytes -= command->size;
    free(command);
    if (find != NULL)
        find->done(find, value);
}

/* ---- the socket ---- */

/* False: it was lost. */
static bool store_remote_flush(struct store_remote *remote)
{
    if (remote->out.failed) { /* cannot be: what may be outstanding is bounded below it */
        store_remote_lost(remote, "a command outgrew its buffer");
        return false;
    }
    while (remote->out.len > 0) {
        ssize_t sent = send(remote->fd, remote->out.data, remote->out.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (sent < 0) {
            store_remote_lost(remote, strerror(errno));
            return false;
        }
        buf_drop(&remote->out, (size_t)sent);
    }
    buf_trim(&remote->out, READ_BYTES);
    loop_watch_set(remote->watch, remote->out.len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return true;
}

static void store_remote_on_flush(void *argument)
{
    store_remote_flush(argument);
}

/* What comes without having been asked for is as bad as nonsense. */
static void take_answers(struct store_remote *remote)
{
    enum store_remote_take take = STORE_REMOTE_ONE;
    while (take == STORE_REMOTE_ONE && remote->in.len > 0)
        take = remote->state == STORE_REMOTE_READY && remote->commands.length == 0
                   ? STORE_REMOTE_BAD
                   : remote->ops->take(remote, &remote->in);
    buf_trim(&remote->in, 2 * (size_t)READ_BYTES);
    if (take == STORE_REMOTE_BAD)
        store_remote_lost(remote, remote->reason[0] != '\0' ? remote->reason
                                                            : "it answers what no such server would");
}

static void store_remote_on_socket(int fd, int ready, void *argument)
{
    struct store_remote *remote = argument;
    if ((ready & LOOP_WRITE) != 0 && !store_remote_flush(remote))
        return;
    if ((ready & LOOP_READ) == 0)
        return;
    char *room = buf_room(&remote->in, READ_BYTES);
    if (room == NULL) {
        store_remote_lost(remote, "its answer is too long");
        return;
    }
    ssize_t count = recv(fd, room, READ_BYTES, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        store_remote_lost(remote, count < 0 ? strerror(errno) : "the connection was closed");
        return;
    }
    remote->in.len += (size_t)count;
    take_answers(remote);
}

static void store_remote_free(struct store *store)
{
    struct store_remote *remote = store_remote_of(store);
    if (remote != NULL)
        remote->ops->free(remote);
}

static const struct store_ops store_remote_store_ops = {
    .find = store_remote_find,
    .cancel = store_remote_cancel,
    .put = store_remote_put,
    .free = store_remote_free,
};
