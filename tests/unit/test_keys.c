/* core/keys, core/key_line, core/keys_file, core/key_text, core/scope and base/digest: what is known of API keys, and
 * what it takes. */
#include <config.h>

#include "unit.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/key_line.h"
#include "core/key_text.h"
#include "core/keys.h"
#include "core/keys_file.h"

/* ---- digests ---- */

/* FIPS 180-4's examples; an HMAC as Python'''s hmac makes it. */
static void digests_are_those_of_the_standards(void **state)
{
    unsigned char out[DIGEST_SIZE], key[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE + 1];
    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        digest_sha256(SLICE("abc"), out);
        digest_write(out, hex);
        assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        digest_sha256((struct slice){NULL, 0}, out);
        digest_write(out, hex);
        assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    memset(key, 'k', sizeof key);
    digest_hmac(key, SLICE("what is signed"), out);
    digest_write(out, hex);
    assert_string_equal(hex, "02e09a480a765914b26456c02a8ee25970608437fe42b4f4b1792d0814d164b5");
}

static void digests_are_read_as_they_are_written(void **state)
{
    static const char *const wrong[] = {"", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
                                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015add",
                                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ag",
                                        "@a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    unsigned char out[DIGEST_SIZE], other[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE + 1];
    (void)state;
    assert_true(digest_read(SLICE("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015AD"), out));
    digest_write(out, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memcpy(other, out, sizeof other);
    assert_true(digest_equal(out, other));
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        other[i] ^= 1;
        assert_false(digest_equal(out, other));
        other[i] ^= 1;
    }
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(digest_read(slice_of(wrong[i]), out));
}

/* ---- scopes ---- */

static void words_are_scopes(void **state)
{
    static const struct {
        const char *word;
        scope_set set;
    } cases[] = {{"orders:read", 1u << SCOPE_ORDERS_READ},
                 {"orders", 1u << SCOPE_ORDERS_READ | 1u << SCOPE_ORDERS_WRITE | 1u << SCOPE_ORDERS_TAKE},
                 {"metrics", 1u << SCOPE_METRICS_READ},
                 {"*", SCOPE_ALL},
                 {"", 0},
                 {"order", 0},
                 {"orders:", 0},
                 {"orders:rea", 0},
                 {"orders:read:", 0},
                 {"open", 0},
                 {"**", 0},
                 {":read", 0},
                 {"Orders", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        scope_set set;
        assert_int_equal(scope_parse(slice_of(cases[i].word), &set), cases[i].set != 0);
        assert_int_equal(set, cases[i].set);
    }
    assert_true(scope_in(0, SCOPE_OPEN));
    assert_false(scope_in(~(scope_set)(1u << SCOPE_EVERY), SCOPE_EVERY));
    assert_true(scope_in(SCOPE_ALL, SCOPE_EVERY));
}

static void lists_of_scopes_name_the_word_that_is_wrong(void **state)
{
    struct slice wrong;
    scope_set set;
    (void)state;
    assert_true(scope_parse_list(SLICE(" orders:read,, users:read "), &set, &wrong));
    assert_int_equal(set, 1u << SCOPE_ORDERS_READ | 1u << SCOPE_USERS_READ);
    assert_true(scope_parse_list(SLICE(""), &set, &wrong));
    assert_int_equal(set, 0);
    assert_false(scope_parse_list(SLICE("orders, oders ,x"), &set, &wrong));
    assert_true(slice_equal(wrong, SLICE("oders")));
}

/* ---- lines ---- */

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static enum key_line parse(const char *text, struct api_key *key)
{
    static char name[KEY_NAME_MAX + 1], why[KEY_LINE_WHY_MAX];
    return key_line_parse(slice_of(text), key, name, why);
}

static void a_line_says_all_of_a_key(void **state)
{
    struct api_key key;
    (void)state;
    assert_int_equal(parse("ann-1 " HASH " orders:read users takers=own rate=10/min burst=20 concurrent=3 "
                           "expires=2027-01-31T12:30:01Z # a comment",
                           &key),
                     KEY_LINE_KEY);
    assert_string_equal(key.name, "ann-1");
    assert_int_equal(key.scopes, 1u << SCOPE_ORDERS_READ | 1u << SCOPE_USERS_READ);
    assert_true(key.takers_own);
    assert_int_equal(key.limits.rate, 10);
    assert_int_equal(key.limits.per_s, 60);
    assert_int_equal(key.limits.burst, 20);
    assert_int_equal(key.limits.concurrent, 3);
    assert_int_equal(key.expires, 1801398601);
    assert_int_equal(parse("\tb\t" HASH "  *\r", &key), KEY_LINE_KEY);
    assert_int_equal(key.limits.rate | key.limits.per_s | key.limits.burst | key.limits.concurrent, 0);
    assert_int_equal(key.expires, 0);
    assert_false(key.takers_own);
    assert_int_equal(parse("", &key), KEY_LINE_NONE);
    assert_int_equal(parse(" \t # b " HASH " *", &key), KEY_LINE_NONE);
    assert_int_equal(parse("b " HASH " # *", &key), KEY_LINE_WRONG);
}

static void keys_expire(void **state)
{
    struct api_key key;
    (void)state;
    assert_int_equal(parse("b " HASH " * expires=1999-12-31", &key), KEY_LINE_KEY);
    assert_true(key_has_expired(&key));
    assert_int_equal(parse("b " HASH " * expires=2099-12-31", &key), KEY_LINE_KEY);
    assert_false(key_has_expired(&key));
    key.expires = 0;
    assert_false(key_has_expired(&key));
}

/* ---- the table ---- */

/* Some number's, as good as random. */
static void hash_of(uint32_t number, unsigned char out[static DIGEST_SIZE])
{
    digest_sha256((struct slice){(const char *)&number, sizeof number}, out);
}

static enum keys_added add(struct keys *keys, const char *name, uint32_t number, scope_set scopes)
{
    struct api_key key = {.name = name, .scopes = scopes};
    hash_of(number, key.hash);
    return keys_add(keys, &key);
}

static bool find(const struct keys *keys, uint32_t number, struct api_key *key)
{
    unsigned char hash[DIGEST_SIZE];
    hash_of(number, hash);
    return keys_find(keys, hash, key);
}

static void keys_are_found_by_their_hash(void **state)
{
    struct keys *keys = keys_new(0);
    struct api_key key;
    char name[16];
    (void)state;
    assert_false(find(keys, 1, &key));
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        assert_int_equal(add(keys, name, i, i), KEYS_ADDED);
    }
    assert_int_equal(add(keys, "another", 17, 1), KEYS_KNOWN);
    assert_int_equal(keys_count(keys), 5000);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(find(keys, i, &key), i < 5000);
        if (i < 5000) {
            snprintf(name, sizeof name, "key-%u", i);
            assert_string_equal(key.name, name);
            assert_int_equal(key.scopes, i);
        }
    }
    keys_free(keys);
    keys_free(NULL);
}

static bool has_scopes(const struct api_key *key, void *argument)
{
    return key->scopes == *(scope_set *)argument;
}

static void keys_are_found_by_their_name(void **state)
{
    struct keys *keys = keys_new(0);
    struct api_key key;
    scope_set wanted = 3, other = 99;
    (void)state;
    assert_false(keys_find_named(keys, SLICE("ann"), has_scopes, &wanted, &key));
    for (uint32_t i = 0; i < KEYS_OF_A_NAME_MAX; i++)
        assert_int_equal(add(keys, "ann", i, i), KEYS_ADDED);
    assert_int_equal(add(keys, "ann", 100, 1), KEYS_TOO_MANY);
    assert_int_equal(add(keys, "bob", 101, 3), KEYS_ADDED);
    assert_true(keys_find_named(keys, SLICE("ann"), has_scopes, &wanted, &key));
    assert_string_equal(key.name, "ann");
    assert_int_equal(key.scopes, 3);
    assert_true(keys_find_named(keys, SLICE("bob"), has_scopes, &wanted, &key));
    assert_false(keys_find_named(keys, SLICE("bob"), has_scopes, &other, &key));
    assert_false(keys_find_named(keys, SLICE("an"), has_scopes, &wanted, &key));
    keys_free(keys);
}

#define MILLION 1000000u

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void a_million_keys_fit_into_100_mb(void **state)
{
    size_t before = allocated();
    struct keys *keys = keys_new(MILLION);
    struct api_key key;
    char name[16];
    (void)state;
    for (uint32_t i = 0; i < MILLION; i++) {
        snprintf(name, sizeof name, "key-%06u", i);
        add(keys, name, i, 1);
    }
    assert_int_equal(keys_count(keys), MILLION);
#if !defined __SANITIZE_ADDRESS__ /* whose allocator tells nothing */
    assert_in_range(allocated() - before, 60 * MILLION, 100 * MILLION);
#endif
    assert_true(find(keys, 0, &key) && find(keys, MILLION - 1, &key) && !find(keys, MILLION, &key));
    keys_free(keys);
    (void)before;
}

/* ---- files ---- */

static char *write_file(const char *text, size_t length)
{
    char *path = mem_dup("/tmp/rowlock-keys-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, length), length);
    close(file);
    return path;
}

/* The error of a file of that text, or "" and how many keys it has. */
static char *read_file(const char *text, size_t length, size_t *count)
{
    char *path = write_file(text, length), *error = NULL;
    struct keys_mark mark;
    struct keys *keys = keys_file_read(path, &mark, &error);
    *count = keys != NULL ? keys_count(keys) : 0;
    assert_true((keys != NULL) == (error == NULL));
    keys_free(keys);
    unlink(path);
    free(path);
    return error != NULL ? error : mem_dup("");
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text, *error;
        size_t count;
    } cases[] = {
        {"", "", 0},
        {"# none\n\n", "", 0},
        {"a " HASH " *", "", 1},
        {"a " HASH " *\n", "", 1},
        {"a " HASH " *\r\n\r\n", "", 1},
        {"a " HASH " *\na " HASH " *\n", "line 2: the same key stands in a line before", 0},
        {"a " HASH "\n\nb " HASH " x=1", "line 1: it names no scope\nline 3: ", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count;
        char *error = read_file(cases[i].text, strlen(cases[i].text), &count);
        assert_int_equal(strncmp(error, cases[i].error, strlen(cases[i].error)), 0);
        assert_int_equal(error[0] == '\0', cases[i].error[0] == '\0');
        assert_int_equal(count, cases[i].count);
        free(error);
    }
}

/* Lines that are too long are as many as they are, wherever the pieces end in which the file is read. */
static void long_lines_are_counted_once(void **state)
{
    (void)state;
    for (size_t length = KEY_LINE_MAX - 1; length < 150000; length = length * 3 / 2 + 7) {
        size_t size = length + 200, count;
        char *text = mem_raw(size), *end = text;
        memset(end, ' ', length);
        memcpy(end, "# x", 3);
        end += length;
        end += sprintf(end, "\na " HASH " *\nb x\n");
        char *error = read_file(text, (size_t)(end - text), &count);
        if (length > KEY_LINE_MAX)
            assert_int_equal(strncmp(error, "line 1: it has more than 4096 characters\nline 3: ", 49), 0);
        else
            assert_int_equal(strncmp(error, "line 3: ", 8), 0);
        assert_null(strstr(error, "line 2"));
        assert_null(strstr(error, "line 4"));
        free(error);
        free(text);
    }
}

static void a_file_that_changes_has_another_mark(void **state)
{
    char *path = write_file("", 0);
    struct keys_mark one = keys_file_mark(path), none = keys_file_mark("/dev/null/none"), other;
    (void)state;
    assert_false(keys_mark_equal(&one, &none));
    assert_int_equal(none.device | none.number | none.size, 0);
    int file = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(file, "#", 1), 1);
    close(file);
    other = keys_file_mark(path);
    assert_false(keys_mark_equal(&one, &other));
    unlink(path);
    free(path);
}

/* ---- what a key is ---- */

static void new_keys_are_told_from_mistyped_ones(void **state)
{
    char key[KEY_TEXT_SIZE], other[KEY_TEXT_SIZE];
    (void)state;
    key_text_new(key);
    key_text_new(other);
    assert_int_equal(strlen(key), 47);
    assert_string_not_equal(key, other);
    assert_false(key_text_is_mistyped(slice_of(key)));
    assert_false(key_text_is_mistyped(SLICE("anything else")));
    assert_true(key_text_is_mistyped((struct slice){key, strlen(key) - 1}));
    for (size_t i = sizeof KEY_TEXT_PREFIX - 1; i < strlen(key); i++) {
        char was = key[i];
        key[i] = was == 'x' ? 'y' : 'x';
        assert_true(key_text_is_mistyped(slice_of(key)));
        key[i] = was;
    }
    assert_false(key_text_is_mistyped(slice_of(key)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test(digests_are_read_as_they_are_written),
        cmocka_unit_test(words_are_scopes),
        cmocka_unit_test(lists_of_scopes_name_the_word_that_is_wrong),
        cmocka_unit_test(a_line_says_all_of_a_key),
        cmocka_unit_test(keys_expire),
        cmocka_unit_test(keys_are_found_by_their_hash),
        cmocka_unit_test(keys_are_found_by_their_name),
        cmocka_unit_test(a_million_keys_fit_into_100_mb),
        cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
        cmocka_unit_test(long_lines_are_counted_once),
        cmocka_unit_test(a_file_that_changes_has_another_mark),
        cmocka_unit_test(new_keys_are_told_from_mistyped_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
