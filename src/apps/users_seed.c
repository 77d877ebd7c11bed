/* users_seed makes them up. users_seed_from_github reads page by page and stores each as it comes, so that
 * whatever ends it (GitHub's rate limit above all) costs nothing that was read:
 * ask -> on_page -> take -> ask again, or stop. */
#include <config.h>

#include "apps/users_seed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"
#include "core/statements.h"
#include "io/fetch.h"

#define ROWS_MAX ((size_t)4 << 20)
#define PAGE 100           /* the most that GitHub gives at once */
#define WAIT_S 60          /* when it does not say how long: what its documentation asks for */
#define WAIT_MAX_S 2678400 /* a month: beyond that its clock or ours is wrong */

/* ---- the table ---- */

/* New ids go behind it. */
static bool last_id(struct session *session, int64_t *id)
{
    const struct db_rows *rows;
    return session_query(session, STATEMENT(USER_LAST), NULL, &rows) == DB_OK &&
           text_int(rows->value(rows, 0, COLUMN_USER_LAST_ID), id) == TEXT_NUMBER_OK;
}

struct user {
    int64_t id;
    struct slice username, avatar_url, type, profile_url; /* .ptr NULL: null */
};

static void add_text(struct buf *rows, struct slice text)
{
    buf_add_char(rows, ',');
    if (text.ptr == NULL)
        buf_add(rows, "null", 4);
    else
        buf_add_json(rows, text);
}

static void add_user(struct buf *rows, const struct user *user)
{
    buf_add_char(rows, rows->len == 0 ? '[' : ',');
    buf_add_char(rows, '[');
    buf_add_int(rows, user->id);
    add_text(rows, user->username);
    add_text(rows, user->avatar_url);
    add_text(rows, user->type);
    add_text(rows, user->profile_url);
    buf_add_char(rows, ']');
}

/* One statement, so all of them or none. */
static bool store(struct session *session, struct buf *rows, int64_t count)
{
    return session_store(session, STATEMENT(USER_STORE), buf_text(rows), count) == DB_OK;
}

/* The same as a transaction of its own, which may meet another seed or a change by hand. */
static bool store_page(struct session *session, struct buf *rows, int64_t count)
{
    for (int tries = 0; !store(session, rows, count);)
        if (!session_retry(session, &tries))
            return false;
    return true;
}

/* ---- made up ---- */

#define PICK(words) (words)[random_int(0, (int64_t)(sizeof(words) / sizeof(words)[0]) - 1)]

/* The id is a part of the name, so names are as unique as ids; the addresses are of a domain that is reserved (RFC
 * 2606). */
static void add_made_up(struct buf *rows, int64_t id)
{
    static const char *const first[] = {"ada",    "brisk", "calm",  "dusty", "early", "fern",
                                        "grace",  "hazel", "iris",  "jolly", "kurt",  "linus",
                                        "mellow", "nova",  "olga",  "pixel", "quiet", "rusty",
                                        "sunny",  "tove",  "urban", "vivid", "wild",  "zoe"};
    static const char *const second[] = {"badger", "coder",  "drake",  "falcon", "gopher", "heron",
                                         "kernel", "lambda", "maker",  "newton", "otter",  "parser",
                                         "raven",  "stack",  "tinker", "walker"};
    static const char *const firm[] = {"labs", "works", "foundation", "systems", "collective"};
    char name[80], avatar[64], profile[120];
    bool organization = random_int(1, 8) == 1;
    if (organization)
        snprintf(name, sizeof name, "%s-%s-%lld", PICK(second), PICK(firm), (long long)id);
    else
        snprintf(name, sizeof name, "%s%s%s%lld", PICK(first), random_int(0, 1) == 1 ? "-" : "", PICK(second),
                 (long long)id);
    snprintf(avatar, sizeof avatar, "https://avatars.example/u/%lld?v=4", (long long)id);
    snprintf(profile, sizeof profile, "https://github.example/%s", name);
    add_user(rows, &(struct user){id, slice_of(name), slice_of(avatar),
                                  organization ? SLICE("Organization") : SLICE("User"), slice_of(profile)});
}

bool users_seed(struct session *session, int64_t count)
{
    struct buf rows = BUF_INIT(ROWS_MAX);
    int64_t id;
    bool ok = session_query(session, STATEMENT(USER_SEED_LOCK), NULL, NULL) == DB_OK && last_id(session, &id);
    for (int64_t i = 0; ok && i < count; i++)
        add_made_up(&rows, id += random_int(1, 9));
    buf_add_char(&rows, ']');
    ok = ok && (count == 0 || store(session, &rows, count));
    buf_fini(&rows);
    return ok;
}

/* ---- from GitHub ---- */

struct github_settings {
    const char *url, *token; /* the token is "" when there is none */
};

static bool read_token(const struct setting_at *at, char **error)
{
    const char *token = at->found->text;
    for (const char *c = token; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return setting_wrong(at, "it must be one word of ASCII", error);
    ((struct github_settings *)at->members)->token = token;
    return true;
}

#define INTO(field) .member = offsetof(struct github_settings, field)

static const struct setting setting_rows[] = {
    {SETTING_VARIABLE("github-url", "GITHUB_API_URL"), "https://api.github.com", "where seed users reads",
     SETTING_URL, INTO(url), .secrecy = SETTING_WITH_PASSWORD},
    {SETTING_VARIABLE("github-token", "GITHUB_TOKEN"), "", "raises its rate limit", .secrecy = SETTING_SECRET,
     .read = read_token},
    {.name = NULL},
};

const struct setting_group github_settings = {.rows = setting_rows, .size = sizeof(struct github_settings)};

struct github {
    const struct github_settings *settings;
    struct session *session;
    struct loop *loop;
    struct fetcher *fetcher;
    char *host;          /* all of the address that messages show */
    char *authorization; /* a header field; NULL without a token */
    int64_t since, total, added;
    void (*tell)(int64_t added, int64_t total);
    bool failed;
    char *word; /* why it ended before total */
};

static void ask(struct github *github);
static void on_page(const struct fetch_answer *answer, void *argument);

/* The one end ahead of the total. */
static void stop(struct github *github, bool failed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void stop(struct github *github, bool failed, const char *format, ...)
{
    char word[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(word, sizeof word, format, arguments);
    va_end(arguments);
    github->failed = failed;
    github->word = mem_dup(word);
    loop_stop(github->loop);
}

static void ask(struct github *github)
{
    const char *base = github->settings->url;
    size_t length = strlen(base);
    const char *const headers[] = {"Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28",
                                   github->authorization, NULL};
    char *url = mem_printf("%.*s/users?since=%lld&per_page=%d",
                           (int)(length > 0 && base[length - 1] == '/' ? length - 1 : length), base,
                           (long long)github->since, PAGE);
    if (fetch_start(github->fetcher, url, headers, on_page, github) == NULL)
        stop(github, true, "libcurl cannot ask %s", github->host);
    free(url);
}

/* -1: it is not there, or no number. */
static int64_t number_in(const struct fetch_answer *answer, const char *field)
{
    int64_t number;
    return text_int(fetch_field(answer, field), &number) == TEXT_NUMBER_OK ? number : -1;
}

static bool is_used_up(const struct fetch_answer *answer)
{
    return number_in(answer, "x-ratelimit-remaining") == 0;
}

/* A limit on how fast or how much at once, which may be met with requests left. Its message alone tells it from what is
 * forbidden for good. */
static bool is_secondary_limit(const struct fetch_answer *answer)
{
    static const char *const words[] = {"secondary rate limit", "abuse detection", "rate limit exceeded"};
    char ignored[192];
    bool found = false;
    struct json *document = json_read(answer->body, ignored, sizeof ignored);
    const struct json *message = document != NULL && json_type_of(document) == JSON_OBJECT_VALUE
                                     ? json_member(document, "message")
                                     : NULL;
    if (message != NULL && json_type_of(message) == JSON_STRING_VALUE) {
        char *text = mem_dup_n(json_text(message).ptr, json_text(message).len);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            found |= strcasestr(text, words[i]) != NULL;
        free(text);
    }
    json_free(document);
    return found;
}

/* GitHub refuses with either status, and says in one of three ways when it is for the number of requests. */
static bool is_rate_limit(const struct fetch_answer *answer)
{
    return answer->status == 429 ||
           (answer->status == 403 && (is_used_up(answer) || fetch_field(answer, "retry-after").ptr != NULL ||
                                      is_secondary_limit(answer)));
}

static void stop_until(struct github *github, const struct fetch_answer *answer)
{
    char until[32];
    int64_t now = (int64_t)time(NULL), wait = number_in(answer, "retry-after");
    int64_t reset = is_used_up(answer) ? number_in(answer, "x-ratelimit-reset") : -1;
    if (wait < 0 && reset >= 0)
        wait = reset > now ? reset - now : 0;
    if (wait < 0 || wait > WAIT_MAX_S)
        wait = WAIT_S;
    clock_rfc3339_at(until, sizeof until, now + wait);
    bool secondary = number_in(answer, "x-ratelimit-remaining") > 0;
    stop(github, true, "%s takes no more requests until %s (%s); the same command goes on from here then",
         github->host, until,
         secondary                       ? "secondary rate limit"
         : github->authorization != NULL ? "rate limit"
                                         : "rate limit; GITHUB_TOKEN raises it");
}

/* A member that is text, or null where that may be. */
static bool read_text(const struct json *object, const char *name, bool may_be_null, struct slice *text)
{
    const struct json *value = json_member(object, name);
    *text = (struct slice){NULL, 0};
    if (value == NULL || json_type_of(value) == JSON_NULL_VALUE)
        return may_be_null;
    if (json_type_of(value) != JSON_STRING_VALUE)
        return false;
    *text = json_text(value);
    return true;
}

/* Ids ascend: a page that does not get any further must not be asked for again and again. */
static bool read_user(const struct json *object, int64_t behind, struct user *user)
{
    if (json_type_of(object) != JSON_OBJECT_VALUE)
        return false;
    const struct json *id = json_member(object, "id");
    if (id == NULL || json_type_of(id) != JSON_INT_VALUE || json_int(id) <= behind)
        return false;
    user->id = json_int(id);
    return read_text(object, "login", false, &user->username) && user->username.len > 0 &&
           read_text(object, "type", false, &user->type) &&
           read_text(object, "avatar_url", true, &user->avatar_url) &&
           read_text(object, "html_url", true, &user->profile_url);
}

/* Stores as many of the page as are still wanted; false: it has stopped. */
static bool take(struct github *github, const struct json *page)
{
    struct buf rows = BUF_INIT(ROWS_MAX);
    int64_t left = github->total - github->added, last = github->since;
    size_t count = json_length(page) < (size_t)left ? json_length(page) : (size_t)left;
    struct user user;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (!(ok = read_user(json_at(page, i), last, &user)))
            break;
        add_user(&rows, &user);
        last = user.id;
    }
    buf_add_char(&rows, ']');
    if (!ok)
        stop(github, true, "%s gave a malformed answer", github->host);
    else if (!(ok = store_page(github->session, &rows, (int64_t)count)))
        stop(github, true, "%s", github->session->error);
    buf_fini(&rows);
    if (!ok)
        return false;
    github->since = last;
    github->added += (int64_t)count;
    if (github->tell != NULL)
        github->tell(github->added, github->total);
    return true;
}

static void on_users(struct github *github, const struct fetch_answer *answer, const struct json *page)
{
    if (page == NULL || json_type_of(page) != JSON_ARRAY_VALUE)
        stop(github, true, "%s gave a malformed answer", github->host);
    else if (json_length(page) == 0)
        stop(github, false, "%s has no more", github->host);
    else if (!take(github, page))
        return;
    else if (github->added == github->total)
        loop_stop(github->loop);
    else if (is_used_up(answer))
        stop_until(github, answer);
    else
        ask(github);
}

static void on_page(const struct fetch_answer *answer, void *argument)
{
    struct github *github = argument;
    char ignored[192];
    if (answer->status == 0) {
        stop(github, true, "%s cannot be asked (%s%s%s); --offline makes users up", github->host,
             answer->error, answer->proxy != NULL ? ", through the proxy " : "",
             answer->proxy != NULL ? answer->proxy : "");
    } else if (is_rate_limit(answer)) {
        stop_until(github, answer);
    } else if (answer->status != 200) {
        stop(github, true, "%s answered with status %d%s", github->host, answer->status,
             answer->status == 401 ? ", so it does not accept GITHUB_TOKEN" : "");
    } else {
        struct json *page = json_read(answer->body, ignored, sizeof ignored);
        on_users(github, answer, page);
        json_free(page);
    }
}

bool users_seed_from_github(const struct settings *settings, struct session *session, int64_t total,
                            void (*tell)(int64_t added, int64_t total), int64_t *added, char **word)
{
    struct github github = {.settings = settings_of(settings, &github_settings),
                            .session = session,
                            .total = total,
                            .tell = tell};
    *added = 0;
    *word = NULL;
    if (!last_id(session, &github.since)) {
        *word = mem_dup(session->error);
        return false;
    }
    if (total == 0)
        return true;
    github.loop = loop_new();
    github.fetcher = github.loop == NULL ? NULL
                                         : fetcher_new(github.loop, &settings->proxies, 1,
                                                       settings->deadline_ns, settings->deadline_ns);
    if (github.fetcher == NULL) {
        loop_free(github.loop);
        *word = mem_dup("cannot initialise libcurl");
        return false;
    }
    github.host = proxy_host_of(github.settings->url);
    if (github.settings->token[0] != '\0')
        github.authorization = mem_printf("Authorization: Bearer %s", github.settings->token);
    ask(&github);
    if (github.word == NULL)
        loop_run(github.loop);
    fetcher_free(github.fetcher);
    loop_free(github.loop);
    free(github.host);
    free(github.authorization);
    *added = github.added;
    *word = github.word;
    return !github.failed;
}
