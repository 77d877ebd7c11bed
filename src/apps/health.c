/* Health regions of Canada, by id and by forward sortation area. */
#include <config.h>

#include "apps/apps.h"
#include "apps/health.h"
#include "apps/regions_page.h"
#include "core/paging.h"

static const struct field id_path[] = {
    {.name = "id", FIELD_OF_ID, .required = true, .about = "of the health region"},
    {.name = NULL},
};

static const struct field code_path[] = {
    {.name = "code",
     .type = FIELD_TEXT,
     .required = true,
     .min = 3,
     .max = 7,
     .normalise = health_fsa,
     .form = HEALTH_FSA_FORM,
     .pattern = HEALTH_FSA_PATTERN,
     .about = "forward sortation area or postal code, in any case",
     .example = "\"K1A\""},
    {.name = NULL},
};

static const struct route routes[] = {
    {PAGING_LIST, .path = "/health-regions", .summary = "Health regions, by id", .scope = SCOPE_REGIONS_READ,
     .query = paging_query, .statement = STATEMENT(HEALTH_REGION_PAGE), .cached = true},
    {PAGING_LIST, .path = "/health-regions/{offset}/{count}", .summary = "A page of them",
     .scope = SCOPE_REGIONS_READ, .path_fields = paging_path, .statement = STATEMENT(HEALTH_REGION_PAGE),
     .cached = true},
    {.method = HTTP_GET,
     .path = "/health-regions/{id}",
     .summary = "One health region",
     .scope = SCOPE_REGIONS_READ,
     .path_fields = id_path,
     .statement = STATEMENT(HEALTH_REGION_GET),
     .shape = REPLY_OBJECT,
     .missing = "Health region does not exist.",
     .cached = true},
    {.method = HTTP_GET,
     .path = "/fsa/{code}",
     .summary = "The health regions of a forward sortation area",
     .scope = SCOPE_REGIONS_READ,
     .path_fields = code_path,
     .statement = STATEMENT(HEALTH_REGION_OF_FSA),
     .shape = REPLY_ARRAY,
     .missing = "No health region has this forward sortation area.",
     .cached = true},
    {.method = HTTP_GET,
     .path = "/regions",
     .summary = "The health regions of a postal code",
     .scope = SCOPE_REGIONS_READ,
     .for_people = true,
     .query = regions_page_query,
     .page = &regions_page},
};

static const struct app_data data = {
    .seed = health_seed,
    .seed_total = 15,
    .any_record = STATEMENT(HEALTH_ANY),
    .lock = STATEMENT(HEALTH_LOCK),
    .built_in = STATEMENT(HEALTH_PROVINCES),
    .imports = health_files,
};

const struct app app_health = {
    .name = "health",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .schema = 3,
    .data = &data,
};
