/* rowlock-healthcheck [URL]: is the server healthy? Exit 0 yes, 1 no, 2 wrong usage, and one line that says why.
 * For container health checks: it ends by itself within two seconds whatever the server does. */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>

#include "base/standard.h"

#define LIMIT_MS 2000
#define BODY_MAX ((size_t)64 * 1024)
#define REASON_MAX 300
#define DEFAULT_URL "http://127.0.0.1:8080/healthcheck"

enum { HEALTHY = 0, NOT_HEALTHY = 1, WRONG_USAGE = 2 };

/* Where to ask. Both strings are borrowed by nobody else and freed by target_fini(). */
struct target {
    char *url;
    char *unix_path; /* NULL: over TCP, to the host that the URL names */
};

struct answer {
    char body[BODY_MAX];
    size_t length;
    bool too_long;
};

static const char usage[] =
    "Usage: rowlock-healthcheck [URL]\n"
    "Ask a Rowlock server whether it is healthy: exit status 0 yes, 1 no, 2 wrong usage.\n"
    "\n"
    "Without URL the first address in ROWLOCK_LISTEN is asked (host:port, [v6]:port or unix:PATH),\n"
    "without that too " DEFAULT_URL ".\n"
    "A URL without a path gets /healthcheck. An answer must come within 2 seconds.\n";

static char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool target_from_url(struct target *target, const char *url);
static bool target_from_listen(struct target *target, const char *listen);
static void target_fini(struct target *target);
static int ask(const struct target *target);
static size_t on_body(char *bytes, size_t size, size_t count, void *argument);
static int judge(const struct target *target, CURLcode result, long status, const char *error,
                 struct answer *answer);
static json_t *find_failed_check(json_t *checks, const char **name);
static void print_reason(const char *prefix, const char *reason);
static void print_healthy(const char *where, json_t *document);
static void print_line(FILE *out, char *line);
static int print_text(const char *text);

static char *format_text(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        fputs("rowlock-healthcheck: out of memory\n", stderr);
        exit(NOT_HEALTHY);
    }
    return text;
}

/* Which target -------------------------------------------------------------------------------------------------- */

static bool target_from_url(struct target *target, const char *url)
{
    char *scheme = NULL, *path = NULL, *whole = NULL;
    bool good = false;
    CURLU *parts = curl_url();
    if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        curl_url_get(parts, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        goto out;
    if (strcmp(path, "/") == 0 && curl_url_set(parts, CURLUPART_PATH, "/healthcheck", 0) != CURLUE_OK)
        goto out;
    if (curl_url_get(parts, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        goto out;
    target->url = format_text("%s", whole);
    good = true;
out:
    curl_free(whole);
    curl_free(path);
    curl_free(scheme);
    curl_url_cleanup(parts);
    return good;
}

/* The first of several addresses. A server that listens on every address is asked on the loopback one. */
static bool target_from_listen(struct target *target, const char *listen)
{
    listen += strspn(listen, ", \t");
    int length = (int)strcspn(listen, ", \t");
    char *address = format_text("%.*s", length, listen);
    bool good = false;

    if (strncmp(address, "unix:", 5) == 0) {
        if (address[5]) {
            target->unix_path = format_text("%s", address + 5);
            target->url = format_text("http://localhost/healthcheck");
            good = true;
        }
    } else {
        char *colon = strrchr(address, ':');
        char *end = NULL;
        long port = colon ? strtol(colon + 1, &end, 10) : 0;
        if (colon && colon[1] >= '0' && colon[1] <= '9' && *end == '\0' && port >= 1 && port <= 65535) {
            *colon = '\0';
            const char *host = address;
            if (*host == '\0' || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0)
                host = "127.0.0.1";
            else if (strcmp(host, "[::]") == 0)
                host = "[::1]";
            char *url = format_text("http://%s:%ld/healthcheck", host, port);
            good = (*host == '[' || !strchr(host, ':')) && target_from_url(target, url);
            free(url);
        }
    }
    free(address);
    return good;
}

static void target_fini(struct target *target)
{
    free(target->url);
    free(target->unix_path);
}

/* Asking and judging -------------------------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *argument)
{
    struct answer *answer = argument;
    size_t length = size * count;
    if (length > sizeof answer->body - answer->length) {
        answer->too_long = true;
        return 0; /* curl ends the transfer */
    }
    memcpy(answer->body + answer->length, bytes, length);
    answer->length += length;
    return length;
}

static int ask(const struct target *target)
{
    static struct answer answer;
    char error[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *curl = curl_easy_init();
    if (!curl) {
        fputs("rowlock-healthcheck: libcurl cannot start\n", stderr);
        return NOT_HEALTHY;
    }
    curl_easy_setopt(curl, CURLOPT_URL, target->url);
    if (target->unix_path)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->unix_path);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)LIMIT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* a resolver that hangs must not hold us past the limit */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* the server itself, whatever http_proxy says */
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME "-healthcheck/" PACKAGE_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);

    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return judge(target, result, status, *error ? error : curl_easy_strerror(result), &answer);
}

static int judge(const struct target *target, CURLcode result, long status, const char *error,
                 struct answer *answer)
{
    char *where =
        target->unix_path ? format_text("unix:%s", target->unix_path) : format_text("%s", target->url);
    char *prefix = NULL;
    json_t *document = NULL;
    int verdict = NOT_HEALTHY;

    if (answer->too_long) {
        prefix = format_text("not healthy: the answer of %s is longer than %zu bytes", where, BODY_MAX);
        print_reason(prefix, NULL);
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        prefix = format_text("not healthy: no answer from %s within %d s", where, LIMIT_MS / 1000);
        print_reason(prefix, NULL);
    } else if (result != CURLE_OK) {
        prefix = format_text("not healthy: no answer from %s", where);
        print_reason(prefix, error);
    } else if (status == 200) {
        document = json_loadb(answer->body, answer->length, 0, NULL);
        print_healthy(where, document);
        verdict = HEALTHY;
    } else {
        /* {"status":"fail","checks":{"database":[{"status":"fail","output":"…"}]},"output":"database: …"} */
        document = json_loadb(answer->body, answer->length, 0, NULL);
        const char *name = NULL;
        const char *reason = json_string_value(json_object_get(document, "output"));
        json_t *check = reason ? NULL : find_failed_check(json_object_get(document, "checks"), &name);
        if (check)
            reason = json_string_value(json_object_get(check, "output"));
        prefix = name ? format_text("not healthy: %s answers %ld: check %s failed", where, status, name)
                      : format_text("not healthy: %s answers %ld", where, status);
        print_reason(prefix, reason);
    }
    json_decref(document);
    free(prefix);
    free(where);
    return verdict;
}

/* The first check that does not pass, borrowed from the document; NULL when none can be made out. */
static json_t *find_failed_check(json_t *checks, const char **name)
{
    const char *key;
    json_t *list, *check;
    size_t i;
    json_object_foreach(checks, key, list) {
        json_array_foreach(list, i, check) {
            const char *status = json_string_value(json_object_get(check, "status"));
            if (status && strcmp(status, "pass") != 0 && strcmp(status, "warn") != 0) {
                *name = key;
                return check;
            }
        }
    }
    return NULL;
}

/* One line, whatever the server wrote: control characters become spaces, and what is too long is cut. */
static void print_line(FILE *out, char *line)
{
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    fprintf(out, "rowlock-healthcheck: %s\n", line);
    free(line);
}

static void print_reason(const char *prefix, const char *reason)
{
    print_line(stderr,
               reason ? format_text("%s: %.*s", prefix, REASON_MAX, reason) : format_text("%s", prefix));
}

/* A server that is degraded serves, and says what is not as it should be. */
static void print_healthy(const char *where, json_t *document)
{
    const char *status = json_string_value(json_object_get(document, "status"));
    const char *reason = json_string_value(json_object_get(document, "output"));
    bool warns = status && strcmp(status, "warn") == 0 && reason;
    print_line(stdout, warns ? format_text("healthy, but: %s: %.*s", where, REASON_MAX, reason)
                             : format_text("healthy: %s", where));
}

/* What somebody wanted to read. (A verdict is in the exit status, whether its line arrives or not.) */
static int print_text(const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return HEALTHY;
    fprintf(stderr, "rowlock-healthcheck: cannot write to stdout: %s\n", strerror(errno));
    return NOT_HEALTHY;
}

int main(int argc, char **argv)
{
    if (!standard_open())
        return NOT_HEALTHY;
    signal(SIGPIPE, SIG_IGN); /* a peer or a reader who leaves changes no verdict */
    signal(SIGXFSZ, SIG_IGN);
    struct target target = {NULL, NULL};
    const char *listen = getenv("ROWLOCK_LISTEN");
    const char *argument = argc > 1 ? argv[1] : NULL;
    int verdict = WRONG_USAGE;

    if (argument && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0))
        return print_text(usage);
    if (argument && (strcmp(argument, "--version") == 0 || strcmp(argument, "-V") == 0))
        return print_text("rowlock-healthcheck " PACKAGE_VERSION "\n");
    if (argc > 2) {
        fputs("rowlock-healthcheck: one URL at most; --help says more\n", stderr);
        return WRONG_USAGE;
    }
    if (argument && *argument == '-') {
        fprintf(stderr, "rowlock-healthcheck: unknown option %s; --help says more\n", argument);
        return WRONG_USAGE;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("rowlock-healthcheck: libcurl cannot start\n", stderr);
        return NOT_HEALTHY;
    }
    if (argument) {
        if (target_from_url(&target, argument))
            verdict = ask(&target);
        else
            fprintf(stderr,
                    "rowlock-healthcheck: not a URL: %s; right is http://host:port/path or https://…\n",
                    argument);
    } else if (listen && listen[strspn(listen, ", \t")]) {
        if (target_from_listen(&target, listen))
            verdict = ask(&target);
        else
            fprintf(stderr,
                    "rowlock-healthcheck: ROWLOCK_LISTEN is %s; right is host:port, [v6]:port or unix:PATH\n",
                    listen);
    } else {
        target.url = format_text("%s", DEFAULT_URL);
        verdict = ask(&target);
    }
    target_fini(&target);
    curl_global_cleanup();
    return verdict;
}
