/* SQLite as a database on the loop. sqlite_send queues each call of a request by itself; at the end of the turn
 * on_work checks that the file is in place (in_place), drops calls that are no longer wanted (drop_unwanted), begins a
 * transaction if one of them writes, runs them (run_waiting), commits, and answers (answer_ran). If another process
 * holds the lock, only reads run, and a timer runs on_work for the rest soon. A commit counts only if the file is in
 * place afterwards, because what is written to a file that was removed is lost. sqlite_on_tick asks for the health
 * each second and starts the work on a large WAL. */
#include <config.h>

#include "sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sqlite/sqlite_block.h"
#include "sqlite/sqlite_file.h"
#include "sqlite/sqlite_wal.h"

#define REQUESTS_MAX 1024u
#define TURN_NS (10 * CLOCK_MS) /* work of one turn, measured before the commit */
#define RETRY_NS (5 * CLOCK_MS) /* after another process's lock */
#define TICK_NS CLOCK_SECOND
#define GONE "the database file was removed or replaced"
#define WAL_GONE "the write-ahead log of the database file was removed or replaced"
#define WAL_LARGE ((int64_t)16 << 20)

/* One call of a request, with its own copy of the parameters and, once it ran, its outcome. */
struct sqlite_call {
    struct list_node link;
    struct db_request *request;
    unsigned position;
    struct db_param params[DB_PARAMS_MAX];
    enum db_error error;
    char message[256];
    bool ran;
    bool alone; /* in a transaction of its own: the commit of one with others was refused */
    struct sqlite_rows rows;
    char text[]; /* of the parameters */
};

struct sqlite {
    struct db db;
    struct loop *loop;
    struct db_events events;
    struct sqlite_file *file;
    unsigned statement_count;
    struct sqlite_block **blocks; /* by the index of a statement */
    struct list waiting, ran;
    struct loop_task work;
    struct loop_timer *retry, *tick;
    const struct db_question *question; /* about its health */
    struct db_health health;
    bool gone;              /* the file is not where it was opened; nothing reads or writes it meanwhile */
    bool begun;             /* a transaction that writes */
    enum db_error broken;   /* why nothing could be written last; DB_OK: it could */
    struct sqlite_wal *wal; /* at work; NULL: it is not */
    const char *path;
};

static const char unusable[] = "its file cannot be used";

static void on_work(void *argument);
static void sqlite_on_tick(void *argument);
static void sqlite_ask_health(struct sqlite *sqlite);
static const struct db_ops sqlite_ops;

static struct sqlite *sqlite_of(struct db *db)
{
    return (struct sqlite *)(void *)db;
}

struct db *sqlite_open(struct loop *loop, const char *path, const struct db_question *health,
                       unsigned statement_count, const struct db_events *events, char **error)
{
    struct sqlite_file *file = sqlite_file_open(path, 0, error);
    if (file == NULL)
        return NULL;
    struct sqlite *sqlite = mem_new(sizeof *sqlite);
    sqlite->db.ops = &sqlite_ops;
    sqlite->loop = loop;
    sqlite->events = *events;
    sqlite->file = file;
    sqlite->path = path;
    sqlite->statement_count = statement_count;
    sqlite->blocks = mem_array(statement_count, sizeof(struct sqlite_block *));
    list_init(&sqlite->waiting);
    list_init(&sqlite->ran);
    loop_task_init(&sqlite->work, on_work, sqlite);
    sqlite->retry = loop_timer_new(loop, on_work, sqlite);
    sqlite->tick = loop_timer_new(loop, sqlite_on_tick, sqlite);
    sqlite->question = health;
    sqlite_ask_health(sqlite);
    loop_timer_start(sqlite->tick, TICK_NS);
    return &sqlite->db;
}

/* ---- sending ---- */

static void queue_call(struct sqlite *sqlite, struct db_request *request, unsigned position)
{
    const struct statement *statement = request->statement;
    const struct db_param *params = request->params + position * statement->param_count;
    size_t text = 0;
    for (unsigned i = 0; i < statement->param_count; i++)
        text += statement->params[i].type == DB_TEXT && !params[i].null ? params[i].text.len : 0;
    struct sqlite_call *call = mem_new(sizeof *call + text);
    char *at = call->text;
    call->request = request;
    call->position = position;
    for (unsigned i = 0; i < statement->param_count; i++) {
        call->params[i] = params[i];
        if (statement->params[i].type != DB_TEXT || params[i].null || params[i].text.len == 0)
            continue;
        memcpy(at, params[i].text.ptr, params[i].text.len);
        call->params[i].text.ptr = at;
        at += params[i].text.len;
    }
    list_append(&sqlite->waiting, &call->link);
}

static void sqlite_send(struct db *db, struct db_slot *slot, struct db_request *request)
{
    (void)slot;
    struct sqlite *sqlite = sqlite_of(db);
    request->left = request->call_count;
    for (unsigned position = 0; position < request->call_count; position++)
        queue_call(sqlite, request, position);
    loop_defer(sqlite->loop, &sqlite->work);
}

/* ---- running ---- */

static struct sqlite_block *block_of(struct sqlite *sqlite, const struct statement *statement)
{
    struct sqlite_block **block = &sqlite->blocks[statement->index];
    if (*block == NULL)
        *block = sqlite_block_new(sqlite->file, statement->text[DB_SQLITE]);
    return *block;
}

static void set_message(struct sqlite_call *call, const char *message)
{
    snprintf(call->message, sizeof call->message, "%s", message);
    text_end_at_character(call->message);
}

/* What gave no row, or failed, is rolled back to its savepoint. If that fails, so has the call, whatever it said
 * before, and the whole transaction is rolled back. */
static void end_savepoint(struct sqlite *sqlite, struct sqlite_call *call)
{
    bool stays = call->error == DB_OK && call->rows.base.count > 0;
    enum db_error error =
        sqlite_file_script(sqlite->file, stays ? "RELEASE one" : "ROLLBACK TO one; RELEASE one");
    if (error == DB_OK)
        return;
    if (call->error == DB_OK) {
        call->error = error;
        set_message(call, sqlite_file_error(sqlite->file));
    }
    if (sqlite_file_in_transaction(sqlite->file))
        sqlite_file_script(sqlite->file, "ROLLBACK");
}

static void run_call(struct sqlite *sqlite, struct sqlite_call *call)
{
    const struct statement *statement = call->request->statement;
    struct sqlite_block *block = block_of(sqlite, statement);
    call->ran = true;
    call->error = block == NULL ? sqlite_file_failure(sqlite->file) : DB_OK;
    bool savepoint = block != NULL && !sqlite_block_read_only(block);
    if (savepoint)
        sqlite_file_script(sqlite->file, "SAVEPOINT one");
    if (block != NULL)
        call->error =
            sqlite_block_run(block, call->params, statement->params, statement->param_count, &call->rows);
    if (call->error != DB_OK)
        set_message(call, sqlite_file_error(sqlite->file));
    if (savepoint && sqlite_file_in_transaction(sqlite->file)) /* some errors roll all of it back */
        end_savepoint(sqlite, call);
}

static void fail_waiting(struct sqlite *sqlite, const char *reason)
{
    struct sqlite_call *call;
    while ((call = list_pop_of(&sqlite->waiting, struct sqlite_call, link)) != NULL) {
        call->error = DB_AWAY;
        set_message(call, reason);
        list_append(&sqlite->ran, &call->link);
    }
}

/* "UNIQUE constraint failed: computer.mac", and "FOREIGN KEY constraint failed", which does not say which. */
static const char *constraint_of(const char *message)
{
    static const char failed[] = " constraint failed: ";
    const char *found = strstr(message, failed);
    if (found != NULL)
        return found + strlen(failed);
    return strncmp(message, "FOREIGN KEY", strlen("FOREIGN KEY")) == 0 ? "FOREIGN KEY" : NULL;
}

static void answer_call(struct sqlite_call *call)
{
    struct db_request *request = call->request;
    struct db_answer answer = {.error = call->error, .message = call->message, .sqlstate = ""};
    if (call->error == DB_REFUSED)
        answer.constraint = constraint_of(call->message);
    if (call->error == DB_OK) {
        answer.rows = &call->rows.base;
        answer.count = call->rows.base.count;
    }
    request->on_answer(request, call->position, &answer);
    if (--request->left == 0 && request->on_done != NULL)
        request->on_done(request);
    sqlite_rows_fini(&call->rows);
    free(call);
}

static bool writes(struct sqlite *sqlite, const struct sqlite_call *call)
{
    struct sqlite_block *block = block_of(sqlite, call->request->statement);
    return block != NULL && !sqlite_block_read_only(block);
}

static bool any_writes(struct sqlite *sqlite)
{
    list_for_each(struct sqlite_call, call, &sqlite->waiting, link) {
        if (writes(sqlite, call))
            return true;
    }
    return false;
}

/* Calls that have not run and are no longer wanted. */
static void drop_unwanted(struct sqlite *sqlite)
{
    list_for_each(struct sqlite_call, call, &sqlite->waiting, link) {
        if (call->request->wanted == NULL || call->request->wanted(call->request, call->position))
            continue;
        call->error = DB_BUSY;
        set_message(call, "nobody waits for it any more");
        list_remove(&call->link);
        list_append(&sqlite->ran, &call->link);
    }
}

/* What ran and was not committed did not happen. */
static void fail_ran(struct sqlite *sqlite, enum db_error error, const char *reason)
{
    list_for_each(struct sqlite_call, call, &sqlite->ran, link) {
        if (!call->ran)
            continue;
        call->error = error;
        set_message(call, reason);
    }
}

static void note_broken(struct sqlite *sqlite, enum db_error error)
{
    if (error == DB_FULL || error == DB_DENIED || error == DB_AWAY || error == DB_LOST)
        sqlite->broken = error;
}

/* The transaction was rolled back because of one of its calls, and it is not known which: each call runs again in a
 * transaction of its own. False when there was only one. */
static bool rerun_alone(struct sqlite *sqlite)
{
    if (sqlite->ran.length < 2)
        return false;
    for (size_t left = sqlite->ran.length; left > 0; left--) {
        struct sqlite_call *call = list_pop_of(&sqlite->ran, struct sqlite_call, link);
        sqlite_rows_fini(&call->rows);
        call->rows = (struct sqlite_rows){.bytes = {.max = 0}};
        call->alone = call->ran;
        call->ran = false;
        list_append(call->alone ? &sqlite->waiting : &sqlite->ran, &call->link);
    }
    return true;
}

/* An error that rolled back the whole transaction (RAISE(ROLLBACK) of a trigger, a full disk) undid the calls before
 * it, too. If it is the fault of this call alone, the others run again. */
static void on_rolled_back(struct sqlite *sqlite, const struct sqlite_call *call)
{
    char reason[sizeof call->message];
    enum db_error error = call->error;
    bool own = error == DB_REFUSED || error == DB_FAILED;
    snprintf(reason, sizeof reason, "%s", call->message);
    sqlite->begun = false;
    if (!own || !rerun_alone(sqlite))
        fail_ran(sqlite, error, reason);
}

/* Until the time of the turn is over. Outside of a transaction that writes, only what reads: that needs no lock in WAL
 * mode. */
static void run_waiting(struct sqlite *sqlite)
{
    int64_t end = clock_now() + TURN_NS;
    list_for_each(struct sqlite_call, call, &sqlite->waiting, link) {
        if ((!sqlite->begun && writes(sqlite, call)) || (call->alone && sqlite->ran.length > 0))
            continue;
        list_remove(&call->link);
        run_call(sqlite, call);
        note_broken(sqlite, call->error);
        list_append(&sqlite->ran, &call->link);
        if (sqlite->begun && !sqlite_file_in_transaction(sqlite->file)) {
            on_rolled_back(sqlite, call);
            return;
        }
        if (call->alone || clock_now() >= end)
            return;
    }
}

/* The file cannot be written, and no other process is the reason: all writes that wait fail. */
static void fail_writes(struct sqlite *sqlite, enum db_error error)
{
    note_broken(sqlite, error);
    list_for_each(struct sqlite_call, call, &sqlite->waiting, link) {
        if (!writes(sqlite, call))
            continue;
        list_remove(&call->link);
        list_append(&sqlite->ran, &call->link);
        call->ran = true;
    }
    fail_ran(sqlite, error, sqlite_file_error(sqlite->file));
}

/* The calls of one turn fail for one reason, which is logged once; clients do not get it. */
static void answer_ran(struct sqlite *sqlite)
{
    struct sqlite_call *call;
    bool told = false;
    while ((call = list_pop_of(&sqlite->ran, struct sqlite_call, link)) != NULL) {
        if (!told && call->ran && (call->error == DB_AWAY || call->error == DB_LOST)) {
            told = true;
            log_error("the database file cannot be used", LOG_S("statement", call->request->statement->name),
                      LOG_S("reason", call->message));
        }
        answer_call(call);
    }
}

/* ---- where the file is ---- */

static void free_blocks(struct sqlite *sqlite)
{
    for (unsigned i = 0; i < sqlite->statement_count; i++) {
        sqlite_block_free(sqlite->blocks[i]);
        sqlite->blocks[i] = NULL;
    }
}

static bool reopen(struct sqlite *sqlite)
{
    sqlite_wal_free(sqlite->wal);
    sqlite->wal = NULL;
    free_blocks(sqlite);
    return sqlite_file_reopen(sqlite->file);
}

/* What was written is still in the log that is open here, so nothing of it needs to be lost. */
static bool rescue(struct sqlite *sqlite)
{
    sqlite_wal_free(sqlite->wal);
    sqlite->wal = NULL;
    if (!sqlite_file_rescue(sqlite->file)) {
        if (!sqlite->gone)
            log_error(WAL_GONE ", and what it holds cannot be saved into the file yet",
                      LOG_S("reason", sqlite_file_error(sqlite->file)));
        return false;
    }
    log_error(WAL_GONE "; what it held was saved into the file");
    return reopen(sqlite);
}

/* Whether the file may be read and written. */
static bool in_place(struct sqlite *sqlite)
{
    enum sqlite_file_place place = sqlite_file_place(sqlite->file);
    if (place == SQLITE_FILE_WAL_GONE && rescue(sqlite))
        place = SQLITE_FILE_THERE;
    sqlite->gone = place != SQLITE_FILE_THERE || !sqlite_file_usable(sqlite->file);
    return !sqlite->gone;
}

static const char *gone_reason(const struct sqlite *sqlite, const char **trouble)
{
    enum sqlite_file_place place = sqlite_file_place(sqlite->file);
    if (place == SQLITE_FILE_MOVED) {
        *trouble = "its file was removed or replaced";
        return GONE;
    }
    *trouble = place == SQLITE_FILE_WAL_GONE ? "its write-ahead log was removed or replaced" : unusable;
    return place == SQLITE_FILE_WAL_GONE ? WAL_GONE : sqlite_file_error(sqlite->file);
}

/* ---- a turn ---- */

static bool is_known(const struct sqlite *sqlite, enum db_error error)
{
    return (error == DB_BUSY || error == DB_REFUSED || error == DB_FULL || error == DB_DENIED ||
            error == DB_AWAY) &&
           !sqlite_file_unsure(sqlite->file);
}

static void commit(struct sqlite *sqlite)
{
    const char *trouble;
    sqlite->begun = false;
    enum db_error error = sqlite_file_script(sqlite->file, "COMMIT");
    if (error == DB_OK) {
        sqlite->broken = DB_OK;
        if (!in_place(sqlite))
            fail_ran(sqlite, DB_LOST, gone_reason(sqlite, &trouble));
        return;
    }
    note_broken(sqlite, error);
    if (error != DB_REFUSED || !rerun_alone(sqlite))
        fail_ran(sqlite, is_known(sqlite, error) ? error : DB_LOST, sqlite_file_error(sqlite->file));
    if (sqlite_file_in_transaction(sqlite->file))
        sqlite_file_script(sqlite->file, "ROLLBACK");
}

static void on_work(void *argument)
{
    struct sqlite *sqlite = argument;
    const char *trouble;
    if (!in_place(sqlite))
        fail_waiting(sqlite, gone_reason(sqlite, &trouble));
    drop_unwanted(sqlite);
    bool writing = any_writes(sqlite);
    enum db_error error = writing ? sqlite_file_script(sqlite->file, "BEGIN IMMEDIATE") : DB_OK;
    sqlite->begun = writing && error == DB_OK;
    if (error != DB_OK && error != DB_BUSY)
        fail_writes(sqlite, error);
    run_waiting(sqlite);
    if (sqlite->begun)
        commit(sqlite);
    answer_ran(sqlite);
    if (sqlite->waiting.length > 0)
        loop_timer_start(sqlite->retry, error == DB_BUSY ? RETRY_NS : 0);
    sqlite->events.on_room(sqlite->events.argument);
}

/* ---- the rest of the interface ---- */

static unsigned sqlite_connections(const struct db *db)
{
    (void)db;
    return 1;
}

static struct db_slot *sqlite_slot(struct db *db, const struct statement *statement)
{
    (void)statement;
    return sqlite_of(db)->waiting.length < REQUESTS_MAX ? (struct db_slot *)(void *)db : NULL;
}

static bool sqlite_away(const struct db *db)
{
    return ((const struct sqlite *)(const void *)db)->gone;
}

static const struct db_health *sqlite_health(const struct db *db)
{
    return &((const struct sqlite *)(const void *)db)->health;
}

/* Once writing has failed, only writing shows that it works again. It changes nothing. */
static enum db_error try_writing(struct sqlite *sqlite)
{
    static const char probe[] =
        "BEGIN IMMEDIATE; UPDATE rowlock_migrations SET name = name WHERE version = 1; COMMIT";
    enum db_error error = sqlite_file_script(sqlite->file, probe);
    if (sqlite_file_in_transaction(sqlite->file))
        sqlite_file_script(sqlite->file, "ROLLBACK");
    return error == DB_SCHEMA ? DB_OK : error; /* not for want of room or right */
}

/* Taking and releasing the write lock shows that the file may be written, and writes nothing. The file system says
 * whether there is room. */
static enum db_error try_lock(struct sqlite *sqlite)
{
    enum db_error error = sqlite_file_script(sqlite->file, "BEGIN IMMEDIATE; ROLLBACK");
    return error == DB_OK ? sqlite_file_room(sqlite->file) : error;
}

/* Rights that were given back count only when the file is opened again. */
static enum db_error check_writing(struct sqlite *sqlite)
{
    enum db_error error = sqlite->broken == DB_OK ? try_lock(sqlite) : try_writing(sqlite);
    bool may_reopen = error != DB_OK && error != DB_BUSY && error != DB_FULL;
    if (may_reopen && reopen(sqlite))
        error = try_writing(sqlite);
    if (error != DB_BUSY)
        sqlite->broken = error;
    return sqlite->broken;
}

static const char *sqlite_trouble_of(enum db_error error)
{
    if (error == DB_FULL)
        return "it has no room left";
    return error == DB_DENIED ? "the server has not the right to write it" : unusable;
}

static void sqlite_set_unhealthy(struct db_health *health, const char *trouble, const char *reason)
{
    health->answers = health->writable = false;
    health->trouble = trouble;
    snprintf(health->reason, sizeof health->reason, "%s", reason);
}

static void ask_schema(struct sqlite *sqlite)
{
    struct db_health *health = &sqlite->health;
    struct sqlite_rows rows = {.bytes = {.max = 0}};
    struct sqlite_block *block = block_of(sqlite, sqlite->question->statement);
    health->has_schema =
        block != NULL && sqlite_block_run(block, NULL, NULL, 0, &rows) == DB_OK && rows.base.count == 1;
    struct db_health said = {.version = 0};
    if (health->has_schema)
        sqlite->question->read(&rows.base, 0, &said);
    health->version = said.version;
    health->oldest_server = said.oldest_server;
    sqlite_rows_fini(&rows);
}

static void sqlite_ask_health(struct sqlite *sqlite)
{
    struct db_health *health = &sqlite->health;
    const char *trouble;
    if (!sqlite_file_usable(sqlite->file))
        reopen(sqlite);
    if (!in_place(sqlite)) {
        const char *reason = gone_reason(sqlite, &trouble);
        sqlite_set_unhealthy(health, trouble, reason);
        return;
    }
    health->answers = health->writable = true;
    health->reason[0] = '\0';
    health->low = sqlite_file_low(sqlite->file);
    enum db_error error = check_writing(sqlite);
    if (error != DB_OK)
        sqlite_set_unhealthy(health, sqlite_trouble_of(error), sqlite_file_error(sqlite->file));
    ask_schema(sqlite);
}

/* A reader of another process may keep the WAL from being used anew, so that it grows. Once the reader is gone, a
 * checkpoint of all that would hold up the turn that commits, so a thread does it. */
static void tend_wal(struct sqlite *sqlite)
{
    if (sqlite->wal != NULL && sqlite_wal_done(sqlite->wal)) {
        sqlite_wal_free(sqlite->wal);
        sqlite->wal = NULL;
    }
    bool large = !sqlite->gone && sqlite_file_wal_size(sqlite->file) > WAL_LARGE;
    sqlite_file_checkpoint_itself(sqlite->file, !large);
    if (large && sqlite->wal == NULL)
        sqlite->wal = sqlite_wal_start(sqlite->path);
}

static void sqlite_on_tick(void *argument)
{
    struct sqlite *sqlite = argument;
    sqlite_ask_health(sqlite);
    tend_wal(sqlite);
    loop_timer_start(sqlite->tick, TICK_NS);
    sqlite->events.on_health(sqlite->events.argument);
}

static void sqlite_free(struct db *db)
{
    struct sqlite *sqlite = sqlite_of(db);
    loop_task_cancel(&sqlite->work);
    loop_timer_free(sqlite->retry);
    loop_timer_free(sqlite->tick);
    fail_waiting(sqlite, "the server is shutting down");
    answer_ran(sqlite);
    sqlite_wal_free(sqlite->wal);
    free_blocks(sqlite);
    free(sqlite->blocks);
    sqlite_file_close(sqlite->file);
    free(sqlite);
}

static const struct db_ops sqlite_ops = {
    .engine = "sqlite",
    .arrays = false,
    .connections = sqlite_connections,
    .slot = sqlite_slot,
    .away = sqlite_away,
    .send = sqlite_send,
    .health = sqlite_health,
    .free = sqlite_free,
};
