/* The word that is nearest to a mistyped one: similar_try keeps the one with the fewest changes between them,
 * similar_hint says it if it is near enough. */
#include <config.h>

#include "base/similar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_MAX 40

struct similar similar_to(const char *word, size_t length)
{
    return (struct similar){.word = word, .length = length, .best = NULL, .distance = length < 5 ? 2 : 3};
}

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Letters to put in, take out, change or swap with the next (optimal string alignment). */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][LENGTH_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            now[j] = min(min(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min(now[j], before[j - 2] + 1);
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_length];
}

void similar_try(struct similar *similar, const char *known)
{
    size_t length = known != NULL ? strlen(known) : 0;
    if (length == 0 || length > LENGTH_MAX || similar->length > LENGTH_MAX || similar->length == 0)
        return;
    /* the beginning of a word is meant to be that word */
    bool begun = similar->length >= 3 && similar->word[similar->length - 1] != '-' &&
                 strncmp(similar->word, known, similar->length) == 0;
    unsigned found = begun ? 1 : distance(similar->word, similar->length, known, length);
    if (found < similar->distance) {
        similar->distance = found;
        similar->best = known;
    }
}

const char *similar_hint(const struct similar *similar, char hint[static SIMILAR_HINT_MAX])
{
    hint[0] = '\0';
    if (similar->best != NULL)
        snprintf(hint, SIMILAR_HINT_MAX, " (did you mean %s?)", similar->best);
    return hint;
}
