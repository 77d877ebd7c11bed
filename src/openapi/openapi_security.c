/* Two schemes (OpenAPI 3.1 section 4.8.27), and what each operation asks of them. */
#include <config.h>

#include "openapi/openapi_security.h"

#include "base/jsonout.h"

#define BEARER "bearer"
#define FIELD "apiKey"

void openapi_add_schemes(struct buf *out)
{
    jsonout_named(out, "securitySchemes", '{');
    jsonout_named_raw(
        out, BEARER,
        "{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"an API key, as rowlock key new "
        "makes it (RFC 6750)\"}");
    jsonout_named_raw(
        out, FIELD,
        "{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-Api-Key\",\"description\":\"the same "
        "key in a field of its own\"}");
    jsonout_close(out, '}');
}

/* The scope is that of the key, which for these types is a role (section 4.8.30). */
static void add_requirement(struct buf *out, const char *scheme, enum scope scope)
{
    jsonout_open(out, '{');
    jsonout_named(out, scheme, '[');
    jsonout_text(out, scope_name(scope));
    jsonout_close(out, ']');
    jsonout_close(out, '}');
}

void openapi_add_security(struct buf *out, const struct settings *settings, const struct route *route)
{
    jsonout_named(out, "security", '[');
    if (route->scope != SCOPE_OPEN) {
        if (!settings_have_keys(settings) || scope_in(settings->anonymous, route->scope)) {
            jsonout_open(out, '{');
            jsonout_close(out, '}');
        }
        add_requirement(out, BEARER, route->scope);
        add_requirement(out, FIELD, route->scope);
    }
    jsonout_close(out, ']');
}
