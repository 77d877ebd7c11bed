/* sites_seed writes sites with what stands in them as rows of JSON (add_site, add_computer, add_freezer,
 * add_container), and stores them by one statement. */
#include <config.h>

#include "apps/sites_seed.h"

#include "base/buf.h"
#include "base/random.h"
#include "core/statements.h"

#define ROWS_MAX ((size_t)16 << 20)
#define PICK(list) (list)[random_int(0, (int64_t)(sizeof(list) / sizeof(list)[0]) - 1)]

static const struct {
    const char *name, *region, *country, *postcode; /* of the postcode, the form: 0 is any digit */
} towns[] = {
    {"Ann Arbor", "MI", "USA", "48100"},
    {"Boulder", "CO", "USA", "80300"},
    {"Durham", "NC", "USA", "27700"},
    {"Montréal", "QC", "Canada", "H0A 0B0"},
    {"Cambridge", "England", "UK", "CB0 0AX"},
    {"Heidelberg", "Baden-Württemberg", "Germany", "69100"},
    {"København", "Hovedstaden", "Denmark", "2100"},
    {"Kraków", "Małopolskie", "Poland", "30-000"},
    {"京都市", "京都府", "日本", "600-0000"},
};
static const char *const streets[] = {"Muffin Lane", "Harbour Road", "Mill Street", "Observatory Hill",
                                      "Station Road"};
static const char *const first_names[] = {"Ada",  "Barbara",   "Carl",  "Dorothy",
                                          "Emil", "Françoise", "Grace", "Haruki"};
static const char *const last_names[] = {"Smith",   "Curie",  "Gauß", "Hodgkin",
                                         "Noether", "Okafor", "Sato", "Ørsted"};
static const char *const contents[] = {"plasma",       "serum",      "tissue, snap frozen",
                                       "DNA extracts", "cell lines", "reagents"};
static const int degrees[] = {-20, -40, -80, -196};

/* Each digit 0 becomes a random one. */
static void add_digits(struct buf *out, const char *form)
{
    for (; *form != '\0'; form++)
        buf_add_char(out, *form == '0' ? (char)('0' + random_int(0, 9)) : *form);
}

/* Locally administered, so never that of a real card. */
static void add_computer(struct buf *out, int number)
{
    buf_printf(out, "%s{\"name\":\"Computer %d\",\"mac\":\"02", number > 1 ? "," : "", number);
    for (int i = 0; i < 5; i++)
        buf_printf(out, ":%02x", (unsigned)random_int(0, 255));
    buf_add_string(out, "\"}");
}

static void add_container(struct buf *out, bool first)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx";
    buf_add_string(out, first ? "{\"uuid\":\"" : ",{\"uuid\":\"");
    for (const char *c = form; *c != '\0'; c++)
        buf_add_char(out, *c == 'x' ? "0123456789abcdef"[random_int(0, 15)] : *c);
    buf_printf(out, "\",\"description\":\"%s\"}", PICK(contents));
}

/* Names of freezers differ within a site; site_seed relies on it. */
static void add_freezer(struct buf *out, int number)
{
    buf_printf(out, "%s{\"name\":\"Freezer %d, %d C\",\"containers\":[", number > 1 ? "," : "", number,
               PICK(degrees));
    for (int64_t i = 0, count = random_int(0, 4); i < count; i++)
        add_container(out, i == 0);
    buf_add_string(out, "]}");
}

static void add_site(struct buf *out)
{
    size_t town = (size_t)random_int(0, (int64_t)(sizeof towns / sizeof towns[0]) - 1);
    buf_printf(out, "{\"name\":\"Lab %s %d\",\"contact\":\"%s %s\",\"address\":\"%d %s, %s\",",
               towns[town].name, (int)random_int(1, 99), PICK(first_names), PICK(last_names),
               (int)random_int(1, 199), PICK(streets), towns[town].name);
    buf_printf(out, "\"state_or_region\":\"%s\",\"country\":\"%s\",\"postcode_or_zip\":\"",
               towns[town].region, towns[town].country);
    add_digits(out, towns[town].postcode);
    buf_add_string(out, "\",\"computers\":[");
    for (int i = 1, count = (int)random_int(1, 3); i <= count; i++)
        add_computer(out, i);
    buf_add_string(out, "],\"freezers\":[");
    for (int i = 1, count = (int)random_int(1, 2); i <= count; i++)
        add_freezer(out, i);
    buf_add_string(out, "]}");
}

bool sites_seed(struct session *session, int64_t count)
{
    struct buf rows = BUF_INIT(ROWS_MAX);
    buf_add_char(&rows, '[');
    for (int64_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(&rows, ',');
        add_site(&rows);
    }
    buf_add_char(&rows, ']');
    bool ok = session_store(session, STATEMENT(SITE_SEED), buf_text(&rows), count) == DB_OK;
    buf_fini(&rows);
    return ok;
}
