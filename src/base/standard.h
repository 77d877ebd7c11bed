/* Standard descriptors. A program may be started without them (2>&- in a script, a daemon that closes all it has),
 * and the next file or socket that is opened then gets their numbers: what is meant for stderr goes to the database. */
#ifndef ROWLOCK_BASE_STANDARD_H
#define ROWLOCK_BASE_STANDARD_H

#include <stdbool.h>

/* First thing in main: those of 0, 1 and 2 that are closed are opened, on /dev/null. Nothing can be read from stdin,
 * stderr takes all and keeps nothing, and to write to stdout fails (EBADF) as it did when it was closed, because a
 * result that was not delivered is a failure. Other descriptors stay what they are. False when the system gives
 * none. */
bool standard_open(void);

#endif
