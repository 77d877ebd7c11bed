/* progress_set -> show, when it is time for it -> progress_write, which puts the line together -> emit. */
#include <config.h>

#include "base/progress.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_EVERY (100 * CLOCK_MS)
#define LINE_EVERY (5 * CLOCK_SECOND)
#define COLUMNS 80 /* of a terminal that does not say */
#define BAR_MIN 10
#define BAR_MAX 40
#define PART_MAX 96
#define WORD_MAX 40
#define TO_BEGIN "\r\033[K" /* back, and what stands there is gone */

/* ---- words ---- */

static void write_time(char out[WORD_MAX], int64_t seconds)
{
    if (seconds < 60)
        snprintf(out, WORD_MAX, "%d s", (int)seconds);
    else if (seconds < 3600)
        snprintf(out, WORD_MAX, "%d min %d s", (int)(seconds / 60), (int)(seconds % 60));
    else
        snprintf(out, WORD_MAX, "%lld h %d min", (long long)(seconds / 3600), (int)(seconds % 3600 / 60));
}

/* Small ones with a digit behind the point. */
static void write_number(char out[WORD_MAX], double number)
{
    if (number < 9.95)
        snprintf(out, WORD_MAX, "%.1f", number);
    else
        snprintf(out, WORD_MAX, "%lld", (long long)(number + 0.5));
}

/* "1200/s, 3 s left", or in the end "1200/s in 7 s"; empty as long as nothing is known. */
static void write_rate(char out[PART_MAX], const struct progress *progress, int64_t now)
{
    char time[WORD_MAX], number[WORD_MAX];
    int64_t left = progress->total - progress->done;
    double seconds = (double)(now - progress->began) / (double)CLOCK_SECOND;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    out[0] = '\0';
    if (rate <= 0)
        return;
    write_time(time, (int64_t)(left > 0 ? (double)left / rate + 0.5 : seconds + 0.5));
    write_number(number, rate);
    snprintf(out, PART_MAX, "%s/s%s %s%s", number, left > 0 ? "," : " in", time, left > 0 ? " left" : "");
}

static void write_count(char out[PART_MAX], const struct progress *progress)
{
    snprintf(out, PART_MAX, "%lld/%lld", (long long)progress->done, (long long)progress->total);
}

static void write_bar(char out[BAR_MAX + 4], const struct progress *progress, int width)
{
    int64_t filled =
        progress->total > 0 ? (int64_t)((double)progress->done / (double)progress->total * width) : width;
    if (width < BAR_MIN) {
        out[0] = '\0';
        return;
    }
    out[0] = '[';
    memset(out + 1, '.', (size_t)width);
    memset(out + 1, '#', (size_t)(filled < width ? filled : width));
    strcpy(out + 1 + width, "] ");
}

void progress_write(char out[PROGRESS_LINE_MAX], const struct progress *progress, int64_t now, int columns)
{
    char count[PART_MAX], rate[PART_MAX], bar[BAR_MAX + 4];
    write_count(count, progress);
    write_rate(rate, progress, now);
    if (progress->kind != PROGRESS_BAR) {
        snprintf(out, PROGRESS_LINE_MAX, "%s: %s%s%s", progress->what, count, rate[0] != '\0' ? ", " : "",
                 rate);
        return;
    }
    int words = (int)(strlen(progress->what) + strlen(count) + strlen(rate)) + 2;
    int width = columns - 1 - words - 3; /* brackets and what is between them and the number */
    write_bar(bar, progress, width < BAR_MAX ? width : BAR_MAX);
    snprintf(out, PROGRESS_LINE_MAX, "%s %s%s %s", progress->what, bar, count, rate);
    if (columns > 0 && columns < PROGRESS_LINE_MAX)
        out[columns - 1] = '\0';
}

/* ---- the terminal ---- */

static volatile sig_atomic_t drawn; /* a bar stands in the line of the cursor */
static struct sigaction before_int, before_term;

static int columns_of(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

/* It is for people: what does not fit into the terminal now is not waited for. */
static bool emit(const char *text)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 &&
           write(STDERR_FILENO, text, strlen(text)) == (ssize_t)strlen(text);
}

static void show(struct progress *progress, int64_t now)
{
    char line[PROGRESS_LINE_MAX], text[PROGRESS_LINE_MAX + sizeof TO_BEGIN + 1];
    bool bar = progress->kind == PROGRESS_BAR;
    progress_write(line, progress, now, columns_of());
    snprintf(text, sizeof text, "%s%s%s", bar ? TO_BEGIN : "", line, bar ? "" : "\n");
    progress->shown = now;
    drawn = bar; /* before it is, because a signal may come between */
    emit(text);
}

/* The line of the bar is left as it is, then the signal does what it did before. */
static void on_signal(int number)
{
    if (drawn && write(STDERR_FILENO, "\n", 1) < 0)
        drawn = 0;
    sigaction(number, number == SIGINT ? &before_int : &before_term, NULL);
    raise(number);
}

static void catch_signal(int number, struct sigaction *before)
{
    struct sigaction now = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(number, NULL, before);
    if (before->sa_handler != SIG_IGN) /* nohup, or a job in the background */
        sigaction(number, &now, NULL);
}

/* ---- life ---- */

static enum progress_kind kind_of_stderr(void)
{
    const char *term = getenv("TERM");
    if (isatty(STDERR_FILENO) != 1)
        return PROGRESS_LINES;
    return term != NULL && strcmp(term, "dumb") == 0 ? PROGRESS_SILENT : PROGRESS_BAR;
}

void progress_begin(struct progress *progress, const char *what, int64_t total)
{
    int64_t now = clock_now();
    *progress =
        (struct progress){.what = what, .total = total, .began = now, .shown = now, .kind = kind_of_stderr()};
    if (progress->kind == PROGRESS_BAR) {
        catch_signal(SIGINT, &before_int);
        catch_signal(SIGTERM, &before_term);
    }
}

void progress_set(struct progress *progress, int64_t done)
{
    if (progress == NULL)
        return;
    int64_t now = clock_now(), every = progress->kind == PROGRESS_BAR ? BAR_EVERY : LINE_EVERY;
    progress->done = done;
    if (progress->kind != PROGRESS_SILENT && now - progress->shown >= every)
        show(progress, now);
}

void progress_add(struct progress *progress, int64_t more)
{
    if (progress != NULL)
        progress_set(progress, progress->done + more);
}

void progress_hide(struct progress *progress)
{
    if (progress->kind == PROGRESS_BAR && drawn && emit(TO_BEGIN))
        drawn = 0;
}

void progress_end(struct progress *progress)
{
    if (progress->kind != PROGRESS_BAR)
        return;
    if (progress->done > 0)
        show(progress, clock_now());
    if (drawn)
        emit("\n");
    drawn = 0;
    sigaction(SIGINT, &before_int, NULL);
    sigaction(SIGTERM, &before_term, NULL);
    progress->kind = PROGRESS_SILENT;
}
