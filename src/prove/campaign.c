/* campaign_run -> on_hello (is there a server, and which orders has it?) -> each seat: go_on -> ask ->
 * on_answer -> go_on, through the phases: PHASE_WORK, PHASE_AUDIT (one lists, to find orders that nobody was
 * told of), PHASE_SETTLE (each order is delivered, and read), PHASE_OVER. */
#include <config.h>

#include "prove/campaign.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/random.h"
#include "io/loop.h"
#include "prove/api.h"

#define CONNECT_NS (5 * CLOCK_SECOND)
#define TOTAL_NS (20 * CLOCK_SECOND) /* twice what a server may take */
#define HELLO_NS (10 * CLOCK_SECOND)
#define SETTLE_NS (60 * CLOCK_SECOND)
#define PAUSE_NS (20 * CLOCK_MS) /* after an answer that says "later"; longer each time */
#define PAUSE_MAX_NS (500 * CLOCK_MS)
#define AUDIT_LIMIT 1000
#define AUDIT_READS_MAX 5000
#define SETTLE_TRIES_MAX 60
#define SETTLE_TRIES_AT_ONCE 6
#define BEYOND INT64_C(9007199254740991)

enum phase {
    PHASE_WORK,
    PHASE_AUDIT,
    PHASE_SETTLE,
    PHASE_OVER,
};

/* A courier and his request. */
struct seat {
    struct campaign *campaign;
    struct courier courier;
    struct loop_timer *pause;
    struct fetch *fetch;     /* NULL: nothing is under way */
    size_t call;             /* its index in the history */
    bool kept;               /* it is in the history */
    struct prove_call asked; /* when it is not */
    bool near;
    int64_t order; /* that he brings to its end; 0: none */
    int tries;
};

struct campaign {
    const struct campaign_settings *settings;
    struct history *history;
    struct campaign_result *result;
    struct loop *loop;
    struct api api;
    struct board board;
    struct seat *seats;
    size_t seat_count, busy;
    enum phase phase;
    int64_t began, numbers;
    bool working; /* couriers go on */
    struct loop_timer *clock, *hello_again;
    struct loop_signal *interrupt, *terminate;
    struct progress progress;
    char run[32], *error;
    int64_t hello_until;
    /* PHASE_AUDIT: ids to be read, and how far down the list was looked at */
    int64_t *unknown;
    size_t unknown_count, unknown_room, settled, settle_count;
    int64_t before, least;
};

static void go_on(struct seat *seat);
static void next_phase(struct campaign *campaign);
static void say_hello(void *argument);

static int64_t time_of(const struct campaign *campaign)
{
    return clock_now() - campaign->began;
}

/* ---- a request ---- */

static void record_end(struct seat *seat)
{
    struct campaign *campaign = seat->campaign;
    if (campaign->settings->writer != NULL)
        history_write_end(campaign->settings->writer, campaign->history, seat->call);
}

static bool says_later(const struct prove_call *call)
{
    return call->answer == PROVE_UNSENT || call->answer == PROVE_UNCHANGED || call->code == 0 ||
           call->code >= 500 || call->code == 429;
}

static void on_pause(void *argument)
{
    struct seat *seat = argument;
    seat->campaign->busy--;
    go_on(seat);
}

static void go_on_later(struct seat *seat)
{
    int64_t pause = PAUSE_NS << (seat->courier.tries < 5 ? seat->courier.tries : 5);
    seat->campaign->busy++;
    loop_timer_start(seat->pause, pause < PAUSE_MAX_NS ? pause : PAUSE_MAX_NS);
}

static void settle_told(struct seat *seat, const struct prove_call *call);
static void audit_told(struct seat *seat, const struct prove_call *call);

static void tell(struct seat *seat, const struct prove_call *call)
{
    struct campaign *campaign = seat->campaign;
    if (seat->order != 0)
        settle_told(seat, call);
    else if (campaign->phase == PHASE_AUDIT)
        audit_told(seat, call);
    else
        courier_told(&seat->courier, &campaign->board, call);
}

/* Reads of orders that turn out to be another's are no part of the history. */
static void keep_audited(struct seat *seat)
{
    struct campaign *campaign = seat->campaign;
    if (seat->asked.seen_count == 0 || seat->asked.seen[0].mark == 0)
        return;
    struct prove_call call = seat->asked;
    seat->call = history_begin(campaign->history, &call);
    campaign->history->calls[seat->call] = call;
    if (campaign->settings->writer != NULL)
        history_write_begin(campaign->settings->writer, campaign->history, seat->call);
    record_end(seat);
    seat->asked.seen = NULL;
}

static void on_answer(const struct fetch_answer *answer, void *argument)
{
    struct seat *seat = argument;
    struct campaign *campaign = seat->campaign;
    struct prove_call *call = seat->kept ? &campaign->history->calls[seat->call] : &seat->asked;
    seat->fetch = NULL;
    campaign->busy--;
    api_read(&campaign->api, campaign->history, call, answer);
    call->end = time_of(campaign);
    if (seat->kept)
        record_end(seat);
    struct prove_call told = *call;
    bool later = says_later(call);
    tell(seat, &told);
    if (!seat->kept) {
        keep_audited(seat);
        free(seat->asked.seen);
        seat->asked.seen = NULL;
    }
    if (later || (seat->order != 0 && seat->tries > SETTLE_TRIES_AT_ONCE))
        go_on_later(seat);
    else
        go_on(seat);
}

/* keep: it is a part of the history. */
static void ask(struct seat *seat, const struct prove_call *call, bool keep)
{
    struct campaign *campaign = seat->campaign;
    struct prove_call now = *call;
    now.number = ++campaign->numbers;
    now.begin = time_of(campaign);
    now.end = -1;
    now.answer = PROVE_UNKNOWN;
    seat->asked = now;
    seat->kept = keep;
    if (keep) {
        seat->call = history_begin(campaign->history, &now);
        if (campaign->settings->writer != NULL)
            history_write_begin(campaign->settings->writer, campaign->history, seat->call);
    }
    seat->fetch = api_send(&campaign->api, campaign->history, &now, seat->near, on_answer, seat);
    campaign->busy += seat->fetch != NULL;
}

/* ---- the audit: which orders does the list have of this run that nobody was told of? ---- */

static void add_unknown(struct campaign *campaign, int64_t order)
{
    if (campaign->unknown_count == AUDIT_READS_MAX)
        return;
    if (campaign->unknown_count == campaign->unknown_room) {
        campaign->unknown_room = campaign->unknown_room > 0 ? campaign->unknown_room * 2 : 64;
        campaign->unknown = mem_resize(campaign->unknown, campaign->unknown_room * sizeof *campaign->unknown);
    }
    campaign->unknown[campaign->unknown_count++] = order;
}

static void audit_list_told(struct campaign *campaign, const struct prove_call *call)
{
    if (call->answer != PROVE_DONE) {
        campaign->before = says_later(call) ? campaign->before : 0;
        return;
    }
    campaign->before = call->seen_count > 0 ? call->seen[call->seen_count - 1].order : 0;
    for (size_t i = 0; i < call->seen_count; i++)
        if (call->seen[i].order >= campaign->least && !board_knows(&campaign->board, call->seen[i].order))
            add_unknown(campaign, call->seen[i].order);
    if ((int64_t)call->seen_count < AUDIT_LIMIT)
        campaign->before = 0;
}

static void audit_told(struct seat *seat, const struct prove_call *call)
{
    struct campaign *campaign = seat->campaign;
    seat->courier.tries = says_later(call) ? seat->courier.tries + 1 : 0;
    if (call->op == PROVE_LIST)
        audit_list_told(campaign, call);
    else if (call->answer == PROVE_DONE && call->seen[0].mark > 0)
        board_add(&campaign->board, call->seen[0].order);
    if (says_later(call))
        return;
    if (call->op == PROVE_READ)
        campaign->unknown_count--;
}

/* One seat does it. */
static void audit(struct seat *seat)
{
    struct campaign *campaign = seat->campaign;
    struct prove_call call = {
        .client = seat->courier.number, .taker = PROVE_NOBODY, .holder = PROVE_NOBODY, .key = PROVE_NOBODY};
    if (seat != &campaign->seats[0])
        return;
    if (campaign->before > campaign->least && campaign->least > 0) {
        call.op = PROVE_LIST;
        call.order = campaign->before;
        call.limit = AUDIT_LIMIT;
        ask(seat, &call, true);
    } else if (campaign->unknown_count > 0) {
        call.op = PROVE_READ;
        call.order = campaign->unknown[campaign->unknown_count - 1];
        ask(seat, &call, false);
    }
}

/* ---- the end: each order is delivered, and read ---- */

static struct prove_call settle_call(struct seat *seat, enum prove_op op, int taker)
{
    return (struct prove_call){.op = op,
                               .client = seat->courier.number,
                               .order = seat->order,
                               .taker = taker,
                               .holder = PROVE_NOBODY,
                               .key = PROVE_NOBODY};
}

static void settle_done(struct seat *seat, bool delivered)
{
    struct campaign *campaign = seat->campaign;
    campaign->result->open += !delivered;
    progress_add(&campaign->progress, 1);
    seat->order = 0;
    seat->courier.tries = 0;
}

static bool is_ours(const struct campaign *campaign, int taker)
{
    const char *name = history_name(campaign->history, taker);
    return taker >= 0 && strncmp(name, campaign->run, strlen(campaign->run)) == 0;
}

/* seat->courier.last is the call that comes next. What somebody else holds is left to him. */
static void settle_read(struct seat *seat, const struct prove_call *call)
{
    const struct prove_seen *seen = call->answer == PROVE_DONE ? &call->seen[0] : NULL;
    seat->campaign->result->unread += seen == NULL && call->answer != PROVE_MISSING;
    if (seen == NULL || seen->status == PROVE_IS_DELIVERED)
        settle_done(seat, seen != NULL);
    else if (seen->status == PROVE_IS_FREE)
        seat->courier.last = settle_call(seat, PROVE_TAKE, seat->courier.taker);
    else if (is_ours(seat->campaign, seen->taker))
        seat->courier.last = settle_call(seat, PROVE_DELIVER, seen->taker);
    else
        settle_done(seat, false);
}

static void settle_told(struct seat *seat, const struct prove_call *call)
{
    seat->courier.tries = says_later(call) ? seat->courier.tries + 1 : 0;
    if (++seat->tries > SETTLE_TRIES_MAX) {
        seat->campaign->result->unread++;
        settle_done(seat, false);
    } else if (call->op == PROVE_READ && !says_later(call)) {
        settle_read(seat, call);
    } else if (call->answer == PROVE_FREE) { /* its lease is over, though reads do not show it yet */
        seat->courier.last = settle_call(seat, PROVE_TAKE, seat->courier.taker);
    } else {
        seat->courier.last = settle_call(seat, PROVE_READ, PROVE_NOBODY);
    }
}

static void settle(struct seat *seat)
{
    struct campaign *campaign = seat->campaign;
    if (seat->order == 0 && campaign->settled < campaign->settle_count) {
        seat->order = campaign->board.all[campaign->settled++];
        seat->tries = 0;
        seat->courier.last = settle_call(seat, PROVE_READ, PROVE_NOBODY);
    }
    if (seat->order != 0)
        ask(seat, &seat->courier.last, true);
}

/* ---- phases ---- */

static bool has_worked(const struct campaign *campaign)
{
    const struct board *board = &campaign->board;
    return board->marks >= board->wanted && board->live_count == 0 && board->all_count > 0 &&
           board->workload != WORKLOAD_IDEMPOTENCY;
}

static void work(struct seat *seat)
{
    struct campaign *campaign = seat->campaign;
    if (!campaign->working || has_worked(campaign))
        return;
    struct prove_call call = courier_next(&seat->courier, &campaign->board);
    seat->near =
        !campaign->result->plain_claims || call.key % 2 == 0; /* the same for all that have this key */
    ask(seat, &call, true);
    progress_set(&campaign->progress, campaign->board.delivered);
}

static void go_on(struct seat *seat)
{
    struct campaign *campaign = seat->campaign;
    if (campaign->phase == PHASE_WORK)
        work(seat);
    else if (campaign->phase == PHASE_AUDIT)
        audit(seat);
    else if (campaign->phase == PHASE_SETTLE)
        settle(seat);
    if (campaign->busy == 0)
        next_phase(campaign);
}

static int64_t least_id(const struct board *board)
{
    int64_t least = board->all_count > 0 ? board->all[0] : 0;
    for (size_t i = 1; i < board->all_count; i++)
        least = board->all[i] < least ? board->all[i] : least;
    return least;
}

static void begin_audit(struct campaign *campaign)
{
    campaign->result->ran_ns = time_of(campaign);
    campaign->least = least_id(&campaign->board);
    campaign->before = BEYOND;
    loop_timer_start(campaign->clock, SETTLE_NS);
    progress_end(&campaign->progress);
}

static void begin_settling(struct campaign *campaign)
{
    campaign->settle_count = campaign->board.all_count;
    progress_begin(&campaign->progress, "reading", (int64_t)campaign->settle_count);
}

/* The phase's seats have nothing under way. */
static void next_phase(struct campaign *campaign)
{
    if (campaign->phase == PHASE_OVER)
        return;
    campaign->phase++;
    if (campaign->phase == PHASE_AUDIT)
        begin_audit(campaign);
    if (campaign->phase == PHASE_SETTLE)
        begin_settling(campaign);
    if (campaign->phase == PHASE_OVER) {
        loop_stop(campaign->loop);
        return;
    }
    /* busy once, so that none of them is taken for the last */
    campaign->busy++;
    for (size_t i = 0; i < campaign->seat_count; i++)
        go_on(&campaign->seats[i]);
    if (--campaign->busy == 0)
        next_phase(campaign);
}

/* Who works stops with the answer that he waits for; who reads at the end, at once. */
static void on_clock(void *argument)
{
    struct campaign *campaign = argument;
    if (campaign->phase == PHASE_WORK)
        campaign->working = false;
    else
        loop_stop(campaign->loop);
}

static void on_interrupt(int number, void *argument)
{
    struct campaign *campaign = argument;
    (void)number;
    if (campaign->result->interrupted || campaign->seat_count == 0)
        loop_stop(campaign->loop);
    campaign->result->interrupted = true;
    campaign->working = false;
}

/* ---- the beginning ---- */

static void start(struct campaign *campaign)
{
    const struct campaign_settings *settings = campaign->settings;
    campaign->seat_count = (size_t)settings->takers;
    campaign->seats = mem_array(campaign->seat_count, sizeof *campaign->seats);
    progress_begin(&campaign->progress, "orders", settings->orders);
    loop_timer_start(campaign->clock, settings->for_ns);
    campaign->working = true;
    campaign->busy++;
    for (size_t i = 0; i < campaign->seat_count; i++) {
        struct seat *seat = &campaign->seats[i];
        seat->campaign = campaign;
        seat->pause = loop_timer_new(campaign->loop, on_pause, seat);
        courier_init(&seat->courier, &campaign->board, (int)i + 1);
        go_on(seat);
    }
    campaign->busy--;
}

static void refuse(struct campaign *campaign, const char *why)
{
    free(campaign->error);
    campaign->error = mem_printf("%s: %s", campaign->settings->url, why);
    loop_stop(campaign->loop);
}

static void hello_failed(struct campaign *campaign, const struct fetch_answer *answer)
{
    char why[160];
    if (answer->status == 0)
        snprintf(why, sizeof why, "it cannot be reached: %s", answer->error);
    else if (answer->status == 401 || answer->status == 403)
        snprintf(why, sizeof why, "it wants another API key than it was given (status %d)", answer->status);
    else
        snprintf(why, sizeof why, "it does not list orders (status %d): is this a Rowlock that serves them?",
                 answer->status);
    if ((answer->status >= 500 || answer->status == 429) && clock_now() < campaign->hello_until)
        loop_timer_start(campaign->hello_again, PAUSE_MAX_NS);
    else
        refuse(campaign, why);
}

/* The list of free orders: claims of the oldest would get others', where there are any. */
static void on_hello(const struct fetch_answer *answer, void *argument)
{
    struct campaign *campaign = argument;
    if (answer->status != 200) {
        hello_failed(campaign, answer);
        return;
    }
    campaign->result->plain_claims = slice_equal(answer->body, SLICE("[]"));
    start(campaign);
}

static void say_hello(void *argument)
{
    struct campaign *campaign = argument;
    char *url = mem_printf("%s/orders?status=UNASSIGNED&limit=1", campaign->settings->url);
    char *bearer =
        campaign->api.bearer != NULL ? mem_printf("Authorization: Bearer %s", campaign->api.bearer) : NULL;
    const char *headers[] = {bearer, NULL};
    if (fetch_start(campaign->api.fetcher, url, headers, on_hello, campaign) == NULL)
        refuse(campaign, "it cannot be asked");
    free(url);
    free(bearer);
}

/* ---- set up, and taken down ---- */

static void set_up(struct campaign *campaign)
{
    const struct campaign_settings *settings = campaign->settings;
    snprintf(campaign->run, sizeof campaign->run, "prove-%06llx",
             (unsigned long long)random_int(0, 0xffffff));
    board_init(&campaign->board);
    campaign->board.history = campaign->history;
    campaign->board.dice.state = (uint64_t)settings->seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    campaign->board.workload = settings->workload;
    campaign->board.run = campaign->run;
    campaign->board.wanted = settings->orders;
    campaign->board.most_live =
        (size_t)(settings->workload == WORKLOAD_TAKE ? settings->takers / 4 + 2 : settings->takers);
    campaign->api.url = settings->url;
    campaign->api.bearer = settings->bearer;
    campaign->api.spot = api_spot_at_random();
    campaign->clock = loop_timer_new(campaign->loop, on_clock, campaign);
    campaign->hello_again = loop_timer_new(campaign->loop, say_hello, campaign);
    campaign->began = clock_now();
    campaign->hello_until = campaign->began + HELLO_NS;
}

static void take_down(struct campaign *campaign)
{
    progress_end(&campaign->progress);
    loop_signal_free(campaign->interrupt);
    loop_signal_free(campaign->terminate);
    for (size_t i = 0; i < campaign->seat_count; i++) {
        campaign->result->unread += campaign->seats[i].order != 0;
        loop_timer_free(campaign->seats[i].pause);
    }
    free(campaign->seats);
    free(campaign->unknown);
    loop_timer_free(campaign->clock);
    loop_timer_free(campaign->hello_again);
    fetcher_free(campaign->api.fetcher);
    board_fini(&campaign->board);
    loop_free(campaign->loop);
}

bool campaign_run(const struct campaign_settings *settings, struct history *history,
                  struct campaign_result *result, char **error)
{
    struct campaign campaign = {.settings = settings, .history = history, .result = result};
    *result = (struct campaign_result){.orders = 0};
    campaign.loop = loop_new();
    campaign.api.fetcher =
        campaign.loop == NULL
            ? NULL
            : fetcher_new(campaign.loop, settings->proxies, (unsigned)settings->takers, CONNECT_NS, TOTAL_NS);
    if (campaign.api.fetcher == NULL) {
        *error = mem_printf("libcurl cannot be loaded, or the system is out of descriptors");
        loop_free(campaign.loop);
        return false;
    }
    set_up(&campaign);
    campaign.interrupt = loop_signal_new(campaign.loop, SIGINT, on_interrupt, &campaign);
    campaign.terminate = loop_signal_new(campaign.loop, SIGTERM, on_interrupt, &campaign);
    say_hello(&campaign);
    loop_run(campaign.loop);
    result->orders = (int64_t)campaign.board.all_count;
    result->unread += (int64_t)(campaign.board.all_count - campaign.settled);
    take_down(&campaign);
    *error = campaign.error;
    return campaign.error == NULL;
}
