/* accept_is_html -> take_list -> take_element; accept_is -> weigh -> weigh_in. */
#include <config.h>

#include "core/accept.h"

#include "base/text.h"
#include "core/weight.h"

struct wanted {
    int html, json; /* weights; 0: not wanted, or not named */
};

/* The parameters of a media type come before its weight, and do not matter here. */
static int weight_in(struct slice rest)
{
    int weight = WEIGHT_MAX;
    while (rest.len > 0) {
        struct slice parameter = text_take(&rest, ';');
        if (parameter.len >= 2 && (parameter.ptr[0] | 0x20) == 'q' && parameter.ptr[1] == '=')
            weight = weight_read(parameter);
    }
    return weight > 0 ? weight : 0;
}

static bool is_json(struct slice name)
{
    return slice_equal_nocase(name, SLICE("application/json")) ||
           slice_equal_nocase(name, SLICE("application/problem+json"));
}

static void take_element(struct slice element, struct wanted *wanted)
{
    struct slice rest = element, name = text_take(&rest, ';');
    int weight = weight_in(rest);
    if (slice_equal_nocase(name, SLICE("text/html")))
        wanted->html = weight;
    else if (is_json(name) && weight > wanted->json)
        wanted->json = weight;
}

static void take_list(struct slice list, struct wanted *wanted)
{
    while (list.len > 0)
        take_element(text_take(&list, ','), wanted);
}

bool accept_is_html(const struct http_head *head)
{
    struct wanted wanted = {0, 0};
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, SLICE("Accept")))
            take_list(head->fields[i].value, &wanted);
    return wanted.html > wanted.json;
}

/* The highest of what a list names counts. */
static void weigh_in(struct slice list, struct slice type, int *weight)
{
    while (list.len > 0) {
        struct slice rest = text_take(&list, ','), name = text_take(&rest, ';');
        int named = slice_equal_nocase(name, type) ? weight_in(rest) : 0;
        *weight = named > *weight ? named : *weight;
    }
}

static int weigh(const struct http_head *head, struct slice type)
{
    int weight = 0;
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, SLICE("Accept")))
            weigh_in(head->fields[i].value, type, &weight);
    return weight;
}

bool accept_is(const struct http_head *head, struct slice type)
{
    int weight = weigh(head, type);
    return weight > 0 && weight >= weigh(head, SLICE("text/plain"));
}
