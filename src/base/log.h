/* The log: one line an event on stderr, as text (logfmt) or JSON. Lines are gathered and leave once a loop
 * turn; a reader that stalls costs lines, never a turn. Fields carry typed values:
 *
 *     log_info("connection lost", LOG_S("reason", reason), LOG_I("outstanding", n));
 *
 * Secrets never go into a field; what might hold one is masked before. */
#ifndef ROWLOCK_BASE_LOG_H
#define ROWLOCK_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

extern const char *const log_level_names[]; /* by enum log_level; ends with NULL */

enum log_format {
    LOG_TEXT,
    LOG_JSON,
};

struct log_field {
    const char *key; /* NULL: skipped */
    enum {
        LOG_FIELD_TEXT,
        LOG_FIELD_INT,
        LOG_FIELD_MS, /* nanoseconds, shown as milliseconds with three decimals */
    } kind;
    struct slice text; /* .ptr NULL: skipped */
    int64_t number;
};

#define LOG_S(name, string)                                                                                  \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_TEXT, .text = slice_of(string)})
#define LOG_T(name, slice) ((struct log_field){.key = (name), .kind = LOG_FIELD_TEXT, .text = (slice)})
#define LOG_I(name, value)                                                                                   \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_INT, .number = (int64_t)(value)})
#define LOG_MS(name, ns) ((struct log_field){.key = (name), .kind = LOG_FIELD_MS, .number = (ns)})

void log_setup(enum log_level min, enum log_format format);

/* Every line names this worker from now on; 0: none. */
void log_set_worker(int worker);

bool log_enabled(enum log_level level);

/* When set, called once after a line was gathered into an empty buffer: the loop then calls log_flush at the
 * end of its turn. Without it every line leaves at once. */
void log_set_wakeup(void (*wakeup)(void *), void *argument);
void log_flush(void);

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count);

#define LOG_FIELDS(...) ((const struct log_field[]){{.key = NULL}, ##__VA_ARGS__})
#define LOG_AT(level, message, ...)                                                                          \
    do {                                                                                                     \
        if (log_enabled(level))                                                                              \
            log_write(level, message, LOG_FIELDS(__VA_ARGS__),                                               \
                      sizeof LOG_FIELDS(__VA_ARGS__) / sizeof(struct log_field));                            \
    } while (0)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

#endif
