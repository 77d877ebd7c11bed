/* The log. log_write formats a line into one buffer (add_line) and asks the loop for a turn; log_flush writes what has
 * gathered, once a turn. Lines that stderr does not take are dropped, and counted for a later line. */
#include <config.h>

#include "base/log.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/lines.h"

#define LOG_GATHER_MAX ((size_t)1 << 20)

const char *const log_level_names[] = {"debug", "info", "warn", "error", NULL};

static struct {
    enum log_level min;
    enum log_format format;
    int worker; /* named in every line; 0: there is but one */
    struct lines lines;
    int64_t dropped;  /* lines lost and not reported yet */
    int64_t reported; /* those that the first of the lines above reports; 0: it is an ordinary one */
    void (*wakeup)(void *);
    void *wakeup_argument;
} state = {
    .min = LOG_INFO, .format = LOG_TEXT, .lines = {.fd = STDERR_FILENO, .text = {.max = LOG_GATHER_MAX}}};

void log_setup(enum log_level min, enum log_format format)
{
    state.min = min;
    state.format = format;
}

void log_set_worker(int worker)
{
    state.worker = worker;
}

bool log_enabled(enum log_level level)
{
    return level >= state.min;
}

void log_set_wakeup(void (*wakeup)(void *), void *argument)
{
    state.wakeup = wakeup;
    state.wakeup_argument = argument;
}

void log_flush(void)
{
    bool begun;
    int64_t lost = lines_flush(&state.lines, &begun);
    state.dropped += lost;
    if (lost > 0 && !begun && state.reported > 0) /* the report was lost, and was no line of anybody's */
        state.dropped += state.reported - 1;
    state.reported = 0;
}

static void add_field_json(struct buf *out, const struct log_field *field)
{
    buf_add_char(out, ',');
    buf_add_json(out, slice_of(field->key));
    buf_add_char(out, ':');
    if (field->kind == LOG_FIELD_TEXT)
        buf_add_json(out, field->text);
    else if (field->kind == LOG_FIELD_INT)
        buf_add_int(out, field->number);
    else
        buf_printf(out, "%.3f", (double)field->number / 1e6);
}

static bool plain_word(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return false;
    }
    return text.len > 0;
}

static void add_field_text(struct buf *out, const struct log_field *field)
{
    buf_add_char(out, ' ');
    buf_add_string(out, field->key);
    buf_add_char(out, '=');
    if (field->kind == LOG_FIELD_TEXT) {
        if (plain_word(field->text))
            buf_add_slice(out, field->text);
        else
            buf_add_json(out, field->text);
    } else if (field->kind == LOG_FIELD_INT) {
        buf_add_int(out, field->number);
    } else {
        buf_printf(out, "%.3f", (double)field->number / 1e6);
    }
}

static void add_line(struct buf *out, enum log_level level, const char *message,
                     const struct log_field *fields, size_t count)
{
    char now[40];
    clock_rfc3339(now, sizeof now);
    if (state.format == LOG_JSON) {
        buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", now, log_level_names[level]);
        buf_add_json(out, slice_of(message));
    } else {
        buf_printf(out, "%s %-5s %s", now, log_level_names[level], message);
    }
    struct log_field worker = LOG_I("worker", state.worker);
    if (state.worker > 0)
        (state.format == LOG_JSON ? add_field_json : add_field_text)(out, &worker);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].key == NULL || (fields[i].kind == LOG_FIELD_TEXT && fields[i].text.ptr == NULL))
            continue;
        if (state.format == LOG_JSON)
            add_field_json(out, &fields[i]);
        else
            add_field_text(out, &fields[i]);
    }
    buf_add_string(out, state.format == LOG_JSON ? "}\n" : "\n");
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    bool first = state.lines.text.len == 0;
    size_t before = state.lines.text.len;
    if (first && state.dropped > 0) {
        state.reported = state.dropped;
        state.dropped = 0;
        add_line(&state.lines.text, LOG_WARN, "log lines lost, stderr did not take them",
                 (const struct log_field[]){LOG_I("lines", state.reported)}, 1);
    }
    add_line(&state.lines.text, level, message, fields, count);
    if (state.lines.text.failed) {
        state.lines.text.len = before;
        state.lines.text.failed = false;
        state.dropped++;
        return;
    }
    if (state.wakeup == NULL)
        log_flush();
    else if (first)
        state.wakeup(state.wakeup_argument);
}
