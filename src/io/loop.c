/* The event loop, on libevent. Tasks that are deferred during a turn run at its end (on_turn_end): the first one
 * makes an event active, which libevent puts behind those that are active already. */
#include <config.h>

#include "io/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct loop {
    struct event_base *base;
    struct event *turn_end; /* made active by the first deferral of a turn: it queues behind what is active */
    struct list tasks;      /* deferred and not yet run */
};

struct loop_watch {
    struct event *event;
    struct event_base *base;
    loop_fd_cb *callback;
    void *argument;
    int fd, interest;
};

struct loop_timer {
    struct event *event;
    loop_timer_cb *callback;
    void *argument;
};

struct loop_signal {
    struct event *event;
    loop_signal_cb *callback;
    void *argument;
};

static void on_turn_end(evutil_socket_t fd, short what, void *argument);
static void on_libevent_log(int severity, const char *message);
static void on_libevent_fatal(int error);

/* Without memory libevent ends the process as the rest of the program does (base/mem.h): evhttp does not tell of a
 * field or a body that it had no memory for, and would send the rest of the response. */
struct loop *loop_new(void)
{
    event_set_mem_functions(mem_raw, mem_resize, free);
    event_set_log_callback(on_libevent_log);
    event_set_fatal_callback(on_libevent_fatal);
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (base == NULL)
        return NULL;
    struct loop *loop = mem_new(sizeof *loop);
    loop->base = base;
    loop->turn_end = event_new(base, -1, 0, on_turn_end, loop);
    list_init(&loop->tasks);
    if (loop->turn_end == NULL) {
        event_base_free(base);
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    on_turn_end(-1, 0, loop);
    event_free(loop->turn_end);
    event_base_free(loop->base);
    free(loop);
    libevent_global_shutdown();
}

void loop_run(struct loop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    struct timeval now = {0, 0};
    event_base_loopexit(loop->base, &now);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* ---- descriptors ---- */

static void on_fd(evutil_socket_t fd, short what, void *argument)
{
    struct loop_watch *watch = argument;
    int ready = (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0);
    watch->callback((int)fd, ready, watch->argument);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_fd_cb *callback, void *argument)
{
    struct loop_watch *watch = mem_new(sizeof *watch);
    watch->base = loop->base;
    watch->callback = callback;
    watch->argument = argument;
    watch->fd = fd;
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int interest)
{
    if (watch->interest == interest)
        return;
    watch->interest = interest;
    if (watch->event != NULL)
        event_del(watch->event);
    if (interest == 0)
        return;
    short what =
        (short)((interest & LOOP_READ ? EV_READ : 0) | (interest & LOOP_WRITE ? EV_WRITE : 0) | EV_PERSIST);
    if (watch->event == NULL)
        watch->event = event_new(watch->base, watch->fd, what, on_fd, watch);
    else
        event_assign(watch->event, watch->base, watch->fd, what, on_fd, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0)
        log_error("cannot watch a descriptor", LOG_I("fd", watch->fd), LOG_I("errno", errno));
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->event != NULL)
        event_free(watch->event);
    free(watch);
}

/* ---- timers ---- */

static void loop_on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct loop_timer *timer = argument;
    (void)fd;
    (void)what;
    timer->callback(timer->argument);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_cb *callback, void *argument)
{
    struct loop_timer *timer = mem_new(sizeof *timer);
    timer->callback = callback;
    timer->argument = argument;
    timer->event = event_new(loop->base, -1, 0, loop_on_timer, timer);
    if (timer->event == NULL)
        abort();
    return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t after_ns)
{
    if (after_ns < 0)
        after_ns = 0;
    struct timeval after = {.tv_sec = (time_t)(after_ns / 1000000000),
                            .tv_usec = (suseconds_t)(after_ns % 1000000000 / 1000)};
    event_add(timer->event, &after);
}

void loop_timer_stop(struct loop_timer *timer)
{
    event_del(timer->event);
}

bool loop_timer_pending(const struct loop_timer *timer)
{
    return event_pending(timer->event, EV_TIMEOUT, NULL) != 0;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    event_free(timer->event);
    free(timer);
}

/* ---- signals ---- */

static void loop_on_signal(evutil_socket_t number, short what, void *argument)
{
    struct loop_signal *watch = argument;
    (void)what;
    watch->callback((int)number, watch->argument);
}

struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_signal_cb *callback, void *argument)
{
    struct loop_signal *watch = mem_new(sizeof *watch);
    watch->callback = callback;
    watch->argument = argument;
    watch->event = evsignal_new(loop->base, number, loop_on_signal, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0)
        log_error("cannot watch a signal", LOG_I("signal", number));
    return watch;
}

void loop_signal_free(struct loop_signal *watch)
{
    if (watch == NULL)
        return;
    if (watch->event != NULL)
        event_free(watch->event);
    free(watch);
}

/* ---- the end of the turn ---- */

void loop_task_init(struct loop_task *task, void (*run)(void *), void *argument)
{
    list_node_init(&task->link);
    task->run = run;
    task->argument = argument;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (list_linked(&task->link))
        return;
    if (loop->tasks.length == 0)
        event_active(loop->turn_end, EV_WRITE, 0);
    list_append(&loop->tasks, &task->link);
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}

static void on_turn_end(evutil_socket_t fd, short what, void *argument)
{
    struct loop *loop = argument;
    (void)fd;
    (void)what;
    struct loop_task *task;
    while ((task = list_pop_of(&loop->tasks, struct loop_task, link)) != NULL) {
        task->run(task->argument);
    }
}

static void on_libevent_log(int severity, const char *message)
{
    if (severity >= EVENT_LOG_WARN)
        log_warn("libevent", LOG_S("detail", message));
}

static void on_libevent_fatal(int error)
{
    log_error("libevent gave up", LOG_I("error", error));
    log_flush();
    _exit(1);
}
