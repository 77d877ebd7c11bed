/* response: see response.h */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "die.h"

enum { HEAD_MAX = 8192 };

static bool is_header(const char *line, size_t len, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return false;
    for (n++; n < len && (line[n] == ' ' || line[n] == '\t'); n++)
        ;
    *value = line + n;
    return true;
}

/* A head is complete: status, framing, and whether the connection ends after it. */
static void read_head(struct response *response, const char *head, size_t len)
{
    const char *end = head + len, *line = memchr(head, '\n', len), *value;
    if (len < 12 || memcmp(head, "HTTP/1.", 7) != 0 || !line)
        die("not an HTTP response: %.*s", (int)(len < 40 ? len : 40), head);
    response->status = (unsigned)((head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0'));
    response->close_after = head[7] == '0';
    response->left = 0;
    response->phase = PHASE_BODY;
    bool framed = response->status == 204 || response->status == 304;
    for (line++; line < end && *line != '\r'; line++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            break;
        size_t n = (size_t)(next - line);
        switch (line[0] | 0x20) { /* two names in three are told apart by their first letter */
        case 'c':
            if (is_header(line, n, "content-length", &value)) {
                response->left = strtoull(value, NULL, 10);
                framed = true;
            } else if (is_header(line, n, "connection", &value)) {
                if (strncasecmp(value, "close", 5) == 0)
                    response->close_after = true;
                else if (strncasecmp(value, "keep-alive", 10) == 0)
                    response->close_after = false;
            }
            break;
        case 't':
            if (is_header(line, n, "transfer-encoding", &value) && strncasecmp(value, "chunked", 7) == 0) {
                response->phase = PHASE_CHUNK_SIZE;
                response->chunk_ext = false;
                framed = true;
            }
            break;
        default:
            break;
        }
        line = next;
    }
    if (!framed)
        die("a response with neither Content-Length nor chunks");
    if (response->status >= RESPONSE_CODES)
        die("a response with status %u", response->status);
}

/* Collects a head, also one that comes in pieces. The bytes used of those given; sets the phase when complete. */
static size_t take_head(struct response *response, const char *bytes, size_t len)
{
    if (response->head_len == 0) {
        const char *end = memmem(bytes, len, "\r\n\r\n", 4);
        if (end) {
            size_t n = (size_t)(end - bytes) + 4;
            read_head(response, bytes, n);
            return n;
        }
    }
    if (!response->head && !(response->head = malloc(HEAD_MAX)))
        die("out of memory");
    for (size_t i = 0; i < len; i++) {
        if (response->head_len == HEAD_MAX)
            die("a response head is longer than %d bytes", HEAD_MAX);
        response->head[response->head_len++] = bytes[i];
        if (bytes[i] == '\n' && response->head_len >= 4 &&
            memcmp(response->head + response->head_len - 4, "\r\n\r\n", 4) == 0) {
            read_head(response, response->head, response->head_len);
            response->head_len = 0;
            return i + 1;
        }
    }
    return len;
}

static void take_chunk_size_byte(struct response *response, char c)
{
    if (c == '\n') {
        response->phase = response->left ? PHASE_CHUNK_DATA : PHASE_TRAILER;
        response->line = 0;
    } else if (c == '\r' || c == ';' || c == ' ' || response->chunk_ext) {
        response->chunk_ext = true;
    } else if (c >= '0' && c <= '9') {
        response->left = response->left * 16 + (uint64_t)(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        response->left = response->left * 16 + (uint64_t)((c | 0x20) - 'a') + 10;
    } else {
        die("a chunk size has the character %d", c);
    }
}

bool response_take(struct response *response, const char *bytes, size_t len, size_t *used)
{
    size_t at = 0;
    while (at < len || (response->phase == PHASE_BODY && response->left == 0)) {
        size_t n = len - at;
        switch (response->phase) {
        case PHASE_HEAD:
            at += take_head(response, bytes + at, n);
            break;
        case PHASE_BODY:
        case PHASE_CHUNK_DATA:
            if (n > response->left)
                n = (size_t)response->left;
            response->left -= n;
            at += n;
            if (response->left == 0 && response->phase == PHASE_BODY) {
                response->phase = PHASE_HEAD;
                *used = at;
                return true;
            }
            if (response->left == 0)
                response->phase = PHASE_CHUNK_END;
            break;
        case PHASE_CHUNK_END:
            if (bytes[at++] == '\n') {
                response->phase = PHASE_CHUNK_SIZE;
                response->chunk_ext = false;
            }
            break;
        case PHASE_CHUNK_SIZE:
            take_chunk_size_byte(response, bytes[at++]);
            break;
        case PHASE_TRAILER:
            if (bytes[at] == '\n' && response->line == 0) {
                response->phase = PHASE_HEAD;
                *used = at + 1;
                return true;
            }
            response->line = bytes[at] == '\n' ? 0 : response->line + (bytes[at] != '\r');
            at++;
            break;
        }
    }
    *used = at;
    return false;
}

void response_reset(struct response *response)
{
    response->phase = PHASE_HEAD;
    response->head_len = 0;
}

void response_fini(struct response *response)
{
    free(response->head);
    response->head = NULL;
}
