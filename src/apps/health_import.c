/* The CSV files of health regions: columns as their headers name them, tables of the same names. */
#include <config.h>

#include <string.h>

#include "apps/health.h"

#define TEXT_MAX 2000

#define INT(column)                                                                                          \
    {                                                                                                        \
        .name = column, .type = FIELD_INT, .least = 0, .most = INT32_MAX                                     \
    }
#define INT_OR_NULL(column)                                                                                  \
    {                                                                                                        \
        .name = column, .type = FIELD_INT, .nullable = true, .least = 0, .most = INT32_MAX                   \
    }
#define TEXT(column)                                                                                         \
    {                                                                                                        \
        .name = column, .type = FIELD_TEXT, .least = 1, .most = TEXT_MAX                                     \
    }
#define TEXT_OR_NULL(column)                                                                                 \
    {                                                                                                        \
        .name = column, .type = FIELD_TEXT, .nullable = true, .least = 1, .most = TEXT_MAX                   \
    }

static bool two_letters(struct slice text, struct arena *arena, struct slice *out)
{
    *out = arena_dup(arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 'A' || text.ptr[i] > 'Z')
            return false;
    return text.len == 2;
}

static const struct field region_columns[] = {INT("id"), TEXT("name_en"), TEXT("name_fr"), {.name = NULL}};

static const struct field province_columns[] = {
    INT("id"),
    INT("geo_code"),
    {.name = "alpha_code",
     .type = FIELD_TEXT,
     .least = 2,
     .most = 2,
     .normalise = two_letters,
     .form = "two capital letters"},
    TEXT("name_en"),
    TEXT("name_fr"),
    INT("fk_region_id"),
    {.name = NULL},
};

static const struct field health_region_columns[] = {
    INT("id"),
    INT("hr_uid"),
    TEXT("name_en"),
    TEXT("name_fr"),
    INT_OR_NULL("pop"),
    TEXT_OR_NULL("website_en"),
    TEXT_OR_NULL("website_fr"),
    TEXT_OR_NULL("en_prov_vaccine_site"),
    TEXT_OR_NULL("fr_prov_vaccine_site"),
    INT("fk_province_id"),
    {.name = NULL},
};

static const struct field fsa_columns[] = {
    INT("id"),
    {.name = "code",
     .type = FIELD_TEXT,
     .least = 3,
     .most = 3,
     .normalise = health_fsa,
     .form = "a forward sortation area such as K1A"},
    TEXT("eng_name"),
    TEXT("fre_name"),
    INT_OR_NULL("estimated_pop"),
    INT("fk_healthregion_id"),
    INT("fk_province_id"),
    {.name = NULL},
};

/* What others refer to comes first. */
const struct import_file health_files[] = {
    {.flag = "--regions", .columns = region_columns, .store = STATEMENT(REGION_STORE)},
    {.flag = "--provinces",
     .columns = province_columns,
     .stray = STATEMENT(PROVINCE_STRAY),
     .store = STATEMENT(PROVINCE_STORE)},
    {.flag = "--health-regions",
     .columns = health_region_columns,
     .stray = STATEMENT(HEALTH_REGION_STRAY),
     .store = STATEMENT(HEALTH_REGION_STORE)},
    {.flag = "--fsa", .columns = fsa_columns, .stray = STATEMENT(FSA_STRAY), .store = STATEMENT(FSA_STORE)},
    {.flag = NULL},
};
