/* How far a command is, on stderr. On a terminal it is one line that is drawn again: a bar, the number, the rate
 * and the time that is left. Where stderr is no terminal, a line every few seconds; on a terminal that cannot
 * draw (TERM=dumb), nothing. What is shown waits for nobody: a terminal that takes nothing now is left out.
 *
 * progress_begin -> progress_set or progress_add, as often as there is news -> progress_end. NULL is a progress
 * that nobody wants to see. One at a time: SIGINT and SIGTERM leave its line before they end the process.
 */
#ifndef ROWLOCK_BASE_PROGRESS_H
#define ROWLOCK_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_kind {
    PROGRESS_SILENT,
    PROGRESS_LINES, /* whole lines */
    PROGRESS_BAR,   /* one line, drawn again */
};

struct progress {
    const char *what; /* "orders"; borrowed */
    int64_t done, total;
    int64_t began, shown; /* of clock_now() */
    enum progress_kind kind;
};

void progress_begin(struct progress *progress, const char *what, int64_t total);
void progress_set(struct progress *progress, int64_t done);
void progress_add(struct progress *progress, int64_t more);

/* Takes the bar away until there is news: something else is written to the terminal. */
void progress_hide(struct progress *progress);

/* The bar stays, as it is now, on a line of its own. */
void progress_end(struct progress *progress);

#define PROGRESS_LINE_MAX 256

/* What is shown at that moment: of a bar, in less than columns columns. */
void progress_write(char out[PROGRESS_LINE_MAX], const struct progress *progress, int64_t now, int columns);

#endif
