/* An attack on a live server, and whether its answers can be: run -> attack, or check_file -> report. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"
#include "base/textfile.h"
#include "cmd/cmd.h"
#include "prove/campaign.h"
#include "prove/judge.h"
#include "prove/picture.h"
#include "prove/tally.h"
#include "prove/words.h"

#define URL "http://127.0.0.1:8080"
#define ORDERS_MAX 1000000
#define SECONDS_MAX 86400

/* What was asked for. */
struct wish {
    struct campaign_settings campaign;
    const char *history, *check, *picture;
    char *url, *key; /* owned */
};

/* ---- what was asked for ---- */

static bool take_number(const struct command_line *line, const char *flag, int64_t min, int64_t max,
                        int64_t *number)
{
    const char *value = command_line_value(line, flag);
    if (value == NULL)
        return true;
    if (text_int(slice_of(value), number) == TEXT_NUMBER_OK && *number >= min && *number <= max)
        return true;
    cmd_complain("%s: \"%s\" is not right: it must be an integer from %lld to %lld", flag, value,
                 (long long)min, (long long)max);
    return false;
}

static bool take_workload(const struct command_line *line, enum workload *workload)
{
    const char *value = command_line_value(line, "--workload");
    for (int i = 0; value != NULL && i < WORKLOADS; i++)
        if (strcmp(value, workload_names[i]) == 0) {
            *workload = (enum workload)i;
            return true;
        }
    if (value != NULL)
        cmd_complain("--workload: \"%s\" is not right: it must be take, claim, lease, idempotency or mixed",
                     value);
    return value == NULL;
}

/* Visible ASCII, as a field of HTTP may hold. */
static bool is_key(const char *key)
{
    for (const char *c = key; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return key[0] != '\0';
}

static bool take_key(const struct command_line *line, struct wish *wish)
{
    const char *path = command_line_value(line, "--key-file"), *why = NULL, *from = path;
    if (path != NULL) {
        wish->key = textfile_read(path, TEXTFILE_WAIT, &why);
    } else if (getenv("ROWLOCK_KEY") != NULL && getenv("ROWLOCK_KEY")[0] != '\0') {
        wish->key = mem_dup(getenv("ROWLOCK_KEY"));
        from = "ROWLOCK_KEY";
    }
    if (path != NULL && wish->key == NULL)
        cmd_complain("--key-file: %s: %s", path, why);
    else if (wish->key != NULL && !is_key(wish->key))
        cmd_complain("%s: a key is one line of visible ASCII characters", from);
    wish->campaign.bearer = wish->key;
    return (path == NULL || wish->key != NULL) && (wish->key == NULL || is_key(wish->key));
}

static bool take_url(const struct command_line *line, struct wish *wish)
{
    const char *url = line->words[0] != NULL ? line->words[0] : URL, *wrong = setting_http_wrong(url);
    if (wrong != NULL || strpbrk(url, "?#") != NULL) {
        cmd_complain("\"%s\" is not right: it must be %s", url,
                     wrong != NULL ? wrong : "the address of a server, without ? and #");
        return false;
    }
    wish->url = mem_dup(url);
    for (size_t length = strlen(wish->url); length > 0 && wish->url[length - 1] == '/';)
        wish->url[--length] = '\0';
    wish->campaign.url = wish->url;
    return true;
}

/* What makes no sense beside --check. */
static bool take_check(const struct command_line *line, struct wish *wish)
{
    static const char *const others[] = {"--takers", "--orders",  "--for",      "--workload",
                                         "--seed",   "--history", "--key-file", NULL};
    wish->check = command_line_value(line, "--check");
    for (size_t i = 0; wish->check != NULL && others[i] != NULL; i++)
        if (command_line_value(line, others[i]) != NULL) {
            cmd_complain("%s does not go with --check, which asks no server", others[i]);
            return false;
        }
    if (wish->check == NULL || line->words[0] == NULL)
        return true;
    cmd_complain("an address does not go with --check, which asks no server");
    return false;
}

static bool take_wish(const struct settings *settings, const struct command_line *line, struct wish *wish)
{
    int64_t seconds = 10;
    *wish = (struct wish){.campaign = {.proxies = &settings->proxies,
                                       .takers = 32,
                                       .orders = 1000,
                                       .workload = WORKLOAD_MIXED,
                                       .seed = random_int(1, 999999)}};
    wish->history = command_line_value(line, "--history");
    wish->picture = command_line_value(line, "--picture");
    if (!take_number(line, "--takers", 1, CAMPAIGN_TAKERS_MAX, &wish->campaign.takers) ||
        !take_number(line, "--orders", 1, ORDERS_MAX, &wish->campaign.orders) ||
        !take_number(line, "--for", 1, SECONDS_MAX, &seconds) ||
        !take_number(line, "--seed", 0, INT64_MAX, &wish->campaign.seed) ||
        !take_workload(line, &wish->campaign.workload))
        return false;
    wish->campaign.for_ns = seconds * CLOCK_SECOND;
    return take_check(line, wish) && take_url(line, wish) && take_key(line, wish);
}

/* ---- what was found ---- */

/* Names may come from a file: what a terminal would obey is not printed. */
static void print_harmless(struct buf *words)
{
    for (size_t i = 0; i < words->len; i++)
        if (((unsigned char)words->data[i] < ' ' && words->data[i] != '\n') || words->data[i] == 0x7f)
            words->data[i] = '?';
    fwrite(words->data, 1, words->len, stdout);
    buf_fini(words);
}

static bool draw(const char *path, const struct history *history, const struct finding *finding)
{
    struct buf picture = BUF_INIT(PICTURE_MAX);
    FILE *file = fopen(path, "we");
    bool written = false;
    picture_write(&picture, history, finding);
    if (file != NULL) {
        written = fwrite(picture.data, 1, picture.len, file) == picture.len;
        written = fclose(file) == 0 && written;
    }
    buf_fini(&picture);
    if (written)
        printf("drawn: %s\n", path);
    else
        cmd_complain("--picture: %s: %s", path, strerror(errno));
    return written;
}

static int report_findings(const struct wish *wish, const struct history *history,
                           const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++) {
        struct buf words = BUF_INIT(WORDS_MAX);
        words_add_finding(&words, history, &verdict->findings[i]);
        print_harmless(&words);
    }
    if (verdict->more > 0)
        printf("%zu more like these\n", verdict->more);
    if (wish->picture != NULL)
        draw(wish->picture, history, &verdict->findings[0]);
    return CMD_FAILED;
}

static const char *orders(size_t count)
{
    return count == 1 ? "order" : "orders";
}

/* What stands between this and a proof. */
static void report_doubts(const struct verdict *verdict)
{
    if (verdict->strangers > 0)
        printf("%zu %s not judged: somebody who is not of this run had them\n", verdict->strangers,
               orders(verdict->strangers));
    if (verdict->loosely > 0)
        printf(
            "%zu %s with so many calls without an answer that each was taken to happen as often as needed\n",
            verdict->loosely, orders(verdict->loosely));
    if (verdict->undecided > 0)
        printf("%zu %s not decided: too many calls without an answer at once\n", verdict->undecided,
               orders(verdict->undecided));
}

static int report(const struct wish *wish, const struct history *history, int64_t unread)
{
    struct verdict verdict;
    int code = CMD_FAILED;
    judge(history, &verdict);
    report_doubts(&verdict);
    if (verdict.count > 0)
        code = report_findings(wish, history, &verdict);
    else if (!judge_has_something(history) || verdict.orders == 0)
        printf("proved nothing: no order was placed and answered\n");
    else if (verdict.undecided > 0)
        printf("not proven\n");
    else if (unread > 0)
        printf("not proven: %lld %s could not be read at the end, and may be lost\n", (long long)unread,
               orders((size_t)unread));
    else {
        printf("PROVEN, as far as was tried: the answers to %zu calls on %zu orders can all be true\n",
               history->count, verdict.orders);
        code = CMD_DONE;
    }
    verdict_fini(&verdict);
    return code;
}

static int check_file(const struct wish *wish)
{
    struct history history;
    char *error = NULL, *note = NULL;
    int code = CMD_USAGE;
    history_init(&history);
    if (!history_read(&history, wish->check, &error, &note)) {
        cmd_complain("--check: %s", error);
    } else {
        if (note != NULL)
            printf("%s\n", note);
        tally_print(&history, stdout);
        code = report(wish, &history, 0);
    }
    history_fini(&history);
    free(error);
    free(note);
    return code;
}

/* ---- the attack ---- */

static void print_run(const struct campaign_result *result, const struct history *history)
{
    double seconds = (double)result->ran_ns / (double)CLOCK_SECOND;
    if (result->interrupted)
        printf("ended early, by a signal: what there is, is judged\n");
    printf("%zu calls; %.1f s of attack\n", history->count, seconds);
    tally_print(history, stdout);
    if (result->open > 0)
        printf("%lld %s of this run not brought to an end: left as they are\n", (long long)result->open,
               orders((size_t)result->open));
}

static int attack_with(struct wish *wish, struct history *history)
{
    struct campaign_result result;
    char *error = NULL;
    fprintf(stderr,
            "rowlock prove writes into %s: up to %lld orders, which it takes and delivers; they stay there, "
            "delivered. "
            "Seed %lld.\n",
            wish->url, (long long)wish->campaign.orders, (long long)wish->campaign.seed);
    bool asked = campaign_run(&wish->campaign, history, &result, &error);
    bool written = history_writer_close(wish->campaign.writer);
    if (!asked)
        cmd_complain("%s", error);
    free(error);
    if (!written)
        cmd_complain("--history: %s: not all of it could be written", wish->history);
    if (!asked)
        return CMD_FAILED;
    print_run(&result, history);
    int code = report(wish, history, result.unread);
    return written ? code : CMD_FAILED;
}

static int attack(struct wish *wish)
{
    struct history history;
    if (wish->history != NULL) {
        wish->campaign.writer = history_writer_new(wish->history, wish->url, wish->campaign.seed);
        if (wish->campaign.writer == NULL) {
            cmd_complain("--history: %s: %s", wish->history, strerror(errno));
            return CMD_USAGE;
        }
    }
    history_init(&history);
    int code = attack_with(wish, &history);
    history_fini(&history);
    return code;
}

static int run(struct settings *settings, struct command_line *line)
{
    struct wish wish;
    int code = CMD_USAGE;
    if (take_wish(settings, line, &wish))
        code = wish.check != NULL ? check_file(&wish) : attack(&wish);
    free(wish.url);
    free(wish.key);
    return code;
}

static const struct command_flag flags[] = {
    {.name = "--takers", .value_name = "N", .about = "couriers at once"},
    {.name = "--orders", .value_name = "N", .about = "how many are placed"},
    {.name = "--for", .value_name = "S", .about = "seconds"},
    {.name = "--workload", .value_name = "W", .about = "what they do"},
    {.name = "--seed", .value_name = "N", .about = "what they decide"},
    {.name = "--history", .value_name = "FILE", .about = "written"},
    {.name = "--check", .value_name = "FILE", .about = "a history to judge"},
    {.name = "--picture", .value_name = "FILE", .about = "of what cannot be"},
    {.name = "--key-file", .value_name = "FILE", .about = "an API key"},
    {.name = NULL}};

const struct command command_prove = {
    .name = "prove",
    .usage = "prove [URL]",
    .about = "attack a server (" URL " when not said) with couriers who take,\n"
             "release, claim and deliver orders that it places there, and check that all\n"
             "answers can be true: that each order had one winner and nothing was lost;\n"
             "--takers N (32) couriers at once, --orders N (1000), --for S (10) seconds,\n"
             "--workload take, claim, lease, idempotency or [mixed], --seed N;\n"
             "--history FILE writes what was asked and answered, --check FILE judges such a\n"
             "file, --picture FILE.svg draws what cannot be; --key-file FILE or ROWLOCK_KEY:\n"
             "an API key; exit code 0: proven as far as was tried, 1: violated, or not proven",
    .flags = flags,
    .words_max = 1,
    .run = run};
