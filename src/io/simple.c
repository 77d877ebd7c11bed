#include <config.h>

#include "io/simple.h"

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

struct simple {
    struct store store;
    size_t bytes, bytes_max;
    struct list entries;
    struct entry *buckets[BUCKETS];
};

static const struct store_ops simple_ops;

static struct simple *simple_of(const struct store *store)
{
    return (struct simple *)(void *)(uintptr_t)store;
}

struct store *simple_new(size_t bytes_max)
{
    struct simple *simple = mem_new(sizeof *simple);
    simple->store.ops = &simple_ops;
    simple->bytes_max = bytes_max;
    list_init(&simple->entries);
    return &simple->store;
}

size_t simple_bytes(const struct store *store)
{
    return simple_of(store)->bytes;
}

static size_t size_of(size_t key_length, size_t value_length)
{
    return sizeof(struct entry) + key_length + value_length + ALLOCATION;
}

/* Where the pointer to the entry is, or where one would be appended. */
static struct entry **place_of(struct simple *simple, struct slice key, uint64_t hash)
{
    struct entry **at = &simple->buckets[hash % BUCKETS];
    while (*at != NULL &&
           !((*at)->hash == hash && slice_equal((struct slice){(*at)->bytes, (*at)->key_length}, key)))
        at = &(*at)->next;
    return at;
}

static void drop(struct simple *simple, struct entry *entry)
{
    struct entry **at = &simple->buckets[entry->hash % BUCKETS];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    list_remove(&simple->entries, &entry->used);
    simple->bytes -= size_of(entry->key_length, entry->value_length);
    free(entry);
}

static enum store_found simple_find(struct store *store, struct slice key, struct store_find *find,
                                    struct slice *value)
{
    struct simple *simple = simple_of(store);
    struct entry *entry = *place_of(simple, key, hash_bytes(key, 0));
    (void)find;
    if (entry == NULL)
        return STORE_MISS;
    if (clock_now() >= entry->dies) {
        drop(simple, entry);
        return STORE_MISS;
    }
    list_remove(&simple->entries, &entry->used);
    list_prepend(&simple->entries, &entry->used);
    *value = (struct slice){entry->bytes + entry->key_length, entry->value_length};
    return STORE_HIT;
}

static void simple_cancel(struct store *store, struct store_find *find)
{
    (void)store;
    (void)find;
}

static void make_room(struct simple *simple, size_t size)
{
    while (simple->bytes + size > simple->bytes_max)
        drop(simple, list_entry(simple->entries.head.prev, struct entry, used));
}

static void simple_put(struct store *store, struct slice key, struct slice value, int64_t life_ns)
{
    struct simple *simple = simple_of(store);
    uint64_t hash = hash_bytes(key, 0);
    size_t size = size_of(key.len, value.len);
    struct entry *old = *place_of(simple, key, hash);
    if (old != NULL)
        drop(simple, old);
    if (size > simple->bytes_max)
        return;
    make_room(simple, size);
    struct entry *entry = mem_resize(NULL, sizeof *entry + key.len + value.len);
    *entry = (struct entry){
        .hash = hash, .dies = clock_now() + life_ns, .key_length = key.len, .value_length = value.len};
    memcpy(entry->bytes, key.ptr, key.len);
    if (value.len > 0)
        memcpy(entry->bytes + key.len, value.ptr, value.len);
    list_node_init(&entry->used);
    list_prepend(&simple->entries, &entry->used);
    entry->next = simple->buckets[hash % BUCKETS];
    simple->buckets[hash % BUCKETS] = entry;
    simple->bytes += size;
}

static void simple_free(struct store *store)
{
    struct simple *simple = simple_of(store);
    if (simple == NULL)
        return;
    struct list_node *node;
    while ((node = list_pop(&simple->entries)) != NULL)
        free(list_entry(node, struct entry, used));
    free(simple);
}

static const struct store_ops simple_ops = {
    .find = simple_find,
    .cancel = simple_cancel,
    .put = simple_put,
    .free = simple_free,
};
