/* visitor_note copies from the head what is wanted when that has gone. */
#include <config.h>

#include "core/visitor.h"

#include "base/buf.h"

static struct slice copy(struct arena *arena, struct slice text)
{
    return text.ptr != NULL ? arena_dup(arena, text) : text;
}

static struct slice target_of(const struct http_head *head, struct arena *arena)
{
    struct buf target = BUF_INIT(2 * HTTP_LINE_MAX);
    buf_add_slice(&target, head->path);
    if (head->query.ptr != NULL) {
        buf_add_char(&target, '?');
        buf_add_slice(&target, head->query);
    }
    struct slice copied = arena_dup(arena, buf_slice(&target));
    buf_fini(&target);
    return copied;
}

struct visitor *visitor_note(const struct http_head *head, struct arena *arena)
{
    struct visitor *visitor = arena_alloc(arena, sizeof *visitor);
    *visitor = (struct visitor){.minor = 1};
    if (head == NULL)
        return visitor;
    visitor->minor = head->minor;
    visitor->target = target_of(head, arena);
    visitor->referer = copy(arena, http_head_field(head, SLICE("Referer")));
    visitor->agent = copy(arena, http_head_field(head, SLICE("User-Agent")));
    return visitor;
}
