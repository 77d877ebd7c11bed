/* API keys, by the SHA-256 of each: what is known of a key, and a table of them, which a million fit into 100 MB of. A
 * table never changes once it is read (core/keys_file.h); a change of the file is another table. The key itself is
 * nowhere: who has lost it gets another one. */
#ifndef ROWLOCK_CORE_KEYS_H
#define ROWLOCK_CORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "core/scope.h"

#define KEY_NAME_MAX 64      /* characters of KEY_NAME_FORM */
#define KEYS_OF_A_NAME_MAX 8 /* so that a key can be replaced while the old one is still good */
#define KEY_NAME_FORM "1 to 64 letters, digits and any of . _ - @"

/* What a key may use up. 0: it does not say, or as much as it likes. */
struct key_limits {
    uint32_t rate;       /* requests in per_s seconds */
    uint32_t per_s;      /* 1, 60 or 3600 */
    uint32_t burst;      /* requests at once, where the rate alone would let them pass one after the other */
    uint32_t concurrent; /* requests that wait for their answer at once */
};

struct api_key {
    const char *name; /* who it is: the same of an old key and the one that replaces it. No secret */
    scope_set scopes;
    struct key_limits limits;
    int64_t expires;                 /* seconds since 1970; 0: never */
    bool takers_own;                 /* its name is the taker, and there is no other for it */
    unsigned char hash[DIGEST_SIZE]; /* never to be shown */
};

struct keys;

struct keys *keys_new(size_t expected); /* about as many; more or fewer cost time or memory */
void keys_free(struct keys *keys);      /* NULL is harmless */
size_t keys_count(const struct keys *keys);

enum keys_added {
    KEYS_ADDED,
    KEYS_KNOWN,    /* the same key is there already */
    KEYS_TOO_MANY, /* of that name */
};

/* Copied. */
enum keys_added keys_add(struct keys *keys, const struct api_key *key);

/* The key with that SHA-256, in a time that says nothing of those that are there. What it refers to is good as long as
 * the table. False: it is not known. Whether it has expired is not looked at. */
bool keys_find(const struct keys *keys, const unsigned char hash[static DIGEST_SIZE], struct api_key *key);

/* The first key of that name that is, by the caller, the one that is meant. */
bool keys_find_named(const struct keys *keys, struct slice name,
                     bool (*meant)(const struct api_key *key, void *argument), void *argument,
                     struct api_key *key);

bool key_has_expired(const struct api_key *key);

/* Of KEY_NAME_FORM. */
bool key_name_is_right(struct slice name);

#endif
