/* How many requests of each caller are being worked on, in all processes of a server together: counted in memory that
 * they share, a table a process, which that process alone writes. What is asked for is their sum. Who adds himself
 * first and then counts is never one too many; two who do so at one moment may both be refused where one had room.
 *
 * A process that is gone counts for nothing, whatever it has left there: whether one has a table is what metrics.h
 * says of its slot. */
#ifndef ROWLOCK_CORE_CROWD_H
#define ROWLOCK_CORE_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A caller's place in the table of this process. */
struct crowd_place;

/* Before the first fork: for as many processes as metrics_open. False with errno when there is no memory. */
bool crowd_open(size_t processes);
void crowd_close(void);

/* This process counts from now on, behind metrics_attach, and begins with nothing. */
void crowd_attach(void);

struct crowd_count {
    struct crowd_place *place; /* to be given to crowd_leave; NULL: it is not counted */
    uint64_t inside;           /* requests of the caller, this one too */
};

/* False when there would be more than max; then it is not counted. Where a process has more callers at once than it has
 * places in its table, some are not counted, and pass. */
bool crowd_enter(uint64_t caller, uint64_t max, struct crowd_count *count);
void crowd_leave(struct crowd_place *place); /* harmless of NULL */

/* How many there are. */
uint64_t crowd_look(uint64_t caller);

#endif
