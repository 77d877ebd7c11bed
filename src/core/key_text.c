/* Five bits a character (the alphabet of RFC 4648 section 6, in lower case): 32 of them, and 7 for their CRC-32. */
#include <config.h>

#include "core/key_text.h"

#include <stdint.h>

#include "base/digest.h"

#define BYTES 20
#define PREFIX_LENGTH (sizeof KEY_TEXT_PREFIX - 1)
#define BITS_LENGTH 32
#define SUM_LENGTH 7

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* CRC-32 (ISO/IEC 8802-3, reflected), of the characters. */
static uint32_t sum_of(const char *text, size_t length)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        sum ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (UINT32_C(0xedb88320) & (0 - (sum & 1)));
    }
    return ~sum;
}

/* Behind the last character comes the NUL. */
static void write_sum(char out[SUM_LENGTH + 1], uint32_t sum)
{
    for (int i = SUM_LENGTH - 1; i >= 0; i--, sum >>= 5)
        out[i] = alphabet[sum & 31];
    out[SUM_LENGTH] = '\0';
}

void key_text_new(char out[static KEY_TEXT_SIZE])
{
    unsigned char bytes[BYTES];
    uint32_t rest = 0;
    char *at = slice_put(out, SLICE(KEY_TEXT_PREFIX));
    digest_random(bytes, sizeof bytes);
    for (int i = 0, bits = 0; i < BYTES; i++)
        for (rest = rest << 8 | bytes[i], bits += 8; bits >= 5; bits -= 5)
            *at++ = alphabet[rest >> (bits - 5) & 31];
    write_sum(at, sum_of(out, PREFIX_LENGTH + BITS_LENGTH));
}

bool key_text_is_mistyped(struct slice text)
{
    char sum[SUM_LENGTH + 1];
    if (text.len < PREFIX_LENGTH || memcmp(text.ptr, KEY_TEXT_PREFIX, PREFIX_LENGTH) != 0)
        return false;
    if (text.len != KEY_TEXT_SIZE - 1)
        return true;
    write_sum(sum, sum_of(text.ptr, PREFIX_LENGTH + BITS_LENGTH));
    return memcmp(text.ptr + PREFIX_LENGTH + BITS_LENGTH, sum, SUM_LENGTH) != 0;
}
