/* courier_next: again what had no final answer, else something with what he holds, else something else, by
 * the weights of the workload. courier_told: what he holds now. */
#include <config.h>

#include "prove/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TRIES_MAX 8
#define RECENT 64
#define LIST_LIMIT 20

const char *const workload_names[WORKLOADS + 1] = {"take", "claim", "lease", "idempotency", "mixed", NULL};

int64_t dice_roll(struct dice *dice, int64_t sides)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return (int64_t)((dice->state * UINT64_C(2685821657736338717) >> 11) % (uint64_t)sides);
}

/* ---- what all know ---- */

void board_init(struct board *board)
{
    *board = (struct board){.placing = {.op = PROVE_OPS}, .claiming = {.op = PROVE_OPS}};
}

void board_fini(struct board *board)
{
    free(board->live);
    free(board->all);
    free(board->known);
}

static void add_id(int64_t **ids, size_t *count, size_t *room, int64_t id)
{
    if (*count == *room) {
        *room = *room > 0 ? *room * 2 : 64;
        *ids = mem_resize(*ids, *room * sizeof **ids);
    }
    (*ids)[(*count)++] = id;
}

/* Where it is, or belongs. */
static size_t known_place(const struct board *board, int64_t order)
{
    size_t at = (size_t)((uint64_t)order * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (board->known_room - 1);
    while (board->known[at] != 0 && board->known[at] != order)
        at = (at + 1) & (board->known_room - 1);
    return at;
}

static void grow_known(struct board *board)
{
    board->known_room = board->known_room > 0 ? board->known_room * 2 : 256;
    free(board->known);
    board->known = mem_array(board->known_room, sizeof *board->known);
    for (size_t i = 0; i < board->all_count; i++)
        board->known[known_place(board, board->all[i])] = board->all[i];
}

bool board_knows(const struct board *board, int64_t order)
{
    return board->known_room > 0 && board->known[known_place(board, order)] == order;
}

void board_add(struct board *board, int64_t order)
{
    if (board_knows(board, order))
        return;
    if (board->all_count * 2 >= board->known_room)
        grow_known(board);
    board->known[known_place(board, order)] = order;
    add_id(&board->all, &board->all_count, &board->all_room, order);
    add_id(&board->live, &board->live_count, &board->live_room, order);
}

static void end_order(struct board *board, int64_t order)
{
    for (size_t i = 0; i < board->live_count; i++)
        if (board->live[i] == order) {
            board->live[i] = board->live[--board->live_count];
            board->delivered++;
            return;
        }
}

static int64_t some_live(struct board *board)
{
    return board->live_count > 0 ? board->live[dice_roll(&board->dice, (int64_t)board->live_count)] : 0;
}

/* One of the newest, delivered or not. */
static int64_t some_recent(struct board *board)
{
    size_t recent = board->all_count < RECENT ? board->all_count : RECENT;
    return recent > 0 ? board->all[board->all_count - 1 - (size_t)dice_roll(&board->dice, (int64_t)recent)]
                      : 0;
}

/* ---- calls ---- */

void courier_init(struct courier *courier, const struct board *board, int number)
{
    char name[64];
    *courier =
        (struct courier){.number = number, .placing = {.op = PROVE_OPS}, .claiming = {.op = PROVE_OPS}};
    snprintf(name, sizeof name, "%s-%d", board->run, number);
    courier->taker = history_text(board->history, slice_of(name));
}

static struct prove_call call_of(const struct courier *courier, enum prove_op op, int64_t order)
{
    bool reads = op == PROVE_READ || op == PROVE_LIST || op == PROVE_PLACE;
    return (struct prove_call){.op = op,
                               .client = courier->number,
                               .order = order,
                               .taker = reads ? PROVE_NOBODY : courier->taker,
                               .holder = PROVE_NOBODY,
                               .key = PROVE_NOBODY};
}

static int new_key(struct courier *courier, struct board *board)
{
    char key[96];
    snprintf(key, sizeof key, "%s-%d-%lld", board->run, courier->number, (long long)++courier->keys);
    return history_text(board->history, slice_of(key));
}

static struct prove_call place(struct courier *courier, struct board *board)
{
    struct prove_call call = call_of(courier, PROVE_PLACE, 0);
    call.mark = ++board->marks;
    call.key = new_key(courier, board);
    courier->placing = board->placing = call;
    return call;
}

static struct prove_call claim(struct courier *courier, struct board *board)
{
    struct prove_call call = call_of(courier, PROVE_CLAIM, 0);
    call.limit = 1 + dice_roll(&board->dice, 3);
    call.key = new_key(courier, board);
    if (board->workload == WORKLOAD_LEASE || dice_roll(&board->dice, 3) == 0)
        call.lease = 1 + dice_roll(&board->dice, 2);
    courier->claiming = board->claiming = call;
    return call;
}

static struct prove_call take(struct courier *courier, struct board *board, bool leased)
{
    struct prove_call call = call_of(courier, PROVE_TAKE, some_live(board));
    call.lease = leased ? 1 + dice_roll(&board->dice, 2) : 0;
    return call;
}

/* The same again, with its key: his own, or one of another that may be under way. */
static struct prove_call again(struct courier *courier, struct board *board, const struct prove_call *own,
                               const struct prove_call *others)
{
    struct prove_call call = own->op == PROVE_OPS || dice_roll(&board->dice, 2) == 0 ? *others : *own;
    call.client = courier->number;
    return call;
}

static struct prove_call list(struct courier *courier, struct board *board)
{
    struct prove_call call =
        call_of(courier, PROVE_LIST, some_recent(board) + 1 + dice_roll(&board->dice, 10));
    call.limit = LIST_LIMIT;
    return call;
}

/* Releases or delivers what is not, or no longer, his. */
static struct prove_call stray(struct courier *courier, struct board *board)
{
    enum prove_op op = dice_roll(&board->dice, 2) == 0 ? PROVE_RELEASE : PROVE_DELIVER;
    bool former = courier->former.order > 0 && dice_roll(&board->dice, 2) == 0;
    struct prove_call call = call_of(courier, op, former ? courier->former.order : some_live(board));
    call.fence = former ? courier->former.fence : 0;
    return call;
}

/* ---- which ---- */

enum act {
    ACT_PLACE,
    ACT_PLACE_AGAIN, /* the last one, with its key */
    ACT_TAKE,
    ACT_LEASE,
    ACT_CLAIM,
    ACT_CLAIM_AGAIN,
    ACT_STRAY,
    ACT_READ,
    ACT_LIST,
    ACTS,
};

static const int weights[WORKLOADS][ACTS] = {
    /* placing is what happens besides when there are few */
    [WORKLOAD_TAKE] = {[ACT_TAKE] = 70, [ACT_STRAY] = 6, [ACT_READ] = 16, [ACT_LIST] = 8},
    [WORKLOAD_CLAIM] = {[ACT_CLAIM] = 60,
                        [ACT_CLAIM_AGAIN] = 8,
                        [ACT_TAKE] = 10,
                        [ACT_STRAY] = 4,
                        [ACT_READ] = 12,
                        [ACT_LIST] = 6},
    [WORKLOAD_LEASE] = {[ACT_LEASE] = 50,
                        [ACT_TAKE] = 4,
                        [ACT_CLAIM] = 10,
                        [ACT_STRAY] = 12,
                        [ACT_READ] = 18,
                        [ACT_LIST] = 6},
    [WORKLOAD_IDEMPOTENCY] = {[ACT_PLACE] = 20,
                              [ACT_PLACE_AGAIN] = 35,
                              [ACT_CLAIM] = 12,
                              [ACT_CLAIM_AGAIN] = 15,
                              [ACT_READ] = 12,
                              [ACT_LIST] = 6},
    [WORKLOAD_MIXED] = {[ACT_PLACE_AGAIN] = 6,
                        [ACT_TAKE] = 36,
                        [ACT_LEASE] = 12,
                        [ACT_CLAIM] = 14,
                        [ACT_CLAIM_AGAIN] = 4,
                        [ACT_STRAY] = 6,
                        [ACT_READ] = 14,
                        [ACT_LIST] = 8},
};

static enum act some_act(struct board *board)
{
    const int *own = weights[board->workload];
    int all = 0;
    for (int i = 0; i < ACTS; i++)
        all += own[i];
    int64_t left = dice_roll(&board->dice, all);
    for (int i = 0; i < ACTS; i++)
        if ((left -= own[i]) < 0)
            return (enum act)i;
    return ACT_TAKE;
}

static struct prove_call do_act(struct courier *courier, struct board *board, enum act act)
{
    switch (act) {
    case ACT_PLACE:
        return board->marks < board->wanted ? place(courier, board) : list(courier, board);
    case ACT_PLACE_AGAIN:
        return board->placing.op == PROVE_PLACE ? again(courier, board, &courier->placing, &board->placing)
                                                : take(courier, board, false);
    case ACT_LEASE:
        return take(courier, board, true);
    case ACT_CLAIM:
        return claim(courier, board);
    case ACT_CLAIM_AGAIN:
        return board->claiming.op == PROVE_CLAIM ? again(courier, board, &courier->claiming, &board->claiming)
                                                 : claim(courier, board);
    case ACT_STRAY:
        return stray(courier, board);
    case ACT_READ:
        return call_of(courier, PROVE_READ, some_recent(board));
    case ACT_LIST:
        return list(courier, board);
    default:
        return take(courier, board, false);
    }
}

/* ---- with what he holds ---- */

static void drop(struct courier *courier, size_t index)
{
    courier->former = courier->held[index];
    courier->held[index] = courier->held[--courier->held_count];
}

static struct prove_call with_held(struct courier *courier, struct board *board)
{
    size_t index = (size_t)dice_roll(&board->dice, (int64_t)courier->held_count);
    struct holding held = courier->held[index];
    int64_t what = dice_roll(&board->dice, 100);
    struct prove_call call = call_of(courier, what < 55 ? PROVE_RELEASE : PROVE_DELIVER, held.order);
    if (what >= 75) {
        call.op = PROVE_TAKE;
        call.lease = held.leased ? 1 + dice_roll(&board->dice, 2) : 0;
    }
    if (held.fence > 0 && dice_roll(&board->dice, 2) == 0)
        call.fence = held.fence;
    if (call.op == PROVE_TAKE && call.lease == 0)
        call.fence = 0;
    return call;
}

/* A lease that nobody asks about again ends. */
static void forget_some(struct courier *courier, struct board *board)
{
    for (size_t i = courier->held_count; i-- > 0;)
        if (courier->held[i].leased && dice_roll(&board->dice, 12) == 0)
            drop(courier, i);
}

static bool is_final(const struct prove_call *call)
{
    return call->answer != PROVE_UNKNOWN && call->answer != PROVE_UNCHANGED && call->answer != PROVE_UNSENT &&
           call->answer != PROVE_OCCUPIED && call->code != 429;
}

struct prove_call courier_next(struct courier *courier, struct board *board)
{
    if (courier->tries > 0 && courier->tries < TRIES_MAX)
        return courier->last;
    courier->tries = 0;
    if (courier->foreign_count > 0)
        return call_of(courier, PROVE_RELEASE, courier->foreign[--courier->foreign_count]);
    forget_some(courier, board);
    if (courier->held_count > 0 && (courier->held_count == HOLDINGS_MAX || dice_roll(&board->dice, 100) < 60))
        return with_held(courier, board);
    if (board->all_count == 0 || (board->live_count < board->most_live && board->marks < board->wanted &&
                                  board->workload != WORKLOAD_IDEMPOTENCY))
        return board->marks < board->wanted ? place(courier, board) : list(courier, board);
    struct prove_call call = do_act(courier, board, some_act(board));
    if (call.order == 0 && call.op != PROVE_PLACE && call.op != PROVE_CLAIM && call.op != PROVE_LIST)
        return list(courier, board); /* there is none left */
    return call;
}

/* ---- what he was told ---- */

static size_t find_held(const struct courier *courier, int64_t order)
{
    size_t i = 0;
    while (i < courier->held_count && courier->held[i].order != order)
        i++;
    return i;
}

static void hold(struct courier *courier, struct holding holding)
{
    size_t index = find_held(courier, holding.order);
    if (index == HOLDINGS_MAX)
        return; /* too many: somebody else's, or nobody's, until the end */
    if (index < courier->held_count && holding.fence == 0)
        holding = courier->held[index];
    courier->held[index] = holding;
    courier->held_count += index == courier->held_count;
}

static void give_back(struct courier *courier, int64_t order)
{
    if (courier->foreign_count < sizeof courier->foreign / sizeof courier->foreign[0])
        courier->foreign[courier->foreign_count++] = order;
}

static void hold_claimed(struct courier *courier, struct board *board, const struct prove_call *call)
{
    for (size_t i = 0; i < call->seen_count; i++) {
        const struct prove_seen *seen = &call->seen[i];
        if (call->taker != courier->taker)
            continue; /* another's claim, asked for once more */
        if (seen->mark == 0) {
            give_back(courier, seen->order);
            continue;
        }
        board_add(board, seen->order);
        hold(courier, (struct holding){seen->order, seen->claim > 0 ? seen->claim : 0, call->lease > 0});
    }
}

static void learn(struct courier *courier, struct board *board, const struct prove_call *call)
{
    if (call->op == PROVE_PLACE)
        board_add(board, call->seen[0].order);
    else if (call->op == PROVE_CLAIM)
        hold_claimed(courier, board, call);
    else if (call->op == PROVE_TAKE)
        hold(courier, (struct holding){call->order, call->claim, call->lease > 0});
}

void courier_told(struct courier *courier, struct board *board, const struct prove_call *call)
{
    bool gives = call->op == PROVE_RELEASE || call->op == PROVE_DELIVER;
    size_t index = find_held(courier, call->order);
    courier->last = *call;
    courier->last.seen = NULL;
    courier->last.seen_count = 0;
    courier->last.answer = PROVE_UNKNOWN;
    courier->last.claim = courier->last.until = 0;
    courier->last.holder = PROVE_NOBODY;
    courier->tries = is_final(call) ? 0 : courier->tries + 1;
    if (!is_final(call))
        return;
    if (call->answer == PROVE_DONE)
        learn(courier, board, call);
    if ((gives || call->answer != PROVE_DONE) && index < courier->held_count)
        drop(courier, index);
    if ((call->op == PROVE_DELIVER && call->answer == PROVE_DONE) || call->answer == PROVE_DELIVERED)
        end_order(board, call->order);
}
