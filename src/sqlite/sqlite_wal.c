/* The thread that brings a large WAL back into the file. sqlite_wal_start opens a connection and starts
 * sqlite_wal_work; the loop asks sqlite_wal_done each second and joins the thread by sqlite_wal_free. */
#include <config.h>

#include "sqlite/sqlite_wal.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define ROUNDS_MAX 50u
#define BUSY_MS 20 /* while it waits for readers at the end, others cannot write */

struct sqlite_wal {
    sqlite3 *db;
    pthread_t thread;
    atomic_bool done;
};

/* PASSIVE holds up no writer, but while it works others write on: round by round there is less left. What TRUNCATE then
 * finds is little, so the time in which no other connection can write is short. */
static void *sqlite_wal_work(void *argument)
{
    struct sqlite_wal *wal = argument;
    int frames = 0, saved = 0, before = -1;
    sqlite3_exec(wal->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
                 NULL); /* it finds the WAL by that */
    for (unsigned round = 0; round < ROUNDS_MAX && saved != before; round++) {
        before = saved;
        if (sqlite3_wal_checkpoint_v2(wal->db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &saved) !=
            SQLITE_OK)
            break;
        if (saved != frames)
            continue;
        sqlite3_wal_checkpoint_v2(wal->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        break;
    }
    atomic_store(&wal->done, true);
    return NULL;
}

/* Signals are for the loop. */
static bool sqlite_wal_start_thread(struct sqlite_wal *wal)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&wal->thread, NULL, sqlite_wal_work, wal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0;
}

struct sqlite_wal *sqlite_wal_start(const char *path)
{
    struct sqlite_wal *wal = mem_new(sizeof *wal);
    int code = sqlite3_open_v2(path, &wal->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(wal->db, BUSY_MS);
        if (sqlite_wal_start_thread(wal))
            return wal;
    }
    sqlite3_close(wal->db);
    free(wal);
    return NULL;
}

bool sqlite_wal_done(struct sqlite_wal *wal)
{
    return atomic_load(&wal->done);
}

void sqlite_wal_free(struct sqlite_wal *wal)
{
    if (wal == NULL)
        return;
    while (!sqlite_wal_done(wal)) { /* what comes between two of its steps is lost on SQLite */
        sqlite3_interrupt(wal->db);
        nanosleep(&(struct timespec){.tv_nsec = CLOCK_MS}, NULL);
    }
    pthread_join(wal->thread, NULL);
    sqlite3_close(wal->db);
    free(wal);
}
