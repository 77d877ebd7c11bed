/* Each chore has a timer: on_timer starts its call, on_done the timer. */
#include <config.h>

#include "core/chore.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/call.h"
#include "io/loop.h"
#include "metrics/metrics.h"

#define FIRST_NS CLOCK_SECOND

struct chores {
    struct chores *next;
    const struct chore *chore;
    struct calls *calls;
    struct call call;
    struct loop_timer *timer;
};

static void tell(const struct chore *chore, const struct db_answer *answer)
{
    if (answer->count > 0)
        log_debug(chore->said, LOG_I(chore->counted, answer->count));
    if (chore->metric != 0)
        metric_add(chore->metric, 0, (uint64_t)answer->count);
}

static void chore_on_done(struct call *call, const struct db_answer *answer, void *argument)
{
    struct chores *own = argument;
    const struct chore *chore = own->chore;
    bool done = answer->error == DB_OK, more = done && chore->read == NULL && answer->count == chore->batch;
    (void)call;
    if (done && chore->read != NULL)
        chore->read(answer);
    else if (done)
        tell(chore, answer);
    loop_timer_start(own->timer, more ? chore->again_ns : chore->every_ns);
}

static void chore_on_timer(void *argument)
{
    struct chores *own = argument;
    own->call.statement = own->chore->statement;
    own->call.params[0].integer = own->chore->parameter;
    own->call.done = chore_on_done;
    own->call.argument = own;
    if (call_start(own->calls, &own->call) != CALL_STARTED)
        loop_timer_start(own->timer, own->chore->every_ns);
}

void chores_add(struct chores **chores, struct loop *loop, struct calls *calls, const struct chore *chore)
{
    struct chores *own = mem_new(sizeof *own);
    own->next = *chores;
    own->chore = chore;
    own->calls = calls;
    own->timer = loop_timer_new(loop, chore_on_timer, own);
    loop_timer_start(own->timer, FIRST_NS);
    *chores = own;
}

void chores_free(struct chores *chores)
{
    for (struct chores *next; chores != NULL; chores = next) {
        next = chores->next;
        call_cancel(&chores->call);
        loop_timer_free(chores->timer);
        free(chores);
    }
}
