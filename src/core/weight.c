/* A weight is read strictly. */
#include <config.h>

#include "core/weight.h"

#include "base/text.h"

/* qvalue: 0 or 1, with up to three decimals. */
static int read_value(struct slice text)
{
    bool begins = text.len >= 1 && text.len <= 5 && (text.ptr[0] == '0' || text.ptr[0] == '1');
    if (!begins || (text.len > 1 && text.ptr[1] != '.'))
        return WEIGHT_MALFORMED;
    int weight = (text.ptr[0] - '0') * WEIGHT_MAX;
    for (size_t i = 2, unit = WEIGHT_MAX / 10; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return WEIGHT_MALFORMED;
        weight += (text.ptr[i] - '0') * (int)unit;
    }
    return weight <= WEIGHT_MAX ? weight : WEIGHT_MALFORMED;
}

int weight_read(struct slice text)
{
    struct slice pair = text_trimmed(text);
    bool named = pair.len >= 2 && (pair.ptr[0] == 'q' || pair.ptr[0] == 'Q') && pair.ptr[1] == '=';
    return named ? read_value((struct slice){pair.ptr + 2, pair.len - 2}) : WEIGHT_MALFORMED;
}
