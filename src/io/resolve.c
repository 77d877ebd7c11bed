/* Names to addresses. resolve_start starts a thread (look_up) that sends its answer over a pair of sockets; on the loop
 * resolve_on_answer receives it, and resolve_finish frees and calls back. A resolve that was cancelled closes its
 * end, and the thread's answer is lost. */
#include <config.h>

#include "io/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* What the thread owns; nothing in it is shared with the loop. It answers by one write to the pipe. */
struct job {
    int answer_fd;
    char name[256];
};

struct answer {
    char address[1024]; /* by comma; "" on failure */
    char error[128];
};

struct resolve {
    struct loop_watch *watch;
    struct loop_timer *soon; /* reports a failure to start */
    int fd;
    resolve_cb *callback;
    void *argument;
};

/* What does not fit is left out: a name with so many addresses has enough of them. */
static int list_addresses(const struct addrinfo *found, char *out, size_t size)
{
    size_t used = 0;
    int code = EAI_NONAME;
    for (; found != NULL; found = found->ai_next) {
        char one[64];
        code = getnameinfo(found->ai_addr, found->ai_addrlen, one, sizeof one, NULL, 0, NI_NUMERICHOST);
        if (code != 0 || used + strlen(one) + 2 > size)
            break;
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? "," : "", one);
    }
    return used > 0 ? 0 : code;
}

static void *look_up(void *argument)
{
    struct job *job = argument;
    struct answer answer = {.address = ""};
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG},
                    *found = NULL;
    int code = getaddrinfo(job->name, NULL, &hints, &found);
    if (code == EAI_NONAME || code == EAI_ADDRFAMILY || code == EAI_NODATA) {
        hints.ai_flags = 0; /* localhost on a machine with no other network */
        code = getaddrinfo(job->name, NULL, &hints, &found);
    }
    if (code == 0)
        code = list_addresses(found, answer.address, sizeof answer.address);
    if (code != 0) {
        answer.address[0] = '\0';
        snprintf(answer.error, sizeof answer.error, "cannot look up the host name: %s", gai_strerror(code));
    }
    if (found != NULL)
        freeaddrinfo(found);
    if (send(job->answer_fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0) {
        /* cancelled meanwhile: the other end is closed */
    }
    close(job->answer_fd);
    free(job);
    return NULL;
}

static void resolve_finish(struct resolve *resolve, const struct answer *answer)
{
    resolve_cb *callback = resolve->callback;
    void *argument = resolve->argument;
    resolve_cancel(resolve);
    callback(answer->address[0] != '\0' ? answer->address : NULL, answer->error, argument);
}

static void resolve_on_answer(int fd, int ready, void *argument)
{
    struct answer answer = {.address = "", .error = "cannot look up the host name"};
    (void)ready;
    if (recv(fd, &answer, sizeof answer, 0) != (ssize_t)sizeof answer)
        answer.address[0] = '\0';
    resolve_finish(argument, &answer);
}

static void on_failed(void *argument)
{
    resolve_finish(argument,
                   &(struct answer){.error = "cannot look up the host name: no thread could be started"});
}

static bool resolve_start_thread(struct job *job)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, (size_t)256 << 10);
    sigfillset(&all); /* signals belong to the loop */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&thread, &attributes, look_up, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return code == 0;
}

struct resolve *resolve_start(struct loop *loop, const char *name, resolve_cb *callback, void *argument)
{
    struct resolve *resolve = mem_new(sizeof *resolve);
    int fds[2] = {-1, -1};
    resolve->callback = callback;
    resolve->argument = argument;
    resolve->fd = -1;
    struct job *job = mem_new(sizeof *job);
    snprintf(job->name, sizeof job->name, "%s", name);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) == 0) {
        job->answer_fd = fds[1];
        if (resolve_start_thread(job)) {
            resolve->fd = fds[0];
            resolve->watch = loop_watch_new(loop, fds[0], resolve_on_answer, resolve);
            loop_watch_set(resolve->watch, LOOP_READ);
            return resolve;
        }
        close(fds[0]);
        close(fds[1]);
    }
    free(job);
    resolve->soon = loop_timer_new(loop, on_failed, resolve);
    loop_timer_start(resolve->soon, 0);
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    if (resolve == NULL)
        return;
    loop_watch_free(resolve->watch);
    loop_timer_free(resolve->soon);
    if (resolve->fd >= 0)
        close(resolve->fd);
    free(resolve);
}
