/* SHA-256 (FIPS 180-4) and what is made of it, by libcrypto, which nothing else in the program sees. For secrets; what
 * needs no more than speed has base/hash.h. */
#ifndef ROWLOCK_BASE_DIGEST_H
#define ROWLOCK_BASE_DIGEST_H

#include <stdbool.h>

#include "base/slice.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE)

/* These end the process when libcrypto cannot do it: nothing could rest on what they give then. */
void digest_sha256(struct slice text, unsigned char out[static DIGEST_SIZE]);

/* HMAC (RFC 2104) with SHA-256, under a key of that size. */
void digest_hmac(const unsigned char key[static DIGEST_SIZE], struct slice text,
                 unsigned char out[static DIGEST_SIZE]);

/* In a time that does not depend on where they differ. */
bool digest_equal(const unsigned char a[static DIGEST_SIZE], const unsigned char b[static DIGEST_SIZE]);

void digest_random(unsigned char *out, size_t size); /* for secrets */

/* As hex digits, lower case when they are written, either when they are read; false: it is not exactly that. */
void digest_write(const unsigned char digest[static DIGEST_SIZE], char out[static DIGEST_HEX_SIZE + 1]);
bool digest_read(struct slice text, unsigned char out[static DIGEST_SIZE]);

#endif
