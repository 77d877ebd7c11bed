/* id_scan: see id_scan.h */
#include "id_scan.h"

#include "die.h"

static const char mark[] = "\"id\":";

enum { MARK_LEN = sizeof(mark) - 1 };

static void begin_number(struct id_scan *scan)
{
    if (scan->count == ID_SCAN_MAX)
        die("an answer has more than %d orders", ID_SCAN_MAX);
    scan->found[scan->count] = 0;
    scan->matched = 0;
    scan->within = true;
}

static void take_byte(struct id_scan *scan, char byte)
{
    if (scan->within && byte >= '0' && byte <= '9') {
        scan->found[scan->count] = scan->found[scan->count] * 10 + (uint64_t)(byte - '0');
        return;
    }
    if (scan->within)
        scan->count++;
    scan->within = false;
    if (byte == mark[scan->matched])
        scan->matched++;
    else
        scan->matched = byte == mark[0]; /* in JSON the second quote of the mark does not begin another one */
    if (scan->matched == MARK_LEN)
        begin_number(scan);
}

void id_scan_take(struct id_scan *scan, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        take_byte(scan, bytes[i]);
}
