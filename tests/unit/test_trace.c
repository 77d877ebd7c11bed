/* trace/trace: which traceparent and tracestate are continued, and what is made of them. The cases are those of W3C Trace
 * Context sections 3.2 and 3.3, and of its test suite (github.com/w3c/trace-context). */
#include <config.h>

#include "unit.h"

#include "trace/trace.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void a_good_traceparent_is_continued(void **state)
{
    (void)state;
    static const struct {
        const char *parent;
        unsigned flags;
    } cases[] = {
        {"00-" ID "-" SPAN "-00", 0},
        {"00-" ID "-" SPAN "-01", TRACE_SAMPLED},
        {"00-" ID "-" SPAN "-02", TRACE_RANDOM},
        {"00-" ID "-" SPAN "-03", TRACE_SAMPLED | TRACE_RANDOM},
        {"00-" ID "-" SPAN "-ff", TRACE_SAMPLED | TRACE_RANDOM},
        {"00-" ID "-" SPAN "-fc", 0},
        {"01-" ID "-" SPAN "-01", TRACE_SAMPLED},
        {"cc-" ID "-" SPAN "-03", TRACE_SAMPLED}, /* nobody knows what its other flags mean */
        {"fe-" ID "-" SPAN "-01-what the future-brings", TRACE_SAMPLED},
        {"cc-" ID "-" SPAN "-01-", TRACE_SAMPLED},
        {"00-00000000000000000000000000000001-" SPAN "-01", TRACE_SAMPLED},
        {"00-" ID "-0000000000000001-01", TRACE_SAMPLED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trace trace;
        char id[TRACE_ID_SIZE], parent[TRACE_SPAN_SIZE], span[TRACE_SPAN_SIZE];
        if (!trace_continue(&trace, slice_of(cases[i].parent)))
            fail_msg("%s is not continued", cases[i].parent);
        trace_write_id(&trace, id);
        trace_write_span(trace.parent, parent);
        trace_write_span(trace.span, span);
        assert_memory_equal(id, cases[i].parent + 3, 32);
        assert_memory_equal(parent, cases[i].parent + 36, 16);
        assert_string_not_equal(span, parent);
        assert_int_equal(trace.flags, cases[i].flags);
        assert_int_equal(trace.state.len, 0);
        assert_true(trace_has_parent(&trace));
    }
}

static void any_other_is_not(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "00",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-",
        "00-" ID "-" SPAN "-0",
        "00-" ID "-" SPAN "-011",
        "00-" ID "-" SPAN "-01-",
        "00-" ID "-" SPAN "-01-more",
        "00-" ID "-" SPAN "-01 ",
        " 00-" ID "-" SPAN "-01",
        "ff-" ID "-" SPAN "-01",
        "FF-" ID "-" SPAN "-01",
        "0-" ID "-" SPAN "-01",
        "0x-" ID "-" SPAN "-01",
        ".0-" ID "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" ID "-B7AD6B7169203331-01",
        "00-" ID "-" SPAN "-0A",
        "00-" ID "-" SPAN "-g1",
        "00-0af7651916cd43dd8448eb211c80319-" SPAN "-01",
        "00-0af7651916cd43dd8448eb211c80319cc-" SPAN "-01",
        "00-0af7651916cd43dd8448eb211c80319.-" SPAN "-01",
        "00-" ID "-b7ad6b716920333-01",
        "00-" ID "-b7ad6b71692033311-01",
        "00_" ID "_" SPAN "_01",
        "00-" ID "-" SPAN "_01",
        "00-" ID "_" SPAN "-01",
        "cc-" ID "-" SPAN "-01.what",
        "cc-" ID "-" SPAN "-01what",
        "cc-" ID "-" SPAN "-0",
        "cc-" ID "-" SPAN "-1-1",
        "00-" ID "-" SPAN "-01,00-" ID "-" SPAN "-01",
    };
    struct trace before = {.flags = 77};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trace trace = before;
        if (trace_continue(&trace, slice_of(cases[i])))
            fail_msg("%s is continued", cases[i]);
        assert_memory_equal(&trace, &before, sizeof trace);
    }
    struct trace trace = before;
    assert_false(trace_continue(&trace, (struct slice){NULL, 0}));
    assert_false(trace_continue(&trace, (struct slice){"00-" ID "-" SPAN "\0-01", 55}));
}

static void a_new_trace_has_ids_of_its_own(void **state)
{
    (void)state;
    struct trace one, other;
    trace_begin(&one);
    trace_begin(&other);
    assert_memory_not_equal(one.id, other.id, sizeof one.id);
    assert_memory_not_equal(one.span, other.span, sizeof one.span);
    assert_false(trace_has_parent(&one));
    assert_int_equal(one.flags, TRACE_RANDOM);
}

static void a_part_is_of_the_same_trace_and_has_its_whole_for_parent(void **state)
{
    (void)state;
    struct trace whole;
    char text[TRACE_PARENT_SIZE];
    assert_true(trace_continue(&whole, SLICE("00-" ID "-" SPAN "-01")));
    whole.state = SLICE("a=1");
    struct trace part = trace_part(&whole);
    assert_memory_equal(part.id, whole.id, sizeof part.id);
    assert_memory_equal(part.parent, whole.span, sizeof part.parent);
    assert_memory_not_equal(part.span, whole.span, sizeof part.span);
    assert_true(slice_equal(part.state, whole.state));
    trace_write_parent(&part, text);
    struct trace next;
    assert_true(trace_continue(&next, slice_of(text)));
    assert_memory_equal(next.parent, part.span, sizeof next.parent);
    assert_memory_equal(text, "00-" ID "-", 36);
    assert_string_equal(text + 52, "-01");
}

static void so_many_of_a_million_are_among_them(void **state)
{
    (void)state;
    unsigned among = 0;
    for (unsigned i = 0; i < 100000; i++) {
        struct trace trace;
        trace_begin(&trace);
        assert_true(trace_is_among(&trace, 1000000));
        assert_false(trace_is_among(&trace, 0));
        among += trace_is_among(&trace, 250000);
        if (trace_is_among(&trace, 10000))
            assert_true(trace_is_among(&trace, 250000));
    }
    assert_in_range(among, 24000, 26000); /* 7 standard deviations */
}

static void a_good_tracestate_is_passed_on(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "a=1",
        "congo=t61rcWkgMzE",
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "a=1, b=2 ,\tc=3",
        "a=1,,b=2",
        ",a=1,",
        "fw529a3039@dt=FfAxGzxw",
        "0a=1",
        "a_-*/@b=x y",
        "a=\"quoted\"",
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!trace_state_is_good(slice_of(cases[i])))
            fail_msg("%s", cases[i]);
}

static void any_other_tracestate_is_not(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",      ",",     " , ",        "a",          "a=",   "=1",        "A=1",
        "a b=1", "a=1=2", "a=\t1x\x01", "a=\xc3\xa9", "-a=1", "a=1;b=2,c", "a.b=1",
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (trace_state_is_good(slice_of(cases[i])))
            fail_msg("%s", cases[i]);
    char many[200] = "";
    for (int i = 0; i < 32; i++)
        strcat(many, "a=1,");
    assert_true(trace_state_is_good(slice_of(many)));
    strcat(many, "a=1");
    assert_false(trace_state_is_good(slice_of(many)));
    char value[600] = "a=";
    memset(value + 2, 'x', 256);
    assert_true(trace_state_is_good(slice_of(value)));
    value[258] = 'x';
    assert_false(trace_state_is_good(slice_of(value)));
    char pieces[600] = "";
    for (int i = 0; i < 4; i++) /* 4 * 128 bytes and the commas between them are more than 512 */
        snprintf(pieces + strlen(pieces), sizeof pieces - strlen(pieces), "%sa=%0126d", i > 0 ? "," : "", 0);
    assert_false(trace_state_is_good(slice_of(pieces)));
    assert_true(trace_state_is_good((struct slice){pieces, 3 * 129 - 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_traceparent_is_continued),
        cmocka_unit_test(any_other_is_not),
        cmocka_unit_test(a_new_trace_has_ids_of_its_own),
        cmocka_unit_test(a_part_is_of_the_same_trace_and_has_its_whole_for_parent),
        cmocka_unit_test(so_many_of_a_million_are_among_them),
        cmocka_unit_test(a_good_tracestate_is_passed_on),
        cmocka_unit_test(any_other_tracestate_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
