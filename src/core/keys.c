/* The table: entries in blocks, which never move; their names in others; and two indexes with open addressing, by the
 * hash of the key, which is as good as random, and by the name. */
#include <config.h>

#include "core/keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define BLOCK_ENTRIES 1024u
#define BLOCK_NAMES 65536u
#define INDEX_MIN 64u

/* struct api_key, smaller. */
struct entry {
    unsigned char hash[DIGEST_SIZE];
    uint32_t name; /* where it begins in the blocks of names */
    uint32_t expires, scopes;
    uint32_t rate, burst, concurrent;
    uint16_t per_s;
    bool takers_own;
};

/* Numbers of entries, from 1; 0: free. As many as a power of two, and a quarter of them free at least. */
struct index {
    uint32_t *slots;
    size_t size;
};

struct keys {
    struct entry **blocks;
    char **names;
    size_t count, block_count, name_count;
    size_t name_end; /* where the next one begins */
    struct index by_hash, by_name;
};

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->block_count; i++)
        free(keys->blocks[i]);
    for (size_t i = 0; i < keys->name_count; i++)
        free(keys->names[i]);
    free(keys->blocks);
    free(keys->names);
    free(keys->by_hash.slots);
    free(keys->by_name.slots);
    free(keys);
}

size_t keys_count(const struct keys *keys)
{
    return keys->count;
}

/* ---- entries ---- */

static struct entry *entry_at(const struct keys *keys, uint32_t number)
{
    return &keys->blocks[(number - 1) / BLOCK_ENTRIES][(number - 1) % BLOCK_ENTRIES];
}

static const char *name_at(const struct keys *keys, const struct entry *entry)
{
    return &keys->names[entry->name / BLOCK_NAMES][entry->name % BLOCK_NAMES];
}

static void unpack(const struct keys *keys, const struct entry *entry, struct api_key *key)
{
    *key = (struct api_key){.name = name_at(keys, entry),
                            .scopes = entry->scopes,
                            .limits = {entry->rate, entry->per_s, entry->burst, entry->concurrent},
                            .expires = entry->expires,
                            .takers_own = entry->takers_own};
    memcpy(key->hash, entry->hash, sizeof key->hash);
}

static struct entry *new_entry(struct keys *keys)
{
    if (keys->count == keys->block_count * BLOCK_ENTRIES) {
        keys->blocks = mem_resize(keys->blocks, (keys->block_count + 1) * sizeof *keys->blocks);
        keys->blocks[keys->block_count++] = mem_array(BLOCK_ENTRIES, sizeof **keys->blocks);
    }
    return entry_at(keys, (uint32_t)++keys->count);
}

/* A name stands in one block. */
static uint32_t keep_name(struct keys *keys, const char *name)
{
    size_t size = strlen(name) + 1, room = keys->name_count * BLOCK_NAMES - keys->name_end;
    if (room < size) {
        keys->name_end += room;
        keys->names = mem_resize(keys->names, (keys->name_count + 1) * sizeof *keys->names);
        keys->names[keys->name_count++] = mem_raw(BLOCK_NAMES);
    }
    uint32_t at = (uint32_t)keys->name_end;
    memcpy(&keys->names[at / BLOCK_NAMES][at % BLOCK_NAMES], name, size);
    keys->name_end += size;
    return at;
}

/* ---- indexes ---- */

static size_t hash_start(const unsigned char *hash)
{
    size_t start;
    memcpy(&start, hash, sizeof start);
    return start;
}

static size_t name_start(struct slice name)
{
    return (size_t)hash_bytes(name, 0);
}

static void put(struct index *index, size_t start, uint32_t number)
{
    size_t mask = index->size - 1, at = start & mask;
    while (index->slots[at] != 0)
        at = (at + 1) & mask;
    index->slots[at] = number;
}

static void set_size(struct keys *keys, size_t size)
{
    free(keys->by_hash.slots);
    free(keys->by_name.slots);
    keys->by_hash = (struct index){mem_array(size, sizeof(uint32_t)), size};
    keys->by_name = (struct index){mem_array(size, sizeof(uint32_t)), size};
    for (uint32_t number = 1; number <= keys->count; number++) {
        const struct entry *entry = entry_at(keys, number);
        put(&keys->by_hash, hash_start(entry->hash), number);
        put(&keys->by_name, name_start(slice_of(name_at(keys, entry))), number);
    }
}

static void make_room(struct keys *keys, size_t count)
{
    size_t size = keys->by_hash.size > 0 ? keys->by_hash.size : INDEX_MIN;
    while (count * 4 > size * 3)
        size *= 2;
    if (size != keys->by_hash.size)
        set_size(keys, size);
}

bool keys_find(const struct keys *keys, const unsigned char hash[static DIGEST_SIZE], struct api_key *key)
{
    size_t mask = keys->by_hash.size - 1;
    if (keys->count == 0)
        return false;
    for (size_t at = hash_start(hash) & mask; keys->by_hash.slots[at] != 0; at = (at + 1) & mask) {
        const struct entry *entry = entry_at(keys, keys->by_hash.slots[at]);
        if (!digest_equal(entry->hash, hash))
            continue;
        unpack(keys, entry, key);
        return true;
    }
    return false;
}

bool keys_find_named(const struct keys *keys, struct slice name,
                     bool (*meant)(const struct api_key *key, void *argument), void *argument,
                     struct api_key *key)
{
    size_t mask = keys->by_name.size - 1;
    if (keys->count == 0)
        return false;
    for (size_t at = name_start(name) & mask; keys->by_name.slots[at] != 0; at = (at + 1) & mask) {
        unpack(keys, entry_at(keys, keys->by_name.slots[at]), key);
        if (slice_equal(slice_of(key->name), name) && meant(key, argument))
            return true;
    }
    return false;
}

/* ---- adding ---- */

struct keys *keys_new(size_t expected)
{
    struct keys *keys = mem_new(sizeof *keys);
    make_room(keys, expected);
    return keys;
}

static bool count_one(const struct api_key *key, void *argument)
{
    (void)key;
    ++*(size_t *)argument;
    return false;
}

enum keys_added keys_add(struct keys *keys, const struct api_key *key)
{
    struct api_key other;
    size_t same_name = 0;
    if (keys_find(keys, key->hash, &other))
        return KEYS_KNOWN;
    keys_find_named(keys, slice_of(key->name), count_one, &same_name, &other);
    if (same_name >= KEYS_OF_A_NAME_MAX)
        return KEYS_TOO_MANY;
    make_room(keys, keys->count + 1);
    struct entry *entry = new_entry(keys);
    *entry = (struct entry){.name = keep_name(keys, key->name),
                            .expires = (uint32_t)key->expires,
                            .scopes = key->scopes,
                            .rate = key->limits.rate,
                            .burst = key->limits.burst,
                            .concurrent = key->limits.concurrent,
                            .per_s = (uint16_t)key->limits.per_s,
                            .takers_own = key->takers_own};
    memcpy(entry->hash, key->hash, sizeof entry->hash);
    put(&keys->by_hash, hash_start(entry->hash), (uint32_t)keys->count);
    put(&keys->by_name, name_start(slice_of(key->name)), (uint32_t)keys->count);
    return KEYS_ADDED;
}

/* ---- what follows from one ---- */

bool key_has_expired(const struct api_key *key)
{
    return key->expires != 0 && clock_wall() / CLOCK_SECOND >= key->expires;
}

bool key_name_is_right(struct slice name)
{
    bool right = name.len >= 1 && name.len <= KEY_NAME_MAX;
    for (size_t i = 0; right && i < name.len; i++)
        right = isalnum((unsigned char)name.ptr[i]) ||
                (name.ptr[i] != '\0' && strchr("._-@", name.ptr[i]) != NULL);
    return right;
}
