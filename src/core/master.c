#include <config.h>

#include "core/master.h"

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

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/systemd.h"

#define TICK_NS (100 * CLOCK_MS)
#define FREEZE_NS CLOCK_SECOND
#define BEAT_LIMIT_NS (10 * CLOCK_SECOND)
#define READY_LIMIT_NS (10 * CLOCK_SECOND) /* a successor that is not ready by then takes over nevertheless */
#define STEADY_NS (10 * CLOCK_SECOND)      /* who lived this long did not die of its start */
#define BACKOFF_FIRST_NS (100 * CLOCK_MS)
#define DEATHS_MAX 8u /* in a row, none of them steady: it will not get better */
#define RETIRED_MAX 1024u

struct process {
    pid_t pid; /* 0: none */
    struct master_beat *beat;
    int64_t started;
};

struct slot {
    struct process now, successor;
    struct master_beat *spare; /* the cell that neither uses */
    unsigned deaths;           /* in a row */
    int64_t again;             /* when to start it again; 0: it runs */
};

struct master {
    const struct master_plan *plan;
    struct slot *slots;
    struct master_beat *beats; /* two a slot, shared with the workers */
    pid_t retired[RETIRED_MAX];
    size_t retired_count;
    size_t replacing; /* the slot whose turn it is; workers: none */
    size_t kept;      /* workers that could not be replaced, this time */
    bool ending, hopeless;
    int64_t end_limit;
    int64_t ticked; /* when the master itself was last awake */
    sigset_t signals;
};

/* ---- processes ---- */

/* In the child: nothing of the master but the plan is used any more. */
static void become_worker(struct master *master, size_t index, struct master_beat *beat, pid_t parent)
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
    int code = plan->work(index, plan->fds + index * plan->addresses, plan->addresses, beat, plan->argument);
    log_flush();
    free(master->slots);
    exit(code);
}

static bool start(struct master *master, size_t index, struct process *process, struct master_beat *beat)
{
    pid_t parent = getpid();
    atomic_store(&beat->at, clock_now());
    atomic_store(&beat->ready, false);
    log_flush();
    pid_t pid = fork();
    if (pid == 0)
        become_worker(master, index, beat, parent);
    if (pid < 0) {
        log_error("cannot start a worker", LOG_I("worker", index + 1), LOG_S("reason", strerror(errno)));
        return false;
    }
    *process = (struct process){pid, beat, clock_now()};
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
        kill(master->retired[i], number);
}

static size_t count_alive(const struct master *master)
{
    size_t count = master->retired_count;
    for (size_t i = 0; i < master->plan->workers; i++)
        count += (size_t)(master->slots[i].now.pid > 0) + (size_t)(master->slots[i].successor.pid > 0);
    return count;
}

/* ---- deaths ---- */

static void schedule_again(struct master *master, struct slot *slot, int64_t lived)
{
    slot->deaths = lived >= STEADY_NS ? 1 : slot->deaths + 1;
    if (slot->deaths >= DEATHS_MAX) {
        log_error("a worker cannot be kept alive", LOG_I("worker", slot - master->slots + 1));
        master->hopeless = true;
        return;
    }
    slot->again = clock_now() + (slot->deaths == 1 ? 0 : BACKOFF_FIRST_NS << (slot->deaths - 2));
}

static void on_death(struct master *master, pid_t pid, int status)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < master->retired_count; i++)
        if (master->retired[i] == pid) {
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
        process->pid = 0;
        if (master->ending)
            return;
        log_error("worker died", LOG_I("worker", i + 1), LOG_I("pid", pid),
                  WIFSIGNALED(status) ? LOG_I("signal", WTERMSIG(status))
                                      : LOG_I("exit", WEXITSTATUS(status)));
        if (process == &slot->successor) { /* the old one goes on */
            slot->spare = process->beat;
            master->replacing = master->plan->workers;
        } else if (slot->successor.pid > 0) { /* its successor is there already */
            slot->spare = slot->now.beat;
            slot->now = slot->successor;
            slot->successor.pid = 0;
        } else {
            schedule_again(master, slot, lived);
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

/* Who was asleep himself cannot blame the others: after a pause of the whole group their beats are old. */
static void forgive_a_freeze(struct master *master)
{
    int64_t now = clock_now();
    for (size_t i = 0; now - master->ticked > FREEZE_NS && i < 2 * master->plan->workers; i++)
        atomic_store(&master->beats[i].at, now);
    master->ticked = now;
}

static void watch(struct master *master, size_t index)
{
    struct slot *slot = &master->slots[index];
    int64_t now = clock_now();
    if (slot->again != 0 && now >= slot->again) {
        slot->again = 0;
        if (!start(master, index, &slot->now, slot->now.beat))
            schedule_again(master, slot, 0);
    }
    if (slot->now.pid > 0 && now - atomic_load(&slot->now.beat->at) > BEAT_LIMIT_NS) {
        log_error("worker does not beat, killing it", LOG_I("worker", index + 1),
                  LOG_I("pid", slot->now.pid));
        kill(slot->now.pid, SIGKILL);
        atomic_store(&slot->now.beat->at, now); /* once is enough */
    }
}

/* ---- replacing ---- */

static void replace_next(struct master *master)
{
    while (++master->replacing < master->plan->workers) {
        struct slot *slot = &master->slots[master->replacing];
        if (slot->now.pid > 0 && start(master, master->replacing, &slot->successor, slot->spare))
            return;
        master->kept += slot->now.pid > 0;
    }
    if (master->kept > 0)
        log_error("not all workers were replaced", LOG_I("kept", master->kept));
    else
        log_info("workers replaced");
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
    if (!atomic_load(&slot->successor.beat->ready) && clock_now() - slot->successor.started < READY_LIMIT_NS)
        return;
    kill(slot->now.pid, SIGUSR1);
    if (master->retired_count < RETIRED_MAX)
        master->retired[master->retired_count++] = slot->now.pid;
    slot->spare = slot->now.beat;
    slot->now = slot->successor;
    slot->successor.pid = 0;
    replace_next(master);
}

static void begin_replacing(struct master *master)
{
    if (master->replacing < master->plan->workers)
        return; /* at it already */
    log_info("replacing workers");
    master->kept = 0;
    master->replacing = SIZE_MAX;
    replace_next(master);
}

/* ---- the end ---- */

static void end(struct master *master)
{
    signal_all(master, master->ending ? SIGUSR2 : SIGTERM); /* a second time: they end at once */
    if (master->ending)
        return;
    master->ending = true;
    master->end_limit = clock_now() + master->plan->drain_ns + CLOCK_SECOND;
    for (size_t i = 0; i < master->plan->workers * master->plan->addresses; i++)
        close(master->plan->fds[i]);
}

static void on_signal(struct master *master, int number)
{
    if (number == SIGTERM || number == SIGINT)
        end(master);
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

static void tell_systemd(struct master *master)
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

static bool set_up(struct master *master, const struct master_plan *plan)
{
    size_t bytes = 2 * plan->workers * sizeof *master->beats;
    *master = (struct master){.plan = plan, .replacing = plan->workers, .ticked = clock_now()};
    master->beats = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (master->beats == MAP_FAILED)
        return false;
    master->slots = mem_array(plan->workers, sizeof *master->slots);
    for (size_t i = 0; i < plan->workers; i++) {
        master->slots[i].now.beat = &master->beats[2 * i];
        master->slots[i].spare = &master->beats[2 * i + 1];
    }
    sigemptyset(
        &master->signals); /* blocked, and taken one by one; a worker unblocks them when it can handle them */
    int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&master->signals, numbers[i]);
    sigprocmask(SIG_BLOCK, &master->signals, NULL);
    signal(SIGCHLD, SIG_DFL); /* a parent that ignored it leaves that behind, and then nobody hears of a death */
    return true;
}

int master_run(const struct master_plan *plan)
{
    struct master master;
    if (!set_up(&master, plan)) {
        log_error("cannot share memory with workers", LOG_S("reason", strerror(errno)));
        return 1;
    }
    for (size_t i = 0; i < plan->workers; i++)
        if (!start(&master, i, &master.slots[i].now, master.slots[i].now.beat))
            schedule_again(&master, &master.slots[i], 0);
    int64_t interval = systemd_interval(plan->systemd);
    struct timespec tick = {.tv_nsec = interval < TICK_NS ? interval : TICK_NS};
    while (!(master.ending && count_alive(&master) == 0)) {
        tell_systemd(&master);
        int number = sigtimedwait(&master.signals, NULL, &tick);
        if (number > 0)
            on_signal(&master, number);
        reap(&master);
        if (master.hopeless && !master.ending)
            end(&master);
        if (master.ending && clock_now() > master.end_limit)
            signal_all(&master, SIGKILL);
        if (master.ending)
            continue;
        forgive_a_freeze(&master);
        for (size_t i = 0; i < plan->workers; i++)
            watch(&master, i);
        continue_replacing(&master);
    }
    munmap(master.beats, 2 * plan->workers * sizeof *master.beats);
    free(master.slots);
    return master.hopeless ? 1 : 0;
}
