/* A new API key: shown once, on stderr, and on stdout the line that makes a server know it. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cmd/cmd.h"
#include "core/key_line.h"
#include "core/key_text.h"

#define LINE_BYTES (2 * (size_t)KEY_LINE_MAX)

/* Words of the line, each NAME=VALUE, by flags of the same names. */
static const char *const options[] = {"takers", "rate", "burst", "concurrent", "expires"};

/* The scopes are by comma or blank. */
static void add_scopes(struct buf *text, const char *scopes)
{
    for (; scopes != NULL && scopes[0] != '\0'; scopes++)
        buf_add_char(text, scopes[0] == ',' ? ' ' : scopes[0]);
}

static bool add_options(struct buf *text, const struct command_line *line)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        char flag[32];
        snprintf(flag, sizeof flag, "--%s", options[i]);
        const char *value = command_line_value(line, flag);
        if (value == NULL)
            continue;
        if (value[strcspn(value, " \t\r\n#")] != '\0') {
            cmd_complain("key: %s: it must be one word", flag);
            return false;
        }
        buf_printf(text, " %s=%s", options[i], value);
    }
    return true;
}

/* The line of a key of that hash; as a server would read it, so that it is right. False after a complaint. */
static bool make_line(struct buf *text, const struct command_line *line, const char *hash)
{
    char name[KEY_NAME_MAX + 1], why[KEY_LINE_WHY_MAX];
    struct api_key key;
    const char *scopes = command_line_value(line, "--scope");
    if (!key_name_is_right(slice_of(line->words[1]))) {
        cmd_complain("key: \"%s\" is no name of a key: it must be " KEY_NAME_FORM, line->words[1]);
        return false;
    }
    if (scopes == NULL || scopes[strcspn(scopes, "=#\r\n")] != '\0') {
        cmd_complain(
            "key: --scope: say what the key is good for, such as orders:read,orders:take, or * for all");
        return false;
    }
    buf_printf(text, "%s %s ", line->words[1], hash);
    add_scopes(text, scopes);
    if (!add_options(text, line))
        return false;
    if (key_line_parse(buf_slice(text), &key, name, why) != KEY_LINE_KEY) {
        cmd_complain("key: %s", why);
        return false;
    }
    return true;
}

static int make(const struct command_line *line)
{
    char key[KEY_TEXT_SIZE], hex[DIGEST_HEX_SIZE + 1];
    unsigned char hash[DIGEST_SIZE];
    struct buf text = BUF_INIT(LINE_BYTES);
    key_text_new(key);
    digest_sha256(slice_of(key), hash);
    digest_write(hash, hex);
    bool made = make_line(&text, line, hex);
    if (made) {
        fprintf(stderr,
                "The key, which is shown this once:\n\n    %s\n\nIts line for the file of --api-keys:\n\n",
                key);
        printf("%s\n", buf_text(&text));
    }
    buf_fini(&text);
    return made ? CMD_DONE : CMD_USAGE;
}

static int run(struct settings *settings, struct command_line *line)
{
    (void)settings;
    if (line->word_count == 2 && strcmp(line->words[0], "new") == 0)
        return make(line);
    cmd_complain("key: say \"rowlock key new NAME --scope SCOPES\", see rowlock --help");
    return CMD_USAGE;
}

static const struct setting_alias of_scope[] = {{"--scopes", "--scope"}, {NULL, NULL}};

static const struct command_flag flags[] = {
    {.name = "--scope",
     .value_name = "SCOPES",
     .about = "what it is good for, by comma",
     .aliases = of_scope},
    {.name = "--takers",
     .value_name = "own",
     .about = "its name is the taker of orders, and there is no other"},
    {.name = "--rate", .value_name = "N/s", .about = "requests by s, m or h"},
    {.name = "--burst", .value_name = "N", .about = "requests at once"},
    {.name = "--concurrent", .value_name = "N", .about = "requests that wait for an answer at once"},
    {.name = "--expires", .value_name = "DAY", .about = "from when on it is no longer good"},
    {.name = NULL}};

const struct command command_key = {
    .name = "key",
    .usage = "key new NAME --scope SCOPES",
    .about = "make an API key: it is shown once on stderr, its line for --api-keys goes to\n"
             "stdout; --takers own, --rate 100/s, --burst N, --concurrent N and\n"
             "--expires 2027-01-31 stand in the line, too",
    .flags = flags,
    .words_max = 2,
    .run = run};
