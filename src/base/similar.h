/* "Did you mean": the known word that a mistyped one comes closest to. Begin, try each known word, ask for the hint. */
#ifndef ROWLOCK_BASE_SIMILAR_H
#define ROWLOCK_BASE_SIMILAR_H

#include <stddef.h>

#define SIMILAR_HINT_MAX 96

struct similar {
    const char *word; /* borrowed */
    size_t length;
    const char *best; /* borrowed; NULL: nothing is close enough */
    unsigned distance;
};

struct similar similar_to(const char *word, size_t length);

/* known must live as long as the hint is wanted. NULL is never similar. */
void similar_try(struct similar *similar, const char *known);

/* " (did you mean KNOWN?)", or "" when nothing is close. */
const char *similar_hint(const struct similar *similar, char hint[static SIMILAR_HINT_MAX]);

#endif
