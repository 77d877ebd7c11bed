/* The engine asks, and calls read with the first row that it gets. */
#include <config.h>

#include "core/dbhealth.h"

#include <stdio.h>

#include "base/text.h"
#include "core/statements.h"

static bool bool_of(struct slice text)
{
    return text.len > 0 && (text.ptr[0] == 't' || text.ptr[0] == '1');
}

static int64_t number_of(struct slice text)
{
    int64_t number = 0;
    return text.ptr != NULL && text_int(text, &number) == TEXT_NUMBER_OK ? number : 0;
}

static void keep_text(char *out, size_t size, struct slice text)
{
    snprintf(out, size, "%.*s", (int)text.len, text.ptr != NULL ? text.ptr : "");
    text_end_at_character(out);
}

static void read_health(const struct db_rows *rows, int row, struct db_health *health)
{
    health->writable = bool_of(rows->value(rows, row, COLUMN_HEALTH_WRITABLE));
    health->version = number_of(rows->value(rows, row, COLUMN_HEALTH_VERSION));
    health->oldest_server = number_of(rows->value(rows, row, COLUMN_HEALTH_OLDEST_SERVER));
    health->asynchronous_commit =
        slice_equal(rows->value(rows, row, COLUMN_HEALTH_SYNCHRONOUS_COMMIT), SLICE("off"));
    health->standby = bool_of(rows->value(rows, row, COLUMN_HEALTH_STANDBY));
    health->asynchronous_standby = bool_of(rows->value(rows, row, COLUMN_HEALTH_ASYNCHRONOUS_STANDBY));
    health->wal_kept = number_of(rows->value(rows, row, COLUMN_HEALTH_WAL_KEPT));
    keep_text(health->obstacle, sizeof health->obstacle, rows->value(rows, row, COLUMN_HEALTH_OBSTACLE));
    keep_text(health->denied, sizeof health->denied, rows->value(rows, row, COLUMN_HEALTH_DENIED));
}

static void read_hidden(const struct db_rows *rows, int row, struct db_health *health)
{
    struct slice schema = rows->value(rows, row, COLUMN_TABLES_HIDDEN_NAME);
    snprintf(health->obstacle, sizeof health->obstacle,
             "the server's role may not use the schema %.*s, where its tables are", (int)schema.len,
             schema.ptr);
}

const struct db_question dbhealth_question = {STATEMENT(HEALTH), read_health};
const struct db_question dbhealth_hidden = {STATEMENT(TABLES_HIDDEN), read_hidden};
