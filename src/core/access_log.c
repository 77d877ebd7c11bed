/* access_log_add writes a line (access_log_line) behind those that have gathered; on_turn sends them on their way, and
 * tells now and then how many were lost. */
#include <config.h>

#include "core/access_log.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/mem.h"

#define GATHER_MAX ((size_t)1 << 20)
#define TELL_NS (10 * CLOCK_SECOND)

struct access_log {
    struct loop *loop;
    enum access_log_format format;
    struct lines lines;
    struct loop_task turn;
    int64_t lost, told; /* lines that were not told of yet; when the log was told last */
};

static void on_turn(void *argument);

struct access_log *access_log_new(struct loop *loop, enum access_log_format format)
{
    if (format == ACCESS_LOG_AS_LOG)
        return NULL;
    struct access_log *log = mem_new(sizeof *log);
    log->loop = loop;
    log->format = format;
    log->lines = (struct lines){.fd = STDOUT_FILENO, .text = BUF_INIT(GATHER_MAX)};
    loop_task_init(&log->turn, on_turn, log);
    return log;
}

void access_log_free(struct access_log *log)
{
    if (log == NULL)
        return;
    on_turn(log);
    loop_task_cancel(&log->turn);
    buf_fini(&log->lines.text);
    free(log);
}

/* ---- a line ---- */

/* As Apache writes it: quotes and backslashes behind a backslash, what is no printable ASCII by its number. */
static void add_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c > '~') {
            buf_printf(out, "\\x%02x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, (char)c);
    }
}

/* In quotes; what was not sent, or is empty, is a dash. */
static void add_quoted(struct buf *out, struct slice text)
{
    buf_add_string(out, " \"");
    if (text.len > 0)
        add_escaped(out, text);
    else
        buf_add_char(out, '-');
    buf_add_char(out, '"');
}

static void add_request(struct buf *out, const struct access *access)
{
    if (access->visitor->target.ptr == NULL) {
        buf_add_string(out, " \"-\"");
        return;
    }
    buf_printf(out, " \"%s ", access->method);
    add_escaped(out, access->visitor->target);
    buf_printf(out, " HTTP/1.%d\"", access->visitor->minor);
}

void access_log_line(struct buf *out, enum access_log_format format, const struct access *access)
{
    const struct visitor *visitor = access->visitor;
    buf_add_string(out, access->client[0] != '\0' ? access->client : "-");
    buf_printf(out, " - %s [%s]", access->user != NULL ? access->user : "-", clock_log_date());
    add_request(out, access);
    buf_printf(out, " %d ", access->status);
    if (access->bytes > 0)
        buf_add_int(out, (int64_t)access->bytes);
    else
        buf_add_char(out, '-');
    if (format == ACCESS_LOG_COMBINED) {
        add_quoted(out, visitor->referer);
        add_quoted(out, visitor->agent);
    }
    buf_add_char(out, '\n');
}

/* ---- lines ---- */

void access_log_add(struct access_log *log, const struct access *access)
{
    struct buf *text = &log->lines.text;
    size_t before = text->len;
    access_log_line(text, log->format, access);
    if (text->failed) {
        text->len = before;
        text->failed = false;
        log->lost++;
    }
    loop_defer(log->loop, &log->turn);
}

static void on_turn(void *argument)
{
    struct access_log *log = argument;
    bool begun;
    log->lost += lines_flush(&log->lines, &begun);
    int64_t now = log->lost > 0 ? clock_now() : 0;
    if (log->lost == 0 || (log->told != 0 && now - log->told < TELL_NS))
        return;
    log_warn("access log lines lost, stdout did not take them", LOG_I("lines", log->lost));
    log->lost = 0;
    log->told = now;
}
