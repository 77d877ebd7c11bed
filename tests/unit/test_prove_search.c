/* prove/search and prove/register: histories of one order, made by a server of this test's own, and with one
 * answer made wrong; what the search says is what trying all orders of the calls says. */
#include <config.h>

#include "unit.h"

#include "base/clock.h"
#include "prove/search.h"

#define CALLS_MAX 7
#define TAKERS 3
#define ROUNDS 40000

/* ---- dice that fall the same each time ---- */

static uint64_t state = 4711;

static int roll(int sides)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (int)((state * UINT64_C(2685821657736338717) >> 33) % (uint64_t)sides);
}

/* ---- a server, said once more ---- */

struct server {
    bool placed;
    char status; /* F, T, D */
    int holder, releaser;
    int64_t claim;
};

static enum prove_answer serve_take(struct server *server, struct prove_step *step)
{
    if (!server->placed)
        return PROVE_MISSING;
    if (server->status == 'D' || (server->status == 'T' && server->holder != step->taker))
        return PROVE_TAKEN;
    if (server->status == 'F') {
        server->status = 'T';
        server->holder = step->taker;
        server->releaser = PROVE_NOBODY;
        server->claim++;
    }
    step->claim = roll(2) == 0 ? server->claim : 0; /* told or not */
    return PROVE_DONE;
}

static enum prove_answer serve_end(struct server *server, struct prove_step *step, bool deliver)
{
    if (!server->placed)
        return PROVE_MISSING;
    if (server->status == 'T' && server->holder == step->taker) {
        server->status = deliver ? 'D' : 'F';
        server->releaser = deliver ? PROVE_NOBODY : step->taker;
        return PROVE_DONE;
    }
    if (server->status == 'T') {
        step->holder = server->holder;
        return PROVE_HELD;
    }
    if (server->status == 'D')
        return deliver && server->holder == step->taker ? PROVE_DONE : PROVE_DELIVERED;
    return !deliver && server->releaser == step->taker ? PROVE_DONE : PROVE_FREE;
}

static enum prove_answer serve_read(const struct server *server, struct prove_step *step)
{
    step->seen = (struct prove_seen){.order = 1, .taker = PROVE_UNSAID, .claim = PROVE_UNSAID};
    if (!server->placed)
        return PROVE_DONE; /* absent */
    step->seen.status = server->status == 'F'   ? PROVE_IS_FREE
                        : server->status == 'T' ? PROVE_IS_TAKEN
                                                : PROVE_IS_DELIVERED;
    if (roll(2) == 0) {
        step->seen.taker = server->status == 'F' ? PROVE_NOBODY : server->holder;
        step->seen.claim = server->claim;
    }
    return PROVE_DONE;
}

static enum prove_answer serve_any(struct server *server, struct prove_step *step)
{
    switch (step->op) {
    case PROVE_PLACE:
        server->placed = true;
        server->status = 'F';
        server->releaser = server->holder = PROVE_NOBODY;
        return PROVE_DONE;
    case PROVE_TAKE:
        return serve_take(server, step);
    case PROVE_READ:
        return serve_read(server, step);
    default:
        return serve_end(server, step, step->op == PROVE_DELIVER);
    }
}

/* ---- histories ---- */

static enum prove_deed deed_of(const struct prove_step *step)
{
    static const enum prove_deed deeds[PROVE_OPS] = {[PROVE_PLACE] = DEED_PLACE,
                                                     [PROVE_TAKE] = DEED_TAKE,
                                                     [PROVE_RELEASE] = DEED_RELEASE,
                                                     [PROVE_DELIVER] = DEED_DELIVER,
                                                     [PROVE_READ] = DEED_LOOK};
    return step->answer == PROVE_DONE || step->answer == PROVE_UNKNOWN ? deeds[step->op] : DEED_LOOK;
}

/* Its answer is lost: whatever it has done, if anything. */
static void lose(struct prove_step *step)
{
    step->answer = PROVE_UNKNOWN;
    step->end = PROVE_NEVER;
    step->claim = 0;
}

static int by_begin(const void *a, const void *b)
{
    const struct prove_step *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static size_t make(struct prove_step *steps)
{
    static const enum prove_op ops[] = {PROVE_TAKE,    PROVE_TAKE,    PROVE_TAKE, PROVE_RELEASE,
                                        PROVE_RELEASE, PROVE_DELIVER, PROVE_READ};
    size_t count = 2 + (size_t)roll(CALLS_MAX - 1);
    struct server server = {.holder = PROVE_NOBODY, .releaser = PROVE_NOBODY};
    for (size_t i = 0; i < count; i++) {
        int64_t moment = 100 + (int64_t)i * 10;
        steps[i] = (struct prove_step){.op = i == 0 ? PROVE_PLACE : ops[roll(COUNT(ops))],
                                       .taker = roll(TAKERS),
                                       .holder = PROVE_NOBODY,
                                       .begin = moment - roll(35),
                                       .end = moment + 1 + roll(35),
                                       .call = i};
        bool lost = i > 0 && steps[i].op != PROVE_READ && roll(5) == 0;
        if (!lost || roll(2) == 0)
            steps[i].answer = serve_any(&server, &steps[i]);
        if (lost)
            lose(&steps[i]);
        steps[i].deed = deed_of(&steps[i]);
    }
    qsort(steps, count, sizeof *steps, by_begin);
    return count;
}

static void spoil(struct prove_step *step)
{
    static const enum prove_answer answers[] = {PROVE_DONE,      PROVE_TAKEN, PROVE_FREE,
                                                PROVE_DELIVERED, PROVE_HELD,  PROVE_MISSING};
    if (step->op == PROVE_READ) {
        step->seen.status = (enum prove_status)roll(4);
        return;
    }
    if (step->end == PROVE_NEVER || step->op == PROVE_PLACE)
        return;
    if (roll(4) == 0 && step->claim > 0) {
        step->claim++;
        return;
    }
    step->answer = answers[roll(COUNT(answers))];
    step->holder = roll(TAKERS);
    step->claim = 0;
    step->deed = deed_of(step);
}

/* ---- all orders ---- */

static bool try_all(const struct prove_step *steps, size_t count, unsigned left,
                    const struct prove_state *from)
{
    int64_t first_end = PROVE_NEVER;
    bool needed = false;
    for (size_t i = 0; i < count; i++)
        if ((left >> i & 1) != 0 && steps[i].end != PROVE_NEVER) {
            needed = true;
            first_end = steps[i].end < first_end ? steps[i].end : first_end;
        }
    if (!needed)
        return true;
    for (size_t i = 0; i < count; i++) {
        struct prove_state next;
        if ((left >> i & 1) != 0 && steps[i].begin <= first_end && prove_apply(from, &steps[i], &next) &&
            try_all(steps, count, left & ~(1u << i), &next))
            return true;
    }
    return false;
}

static bool is_possible(const struct prove_step *steps, size_t count)
{
    struct prove_state absent = prove_state_absent();
    return try_all(steps, count, (1u << count) - 1, &absent);
}

static void show(const struct prove_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print_message("%s by %d, %lld to %lld: %s, holder %d, claim %lld, seen %s\n",
                      prove_op_name(steps[i].op), steps[i].taker, (long long)steps[i].begin,
                      steps[i].end == PROVE_NEVER ? -1LL : (long long)steps[i].end,
                      prove_answer_name(steps[i].answer), steps[i].holder, (long long)steps[i].claim,
                      prove_status_name(steps[i].seen.status));
}

/* ---- tests ---- */

static void what_a_server_did_is_possible(void **unused)
{
    (void)unused;
    struct prove_step steps[CALLS_MAX + 1];
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = make(steps);
        if (search_order(steps, count).verdict != SEARCH_POSSIBLE ||
            search_loosely(steps, count).verdict != SEARCH_POSSIBLE) {
            show(steps, count);
            fail_msg("round %d: it is said that this cannot be", round);
        }
    }
}

static void a_wrong_answer_is_found_when_no_order_explains_it(void **unused)
{
    (void)unused;
    struct prove_step steps[CALLS_MAX + 1];
    int found = 0, passed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = make(steps);
        spoil(&steps[roll((int)count)]);
        bool possible = is_possible(steps, count);
        enum search_verdict verdict = search_order(steps, count).verdict;
        if (verdict != (possible ? SEARCH_POSSIBLE : SEARCH_IMPOSSIBLE)) {
            show(steps, count);
            fail_msg("round %d: it is %s", round, possible ? "possible" : "impossible");
        }
        /* loosely less is found, but nothing that is possible */
        if (possible && search_loosely(steps, count).verdict != SEARCH_POSSIBLE) {
            show(steps, count);
            fail_msg("round %d: loosely it is said that this cannot be", round);
        }
        found += !possible;
        passed += possible;
    }
    assert_true(found > ROUNDS / 20);
    assert_true(passed > ROUNDS / 20);
}

static struct prove_step taken(int taker, int64_t begin, int64_t end)
{
    return (struct prove_step){.deed = DEED_TAKE,
                               .op = PROVE_TAKE,
                               .answer = PROVE_DONE,
                               .taker = taker,
                               .holder = PROVE_NOBODY,
                               .begin = begin,
                               .end = end};
}

static struct prove_step placed(void)
{
    return (struct prove_step){.deed = DEED_PLACE,
                               .op = PROVE_PLACE,
                               .answer = PROVE_DONE,
                               .taker = PROVE_NOBODY,
                               .holder = PROVE_NOBODY,
                               .begin = 0,
                               .end = 1};
}

static void two_winners_are_found(void **unused)
{
    (void)unused;
    struct prove_step steps[] = {placed(), taken(0, 10, 20), taken(1, 15, 25)};
    struct search_result result = search_order(steps, COUNT(steps));
    assert_int_equal(result.verdict, SEARCH_IMPOSSIBLE);
    assert_int_equal(result.at, 2);
}

static struct prove_step leased(int taker, int64_t begin_ms, int64_t end_ms, int64_t seconds, int64_t claim,
                                int64_t until_ms)
{
    struct prove_step step = taken(taker, begin_ms * CLOCK_MS, end_ms * CLOCK_MS);
    step.lease = seconds * CLOCK_SECOND;
    step.claim = claim;
    step.until = until_ms * 1000;
    return step;
}

static void a_lease_that_has_ended_may_be_anothers(void **unused)
{
    (void)unused;
    struct prove_step steps[] = {placed(), leased(0, 10, 20, 1, 1, 50000),
                                 leased(1, 1005, 1030, 1, 2, 51010)};
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_POSSIBLE);
}

static void a_lease_that_cannot_have_ended_may_not(void **unused)
{
    (void)unused;
    struct prove_step steps[] = {placed(), leased(0, 10, 20, 1, 1, 0), leased(1, 800, 900, 1, 2, 0)};
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_IMPOSSIBLE);
}

static void the_clock_of_the_database_counts_as_well(void **unused)
{
    (void)unused;
    /* by our clock it has ended, but the next one was got before the end that was told */
    struct prove_step steps[] = {placed(), leased(0, 10, 20, 1, 1, 52000),
                                 leased(1, 1005, 1030, 1, 2, 51010)};
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_IMPOSSIBLE);
}

static void an_extension_moves_the_end(void **unused)
{
    (void)unused;
    struct prove_step steps[] = {placed(), leased(0, 10, 20, 1, 1, 50000), leased(0, 500, 510, 1, 1, 50490),
                                 leased(1, 1100, 1110, 1, 2, 51100)};
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_IMPOSSIBLE);
    steps[3] = leased(1, 1500, 1510, 1, 2, 51500);
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_POSSIBLE);
}

static void a_lease_that_is_over_may_still_be_read(void **unused)
{
    (void)unused;
    struct prove_step steps[] = {placed(),
                                 leased(0, 10, 20, 1, 1, 50000),
                                 {.deed = DEED_LOOK,
                                  .op = PROVE_RELEASE,
                                  .answer = PROVE_FREE,
                                  .taker = 0,
                                  .holder = PROVE_NOBODY,
                                  .begin = 1100 * CLOCK_MS,
                                  .end = 1110 * CLOCK_MS},
                                 {.deed = DEED_LOOK,
                                  .op = PROVE_READ,
                                  .answer = PROVE_DONE,
                                  .taker = PROVE_NOBODY,
                                  .holder = PROVE_NOBODY,
                                  .begin = 1200 * CLOCK_MS,
                                  .end = 1210 * CLOCK_MS,
                                  .seen = {.order = 1, .status = PROVE_IS_TAKEN, .taker = 0, .claim = 1}}};
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_POSSIBLE);
    steps[3].seen.taker = 1;
    assert_int_equal(search_order(steps, COUNT(steps)).verdict, SEARCH_IMPOSSIBLE);
}

#define MANY 100000

/* One after the other: takes and releases by turns, with refusals and reads around. */
static size_t make_many(struct prove_step *steps, size_t lost_every)
{
    size_t count = 0;
    int64_t now = 10;
    int taker = 0;
    steps[count++] = placed();
    while (count + 8 < MANY) {
        bool lost = lost_every > 0 && count % lost_every < 8;
        taker = (taker + 1) % 50;
        steps[count++] = taken(taker, now, now + 4);
        for (int i = 1; i < 6; i++) {
            steps[count] = taken((taker + i) % 50, now + 1, now + 12);
            steps[count].deed = DEED_LOOK;
            steps[count++].answer = PROVE_TAKEN;
        }
        steps[count] = taken(taker, now + 13, now + 15);
        steps[count].deed = DEED_RELEASE;
        steps[count++].op = PROVE_RELEASE;
        if (lost) {
            steps[count] = taken((taker + 7) % 50, now + 16, PROVE_NEVER);
            steps[count++].answer = PROVE_UNKNOWN;
        }
        now += 20;
    }
    return count;
}

static void a_hundred_thousand_calls_take_seconds(void **unused)
{
    (void)unused;
    struct prove_step *steps = calloc(MANY, sizeof *steps);
    for (size_t lost_every = 0; lost_every <= 16; lost_every += 16) {
        size_t count = make_many(steps, lost_every);
        int64_t began = clock_now();
        assert_int_equal(search_order(steps, count).verdict, SEARCH_POSSIBLE);
        if (clock_now() - began > 60 * CLOCK_SECOND)
            fail_msg("%zu calls took %.1f s", count, (double)(clock_now() - began) / (double)CLOCK_SECOND);
        /* one winner too many, near the end */
        size_t at = count - 20;
        while (steps[at].deed != DEED_LOOK)
            at--;
        steps[at].deed = DEED_TAKE;
        steps[at].answer = PROVE_DONE;
        assert_int_equal(search_order(steps, count).verdict, SEARCH_IMPOSSIBLE);
    }
    free(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_did_is_possible),
        cmocka_unit_test(a_wrong_answer_is_found_when_no_order_explains_it),
        cmocka_unit_test(two_winners_are_found),
        cmocka_unit_test(a_lease_that_has_ended_may_be_anothers),
        cmocka_unit_test(a_lease_that_cannot_have_ended_may_not),
        cmocka_unit_test(the_clock_of_the_database_counts_as_well),
        cmocka_unit_test(an_extension_moves_the_end),
        cmocka_unit_test(a_lease_that_is_over_may_still_be_read),
        cmocka_unit_test(a_hundred_thousand_calls_take_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
