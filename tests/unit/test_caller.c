/* core/caller, and what it rests on: whose address counts, and whom a proxy may speak for. */
#include <config.h>

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/caller.h"
#include "core/forwarded.h"

/* ---- addresses and networks ---- */

static void addresses_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written; /* NULL: it is none */
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::", "::"},
        {"::1", "::1"},
        {"0:0:0:0:0:ffff:c000:201", "192.0.2.1"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.01", NULL},
        {"0x7f.0.0.1", NULL},
        {"3221225985", NULL},
        {"192.0.2.1 ", NULL},
        {" 192.0.2.1", NULL},
        {"192.0.2.1:80", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"1::2::3", NULL},
        {"2001:db8:2001:db8:2001:db8:2001:db8:2001", NULL},
        {"localhost", NULL},
        {"unknown", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip ip;
        char written[IP_TEXT_MAX];
        bool read = ip_parse(slice_of(cases[i].text), &ip);
        if (read != (cases[i].written != NULL))
            fail_msg("%s", cases[i].text);
        if (!read)
            continue;
        ip_write(&ip, written);
        assert_string_equal(written, cases[i].written);
    }
    assert_false(ip_parse((struct slice){"192.0.2.1\0x", 11}, &(struct ip){{0}}));
    assert_false(ip_parse((struct slice){NULL, 0}, &(struct ip){{0}}));
}

static void networks_have_the_addresses_that_begin_as_they_do(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool has;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"::ffff:10.0.0.0/104", "11.0.0.0", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip_network network;
        struct ip ip;
        assert_true(ip_network_parse(slice_of(cases[i].network), &network));
        assert_true(ip_parse(slice_of(cases[i].address), &ip));
        if (ip_network_has(&network, &ip) != cases[i].has)
            fail_msg("%s in %s", cases[i].address, cases[i].network);
    }
}

static void what_is_no_list_of_proxies_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "10.0.0.0/33",  "10.0.0.0/", "10.0.0.0/-1",  "10.0.0.0/ 8", "10.0.0.0/0008", "10.0.0.1/8",
        "10.0.0.0/8/8", "/8",        "fd00::/129",   "fd00::1/8",   "localhost",     "*",
        "unix:/x",      "10.0.0.*",  "10.0.0.0/8;x", "[::1]",       "10.0.0.0/8 UNIX"};
    static const struct {
        const char *text;
        size_t count;
        bool local;
    } good[] = {{"", 0, false},
                {"unix", 0, true},
                {"10.0.0.0/8,fd00::/8", 2, false},
                {" 10.0.0.0/8 ,, ::1\tunix ,", 2, true}};
    struct trusted trusted;
    const char *right;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        right = NULL;
        if (trusted_parse(wrong[i], &trusted, &right) || right == NULL)
            fail_msg("%s", wrong[i]);
        trusted_fini(&trusted);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(trusted_parse(good[i].text, &trusted, &right));
        assert_int_equal(trusted.count, good[i].count);
        assert_int_equal(trusted.local, good[i].local);
        assert_int_equal(trusted_is_empty(&trusted), i == 0);
        trusted_fini(&trusted);
    }
}

/* ---- whom a trusted proxy speaks for ---- */

/* The head of a request with these lines. It lives as long as the text. */
static void read_head(struct http_head *head, const char *text)
{
    struct http_refusal refusal;
    if (!http_parse(text, strlen(text), head, &refusal))
        fail_msg("%s: %s", text, refusal.detail);
}

static const char *found(const char *fields, const char *proxies)
{
    static char text[CALLER_TEXT_MAX], request[HTTP_HEAD_MAX];
    struct http_head head;
    struct trusted trusted;
    struct ip client;
    const char *right;
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    read_head(&head, request);
    assert_true(trusted_parse(proxies, &trusted, &right));
    enum forwarded result = forwarded_find(&head, &trusted, &client);
    trusted_fini(&trusted);
    if (result != FORWARDED_CLIENT)
        return result == FORWARDED_UNCLEAR ? "unclear" : "nothing";
    ip_write(&client, text);
    return text;
}

#define X "X-Forwarded-For: "
#define F "Forwarded: "

static const struct {
    const char *fields, *found;
} chains[] = {
    {"", "nothing"},
    {"X-Real-IP: 192.0.2.1\r\n", "nothing"},
    /* the rightmost that is not trusted; of trusted ones alone, the first */
    {X "192.0.2.1\r\n", "192.0.2.1"},
    {X "192.0.2.1, 192.0.2.2\r\n", "192.0.2.2"},
    {X "192.0.2.1, 10.0.0.2\r\n", "192.0.2.1"},
    {X "192.0.2.9,192.0.2.1,10.0.0.2,10.0.0.3\r\n", "192.0.2.1"},
    {X "10.0.0.2, 10.0.0.3\r\n", "10.0.0.2"},
    {X "::ffff:10.0.0.2, 10.0.0.3\r\n", "10.0.0.2"},
    {X "192.0.2.1, ::ffff:10.0.0.2\r\n", "192.0.2.1"},
    /* lines of a field are one list */
    {X "192.0.2.1\r\n" X "192.0.2.2\r\n", "192.0.2.2"},
    {X "192.0.2.1\r\n" X "10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\n", "192.0.2.1"},
    {X "192.0.2.1\r\n" X "\r\n", "192.0.2.1"},
    /* forms of an address */
    {X "192.0.2.1:4711\r\n", "192.0.2.1"},
    {X "2001:db8::1\r\n", "2001:db8::1"},
    {X "[2001:db8::1]\r\n", "2001:db8::1"},
    {X "[2001:db8::1]:4711\r\n", "2001:db8::1"},
    {X "[::ffff:192.0.2.1]:4711\r\n", "192.0.2.1"},
    {X ",, ,192.0.2.1 ,\t,\r\n", "192.0.2.1"},
    /* where nobody says who it is, the last that is trusted counts */
    {X "unknown\r\n", "nothing"},
    {X "192.0.2.1, unknown\r\n", "nothing"},
    {X "192.0.2.1, unknown, 10.0.0.2\r\n", "10.0.0.2"},
    {X "192.0.2.1, unknown, 10.0.0.2, 10.0.0.3\r\n", "10.0.0.2"},
    {X "unknown, 192.0.2.1\r\n", "192.0.2.1"},
    {X "192.0.2.1, example.com\r\n", "nothing"},
    {X "192.0.2.1, 192.0.2.2:port\r\n", "nothing"},
    {X "192.0.2.1, 192.0.2.2:\r\n", "nothing"},
    {X "192.0.2.1, 192.0.2.2:123456\r\n", "nothing"},
    {X "192.0.2.1, [192.0.2.2]\r\n", "nothing"},
    {X "192.0.2.1, [::1\r\n", "nothing"},
    {X "192.0.2.1, []\r\n", "nothing"},
    {X "192.0.2.1, [\r\n", "nothing"},
    {X "192.0.2.1, [::1]x\r\n", "nothing"},
    {X "192.0.2.1, \"192.0.2.2\"\r\n", "nothing"},
    {X "192.0.2.1 192.0.2.2\r\n", "nothing"},
    {X "\r\n", "nothing"},
    {X ",,,\r\n", "nothing"},
    /* RFC 7239 */
    {F "for=192.0.2.1\r\n", "192.0.2.1"},
    {F "For=\"192.0.2.1\"\r\n", "192.0.2.1"},
    {F "for=\"192.0.2.1:4711\"\r\n", "192.0.2.1"},
    {F "for=\"192.0.2.1:_gazonk\"\r\n", "192.0.2.1"},
    {F "for=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17"},
    {F "for=\"[2001:db8:cafe::17]\"\r\n", "2001:db8:cafe::17"},
    {F "for=192.0.2.60;proto=http;by=203.0.113.43\r\n", "192.0.2.60"},
    {F "proto=http; FOR=192.0.2.60 ; by=203.0.113.43\r\n", "192.0.2.60"},
    {F "for=192.0.2.43, for=198.51.100.17\r\n", "198.51.100.17"},
    {F "for=192.0.2.43, for=10.0.0.1;by=10.0.0.2\r\n", "192.0.2.43"},
    {F "for=192.0.2.43\r\n" F "for=10.0.0.1\r\n", "192.0.2.43"},
    {F "for=_hidden, for=10.0.0.1\r\n", "10.0.0.1"},
    {F "for=_SEVKISEK\r\n", "nothing"},
    {F "for=192.0.2.1, for=unknown\r\n", "nothing"},
    {F "for=192.0.2.1, proto=https\r\n", "nothing"},
    {F "for=\"_gazonk:_port\"\r\n", "nothing"},
    {F "for=\"1\\92.0.2.1\"\r\n", "192.0.2.1"},
    {F "x=\"a, for=192.0.2.9\", for=192.0.2.1\r\n", "192.0.2.1"},
    {F "x=\"a\\\", for=192.0.2.9\", for=192.0.2.1\r\n", "192.0.2.1"},
    {F ", for=192.0.2.1 ,,\r\n", "192.0.2.1"},
    {F "for=192.0.2.9;, ;;for=192.0.2.1;\r\n", "192.0.2.1"},
    {F ";, for=10.0.0.1\r\n", "10.0.0.1"},
    {F "for=[2001:db8::1]:80\r\n", "2001:db8::1"},
    {F "\r\n", "nothing"},
    /* what is malformed says nothing, or a client could take in what a proxy adds behind it */
    {F "for=\"192.0.2.9, for=192.0.2.1\r\n", "unclear"},
    {F "x=\", for=\"[2001:db8::1]\"\r\n", "unclear"},
    {F "for=, for=192.0.2.1\r\n", "unclear"},
    {F "for, for=192.0.2.1\r\n", "unclear"},
    {F "=192.0.2.1\r\n", "unclear"},
    {F "for =192.0.2.1\r\n", "unclear"},
    {F "for=192.0.2.9;for=192.0.2.1\r\n", "unclear"},
    {F "for=192.0.2.9 for=192.0.2.1\r\n", "unclear"},
    {F "for=\"192.0.2.9\"for=192.0.2.1\r\n", "unclear"},
    {F "192.0.2.1\r\n", "unclear"},
    {F "for=\"192.0.2.9\\\r\n", "unclear"},
    {F "garbage\r\n" F "for=192.0.2.1\r\n", "unclear"},
    /* both */
    {F "for=192.0.2.1\r\n" X "192.0.2.1\r\n", "192.0.2.1"},
    {F "for=192.0.2.1\r\n" X "192.0.2.1, 10.0.0.1\r\n", "192.0.2.1"},
    {F "for=192.0.2.9\r\n" X "192.0.2.1\r\n", "unclear"},
    {F "for=unknown\r\n" X "192.0.2.1\r\n", "unclear"},
    {F "for=\"\r\n" X "192.0.2.1\r\n", "unclear"},
    {F "for=_a\r\n" X "unknown\r\n", "nothing"},
};

static void a_chain_of_proxies_is_believed_as_far_as_they_are_trusted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chains); i++) {
        const char *one = found(chains[i].fields, "10.0.0.0/8");
        if (strcmp(one, chains[i].found) != 0)
            fail_msg("%s is %s", chains[i].fields, one);
    }
}

/* A field of so many times the piece, and the end. */
static struct http_head long_field(const char *name, const char *piece, const char *end, char **text)
{
    size_t count = ((size_t)64 << 10) / strlen(piece);
    struct http_head head = {.field_count = 1};
    *text = malloc(count * strlen(piece) + strlen(end) + 1);
    assert_non_null(*text);
    char *at = *text;
    for (size_t i = 0; i < count; i++)
        at = slice_put(at, slice_of(piece));
    *slice_put(at, slice_of(end)) = '\0';
    head.fields[0] = (struct http_field){slice_of(name), slice_of(*text)};
    return head;
}

static void fields_of_64_kib_are_read_to_their_end(void **state)
{
    (void)state;
    static const struct {
        const char *name, *piece, *end;
        enum forwarded result;
    } cases[] = {
        {"X-Forwarded-For", ",", "192.0.2.1", FORWARDED_CLIENT},
        {"X-Forwarded-For", ",", "", FORWARDED_NOTHING},
        {"X-Forwarded-For", "192.0.2.9,", "192.0.2.1", FORWARDED_CLIENT},
        {"X-Forwarded-For", "[", ",192.0.2.1", FORWARDED_CLIENT},
        {"Forwarded", ",", "for=192.0.2.1", FORWARDED_CLIENT},
        {"Forwarded", "for=192.0.2.9,", "for=192.0.2.1", FORWARDED_CLIENT},
        {"Forwarded", "x=\"\\\"\";", "for=192.0.2.1", FORWARDED_CLIENT},
        {"Forwarded", "\"", "", FORWARDED_UNCLEAR},
        {"Forwarded", "a", "", FORWARDED_UNCLEAR},
        {"Forwarded", "for=\"aaaaaaaaaaaaaaaa", "\"", FORWARDED_UNCLEAR},
    };
    struct trusted trusted = {.local = true};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text, written[IP_TEXT_MAX] = "";
        struct ip client;
        struct http_head head = long_field(cases[i].name, cases[i].piece, cases[i].end, &text);
        if (forwarded_find(&head, &trusted, &client) != cases[i].result)
            fail_msg("%s of %s", cases[i].name, cases[i].piece);
        if (cases[i].result == FORWARDED_CLIENT) {
            ip_write(&client, written);
            assert_string_equal(written, "192.0.2.1");
        }
        free(text);
    }
}

static void a_quoted_name_that_is_longer_than_any_address_is_none(void **state)
{
    (void)state;
    static const char name[] = F "for=\"192.0.2.1                                                        "
                                 "                                      \", for=10.0.0.1\r\n";
    assert_string_equal(found(name, "10.0.0.0/8"), "10.0.0.1");
}

/* ---- callers ---- */

static const struct sockaddr *peer_of(const char *address)
{
    static struct sockaddr_in6 peer;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    peer = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (strcmp(address, "unix") == 0)
        peer.sin6_family = AF_UNIX;
    else if (address[0] == '\0')
        peer.sin6_family = AF_UNSPEC;
    else if (inet_pton(AF_INET6, address, &peer.sin6_addr) != 1) {
        assert_int_equal(inet_pton(AF_INET, address, &v4.sin_addr), 1);
        memcpy(&peer, &v4, sizeof v4);
    }
    return (const struct sockaddr *)&peer;
}

static struct caller caller_of(const char *peer, const char *forwarded, const char *proxies)
{
    struct http_head head = {.field_count = 1};
    struct trusted trusted;
    const char *right;
    head.fields[0] = (struct http_field){SLICE("X-Forwarded-For"), slice_of(forwarded)};
    assert_true(trusted_parse(proxies, &trusted, &right));
    struct caller caller = caller_find(peer_of(peer), forwarded[0] != '\0' ? &head : NULL, &trusted);
    trusted_fini(&trusted);
    return caller;
}

static void only_a_trusted_peer_speaks_for_others(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *forwarded, *proxies, *caller;
    } cases[] = {
        {"192.0.2.9", "192.0.2.1", "", "192.0.2.9"},
        {"192.0.2.9", "192.0.2.1", "10.0.0.0/8, unix", "192.0.2.9"},
        {"10.0.0.1", "192.0.2.1", "10.0.0.0/8", "192.0.2.1"},
        {"::ffff:10.0.0.1", "192.0.2.1", "10.0.0.0/8", "192.0.2.1"},
        {"10.0.0.1", "", "10.0.0.0/8", "10.0.0.1"},
        {"10.0.0.1", "unknown", "10.0.0.0/8", "10.0.0.1"},
        {"2001:db8::1", "192.0.2.1", "2001:db8::/32", "192.0.2.1"},
        {"2001:db8::1", "192.0.2.1", "fd00::/8", "2001:db8::1"},
        {"unix", "192.0.2.1", "unix", "192.0.2.1"},
        {"unix", "192.0.2.1", "0.0.0.0/0 ::/0", "unix"},
        {"unix", "", "unix", "unix"},
        {"", "192.0.2.1", "0.0.0.0/0 ::/0 unix", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[CALLER_TEXT_MAX];
        struct caller caller = caller_of(cases[i].peer, cases[i].forwarded, cases[i].proxies);
        caller_write(&caller, text);
        if (strcmp(text, cases[i].caller) != 0)
            fail_msg("%s for %s, of %s, is %s", cases[i].peer, cases[i].forwarded, cases[i].proxies, text);
    }
}

static uint64_t number_of(const char *peer, uint64_t seed)
{
    struct caller caller = caller_of(peer, "", "");
    return caller_number(&caller, seed);
}

static void one_customer_is_one_caller(void **state)
{
    (void)state;
    static const char *const same[][2] = {{"192.0.2.1", "192.0.2.1"},
                                          {"192.0.2.1", "::ffff:192.0.2.1"},
                                          {"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"},
                                          {"unix", "unix"}};
    static const char *const other[][2] = {{"192.0.2.1", "192.0.2.2"},
                                           {"192.0.2.1", "192.0.3.1"},
                                           {"::ffff:192.0.2.1", "::ffff:192.0.2.2"},
                                           {"2001:db8:0:1::1", "2001:db8:0:2::1"},
                                           {"unix", "::"},
                                           {"unix", ""},
                                           {"::", "0.0.0.0"}};
    for (uint64_t seed = 0; seed < 100; seed++) {
        for (size_t i = 0; i < COUNT(same); i++)
            assert_true(number_of(same[i][0], seed) == number_of(same[i][1], seed));
        for (size_t i = 0; i < COUNT(other); i++)
            assert_true(number_of(other[i][0], seed) != number_of(other[i][1], seed));
        assert_true(number_of("192.0.2.1", seed) != number_of("192.0.2.1", seed + 1));
        uint64_t key = caller_number_of_key(SLICE("ann"), seed);
        assert_true(key == caller_number_of_key(SLICE("ann"), seed));
        assert_true(key != caller_number_of_key(SLICE("bob"), seed));
        assert_true(caller_number_of_key(SLICE(""), seed) != number_of("unix", seed));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_strictly),
        cmocka_unit_test(networks_have_the_addresses_that_begin_as_they_do),
        cmocka_unit_test(what_is_no_list_of_proxies_is_refused),
        cmocka_unit_test(a_chain_of_proxies_is_believed_as_far_as_they_are_trusted),
        cmocka_unit_test(fields_of_64_kib_are_read_to_their_end),
        cmocka_unit_test(a_quoted_name_that_is_longer_than_any_address_is_none),
        cmocka_unit_test(only_a_trusted_peer_speaks_for_others),
        cmocka_unit_test(one_customer_is_one_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
