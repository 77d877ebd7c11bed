/* Writing: history_write_begin, history_write_end. Reading: history_read -> read_line -> read_members, by the
 * table of members -> take_head, take_begin or take_end. */
#include <config.h>

#include "prove/history_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"

#define LINE_MAX_BYTES ((size_t)16 << 20)
#define HISTORY_VERSION 1

/* ---- writing ---- */

struct history_writer {
    FILE *file;
    struct buf line;
};

static void write_line(struct history_writer *writer)
{
    buf_add_string(&writer->line, "}\n");
    fwrite(writer->line.data, 1, writer->line.len, writer->file);
}

static void open_line(struct history_writer *writer)
{
    buf_clear(&writer->line);
    jsonout_open(&writer->line, '{');
}

struct history_writer *history_writer_new(const char *path, const char *url, int64_t seed)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return NULL;
    struct history_writer *writer = mem_new(sizeof *writer);
    char began[32];
    writer->file = file;
    writer->line = BUF_INIT(LINE_MAX_BYTES);
    clock_rfc3339(began, sizeof began);
    open_line(writer);
    jsonout_named_text(&writer->line, "rowlock", "history");
    jsonout_named_int(&writer->line, "version", HISTORY_VERSION);
    jsonout_named_text(&writer->line, "url", url);
    jsonout_named_int(&writer->line, "seed", seed);
    jsonout_named_text(&writer->line, "began", began);
    write_line(writer);
    return writer;
}

static void add_int(struct buf *line, const char *name, int64_t number)
{
    if (number > 0)
        jsonout_named_int(line, name, number);
}

static void add_text(struct buf *line, const char *name, const struct history *history, int text)
{
    if (text >= 0)
        jsonout_named_text(line, name, history_name(history, text));
}

void history_write_begin(struct history_writer *writer, const struct history *history, size_t index)
{
    const struct prove_call *call = &history->calls[index];
    struct buf *line = &writer->line;
    open_line(writer);
    jsonout_named_int(line, "call", call->number);
    jsonout_named_int(line, "at", call->begin);
    jsonout_named_int(line, "client", call->client);
    jsonout_named_text(line, "op", prove_op_name(call->op));
    add_int(line, call->op == PROVE_LIST ? "before" : "order", call->order);
    add_int(line, "limit", call->limit);
    add_text(line, "taker", history, call->taker);
    add_int(line, "lease", call->lease);
    add_int(line, "claim", call->fence);
    add_text(line, "key", history, call->key);
    add_int(line, "mark", call->mark);
    write_line(writer);
}

static void add_seen(struct buf *line, const struct history *history, const struct prove_seen *seen)
{
    jsonout_open(line, '{');
    jsonout_named_int(line, "id", seen->order);
    jsonout_named_text(line, "status", prove_status_name(seen->status));
    if (seen->taker == PROVE_NOBODY)
        jsonout_named_raw(line, "taker", "null");
    add_text(line, "taker", history, seen->taker);
    if (seen->claim != PROVE_UNSAID)
        jsonout_named_int(line, "claim", seen->claim);
    add_int(line, "until", seen->until);
    add_int(line, "mark", seen->mark);
    jsonout_close(line, '}');
}

void history_write_end(struct history_writer *writer, const struct history *history, size_t index)
{
    const struct prove_call *call = &history->calls[index];
    struct buf *line = &writer->line;
    open_line(writer);
    jsonout_named_int(line, "end", call->number);
    jsonout_named_int(line, "at", call->end);
    jsonout_named_int(line, "code", call->code);
    jsonout_named_text(line, "answer", prove_answer_name(call->answer));
    add_text(line, "holder", history, call->holder);
    add_int(line, "claim", call->claim);
    add_int(line, "until", call->until);
    if (call->answer == PROVE_DONE &&
        (call->op == PROVE_CLAIM || call->op == PROVE_LIST || call->seen_count > 0)) {
        jsonout_named(line, "orders", '[');
        for (size_t i = 0; i < call->seen_count; i++)
            add_seen(line, history, &call->seen[i]);
        jsonout_close(line, ']');
    }
    write_line(writer);
}

bool history_writer_close(struct history_writer *writer)
{
    if (writer == NULL)
        return true;
    bool written = ferror(writer->file) == 0;
    written = fclose(writer->file) == 0 && written;
    buf_fini(&writer->line);
    free(writer);
    return written;
}

/* ---- reading: members ---- */

enum member {
    MEMBER_ROWLOCK,
    MEMBER_VERSION,
    MEMBER_URL,
    MEMBER_SEED,
    MEMBER_BEGAN,
    MEMBER_CALL,
    MEMBER_END,
    MEMBER_AT,
    MEMBER_CLIENT,
    MEMBER_OP,
    MEMBER_ORDER,
    MEMBER_BEFORE,
    MEMBER_LIMIT,
    MEMBER_TAKER,
    MEMBER_LEASE,
    MEMBER_CLAIM,
    MEMBER_KEY,
    MEMBER_MARK,
    MEMBER_CODE,
    MEMBER_ANSWER,
    MEMBER_HOLDER,
    MEMBER_UNTIL,
    MEMBER_ORDERS,
    MEMBER_ID,
    MEMBER_STATUS,
    MEMBER_COUNT,
};

/* Which lines, or objects, have a member. */
enum {
    OF_HEAD = 1,
    OF_BEGIN = 2,
    OF_END = 4,
    OF_ORDER = 8,
};

static const struct {
    const char *name;
    enum json_type type;
    int of, needed; /* by which; in which it must not be away */
    int64_t min, max;
} members[MEMBER_COUNT] = {
    [MEMBER_ROWLOCK] = {"rowlock", JSON_STRING_VALUE, OF_HEAD, OF_HEAD, 0, 0},
    [MEMBER_VERSION] = {"version", JSON_INT_VALUE, OF_HEAD, OF_HEAD, HISTORY_VERSION, HISTORY_VERSION},
    [MEMBER_URL] = {"url", JSON_STRING_VALUE, OF_HEAD, 0, 0, 0},
    [MEMBER_SEED] = {"seed", JSON_INT_VALUE, OF_HEAD, 0, 0, INT64_MAX},
    [MEMBER_BEGAN] = {"began", JSON_STRING_VALUE, OF_HEAD, 0, 0, 0},
    [MEMBER_CALL] = {"call", JSON_INT_VALUE, OF_BEGIN, OF_BEGIN, 1, INT64_MAX},
    [MEMBER_END] = {"end", JSON_INT_VALUE, OF_END, OF_END, 1, INT64_MAX},
    [MEMBER_AT] = {"at", JSON_INT_VALUE, OF_BEGIN | OF_END, OF_BEGIN | OF_END, 0, INT64_MAX / 4},
    [MEMBER_CLIENT] = {"client", JSON_INT_VALUE, OF_BEGIN, 0, 0, INT32_MAX},
    [MEMBER_OP] = {"op", JSON_STRING_VALUE, OF_BEGIN, OF_BEGIN, 0, 0},
    [MEMBER_ORDER] = {"order", JSON_INT_VALUE, OF_BEGIN, 0, 1, INT64_MAX},
    [MEMBER_BEFORE] = {"before", JSON_INT_VALUE, OF_BEGIN, 0, 1, INT64_MAX},
    [MEMBER_LIMIT] = {"limit", JSON_INT_VALUE, OF_BEGIN, 0, 1, 1000},
    [MEMBER_TAKER] = {"taker", JSON_STRING_VALUE, OF_BEGIN | OF_ORDER, 0, 0, 0},
    [MEMBER_LEASE] = {"lease", JSON_INT_VALUE, OF_BEGIN, 0, 1, 86400},
    [MEMBER_CLAIM] = {"claim", JSON_INT_VALUE, OF_BEGIN | OF_END | OF_ORDER, 0, 0, INT64_MAX / 4},
    [MEMBER_KEY] = {"key", JSON_STRING_VALUE, OF_BEGIN, 0, 0, 0},
    [MEMBER_MARK] = {"mark", JSON_INT_VALUE, OF_BEGIN | OF_ORDER, 0, 1, INT64_MAX},
    [MEMBER_CODE] = {"code", JSON_INT_VALUE, OF_END, 0, 0, 999},
    [MEMBER_ANSWER] = {"answer", JSON_STRING_VALUE, OF_END, OF_END, 0, 0},
    [MEMBER_HOLDER] = {"holder", JSON_STRING_VALUE, OF_END, 0, 0, 0},
    [MEMBER_UNTIL] = {"until", JSON_INT_VALUE, OF_END | OF_ORDER, 0, 1, INT64_MAX / 4000},
    [MEMBER_ORDERS] = {"orders", JSON_ARRAY_VALUE, OF_END, 0, 0, 0},
    [MEMBER_ID] = {"id", JSON_INT_VALUE, OF_ORDER, OF_ORDER, 1, INT64_MAX},
    [MEMBER_STATUS] = {"status", JSON_STRING_VALUE, OF_ORDER, OF_ORDER, 0, 0},
};

/* An object, taken apart. */
struct object {
    int of;
    const struct json *members[MEMBER_COUNT]; /* NULL: it is not there */
    char *wrong;                              /* NULL: nothing */
};

struct reading {
    struct history *history;
    const char *path;
    size_t line;
    int64_t at; /* of the line before */
    char *error;
};

static bool wrong(struct object *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct object *object, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(object->wrong);
    if (vasprintf(&object->wrong, format, arguments) < 0)
        abort();
    va_end(arguments);
    return false;
}

static bool check_member(struct object *object, enum member member, const struct json *value)
{
    const char *name = members[member].name;
    if (members[member].type == JSON_STRING_VALUE)
        return json_type_of(value) == JSON_STRING_VALUE ||
               (member == MEMBER_TAKER && object->of == OF_ORDER && json_type_of(value) == JSON_NULL_VALUE) ||
               wrong(object, "%s must be a text", name);
    if (members[member].type == JSON_ARRAY_VALUE)
        return json_type_of(value) == JSON_ARRAY_VALUE || wrong(object, "%s must be an array", name);
    if (json_type_of(value) == JSON_INT_VALUE && json_int(value) >= members[member].min &&
        json_int(value) <= members[member].max)
        return true;
    if (members[member].min == members[member].max)
        return wrong(object, "%s must be %lld", name, (long long)members[member].min);
    return wrong(object, "%s must be an integer from %lld to %lld", name, (long long)members[member].min,
                 (long long)members[member].max);
}

static bool visit_member(const char *name, const struct json *value, void *argument)
{
    struct object *object = argument;
    for (int i = 0; i < MEMBER_COUNT; i++)
        if ((members[i].of & object->of) != 0 && strcmp(members[i].name, name) == 0) {
            object->members[i] = value;
            return check_member(object, (enum member)i, value);
        }
    return wrong(object, "%s is no member of this line", name);
}

/* False with object->wrong. */
static bool take_apart(struct object *object, const struct json *value, int of)
{
    *object = (struct object){.of = of};
    if (json_type_of(value) != JSON_OBJECT_VALUE)
        return wrong(object, "it must be an object");
    if (!json_each(value, visit_member, object))
        return false;
    for (int i = 0; i < MEMBER_COUNT; i++)
        if ((members[i].needed & of) != 0 && object->members[i] == NULL)
            return wrong(object, "%s is missing", members[i].name);
    return true;
}

static int64_t int_of(const struct object *object, enum member member, int64_t absent)
{
    return object->members[member] != NULL ? json_int(object->members[member]) : absent;
}

/* Absent, or null: other. */
static int text_of(struct history *history, const struct object *object, enum member member, int other)
{
    const struct json *value = object->members[member];
    return value != NULL && json_type_of(value) == JSON_STRING_VALUE ? history_text(history, json_text(value))
                                                                     : other;
}

/* Which of the words it is. */
static bool word_of(struct object *object, enum member member, const char *(*name)(int), int count, int *word)
{
    struct slice text = json_text(object->members[member]);
    for (*word = 0; *word < count; ++*word)
        if (slice_equal(text, slice_of(name(*word))))
            return true;
    return wrong(object, "%s is \"%.*s\", which is none of those that there are", members[member].name,
                 (int)(text.len < 40 ? text.len : 40), text.ptr);
}

static const char *op_word(int word)
{
    return prove_op_name((enum prove_op)word);
}

static const char *answer_word(int word)
{
    return prove_answer_name((enum prove_answer)word);
}

static const char *status_word(int word)
{
    return prove_status_name((enum prove_status)word);
}

/* ---- reading: lines ---- */

/* What an op cannot do without. */
static bool check_call(struct object *object, enum prove_op op)
{
    bool of_one = op == PROVE_TAKE || op == PROVE_RELEASE || op == PROVE_DELIVER || op == PROVE_READ;
    bool of_taker = op != PROVE_READ && op != PROVE_LIST && op != PROVE_PLACE;
    if (of_one && object->members[MEMBER_ORDER] == NULL)
        return wrong(object, "order is missing");
    if (of_taker && object->members[MEMBER_TAKER] == NULL)
        return wrong(object, "taker is missing");
    return true;
}

static bool take_begin(struct reading *reading, struct object *object)
{
    struct history *history = reading->history;
    int op;
    if (!word_of(object, MEMBER_OP, op_word, PROVE_OPS, &op) || !check_call(object, (enum prove_op)op))
        return false;
    struct prove_call call = {.op = (enum prove_op)op,
                              .number = int_of(object, MEMBER_CALL, 0),
                              .client = (int)int_of(object, MEMBER_CLIENT, 0),
                              .begin = int_of(object, MEMBER_AT, 0),
                              .order = int_of(object, op == PROVE_LIST ? MEMBER_BEFORE : MEMBER_ORDER, 0),
                              .limit = int_of(object, MEMBER_LIMIT, 0),
                              .taker = text_of(history, object, MEMBER_TAKER, PROVE_NOBODY),
                              .holder = PROVE_NOBODY,
                              .key = text_of(history, object, MEMBER_KEY, PROVE_NOBODY),
                              .mark = int_of(object, MEMBER_MARK, 0),
                              .lease = int_of(object, MEMBER_LEASE, 0),
                              .fence = int_of(object, MEMBER_CLAIM, 0)};
    if (history->count > 0 && history->calls[history->count - 1].number >= call.number)
        return wrong(object, "call must be greater than that of the call before");
    history_begin(history, &call);
    return true;
}

static bool take_seen(struct reading *reading, struct object *line, const struct json *value,
                      struct prove_seen *seen)
{
    struct object object;
    int status = 0;
    bool ok = take_apart(&object, value, OF_ORDER) &&
              word_of(&object, MEMBER_STATUS, status_word, PROVE_IS_DELIVERED + 1, &status);
    if (!ok) {
        wrong(line, "orders: %s", object.wrong);
        free(object.wrong);
        return false;
    }
    bool nobody = object.members[MEMBER_TAKER] != NULL;
    *seen = (struct prove_seen){
        .order = int_of(&object, MEMBER_ID, 0),
        .status = (enum prove_status)status,
        .taker = text_of(reading->history, &object, MEMBER_TAKER, nobody ? PROVE_NOBODY : PROVE_UNSAID),
        .claim = int_of(&object, MEMBER_CLAIM, PROVE_UNSAID),
        .until = int_of(&object, MEMBER_UNTIL, 0),
        .mark = int_of(&object, MEMBER_MARK, 0)};
    return true;
}

static bool take_orders(struct reading *reading, struct object *object, struct prove_call *call)
{
    const struct json *orders = object->members[MEMBER_ORDERS];
    size_t count = orders != NULL ? json_length(orders) : 0;
    struct prove_seen *seen = mem_array(count + 1, sizeof *seen);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = take_seen(reading, object, json_at(orders, i), &seen[i]);
    if (ok && call->answer == PROVE_DONE && count != 1 && (call->op == PROVE_PLACE || call->op == PROVE_READ))
        ok = wrong(object, "orders must hold one order");
    if (ok)
        history_set_seen(call, seen, count);
    free(seen);
    return ok;
}

/* The call with this number, which has not ended; NULL: none. */
static struct prove_call *find_call(struct history *history, int64_t number)
{
    size_t low = 0, high = history->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (history->calls[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == history->count || history->calls[low].number != number || history->calls[low].end >= 0)
        return NULL;
    return &history->calls[low];
}

static bool take_end(struct reading *reading, struct object *object)
{
    struct prove_call *call = find_call(reading->history, int_of(object, MEMBER_END, 0));
    int answer;
    if (call == NULL)
        return wrong(object, "end must be the number of a call that has begun and not ended");
    if (!word_of(object, MEMBER_ANSWER, answer_word, PROVE_ANSWERS, &answer))
        return false;
    if (answer == PROVE_HELD && object->members[MEMBER_HOLDER] == NULL)
        return wrong(object, "holder is missing");
    call->answer = (enum prove_answer)answer;
    call->end = int_of(object, MEMBER_AT, 0);
    call->code = (int)int_of(object, MEMBER_CODE, 0);
    call->holder = text_of(reading->history, object, MEMBER_HOLDER, PROVE_NOBODY);
    call->claim = int_of(object, MEMBER_CLAIM, 0);
    call->until = int_of(object, MEMBER_UNTIL, 0);
    return take_orders(reading, object, call);
}

static bool take_head(struct object *object)
{
    struct slice what = json_text(object->members[MEMBER_ROWLOCK]);
    return slice_equal(what, SLICE("history")) || wrong(object, "rowlock must be \"history\"");
}

static bool take_line(struct reading *reading, struct object *object, const struct json *value)
{
    bool is_end = json_type_of(value) == JSON_OBJECT_VALUE && json_member(value, "end") != NULL;
    int of = reading->line == 1 ? OF_HEAD : is_end ? OF_END : OF_BEGIN;
    if (!take_apart(object, value, of))
        return false;
    if (of == OF_HEAD)
        return take_head(object);
    int64_t at = int_of(object, MEMBER_AT, 0);
    if (at < reading->at)
        return wrong(object, "at must not be less than that of the line before");
    reading->at = at;
    return of == OF_END ? take_end(reading, object) : take_begin(reading, object);
}

/* False with reading->error. *broken: it is no JSON, as a line is that was cut off. */
static bool read_line(struct reading *reading, struct slice text, bool *broken)
{
    char why[160];
    struct object object = {.of = 0};
    struct json *value = json_read(text, why, sizeof why);
    *broken = value == NULL;
    if (value == NULL)
        wrong(&object, "it is no JSON");
    else
        take_line(reading, &object, value);
    json_free(value);
    if (object.wrong == NULL)
        return true;
    reading->error = mem_printf("%s:%zu: %s", reading->path, reading->line, object.wrong);
    free(object.wrong);
    return false;
}

/* A last line without its end that is no JSON: the rest of it was not written. */
static void forgive(struct reading *reading, char **note)
{
    free(reading->error);
    reading->error = NULL;
    *note = mem_printf(
        "%s:%zu: the last line is cut off, as where a run was killed; what stands before it is judged",
        reading->path, reading->line);
}

static void read_lines(struct reading *reading, FILE *file, char **note)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool broken;
    while (reading->error == NULL && (length = getline(&line, &room, file)) > 0) {
        bool whole = line[length - 1] == '\n';
        reading->line++;
        if (!read_line(reading, (struct slice){line, (size_t)length - (whole ? 1 : 0)}, &broken) && broken &&
            !whole && reading->line > 1)
            forgive(reading, note);
    }
    free(line);
}

bool history_read(struct history *history, const char *path, char **error, char **note)
{
    struct reading reading = {.history = history, .path = path};
    FILE *file = fopen(path, "re");
    *note = NULL;
    if (file == NULL) {
        *error = mem_printf("%s: %s", path, strerror(errno));
        return false;
    }
    errno = 0;
    read_lines(&reading, file, note);
    if (reading.error == NULL && ferror(file))
        reading.error = mem_printf("%s: %s", path, strerror(errno));
    if (reading.error == NULL && reading.line == 0)
        reading.error = mem_printf("%s: it is empty, and no history", path);
    fclose(file);
    *error = reading.error;
    return reading.error == NULL;
}
