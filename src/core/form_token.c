/* The word of forms: found in the cookie (form_token_of), compared with that of a form, given to the browser. */
#include <config.h>

#include "core/form_token.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/text.h"

#define COOKIE "rowlock_form="
#define WORD_LENGTH 32

static bool is_word(struct slice text)
{
    bool good = text.len == WORD_LENGTH;
    for (size_t i = 0; good && i < text.len; i++)
        good = (text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f');
    return good;
}

/* The value of the cookie; .ptr NULL: none, or not one of ours. */
static struct slice word_in(struct slice cookies)
{
    while (cookies.len > 0) {
        struct slice pair = text_take(&cookies, ';'), name = SLICE(COOKIE);
        struct slice word = {pair.ptr + name.len, pair.len - name.len};
        if (pair.len > name.len && memcmp(pair.ptr, name.ptr, name.len) == 0 && is_word(word))
            return word;
    }
    return (struct slice){NULL, 0};
}

/* Without randomness there is nothing that a page could rest on: as without memory. */
static struct slice make_word(struct arena *arena)
{
    unsigned char bytes[WORD_LENGTH / 2];
    char *word = arena_alloc(arena, WORD_LENGTH);
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort();
    for (size_t i = 0; i < WORD_LENGTH; i++)
        word[i] = "0123456789abcdef"[(bytes[i / 2] >> (i % 2 * 4)) & 15];
    return (struct slice){word, WORD_LENGTH};
}

struct form_token form_token_of(const struct http_head *head, struct arena *arena)
{
    struct slice word = word_in(http_head_field(head, SLICE("Cookie")));
    bool fresh = word.ptr == NULL;
    return (struct form_token){fresh ? make_word(arena) : arena_dup(arena, word), fresh};
}

bool form_token_is_right(const struct form_token *token, const struct http_head *head, struct slice word)
{
    bool told = http_head_field(head, SLICE("Origin")).ptr != NULL ||
                http_head_field(head, SLICE("Sec-Fetch-Site")).ptr != NULL;
    return told || (!token->fresh && slice_equal(token->word, word));
}

void form_token_give(const struct form_token *token, struct reply *reply)
{
    if (token->fresh)
        buf_printf(&reply->fields, "Set-Cookie: " COOKIE "%.*s; Path=/; HttpOnly; SameSite=Strict\r\n",
                   (int)token->word.len, token->word.ptr);
}
