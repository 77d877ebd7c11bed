/* A column is a metric. */
#include <config.h>

#include "apps/orders_table.h"

#include "base/text.h"
#include "core/answer.h"
#include "core/statements.h"
#include "metrics/metrics.h"

void orders_table_read(const struct db_answer *answer)
{
    static const enum metric metrics[] = {[COLUMN_ORDERS_TABLE_LIVE] = METRIC_ORDERS_LIVE_ROWS,
                                          [COLUMN_ORDERS_TABLE_DEAD] = METRIC_ORDERS_DEAD_ROWS,
                                          [COLUMN_ORDERS_TABLE_BYTES] = METRIC_ORDERS_BYTES};
    int64_t number;
    for (int column = 0; answer->count == 1 && column < (int)(sizeof metrics / sizeof metrics[0]); column++)
        if (text_int(answer_value(answer, column), &number) == TEXT_NUMBER_OK && number >= 0)
            metric_set_for_all(metrics[column], 0, (uint64_t)number);
}
