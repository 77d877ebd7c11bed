/* Calls in an array; texts in another, found by their hash. */
#include <config.h>

#include "prove/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

void history_init(struct history *history)
{
    *history = (struct history){.calls = NULL};
}

void history_fini(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        free(history->calls[i].seen);
    free(history->calls);
    for (size_t i = 0; i < history->texts.count; i++)
        free(history->texts.texts[i]);
    free(history->texts.texts);
    free(history->texts.places);
    history_init(history);
}

/* ---- texts ---- */

/* Where the text is, or where it belongs. */
static size_t place_of(const struct history_texts *texts, struct slice text)
{
    size_t at = (size_t)hash_bytes(text, 0) & (texts->place_count - 1);
    while (texts->places[at] >= 0 && !slice_equal(slice_of(texts->texts[texts->places[at]]), text))
        at = (at + 1) & (texts->place_count - 1);
    return at;
}

static void grow(struct history_texts *texts)
{
    texts->place_count = texts->place_count > 0 ? texts->place_count * 2 : 256;
    texts->places = mem_resize(texts->places, texts->place_count * sizeof *texts->places);
    for (size_t i = 0; i < texts->place_count; i++)
        texts->places[i] = -1;
    for (size_t i = 0; i < texts->count; i++)
        texts->places[place_of(texts, slice_of(texts->texts[i]))] = (int)i;
}

int history_text(struct history *history, struct slice text)
{
    struct history_texts *texts = &history->texts;
    if (texts->count * 2 >= texts->place_count)
        grow(texts);
    size_t place = place_of(texts, text);
    if (texts->places[place] >= 0)
        return texts->places[place];
    if (texts->count == texts->room) {
        texts->room = texts->room > 0 ? texts->room * 2 : 64;
        texts->texts = mem_resize(texts->texts, texts->room * sizeof *texts->texts);
    }
    texts->texts[texts->count] = mem_dup_n(text.ptr, text.len);
    texts->places[place] = (int)texts->count;
    return (int)texts->count++;
}

const char *history_name(const struct history *history, int text)
{
    return text >= 0 ? history->texts.texts[text] : "nobody";
}

/* ---- calls ---- */

size_t history_begin(struct history *history, const struct prove_call *call)
{
    if (history->count == history->room) {
        history->room = history->room > 0 ? history->room * 2 : 1024;
        history->calls = mem_resize(history->calls, history->room * sizeof *history->calls);
    }
    history->calls[history->count] = *call;
    history->calls[history->count].answer = PROVE_UNKNOWN;
    history->calls[history->count].end = -1;
    return history->count++;
}

void history_set_seen(struct prove_call *call, const struct prove_seen *seen, size_t count)
{
    free(call->seen);
    call->seen = count > 0 ? mem_array(count, sizeof *seen) : NULL;
    call->seen_count = count;
    if (count > 0)
        memcpy(call->seen, seen, count * sizeof *seen);
}

/* ---- words of the file ---- */

const char *prove_op_name(enum prove_op op)
{
    static const char *const names[PROVE_OPS] = {
        [PROVE_PLACE] = "place",     [PROVE_TAKE] = "take",   [PROVE_RELEASE] = "release",
        [PROVE_DELIVER] = "deliver", [PROVE_CLAIM] = "claim", [PROVE_READ] = "read",
        [PROVE_LIST] = "list"};
    return names[op];
}

const char *prove_answer_name(enum prove_answer answer)
{
    static const char *const names[PROVE_ANSWERS] = {
        [PROVE_UNKNOWN] = "unknown",     [PROVE_DONE] = "done",       [PROVE_TAKEN] = "taken",
        [PROVE_OCCUPIED] = "occupied",   [PROVE_MISSING] = "missing", [PROVE_FREE] = "free",
        [PROVE_DELIVERED] = "delivered", [PROVE_HELD] = "held",       [PROVE_STALE] = "stale",
        [PROVE_UNCHANGED] = "unchanged", [PROVE_REFUSED] = "refused", [PROVE_UNSENT] = "unsent"};
    return names[answer];
}

const char *prove_status_name(enum prove_status status)
{
    static const char *const names[] = {[PROVE_ABSENT] = "absent",
                                        [PROVE_IS_FREE] = "UNASSIGNED",
                                        [PROVE_IS_TAKEN] = "TAKEN",
                                        [PROVE_IS_DELIVERED] = "DELIVERED"};
    return names[status];
}
