/* The master: master_run starts one worker a slot (master_start: fork, become_worker), then in each tick takes one
 * signal, reaps the dead (on_death, schedule_restart), kills those that do not beat (listen_for_beats) and starts again
 * those whose pause is over (restart_when_due). SIGHUP: begin_replacing, then continue_replacing slot by slot: a
 * successor is started on the same sockets and takes over when it is ready; the old worker retires. SIGTERM:
 * master_end, then the loop runs until all have ended or end_limit kills them. */
#include <config.h>

#include "proc/master.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "metrics/process_metrics.h"
#include "proc/systemd.h"

#define TICK_NS (100 * CLOCK_MS)
#define SILENCE_MIN_NS (3 * CLOCK_SECOND)  /* a busy machine makes beats late, too */
#define SILENCE_MAX_NS (10 * CLOCK_SECOND) /* also for a start, which may wait for what is not there yet */
#define LATE_NS CLOCK_SECOND
#define SAMPLE_NS CLOCK_SECOND
#define QUICK_NS (2 * CLOCK_SECOND)        /* after a second SIGTERM; then SIGKILL */
#define READY_LIMIT_NS (10 * CLOCK_SECOND) /* a successor that is not ready by then takes over nevertheless */
#define STEADY_NS (10 * CLOCK_SECOND)      /* a worker that lived this long did not die of its start */
#define BACKOFF_FIRST_NS (100 * CLOCK_MS)
#define BACKOFF_MAX_NS (10 * CLOCK_SECOND)
#define DEATHS_MAX 8u /* in a row, each before STEADY_NS: then the master gives up */
#define RETIRED_MAX 1024u

struct process {
    pid_t pid;                /* 0: none */
    struct master_beat *beat; /* its own, shared with it; NULL: none */
    size_t counts;            /* the slot in which it counts */
    size_t worker;            /* from 1 */
    int64_t started;
    int64_t heard;  /* its last beat that was seen; 0: it has not begun to beat */
    int64_t silent; /* since then, as far as the master was awake */
    bool killed;
};

struct slot {
    struct process now, successor;
    unsigned deaths;    /* in a row */
    int64_t restart_at; /* 0: it runs */
};

struct master {
    const struct master_plan *plan;
    struct slot *slots;
    struct process retired[RETIRED_MAX];
    size_t retired_count;
    size_t replacing; /* the slot that is replaced just now; plan->workers: none */
    size_t kept;      /* workers that this SIGHUP could not replace */
    bool ending, hopeless;
    int64_t end_limit;
    int64_t silence_ns; /* a process that has not beaten for so long is stuck */
    int64_t ticked;     /* when the master itself was last awake */
    int64_t sampled;    /* when it last looked at itself */
    bool again;         /* SIGHUP has come while workers were being replaced */
    sigset_t signals;
};

/* ---- processes ---- */

/* In the child: nothing of the master but the plan is used any more. */
static void become_worker(struct master *master, size_t index, const struct process *process, pid_t parent)
{
    const struct master_plan *plan = master->plan;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(0);
    systemd_close(plan->systemd);
    for (size_t i = 0; i < plan->workers * plan->addresses; i++)
        if (i / plan->addresses != index)
            close(plan->fds[i]);
    log_set_worker((int)index + 1);
    metrics_attach(process->counts);
    int code = plan->work(index, plan->fds + index * plan->addresses, plan->addresses, process->beat,
                          plan->argument);
    log_flush();
    free(master->slots);
    exit(code);
}

static void beat_free(struct master_beat *beat)
{
    if (beat != NULL)
        munmap(beat, sizeof *beat);
}

static struct master_beat *beat_new(void)
{
    void *beat =
        mmap(NULL, sizeof(struct master_beat), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return beat != MAP_FAILED ? beat : NULL;
}

static void master_forget(struct process *process)
{
    beat_free(process->beat);
    metrics_release(process->counts);
    *process = (struct process){.pid = 0};
}

static bool master_start(struct master *master, size_t index, struct process *process)
{
    pid_t parent = getpid();
    *process = (struct process){
        .beat = beat_new(), .counts = metrics_reserve(), .worker = index + 1, .started = clock_now()};
    log_flush();
    pid_t pid = process->beat != NULL ? fork() : -1;
    if (pid == 0)
        become_worker(master, index, process, parent);
    if (pid < 0) {
        log_error("cannot start a worker", LOG_I("worker", index + 1), LOG_S("reason", strerror(errno)));
        master_forget(process);
        return false;
    }
    process->pid = pid;
    log_info("worker started", LOG_I("worker", index + 1), LOG_I("pid", pid));
    return true;
}

static void signal_all(struct master *master, int number)
{
    for (size_t i = 0; i < master->plan->workers; i++) {
        if (master->slots[i].now.pid > 0)
            kill(master->slots[i].now.pid, number);
        if (master->slots[i].successor.pid > 0)
            kill(master->slots[i].successor.pid, number);
    }
    for (size_t i = 0; i < master->retired_count; i++)
        kill(master->retired[i].pid, number);
}

static size_t count_alive(const struct master *master)
{
    size_t count = master->retired_count;
    for (size_t i = 0; i < master->plan->workers; i++)
        count += (size_t)(master->slots[i].now.pid > 0) + (size_t)(master->slots[i].successor.pid > 0);
    return count;
}

/* ---- deaths ---- */

static void schedule_restart(struct master *master, struct slot *slot, int64_t lived)
{
    slot->deaths = lived >= STEADY_NS ? 1 : slot->deaths + 1;
    if (slot->deaths >= DEATHS_MAX) {
        log_error("a worker cannot be kept alive", LOG_I("worker", slot - master->slots + 1));
        master->hopeless = true;
        return;
    }
    slot->restart_at =
        clock_now() +
        (slot->deaths == 1 ? 0 : backoff_ns(slot->deaths - 2, BACKOFF_FIRST_NS, BACKOFF_MAX_NS));
}

static void on_death(struct master *master, pid_t pid, int status)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < master->retired_count; i++)
        if (master->retired[i].pid == pid) {
            master_forget(&master->retired[i]);
            master->retired[i] = master->retired[--master->retired_count];
            log_info("retired worker ended", LOG_I("pid", pid));
            return;
        }
    for (size_t i = 0; i < master->plan->workers; i++) {
        struct slot *slot = &master->slots[i];
        struct process *process = slot->now.pid == pid         ? &slot->now
                                  : slot->successor.pid == pid ? &slot->successor
                                                               : NULL;
        if (process == NULL)
            continue;
        int64_t lived = now - process->started;
        master_forget(process);
        if (master->ending)
            return;
        metric_add(METRIC_WORKERS_DIED, 0, 1);
        log_error("worker died", LOG_I("worker", i + 1), LOG_I("pid", pid),
                  WIFSIGNALED(status) ? LOG_I("signal", WTERMSIG(status))
                                      : LOG_I("exit", WEXITSTATUS(status)));
        if (process == &slot->successor) { /* the old one goes on */
            master->replacing = master->plan->workers;
        } else if (slot->successor.pid > 0) { /* its successor is there already */
            slot->now = slot->successor;
            slot->successor = (struct process){.pid = 0};
        } else {
            schedule_restart(master, slot, lived);
        }
        return;
    }
}

static void reap(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        on_death(master, pid, status);
}

static void restart_when_due(struct master *master, struct slot *slot)
{
    if (slot->restart_at == 0 || clock_now() < slot->restart_at)
        return;
    slot->restart_at = 0;
    if (!master_start(master, (size_t)(slot - master->slots), &slot->now))
        schedule_restart(master, slot, 0);
}

/* Kills a process that is stuck. Its clients see the end of their connections at once, which tells them no less than
 * their deadline would. */
static void listen_for_beat(const struct master *master, struct process *process, int64_t awake)
{
    if (process->pid <= 0 || process->killed)
        return;
    int64_t at = atomic_load(&process->beat->at);
    process->silent = at == process->heard ? process->silent + awake : 0;
    process->heard = at;
    if (process->silent <= (at == 0 ? SILENCE_MAX_NS : master->silence_ns))
        return;
    log_error("worker does not beat, killing it", LOG_I("worker", process->worker),
              LOG_I("pid", process->pid), LOG_MS("silent_ms", process->silent));
    kill(process->pid, SIGKILL);
    process->killed = true;
}

/* After a pause of the machine or of the whole group all beats are old, and when the master gets its turn late, the
 * workers may have got theirs late, too. So of the time since the last tick no more than two ticks count. */
static void listen_for_beats(struct master *master)
{
    int64_t now = clock_now(), passed = now - master->ticked,
            awake = passed < 2 * TICK_NS ? passed : 2 * TICK_NS;
    master->ticked = now;
    for (size_t i = 0; i < master->plan->workers; i++) {
        listen_for_beat(master, &master->slots[i].now, awake);
        listen_for_beat(master, &master->slots[i].successor, awake);
    }
    for (size_t i = 0; i < master->retired_count; i++)
        listen_for_beat(master, &master->retired[i], awake);
}

/* ---- replacing ---- */

static void replace_next(struct master *master)
{
    while (++master->replacing < master->plan->workers) {
        struct slot *slot = &master->slots[master->replacing];
        if (slot->now.pid > 0 && master_start(master, master->replacing, &slot->successor))
            return;
        master->kept += slot->now.pid > 0;
    }
    if (master->kept > 0)
        log_error("not all workers were replaced", LOG_I("kept", master->kept));
    else
        log_info("workers replaced");
}

/* A successor that is not ready in time takes over nevertheless, because the database may be away for all. One that is
 * stuck does not. */
static bool may_take_over(const struct process *process)
{
    bool beats = process->heard != 0 && process->silent < LATE_NS && !process->killed;
    return beats && (atomic_load(&process->beat->ready) || clock_now() - process->started >= READY_LIMIT_NS);
}

static void retire(struct master *master, struct process *process)
{
    kill(process->pid, SIGUSR1);
    if (master->retired_count < RETIRED_MAX)
        master->retired[master->retired_count++] = *process;
    else
        master_forget(process);
}

static void continue_replacing(struct master *master)
{
    if (master->replacing >= master->plan->workers)
        return;
    struct slot *slot = &master->slots[master->replacing];
    if (slot->successor.pid == 0) { /* the old one died, and this one has its place */
        replace_next(master);
        return;
    }
    if (!may_take_over(&slot->successor))
        return;
    metric_add(METRIC_WORKERS_REPLACED, 0, 1);
    retire(master, &slot->now);
    slot->now = slot->successor;
    slot->successor = (struct process){.pid = 0};
    replace_next(master);
}

/* Those that were replaced already have the settings of before, so while it is at it, it begins anew afterwards. */
static void begin_replacing(struct master *master)
{
    master->again = master->replacing < master->plan->workers;
    if (master->again)
        return;
    if (master->plan->renew != NULL)
        master->plan->renew(master->plan->argument);
    log_info("replacing workers");
    master->kept = 0;
    master->replacing = SIZE_MAX;
    replace_next(master);
}

/* ---- the end ---- */

static void master_end(struct master *master)
{
    signal_all(master, master->ending ? SIGUSR2 : SIGTERM); /* a second time: they end at once */
    int64_t limit = clock_now() + (master->ending ? QUICK_NS : master->plan->drain_ns + CLOCK_SECOND);
    if (!master->ending || limit < master->end_limit)
        master->end_limit = limit;
    if (master->ending)
        return;
    master->ending = true;
    for (size_t i = 0; i < master->plan->workers * master->plan->addresses; i++)
        close(master->plan->fds[i]);
}

static void master_on_signal(struct master *master, int number)
{
    if (number == SIGTERM || number == SIGINT)
        master_end(master);
    else if (number == SIGHUP && !master->ending)
        begin_replacing(master);
}

/* ---- how things are ---- */

static size_t count_ready(const struct master *master)
{
    size_t count = 0;
    for (size_t i = 0; i < master->plan->workers; i++) {
        const struct process *process = &master->slots[i].now;
        count += (size_t)(process->pid > 0 && atomic_load(&process->beat->ready));
    }
    return count;
}

static void master_tell_systemd(struct master *master)
{
    char status[128];
    size_t workers = master->plan->workers, ready = count_ready(master);
    enum systemd_state state = ready == workers ? SYSTEMD_READY : SYSTEMD_WAITING;
    if (master->ending) {
        state = SYSTEMD_STOPPING;
        snprintf(status, sizeof status, "%sdraining, %zu workers left",
                 master->hopeless ? "a worker cannot be kept alive: " : "", count_alive(master));
    } else if (master->replacing < workers) {
        state = SYSTEMD_RELOADING;
        snprintf(status, sizeof status, "replacing workers, %zu of %zu done", master->replacing, workers);
    } else {
        snprintf(status, sizeof status, "%zu of %zu workers ready to serve", ready, workers);
    }
    systemd_tell(master->plan->systemd, state, status);
}

static void sample(struct master *master)
{
    int64_t now = clock_now();
    if (now - master->sampled < SAMPLE_NS)
        return;
    master->sampled = now;
    process_metrics_sample();
}

static int64_t between(int64_t min, int64_t number, int64_t max)
{
    return number < min ? min : number > max ? max : number;
}

static void master_set_up(struct master *master, const struct master_plan *plan)
{
    *master = (struct master){.plan = plan, .replacing = plan->workers, .ticked = clock_now()};
    master->silence_ns = between(SILENCE_MIN_NS, plan->deadline_ns, SILENCE_MAX_NS);
    master->slots = mem_array(plan->workers, sizeof *master->slots);
    /* Blocked, and taken one by one; a worker unblocks them when it can handle them. */
    sigemptyset(&master->signals);
    int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&master->signals, numbers[i]);
    sigprocmask(SIG_BLOCK, &master->signals, NULL);
    /* A parent that ignored it has left that behind, and then no death would be reported. */
    signal(SIGCHLD, SIG_DFL);
}

int master_run(const struct master_plan *plan)
{
    struct master master;
    master_set_up(&master, plan);
    for (size_t i = 0; i < plan->workers; i++)
        if (!master_start(&master, i, &master.slots[i].now))
            schedule_restart(&master, &master.slots[i], 0);
    int64_t interval = systemd_interval(plan->systemd);
    struct timespec tick = {.tv_nsec = interval < TICK_NS ? interval : TICK_NS};
    while (!(master.ending && count_alive(&master) == 0)) {
        master_tell_systemd(&master);
        sample(&master);
        int number = sigtimedwait(&master.signals, NULL, &tick);
        if (number > 0)
            master_on_signal(&master, number);
        reap(&master);
        if (master.hopeless && !master.ending)
            master_end(&master);
        if (master.ending && clock_now() > master.end_limit)
            signal_all(&master, SIGKILL);
        listen_for_beats(&master);
        if (master.ending)
            continue;
        for (size_t i = 0; i < plan->workers; i++)
            restart_when_due(&master, &master.slots[i]);
        continue_replacing(&master);
        if (master.again)
            begin_replacing(&master);
    }
    free(master.slots);
    return master.hopeless ? 1 : 0;
}
