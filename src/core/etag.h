/* Entity tags (RFC 9110 section 8.8.3), and the lists of them that If-Match and If-None-Match are. */
#ifndef ROWLOCK_CORE_ETAG_H
#define ROWLOCK_CORE_ETAG_H

#include <stdint.h>

#include "base/slice.h"

#define ETAG_SIZE 28

/* Of a tag, and of a comparison (section 8.8.3.2): the strong one finds equal what is the same and strong, the weak one
 * looks at the opaque part alone. */
enum etag_strength {
    ETAG_WEAK,
    ETAG_STRONG,
};

/* What the lists are, as a regular expression; of tags beyond ASCII and of empty elements none is needed. */
#define ETAG_TAG_PATTERN "(W/)?\"[!#-~]*\""
#define ETAG_LIST_PATTERN "^(\\*|" ETAG_TAG_PATTERN "( *, *" ETAG_TAG_PATTERN ")*)$"

void etag_write(char out[ETAG_SIZE], enum etag_strength strength, uint64_t hash);

/* The tag of the gzip form of what has this tag: another one, of the same strength (section 8.8.3.3). */
void etag_write_gzip(char out[ETAG_SIZE], const char *tag);

enum etag_found {
    ETAG_NOT_FOUND,
    ETAG_FOUND,
    ETAG_MALFORMED, /* neither "*" nor tags with commas between them, or no tag at all */
};

/* Whether the list has the tag. "*" has every one. The tag is "" where there is nothing to have one: that is in no
 * list. */
enum etag_found etag_find(struct slice list, const char *tag, enum etag_strength comparison);

enum precondition {
    PRECONDITIONS_HOLD,
    IF_MATCH_FAILS,      /* 412 */
    IF_NONE_MATCH_FAILS, /* 412, or 304 of a GET or HEAD */
};

/* Whether If-Match and If-None-Match (RFC 9110 section 13), in this order (section 13.2.2), hold for what has this tag;
 * it is "" when there is nothing. The tag of its gzip form names it as well. A list whose .ptr is NULL was not sent; a
 * malformed one counts as if it had not been, which costs a read a transfer (a write with one is refused before). */
enum precondition etag_precondition(struct slice if_match, struct slice if_none_match, const char *tag);

#endif
