/* The fields of a request to the parameters of a statement, by name. */
#ifndef ROWLOCK_CORE_BIND_H
#define ROWLOCK_CORE_BIND_H

#include "core/request.h"

/* Fills all of params. A parameter that no field has is null; "body" is the members of the body that were given, as one
 * JSON object. Texts last as long as the request. */
void bind_fields(struct request *request, const struct statement *statement,
                 struct db_param params[DB_PARAMS_MAX]);

#endif
