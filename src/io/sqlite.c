/* send -> (end of turn) on_work: begin if something writes, run unit by unit, commit, then answer.
 * Locked by another process: nothing was started, try again soon. */
#include <config.h>

#include "io/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/sqlite_file.h"

#define UNITS_MAX 1024u
#define TURN_NS (10 * CLOCK_MS) /* work of one turn, measured before the commit */
#define AGAIN_NS (5 * CLOCK_MS) /* after another process's lock */
#define TICK_NS CLOCK_SECOND
#define GONE "the database file was removed or replaced"

/* One call of a unit, with its own copy of the parameters and, once it ran, its outcome. */
struct job {
    struct list_node link;
    struct db_unit *unit;
    unsigned member;
    struct db_param params[DB_PARAMS_MAX];
    enum db_error error;
    char message[256];
    bool ran;
    struct sqlite_rows rows;
    char text[]; /* of the parameters */
};

struct sqlite {
    struct db db;
    struct loop *loop;
    struct db_events events;
    struct sqlite_file *file;
    struct sqlite_block *blocks[DB_STATEMENTS_MAX];
    struct list waiting, ran;
    struct loop_task work;
    struct loop_timer *again, *tick;
    const struct db_statement *health_statement;
    struct db_health health;
    bool gone; /* the file is not where it was opened; nothing reads or writes it meanwhile */
};

static void on_work(void *argument);
static void on_again(void *argument);
static void on_tick(void *argument);
static void ask_health(struct sqlite *sqlite);
static const struct db_ops sqlite_ops;

static struct sqlite *sqlite_of(const struct db *db)
{
    return (struct sqlite *)(void *)(uintptr_t)db;
}

struct db *sqlite_open(struct loop *loop, const char *path, const struct db_statement *health,
                       const struct db_events *events, char **error)
{
    struct sqlite_file *file = sqlite_file_open(path, 0, error);
    if (file == NULL)
        return NULL;
    struct sqlite *sqlite = mem_new(sizeof *sqlite);
    sqlite->db.ops = &sqlite_ops;
    sqlite->loop = loop;
    sqlite->events = *events;
    sqlite->file = file;
    list_init(&sqlite->waiting);
    list_init(&sqlite->ran);
    loop_task_init(&sqlite->work, on_work, sqlite);
    sqlite->again = loop_timer_new(loop, on_again, sqlite);
    sqlite->tick = loop_timer_new(loop, on_tick, sqlite);
    sqlite->health_statement = health;
    ask_health(sqlite);
    loop_timer_start(sqlite->tick, TICK_NS);
    return &sqlite->db;
}

/* ---- sending ---- */

static void add_job(struct sqlite *sqlite, struct db_unit *unit, unsigned member)
{
    const struct db_statement *statement = unit->statement;
    const struct db_param *params = unit->params + member * statement->param_count;
    size_t text = 0;
    for (unsigned i = 0; i < statement->param_count; i++)
        text += statement->types[i] == DB_TEXT && !params[i].null ? params[i].text.len : 0;
    struct job *job = mem_new(sizeof *job + text);
    char *at = job->text;
    list_node_init(&job->link);
    job->unit = unit;
    job->member = member;
    for (unsigned i = 0; i < statement->param_count; i++) {
        job->params[i] = params[i];
        if (statement->types[i] != DB_TEXT || params[i].null || params[i].text.len == 0)
            continue;
        memcpy(at, params[i].text.ptr, params[i].text.len);
        job->params[i].text.ptr = at;
        at += params[i].text.len;
    }
    list_append(&sqlite->waiting, &job->link);
}

static void sqlite_send(struct db *db, struct db_unit *unit)
{
    struct sqlite *sqlite = sqlite_of(db);
    unit->left = unit->members;
    for (unsigned member = 0; member < unit->members; member++)
        add_job(sqlite, unit, member);
    loop_defer(sqlite->loop, &sqlite->work);
}

/* ---- running ---- */

static struct sqlite_block *block_of(struct sqlite *sqlite, const struct db_statement *statement)
{
    struct sqlite_block **block = &sqlite->blocks[statement->index];
    if (*block == NULL)
        *block = sqlite_block_new(sqlite->file, statement->text);
    return *block;
}

static void set_message(struct job *job, const char *message)
{
    snprintf(job->message, sizeof job->message, "%s", message);
    text_end_at_character(job->message);
}

static void run_job(struct sqlite *sqlite, struct job *job)
{
    const struct db_statement *statement = job->unit->statement;
    struct sqlite_block *block = block_of(sqlite, statement);
    job->ran = true;
    if (block == NULL) {
        job->error = DB_SCHEMA;
    } else {
        bool writes = !sqlite_block_read_only(block);
        if (writes)
            sqlite_file_script(sqlite->file, "SAVEPOINT one");
        job->error =
            sqlite_block_run(block, job->params, statement->types, statement->param_count, &job->rows);
        if (job->error != DB_OK)
            set_message(job, sqlite_file_error(sqlite->file));
        if (writes)
            sqlite_file_script(sqlite->file,
                               job->error == DB_OK ? "RELEASE one" : "ROLLBACK TO one; RELEASE one");
        return;
    }
    set_message(job, sqlite_file_error(sqlite->file));
}

static void fail_waiting(struct sqlite *sqlite, const char *reason)
{
    struct list_node *node;
    while ((node = list_pop(&sqlite->waiting)) != NULL) {
        struct job *job = list_entry(node, struct job, link);
        job->error = DB_AWAY;
        set_message(job, reason);
        list_append(&sqlite->ran, node);
    }
}

static void answer_job(struct job *job)
{
    struct db_unit *unit = job->unit;
    struct db_answer answer = {.error = job->error, .message = job->message, .sqlstate = ""};
    if (job->error == DB_OK) {
        answer.rows = &job->rows.base;
        answer.count = job->rows.base.count;
    }
    unit->on_answer(unit, job->member, &answer);
    if (--unit->left == 0)
        unit->on_done(unit);
    sqlite_rows_fini(&job->rows);
    free(job);
}

static bool writes(struct sqlite *sqlite, const struct job *job)
{
    struct sqlite_block *block = block_of(sqlite, job->unit->statement);
    return block != NULL && !sqlite_block_read_only(block);
}

static bool any_writes(struct sqlite *sqlite)
{
    for (struct list_node *node = list_first(&sqlite->waiting); node != NULL;
         node = list_next(&sqlite->waiting, node))
        if (writes(sqlite, list_entry(node, struct job, link)))
            return true;
    return false;
}

/* Nobody waits for these any more, and they have not run. */
static void drop_unwanted(struct sqlite *sqlite)
{
    struct list_node *node = list_first(&sqlite->waiting), *next;
    for (; node != NULL; node = next) {
        next = list_next(&sqlite->waiting, node);
        struct job *job = list_entry(node, struct job, link);
        if (job->unit->wanted == NULL || job->unit->wanted(job->unit, job->member))
            continue;
        job->error = DB_BUSY;
        set_message(job, "nobody waits for it any more");
        list_remove(&sqlite->waiting, node);
        list_append(&sqlite->ran, node);
    }
}

/* What ran and was not committed did not happen. */
static void fail_ran(struct sqlite *sqlite, enum db_error error)
{
    for (struct list_node *node = list_first(&sqlite->ran); node != NULL;
         node = list_next(&sqlite->ran, node)) {
        struct job *job = list_entry(node, struct job, link);
        if (!job->ran)
            continue;
        job->error = error;
        set_message(job, sqlite_file_error(sqlite->file));
    }
}

/* Until the time of the turn is over. Without the write lock, only what reads: that needs none in WAL mode. */
static void run_waiting(struct sqlite *sqlite, bool may_write)
{
    int64_t end = clock_now() + TURN_NS;
    struct list_node *node = list_first(&sqlite->waiting), *next;
    for (; node != NULL; node = clock_now() < end ? next : NULL) {
        struct job *job = list_entry(node, struct job, link);
        next = list_next(&sqlite->waiting, node);
        if (!may_write && writes(sqlite, job))
            continue;
        list_remove(&sqlite->waiting, node);
        run_job(sqlite, job);
        list_append(&sqlite->ran, node);
    }
}

/* The file cannot be written, which is not another process's doing: every waiting write is told. */
static void fail_writes(struct sqlite *sqlite, enum db_error error)
{
    struct list_node *node = list_first(&sqlite->waiting), *next;
    for (; node != NULL; node = next) {
        struct job *job = list_entry(node, struct job, link);
        next = list_next(&sqlite->waiting, node);
        if (!writes(sqlite, job))
            continue;
        list_remove(&sqlite->waiting, node);
        list_append(&sqlite->ran, node);
        job->ran = true;
    }
    fail_ran(sqlite, error);
}

/* The calls of one turn fail for one reason, which is told once; clients are not told. */
static void answer_ran(struct sqlite *sqlite)
{
    struct list_node *node;
    bool told = false;
    while ((node = list_pop(&sqlite->ran)) != NULL) {
        struct job *job = list_entry(node, struct job, link);
        if (!told && job->ran && (job->error == DB_AWAY || job->error == DB_LOST)) {
            told = true;
            log_error("the database file cannot be used", LOG_S("statement", job->unit->statement->name),
                      LOG_S("reason", job->message));
        }
        answer_job(job);
    }
}

static void on_work(void *argument)
{
    struct sqlite *sqlite = argument;
    sqlite->gone = sqlite_file_moved(sqlite->file);
    if (sqlite->gone)
        fail_waiting(sqlite, GONE);
    drop_unwanted(sqlite);
    bool writing = any_writes(sqlite);
    enum db_error error = writing ? sqlite_file_script(sqlite->file, "BEGIN IMMEDIATE") : DB_OK;
    bool begun = writing && error == DB_OK;
    if (error != DB_OK && error != DB_BUSY)
        fail_writes(sqlite, error);
    run_waiting(sqlite, error == DB_OK);
    if (begun && (error = sqlite_file_script(sqlite->file, "COMMIT")) != DB_OK) {
        fail_ran(sqlite, error == DB_BUSY ? DB_BUSY : DB_LOST);
        sqlite_file_script(sqlite->file, "ROLLBACK");
    }
    answer_ran(sqlite);
    if (sqlite->waiting.length > 0)
        loop_timer_start(sqlite->again, error == DB_BUSY ? AGAIN_NS : 0);
    sqlite->events.on_room(sqlite->events.argument);
}

static void on_again(void *argument)
{
    on_work(argument);
}

/* ---- the rest of the interface ---- */

static unsigned sqlite_connections(const struct db *db)
{
    (void)db;
    return 1;
}

static bool sqlite_room(const struct db *db, const struct db_statement *statement, bool last)
{
    (void)statement;
    (void)last;
    return sqlite_of(db)->waiting.length < UNITS_MAX;
}

static bool sqlite_away(const struct db *db)
{
    return sqlite_of(db)->gone;
}

static const struct db_health *sqlite_health(const struct db *db)
{
    return &sqlite_of(db)->health;
}

static int64_t health_number(const struct sqlite_rows *rows, int column)
{
    int64_t number = 0;
    struct slice text = rows->base.value(&rows->base, 0, column);
    return text.ptr != NULL && text_int(text, &number) == TEXT_NUMBER_OK ? number : 0;
}

/* Taking the write lock and giving it back shows that the file can be written, and writes nothing. */
static void ask_health(struct sqlite *sqlite)
{
    struct db_health *health = &sqlite->health;
    struct sqlite_rows rows = {.bytes = {.max = 0}};
    sqlite->gone = sqlite_file_moved(sqlite->file);
    if (sqlite->gone) {
        health->answers = false;
        health->trouble = "its file was removed or replaced";
        snprintf(health->reason, sizeof health->reason, GONE);
        return;
    }
    enum db_error error = sqlite_file_script(sqlite->file, "BEGIN IMMEDIATE; ROLLBACK");
    health->answers = health->writable = error == DB_OK || error == DB_BUSY;
    snprintf(health->reason, sizeof health->reason, "%s",
             health->answers ? "" : sqlite_file_error(sqlite->file));
    health->trouble = "its file cannot be used";
    struct sqlite_block *block = block_of(sqlite, sqlite->health_statement);
    health->has_schema =
        block != NULL && sqlite_block_run(block, NULL, NULL, 0, &rows) == DB_OK && rows.base.count == 1;
    health->version = health->has_schema ? health_number(&rows, 1) : 0;
    health->oldest_server = health->has_schema ? health_number(&rows, 2) : 0;
    sqlite_rows_fini(&rows);
}

static void on_tick(void *argument)
{
    struct sqlite *sqlite = argument;
    ask_health(sqlite);
    loop_timer_start(sqlite->tick, TICK_NS);
    sqlite->events.on_health(sqlite->events.argument);
}

static void sqlite_free(struct db *db)
{
    struct sqlite *sqlite = sqlite_of(db);
    loop_task_cancel(sqlite->loop, &sqlite->work);
    loop_timer_free(sqlite->again);
    loop_timer_free(sqlite->tick);
    fail_waiting(sqlite, "the server is shutting down");
    answer_ran(sqlite);
    for (unsigned i = 0; i < DB_STATEMENTS_MAX; i++)
        sqlite_block_free(sqlite->blocks[i]);
    sqlite_file_close(sqlite->file);
    free(sqlite);
}

static const struct db_ops sqlite_ops = {
    .engine = "sqlite",
    .arrays = false,
    .connections = sqlite_connections,
    .room = sqlite_room,
    .away = sqlite_away,
    .send = sqlite_send,
    .health = sqlite_health,
    .free = sqlite_free,
};
