/* Requests that hold only for a certain state of what they are about: If-Match and If-None-Match (RFC 9110 section
 * 13). Of a GET or HEAD they are looked at when its reply is ready (request_send); of a write here.
 *
 * A write that is conditional goes two steps. The first reads the record with its guard, a text that stands for all
 * that the database has of it, and makes the entity tag that a GET would have; when that fails the condition, the
 * answer is 412. The second is the write itself, which takes the guard and changes nothing unless the record, as it
 * is in that very statement, still has it: so no other write can change the record between the condition and the
 * write. A record that did change meanwhile is read again. An unconditional write is one step as ever, and its guard
 * is null. */
#ifndef ROWLOCK_CORE_PRECONDITION_H
#define ROWLOCK_CORE_PRECONDITION_H

#include "core/request.h"

/* Whether the request is a conditional write of a route that knows conditions (see struct route, guard). */
bool precondition_is_write(const struct request *request);

/* Runs such a write, valid otherwise, to its reply. */
void precondition_start(struct request *request);

#endif
