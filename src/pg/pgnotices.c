/* The connection that listens. on_listen_ready sends LISTEN and then asks which database this is: when that is
 * answered, no change is missed any more, and on_listening says so. From then on on_notify passes on each change.
 * Behind a pooler the session that listens would be another client's, so only the identity is asked for, and kept
 * replies live for their time. */
#include <config.h>

#include "pg/pgnotices.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define LIMIT_NS (2 * CLOCK_SECOND) /* so long it may owe an answer */
#define AGAIN_NS (5 * CLOCK_SECOND) /* it is asked this often whether it is there */

struct pgnotices {
    struct db_events events;
    struct pgconn *conn;
    struct db_request listen, identity;
    int64_t listened; /* when LISTEN was last sent */
};

/* ---- what the connection says ---- */

static void on_listen_ready(struct pgconn *conn, void *argument)
{
    struct pgnotices *notices = argument;
    if (!pgconn_pooled(conn)) {
        notices->listened = clock_now();
        pgconn_send(conn, &notices->listen);
    }
    pgconn_send(conn, &notices->identity);
}

static void on_listen_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    (void)request;
    (void)position;
    if (answer->error != DB_OK && answer->error != DB_LOST)
        log_warn("the database does not tell of changes", LOG_S("reason", answer->message));
}

static void on_identity_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    const struct pgnotices *notices = request->owner;
    (void)position;
    if (answer->error == DB_LOST)
        return;
    if (answer->error == DB_OK && answer->count == 1)
        notices->events.on_listening(answer->rows->value(answer->rows, answer->first, 0),
                                     notices->events.argument);
    else
        log_warn("the database does not say which one it is", LOG_S("reason", answer->message));
}

static void on_notify(struct pgconn *conn, struct slice payload, void *argument)
{
    const struct pgnotices *notices = argument;
    (void)conn;
    notices->events.on_change(payload, notices->events.argument);
}

/* ---- life ---- */

struct pgnotices *pgnotices_new(struct loop *loop, const struct pgtarget *target, unsigned statement_count,
                                const struct statement *listen, const struct statement *identity,
                                const struct db_events *events)
{
    struct pgnotices *notices = mem_new(sizeof *notices);
    struct pgconn_events own = {.on_ready = on_listen_ready, .on_notify = on_notify, .argument = notices};
    notices->events = *events;
    notices->listen = (struct db_request){
        .statement = listen, .call_count = 1, .on_answer = on_listen_answer, .owner = notices};
    notices->identity = notices->listen;
    notices->identity.statement = identity;
    notices->identity.on_answer = on_identity_answer;
    notices->conn = pgconn_new(loop, target, "listen", statement_count, &own);
    return notices;
}

void pgnotices_free(struct pgnotices *notices)
{
    if (notices == NULL)
        return;
    pgconn_free(notices->conn);
    free(notices);
}

/* The end of a connection on which nothing is asked goes unnoticed. LISTEN once more changes nothing. */
void pgnotices_tend(struct pgnotices *notices, int64_t now)
{
    if (!pgconn_ready(notices->conn))
        return;
    if (pgconn_silence(notices->conn, now) > LIMIT_NS) {
        pgconn_lose(notices->conn, "the database does not answer");
    } else if (pgconn_depth(notices->conn) == 0 && now - notices->listened > AGAIN_NS &&
               !pgconn_pooled(notices->conn)) {
        notices->listened = now;
        pgconn_send(notices->conn, &notices->listen);
    }
}

void pgnotices_renew(struct pgnotices *notices)
{
    pgconn_renew_unfit(notices->conn, true);
}
