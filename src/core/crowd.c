/* Open addressing in each table: a caller's place is one of the WINDOW places from the one on that its number gives. A
 * place with nobody inside is free, whoever's it was. */
#include <config.h>

#include "core/crowd.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "metrics/metrics.h"

#define PLACES 16384u
#define WINDOW 16u

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counting in shared memory must need no lock");

struct crowd_place {
    _Atomic uint64_t caller, inside;
};

/* Of a process. */
struct table {
    struct crowd_place places[PLACES];
};

static struct table *tables, *own;
static size_t table_count;

bool crowd_open(size_t processes)
{
    void *mapping = mmap(NULL, processes * sizeof *tables, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    tables = mapping;
    table_count = processes;
    return true;
}

void crowd_close(void)
{
    if (tables != NULL)
        munmap(tables, table_count * sizeof *tables);
    tables = own = NULL;
    table_count = 0;
}

/* The memory that its predecessor has touched is given back: it reads as zeros. */
void crowd_attach(void)
{
    size_t slot = metrics_slot();
    own = slot < table_count ? &tables[slot] : NULL;
    if (own != NULL && madvise(own, sizeof *own, MADV_REMOVE) != 0)
        memset(own, 0, sizeof *own);
}

/* ---- counting ---- */

static struct crowd_place *place_of(struct table *table, uint64_t caller, unsigned i)
{
    return &table->places[(caller + i) % PLACES];
}

/* The caller is looked at once more, because the place may have become another's in between. */
static uint64_t inside_of(struct table *table, uint64_t caller)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        struct crowd_place *place = place_of(table, caller, i);
        if (atomic_load(&place->caller) != caller)
            continue;
        uint64_t inside = atomic_load(&place->inside);
        return atomic_load(&place->caller) == caller ? inside : 0;
    }
    return 0;
}

uint64_t crowd_look(uint64_t caller)
{
    uint64_t sum = 0;
    for (size_t slot = 0; slot < table_count && slot < metrics_slots(); slot++)
        if (metrics_is_attached(slot))
            sum += inside_of(&tables[slot], caller);
    return sum;
}

/* The caller's place in this process, or one that becomes it. NULL: all are others'. */
static struct crowd_place *take_place(uint64_t caller)
{
    struct crowd_place *free = NULL;
    for (unsigned i = 0; i < WINDOW; i++) {
        struct crowd_place *place = place_of(own, caller, i);
        if (atomic_load_explicit(&place->caller, memory_order_relaxed) == caller)
            return place;
        if (free == NULL && atomic_load_explicit(&place->inside, memory_order_relaxed) == 0)
            free = place;
    }
    if (free != NULL)
        atomic_store(&free->caller, caller);
    return free;
}

bool crowd_enter(uint64_t caller, uint64_t max, struct crowd_count *count)
{
    *count = (struct crowd_count){.place = own != NULL ? take_place(caller) : NULL, .inside = 1};
    if (count->place == NULL)
        return true;
    atomic_fetch_add(&count->place->inside, 1);
    count->inside = crowd_look(caller);
    if (count->inside <= max)
        return true;
    crowd_leave(count->place);
    count->place = NULL;
    return false;
}

void crowd_leave(struct crowd_place *place)
{
    if (place != NULL)
        atomic_fetch_sub(&place->inside, 1);
}
