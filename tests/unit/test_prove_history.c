/* prove/history_file and prove/judge: files of histories, good, bad and malformed; what is said of them. */
#include <config.h>

#include "unit.h"

#include <unistd.h>

#include "prove/history_file.h"
#include "prove/judge.h"
#include "prove/picture.h"
#include "prove/words.h"

#define HEAD "{\"rowlock\":\"history\",\"version\":1}\n"

static char path[64];

static int make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/rowlock-test-history-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* What is found, one finding a line; "" for nothing. To be freed. */
static char *judged(const char *text)
{
    struct history history;
    struct verdict verdict;
    struct buf out = BUF_INIT(WORDS_MAX);
    char *error, *note;
    put(text);
    history_init(&history);
    if (!history_read(&history, path, &error, &note))
        fail_msg("%s", error);
    free(note);
    judge(&history, &verdict);
    for (size_t i = 0; i < verdict.count; i++)
        words_add_finding(&out, &history, &verdict.findings[i]);
    char *words = strdup(out.len > 0 ? buf_text(&out) : "");
    buf_fini(&out);
    verdict_fini(&verdict);
    history_fini(&history);
    return words;
}

static void finds(const char *text, const char *headline, int lines)
{
    char *words = judged(text);
    int count = 0;
    for (const char *c = words; *c != '\0'; c++)
        count += *c == '\n';
    if (strstr(words, headline) == NULL || (lines > 0 && count != lines))
        fail_msg("%s\nis not what was to be found: %s, in %d lines", words, headline, lines);
    free(words);
}

static void finds_nothing(const char *text)
{
    char *words = judged(text);
    if (words[0] != '\0')
        fail_msg("%s", words);
    free(words);
}

/* ---- histories by hand ---- */

#define PLACED                                                                                               \
    HEAD "{\"call\":1,\"at\":0,\"client\":1,\"op\":\"place\",\"key\":\"k1\",\"mark\":1}\n"                   \
         "{\"end\":1,\"at\":10,\"code\":200,\"answer\":\"done\","                                            \
         "\"orders\":[{\"id\":7,\"status\":\"UNASSIGNED\"}]}\n"
#define TAKE(number, begin, taker)                                                                           \
    "{\"call\":" #number ",\"at\":" #begin ",\"client\":1,\"op\":\"take\",\"order\":7,\"taker\":\"" taker    \
    "\"}\n"
#define RELEASE(number, begin, taker)                                                                        \
    "{\"call\":" #number ",\"at\":" #begin ",\"client\":1,\"op\":\"release\",\"order\":7,\"taker\":\"" taker \
    "\"}\n"
#define READ(number, begin)                                                                                  \
    "{\"call\":" #number ",\"at\":" #begin ",\"client\":1,\"op\":\"read\",\"order\":7}\n"
#define TOLD(number, end, answer)                                                                            \
    "{\"end\":" #number ",\"at\":" #end ",\"code\":200,\"answer\":\"" answer "\"}\n"
#define SEEN(number, end, rest)                                                                              \
    "{\"end\":" #number ",\"at\":" #end ",\"code\":200,\"answer\":\"done\",\"orders\":[{\"id\":7," rest      \
    "}]}\n"

static void a_race_with_one_winner_is_right(void **state)
{
    (void)state;
    finds_nothing(PLACED TAKE(2, 20, "ann") TAKE(3, 21, "bob") TOLD(3, 30, "done") TOLD(2, 31, "taken"));
}

static void two_winners_are_shown_with_no_more_than_their_calls(void **state)
{
    (void)state;
    finds(PLACED TAKE(2, 12, "cid") TOLD(2, 13, "done") RELEASE(3, 14, "cid") TOLD(3, 15, "done") READ(4, 16)
              SEEN(4, 17, "\"status\":\"UNASSIGNED\"") TAKE(5, 20, "ann") TAKE(6, 21, "bob")
                  TOLD(5, 30, "done") TOLD(6, 31, "done") READ(7, 40) SEEN(7, 41, "\"status\":\"TAKEN\""),
          "order 7 was in the hands of two at a time", 4);
}

static void a_lost_answer_may_have_happened_or_not(void **state)
{
    (void)state;
    finds_nothing(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "unknown") TAKE(3, 40, "bob") TOLD(3, 50, "taken"));
    finds_nothing(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "unknown") TAKE(3, 40, "bob") TOLD(3, 50, "done"));
    /* it happens late, after all others */
    finds_nothing(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "unknown") TAKE(3, 40, "bob") TOLD(3, 50, "done")
                      RELEASE(4, 60, "bob") TOLD(4, 70, "done") TAKE(5, 80, "bob") TOLD(5, 90, "taken"));
    /* but not twice */
    finds(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "unknown") TAKE(3, 40, "bob") TOLD(3, 50, "taken")
              RELEASE(4, 60, "ann") TOLD(4, 70, "done") TAKE(5, 80, "bob") TOLD(5, 90, "taken"),
          "order 7 has answers that contradict one another", 0);
}

static void a_call_that_never_ended_may_have_happened(void **state)
{
    (void)state;
    finds_nothing(PLACED TAKE(2, 20, "ann") TAKE(3, 40, "bob") TOLD(3, 50, "taken"));
}

static void nothing_was_changed_is_believed_and_checked(void **state)
{
    (void)state;
    finds(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "unchanged") TAKE(3, 40, "bob") TOLD(3, 50, "taken"),
          "order 7 was changed by a call that was told that nothing was changed", 4);
    finds_nothing(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "unchanged") TAKE(3, 40, "bob") TOLD(3, 50, "done"));
}

static void an_old_read_is_found(void **state)
{
    (void)state;
    finds(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "done") READ(3, 40) SEEN(3, 50, "\"status\":\"UNASSIGNED\""),
          "is not, or no longer, what had been told", 4);
    finds_nothing(PLACED TAKE(2, 20, "ann") READ(3, 25) TOLD(2, 30, "done")
                      SEEN(3, 50, "\"status\":\"UNASSIGNED\",\"taker\":null,\"claim\":0"));
}

static void what_was_placed_and_is_gone_is_found(void **state)
{
    (void)state;
    finds(PLACED READ(2, 20) TOLD(2, 30, "missing"), "was acknowledged, and then is not there", 4);
    finds(PLACED "{\"call\":2,\"at\":20,\"op\":\"list\",\"before\":100,\"limit\":10}\n"
                 "{\"end\":2,\"at\":30,\"code\":200,\"answer\":\"done\","
                 "\"orders\":[{\"id\":9,\"status\":\"TAKEN\"},{\"id\":3,\"status\":\"TAKEN\"}]}\n",
          "was acknowledged, and then is not there", 4);
    /* the list does not reach so far */
    finds_nothing(PLACED "{\"call\":2,\"at\":20,\"op\":\"list\",\"before\":100,\"limit\":2}\n"
                         "{\"end\":2,\"at\":30,\"code\":200,\"answer\":\"done\","
                         "\"orders\":[{\"id\":12,\"status\":\"TAKEN\"},{\"id\":9,\"status\":\"TAKEN\"}]}\n");
}

static void a_claim_number_that_does_not_grow_is_found(void **state)
{
    (void)state;
    finds(PLACED TAKE(
              2, 20,
              "ann") "{\"end\":2,\"at\":30,\"code\":200,\"answer\":\"done\",\"claim\":1}\n" RELEASE(3, 40,
                                                                                                    "ann")
              TOLD(3, 50, "done")
                  TAKE(4, 60, "bob") "{\"end\":4,\"at\":70,\"code\":200,\"answer\":\"done\",\"claim\":1}\n",
          "VIOLATED", 0);
}

static void one_key_has_one_answer(void **state)
{
    (void)state;
    finds(PLACED "{\"call\":2,\"at\":20,\"op\":\"place\",\"key\":\"k1\",\"mark\":1}\n"
                 "{\"end\":2,\"at\":30,\"code\":200,\"answer\":\"done\","
                 "\"orders\":[{\"id\":8,\"status\":\"UNASSIGNED\"}]}\n",
          "the same Idempotency-Key was given two answers", 3);
    /* the second one was never answered, and is in the list */
    finds(PLACED "{\"call\":2,\"at\":20,\"op\":\"place\",\"key\":\"k1\",\"mark\":1}\n"
                 "{\"call\":3,\"at\":40,\"op\":\"read\",\"order\":8}\n"
                 "{\"end\":3,\"at\":50,\"code\":200,\"answer\":\"done\","
                 "\"orders\":[{\"id\":8,\"status\":\"UNASSIGNED\",\"mark\":1}]}\n",
          "the same key placed twice", 4);
}

static void a_claim_gets_what_is_free(void **state)
{
    (void)state;
#define CLAIM(number, begin, taker)                                                                          \
    "{\"call\":" #number ",\"at\":" #begin ",\"op\":\"claim\",\"taker\":\"" taker "\",\"key\":\"" taker      \
    "\"}\n"
    finds_nothing(PLACED CLAIM(2, 20, "ann")
                      SEEN(2, 30, "\"status\":\"TAKEN\",\"taker\":\"ann\",\"claim\":1"));
    finds(PLACED CLAIM(2, 20, "ann") SEEN(2, 30, "\"status\":\"TAKEN\",\"taker\":\"ann\",\"claim\":1")
              CLAIM(3, 40, "bob") SEEN(3, 50, "\"status\":\"TAKEN\",\"taker\":\"bob\",\"claim\":2"),
          "order 7 was in the hands of two at a time", 4);
    /* a claim without an answer may have got it */
    finds_nothing(PLACED CLAIM(2, 20, "ann") TOLD(2, 30, "unknown") TAKE(3, 40, "bob") TOLD(3, 50, "taken"));
    finds(PLACED CLAIM(2, 20, "ann") TOLD(2, 30, "unchanged") TAKE(3, 40, "bob") TOLD(3, 50, "taken"),
          "was told that nothing was changed", 0);
}

static void orders_of_strangers_are_not_judged(void **state)
{
    (void)state;
    finds_nothing(PLACED TAKE(2, 20, "ann") TOLD(2, 30, "taken") READ(3, 40)
                      SEEN(3, 50, "\"status\":\"TAKEN\",\"taker\":\"somebody\""));
}

static void a_finding_is_drawn(void **state)
{
    (void)state;
    struct history history;
    struct verdict verdict;
    struct buf picture = BUF_INIT(PICTURE_MAX);
    char *error, *note;
    put(PLACED TAKE(2, 20, "a<b&c") TAKE(3, 21, "bob") TOLD(2, 30, "done") TOLD(3, 31, "done"));
    history_init(&history);
    assert_true(history_read(&history, path, &error, &note));
    judge(&history, &verdict);
    assert_int_equal(verdict.count, 1);
    picture_write(&picture, &history, &verdict.findings[0]);
    const char *text = buf_text(&picture);
    assert_non_null(strstr(text, "<svg xmlns="));
    assert_non_null(strstr(text, "a&lt;b&amp;c takes order 7: SUCCESS"));
    assert_null(strstr(text, "a<b"));
    assert_non_null(strstr(text, "</svg>"));
    buf_fini(&picture);
    verdict_fini(&verdict);
    history_fini(&history);
}

/* ---- the file ---- */

static void refused(const char *text, const char *why)
{
    struct history history;
    char *error = NULL, *note = NULL;
    put(text);
    history_init(&history);
    bool read = history_read(&history, path, &error, &note);
    history_fini(&history);
    if (read || strncmp(error, path, strlen(path)) != 0 || strcmp(error + strlen(path), why) != 0)
        fail_msg("%s\nis answered with %s, not with %s", text, read ? "nothing" : error, why);
    free(error);
    free(note);
}

static void what_is_malformed_is_refused_by_line_and_member(void **state)
{
    (void)state;
    refused("", ": it is empty, and no history");
    refused("{\"rowlock\":\"story\",\"version\":1}\n", ":1: rowlock must be \"history\"");
    refused("{\"rowlock\":\"history\",\"version\":2}\n", ":1: version must be 1");
    refused("{\"rowlock\":\"history\"}\n", ":1: version is missing");
    refused(HEAD "[]\n", ":2: it must be an object");
    refused(HEAD "{\"call\":1,\"at\":1,\"op\":\"take\",\"taker\":\"a\"}\n", ":2: order is missing");
    refused(HEAD "{\"call\":1,\"at\":1,\"op\":\"take\",\"order\":1}\n", ":2: taker is missing");
    refused(HEAD "{\"call\":1,\"at\":1,\"op\":\"steal\",\"order\":1}\n",
            ":2: op is \"steal\", which is none of those that there are");
    refused(HEAD "{\"call\":1,\"at\":\"1\",\"op\":\"read\",\"order\":1}\n",
            ":2: at must be an integer from 0 to 2305843009213693951");
    refused(HEAD "{\"call\":1,\"at\":1,\"op\":\"read\",\"order\":0}\n",
            ":2: order must be an integer from 1 to 9223372036854775807");
    refused(HEAD "{\"call\":1,\"at\":1,\"op\":\"read\",\"order\":1,\"mood\":1}\n",
            ":2: mood is no member of this line");
    refused(HEAD READ(2, 5) READ(2, 6), ":3: call must be greater than that of the call before");
    refused(HEAD READ(2, 5) READ(3, 4), ":3: at must not be less than that of the line before");
    refused(HEAD TOLD(9, 5, "done"), ":2: end must be the number of a call that has begun and not ended");
    refused(HEAD READ(2, 5) TOLD(2, 6, "done") TOLD(2, 7, "done"), ":3: orders must hold one order");
    refused(HEAD READ(2, 5) TOLD(2, 6, "odd"),
            ":3: answer is \"odd\", which is none of those that there are");
    refused(HEAD READ(2, 5) TOLD(2, 6, "held"), ":3: holder is missing");
    refused(HEAD READ(2, 5) SEEN(2, 6, "\"status\":\"LOST\""),
            ":3: orders: status is \"LOST\", which is none of those that there are");
    refused(HEAD "{\"call\":1,\n" READ(2, 5), ":2: it is no JSON");
}

static void a_last_line_that_is_cut_off_is_passed_over(void **state)
{
    (void)state;
    struct history history;
    char *error = NULL, *note = NULL;
    put(PLACED TAKE(2, 20, "ann") "{\"end\":2,\"at\":30,\"co");
    history_init(&history);
    assert_true(history_read(&history, path, &error, &note));
    assert_non_null(note);
    assert_non_null(strstr(note, ":5: the last line is cut off"));
    assert_int_equal(history.count, 2);
    assert_int_equal(history.calls[1].answer, PROVE_UNKNOWN);
    free(note);
    history_fini(&history);
}

/* What is written is what is read. */
static void a_history_is_written_and_read(void **state)
{
    (void)state;
    struct history history, copy;
    char *error = NULL, *note = NULL;
    history_init(&history);
    struct prove_call call = {.op = PROVE_CLAIM,
                              .number = 5,
                              .client = 3,
                              .begin = 17,
                              .order = 0,
                              .limit = 2,
                              .taker = history_text(&history, SLICE("ann")),
                              .holder = PROVE_NOBODY,
                              .key = history_text(&history, SLICE("k-1")),
                              .lease = 2};
    struct history_writer *writer = history_writer_new(path, "http://127.0.0.1:8080", 4711);
    size_t index = history_begin(&history, &call);
    history_write_begin(writer, &history, index);
    struct prove_seen seen[] = {{9, PROVE_IS_TAKEN, call.taker, 4, 1700000000123456, 3},
                                {10, PROVE_IS_FREE, PROVE_NOBODY, 0, 0, 0},
                                {11, PROVE_IS_DELIVERED, PROVE_UNSAID, PROVE_UNSAID, 0, 0}};
    history.calls[index].answer = PROVE_DONE;
    history.calls[index].end = 40;
    history.calls[index].code = 200;
    history_set_seen(&history.calls[index], seen, COUNT(seen));
    history_write_end(writer, &history, index);
    assert_true(history_writer_close(writer));
    history_init(&copy);
    if (!history_read(&copy, path, &error, &note))
        fail_msg("%s", error);
    assert_null(note);
    assert_int_equal(copy.count, 1);
    const struct prove_call *got = &copy.calls[0];
    assert_int_equal(got->op, PROVE_CLAIM);
    assert_int_equal(got->number, 5);
    assert_int_equal(got->client, 3);
    assert_int_equal(got->begin, 17);
    assert_int_equal(got->end, 40);
    assert_int_equal(got->limit, 2);
    assert_int_equal(got->lease, 2);
    assert_int_equal(got->code, 200);
    assert_string_equal(history_name(&copy, got->taker), "ann");
    assert_string_equal(history_name(&copy, got->key), "k-1");
    assert_int_equal(got->seen_count, COUNT(seen));
    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_int_equal(got->seen[i].order, seen[i].order);
        assert_int_equal(got->seen[i].status, seen[i].status);
        assert_int_equal(got->seen[i].claim, seen[i].claim);
        assert_int_equal(got->seen[i].until, seen[i].until);
        assert_int_equal(got->seen[i].mark, seen[i].mark);
    }
    assert_int_equal(got->seen[0].taker, got->taker);
    assert_int_equal(got->seen[1].taker, PROVE_NOBODY);
    assert_int_equal(got->seen[2].taker, PROVE_UNSAID);
    history_fini(&copy);
    history_fini(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_race_with_one_winner_is_right),
        cmocka_unit_test(two_winners_are_shown_with_no_more_than_their_calls),
        cmocka_unit_test(a_lost_answer_may_have_happened_or_not),
        cmocka_unit_test(a_call_that_never_ended_may_have_happened),
        cmocka_unit_test(nothing_was_changed_is_believed_and_checked),
        cmocka_unit_test(an_old_read_is_found),
        cmocka_unit_test(what_was_placed_and_is_gone_is_found),
        cmocka_unit_test(a_claim_number_that_does_not_grow_is_found),
        cmocka_unit_test(one_key_has_one_answer),
        cmocka_unit_test(a_claim_gets_what_is_free),
        cmocka_unit_test(orders_of_strangers_are_not_judged),
        cmocka_unit_test(a_finding_is_drawn),
        cmocka_unit_test(what_is_malformed_is_refused_by_line_and_member),
        cmocka_unit_test(a_last_line_that_is_cut_off_is_passed_over),
        cmocka_unit_test(a_history_is_written_and_read),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
