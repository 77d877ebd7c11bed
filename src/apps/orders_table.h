/* The table of orders as its database sees it: how large it is, and what waits for a vacuum. */
#ifndef ROWLOCK_APPS_ORDERS_TABLE_H
#define ROWLOCK_APPS_ORDERS_TABLE_H

#include "db/db.h"

/* Sets the metrics from the row of the statement orders_table; of a database that keeps no count there is none. */
void orders_table_read(const struct db_answer *answer);

#endif
