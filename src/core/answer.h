/* A database's answer becomes a reply. It depends on what stands in struct answering alone, so that requests can share
 * the reply. */
#ifndef ROWLOCK_CORE_ANSWER_H
#define ROWLOCK_CORE_ANSWER_H

#include "core/reply.h"
#include "core/route.h"

struct answering {
    const struct route *route;
    const struct statement *statement;
    const struct db_param *params;
    const struct db_answer *answer; /* without error */
    struct reply *reply;            /* emptied before; to be written */
};

/* Writes the reply, by the route's write or shape. */
void answer_write(const struct answering *answering);

/* A value of the first row that answers. */
struct slice answer_value(const struct db_answer *answer, int column);

#endif
