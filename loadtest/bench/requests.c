/* requests: see requests.h */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

enum { BODIES = 1024 /* different orders to place */, BODY_MAX = 256 };

/* ---- small things ---- */

static void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->bytes + text->len, sizeof(text->bytes) - text->len, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(text->bytes) - text->len)
        die("a request is longer than %d bytes", REQUEST_MAX);
    text->len += (size_t)n;
}

static struct text *new_texts(size_t count)
{
    struct text *texts = calloc(count, sizeof(*texts));
    if (!texts)
        die("out of memory");
    return texts;
}

static uint64_t random_next(struct requests *requests)
{
    uint64_t x = requests->random; /* xorshift64: enough to pick orders */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    requests->random = x;
    return x;
}

static double random_degrees(struct requests *requests, double low, double high)
{
    return low + (high - low) * (double)(random_next(requests) >> 11) / 9007199254740992.0;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A step that is coprime to the size visits every id once, far from the one before. */
static uint64_t pick_stride(uint64_t size)
{
    uint64_t stride = 2654435761ULL % size;
    while (stride == 0 || gcd(stride, size) != 1)
        stride++;
    return stride;
}

static uint64_t range(const struct requests *requests)
{
    return requests->opt->last - requests->opt->first + 1;
}

/* ---- building ---- */

static void add_field(struct text *text, const struct requests *requests)
{
    const char *field = requests->opt->field;
    text_add(text, " HTTP/1.1\r\nHost: %s\r\n%s%s", requests->authority, field,
             field[0] != '\0' ? "\r\n" : "");
}

static void add_head_end(struct text *text, const struct requests *requests)
{
    add_field(text, requests);
    text_add(text, "\r\n");
}

static void add_head_end_and_body(struct text *text, const struct requests *requests, const char *body)
{
    add_field(text, requests);
    text_add(text, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

static void build_get(struct requests *requests)
{
    text_add(&requests->constant, "GET %s", requests->opt->path);
    add_head_end(&requests->constant, requests);
}

static void build_read(struct requests *requests)
{
    text_add(&requests->prefix, "GET /orders/");
    add_head_end(&requests->suffix, requests);
}

static void build_change(struct requests *requests, const char *status)
{
    text_add(&requests->prefix, "PATCH /orders/");
    requests->changes = new_texts(requests->opt->connections);
    for (unsigned i = 0; i < requests->opt->connections; i++) {
        char body[BODY_MAX];
        snprintf(body, sizeof(body), "{\"status\":\"%s\",\"taker\":\"%s%u\"}", status, requests->opt->taker,
                 i);
        add_head_end_and_body(&requests->changes[i], requests, body);
    }
}

static void build_claims(struct requests *requests)
{
    const struct options *opt = requests->opt;
    char body[BODY_MAX], lease[32] = "";
    requests->claims = new_texts(opt->connections);
    if (opt->lease > 0)
        snprintf(lease, sizeof(lease), ",\"lease\":%u", opt->lease);
    for (unsigned i = 0; i < opt->connections; i++) {
        snprintf(body, sizeof(body), "{\"taker\":\"%s%u\",\"limit\":%u%s}", opt->taker, i, opt->limit, lease);
        text_add(&requests->claims[i], "POST /orders/claim");
        add_head_end_and_body(&requests->claims[i], requests, body);
    }
}

static void build_bodies(struct requests *requests)
{
    requests->bodies = new_texts(BODIES);
    for (size_t i = 0; i < BODIES; i++) {
        char body[BODY_MAX];
        double lat = random_degrees(requests, 45, 55), lng = random_degrees(requests, 5, 20);
        snprintf(body, sizeof(body), "{\"origin\":[\"%.6f\",\"%.6f\"],\"destination\":[\"%.6f\",\"%.6f\"]}",
                 lat, lng, lat + random_degrees(requests, -0.2, 0.2),
                 lng + random_degrees(requests, -0.2, 0.2));
        text_add(&requests->bodies[i], "POST /orders");
        add_head_end_and_body(&requests->bodies[i], requests, body);
    }
}

void requests_init(struct requests *requests, const struct options *opt, const char *authority)
{
    *requests = (struct requests){
        .opt = opt, .authority = authority, .next_id = opt->skip, .random = 0x9e3779b97f4a7c15ULL};
    requests->stride = pick_stride(range(requests));
    if (opt->mode == MODE_GET || opt->mode == MODE_IDLE)
        build_get(requests);
    if (opt->mode == MODE_READ)
        build_read(requests);
    if (opt->mode == MODE_TAKE || opt->mode == MODE_HOT)
        build_change(requests, "TAKEN");
    if (opt->mode == MODE_WORK || opt->mode == MODE_MIXED)
        build_change(requests, "DELIVERED");
    if (opt->mode == MODE_CLAIM || opt->mode == MODE_WORK || opt->mode == MODE_MIXED)
        build_claims(requests);
    if (opt->mode == MODE_PLACE || opt->mode == MODE_MIXED)
        build_bodies(requests);
}

void requests_fini(struct requests *requests)
{
    free(requests->changes);
    free(requests->claims);
    free(requests->bodies);
}

/* ---- the next one ---- */

bool requests_left(const struct requests *requests)
{
    return requests->opt->ids == IDS_RANDOM || requests->next_id < range(requests);
}

uint64_t requests_id(struct requests *requests)
{
    uint64_t n = 0;
    if (requests->opt->mode == MODE_HOT)
        return requests->opt->first;
    switch (requests->opt->ids) {
    case IDS_UNIQUE:
        n = requests->next_id++ * requests->stride %
            range(requests); /* both below 2^32: options.c sees to that */
        break;
    case IDS_RANDOM:
        n = random_next(requests) % range(requests);
        break;
    case IDS_WALK:
        n = requests->next_id++;
        break;
    }
    return requests->opt->first + n;
}

static size_t whole(const struct text *text, const char **bytes)
{
    *bytes = text->bytes;
    return text->len;
}

static size_t put_decimal(char *out, uint64_t n)
{
    char digits[20];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + n % 10);
    while (n /= 10);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

static size_t with_id(const struct requests *requests, const struct text *suffix, uint64_t id,
                      char scratch[REQUEST_MAX], const char **bytes)
{
    memcpy(scratch, requests->prefix.bytes, requests->prefix.len);
    size_t len = requests->prefix.len;
    len += put_decimal(scratch + len, id);
    if (len + suffix->len > REQUEST_MAX)
        die("a request is longer than %d bytes", REQUEST_MAX);
    memcpy(scratch + len, suffix->bytes, suffix->len);
    *bytes = scratch;
    return len + suffix->len;
}

/* Each place is asked for once, so it is written when it is asked for. */
static size_t near(struct requests *requests, size_t connection, char scratch[REQUEST_MAX],
                   const char **bytes)
{
    char body[BODY_MAX];
    struct text text = {.len = 0};
    double lat = random_degrees(requests, 45, 55), lng = random_degrees(requests, 5, 20);
    snprintf(body, sizeof(body), "{\"taker\":\"%s%zu\",\"near\":[\"%.6f\",\"%.6f\"]}", requests->opt->taker,
             connection, lat, lng);
    text_add(&text, "POST /orders/claim");
    add_head_end_and_body(&text, requests, body);
    memcpy(scratch, text.bytes, text.len);
    *bytes = scratch;
    return text.len;
}

size_t requests_next(struct requests *requests, enum ask ask, size_t connection, uint64_t id,
                     char scratch[REQUEST_MAX], const char **bytes)
{
    switch (ask) {
    case ASK_GET:
        return whole(&requests->constant, bytes);
    case ASK_READ:
        return with_id(requests, &requests->suffix, id, scratch, bytes);
    case ASK_TAKE:
    case ASK_DELIVER:
        return with_id(requests, &requests->changes[connection], id, scratch, bytes);
    case ASK_CLAIM:
        return whole(&requests->claims[connection], bytes);
    case ASK_NEAR:
        return near(requests, connection, scratch, bytes);
    case ASK_PLACE:
        return whole(&requests->bodies[requests->placed++ % BODIES], bytes);
    }
    return 0;
}
