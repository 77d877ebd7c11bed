/* The history of a run: what was asked of the server, by whom, when, and what was answered. It is all that is
 * judged.
 *
 * Times are nanoseconds since the run began, of the clock of the one who asked: a call took effect, if it
 * did, at some moment from its begin to its end; a call without an answer, or with one that leaves it open,
 * at any moment after its begin, or never. */
#ifndef ROWLOCK_PROVE_HISTORY_H
#define ROWLOCK_PROVE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum prove_op {
    PROVE_PLACE,
    PROVE_TAKE,
    PROVE_RELEASE,
    PROVE_DELIVER,
    PROVE_CLAIM,
    PROVE_READ, /* one order */
    PROVE_LIST, /* several, by status alone */
    PROVE_OPS,
};

enum prove_answer {
    PROVE_UNKNOWN,   /* no answer, or one that says so: it may have happened, or may happen yet */
    PROVE_DONE,      /* SUCCESS, or what was asked for */
    PROVE_TAKEN,     /* Order is already taken. */
    PROVE_OCCUPIED,  /* Order is currently occupied. */
    PROVE_MISSING,   /* Order does not exist. */
    PROVE_FREE,      /* Order is not taken. */
    PROVE_DELIVERED, /* Order is already delivered. */
    PROVE_HELD,      /* Order is held by …, who alone may … it. */
    PROVE_STALE,     /* Order is not held under this claim. */
    PROVE_UNCHANGED, /* …; nothing was changed. */
    PROVE_REFUSED,   /* any other refusal of the request as such */
    PROVE_UNSENT,    /* there was no connection to send it on */
    PROVE_ANSWERS,
};

enum prove_status {
    PROVE_ABSENT, /* there is no such order */
    PROVE_IS_FREE,
    PROVE_IS_TAKEN,
    PROVE_IS_DELIVERED,
};

/* Texts are numbers: the n-th that was met. */
#define PROVE_NOBODY (-1) /* null, or no such member */
#define PROVE_UNSAID (-2) /* the answer does not say */

/* An order in an answer. */
struct prove_seen {
    int64_t order;
    enum prove_status status;
    int taker;     /* a text, PROVE_NOBODY or PROVE_UNSAID */
    int64_t claim; /* PROVE_UNSAID */
    int64_t until; /* microseconds since 1970 by the database's clock; 0: no lease, or not said */
    int64_t mark;  /* that of the call that has placed it, as its points say; 0: not said */
};

struct prove_call {
    enum prove_op op;
    enum prove_answer answer;
    int64_t number; /* in the file */
    int client;
    int64_t begin,
        end;       /* end: when the answer came, or was waited for no longer; -1: the run ended before that */
    int64_t order; /* of take, release, deliver, read; of a list: those with a smaller id; 0: none */
    int64_t limit; /* of a list, a claim: how many at most */
    int taker, holder, key;
    int64_t mark;         /* of place: no other has it */
    int64_t lease, fence; /* seconds, and the claim that was named; 0: none */
    int64_t claim, until; /* told by a leased take; 0: not told */
    int code;             /* the status of HTTP; 0: no answer */
    struct prove_seen *seen;
    size_t seen_count;
};

struct history {
    struct prove_call *calls; /* by begin */
    size_t count, room;
    struct history_texts {
        char **texts;
        size_t count, room;
        int *places; /* by hash: the number of a text, or -1 */
        size_t place_count;
    } texts;
};

void history_init(struct history *history);
void history_fini(struct history *history);

/* The number of a text: always the same for the same one. */
int history_text(struct history *history, struct slice text);
const char *history_name(const struct history *history, int text); /* "nobody" for those that are none */

/* A call that begins: its index. It has no answer yet. */
size_t history_begin(struct history *history, const struct prove_call *call);

/* A copy of count orders becomes what the call has seen. */
void history_set_seen(struct prove_call *call, const struct prove_seen *seen, size_t count);

const char *prove_op_name(enum prove_op op);             /* as in the file: "take" */
const char *prove_answer_name(enum prove_answer answer); /* "done" */
const char *prove_status_name(enum prove_status status); /* "TAKEN"; "absent" */

#endif
