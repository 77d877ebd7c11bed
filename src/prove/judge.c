/* judge: judge_keys and judge_marks look across orders; judge_order, for each order -> search_order; where
 * that finds no way, explain -> cut_down -> is_impossible, again and again with fewer answers. */
#include <config.h>

#include "prove/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "prove/search.h"
#include "prove/steps.h"

#define FINDINGS_OF_KEYS_MAX 2      /* of each kind: what follows from them is about orders */
#define PATIENCE (2 * CLOCK_SECOND) /* for cutting one finding down */

/* ---- what is found ---- */

static struct finding *add_finding(struct verdict *verdict, enum finding_kind kind, int64_t order)
{
    size_t alike = 0;
    for (size_t i = 0; i < verdict->count; i++)
        alike += verdict->findings[i].kind == kind;
    if (verdict->count == FINDINGS_MAX || (kind != FINDING_ORDER && alike == FINDINGS_OF_KEYS_MAX)) {
        verdict->more++;
        return NULL;
    }
    struct finding *finding = &verdict->findings[verdict->count++];
    *finding = (struct finding){.kind = kind, .order = order};
    return finding;
}

static void add_call(struct finding *finding, size_t call)
{
    for (size_t i = 0; i < finding->count; i++)
        if (finding->calls[i] == call)
            return;
    finding->calls = mem_resize(finding->calls, (finding->count + 1) * sizeof *finding->calls);
    size_t at = finding->count++;
    for (; at > 0 && finding->calls[at - 1] > call; at--)
        finding->calls[at] = finding->calls[at - 1];
    finding->calls[at] = call;
}

void verdict_fini(struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++)
        free(verdict->findings[i].calls);
    *verdict = (struct verdict){.count = 0};
}

/* ---- cutting down ---- */

/* One that may be believed or not. */
struct doubt {
    struct prove_step step;
    bool promised; /* that it did nothing */
    bool believed;
};

struct doubts {
    struct doubt *all;
    size_t count;
    struct prove_step *steps; /* room for as many */
    int64_t until;
    bool
        refusals_hold; /* whoever was refused has changed nothing, also where what he was told is not believed */
};

static bool is_refusal(const struct prove_step *step)
{
    return step->deed == DEED_LOOK && step->op != PROVE_READ && step->op != PROVE_LIST;
}

static size_t steps_believed(const struct doubts *doubts)
{
    size_t count = 0;
    for (size_t i = 0; i < doubts->count; i++) {
        const struct doubt *doubt = &doubts->all[i];
        if (doubt->step.call == STEP_OF_NO_CALL || (doubt->believed && !doubt->promised))
            doubts->steps[count++] = doubt->step;
        else if (doubts->refusals_hold && !doubt->promised && is_refusal(&doubt->step))
            continue;
        else if (!doubt->believed && step_weakened(&doubt->step, &doubts->steps[count]))
            count++;
    }
    return count;
}

static bool is_impossible(const struct doubts *doubts)
{
    size_t count = steps_believed(doubts);
    return search_order(doubts->steps, count).verdict == SEARCH_IMPOSSIBLE;
}

static void believe(struct doubts *doubts, const size_t *which, size_t count, bool believed)
{
    for (size_t i = 0; i < count; i++)
        doubts->all[which[i]].believed = believed;
}

/* Those whose answer is not known are nothing to believe. */
static size_t list_believed(const struct doubts *doubts, size_t *which)
{
    size_t count = 0;
    for (size_t i = 0; i < doubts->count; i++)
        if (doubts->all[i].believed && doubts->all[i].step.call != STEP_OF_NO_CALL)
            which[count++] = i;
    return count;
}

/* Tries to do without each so many of them; true when some were not needed. */
static bool doubt_parts(struct doubts *doubts, size_t *which, size_t size)
{
    size_t count = list_believed(doubts, which);
    bool fewer = false;
    for (size_t at = 0; at < count && clock_now() < doubts->until; at += size) {
        size_t part = at + size < count ? size : count - at;
        believe(doubts, which + at, part, false);
        if (is_impossible(doubts))
            fewer = true;
        else
            believe(doubts, which + at, part, true);
    }
    return fewer;
}

/* What was only looked at says less to people than what was done: it goes first, where all of it can. */
static void doubt_looks(struct doubts *doubts, size_t *which, bool reads)
{
    size_t count = 0, believed = list_believed(doubts, which);
    for (size_t i = 0; i < believed; i++)
        if (doubts->all[which[i]].step.deed == DEED_LOOK && !doubts->all[which[i]].promised &&
            (reads || is_refusal(&doubts->all[which[i]].step)))
            which[count++] = which[i];
    believe(doubts, which, count, false);
    if (!is_impossible(doubts))
        believe(doubts, which, count, true);
}

/* The smallest set of answers that cannot be, none of which can be left out (A. Zeller, R. Hildebrandt,
 * "Simplifying and isolating failure-inducing input", 2002, without its complements). */
static void cut_down(struct doubts *doubts)
{
    size_t *which = mem_array(doubts->count + 1, sizeof *which);
    doubts->until = clock_now() + PATIENCE;
    doubt_looks(doubts, which, true);
    doubt_looks(doubts, which, false);
    for (size_t size = doubts->count / 2; size > 1; size /= 2)
        doubt_parts(doubts, which, size);
    while (doubt_parts(doubts, which, 1) && clock_now() < doubts->until)
        ;
    free(which);
}

/* ---- one order ---- */

/* All that may have to do with one order. */
struct order_view {
    const struct steps *steps;
    const struct step_of_order *own;
    size_t own_count;
    bool unplaced; /* no placing was answered with it */
};

static void add_doubt(struct doubts *doubts, const struct prove_step *step, bool promised)
{
    doubts->all[doubts->count++] = (struct doubt){*step, promised, step->answer != PROVE_UNKNOWN};
}

static int compare_doubts(const void *a, const void *b)
{
    const struct doubt *x = a, *y = b;
    if (x->step.begin != y->step.begin)
        return x->step.begin < y->step.begin ? -1 : 1;
    return x->step.call < y->step.call ? -1 : x->step.call > y->step.call;
}

static struct prove_step placed_by_somebody(void)
{
    return (struct prove_step){.deed = DEED_PLACE,
                               .op = PROVE_PLACE,
                               .taker = PROVE_NOBODY,
                               .end = PROVE_NEVER,
                               .call = STEP_OF_NO_CALL};
}

static void gather(const struct order_view *view, struct doubts *doubts, bool promised)
{
    const struct steps *steps = view->steps;
    size_t most = view->own_count + steps->lost_count + steps->refused_count + 1;
    *doubts = (struct doubts){.all = mem_array(most, sizeof *doubts->all),
                              .steps = mem_array(most, sizeof *doubts->steps)};
    struct prove_step placed = placed_by_somebody();
    if (view->unplaced)
        add_doubt(doubts, &placed, false);
    for (size_t i = 0; i < view->own_count; i++)
        if (promised || !view->own[i].promised)
            add_doubt(doubts, &view->own[i].step, view->own[i].promised);
    for (size_t i = 0; i < steps->lost_count; i++)
        add_doubt(doubts, &steps->lost_claims[i], false);
    for (size_t i = 0; promised && i < steps->refused_count; i++)
        add_doubt(doubts, &steps->refused_claims[i], true);
    qsort(doubts->all, doubts->count, sizeof *doubts->all, compare_doubts);
}

static void doubts_fini(struct doubts *doubts)
{
    free(doubts->all);
    free(doubts->steps);
}

/* A call without an answer stands among the steps as it is: nothing to believe, and weak already. */
static void keep_until(struct doubts *doubts, int64_t end)
{
    size_t kept = 0;
    for (size_t i = 0; i < doubts->count; i++)
        if (doubts->all[i].step.begin <= end)
            doubts->all[kept++] = doubts->all[i];
    doubts->count = kept;
}

/* Two winners say more to people than numbers that are not in turn: where it cannot be without these, they
 * are left out. */
static void forget_claims(struct doubts *doubts)
{
    struct doubt *numbered = mem_array(doubts->count + 1, sizeof *numbered);
    memcpy(numbered, doubts->all, doubts->count * sizeof *numbered);
    for (size_t i = 0; i < doubts->count; i++) {
        doubts->all[i].step.claim = 0;
        doubts->all[i].step.seen.claim = PROVE_UNSAID;
    }
    if (!is_impossible(doubts))
        memcpy(doubts->all, numbered, doubts->count * sizeof *numbered);
    free(numbered);
}

static size_t count_believed(const struct doubts *doubts)
{
    size_t count = 0;
    for (size_t i = 0; i < doubts->count; i++)
        count += doubts->all[i].believed && doubts->all[i].step.call != STEP_OF_NO_CALL;
    return count;
}

/* True when several answers are left that contradict one another: one alone says little. */
static bool try_explaining(const struct order_view *view, const struct prove_step *at, bool refusals_hold,
                           struct doubts *doubts)
{
    gather(view, doubts, true);
    doubts->refusals_hold = refusals_hold;
    keep_until(doubts, at->end);
    forget_claims(doubts);
    cut_down(doubts);
    return count_believed(doubts) > 1;
}

/* People understand two winners better than one winner and one who was refused. So first it is tried without
 * what those were told who were refused. */
static void explain(const struct order_view *view, struct finding *finding, const struct prove_step *at)
{
    struct doubts doubts;
    finding->refusals_hold = true;
    if (!try_explaining(view, at, true, &doubts)) {
        doubts_fini(&doubts);
        finding->refusals_hold = false;
        try_explaining(view, at, false, &doubts);
    }
    for (size_t i = 0; i < doubts.count; i++)
        if (doubts.all[i].believed && doubts.all[i].step.call != STEP_OF_NO_CALL)
            add_call(finding, doubts.all[i].step.call);
    finding->last = finding->count > 0 ? finding->calls[finding->count - 1] : at->call;
    doubts_fini(&doubts);
}

static void judge_order(const struct order_view *view, struct verdict *verdict)
{
    struct doubts doubts;
    gather(view, &doubts, false);
    for (size_t i = 0; i < doubts.count; i++)
        doubts.steps[i] = doubts.all[i].step;
    struct search_result result = search_order(doubts.steps, doubts.count);
    verdict->orders++;
    verdict->loosely += result.loosely;
    verdict->undecided += result.verdict == SEARCH_UNDECIDED;
    if (result.verdict == SEARCH_IMPOSSIBLE) {
        struct finding *finding = add_finding(verdict, FINDING_ORDER, view->own[0].order);
        if (finding != NULL)
            explain(view, finding, &doubts.steps[result.at]);
    }
    doubts_fini(&doubts);
}

/* ---- whose orders ---- */

struct ownership {
    const struct history *history;
    bool *callers; /* by text: it has asked for something */
};

static bool is_stranger(const struct ownership *ownership, int taker)
{
    return taker >= 0 && !ownership->callers[taker];
}

/* Listed, or got by a claim, because it was there: not placed by this run. */
static bool is_ours(const struct order_view *view)
{
    for (size_t i = 0; i < view->own_count; i++) {
        enum prove_op op = view->own[i].step.op;
        if (op == PROVE_PLACE || op == PROVE_TAKE || op == PROVE_READ)
            return true;
    }
    return false;
}

static bool has_stranger(const struct ownership *ownership, const struct order_view *view)
{
    for (size_t i = 0; i < view->own_count; i++) {
        const struct prove_step *step = &view->own[i].step;
        if (is_stranger(ownership, step->holder) || (step->deed == DEED_LOOK && step->answer == PROVE_DONE &&
                                                     is_stranger(ownership, step->seen.taker)))
            return true;
    }
    return false;
}

static void judge_orders(const struct ownership *ownership, const struct steps *steps,
                         struct verdict *verdict)
{
    for (size_t at = 0, end; at < steps->count; at = end) {
        struct order_view view = {.steps = steps, .own = &steps->all[at], .unplaced = true};
        for (end = at; end < steps->count && steps->all[end].order == steps->all[at].order; end++)
            view.unplaced = view.unplaced && steps->all[end].step.deed != DEED_PLACE;
        view.own_count = end - at;
        if (!is_ours(&view))
            continue;
        if (has_stranger(ownership, &view))
            verdict->strangers++;
        else
            judge_order(&view, verdict);
    }
}

/* ---- between orders ---- */

static bool same_answer(const struct prove_call *a, const struct prove_call *b)
{
    if (a->seen_count != b->seen_count)
        return false;
    for (size_t i = 0; i < a->seen_count; i++)
        if (a->seen[i].order != b->seen[i].order || a->seen[i].claim != b->seen[i].claim)
            return false;
    return true;
}

/* Of each key the first answer, by text and kind of call. */
static void judge_keys(const struct history *history, struct verdict *verdict)
{
    size_t *first = mem_array(history->texts.count * 2 + 1, sizeof *first);
    memset(first, 0xff, (history->texts.count * 2 + 1) * sizeof *first);
    for (size_t i = 0; i < history->count; i++) {
        const struct prove_call *call = &history->calls[i];
        if (call->key < 0 || call->answer != PROVE_DONE)
            continue;
        size_t *before = &first[(size_t)call->key * 2 + (call->op == PROVE_CLAIM ? 1 : 0)];
        if (*before == SIZE_MAX) {
            *before = i;
        } else if (!same_answer(&history->calls[*before], call)) {
            struct finding *finding = add_finding(verdict, FINDING_ANSWERS, 0);
            if (finding == NULL)
                continue;
            add_call(finding, *before);
            add_call(finding, i);
            finding->last = i;
        }
    }
    free(first);
}

struct marked {
    int64_t mark, order;
    size_t call;
};

static int compare_marked(const void *a, const void *b)
{
    const struct marked *x = a, *y = b;
    if (x->mark != y->mark)
        return x->mark < y->mark ? -1 : 1;
    return x->call < y->call ? -1 : x->call > y->call;
}

/* Where each mark was seen; of a placing, that of its answer, or order 0 when it has none. */
static size_t find_marks(const struct history *history, struct marked **marks)
{
    size_t count = 0, room = 1;
    for (size_t i = 0; i < history->count; i++)
        room += history->calls[i].seen_count + 1;
    *marks = mem_array(room, sizeof **marks);
    for (size_t i = 0; i < history->count; i++) {
        const struct prove_call *call = &history->calls[i];
        if (call->op == PROVE_PLACE && call->mark > 0)
            (*marks)[count++] =
                (struct marked){call->mark, call->seen_count > 0 ? call->seen[0].order : 0, i};
        for (size_t k = 0; k < call->seen_count; k++)
            if (call->seen[k].mark > 0)
                (*marks)[count++] = (struct marked){call->seen[k].mark, call->seen[k].order, i};
    }
    qsort(*marks, count, sizeof **marks, compare_marked);
    return count;
}

/* Two answers to one key are found by their key. */
static bool both_answers(const struct history *history, const struct marked *a, const struct marked *b)
{
    const struct prove_call *x = &history->calls[a->call], *y = &history->calls[b->call];
    return x->op == PROVE_PLACE && y->op == PROVE_PLACE && x->key >= 0 && x->key == y->key;
}

static void report_twice(const struct history *history, const struct marked *marks, size_t count, size_t one,
                         size_t two, struct verdict *verdict)
{
    struct finding *finding = add_finding(verdict, FINDING_TWICE, marks[two].order);
    if (finding == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (history->calls[marks[i].call].op == PROVE_PLACE)
            add_call(finding, marks[i].call);
    add_call(finding, marks[one].call);
    add_call(finding, marks[two].call);
    finding->last = marks[two].call;
}

/* marks of one placing. */
static void judge_mark(const struct history *history, const struct marked *marks, size_t count,
                       struct verdict *verdict)
{
    size_t one = count;
    for (size_t i = 0; i < count; i++) {
        if (marks[i].order == 0)
            continue;
        if (one == count)
            one = i;
        if (marks[i].order != marks[one].order && !both_answers(history, &marks[one], &marks[i])) {
            report_twice(history, marks, count, one, i, verdict);
            return;
        }
    }
}

static void judge_marks(const struct history *history, struct verdict *verdict)
{
    struct marked *marks;
    size_t count = find_marks(history, &marks);
    for (size_t at = 0, end; at < count; at = end) {
        for (end = at + 1; end < count && marks[end].mark == marks[at].mark;)
            end++;
        judge_mark(history, marks + at, end - at, verdict);
    }
    free(marks);
}

/* ---- all ---- */

static bool *find_callers(const struct history *history)
{
    bool *callers = mem_array(history->texts.count + 1, sizeof *callers);
    for (size_t i = 0; i < history->count; i++)
        if (history->calls[i].taker >= 0)
            callers[history->calls[i].taker] = true;
    return callers;
}

void judge(const struct history *history, struct verdict *verdict)
{
    struct steps steps;
    struct ownership ownership = {history, find_callers(history)};
    *verdict = (struct verdict){.count = 0};
    steps_of(history, &steps);
    judge_keys(history, verdict);
    judge_marks(history, verdict);
    judge_orders(&ownership, &steps, verdict);
    steps_fini(&steps);
    free(ownership.callers);
}

bool judge_has_something(const struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        if (history->calls[i].answer == PROVE_DONE && history->calls[i].op != PROVE_READ &&
            history->calls[i].op != PROVE_LIST)
            return true;
    return false;
}
