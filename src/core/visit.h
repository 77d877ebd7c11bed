/* A visit to a page: it stands for one request to the API after the other, those of its form and of its reads, and is
 * answered with what its template makes of their replies. See core/page.h. */
#ifndef ROWLOCK_CORE_VISIT_H
#define ROWLOCK_CORE_VISIT_H

#include "core/request.h"

/* Answers a valid request with the page of its route. start starts a request to another route, of the API, in its
 * place. To be called while HTTP calls dispatch. */
void visit_start(struct request *request, void (*start)(struct request *request));

/* Takes a reply of the API to a browser: a problem becomes a page. See struct request, take. */
void visit_show(struct request *request, const struct reply *reply);

#endif
