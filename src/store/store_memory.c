/* The store in the process: a hash table with chains, and one list of all entries, last used first. store_memory_put
 * drops entries off the end of that list until the new one fits (store_memory_make_room). */
#include <config.h>

#include "store/store_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"

#define BUCKETS 4096u
#define ALLOCATION 32u /* what the allocator adds, about */

struct entry {
    struct list_node used; /* on the list of all, last used first */
    struct entry *next;    /* in its bucket */
    uint64_t hash;
    int64_t dies;
    size_t key_length, value_length;
    char bytes[]; /* key, value */
};

struct store_memory {
    struct store store;
    size_t bytes, bytes_max;
    struct list entries;
    struct entry *buckets[BUCKETS];
};

static const struct store_ops store_memory_ops;

static struct store_memory *store_memory_of(const struct store *store)
{
    return (struct store_memory *)(void *)(uintptr_t)store;
}

struct store *store_memory_new(size_t bytes_max)
{
    struct store_memory *memory = mem_new(sizeof *memory);
    memory->store.ops = &store_memory_ops;
    memory->bytes_max = bytes_max;
    list_init(&memory->entries);
    return &memory->store;
}

size_t store_memory_bytes(const struct store *store)
{
    return store_memory_of(store)->bytes;
}

static size_t size_of(size_t key_length, size_t value_length)
{
    return sizeof(struct entry) + key_length + value_length + ALLOCATION;
}

/* Where the pointer to the entry is, or where one would be appended. */
static struct entry **place_of(struct store_memory *memory, struct slice key, uint64_t hash)
{
    struct entry **at = &memory->buckets[hash % BUCKETS];
    while (*at != NULL &&
           !((*at)->hash == hash && slice_equal((struct slice){(*at)->bytes, (*at)->key_length}, key)))
        at = &(*at)->next;
    return at;
}

static void store_memory_drop(struct store_memory *memory, struct entry *entry)
{
    struct entry **at = &memory->buckets[entry->hash % BUCKETS];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    list_remove(&entry->used);
    memory->bytes -= size_of(entry->key_length, entry->value_length);
    free(entry);
}

static enum store_found store_memory_find(struct store *store, struct slice key, struct store_find *find,
                                          struct slice *value)
{
    struct store_memory *memory = store_memory_of(store);
    struct entry *entry = *place_of(memory, key, hash_bytes(key, 0));
    (void)find;
    if (entry == NULL)
        return STORE_MISS;
    if (clock_now() >= entry->dies) {
        store_memory_drop(memory, entry);
        return STORE_MISS;
    }
    list_remove(&entry->used);
    list_prepend(&memory->entries, &entry->used);
    *value = (struct slice){entry->bytes + entry->key_length, entry->value_length};
    return STORE_HIT;
}

static void store_memory_cancel(struct store *store, struct store_find *find)
{
    (void)store;
    (void)find;
}

static void store_memory_make_room(struct store_memory *memory, size_t size)
{
    while (memory->bytes + size > memory->bytes_max)
        store_memory_drop(memory, list_last_of(&memory->entries, struct entry, used));
}

static void store_memory_put(struct store *store, struct slice key, struct slice value, int64_t life_ns)
{
    struct store_memory *memory = store_memory_of(store);
    uint64_t hash = hash_bytes(key, 0);
    size_t size = size_of(key.len, value.len);
    struct entry *old = *place_of(memory, key, hash);
    if (old != NULL)
        store_memory_drop(memory, old);
    if (size > memory->bytes_max)
        return;
    store_memory_make_room(memory, size);
    struct entry *entry = mem_resize(NULL, sizeof *entry + key.len + value.len);
    *entry = (struct entry){
        .hash = hash, .dies = clock_now() + life_ns, .key_length = key.len, .value_length = value.len};
    memcpy(entry->bytes, key.ptr, key.len);
    if (value.len > 0)
        memcpy(entry->bytes + key.len, value.ptr, value.len);
    list_prepend(&memory->entries, &entry->used);
    entry->next = memory->buckets[hash % BUCKETS];
    memory->buckets[hash % BUCKETS] = entry;
    memory->bytes += size;
}

static void store_memory_free(struct store *store)
{
    struct store_memory *memory = store_memory_of(store);
    if (memory == NULL)
        return;
    list_for_each(struct entry, entry, &memory->entries, used)
        free(entry);
    free(memory);
}

static const struct store_ops store_memory_ops = {
    .find = store_memory_find,
    .cancel = store_memory_cancel,
    .put = store_memory_put,
    .free = store_memory_free,
};
