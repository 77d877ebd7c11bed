/* Open addressing: a caller's bucket is one of the WINDOW places from the one on that its number gives. A place belongs
 * to the caller that stands there. To take one over, its moment is replaced by HELD first; so whoever has read the old
 * one fails to change it, looks at the caller again, and sees that the place has gone (charge). */
#include <config.h>

#include "core/buckets.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/clock.h"

#define WINDOW 16u
#define TRIES 64                           /* after so many lost races a request passes uncounted */
#define HELD (UINT64_C(1) << 63)           /* with the moment at which it was taken */
#define HELD_MAX_NS ((uint64_t)CLOCK_SECOND) /* whoever holds it for longer has been killed */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "buckets in shared memory must need no lock");

struct bucket {
    _Atomic uint64_t caller;  /* 0: nobody's */
    _Atomic uint64_t full_at; /* the moment by clock_now; past: it is full, and its place free */
};

struct buckets {
    uint64_t seed;
    struct bucket places[BUCKETS_MAX];
};

static struct buckets *buckets;

bool buckets_open(void)
{
    void *mapping = mmap(NULL, sizeof *buckets, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    buckets = mapping;
    if (getrandom(&buckets->seed, sizeof buckets->seed, 0) != (ssize_t)sizeof buckets->seed)
        buckets->seed = (uint64_t)clock_wall();
    return true;
}

void buckets_close(void)
{
    if (buckets != NULL)
        munmap(buckets, sizeof *buckets);
    buckets = NULL;
}

uint64_t buckets_seed(void)
{
    return buckets != NULL ? buckets->seed : 0;
}

/* ---- places ---- */

static struct bucket *place_of(uint64_t caller, unsigned i)
{
    return &buckets->places[(caller + i) % BUCKETS_MAX];
}

/* The place that the caller has, other than this one. */
static struct bucket *find(uint64_t caller, const struct bucket *other)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        struct bucket *bucket = place_of(caller, i);
        if (bucket != other && atomic_load(&bucket->caller) == caller)
            return bucket;
    }
    return NULL;
}

/* When the bucket in the place is worth nothing any more: the sooner, the better to take it over. */
static uint64_t worthless_at(uint64_t full_at)
{
    return (full_at & HELD) != 0 ? (full_at & ~HELD) + HELD_MAX_NS : full_at;
}

/* The first place whose bucket is full; else the one that is nearest to it. */
static struct bucket *find_free(uint64_t caller, uint64_t now, uint64_t *full_at)
{
    struct bucket *best = NULL;
    uint64_t best_at = UINT64_MAX;
    for (unsigned i = 0; i < WINDOW && best_at > now; i++) {
        struct bucket *bucket = place_of(caller, i);
        uint64_t seen = atomic_load(&bucket->full_at), at = worthless_at(seen);
        bool held = (seen & HELD) != 0 && at > now;
        if (held || at >= best_at)
            continue;
        best = bucket;
        best_at = at;
        *full_at = seen;
    }
    return best;
}

/* Gives the caller a place with a full bucket; NULL when others were faster. Where two processes give the same caller a
 * place each at one moment, each sees that of the other, or the later one sees the earlier, and gives up its own. */
static struct bucket *settle(uint64_t caller, uint64_t now)
{
    uint64_t full_at = 0;
    struct bucket *bucket = find_free(caller, now, &full_at);
    if (bucket == NULL || !atomic_compare_exchange_strong(&bucket->full_at, &full_at, HELD | now))
        return NULL;
    atomic_store(&bucket->caller, caller);
    atomic_store(&bucket->full_at, now);
    if (find(caller, bucket) == NULL)
        return bucket;
    atomic_store(&bucket->caller, 0);
    return NULL;
}

/* ---- taking ---- */

static void write_state(struct bucket_state *state, uint64_t now, uint64_t full_at,
                        const struct bucket_size *size)
{
    int64_t all = size->interval_ns * size->burst;
    int64_t empty = full_at > now ? (int64_t)(full_at - now) : 0; /* what is missing in it */
    empty = empty < all ? empty : all;
    state->left = (all - empty) / size->interval_ns;
    state->wait_ns = state->left > 0 ? 0 : size->interval_ns - (all - empty);
}

enum charge {
    CHARGE_TAKEN,
    CHARGE_REFUSED,
    CHARGE_GONE, /* the place is no longer the caller's */
};

/* Of a bucket that is smaller than it was (the limit has changed) no more is missing than it has. */
static enum charge charge(struct bucket *bucket, uint64_t caller, uint64_t now,
                          const struct bucket_size *size, struct bucket_state *state)
{
    uint64_t all = (uint64_t)(size->interval_ns * size->burst), full_at = atomic_load(&bucket->full_at);
    while (atomic_load(&bucket->caller) == caller && (full_at & HELD) == 0) {
        uint64_t from = full_at > now ? full_at : now;
        from = from - now < all ? from : now + all;
        uint64_t next = from + (uint64_t)size->interval_ns;
        if (next - now > all) {
            if (from < full_at)
                atomic_compare_exchange_strong(&bucket->full_at, &full_at, from);
            write_state(state, now, from, size);
            return CHARGE_REFUSED;
        }
        if (atomic_compare_exchange_weak(&bucket->full_at, &full_at, next)) {
            write_state(state, now, next, size);
            return CHARGE_TAKEN;
        }
    }
    return CHARGE_GONE;
}

static bool look(uint64_t caller, uint64_t now, const struct bucket_size *size, struct bucket_state *state)
{
    struct bucket *bucket = find(caller, NULL);
    uint64_t full_at = bucket != NULL ? atomic_load(&bucket->full_at) : 0;
    write_state(state, now, (full_at & HELD) == 0 ? full_at : 0, size);
    return state->left > 0;
}

bool buckets_use(uint64_t caller, int64_t now, const struct bucket_size *size, enum bucket_use use,
                 struct bucket_state *state)
{
    uint64_t at = (uint64_t)now;
    write_state(state, at, at, size);
    if (buckets == NULL)
        return true;
    if (use == BUCKET_LOOK)
        return look(caller, at, size, state);
    for (int i = 0; i < TRIES; i++) {
        struct bucket *bucket = find(caller, NULL);
        if (bucket == NULL)
            bucket = settle(caller, at);
        enum charge charged = bucket != NULL ? charge(bucket, caller, at, size, state) : CHARGE_GONE;
        if (charged != CHARGE_GONE)
            return charged == CHARGE_TAKEN;
    }
    return true;
}
