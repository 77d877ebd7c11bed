/* Calls and findings, in words for people. */
#ifndef ROWLOCK_PROVE_WORDS_H
#define ROWLOCK_PROVE_WORDS_H

#include "base/buf.h"
#include "prove/judge.h"

#define WORDS_MAX ((size_t)64 << 10)

/* "order 17 was in the hands of two" */
void words_add_headline(struct buf *out, const struct history *history, const struct finding *finding);

/* "1.2041 s to 1.2066 s" */
void words_add_when(struct buf *out, const struct prove_call *call);

/* "courier-3 takes order 17 for 2 s" */
void words_add_asked(struct buf *out, const struct history *history, const struct prove_call *call);

/* "SUCCESS, claim 4"; of a list or a claim what it says of that order, unless it is 0. */
void words_add_told(struct buf *out, const struct history *history, const struct prove_call *call,
                    int64_t order);

/* All of it: the headline, a line for each call, and what that means. */
void words_add_finding(struct buf *out, const struct history *history, const struct finding *finding);

#endif
