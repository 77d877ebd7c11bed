/* die: says why on stderr and ends the program with exit code 1. */
#ifndef LOADTEST_DIE_H
#define LOADTEST_DIE_H

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
