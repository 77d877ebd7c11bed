/* A row becomes an event, with the text that is sent; a filter takes it or does not. */
#include <config.h>

#include "core/feed_event.h"

#include "base/hash.h"
#include "base/text.h"

/* The last columns of source->from, from behind. */
enum {
    BEHIND_HELD = 1,
    BEHIND_NUMBER,
    BEHIND_XID,
};

bool feed_filter_takes(const struct feed_filter *filter, const struct feed_event *event)
{
    return (!filter->of_record || filter->record == event->record) &&
           (filter->kinds == 0 || (filter->kinds & 1u << event->kind) != 0) &&
           (!filter->of_owner ||
            (event->owner.ptr != NULL ? slice_equal(filter->owner, event->owner) : filter->or_nobody));
}

uint64_t feed_owner_hash(struct slice owner)
{
    return hash_bytes(owner, 0);
}

bool feed_filter_is_open(const struct feed_filter *filter)
{
    return !filter->of_record && !filter->of_owner && filter->kinds == 0;
}

struct feed_position feed_event_place(const struct db_rows *rows, int row)
{
    struct feed_position position = {0, 0};
    text_int(rows->value(rows, row, 0), &position.xid);
    text_int(rows->value(rows, row, 1), &position.number);
    return position;
}

static struct slice behind(const struct db_rows *rows, int row, int column)
{
    return rows->value(rows, row, rows->columns - column);
}

struct feed_position feed_event_position(const struct db_rows *rows, int row)
{
    struct feed_position position = {0, 0};
    text_int(behind(rows, row, BEHIND_XID), &position.xid);
    text_int(behind(rows, row, BEHIND_NUMBER), &position.number);
    return position;
}

bool feed_event_is_held(const struct db_rows *rows, int row)
{
    struct slice held = behind(rows, row, BEHIND_HELD);
    return held.len == 1 && (held.ptr[0] == 't' || held.ptr[0] == '1');
}

void feed_event_read(const struct feed_source *source, const struct db_rows *rows, int row,
                     struct feed_event *event, struct buf *text)
{
    char id[FEED_POSITION_SIZE];
    struct buf data = BUF_INIT(text->max);
    *event = (struct feed_event){.position = feed_event_position(rows, row)};
    source->read(source, rows, row, event, &data);
    event->owner_hash = feed_owner_hash(event->owner);
    feed_position_write(id, event->position);
    buf_clear(text);
    buf_printf(text, "id: %s\nevent: %s\ndata: ", id, source->kinds[event->kind]);
    buf_add_slice(text, buf_slice(&data));
    buf_add_string(text, "\n\n");
    buf_fini(&data);
    event->text = buf_slice(text);
}
