/*
 * options: the command line of load. Wrong usage ends the program with exit code 2.
 */
#ifndef LOADTEST_OPTIONS_H
#define LOADTEST_OPTIONS_H

#include <stdint.h>

enum mode {
    MODE_GET,
    MODE_TAKE,
    MODE_HOT,
    MODE_CLAIM,
    MODE_NEAR,
    MODE_WORK,  /* claims, and delivers what it got */
    MODE_MIXED, /* places one order, claims one, delivers it */
    MODE_PLACE,
    MODE_READ,
    MODE_IDLE
};

enum ids {
    IDS_UNIQUE, /* a permutation of the range: random places, no id twice */
    IDS_RANDOM, /* independent draws */
    IDS_WALK    /* one after the other */
};

struct options {
    enum mode mode;
    enum ids ids;
    const char *host;
    const char *from; /* NULL: as the system likes */
    uint16_t port;
    const char *path;
    const char *field; /* one more of each request; "": none */
    unsigned connections;
    double seconds;
    double warmup;
    uint64_t requests; /* stop after that many sent; 0: no bound but time */
    uint64_t first;    /* range of order ids */
    uint64_t last;
    unsigned limit; /* orders a claim */
    unsigned lease; /* seconds of it; 0: without */
    uint64_t skip;  /* ids of the sequence used up by an earlier run */
    const char *taker;
};

struct options options_parse(int argc, char **argv);

const char *mode_name(enum mode mode);

void wrong_usage(const char *what) __attribute__((noreturn));

#endif
