/* search_order -> run -> on_end, for each call that has an answer -> expand, for each state -> try_each. */
#include <config.h>

#include "prove/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define STATES_MAX 2000 /* at one call, before it is looked at loosely */
#define LOOSE_STATES_MAX 50000
#define LOST_MAX 64 /* calls without an answer, likewise: a bit each */
#define BUCKETS 64

/* A state, and which calls have led to it of those that are under way. */
struct config {
    struct prove_state state;
    uint64_t lost;   /* which of the calls without an answer have happened */
    int next;        /* of the same bucket; -1: none */
    bool dead;       /* another one can do what it can */
    uint64_t done[]; /* which of the calls under way that have an answer */
};

struct config_set {
    char *memory;
    size_t count, room;
    int heads[BUCKETS];
};

struct event {
    int64_t at;
    size_t step;
    bool end;
};

struct search {
    const struct prove_step *steps;
    size_t count;
    bool loosely;
    size_t size, words;                /* of a config, of its done */
    struct config_set now, ways, next; /* before a call's answer, on the way to it, behind it */
    size_t *open, open_count;          /* calls under way that will have an answer */
    size_t *lost, lost_count;          /* begun, without an answer */
    size_t *slot, *free_slots, free_count;
    struct event *events;
    size_t event_count;
};

/* ---- sets of states ---- */

static struct config *config_at(const struct search *search, const struct config_set *set, size_t index)
{
    return (struct config *)(void *)(set->memory + index * search->size);
}

static void set_clear(struct config_set *set)
{
    set->count = 0;
    memset(set->heads, -1, sizeof set->heads);
}

static size_t bucket_of(const struct search *search, const struct config *config)
{
    uint64_t mix = (uint64_t)config->state.status * 31 + (uint64_t)config->state.expired * 17 +
                   (uint64_t)(config->state.who + 2) * 7;
    for (size_t i = 0; i < search->words; i++)
        mix = (mix ^ config->done[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mix >> 32) % BUCKETS;
}

/* Whether a can do all that b can. */
static bool dominates(const struct search *search, const struct config *a, const struct config *b)
{
    const struct prove_state *x = &a->state, *y = &b->state;
    return x->status == y->status && x->expired == y->expired && x->who == y->who &&
           (x->loose ? x->claim <= y->claim : !y->loose && x->claim == y->claim) &&
           x->lease_end <= y->lease_end && (x->until == 0 || x->until == y->until) &&
           (a->lost & ~b->lost) == 0 && memcmp(a->done, b->done, search->words * sizeof *a->done) == 0;
}

static struct config *set_room(struct search *search, struct config_set *set)
{
    if (set->count == set->room) {
        set->room = set->room > 0 ? set->room * 2 : 16;
        set->memory = mem_resize(set->memory, set->room * search->size);
    }
    return config_at(search, set, set->count);
}

/* config is a copy of the caller's, in no set. */
static void set_add(struct search *search, struct config_set *set, const struct config *config)
{
    size_t bucket = bucket_of(search, config);
    for (int i = set->heads[bucket]; i >= 0;) {
        struct config *other = config_at(search, set, (size_t)i);
        if (!other->dead && dominates(search, other, config))
            return;
        if (!other->dead && dominates(search, config, other))
            other->dead = true;
        i = other->next;
    }
    struct config *new = set_room(search, set);
    memcpy(new, config, search->size);
    new->dead = false;
    new->next = set->heads[bucket];
    set->heads[bucket] = (int)set->count++;
}

/* ---- from one state to others ---- */

static bool is_done(const struct config *config, size_t slot)
{
    return (config->done[slot / 64] >> (slot % 64) & 1) != 0;
}

static void set_done(struct config *config, size_t slot, bool done)
{
    uint64_t bit = UINT64_C(1) << (slot % 64);
    config->done[slot / 64] = done ? config->done[slot / 64] | bit : config->done[slot / 64] & ~bit;
}

/* What only looks may do so as soon as it can: nothing is lost by that. */
static void look_early(const struct search *search, struct config *config)
{
    struct prove_state same;
    for (size_t i = 0; i < search->open_count; i++) {
        const struct prove_step *step = &search->steps[search->open[i]];
        size_t slot = search->slot[search->open[i]];
        if (prove_is_look(step) && !is_done(config, slot) && prove_apply(&config->state, step, &same))
            set_done(config, slot, true);
    }
}

/* One that has an answer, and changes something. */
static void try_open(struct search *search, const struct config *from, struct config *child, size_t step)
{
    size_t slot = search->slot[step];
    if (prove_is_look(&search->steps[step]) || is_done(from, slot))
        return;
    memcpy(child, from, search->size);
    if (prove_apply(&from->state, &search->steps[step], &child->state)) {
        set_done(child, slot, true);
        set_add(search, &search->ways, child);
    }
}

static void try_lost(struct search *search, const struct config *from, struct config *child, size_t index)
{
    const struct prove_step *step = &search->steps[search->lost[index]];
    if (!search->loosely && (from->lost >> index & 1) != 0)
        return;
    memcpy(child, from, search->size);
    if (!prove_apply(&from->state, step, &child->state))
        return;
    if (!search->loosely)
        child->lost |= UINT64_C(1) << index;
    else if (child->state.claim != from->state.claim)
        child->state.loose = true;
    set_add(search, &search->ways, child);
}

static void try_each(struct search *search, const struct config *from, struct config *child, int64_t now)
{
    for (size_t i = 0; i < search->open_count; i++)
        try_open(search, from, child, search->open[i]);
    for (size_t i = 0; i < search->lost_count; i++)
        try_lost(search, from, child, i);
    memcpy(child, from, search->size);
    if (prove_expire(&from->state, now, &child->state))
        set_add(search, &search->ways, child);
}

/* The config is behind the answer, or others come from it. */
static void expand(struct search *search, struct config *config, struct config *child, size_t step)
{
    struct prove_state same;
    size_t slot = search->slot[step];
    if (is_done(config, slot) ||
        (prove_is_look(&search->steps[step]) && prove_apply(&config->state, &search->steps[step], &same))) {
        set_done(config, slot, false);
        set_add(search, &search->next, config);
        return;
    }
    look_early(search, config);
    try_each(search, config, child, search->steps[step].end);
}

/* ---- through the history ---- */

static void forget_open(struct search *search, size_t step)
{
    for (size_t i = 0; i < search->open_count; i++)
        if (search->open[i] == step) {
            search->open[i] = search->open[--search->open_count];
            break;
        }
    search->free_slots[search->free_count++] = search->slot[step];
}

/* SEARCH_POSSIBLE when there is a way behind the answer. */
static enum search_verdict on_end(struct search *search, size_t step, struct config *config,
                                  struct config *child)
{
    set_clear(&search->ways);
    set_clear(&search->next);
    for (size_t i = 0; i < search->now.count; i++)
        if (!config_at(search, &search->now, i)->dead)
            set_add(search, &search->ways, config_at(search, &search->now, i));
    for (size_t i = 0; i < search->ways.count; i++) {
        if (search->ways.count > (search->loosely ? LOOSE_STATES_MAX : STATES_MAX))
            return SEARCH_UNDECIDED;
        if (config_at(search, &search->ways, i)->dead)
            continue;
        memcpy(config, config_at(search, &search->ways, i), search->size); /* the set may move */
        expand(search, config, child, step);
    }
    forget_open(search, step);
    struct config_set before = search->now;
    search->now = search->next;
    search->next = before;
    return search->now.count > 0 ? SEARCH_POSSIBLE : SEARCH_IMPOSSIBLE;
}

/* In loose searches one that does the same as another adds nothing. */
static bool is_known_lost(const struct search *search, const struct prove_step *step)
{
    for (size_t i = 0; search->loosely && i < search->lost_count; i++) {
        const struct prove_step *other = &search->steps[search->lost[i]];
        if (other->deed == step->deed && other->taker == step->taker && other->fence == step->fence &&
            other->lease == step->lease)
            return true;
    }
    return false;
}

static bool on_begin(struct search *search, size_t step)
{
    if (search->steps[step].end != PROVE_NEVER) {
        search->slot[step] = search->free_slots[--search->free_count];
        search->open[search->open_count++] = step;
        return true;
    }
    if (prove_is_look(&search->steps[step]) || is_known_lost(search, &search->steps[step]))
        return true;
    if (!search->loosely && search->lost_count == LOST_MAX)
        return false;
    search->lost[search->lost_count++] = step;
    return true;
}

static struct search_result walk(struct search *search)
{
    struct search_result result = {.verdict = SEARCH_POSSIBLE, .loosely = search->loosely};
    struct config *config = mem_new(search->size), *child = mem_new(search->size);
    set_clear(&search->now);
    config->state = prove_state_absent();
    set_add(search, &search->now, config);
    for (size_t i = 0; i < search->event_count && result.verdict == SEARCH_POSSIBLE; i++) {
        const struct event *event = &search->events[i];
        result.at = event->step;
        if (event->end)
            result.verdict = on_end(search, event->step, config, child);
        else if (!on_begin(search, event->step))
            result.verdict = SEARCH_UNDECIDED;
    }
    free(config);
    free(child);
    return result;
}

/* ---- set up ---- */

/* What ends when another begins is beside it: no clock tells which was first. */
static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->end != y->end)
        return x->end ? 1 : -1;
    return x->step < y->step ? -1 : x->step > y->step;
}

static void set_events(struct search *search)
{
    search->events = mem_array(search->count * 2 + 1, sizeof *search->events);
    for (size_t i = 0; i < search->count; i++) {
        const struct prove_step *step = &search->steps[i];
        search->events[search->event_count++] = (struct event){step->begin, i, false};
        if (step->end != PROVE_NEVER)
            search->events[search->event_count++] = (struct event){step->end, i, true};
    }
    qsort(search->events, search->event_count, sizeof *search->events, compare_events);
}

/* The most calls that are under way at once. */
static size_t most_open(const struct search *search)
{
    size_t open = 0, most = 1;
    for (size_t i = 0; i < search->event_count; i++) {
        if (search->steps[search->events[i].step].end == PROVE_NEVER)
            continue;
        open = search->events[i].end ? open - 1 : open + 1;
        most = open > most ? open : most;
    }
    return most;
}

static struct search_result run(const struct prove_step *steps, size_t count, bool loosely)
{
    struct search search = {.steps = steps, .count = count, .loosely = loosely};
    set_events(&search);
    size_t most = most_open(&search);
    search.words = (most + 63) / 64;
    search.size = sizeof(struct config) + search.words * sizeof(uint64_t);
    search.open = mem_array(most, sizeof *search.open);
    search.free_slots = mem_array(most, sizeof *search.free_slots);
    for (size_t i = 0; i < most; i++)
        search.free_slots[search.free_count++] = most - 1 - i;
    search.lost = mem_array(count + 1, sizeof *search.lost);
    search.slot = mem_array(count + 1, sizeof *search.slot);
    struct search_result result = walk(&search);
    free(search.now.memory);
    free(search.ways.memory);
    free(search.next.memory);
    free(search.open);
    free(search.free_slots);
    free(search.lost);
    free(search.slot);
    free(search.events);
    return result;
}

struct search_result search_order(const struct prove_step *steps, size_t count)
{
    struct search_result result = run(steps, count, false);
    return result.verdict == SEARCH_UNDECIDED ? run(steps, count, true) : result;
}

struct search_result search_loosely(const struct prove_step *steps, size_t count)
{
    return run(steps, count, true);
}
