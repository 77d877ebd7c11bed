/* GET /orders/{id}: "getOrdersById". */
#include <config.h>

#include "openapi/openapi_id.h"

#include <ctype.h>
#include <string.h>

#include "base/jsonout.h"

static void add_lower(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_add_char(out, (char)tolower((unsigned char)*text));
}

/* "/orders/{id}": "OrdersById"; "/": "Index". Each word and each field begins with a capital. */
static void add_path_words(struct buf *out, const char *path)
{
    const char *joint = "By";
    bool begins = true;
    if (strcmp(path, "/") == 0)
        buf_add_string(out, "Index");
    for (; *path != '\0'; path++) {
        if (*path == '{') {
            buf_add_string(out, joint);
            joint = "And";
        }
        if (isalnum((unsigned char)*path))
            buf_add_char(out, begins ? (char)toupper((unsigned char)*path) : *path);
        begins = !isalnum((unsigned char)*path);
    }
}

void openapi_add_id(struct buf *out, const struct route *route)
{
    struct buf id = BUF_INIT(256);
    add_lower(&id, http_method_name(route->method));
    add_path_words(&id, route->path);
    jsonout_text(out, buf_text(&id));
    buf_fini(&id);
}
