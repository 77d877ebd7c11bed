/* What the rows of the statements mean that a database engine asks about itself (core.sql). */
#ifndef ROWLOCK_CORE_DBHEALTH_H
#define ROWLOCK_CORE_DBHEALTH_H

#include "db/db.h"

extern const struct db_question dbhealth_question; /* the statement health */
extern const struct db_question dbhealth_hidden;   /* tables_hidden: why health finds no tables */

#endif
