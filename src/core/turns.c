/* A caller is found by its number; its turns, one for each line in which it has something, stand on a list of its own,
 * which is short. Both are there only as long as they have something. */
#include <config.h>

#include "core/turns.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct turn_caller {
    struct list_node link; /* of its bucket */
    uint64_t number;
    size_t waiting;
    struct list turns;
};

struct turn {
    struct list_node link;        /* of its line */
    struct list_node caller_link; /* of its caller's turns */
    struct turn_line *line;
    struct list places; /* the oldest first */
};

void turns_init(struct turns *turns)
{
    for (size_t i = 0; i < TURN_BUCKETS; i++)
        list_init(&turns->callers[i]);
    turns->heaviest = NULL;
}

/* ---- callers ---- */

static struct list *bucket_of(struct turns *turns, uint64_t number)
{
    return &turns->callers[number % TURN_BUCKETS];
}

static struct turn_caller *find_caller(struct turns *turns, uint64_t number)
{
    list_for_each(struct turn_caller, caller, bucket_of(turns, number), link) {
        if (caller->number == number)
            return caller;
    }
    return NULL;
}

static struct turn_caller *add_caller(struct turns *turns, uint64_t number)
{
    struct turn_caller *caller = mem_new(sizeof *caller);
    caller->number = number;
    list_init(&caller->turns);
    list_append(bucket_of(turns, number), &caller->link);
    return caller;
}

void turns_count(struct turns *turns, struct turn_place *place, uint64_t number)
{
    struct turn_caller *caller = find_caller(turns, number);
    assert(place->caller == NULL);
    if (caller == NULL)
        caller = add_caller(turns, number);
    place->caller = caller;
    caller->waiting++;
    if (turns->heaviest != NULL && caller->waiting > turns->heaviest->waiting)
        turns->heaviest = caller;
}

void turns_uncount(struct turns *turns, struct turn_place *place)
{
    struct turn_caller *caller = place->caller;
    assert(place->turn == NULL);
    if (caller == NULL)
        return;
    place->caller = NULL;
    if (turns->heaviest == caller)
        turns->heaviest = NULL;
    if (--caller->waiting > 0)
        return;
    list_remove(&caller->link);
    free(caller);
}

/* ---- lines ---- */

static struct turn *find_turn(const struct turn_caller *caller, const struct turn_line *line)
{
    list_for_each(struct turn, turn, &caller->turns, caller_link) {
        if (turn->line == line)
            return turn;
    }
    return NULL;
}

static struct turn *add_turn(struct turn_caller *caller, struct turn_line *line, bool in_front)
{
    struct turn *turn = mem_new(sizeof *turn);
    turn->line = line;
    list_init(&turn->places);
    list_append(&caller->turns, &turn->caller_link);
    if (in_front)
        list_prepend(&line->turns, &turn->link);
    else
        list_append(&line->turns, &turn->link);
    return turn;
}

void turns_add(struct turn_line *line, struct turn_place *place, bool in_front)
{
    struct turn *turn = find_turn(place->caller, line);
    assert(place->turn == NULL);
    if (turn == NULL)
        turn = add_turn(place->caller, line, in_front);
    place->turn = turn;
    if (in_front)
        list_prepend(&turn->places, &place->link);
    else
        list_append(&turn->places, &place->link);
}

void turns_remove(struct turn_place *place)
{
    struct turn *turn = place->turn;
    if (turn == NULL)
        return;
    list_remove(&place->link);
    place->turn = NULL;
    if (turn->places.length > 0)
        return;
    list_remove(&turn->link);
    list_remove(&turn->caller_link);
    free(turn);
}

struct turn_place *turns_first(const struct turn_line *line)
{
    const struct turn *turn = list_first_of(&line->turns, struct turn, link);
    return turn != NULL ? list_first_of(&turn->places, struct turn_place, link) : NULL;
}

void turns_pass(struct turn_line *line)
{
    struct list_node *node = list_pop(&line->turns);
    if (node != NULL)
        list_append(&line->turns, node);
}

/* ---- too much ---- */

static struct turn_caller *find_heaviest(struct turns *turns)
{
    struct turn_caller *heaviest = NULL;
    for (size_t i = 0; i < TURN_BUCKETS; i++)
        list_for_each(struct turn_caller, caller, &turns->callers[i], link) {
            if (heaviest == NULL || caller->waiting > heaviest->waiting)
                heaviest = caller;
        }
    return heaviest;
}

static struct turn *longest_turn(const struct turn_caller *caller)
{
    struct turn *longest = NULL;
    list_for_each(struct turn, turn, &caller->turns, caller_link) {
        if (longest == NULL || turn->places.length > longest->places.length)
            longest = turn;
    }
    return longest;
}

struct turn_place *turns_surplus(struct turns *turns, uint64_t other)
{
    const struct turn_caller *caller = find_caller(turns, other);
    if (turns->heaviest == NULL)
        turns->heaviest = find_heaviest(turns);
    if (turns->heaviest == NULL || turns->heaviest->waiting <= (caller != NULL ? caller->waiting : 0) + 1)
        return NULL;
    const struct turn *turn = longest_turn(turns->heaviest);
    return turn != NULL ? list_last_of(&turn->places, struct turn_place, link) : NULL;
}
