/*
 * id_scan: finds the ids of the orders in an answer as its bytes come: each "id": with a number behind it.
 */
#ifndef LOADTEST_ID_SCAN_H
#define LOADTEST_ID_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_SCAN_MAX = 100 }; /* more than a claim may ask for */

/* All zeros is one that has seen nothing. */
struct id_scan {
    unsigned matched; /* bytes of "id": that were seen last */
    bool within;      /* the digits of a number are being read */
    unsigned count;   /* that were found */
    unsigned next;    /* of them, the one that id_scan_next gives */
    uint64_t found[ID_SCAN_MAX];
};

/* The bytes that follow those of before, at the end of an answer as in the middle of a number. */
void id_scan_take(struct id_scan *scan, const char *bytes, size_t len);

static inline bool id_scan_left(const struct id_scan *scan)
{
    return scan->next < scan->count;
}

/* Only when some are left. */
static inline uint64_t id_scan_next(struct id_scan *scan)
{
    return scan->found[scan->next++];
}

/* Only after id_scan_next, which will give the same one. */
static inline void id_scan_again(struct id_scan *scan)
{
    scan->next--;
}

/* As if nothing had been seen: another answer is expected. */
static inline void id_scan_reset(struct id_scan *scan)
{
    scan->matched = scan->count = scan->next = 0;
    scan->within = false;
}

#endif
