/* tally_print -> print_line, for each kind of call -> count. */
#include <config.h>

#include "prove/tally.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct tally {
    size_t calls, done, refused, unchanged, unknown;
    int64_t *times; /* of answers */
    size_t time_count;
};

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void count_call(struct tally *tally, const struct prove_call *call)
{
    tally->calls++;
    if (call->answer == PROVE_DONE)
        tally->done++;
    else if (call->answer == PROVE_UNKNOWN)
        tally->unknown++;
    else if (call->answer == PROVE_UNCHANGED || call->answer == PROVE_UNSENT)
        tally->unchanged++;
    else
        tally->refused++;
    if (call->code != 0 && call->end >= call->begin)
        tally->times[tally->time_count++] = call->end - call->begin;
}

/* The smallest that so many of a thousand do not exceed (nearest rank), in milliseconds. */
static double at(const struct tally *tally, size_t thousandth)
{
    size_t rank = (tally->time_count * thousandth + 999) / 1000;
    return tally->time_count == 0 ? 0 : (double)tally->times[rank > 0 ? rank - 1 : 0] / (double)CLOCK_MS;
}

static void print_line(const struct history *history, int op, FILE *out)
{
    struct tally tally = {.times = mem_array(history->count + 1, sizeof *tally.times)};
    for (size_t i = 0; i < history->count; i++)
        if (op == PROVE_OPS || (int)history->calls[i].op == op)
            count_call(&tally, &history->calls[i]);
    qsort(tally.times, tally.time_count, sizeof *tally.times, compare_times);
    if (tally.calls > 0)
        fprintf(out, "%-8s %8zu %8zu %8zu %9zu %8zu %8.1f %8.1f %8.1f %8.1f\n",
                op == PROVE_OPS ? "all" : prove_op_name((enum prove_op)op), tally.calls, tally.done,
                tally.refused, tally.unchanged, tally.unknown, at(&tally, 500), at(&tally, 900),
                at(&tally, 990), at(&tally, 1000));
    free(tally.times);
}

void tally_print(const struct history *history, FILE *out)
{
    fprintf(out, "%-8s %8s %8s %8s %9s %8s %8s %8s %8s %8s\n", "", "calls", "done", "refused", "unchanged",
            "unknown", "p50 ms", "p90 ms", "p99 ms", "max ms");
    for (int op = 0; op <= PROVE_OPS; op++)
        print_line(history, op, out);
}
