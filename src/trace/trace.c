/* Trace contexts: read (trace_continue), made (trace_begin, trace_part), written. */
#include <config.h>

#include "trace/trace.h"

#include <stdint.h>

#include "base/random.h"
#include "base/text.h"

#define MEMBERS_MAX 32u /* of a tracestate (section 3.3.1.1) */
#define MILLION UINT64_C(1000000)

/* ---- hexadecimal digits ---- */

/* -1: none, or one of upper case, which is not allowed (section 3.2.2). */
static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(const char *text, unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static char *write_bytes(char *at, const unsigned char *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
    *at = '\0';
    return at;
}

static bool is_zero(const unsigned char *bytes, size_t count)
{
    unsigned char any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

/* ---- ids ---- */

static void make_bytes(unsigned char *bytes, size_t count)
{
    do {
        for (size_t at = 0; at < count; at += sizeof(uint64_t)) {
            uint64_t bits = random_bits();
            memcpy(bytes + at, &bits, sizeof bits);
        }
    } while (is_zero(bytes, count));
}

void trace_begin(struct trace *trace)
{
    *trace = (struct trace){.flags = TRACE_RANDOM};
    make_bytes(trace->id, sizeof trace->id);
    make_bytes(trace->span, sizeof trace->span);
}

struct trace trace_part(const struct trace *trace)
{
    struct trace part = *trace;
    memcpy(part.parent, trace->span, sizeof part.parent);
    make_bytes(part.span, sizeof part.span);
    return part;
}

bool trace_has_parent(const struct trace *trace)
{
    return !is_zero(trace->parent, sizeof trace->parent);
}

/* The last seven bytes are what level 2 promises to be random. */
bool trace_is_among(const struct trace *trace, unsigned of_a_million)
{
    uint64_t bits = 0;
    for (size_t i = TRACE_ID_BYTES - 7; i < TRACE_ID_BYTES; i++)
        bits = bits << 8 | trace->id[i];
    return bits % MILLION < of_a_million;
}

/* ---- traceparent ---- */

/* A version that is not known yet may have more behind a further dash, and of its flags only "sampled" is known
 * (section 3.2.4). Version ff is none. */
bool trace_continue(struct trace *trace, struct slice traceparent)
{
    const char *text = traceparent.ptr;
    struct trace found = {.flags = 0};
    unsigned char version;
    if (traceparent.len < TRACE_PARENT_SIZE - 1 || !read_bytes(text, &version, 1) || version == 0xff)
        return false;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (traceparent.len > TRACE_PARENT_SIZE - 1 && (version == 0 || text[TRACE_PARENT_SIZE - 1] != '-'))
        return false;
    if (!read_bytes(text + 3, found.id, sizeof found.id) ||
        !read_bytes(text + 36, found.parent, sizeof found.parent) || !read_bytes(text + 53, &found.flags, 1))
        return false;
    if (is_zero(found.id, sizeof found.id) || is_zero(found.parent, sizeof found.parent))
        return false;
    found.flags &= version == 0 ? TRACE_SAMPLED | TRACE_RANDOM : TRACE_SAMPLED;
    make_bytes(found.span, sizeof found.span);
    *trace = found;
    return true;
}

/* ---- tracestate ---- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_number(char c)
{
    return c >= '0' && c <= '9';
}

/* A letter or a digit, then letters, digits, "_", "-", "*", "/", "@" (level 2, section 3.3.1.3.1, which takes all of
 * level 1). */
static bool key_is_good(struct slice key)
{
    if (key.len == 0 || key.len > 256 || !(is_lower(key.ptr[0]) || is_number(key.ptr[0])))
        return false;
    for (size_t i = 1; i < key.len; i++)
        if (!is_lower(key.ptr[i]) && !is_number(key.ptr[i]) && memchr("_-*/@", key.ptr[i], 5) == NULL)
            return false;
    return true;
}

/* Printable ASCII but for "," and "=" (section 3.3.1.3.2). */
static bool value_is_good(struct slice value)
{
    if (value.len == 0 || value.len > 256)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < ' ' || value.ptr[i] > '~' || value.ptr[i] == ',' || value.ptr[i] == '=')
            return false;
    return true;
}

/* Members may be empty; keys that are there twice are left to those who know them. */
bool trace_state_is_good(struct slice tracestate)
{
    size_t members = 0;
    if (tracestate.len == 0 || tracestate.len > TRACE_STATE_MAX)
        return false;
    while (tracestate.len > 0) {
        struct slice member = text_take(&tracestate, ',');
        const char *equals = member.len > 0 ? memchr(member.ptr, '=', member.len) : NULL;
        if (member.len == 0)
            continue;
        if (equals == NULL || ++members > MEMBERS_MAX)
            return false;
        struct slice key = {member.ptr, (size_t)(equals - member.ptr)},
                     value = {equals + 1, member.len - key.len - 1};
        if (!key_is_good(key) || !value_is_good(value))
            return false;
    }
    return members > 0;
}

/* ---- writing ---- */

void trace_write_id(const struct trace *trace, char out[static TRACE_ID_SIZE])
{
    write_bytes(out, trace->id, sizeof trace->id);
}

void trace_write_span(const unsigned char span[static TRACE_SPAN_BYTES], char out[static TRACE_SPAN_SIZE])
{
    write_bytes(out, span, TRACE_SPAN_BYTES);
}

void trace_write_parent(const struct trace *trace, char out[static TRACE_PARENT_SIZE])
{
    memcpy(out, "00-", 3);
    char *at = write_bytes(out + 3, trace->id, sizeof trace->id);
    *at++ = '-';
    at = write_bytes(at, trace->span, sizeof trace->span);
    *at++ = '-';
    write_bytes(at, &trace->flags, 1);
}
