/* picture_write: the moments in order, then a row a call. */
#include <config.h>

#include "prove/picture.h"

#include <stdlib.h>

#include "base/mem.h"
#include "prove/words.h"

#define WIDTH 960
#define MARGIN 20
#define TOP 62 /* of the first row */
#define ROW 46
#define ROWS_MAX 40

struct drawing {
    const struct history *history;
    const struct finding *finding;
    int64_t *moments; /* sorted */
    size_t moment_count, rows;
};

static int compare_moments(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static const struct prove_call *call_of(const struct drawing *drawing, size_t row)
{
    return &drawing->history->calls[drawing->finding->calls[row]];
}

static bool is_open(const struct prove_call *call)
{
    return call->end < 0 || call->answer == PROVE_UNKNOWN;
}

static void find_moments(struct drawing *drawing)
{
    drawing->moments = mem_array(drawing->rows * 2 + 1, sizeof *drawing->moments);
    for (size_t i = 0; i < drawing->rows; i++) {
        const struct prove_call *call = call_of(drawing, i);
        drawing->moments[drawing->moment_count++] = call->begin;
        if (!is_open(call))
            drawing->moments[drawing->moment_count++] = call->end;
    }
    qsort(drawing->moments, drawing->moment_count, sizeof *drawing->moments, compare_moments);
}

/* From the left: moments at equal distances. */
static double place_of(const struct drawing *drawing, int64_t moment)
{
    size_t before = 0;
    while (before < drawing->moment_count && drawing->moments[before] < moment)
        before++;
    return MARGIN + (double)(WIDTH - 2 * MARGIN) * (double)before / (double)(drawing->moment_count + 1);
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '<':
            buf_add_string(out, "&lt;");
            break;
        case '>':
            buf_add_string(out, "&gt;");
            break;
        case '&':
            buf_add_string(out, "&amp;");
            break;
        default:
            buf_add_char(out, (char)((unsigned char)*text < ' ' ? '?' : *text));
        }
}

static void add_text(struct buf *out, double x, double y, const char *class, const char *anchor,
                     struct buf *text)
{
    const char *words = buf_text(text);
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y, class, anchor);
    add_escaped(out, words != NULL ? words : "");
    buf_add_string(out, "</text>\n");
    buf_fini(text);
}

static void add_style(struct buf *out)
{
    buf_add_string(
        out, "<style>"
             "svg{--ink:#1f2328;--soft:#59636e;--bar:#0969da;--bad:#cf222e;--paper:#ffffff;--line:#d1d9e0}"
             "@media(prefers-color-scheme:dark){svg{--ink:#f0f6fc;--soft:#9198a1;--bar:#4493f8;--bad:#f85149;"
             "--paper:#0d1117;--line:#3d444d}}"
             "text{font:13px system-ui,sans-serif;fill:var(--ink)}.head{font-size:14px;font-weight:600}"
             ".when{fill:var(--soft);font-size:12px}.paper{fill:var(--paper)}.bar{fill:var(--bar)}"
             ".last{fill:var(--bad)}.open{fill:none;stroke:var(--bar);stroke-width:1.5;stroke-dasharray:4 3}"
             ".line{stroke:var(--line)}</style>\n");
}

static void add_bar(struct buf *out, const struct drawing *drawing, size_t row, double y)
{
    const struct prove_call *call = call_of(drawing, row);
    bool open = is_open(call), last = drawing->finding->calls[row] == drawing->finding->last;
    double from = place_of(drawing, call->begin), to = open ? WIDTH - MARGIN : place_of(drawing, call->end);
    if (to < from + 6)
        to = from + 6;
    buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"8\" rx=\"3\" class=\"%s\"/>\n", from,
               y + 24, to - from,
               open   ? "open"
               : last ? "last"
                      : "bar");
}

static void add_row(struct buf *out, const struct drawing *drawing, size_t row)
{
    const struct prove_call *call = call_of(drawing, row);
    const struct finding *finding = drawing->finding;
    double y = TOP + (double)row * ROW;
    struct buf words = BUF_INIT(WORDS_MAX), when = BUF_INIT(WORDS_MAX);
    words_add_asked(&words, drawing->history, call);
    buf_add_string(&words, ": ");
    words_add_told(&words, drawing->history, call, finding->kind == FINDING_ORDER ? finding->order : 0);
    words_add_when(&when, call);
    buf_printf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"line\"/>\n", MARGIN,
               WIDTH - MARGIN, y, y);
    add_text(out, MARGIN, y + 17, "what", "start", &words);
    add_text(out, WIDTH - MARGIN, y + 17, "when", "end", &when);
    add_bar(out, drawing, row, y);
}

static void add_head(struct buf *out, const struct drawing *drawing, int height)
{
    struct buf head = BUF_INIT(WORDS_MAX), note = BUF_INIT(WORDS_MAX);
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
               "role=\"img\">\n<title>",
               WIDTH, height, WIDTH, height);
    words_add_headline(&head, drawing->history, drawing->finding);
    add_escaped(out, buf_text(&head));
    buf_add_string(out, "</title>\n");
    add_style(out);
    buf_printf(out, "<rect width=\"%d\" height=\"%d\" class=\"paper\"/>\n", WIDTH, height);
    add_text(out, MARGIN, 26, "head", "start", &head);
    buf_printf(&note, "these answers contradict one another, whatever else happened%s",
               drawing->rows < drawing->finding->count ? "; the first of them" : "");
    add_text(out, MARGIN, 46, "when", "start", &note);
}

void picture_write(struct buf *out, const struct history *history, const struct finding *finding)
{
    struct drawing drawing = {.history = history, .finding = finding};
    drawing.rows = finding->count < ROWS_MAX ? finding->count : ROWS_MAX;
    find_moments(&drawing);
    add_head(out, &drawing, TOP + (int)drawing.rows * ROW + MARGIN);
    for (size_t i = 0; i < drawing.rows; i++)
        add_row(out, &drawing, i);
    buf_add_string(out, "</svg>\n");
    free(drawing.moments);
}
