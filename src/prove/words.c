/* What each call and answer is called. */
#include <config.h>

#include "prove/words.h"

#include "base/clock.h"

/* ---- a call ---- */

void words_add_when(struct buf *out, const struct prove_call *call)
{
    buf_printf(out, "%.4f s", (double)call->begin / (double)CLOCK_SECOND);
    if (call->end >= 0)
        buf_printf(out, " to %.4f s", (double)call->end / (double)CLOCK_SECOND);
    else
        buf_add_string(out, " and on");
}

static void add_who(struct buf *out, const struct history *history, const struct prove_call *call)
{
    if (call->taker >= 0)
        buf_add_string(out, history_name(history, call->taker));
    else
        buf_printf(out, "client %d", call->client);
}

void words_add_asked(struct buf *out, const struct history *history, const struct prove_call *call)
{
    static const char *const verbs[PROVE_OPS] = {
        [PROVE_PLACE] = "places an order",   [PROVE_TAKE] = "takes order",
        [PROVE_RELEASE] = "releases order",  [PROVE_DELIVER] = "delivers order",
        [PROVE_CLAIM] = "claims orders",     [PROVE_READ] = "reads order",
        [PROVE_LIST] = "lists orders before"};
    add_who(out, history, call);
    buf_printf(out, " %s", verbs[call->op]);
    if (call->order > 0)
        buf_printf(out, " %lld", (long long)call->order);
    if (call->fence > 0)
        buf_printf(out, " under claim %lld", (long long)call->fence);
    if (call->lease > 0)
        buf_printf(out, " for %lld s", (long long)call->lease);
    if (call->key >= 0)
        buf_printf(out, " (key %s)", history_name(history, call->key));
}

static void add_order(struct buf *out, const struct history *history, const struct prove_seen *seen,
                      bool named)
{
    if (named)
        buf_printf(out, "order %lld ", (long long)seen->order);
    buf_add_string(out, prove_status_name(seen->status));
    if (seen->taker >= 0)
        buf_printf(out, " by %s", history_name(history, seen->taker));
    if (seen->claim > 0)
        buf_printf(out, ", claim %lld", (long long)seen->claim);
}

static void add_orders(struct buf *out, const struct history *history, const struct prove_call *call,
                       int64_t order)
{
    size_t shown = 0;
    for (size_t i = 0; i < call->seen_count && shown < 10; i++)
        if (order == 0 || call->seen[i].order == order) {
            buf_add_string(out, shown++ > 0 ? "; " : "");
            add_order(out, history, &call->seen[i], true);
        }
    if (shown == 0)
        buf_printf(out, order == 0 ? "none" : "without order %lld", (long long)order);
}

static void add_success(struct buf *out, const struct prove_call *call)
{
    buf_add_string(out, "SUCCESS");
    if (call->claim > 0)
        buf_printf(out, ", claim %lld", (long long)call->claim);
}

void words_add_told(struct buf *out, const struct history *history, const struct prove_call *call,
                    int64_t order)
{
    static const char *const told[PROVE_ANSWERS] = {[PROVE_UNKNOWN] = "no answer that says what happened",
                                                    [PROVE_TAKEN] = "already taken",
                                                    [PROVE_OCCUPIED] = "currently occupied",
                                                    [PROVE_MISSING] = "does not exist",
                                                    [PROVE_FREE] = "not taken",
                                                    [PROVE_DELIVERED] = "already delivered",
                                                    [PROVE_STALE] = "not held under this claim",
                                                    [PROVE_UNCHANGED] = "nothing was changed",
                                                    [PROVE_REFUSED] = "refused",
                                                    [PROVE_UNSENT] = "not sent"};
    if (call->answer == PROVE_HELD)
        buf_printf(out, "held by %s", history_name(history, call->holder));
    else if (call->answer != PROVE_DONE)
        buf_add_string(out, told[call->answer]);
    else if (call->op == PROVE_LIST || call->op == PROVE_CLAIM)
        add_orders(out, history, call, order);
    else if (call->op == PROVE_PLACE || call->op == PROVE_READ)
        add_orders(out, history, call, 0);
    else
        add_success(out, call);
}

/* ---- a finding ---- */

struct signs {
    bool promised, looked, gone;
    int winners, first_winner; /* different ones who were told that they have it */
    int64_t lease;
};

static bool is_told_order(const struct prove_call *call, int64_t order)
{
    if (call->answer != PROVE_DONE || (call->op != PROVE_TAKE && call->op != PROVE_CLAIM))
        return false;
    for (size_t i = 0; i < call->seen_count; i++)
        if (call->seen[i].order == order)
            return true;
    return call->op == PROVE_TAKE;
}

static bool is_gone(const struct prove_call *call, int64_t order)
{
    bool there = false;
    for (size_t i = 0; i < call->seen_count; i++)
        there = there || call->seen[i].order == order;
    return call->answer == PROVE_MISSING || (call->op == PROVE_LIST && !there);
}

static struct signs signs_of(const struct history *history, const struct finding *finding)
{
    struct signs signs = {.first_winner = PROVE_NOBODY};
    for (size_t i = 0; i < finding->count; i++) {
        const struct prove_call *call = &history->calls[finding->calls[i]];
        signs.promised = signs.promised || call->answer == PROVE_UNCHANGED;
        signs.looked = signs.looked || call->op == PROVE_READ || call->op == PROVE_LIST;
        signs.gone = signs.gone || is_gone(call, finding->order);
        signs.lease = call->lease > signs.lease ? call->lease : signs.lease;
        if (is_told_order(call, finding->order) && call->taker != signs.first_winner) {
            signs.winners++;
            signs.first_winner = signs.winners == 1 ? call->taker : signs.first_winner;
        }
    }
    return signs;
}

static const char *headline_of(const struct signs *signs)
{
    if (signs->promised)
        return "was changed by a call that was told that nothing was changed";
    if (signs->gone)
        return "was acknowledged, and then is not there";
    if (signs->looked)
        return "is not, or no longer, what had been told: an old answer, or something acknowledged was lost";
    if (signs->winners > 1)
        return signs->lease > 0 ? "was in the hands of two at a time, or a lease ended too early"
                                : "was in the hands of two at a time";
    return "has answers that contradict one another";
}

void words_add_headline(struct buf *out, const struct history *history, const struct finding *finding)
{
    struct signs signs = signs_of(history, finding);
    if (finding->kind == FINDING_ANSWERS)
        buf_add_string(out, "the same Idempotency-Key was given two answers");
    else if (finding->kind == FINDING_TWICE)
        buf_printf(out,
                   "order %lld was placed by a call that had placed another one: the same key placed twice",
                   (long long)finding->order);
    else
        buf_printf(out, "order %lld %s", (long long)finding->order, headline_of(&signs));
}

static void add_call_line(struct buf *out, const struct history *history, const struct finding *finding,
                          size_t i)
{
    const struct prove_call *call = &history->calls[finding->calls[i]];
    buf_add_string(out, "  ");
    words_add_when(out, call);
    buf_add_string(out, ": ");
    words_add_asked(out, history, call);
    buf_add_string(out, " -> ");
    words_add_told(out, history, call, finding->kind == FINDING_ORDER ? finding->order : 0);
    buf_add_char(out, '\n');
}

void words_add_finding(struct buf *out, const struct history *history, const struct finding *finding)
{
    buf_add_string(out, "VIOLATED: ");
    words_add_headline(out, history, finding);
    buf_add_string(out, ".\n");
    for (size_t i = 0; i < finding->count; i++)
        add_call_line(out, history, finding, i);
    if (finding->kind == FINDING_ORDER)
        buf_add_string(
            out, finding->count == 1
                     ? "  Nothing that was asked, whatever came of it, leads to this answer.\n"
                 : finding->refusals_hold
                     ? "  No order of these calls explains these answers, whatever came of all others that "
                       "were not refused.\n"
                     : "  No order of these calls explains these answers, whatever came of all others.\n");
}
