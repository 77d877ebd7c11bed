/* fetch_send -> (curl asks for sockets and a timer) -> fetch_on_socket / fetch_on_timer -> take_finished ->
 * finish. */
#include <config.h>

#include "io/fetch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/curl.h"

struct fetcher {
    struct loop *loop;
    const struct proxies *proxies;
    const struct curl_library *curl;
    CURLM *multi;
    struct loop_timer *timer;
    struct loop_task bury;
    struct list running, ended; /* ended: finished or cancelled, to be freed outside of curl's callbacks */
    unsigned max;
    long connect_ms, total_ms;
};

struct fetch {
    struct list_node link;
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    char *sends; /* the request's own body; NULL: none */
    size_t sends_length, sent;
    char *proxy; /* its host and port; NULL: none */
    fetch_cb *callback;
    void *argument;
};

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *watch);
static int on_curl_timer(CURLM *multi, long after_ms, void *argument);
static void fetch_on_socket(int fd, int ready, void *argument);
static void fetch_on_timer(void *argument);
static void fetch_on_bury(void *argument);

struct fetcher *fetcher_new(struct loop *loop, const struct proxies *proxies, unsigned max_at_once,
                            int64_t connect_ns, int64_t total_ns)
{
    const struct curl_library *curl = curl_load();
    if (curl == NULL || curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    signal(SIGPIPE, SIG_IGN); /* of TLS to a peer that has left: CURLOPT_NOSIGNAL makes it our concern */
    struct fetcher *fetcher = mem_new(sizeof *fetcher);
    fetcher->loop = loop;
    fetcher->curl = curl;
    fetcher->proxies = proxies;
    fetcher->max = max_at_once;
    fetcher->connect_ms = (long)(connect_ns / CLOCK_MS);
    fetcher->total_ms = (long)(total_ns / CLOCK_MS);
    fetcher->timer = loop_timer_new(loop, fetch_on_timer, fetcher);
    list_init(&fetcher->running);
    list_init(&fetcher->ended);
    loop_task_init(&fetcher->bury, fetch_on_bury, fetcher);
    fetcher->multi = curl->multi_init();
    curl->multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl->multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    curl->multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl->multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    curl->multi_setopt(fetcher->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_at_once);
    curl->multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)max_at_once);
    return fetcher;
}

void fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    list_for_each(struct fetch, fetch, &fetcher->running, link)
        fetch_cancel(fetch);
    fetch_on_bury(fetcher);
    loop_task_cancel(&fetcher->bury);
    fetcher->curl->multi_cleanup(
        fetcher->multi); /* closes kept connections, and says so through on_curl_socket */
    loop_timer_free(fetcher->timer);
    fetcher->curl->global_cleanup();
    free(fetcher);
}

/* ---- a transfer ---- */

static size_t on_data(char *bytes, size_t size, size_t count, void *argument)
{
    struct fetch *fetch = argument;
    buf_add(&fetch->body, bytes, size * count);
    return fetch->body.failed ? 0 : size * count; /* too long: a short count ends the transfer */
}

static size_t on_send(char *room, size_t size, size_t count, void *argument)
{
    struct fetch *fetch = argument;
    size_t left = fetch->sends_length - fetch->sent, most = size * count;
    size_t now = left < most ? left : most;
    memcpy(room, fetch->sends + fetch->sent, now);
    fetch->sent += now;
    return now;
}

/* When a connection that was used before ends, libcurl would send the request again on another one, although
 * the server may have carried it out: whether that is right only the caller knows. */
static int on_rewind(void *argument, curl_off_t offset, int origin)
{
    const struct fetch *fetch = argument;
    (void)offset;
    (void)origin;
    return fetch->sent > 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static void set_body(struct fetch *fetch, struct slice body)
{
    const struct curl_library *curl = fetch->fetcher->curl;
    if (body.ptr == NULL)
        return;
    fetch->sends = mem_dup_n(body.ptr, body.len);
    fetch->sends_length = body.len;
    fetch->headers = curl->slist_append(fetch->headers, "Expect:");
    curl->easy_setopt(fetch->easy, CURLOPT_POST, 1L);
    curl->easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl->easy_setopt(fetch->easy, CURLOPT_READFUNCTION, on_send);
    curl->easy_setopt(fetch->easy, CURLOPT_READDATA, fetch);
    curl->easy_setopt(fetch->easy, CURLOPT_SEEKFUNCTION, on_rewind);
    curl->easy_setopt(fetch->easy, CURLOPT_SEEKDATA, fetch);
}

/* Settings say which, so that libcurl does not look into the environment by itself. It looks up the name of
 * the proxy then, and the proxy that of the server. */
static void set_proxy(struct fetch *fetch, const char *url)
{
    const char *proxy = proxy_for(fetch->fetcher->proxies, url);
    fetch->fetcher->curl->easy_setopt(fetch->easy, CURLOPT_PROXY, proxy != NULL ? proxy : "");
    fetch->fetcher->curl->easy_setopt(fetch->easy, CURLOPT_NOPROXY, "");
    if (proxy != NULL)
        fetch->proxy = proxy_host_of(proxy);
}

static void fetch_set_up(struct fetch *fetch, const struct fetch_request *request)
{
    const struct curl_library *curl = fetch->fetcher->curl;
    CURL *easy = fetch->easy;
    for (const char *const *header = request->headers; header != NULL && *header != NULL; header++)
        fetch->headers = curl->slist_append(fetch->headers, *header);
    set_body(fetch, request->body);
    if (request->method != NULL)
        curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers);
    curl->easy_setopt(easy, CURLOPT_URL, request->url);
    curl->easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set_proxy(fetch, request->url);
    curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, fetch->fetcher->connect_ms);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, fetch->fetcher->total_ms);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver that does not answer */
    curl->easy_setopt(easy, CURLOPT_USERAGENT, "rowlock/" PACKAGE_VERSION);
}

struct fetch *fetch_send(struct fetcher *fetcher, const struct fetch_request *request, fetch_cb *callback,
                         void *argument)
{
    if (fetcher->running.length >= fetcher->max)
        return NULL;
    struct fetch *fetch = mem_new(sizeof *fetch);
    fetch->fetcher = fetcher;
    fetch->body = BUF_INIT(FETCH_BODY_MAX);
    fetch->callback = callback;
    fetch->argument = argument;
    list_node_init(&fetch->link);
    fetch->easy = fetcher->curl->easy_init();
    if (fetch->easy == NULL) {
        free(fetch);
        return NULL;
    }
    fetch_set_up(fetch, request);
    list_append(&fetcher->running, &fetch->link);
    fetcher->curl->multi_add_handle(fetcher->multi, fetch->easy);
    return fetch;
}

struct fetch *fetch_start(struct fetcher *fetcher, const char *url, const char *const *headers,
                          fetch_cb *callback, void *argument)
{
    struct fetch_request request = {.url = url, .headers = headers};
    return fetch_send(fetcher, &request, callback, argument);
}

/* Out of curl's hands and off the list; the memory goes at the end of the turn. */
static void fetch_end(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    fetcher->curl->multi_remove_handle(fetcher->multi, fetch->easy);
    list_remove(&fetch->link);
    list_append(&fetcher->ended, &fetch->link);
    loop_defer(fetcher->loop, &fetcher->bury);
}

void fetch_cancel(struct fetch *fetch)
{
    fetch_end(fetch);
}

static void fetch_on_bury(void *argument)
{
    struct fetcher *fetcher = argument;
    struct fetch *fetch;
    while ((fetch = list_pop_of(&fetcher->ended, struct fetch, link)) != NULL) {
        fetcher->curl->easy_cleanup(fetch->easy);
        fetcher->curl->slist_free_all(fetch->headers);
        buf_fini(&fetch->body);
        free(fetch->sends);
        free(fetch->proxy);
        free(fetch);
    }
}

/* Why there is no answer; "" when there is one. One that the proxy gives for itself is none. */
static const char *fetch_error_of(const struct fetch *fetch, CURLcode code, char *text, size_t size)
{
    long status = 0, tunnel = 0;
    fetch->fetcher->curl->easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    fetch->fetcher->curl->easy_getinfo(fetch->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    if (fetch->proxy != NULL && code != CURLE_OK && tunnel != 0 && tunnel / 100 != 2)
        snprintf(text, size, "the proxy refuses with status %ld", tunnel);
    else if (fetch->proxy != NULL && code == CURLE_OK && status == 407)
        snprintf(text, size, "the proxy refuses with status 407");
    else if (code == CURLE_OK)
        snprintf(text, size, "%s", "");
    else
        snprintf(text, size, "%s",
                 fetch->body.failed ? "the answer is too long" : fetch->fetcher->curl->easy_strerror(code));
    return text;
}

static void fetch_finish(struct fetch *fetch, CURLcode code)
{
    char text[128];
    struct fetch_answer answer = {
        .error = fetch_error_of(fetch, code, text, sizeof text), .proxy = fetch->proxy, .fetch = fetch};
    long status = 0;
    answer.unsent = answer.error[0] != '\0' && fetch->sends != NULL && fetch->sent == 0;
    if (answer.error[0] == '\0') {
        fetch->fetcher->curl->easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (int)status;
        answer.body = buf_slice(&fetch->body);
    }
    fetch_end(fetch);
    fetch->callback(&answer, fetch->argument);
}

struct slice fetch_field(const struct fetch_answer *answer, const char *name)
{
    struct curl_header *header;
    if (answer->fetch->fetcher->curl->easy_header(answer->fetch->easy, name, 0, CURLH_HEADER, -1, &header) !=
        CURLHE_OK)
        return (struct slice){NULL, 0};
    return slice_of(header->value);
}

static void take_finished(struct fetcher *fetcher)
{
    CURLMsg *message;
    int left;
    while ((message = fetcher->curl->multi_info_read(fetcher->multi, &left)) != NULL) {
        char *fetch = NULL;
        CURLcode code = message->data.result; /* the message does not outlive what finish does */
        if (message->msg != CURLMSG_DONE)
            continue;
        fetcher->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
        fetch_finish((struct fetch *)(void *)fetch, code);
    }
}

/* ---- curl and the loop ---- */

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *given)
{
    struct fetcher *fetcher = argument;
    struct loop_watch *watch = given;
    (void)easy;
    loop_watch_free(watch); /* always anew: the number may stand for another socket by now */
    if (what == CURL_POLL_REMOVE) {
        fetcher->curl->multi_assign(fetcher->multi, fd, NULL);
        return 0;
    }
    watch = loop_watch_new(fetcher->loop, fd, fetch_on_socket, fetcher);
    loop_watch_set(watch, (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
    fetcher->curl->multi_assign(fetcher->multi, fd, watch);
    return 0;
}

static int on_curl_timer(CURLM *multi, long after_ms, void *argument)
{
    struct fetcher *fetcher = argument;
    (void)multi;
    if (after_ms < 0)
        loop_timer_stop(fetcher->timer);
    else
        loop_timer_start(fetcher->timer, after_ms * CLOCK_MS);
    return 0;
}

static void fetch_on_socket(int fd, int ready, void *argument)
{
    struct fetcher *fetcher = argument;
    int what = (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0),
        running;
    fetcher->curl->multi_socket_action(fetcher->multi, fd, what, &running);
    take_finished(fetcher);
}

static void fetch_on_timer(void *argument)
{
    struct fetcher *fetcher = argument;
    int running;
    fetcher->curl->multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(fetcher);
}
