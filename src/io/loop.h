/* The event loop: file descriptors, timers, signals, and work for the end of the turn. libevent underneath;
 * nothing above this file sees it. One loop a process, one thread, no callback ever blocks.
 *
 * A turn is: all that epoll reported, then the tasks that were deferred meanwhile, in the order in which they
 * were deferred. Sets are sent, connections flushed and dead objects freed there. */
#ifndef ROWLOCK_IO_LOOP_H
#define ROWLOCK_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

struct loop *loop_new(void);       /* NULL with errno when the system refuses */
void loop_free(struct loop *loop); /* every watch, timer and signal must be gone */
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* ends loop_run after this turn */

struct event_base;
struct event_base *loop_base(struct loop *loop); /* for what libevent itself brings along, which is evhttp */

/* ---- descriptors: level-triggered, until stopped ---- */

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
};
typedef void loop_fd_cb(int fd, int ready, void *argument);
struct loop_watch;

/* Watches nothing until loop_watch_set. The descriptor stays the caller's, and must outlive the watch. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_fd_cb *callback, void *argument);
void loop_watch_set(struct loop_watch *watch, int interest); /* LOOP_READ | LOOP_WRITE, or 0 */
void loop_watch_free(struct loop_watch *watch);              /* no callback afterwards; NULL is harmless */

/* ---- timers: fire once ---- */

struct loop_timer;
typedef void loop_timer_cb(void *argument);

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_cb *callback, void *argument);
void loop_timer_start(struct loop_timer *timer, int64_t after_ns); /* again: moves it */
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_pending(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is harmless */

/* ---- signals ---- */

struct loop_signal;
typedef void loop_signal_cb(int number, void *argument);

struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_signal_cb *callback, void *argument);
void loop_signal_free(struct loop_signal *watch);

/* ---- the end of the turn ---- */

struct loop_task {
    struct list_node link;
    void (*run)(void *);
    void *argument;
};

void loop_task_init(struct loop_task *task, void (*run)(void *), void *argument);
void loop_defer(struct loop *loop,
                struct loop_task *task); /* runs once at the end of this turn; twice is once */
void loop_task_cancel(struct loop_task *task);

#endif
