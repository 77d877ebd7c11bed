/* health_seed makes up health regions and their areas within the provinces that are there (add_regions), as rows of
 * JSON, and stores them (store). */
#include <config.h>

#include <string.h>

#include "apps/health.h"
#include "base/buf.h"
#include "base/random.h"
#include "base/text.h"
#include "core/statements.h"

#define COUNT(array) ((int64_t)(sizeof(array) / sizeof(array)[0]))
#define BYTES_MAX ((size_t)1 << 24)

/* The letters that the codes of each province begin with, and those that codes end with (Canada Post, "Addressing
 * Guidelines"). */
static const struct {
    const char *province, *letters;
} first_letters[] = {
    {"NL", "A"}, {"PE", "C"}, {"NS", "B"}, {"NB", "E"}, {"QC", "GHJ"}, {"ON", "KLMNP"}, {"MB", "R"},
    {"SK", "S"}, {"AB", "T"}, {"BC", "V"}, {"YT", "Y"}, {"NT", "X"},   {"NU", "X"},
};
static const char last_letters[] = "ABCEGHJKLMNPRSTVWXYZ";

static const char *const quarters[][2] = {{"North", "Nord"}, {"East", "Est"},       {"South", "Sud"},
                                          {"West", "Ouest"}, {"Central", "Centre"}, {"Coastal", "Côte"}};

struct making {
    const struct db_rows *provinces;   /* of health_seed_base */
    struct buf regions, areas;         /* rows as the importer gives them */
    int64_t region_id, hr_uid, fsa_id; /* the last that are taken */
    struct arena arena;
};

static const char *letters_of(const struct making *making, int province)
{
    struct slice code =
        making->provinces->value(making->provinces, province, COLUMN_HEALTH_SEED_BASE_ALPHA_CODE);
    for (int64_t i = 0; i < COUNT(first_letters); i++)
        if (slice_equal(code, slice_of(first_letters[i].province)))
            return first_letters[i].letters;
    return NULL; /* a row for the whole country, or something by hand */
}

static char one_of(const char *letters)
{
    return letters[random_int(0, (int64_t)strlen(letters) - 1)];
}

static void add_text(struct buf *row, const char *text)
{
    buf_add_json(row, slice_of(text));
    buf_add_char(row, ',');
}

static void begin_row(struct buf *rows, int64_t id)
{
    buf_add_string(rows, rows->len == 0 ? "[[" : ",[");
    buf_add_int(rows, id);
    buf_add_char(rows, ',');
}

static void add_area(struct making *making, int province, const char *const names[2], int64_t people)
{
    char letter = one_of(letters_of(making, province));
    begin_row(&making->areas, ++making->fsa_id);
    buf_printf(&making->areas, "\"%c%d%c\",", letter, (int)random_int(0, 9), one_of(last_letters));
    add_text(&making->areas, names[0]);
    add_text(&making->areas, names[1]);
    buf_printf(&making->areas, "%lld,%lld,%s]", (long long)people, (long long)making->region_id,
               making->provinces->value(making->provinces, province, COLUMN_HEALTH_SEED_BASE_ID).ptr);
}

static void add_region(struct making *making, int province)
{
    const struct db_rows *provinces = making->provinces;
    const char *const *quarter = quarters[random_int(0, COUNT(quarters) - 1)];
    long long id = ++making->region_id, people = random_int(10000, 1500000), areas = random_int(1, 3);
    const char *english = provinces->value(provinces, province, COLUMN_HEALTH_SEED_BASE_NAME_EN).ptr;
    const char *french = provinces->value(provinces, province, COLUMN_HEALTH_SEED_BASE_NAME_FR).ptr;
    const char *names[] = {
        arena_printf(&making->arena, "%s %s Health Region %lld", english, quarter[0], id),
        arena_printf(&making->arena, "Région sanitaire %s %s %lld", french, quarter[1], id)};
    begin_row(&making->regions, id);
    buf_printf(&making->regions, "%lld,", (long long)++making->hr_uid);
    add_text(&making->regions, names[0]);
    add_text(&making->regions, names[1]);
    buf_printf(&making->regions, "%lld,", people);
    add_text(&making->regions, arena_printf(&making->arena, "https://health.example/en/%lld", id));
    add_text(&making->regions, arena_printf(&making->arena, "https://health.example/fr/%lld", id));
    add_text(&making->regions, arena_printf(&making->arena, "https://health.example/en/%lld/vaccine", id));
    add_text(&making->regions, arena_printf(&making->arena, "https://health.example/fr/%lld/vaccine", id));
    buf_printf(&making->regions, "%s]",
               provinces->value(provinces, province, COLUMN_HEALTH_SEED_BASE_ID).ptr);
    for (long long i = 0; i < areas; i++)
        add_area(making, province, names, people / areas);
}

static void add_regions(struct making *making, int64_t count)
{
    for (int64_t i = 0; i < count;) {
        int province = (int)random_int(0, making->provinces->count - 1);
        if (letters_of(making, province) == NULL)
            continue;
        add_region(making, province);
        i++;
    }
}

static bool store(struct session *session, const struct statement *statement, struct buf *rows, int64_t count)
{
    buf_add_char(rows, ']');
    return session_store(session, statement, buf_text(rows), count) == DB_OK;
}

/* The thirteen provinces are there: they are the app's built-in records. */
bool health_seed(struct session *session, int64_t count)
{
    struct making making = {.regions = BUF_INIT(BYTES_MAX), .areas = BUF_INIT(BYTES_MAX)};
    if (session_query(session, STATEMENT(HEALTH_SEED_BASE), NULL, &making.provinces) != DB_OK)
        return false;
    text_int(making.provinces->value(making.provinces, 0, COLUMN_HEALTH_SEED_BASE_REGION_ID),
             &making.region_id);
    text_int(making.provinces->value(making.provinces, 0, COLUMN_HEALTH_SEED_BASE_HR_UID), &making.hr_uid);
    text_int(making.provinces->value(making.provinces, 0, COLUMN_HEALTH_SEED_BASE_FSA_ID), &making.fsa_id);
    arena_init(&making.arena);
    int64_t areas = making.fsa_id;
    add_regions(&making, count);
    areas = making.fsa_id - areas;
    bool ok = store(session, STATEMENT(HEALTH_REGION_STORE), &making.regions, count) &&
              store(session, STATEMENT(FSA_STORE), &making.areas, areas);
    arena_fini(&making.arena);
    buf_fini(&making.regions);
    buf_fini(&making.areas);
    return ok;
}
