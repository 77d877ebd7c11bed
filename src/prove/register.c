/* One function a deed. Each says whether the state lets the call be answered as it was, and what follows.
 *
 * Leases. Whose lease was told to last L seconds has it for at least L seconds of any clock that is right,
 * from the begin of his call on: until then nobody else may get the order (lease_end; a clock may be a
 * hundredth wrong). And by the database's own clock, whatever that shows: who gets it next was told until
 * when, so that the moment of his acquisition is known, and it must not be before the end of the lease
 * before. */
#include <config.h>

#include "prove/register.h"

#define DATABASE_SLACK 2000 /* microseconds: SQLite rounds to a thousandth of a second */
#define OUR_SLACK 5000000   /* nanoseconds */

struct prove_state prove_state_absent(void)
{
    return (struct prove_state){.status = PROVE_ABSENT, .who = PROVE_NOBODY, .lease_end = PROVE_NEVER};
}

bool prove_is_look(const struct prove_step *step)
{
    return step->deed == DEED_LOOK;
}

/* A claim that was told. When calls without an answer may have acquired it any number of times, it may be a
 * higher one. */
static bool claim_fits(const struct prove_state *state, int64_t claim, int64_t told)
{
    return told == 0 || told == claim || (state->loose && told > claim);
}

static bool is_holder(const struct prove_state *state, const struct prove_step *step)
{
    return state->who == step->taker && claim_fits(state, state->claim, step->fence);
}

/* At the earliest: a hundredth of it, and a little, is left to clocks. */
static int64_t end_of_lease(const struct prove_step *step)
{
    return step->lease > 0 ? step->begin + step->lease - step->lease / 100 - OUR_SLACK : PROVE_NEVER;
}

/* ---- placing, and getting ---- */

static bool place(const struct prove_state *state, struct prove_state *next)
{
    if (state->status != PROVE_ABSENT)
        return false;
    *next = *state;
    next->status = PROVE_IS_FREE;
    next->who = PROVE_NOBODY;
    return true;
}

/* By the database's clock the lease before had ended. */
static bool is_late_enough(const struct prove_state *state, const struct prove_step *step)
{
    if (!state->expired || state->until == 0 || step->until == 0 || step->lease == 0)
        return true;
    return step->until - step->lease / 1000 + DATABASE_SLACK >= state->until;
}

static bool acquire(const struct prove_state *state, const struct prove_step *step, struct prove_state *next)
{
    if (state->status != PROVE_IS_FREE || step->fence != 0 ||
        !claim_fits(state, state->claim + 1, step->claim) || !is_late_enough(state, step))
        return false;
    *next = (struct prove_state){.status = PROVE_IS_TAKEN,
                                 .who = step->taker,
                                 .claim = step->claim != 0 ? step->claim : state->claim + 1,
                                 .loose = state->loose && step->claim == 0,
                                 .lease_end = end_of_lease(step),
                                 .until = step->lease > 0 ? step->until : 0};
    return true;
}

/* The holder asks again: at most his lease becomes longer, or he has one from now on. */
static bool extend(const struct prove_state *state, const struct prove_step *step, struct prove_state *next)
{
    bool unanswered = step->answer == PROVE_UNKNOWN;
    if (state->status != PROVE_IS_TAKEN || !is_holder(state, step) ||
        !claim_fits(state, state->claim, step->claim) ||
        (state->until != 0 && step->until != 0 && step->until < state->until))
        return false;
    *next = *state;
    if (state->lease_end == PROVE_NEVER)
        next->lease_end = end_of_lease(step);
    else if (state->until != 0 && step->until != 0)
        next->lease_end += (step->until - state->until) * 1000;
    if (step->lease > 0 && step->until != 0)
        next->until = step->until;
    return !unanswered || (state->lease_end == PROVE_NEVER && step->lease > 0);
}

/* ---- giving it back, and delivering it ---- */

static bool release(const struct prove_state *state, const struct prove_step *step, struct prove_state *next)
{
    bool held = state->status == PROVE_IS_TAKEN && is_holder(state, step);
    bool again = state->status == PROVE_IS_FREE && !state->expired && is_holder(state, step);
    *next = *state;
    if (!held)
        return again && step->answer != PROVE_UNKNOWN;
    next->status = PROVE_IS_FREE;
    next->lease_end = PROVE_NEVER;
    next->until = 0;
    return true;
}

static bool deliver(const struct prove_state *state, const struct prove_step *step, struct prove_state *next)
{
    bool held = state->status == PROVE_IS_TAKEN && is_holder(state, step);
    bool again = state->status == PROVE_IS_DELIVERED && is_holder(state, step);
    *next = *state;
    if (!held)
        return again && step->answer != PROVE_UNKNOWN;
    next->status = PROVE_IS_DELIVERED;
    next->lease_end = PROVE_NEVER;
    next->until = 0;
    return true;
}

/* ---- looking ---- */

static bool is_seen(const struct prove_state *state, const struct prove_seen *seen)
{
    bool free = state->status == PROVE_IS_FREE;
    if (seen->claim != PROVE_UNSAID && state->status != PROVE_ABSENT &&
        (seen->claim == 0 ? state->claim != 0 : !claim_fits(state, state->claim, seen->claim)))
        return false;
    if (free && state->expired && seen->status == PROVE_IS_TAKEN) /* the sweep has not been there yet */
        return seen->taker == PROVE_UNSAID || seen->taker == state->who;
    return seen->status == state->status &&
           (seen->taker == PROVE_UNSAID || seen->taker == (free ? PROVE_NOBODY : state->who) ||
            state->status == PROVE_ABSENT);
}

/* Whether the state is one in which who asked is refused in these words. */
static bool is_refused(const struct prove_state *state, const struct prove_step *step)
{
    bool own = state->who == step->taker;
    switch (step->answer) {
    case PROVE_TAKEN:
        return (state->status == PROVE_IS_TAKEN && !own) || state->status == PROVE_IS_DELIVERED;
    case PROVE_MISSING:
        return state->status == PROVE_ABSENT;
    case PROVE_OCCUPIED:
        return state->status != PROVE_ABSENT;
    case PROVE_FREE:
        return state->status == PROVE_IS_FREE && (state->expired || !own || step->op != PROVE_RELEASE);
    case PROVE_DELIVERED:
        return state->status == PROVE_IS_DELIVERED && (!own || step->op == PROVE_RELEASE);
    case PROVE_HELD:
        return state->status == PROVE_IS_TAKEN && !own && state->who == step->holder;
    case PROVE_STALE:
        return state->status != PROVE_ABSENT &&
               (state->loose || state->claim != step->fence || state->status != PROVE_IS_TAKEN);
    default:
        return true;
    }
}

static bool look(const struct prove_state *state, const struct prove_step *step)
{
    if (step->answer == PROVE_DONE)
        return is_seen(state, &step->seen);
    return is_refused(state, step);
}

/* ---- all ---- */

bool prove_apply(const struct prove_state *state, const struct prove_step *step, struct prove_state *next)
{
    switch (step->deed) {
    case DEED_PLACE:
        return place(state, next);
    case DEED_TAKE:
        return acquire(state, step, next) || extend(state, step, next);
    case DEED_ACQUIRE:
        return acquire(state, step, next);
    case DEED_RELEASE:
        return release(state, step, next);
    case DEED_DELIVER:
        return deliver(state, step, next);
    default:
        *next = *state;
        return look(state, step);
    }
}

bool prove_expire(const struct prove_state *state, int64_t now, struct prove_state *next)
{
    if (state->status != PROVE_IS_TAKEN || state->lease_end > now)
        return false;
    *next = *state;
    next->status = PROVE_IS_FREE;
    next->expired = true;
    next->lease_end = PROVE_NEVER;
    return true;
}
