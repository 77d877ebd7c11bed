/* steps_of -> add_call, for each call that is not one of several with its key -> add_step, for each order in
 * its answer -> sort. Lists are complete: what should be in one and is not was seen as absent (add_absent).
 */
#include <config.h>

#include "prove/steps.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct making {
    const struct history *history;
    struct steps *steps;
    size_t *first_of_key; /* by text, of placings and of claims: the first call that has it; SIZE_MAX: none */
    size_t *next_of_key;  /* by call: the next one with its key */
    int64_t *placed;      /* ids that placings were answered with, sorted */
    size_t placed_count;
};

static int64_t end_of(const struct prove_call *call)
{
    return call->answer == PROVE_UNKNOWN || call->end < 0 ? PROVE_NEVER : call->end;
}

static struct prove_step step_of(const struct making *making, size_t index)
{
    const struct prove_call *call = &making->history->calls[index];
    return (struct prove_step){.answer = call->answer,
                               .op = call->op,
                               .taker = call->taker,
                               .holder = call->holder,
                               .begin = call->begin,
                               .end = end_of(call),
                               .lease = call->lease * CLOCK_SECOND,
                               .fence = call->fence,
                               .claim = call->claim,
                               .until = call->until,
                               .call = index};
}

static void add_step(struct steps *steps, int64_t order, const struct prove_step *step, bool promised)
{
    if (steps->count == steps->room) {
        steps->room = steps->room > 0 ? steps->room * 2 : 1024;
        steps->all = mem_resize(steps->all, steps->room * sizeof *steps->all);
    }
    steps->all[steps->count++] = (struct step_of_order){order, *step, promised};
}

static void add_to(struct prove_step **all, size_t *count, size_t *room, const struct prove_step *step)
{
    if (*count == *room) {
        *room = *room > 0 ? *room * 2 : 64;
        *all = mem_resize(*all, *room * sizeof **all);
    }
    (*all)[(*count)++] = *step;
}

/* ---- calls with a key ---- */

static bool is_promised(const struct prove_call *call)
{
    return call->answer == PROVE_UNCHANGED || call->answer == PROVE_REFUSED || call->answer == PROVE_UNSENT;
}

static size_t *first_with(const struct making *making, const struct prove_call *call)
{
    return &making->first_of_key[(size_t)call->key * 2 + (call->op == PROVE_CLAIM ? 1 : 0)];
}

static void find_keys(struct making *making)
{
    const struct history *history = making->history;
    size_t keys = history->texts.count * 2;
    making->first_of_key = mem_array(keys + 1, sizeof *making->first_of_key);
    making->next_of_key = mem_array(history->count + 1, sizeof *making->next_of_key);
    memset(making->first_of_key, 0xff, (keys + 1) * sizeof *making->first_of_key);
    for (size_t i = history->count; i-- > 0;) {
        if (history->calls[i].key < 0)
            continue;
        making->next_of_key[i] = *first_with(making, &history->calls[i]);
        *first_with(making, &history->calls[i]) = i;
    }
}

/* What stands for all with the key: the first that was answered, else one that may have happened, else the
 * first. */
static void gather_key(const struct making *making, size_t first, struct prove_step *step)
{
    const struct prove_call *calls = making->history->calls;
    int64_t begin = PROVE_NEVER;
    size_t best = SIZE_MAX;
    for (size_t i = first; i != SIZE_MAX; i = making->next_of_key[i]) {
        if (is_promised(&calls[i]))
            continue;
        begin = calls[i].begin < begin ? calls[i].begin : begin;
        if (best == SIZE_MAX || (calls[i].answer == PROVE_DONE &&
                                 (calls[best].answer != PROVE_DONE || calls[i].end < calls[best].end)))
            best = i;
    }
    *step = step_of(making, best != SIZE_MAX ? best : first);
    if (best != SIZE_MAX)
        step->begin = begin;
}

/* ---- what one call is to its orders ---- */

static void add_acquired(struct making *making, const struct prove_step *base)
{
    const struct prove_call *call = &making->history->calls[base->call];
    for (size_t i = 0; i < call->seen_count; i++) {
        struct prove_step step = *base;
        const struct prove_seen *seen = &call->seen[i];
        step.deed = DEED_ACQUIRE;
        step.claim = seen->claim > 0 ? seen->claim : 0;
        step.until = seen->until;
        step.holder = seen->taker == PROVE_UNSAID ? step.taker : seen->taker;
        add_step(making->steps, seen->order, &step, false);
    }
}

static void add_claim(struct making *making, const struct prove_step *base)
{
    struct steps *steps = making->steps;
    struct prove_step step = *base;
    step.deed = DEED_ACQUIRE;
    step.holder = step.taker;
    if (base->answer == PROVE_DONE)
        add_acquired(making, base);
    else if (base->answer == PROVE_UNKNOWN)
        add_to(&steps->lost_claims, &steps->lost_count, &steps->lost_room, &step);
    else
        add_to(&steps->refused_claims, &steps->refused_count, &steps->refused_room, &step);
}

static void add_place(struct making *making, const struct prove_step *base)
{
    const struct prove_call *call = &making->history->calls[base->call];
    struct prove_step step = *base;
    step.deed = DEED_PLACE;
    if (base->answer == PROVE_DONE && call->seen_count > 0)
        add_step(making->steps, call->seen[0].order, &step, false);
}

static void add_change(struct making *making, const struct prove_step *base)
{
    static const enum prove_deed deeds[PROVE_OPS] = {
        [PROVE_TAKE] = DEED_TAKE, [PROVE_RELEASE] = DEED_RELEASE, [PROVE_DELIVER] = DEED_DELIVER};
    const struct prove_call *call = &making->history->calls[base->call];
    struct prove_step step = *base;
    step.deed = base->answer == PROVE_DONE || base->answer == PROVE_UNKNOWN ? deeds[base->op] : DEED_LOOK;
    add_step(making->steps, call->order, &step, is_promised(call));
}

static void add_seen(struct making *making, const struct prove_step *base, const struct prove_seen *seen)
{
    struct prove_step step = *base;
    step.deed = DEED_LOOK;
    step.seen = *seen;
    add_step(making->steps, seen->order, &step, false);
}

static bool is_in(const struct prove_call *call, int64_t order)
{
    for (size_t i = 0; i < call->seen_count; i++)
        if (call->seen[i].order == order)
            return true;
    return false;
}

static size_t first_above(const struct making *making, int64_t id)
{
    size_t low = 0, high = making->placed_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (making->placed[middle] <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Ids that the list reaches from its end to its begin, and that are not in it. */
static void add_absent(struct making *making, const struct prove_step *base)
{
    const struct prove_call *call = &making->history->calls[base->call];
    bool full = call->limit > 0 && (int64_t)call->seen_count >= call->limit;
    int64_t least = call->seen_count > 0 ? call->seen[0].order : 0;
    for (size_t i = 1; i < call->seen_count; i++)
        least = call->seen[i].order < least ? call->seen[i].order : least;
    for (size_t i = full ? first_above(making, least) : 0; i < making->placed_count; i++) {
        int64_t order = making->placed[i];
        if (call->order > 0 && order >= call->order)
            break;
        if (!is_in(call, order))
            add_seen(
                making, base,
                &(struct prove_seen){
                    .order = order, .status = PROVE_ABSENT, .taker = PROVE_UNSAID, .claim = PROVE_UNSAID});
    }
}

static void add_look(struct making *making, const struct prove_step *base)
{
    const struct prove_call *call = &making->history->calls[base->call];
    if (call->answer == PROVE_MISSING)
        add_seen(making, base, &(struct prove_seen){.order = call->order});
    if (call->answer != PROVE_DONE)
        return;
    for (size_t i = 0; i < call->seen_count; i++)
        add_seen(making, base, &call->seen[i]);
    if (call->op == PROVE_LIST && call->limit > 0)
        add_absent(making, base);
}

static void add_call(struct making *making, size_t index)
{
    const struct prove_call *call = &making->history->calls[index];
    struct prove_step step = step_of(making, index);
    if (call->key >= 0 && *first_with(making, call) != index)
        return;
    if (call->key >= 0)
        gather_key(making, index, &step);
    if (step.answer == PROVE_UNSENT)
        return;
    if (call->op == PROVE_PLACE)
        add_place(making, &step);
    else if (call->op == PROVE_CLAIM)
        add_claim(making, &step);
    else if (call->op == PROVE_READ || call->op == PROVE_LIST)
        add_look(making, &step);
    else
        add_change(making, &step);
}

/* ---- all ---- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void find_placed(struct making *making)
{
    const struct history *history = making->history;
    making->placed = mem_array(history->count + 1, sizeof *making->placed);
    for (size_t i = 0; i < history->count; i++)
        if (history->calls[i].op == PROVE_PLACE && history->calls[i].seen_count > 0)
            making->placed[making->placed_count++] = history->calls[i].seen[0].order;
    qsort(making->placed, making->placed_count, sizeof *making->placed, compare_ids);
    size_t kept = 0;
    for (size_t i = 0; i < making->placed_count; i++)
        if (i == 0 || making->placed[i] != making->placed[kept - 1])
            making->placed[kept++] = making->placed[i];
    making->placed_count = kept;
}

static int compare_steps(const void *a, const void *b)
{
    const struct step_of_order *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->step.begin != y->step.begin)
        return x->step.begin < y->step.begin ? -1 : 1;
    return x->step.call < y->step.call ? -1 : x->step.call > y->step.call;
}

void steps_of(const struct history *history, struct steps *steps)
{
    struct making making = {.history = history, .steps = steps};
    *steps = (struct steps){.all = NULL};
    find_keys(&making);
    find_placed(&making);
    for (size_t i = 0; i < history->count; i++)
        add_call(&making, i);
    if (steps->count > 0)
        qsort(steps->all, steps->count, sizeof *steps->all, compare_steps);
    free(making.first_of_key);
    free(making.next_of_key);
    free(making.placed);
}

void steps_fini(struct steps *steps)
{
    free(steps->all);
    free(steps->lost_claims);
    free(steps->refused_claims);
    *steps = (struct steps){.all = NULL};
}

bool step_weakened(const struct prove_step *step, struct prove_step *weak)
{
    static const enum prove_deed deeds[PROVE_OPS] = {[PROVE_PLACE] = DEED_PLACE,
                                                     [PROVE_TAKE] = DEED_TAKE,
                                                     [PROVE_RELEASE] = DEED_RELEASE,
                                                     [PROVE_DELIVER] = DEED_DELIVER,
                                                     [PROVE_CLAIM] = DEED_ACQUIRE};
    if (step->op == PROVE_READ || step->op == PROVE_LIST)
        return false;
    *weak = *step;
    weak->deed = deeds[step->op];
    weak->answer = PROVE_UNKNOWN;
    weak->end = PROVE_NEVER;
    weak->claim = weak->until = 0;
    weak->holder = step->op == PROVE_CLAIM ? step->taker : PROVE_NOBODY;
    return true;
}
