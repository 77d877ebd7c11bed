/* core/coding: what Accept-Encoding says of gzip, and the gzip form of a body. */
#include <config.h>

#include "unit.h"

#include <libdeflate.h>

#include "core/coding.h"

/* ---- Accept-Encoding ---- */

static bool accepts(const char *fields)
{
    static struct http_head head;
    struct http_refusal refusal;
    char text[512];
    snprintf(text, sizeof text, "GET /x HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    if (!http_parse(text, strlen(text), &head, &refusal))
        fail_msg("malformed: %s", text);
    return coding_is_accepted(&head);
}

static void gzip_is_sent_to_who_takes_it_and_would_not_rather_have_the_identity(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool gzip;
    } cases[] = {
        {"gzip", true},
        {"GZip", true},
        {"x-gzip", true}, /* the old name of the same */
        {"*", true},
        {"gzip, deflate, br, zstd", true},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
        {" deflate ,\tgzip ", true},
        {",, gzip ,", true},
        {"gzip;q=1", true},
        {"gzip;q=1.000", true},
        {"gzip;q=0.001", true},
        {"gzip;Q=0.5", true},
        {"gzip ; \tq=0.5 ", true},
        {"gzip;q=1.", true},
        {"deflate;q=0, *", true},
        {"identity;q=0, *", true},
        {"identity;q=0", false}, /* takes neither */
        {"*;q=0", false},
        {"gzip, *;q=0", true},
        {"gzip, identity;q=0", true},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"gzip;q=0.5, identity;q=0.6", false},
        {"identity, gzip;q=0.9", false},
        {"identity, *;q=0.9", false},
        {"identity", false},
        {"", false},
        {"gzip;q=0", false},
        {"gzip;q=0.", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, *", false}, /* named for itself */
        {"gzip;q=0, gzip", false},
        {"gzip, x-gzip;q=0", false},
        {"br", false},
        {"deflate, br, zstd", false},
        {"gzipped", false},
        {"xgzip", false},
        {"gzi", false},
        {"\"gzip\"", false},
        {"gzip deflate", false},
        /* malformed weights: not there */
        {"gzip;q=2", false},
        {"gzip;q=1.001", false},
        {"gzip;q=0.5000", false},
        {"gzip;q=-1", false},
        {"gzip;q=.5", false},
        {"gzip;q=0,5", false},
        {"gzip;q=0.x", false},
        {"gzip;q=", false},
        {"gzip;q", false},
        {"gzip;", false},
        {"gzip;level=9", false},
        {"gzip;q=1;x=1", false},
        {"gzip;q =1", false},
        {"gzip;q= 1", false},
        {"gzip;q=x, *;q=0.5", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char field[128];
        snprintf(field, sizeof field, "Accept-Encoding: %s\r\n", cases[i].list);
        if (accepts(field) != cases[i].gzip)
            fail_msg("\"%s\" is not understood", cases[i].list);
    }
}

static void who_says_nothing_gets_no_gzip(void **state)
{
    (void)state;
    assert_false(accepts(""));
    assert_false(accepts("Accept: gzip\r\nX-Accept-Encoding: gzip\r\nContent-Encoding: gzip\r\n"));
}

static void several_lines_are_one_list(void **state)
{
    (void)state;
    assert_true(accepts("Accept-Encoding: br\r\nAccept: */*\r\naccept-encoding: gzip\r\n"));
    assert_true(accepts("Accept-Encoding: gzip\r\nAccept-Encoding: \r\n"));
    assert_false(accepts("Accept-Encoding: gzip\r\nAccept-Encoding: gzip;q=0\r\n"));
    assert_false(accepts("Accept-Encoding: *\r\nAccept-Encoding: gzip;q=0\r\n"));
    assert_false(accepts("Accept-Encoding: gzip;q=0.5\r\nAccept-Encoding: identity\r\n"));
}

/* The list is no string: nothing behind its end is read. */
static void a_list_that_is_cut_anywhere_is_read_to_its_end(void **state)
{
    (void)state;
    static const char list[] = "br;q=0.5 , gzip;q=0.25";
    for (size_t length = 0; length <= strlen(list); length++) {
        char *copy = memcpy(malloc(length > 0 ? length : 1), list, length);
        struct http_head head = {.field_count = 1};
        head.fields[0] = (struct http_field){SLICE("Accept-Encoding"), {copy, length}};
        bool whole = length == strlen("br;q=0.5 , gzip") || length >= strlen("br;q=0.5 , gzip;q=0.2");
        assert_int_equal(coding_is_accepted(&head), whole);
        free(copy);
    }
}

/* ---- the gzip form ---- */

static char text[CODING_MAX + 1], back[CODING_MAX + 1];

static void write_text(size_t length)
{
    static const char order[] = "{\"distance\":1728057,\"id\":16,\"status\":\"UNASSIGNED\"},";
    for (size_t i = 0; i < length; i++)
        text[i] = order[(i + i / 1000) % strlen(order)];
}

static void is_gzip_of(struct slice gzip, struct slice body)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    size_t length;
    assert_true(gzip.len > 0 && gzip.len < body.len);
    assert_int_equal(libdeflate_gzip_decompress(decompressor, gzip.ptr, gzip.len, back, sizeof back, &length),
                     LIBDEFLATE_SUCCESS);
    assert_true(slice_equal((struct slice){back, length}, body));
    libdeflate_free_decompressor(decompressor);
}

static void a_body_of_a_kilobyte_and_more_has_a_gzip_form(void **state)
{
    static const size_t lengths[] = {CODING_MIN, CODING_MIN + 1, 20000, (size_t)1 << 20, CODING_MAX};
    struct coding *coding = coding_new();
    (void)state;
    write_text(sizeof text);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct slice body = {text, lengths[i]};
        is_gzip_of(coding_gzip(coding, body), body);
        coding_forget(coding);
    }
    coding_free(coding);
}

static void what_is_too_short_or_too_long_or_gets_no_shorter_has_none(void **state)
{
    struct coding *coding = coding_new();
    (void)state;
    write_text(sizeof text);
    assert_null(coding_gzip(coding, (struct slice){NULL, 0}).ptr);
    coding_forget(coding);
    assert_null(coding_gzip(coding, (struct slice){text, CODING_MIN - 1}).ptr);
    coding_forget(coding);
    assert_null(coding_gzip(coding, (struct slice){text, CODING_MAX + 1}).ptr);
    coding_forget(coding);
    uint64_t noise = 88172645463325252u; /* xorshift */
    for (size_t i = 0; i < 5000; i++) {
        noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
        text[i] = (char)noise;
    }
    struct slice body = {text, 5000};
    assert_null(coding_gzip(coding, body).ptr);
    assert_null(coding_gzip(coding, body).ptr);
    coding_forget(coding);
    write_text(5000);
    is_gzip_of(coding_gzip(coding, body), body);
    coding_free(coding);
}

static void the_form_is_made_once_and_kept_until_it_is_forgotten(void **state)
{
    struct coding *coding = coding_new();
    struct slice body = {text, 3000};
    (void)state;
    write_text(sizeof text);
    struct slice first = coding_gzip(coding, body), second = coding_gzip(coding, body);
    assert_ptr_equal(first.ptr, second.ptr);
    assert_int_equal(first.len, second.len);
    coding_put(coding, SLICE("made before"));
    assert_true(slice_equal(coding_gzip(coding, body), SLICE("made before")));
    coding_forget(coding);
    is_gzip_of(coding_gzip(coding, body), body);
    coding_free(coding);
    coding_forget(NULL);
    coding_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_sent_to_who_takes_it_and_would_not_rather_have_the_identity),
        cmocka_unit_test(who_says_nothing_gets_no_gzip),
        cmocka_unit_test(several_lines_are_one_list),
        cmocka_unit_test(a_list_that_is_cut_anywhere_is_read_to_its_end),
        cmocka_unit_test(a_body_of_a_kilobyte_and_more_has_a_gzip_form),
        cmocka_unit_test(what_is_too_short_or_too_long_or_gets_no_shorter_has_none),
        cmocka_unit_test(the_form_is_made_once_and_kept_until_it_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
