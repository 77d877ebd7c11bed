/* The CSV files of health regions: columns as their headers name them, tables of the same names. And the form of their
 * codes, which requests have as well. */
#include <config.h>

#include <string.h>

#include "apps/health.h"

#define TEXT_MAX 2000

#define NUMBER(column) .name = column, .type = FIELD_INT, .min = 0, .max = INT32_MAX
#define WORDS(column) .name = column, FIELD_OF_TEXT(TEXT_MAX)

/* ---- forward sortation areas ---- */

static const char first_letters[] = HEALTH_FSA_FIRST, letters[] = HEALTH_FSA_LETTERS, digits[] = "0123456789";

bool health_fsa(struct slice text, struct arena *arena, struct slice *out)
{
    static const char *const sets[] = {first_letters, digits, letters, digits, letters, digits};
    char code[sizeof sets / sizeof sets[0]];
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 3 && text.ptr[i] == ' ' && text.len == 7)
            continue;
        char c = text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? (char)(text.ptr[i] - 'a' + 'A') : text.ptr[i];
        if (count == sizeof code || c == '\0' || strchr(sets[count], c) == NULL)
            return false;
        code[count++] = c;
    }
    *out = arena_dup(arena, (struct slice){code, 3});
    return count == 3 || count == sizeof code;
}

/* ---- files ---- */

static bool two_letters(struct slice text, struct arena *arena, struct slice *out)
{
    *out = arena_dup(arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 'A' || text.ptr[i] > 'Z')
            return false;
    return text.len == 2;
}

static const struct field region_columns[] = {
    {NUMBER("id")}, {WORDS("name_en")}, {WORDS("name_fr")}, {.name = NULL}};

static const struct field province_columns[] = {
    {NUMBER("id")},
    {NUMBER("geo_code")},
    {.name = "alpha_code",
     .type = FIELD_TEXT,
     .min = 2,
     .max = 2,
     .normalise = two_letters,
     .form = "two capital letters"},
    {WORDS("name_en")},
    {WORDS("name_fr")},
    {NUMBER("fk_region_id")},
    {.name = NULL},
};

static const struct field health_region_columns[] = {
    {NUMBER("id")},
    {NUMBER("hr_uid")},
    {WORDS("name_en")},
    {WORDS("name_fr")},
    {NUMBER("pop"), .nullable = true},
    {WORDS("website_en"), .nullable = true},
    {WORDS("website_fr"), .nullable = true},
    {WORDS("en_prov_vaccine_site"), .nullable = true},
    {WORDS("fr_prov_vaccine_site"), .nullable = true},
    {NUMBER("fk_province_id")},
    {.name = NULL},
};

static const struct field fsa_columns[] = {
    {NUMBER("id")},
    {.name = "code",
     .type = FIELD_TEXT,
     .min = 3,
     .max = 3,
     .normalise = health_fsa,
     .form = "a forward sortation area such as K1A"},
    {WORDS("eng_name")},
    {WORDS("fre_name")},
    {NUMBER("estimated_pop"), .nullable = true},
    {NUMBER("fk_healthregion_id")},
    {NUMBER("fk_province_id")},
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
