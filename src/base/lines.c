/* lines_flush writes piece by piece, each of whole lines where they fit, and begins with the end of a torn one. */
#include <config.h>

#include "base/lines.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define KEPT_BYTES 16384u

/* A pipe that poll calls writable takes PIPE_BUF bytes without blocking; a file or terminal takes any. */
static bool write_piece(struct lines *lines, const char *bytes, size_t count)
{
    struct pollfd fd = {.fd = lines->fd, .events = POLLOUT};
    if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT))
        return false;
    ssize_t taken = write(lines->fd, bytes, count);
    if (taken > 0)
        lines->torn = bytes[taken - 1] != '\n';
    return taken == (ssize_t)count;
}

/* So that what comes next is a line of its own. Unless it cannot be: then nothing else can be written either. */
static bool end_torn_line(struct lines *lines)
{
    return !lines->torn || write_piece(lines, "\n", 1);
}

static int64_t count_lines(struct slice text)
{
    int64_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

/* Whole lines where they fit, so that a lost piece is lost lines. */
static size_t piece_of(struct slice text)
{
    if (text.len <= PIPE_BUF)
        return text.len;
    const char *end = memrchr(text.ptr, '\n', PIPE_BUF);
    return end != NULL ? (size_t)(end - text.ptr) + 1 : PIPE_BUF;
}

int64_t lines_flush(struct lines *lines, bool *begun)
{
    struct slice rest = buf_slice(&lines->text);
    int64_t lost = 0;
    *begun = false;
    while (rest.len > 0) {
        size_t piece = piece_of(rest);
        bool whole = *begun || end_torn_line(lines);
        if (!whole || !write_piece(lines, rest.ptr, piece)) {
            lost = count_lines(rest);
            break;
        }
        *begun = true;
        rest = (struct slice){rest.ptr + piece, rest.len - piece};
    }
    buf_clear(&lines->text);
    buf_trim(&lines->text, KEPT_BYTES);
    return lost;
}
