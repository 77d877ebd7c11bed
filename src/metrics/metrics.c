/* The mapping: a head, and behind it the slots. A slot is its owner's number and the cells, in the order of the table:
 * of each metric a cell for each combination of its labels, of a histogram one for each bucket and the sum. */
#include <config.h>

#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#define LINE 64u /* of the processor's cache */
#define RESERVED (-1)

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counting in shared memory must need no lock");

struct label_values {
    char **texts;
    size_t count;
};

/* The processes share it; each has a line of its own, and so have its cells. */
struct slot {
    _Alignas(LINE) _Atomic int64_t owner; /* its process id, RESERVED, or 0: nobody */
    _Alignas(LINE) _Atomic uint64_t cells[];
};

struct head {
    _Alignas(LINE) _Atomic size_t
        used; /* no slot from here on was ever attached, and none of their memory is touched */
};

static struct label_values values_of[LABELS];
static struct head *head;
static size_t slot_count, slot_size; /* size in bytes */
static size_t own_slot = SIZE_MAX;
_Atomic uint64_t *metrics_cells;
size_t metrics_places[METRICS];
static size_t exemplars_at[METRICS]; /* behind all of these: the first cell of its exemplars */

/* The cells of an exemplar. They are written by one process and read by others, who see by its turn whether it is whole:
 * odd while it is written, and another one afterwards. */
enum {
    EXEMPLAR_TURN,
    EXEMPLAR_TRACE,
    EXEMPLAR_VALUE = EXEMPLAR_TRACE + METRIC_TRACE_BYTES / sizeof(uint64_t),
    EXEMPLAR_TIME,
    EXEMPLAR_CELLS,
};

/* ---- values of labels ---- */

/* As in both formats: a backslash before itself, quotes and line feeds. */
static void add_escaped(struct buf *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            buf_add_char(text, '\\');
        if (*value == '\n')
            buf_add_string(text, "\\n");
        else
            buf_add_char(text, *value);
    }
}

void metrics_add_value(enum metric_label label, const struct metric_pair *pairs, size_t count)
{
    struct label_values *values = &values_of[label];
    struct buf text = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%s=\"", i > 0 ? "," : "", pairs[i].name);
        add_escaped(&text, pairs[i].value);
        buf_add_char(&text, '"');
    }
    values->texts = mem_resize(values->texts, (values->count + 1) * sizeof *values->texts);
    values->texts[values->count++] = mem_dup(buf_text(&text));
    buf_fini(&text);
}

size_t metrics_values(enum metric_label label)
{
    return label == LABEL_NONE ? 1 : values_of[label].count;
}

const char *metrics_value(enum metric_label label, size_t at)
{
    return values_of[label].texts[at];
}

static void add_words(enum metric_label label)
{
    const struct metric_words *words = &metric_words[label];
    for (size_t i = 0; i < words->count; i++)
        metrics_add_value(label, &(struct metric_pair){words->name, words->words[i]}, 1);
}

/* ---- opening ---- */

/* How many cells a combination of labels has. */
static size_t cells_of(const struct metric_row *row)
{
    return row->type == METRIC_HISTOGRAM ? row->bounds->count + 2 : 1;
}

static size_t combinations(const struct metric_row *row)
{
    size_t count = 1;
    for (size_t i = 0; i < METRIC_LABELS_MAX; i++)
        count *= metrics_values(row->labels[i]);
    return count;
}

static size_t exemplars_of(const struct metric_row *row)
{
    return row->traced ? combinations(row) * (row->bounds->count + 1) : 0;
}

/* The size of a slot. Exemplars are apart, because there are few traces and many counts. */
static size_t lay_out(void)
{
    size_t cells = 0;
    for (int i = 0; i < METRICS; i++) {
        metrics_places[i] = cells;
        cells += combinations(&metric_rows[i]) * cells_of(&metric_rows[i]);
    }
    for (int i = 0; i < METRICS; i++) {
        exemplars_at[i] = cells;
        cells += exemplars_of(&metric_rows[i]) * EXEMPLAR_CELLS;
    }
    return (sizeof(struct slot) + cells * sizeof(uint64_t) + LINE - 1) / LINE * LINE;
}

static size_t mapping_size(void)
{
    return sizeof(struct head) + slot_count * slot_size;
}

bool metrics_open(size_t slots)
{
    for (int label = 0; label < LABELS; label++)
        add_words((enum metric_label)label);
    slot_count = slots;
    slot_size = lay_out();
    void *mapping =
        mmap(NULL, mapping_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    head = mapping;
    return true;
}

void metrics_close(void)
{
    if (head != NULL)
        munmap(head, mapping_size());
    head = NULL;
    metrics_cells = NULL;
    own_slot = SIZE_MAX;
    for (int label = 0; label < LABELS; label++) {
        while (values_of[label].count > 0)
            free(values_of[label].texts[--values_of[label].count]);
        free(values_of[label].texts);
        values_of[label].texts = NULL;
    }
}

/* ---- processes ---- */

static struct slot *slot_at(size_t index)
{
    return (struct slot *)(void *)((char *)(head + 1) + index * slot_size);
}

size_t metrics_reserve(void)
{
    size_t slot = 1;
    if (head == NULL)
        return 0;
    while (slot < slot_count - 1 && atomic_load(&slot_at(slot)->owner) != 0)
        slot++;
    atomic_store(&slot_at(slot)->owner, RESERVED);
    return slot;
}

void metrics_attach(size_t slot)
{
    if (head == NULL)
        return;
    size_t used = atomic_load(&head->used);
    while (used <= slot && !atomic_compare_exchange_weak(&head->used, &used, slot + 1))
        ;
    atomic_store(&slot_at(slot)->owner, getpid());
    metrics_cells = slot_at(slot)->cells;
    own_slot = slot;
}

size_t metrics_slot(void)
{
    return own_slot;
}

bool metrics_is_attached(size_t slot)
{
    return atomic_load(&slot_at(slot)->owner) > 0;
}

static void clear_gauge(struct slot *slot, int metric)
{
    for (size_t at = 0; at < combinations(&metric_rows[metric]); at++)
        atomic_store_explicit(&slot->cells[metrics_places[metric] + at], 0, memory_order_relaxed);
}

void metrics_release(size_t slot)
{
    if (head == NULL || slot == 0)
        return;
    for (int metric = 0; metric < METRICS; metric++)
        if (metric_rows[metric].type == METRIC_GAUGE)
            clear_gauge(slot_at(slot), metric);
    atomic_store(&slot_at(slot)->owner, 0);
}

/* ---- counting ---- */

/* Slot 0 is never given to another, so nobody clears it. What is there is one more: 0 is what was never set. */
void metric_set_for_all(enum metric metric, size_t at, uint64_t value)
{
    if (head != NULL)
        atomic_store_explicit(&slot_at(0)->cells[metrics_places[metric] + at], value + 1,
                              memory_order_relaxed);
}

static size_t bucket_of(const struct metric_bounds *bounds, uint64_t value)
{
    size_t bucket = 0;
    while (bucket < bounds->count && value > bounds->at[bucket])
        bucket++;
    return bucket;
}

void metric_observe(enum metric metric, size_t at, uint64_t value)
{
    const struct metric_bounds *bounds = metric_rows[metric].bounds;
    if (metrics_cells == NULL)
        return;
    _Atomic uint64_t *cells = &metrics_cells[metrics_places[metric] + at * (bounds->count + 2)];
    size_t bucket = bucket_of(bounds, value);
    atomic_fetch_add_explicit(&cells[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cells[bounds->count + 1], value, memory_order_relaxed);
}

static size_t exemplar_cell(enum metric metric, size_t at, size_t bucket)
{
    size_t buckets = metric_rows[metric].bounds->count + 1;
    return exemplars_at[metric] + (at * buckets + bucket) * EXEMPLAR_CELLS;
}

/* Where two processes share a slot, who comes second leaves it. */
void metric_exemplify(enum metric metric, size_t at, uint64_t value,
                      const unsigned char trace[static METRIC_TRACE_BYTES])
{
    size_t bucket = bucket_of(metric_rows[metric].bounds, value);
    uint64_t id[METRIC_TRACE_BYTES / sizeof(uint64_t)];
    if (metrics_cells == NULL)
        return;
    _Atomic uint64_t *cells = &metrics_cells[exemplar_cell(metric, at, bucket)];
    uint64_t turn = atomic_load(&cells[EXEMPLAR_TURN]);
    if (turn % 2 != 0 || !atomic_compare_exchange_strong(&cells[EXEMPLAR_TURN], &turn, turn + 1))
        return;
    memcpy(id, trace, sizeof id);
    for (size_t i = 0; i < sizeof id / sizeof id[0]; i++)
        atomic_store(&cells[EXEMPLAR_TRACE + i], id[i]);
    atomic_store(&cells[EXEMPLAR_VALUE], value);
    atomic_store(&cells[EXEMPLAR_TIME], (uint64_t)clock_wall());
    atomic_store(&cells[EXEMPLAR_TURN], turn + 2);
}

/* ---- reading ---- */

static uint64_t sum_cells(size_t cell)
{
    uint64_t sum = 0;
    for (size_t slot = 0; slot < metrics_slots(); slot++)
        sum += atomic_load_explicit(&slot_at(slot)->cells[cell], memory_order_relaxed);
    return sum;
}

uint64_t metrics_sum(enum metric metric, size_t at)
{
    return sum_cells(metrics_places[metric] + at);
}

void metrics_sum_buckets(enum metric metric, size_t at, uint64_t *buckets, uint64_t *sum)
{
    size_t count = metric_rows[metric].bounds->count, first = metrics_places[metric] + at * (count + 2);
    for (size_t i = 0; i <= count; i++)
        buckets[i] = sum_cells(first + i);
    *sum = sum_cells(first + count + 1);
}

/* False: there is none, or it is being written. */
static bool read_exemplar(const _Atomic uint64_t *cells, struct metric_exemplar *found)
{
    uint64_t id[METRIC_TRACE_BYTES / sizeof(uint64_t)], turn = atomic_load(&cells[EXEMPLAR_TURN]);
    for (size_t i = 0; i < sizeof id / sizeof id[0]; i++)
        id[i] = atomic_load(&cells[EXEMPLAR_TRACE + i]);
    memcpy(found->trace, id, sizeof found->trace);
    found->value = atomic_load(&cells[EXEMPLAR_VALUE]);
    found->at = (int64_t)atomic_load(&cells[EXEMPLAR_TIME]);
    return turn != 0 && turn % 2 == 0 && turn == atomic_load(&cells[EXEMPLAR_TURN]);
}

bool metrics_exemplar(enum metric metric, size_t at, size_t bucket, struct metric_exemplar *newest)
{
    struct metric_exemplar found;
    bool any = false;
    for (size_t slot = 0; slot < metrics_slots(); slot++) {
        if (!read_exemplar(&slot_at(slot)->cells[exemplar_cell(metric, at, bucket)], &found) ||
            (any && found.at <= newest->at))
            continue;
        *newest = found;
        any = true;
    }
    return any;
}

bool metrics_of(size_t slot, enum metric metric, uint64_t *value)
{
    *value = atomic_load_explicit(&slot_at(slot)->cells[metrics_places[metric]], memory_order_relaxed);
    return atomic_load(&slot_at(slot)->owner) > 0;
}

size_t metrics_slots(void)
{
    return head != NULL ? atomic_load(&head->used) : 0;
}
