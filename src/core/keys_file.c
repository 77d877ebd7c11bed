/* keys_reading_step takes a piece of the file, and of that line by line (take_line), into a table and a list of what is
 * wrong. */
#include <config.h>

#include "core/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/key_line.h"

#define PIECE 65536u      /* bytes: 500 lines, half a millisecond */
#define LINE_EXPECTED 100 /* bytes */
#define WRONG_SHOWN 100u
#define WRONG_BYTES ((size_t)WRONG_SHOWN * (KEY_LINE_WHY_MAX + 64) + 256)

struct keys_reading {
    int file;
    struct keys *keys;
    struct buf text; /* what was read and not taken yet; less than a line between two steps */
    size_t line;     /* the number of the last that was taken */
    size_t wrong;
    struct buf error;
    bool skipping; /* the rest of a line that is too long */
};

/* ---- what a file is ---- */

struct keys_mark keys_file_mark(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return (struct keys_mark){.device = 0};
    return (struct keys_mark){.device = (uint64_t)info.st_dev,
                              .number = (uint64_t)info.st_ino,
                              .size = (uint64_t)info.st_size,
                              .changed = (int64_t)info.st_ctim.tv_sec * 1000000000 + info.st_ctim.tv_nsec};
}

bool keys_mark_equal(const struct keys_mark *a, const struct keys_mark *b)
{
    return a->device == b->device && a->number == b->number && a->size == b->size && a->changed == b->changed;
}

const char *keys_file_exposed(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return NULL;
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "others than its owner may write it; chmod 640 it, or 600";
    return (info.st_mode & S_IROTH) != 0 ? "everybody may read it; chmod 640 it, or 600" : NULL;
}

/* ---- reading ---- */

/* What is no file, such as a pipe, could be read once only. */
static int open_file(const char *path, size_t *length, char **error)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &info) != 0)
        *error = mem_dup(strerror(errno));
    else if (!S_ISREG(info.st_mode))
        *error = mem_dup("it is not a file");
    else {
        *length = (size_t)info.st_size;
        return file;
    }
    if (file >= 0)
        close(file);
    return -1;
}

struct keys_reading *keys_reading_new(const char *path, char **error)
{
    size_t length = 0;
    int file = open_file(path, &length, error);
    if (file < 0)
        return NULL;
    struct keys_reading *reading = mem_new(sizeof *reading);
    reading->file = file;
    reading->keys = keys_new(length / LINE_EXPECTED);
    reading->text = BUF_INIT(PIECE + KEY_LINE_MAX + 2);
    reading->error = BUF_INIT(WRONG_BYTES);
    return reading;
}

void keys_reading_free(struct keys_reading *reading)
{
    if (reading == NULL)
        return;
    close(reading->file);
    keys_free(reading->keys);
    buf_fini(&reading->text);
    buf_fini(&reading->error);
    free(reading);
}

static void refuse(struct keys_reading *reading, const char *why)
{
    if (reading->wrong++ < WRONG_SHOWN)
        buf_printf(&reading->error, "%sline %zu: %s", reading->error.len > 0 ? "\n" : "", reading->line, why);
}

static void take_line(struct keys_reading *reading, struct slice line)
{
    char name[KEY_NAME_MAX + 1], why[KEY_LINE_WHY_MAX];
    struct api_key key;
    reading->line++;
    enum key_line what = key_line_parse(line, &key, name, why);
    enum keys_added added = what == KEY_LINE_KEY ? keys_add(reading->keys, &key) : KEYS_ADDED;
    if (what == KEY_LINE_WRONG)
        refuse(reading, why);
    else if (added == KEYS_KNOWN)
        refuse(reading, "the same key stands in a line before");
    else if (added == KEYS_TOO_MANY)
        refuse(reading, "there are eight keys of this name already");
}

/* Whole lines of what was read; at the end of the file, the last one without its end as well. */
static void take_lines(struct keys_reading *reading, bool at_end)
{
    struct buf *text = &reading->text;
    size_t done = 0;
    while (done < text->len) {
        const char *begin = text->data + done, *end = memchr(begin, '\n', text->len - done);
        size_t length = end != NULL ? (size_t)(end - begin) : text->len - done;
        bool whole = end != NULL || at_end, long_line = length > KEY_LINE_MAX;
        if (!whole && !long_line)
            break;
        if (!reading->skipping)
            take_line(reading, (struct slice){begin, length});
        reading->skipping = !whole;
        done += length + (end != NULL);
    }
    buf_drop(text, done);
}

static enum keys_read finish(struct keys_reading *reading, struct keys **keys, char **error)
{
    if (reading->wrong == 0) {
        *keys = reading->keys;
        reading->keys = NULL;
        return KEYS_READ_DONE;
    }
    if (reading->wrong > WRONG_SHOWN)
        buf_printf(&reading->error, "\nand %zu lines more that are wrong", reading->wrong - WRONG_SHOWN);
    *error = mem_dup(buf_text(&reading->error));
    return KEYS_READ_WRONG;
}

enum keys_read keys_reading_step(struct keys_reading *reading, struct keys **keys, char **error)
{
    char *room = buf_room(&reading->text, PIECE);
    ssize_t length = read(reading->file, room, PIECE);
    if (length < 0 && errno == EINTR)
        return KEYS_READ_MORE;
    if (length < 0) {
        *error = mem_dup(strerror(errno));
        return KEYS_READ_WRONG;
    }
    reading->text.len += (size_t)length;
    take_lines(reading, length == 0);
    return length > 0 ? KEYS_READ_MORE : finish(reading, keys, error);
}

struct keys *keys_file_read(const char *path, struct keys_mark *mark, char **error)
{
    struct keys *keys = NULL;
    enum keys_read read = KEYS_READ_MORE;
    *mark = keys_file_mark(path);
    struct keys_reading *reading = keys_reading_new(path, error);
    while (reading != NULL && read == KEYS_READ_MORE)
        read = keys_reading_step(reading, &keys, error);
    keys_reading_free(reading);
    return keys;
}
