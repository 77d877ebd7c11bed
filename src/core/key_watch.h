/* The API keys of a server, as its file has them (--api-keys): looked at four times a second, and at once when asked
 * to, and read again when it has changed. A file that is not right is refused as a whole, and the keys stay as they
 * were; the log and a metric say so. */
#ifndef ROWLOCK_CORE_KEY_WATCH_H
#define ROWLOCK_CORE_KEY_WATCH_H

#include "core/keys.h"
#include "core/keys_file.h"

struct key_watch;
struct loop;

/* Takes over keys, that the file had when mark was made. If it has changed since, it is read again now. */
struct key_watch *key_watch_new(struct loop *loop, const char *path, struct keys *keys,
                                struct keys_mark mark);
void key_watch_free(struct key_watch *watch); /* NULL is harmless */

/* Those that count now; good until the loop's next turn. */
const struct keys *key_watch_keys(const struct key_watch *watch);

uint64_t key_watch_version(const struct key_watch *watch); /* another one when others count */

void key_watch_look(struct key_watch *watch); /* now */

/* Warns in the log of rights of the file that are not as they should be. */
void key_watch_warn(const char *path);

#endif
