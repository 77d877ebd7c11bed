/* options: see options.h */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONNECTIONS = 20000 /* below the local port range of one address pair */, MAX_SECONDS = 3600 };

static const char *const mode_names[] = {"get",  "take",  "hot",   "claim", "near",
                                         "work", "mixed", "place", "read",  "idle"};
static const char *const ids_names[] = {"unique", "random", "walk"};

static const char usage_text[] =
    "usage: load --port N --mode MODE [options]\n"
    "modes: get    GET of --path\n"
    "       take   PATCH /orders/ID to TAKEN, ids from --first to --last\n"
    "       hot    the same for the one order --first\n"
    "       claim  POST /orders/claim: the oldest free ones, --limit at a time\n"
    "       near   the same of the nearest one to a random place\n"
    "       work   claim, then PATCH each order to DELIVERED; counts orders\n"
    "       mixed  place an order, claim one, deliver it; counts orders\n"
    "       place  POST /orders\n"
    "       read   GET /orders/ID\n"
    "       idle   open all, one GET of --path on each, hold until stdin ends or --seconds are over\n"
    "--host ADDRESS     a loopback address, 127.0.0.1 when not said\n"
    "--from ADDRESS     of IPv4, where connections come from: callers are told apart by it\n"
    "--path PATH        /health when not said\n"
    "--field LINE       one field more in each request, such as 'Accept-Encoding: gzip'\n"
    "--connections N    1 to 20000, 64 when not said\n"
    "--seconds S        measured time, up to 3600, 5 when not said\n"
    "--warmup S         before it, not measured, 0 when not said\n"
    "--requests N       stop after N requests\n"
    "--first N --last N range of order ids\n"
    "--ids KIND         unique (a permutation, when not said), random, walk\n"
    "--skip N           start the sequence of ids after its first N\n"
    "--limit N          orders a claim, 1 to 100, 1 when not said\n"
    "--lease S          seconds of a claim, 1 to 86400; without an end when not said\n"
    "--taker PREFIX     connection 7 takes as PREFIX7; c when not said\n";

void wrong_usage(const char *what)
{
    fprintf(stderr, "load: %s\n%s", what, usage_text);
    exit(2);
}

static uint64_t number(const char *text, uint64_t low, uint64_t high, const char *what)
{
    char *end;
    errno = 0;
    uint64_t n = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || n < low || n > high)
        wrong_usage(what);
    return n;
}

static double duration(const char *text, const char *what)
{
    char *end;
    double n = strtod(text, &end);
    if (end == text || *end || !(n >= 0 && n <= MAX_SECONDS))
        wrong_usage(what);
    return n;
}

static unsigned name_index(const char *name, const char *const names[], unsigned count, const char *what)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    wrong_usage(what);
}

struct options options_parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"port", 1, NULL, 'p'},   {"host", 1, NULL, 'h'},        {"mode", 1, NULL, 'm'},
        {"path", 1, NULL, 'P'},   {"connections", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
        {"warmup", 1, NULL, 'w'}, {"requests", 1, NULL, 'n'},    {"first", 1, NULL, 'f'},
        {"last", 1, NULL, 'l'},   {"ids", 1, NULL, 'i'},         {"skip", 1, NULL, 'k'},
        {"limit", 1, NULL, 'L'},  {"lease", 1, NULL, 'e'},       {"taker", 1, NULL, 't'},
        {"field", 1, NULL, 'F'},  {"from", 1, NULL, 'B'},        {"help", 0, NULL, '?'},
        {NULL, 0, NULL, 0}};
    struct options opt = {.mode = MODE_GET,
                          .host = "127.0.0.1",
                          .path = "/health",
                          .field = "",
                          .connections = 64,
                          .seconds = 5,
                          .first = 1,
                          .last = 0,
                          .limit = 1,
                          .taker = "c"};
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'p':
            opt.port = (uint16_t)number(optarg, 1, 65535, "--port takes 1 to 65535");
            break;
        case 'h':
            opt.host = optarg;
            break;
        case 'm':
            opt.mode =
                (enum mode)name_index(optarg, mode_names, MODE_IDLE + 1, "--mode is one of those below");
            break;
        case 'P':
            opt.path = optarg;
            break;
        case 'B':
            opt.from = optarg;
            break;
        case 'F':
            opt.field = optarg;
            break;
        case 'c':
            opt.connections = (unsigned)number(optarg, 1, MAX_CONNECTIONS, "--connections takes 1 to 20000");
            break;
        case 's':
            opt.seconds = duration(optarg, "--seconds takes 0 to 3600");
            break;
        case 'w':
            opt.warmup = duration(optarg, "--warmup takes 0 to 3600");
            break;
        case 'n':
            opt.requests = number(optarg, 1, UINT64_MAX / 2, "--requests takes a positive number");
            break;
        case 'f':
            opt.first = number(optarg, 1, UINT64_MAX / 2, "--first takes a positive number");
            break;
        case 'l':
            opt.last = number(optarg, 1, UINT64_MAX / 2, "--last takes a positive number");
            break;
        case 'i':
            opt.ids = (enum ids)name_index(optarg, ids_names, 3, "--ids is unique, random or walk");
            break;
        case 'k':
            opt.skip = number(optarg, 0, UINT64_MAX / 2, "--skip takes a number");
            break;
        case 'L':
            opt.limit = (unsigned)number(optarg, 1, 100, "--limit takes 1 to 100");
            break;
        case 'e':
            opt.lease = (unsigned)number(optarg, 1, 86400, "--lease takes 1 to 86400");
            break;
        case 't':
            opt.taker = optarg;
            break;
        default:
            wrong_usage("what it takes:");
        }
    }
    if (optind < argc || !opt.port)
        wrong_usage(optind < argc ? "no plain arguments" : "--port is missing");
    if (opt.path[0] != '/' || strpbrk(opt.path, " \r\n") || strpbrk(opt.taker, "\"\\\r\n") ||
        strpbrk(opt.field, "\r\n"))
        wrong_usage("--path starts with / and has no blanks, --taker no quotes, --field is one line");
    if (opt.last == 0)
        opt.last = opt.first;
    if (opt.last < opt.first || opt.last - opt.first >= UINT32_MAX || opt.skip >= UINT32_MAX)
        wrong_usage("--first to --last, and --skip, take a range of less than 2^32 ids");
    return opt;
}

const char *mode_name(enum mode mode)
{
    return mode_names[mode];
}
