/* Digests by libcrypto, which libpq brings along; fetched once, for that takes longer than all that follows. */
#include <config.h>

#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

void digest_sha256(struct slice text, unsigned char out[static DIGEST_SIZE])
{
    static EVP_MD *sha256;
    static EVP_MD_CTX *context;
    if (sha256 == NULL) {
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        context = EVP_MD_CTX_new();
    }
    if (sha256 == NULL || context == NULL || EVP_DigestInit_ex2(context, sha256, NULL) != 1 ||
        EVP_DigestUpdate(context, text.ptr, text.len) != 1 || EVP_DigestFinal_ex(context, out, NULL) != 1)
        abort();
}

void digest_hmac(const unsigned char key[static DIGEST_SIZE], struct slice text,
                 unsigned char out[static DIGEST_SIZE])
{
    unsigned length = 0;
    if (HMAC(EVP_sha256(), key, DIGEST_SIZE, (const unsigned char *)text.ptr, text.len, out, &length) ==
            NULL ||
        length != DIGEST_SIZE)
        abort();
}

bool digest_equal(const unsigned char a[static DIGEST_SIZE], const unsigned char b[static DIGEST_SIZE])
{
    return CRYPTO_memcmp(a, b, DIGEST_SIZE) == 0;
}

void digest_random(unsigned char *out, size_t size)
{
    if (getrandom(out, size, 0) != (ssize_t)size)
        abort();
}

void digest_write(const unsigned char digest[static DIGEST_SIZE], char out[static DIGEST_HEX_SIZE + 1])
{
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[DIGEST_HEX_SIZE] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_read(struct slice text, unsigned char out[static DIGEST_SIZE])
{
    if (text.len != DIGEST_HEX_SIZE)
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        int high = digit_of(text.ptr[2 * i]), low = digit_of(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
