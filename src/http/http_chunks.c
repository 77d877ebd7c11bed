/* One byte after the other, by a state and the byte alone, so that pieces of any size make no difference. */
#include <config.h>

#include "http/http_chunks.h"

#include "http/http_parse.h"

#define OVERHEAD_MAX 16384u

enum {
    CHUNK_SIZE,
    CHUNK_PART_END, /* white space behind a size or an extension: another extension must follow */
    CHUNK_NAME_START,
    CHUNK_NAME,
    CHUNK_NAME_END,
    CHUNK_VALUE_START,
    CHUNK_VALUE,
    CHUNK_QUOTED,
    CHUNK_QUOTED_PAIR,
    CHUNK_QUOTED_END,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START,
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_NONE = -1, /* the byte does not fit */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token(char c)
{
    return http_token_char[(unsigned char)c];
}

/* What may stand in the value of a field, and in quotes behind a backslash. */
static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

/* Behind a size, or the name or value of an extension. */
static int behind_part(char c)
{
    return c == '\r'     ? CHUNK_SIZE_LF
           : c == ';'    ? CHUNK_NAME_START
           : is_blank(c) ? CHUNK_PART_END
                         : CHUNK_NONE;
}

static int size_byte(struct http_chunks *chunks, char c)
{
    int digit = hex_value(c);
    if (digit < 0)
        return chunks->digits ? behind_part(c) : CHUNK_NONE;
    chunks->digits = true;
    chunks->left = chunks->left << 4 | (unsigned)digit; /* too large is noticed long before it overflows */
    return CHUNK_SIZE;
}

static int quoted_byte(int state, char c)
{
    if (!is_text(c))
        return CHUNK_NONE;
    if (state == CHUNK_QUOTED_PAIR)
        return CHUNK_QUOTED;
    return c == '"' ? CHUNK_QUOTED_END : c == '\\' ? CHUNK_QUOTED_PAIR : CHUNK_QUOTED;
}

/* *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) */
static int extension_byte(int state, char c)
{
    switch (state) {
    case CHUNK_PART_END:
        return is_blank(c) ? state : c == ';' ? CHUNK_NAME_START : CHUNK_NONE;
    case CHUNK_NAME_START:
        return is_blank(c) ? state : is_token(c) ? CHUNK_NAME : CHUNK_NONE;
    case CHUNK_NAME:
        if (is_token(c) || c == '=')
            return c == '=' ? CHUNK_VALUE_START : state;
        return is_blank(c) ? CHUNK_NAME_END : behind_part(c);
    case CHUNK_NAME_END:
        return is_blank(c) ? state : c == '=' ? CHUNK_VALUE_START : c == ';' ? CHUNK_NAME_START : CHUNK_NONE;
    case CHUNK_VALUE_START:
        return is_blank(c) ? state : is_token(c) ? CHUNK_VALUE : c == '"' ? CHUNK_QUOTED : CHUNK_NONE;
    case CHUNK_VALUE:
        return is_token(c) ? state : behind_part(c);
    case CHUNK_QUOTED_END:
        return behind_part(c);
    default:
        return quoted_byte(state, c);
    }
}

/* *( name ":" value CR LF ) CR LF */
static int trailer_byte(int state, char c)
{
    switch (state) {
    case CHUNK_TRAILER_START:
        return c == '\r' ? CHUNK_END_LF : is_token(c) ? CHUNK_TRAILER_NAME : CHUNK_NONE;
    case CHUNK_TRAILER_NAME:
        return is_token(c) ? state : c == ':' ? CHUNK_TRAILER_VALUE : CHUNK_NONE;
    case CHUNK_TRAILER_VALUE:
        return c == '\r' ? CHUNK_TRAILER_LF : is_text(c) ? state : CHUNK_NONE;
    case CHUNK_TRAILER_LF:
        return c == '\n' ? CHUNK_TRAILER_START : CHUNK_NONE;
    default: /* CHUNK_END_LF */
        return c == '\n' ? state : CHUNK_NONE;
    }
}

/* The state behind one byte of what is not data. */
static int next_state(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE:
        return size_byte(chunks, c);
    case CHUNK_SIZE_LF:
        return c != '\n' ? CHUNK_NONE : chunks->left == 0 ? CHUNK_TRAILER_START : CHUNK_DATA;
    case CHUNK_DATA_CR:
        return c == '\r' ? CHUNK_DATA_LF : CHUNK_NONE;
    case CHUNK_DATA_LF:
        chunks->digits = false;
        return c == '\n' ? CHUNK_SIZE : CHUNK_NONE;
    default:
        return chunks->state < CHUNK_SIZE_LF ? extension_byte(chunks->state, c)
                                             : trailer_byte(chunks->state, c);
    }
}

static enum http_chunks_result take_byte(struct http_chunks *chunks, char c)
{
    int next = next_state(chunks, c);
    if (next == CHUNK_NONE)
        return HTTP_CHUNKS_MALFORMED;
    if (chunks->state == CHUNK_END_LF)
        return HTTP_CHUNKS_DONE;
    chunks->state = next;
    bool large = ++chunks->overhead > OVERHEAD_MAX || chunks->left > HTTP_BODY_MAX;
    return large ? HTTP_CHUNKS_TOO_LARGE : HTTP_CHUNKS_MORE;
}

static size_t take_data(struct http_chunks *chunks, const char *bytes, size_t length, struct buf *body)
{
    size_t take = length < chunks->left ? length : (size_t)chunks->left;
    buf_add(body, bytes, take);
    chunks->left -= take;
    if (chunks->left == 0)
        chunks->state = CHUNK_DATA_CR;
    return take;
}

enum http_chunks_result http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t length,
                                         size_t *used, struct buf *body)
{
    size_t i = 0;
    enum http_chunks_result result = HTTP_CHUNKS_MORE;
    while (i < length && result == HTTP_CHUNKS_MORE) {
        if (chunks->state != CHUNK_DATA) {
            result = take_byte(chunks, bytes[i++]);
            continue;
        }
        i += take_data(chunks, bytes + i, length - i, body);
        if (body->failed)
            result = HTTP_CHUNKS_TOO_LARGE;
    }
    *used = i;
    return result;
}

const char *http_chunks_fault(const struct http_chunks *chunks)
{
    if (chunks->state <= CHUNK_SIZE_LF)
        return "The size of a chunk, or an extension behind it, is malformed.";
    if (chunks->state <= CHUNK_DATA_LF)
        return "A chunk does not end in CR LF where its size says.";
    return "A trailer field behind the chunks is malformed.";
}
