/* The gzip form of a reply (RFC 9110 section 8.4), beside the one that was written, the identity. It is made when the
 * first client that takes gzip is answered, and kept until coding_forget, for all others that share the reply. */
#ifndef ROWLOCK_CORE_CODING_H
#define ROWLOCK_CORE_CODING_H

#include "base/slice.h"
#include "http/http_parse.h"

/* A shorter body costs more than it saves. A longer one would hold up the loop: 8 MiB take about 15 ms. */
#define CODING_MIN ((size_t)1024)
#define CODING_MAX ((size_t)8 << 20)

struct coding;

/* NULL: no memory. */
struct coding *coding_new(void);
void coding_free(struct coding *coding); /* NULL is harmless */

/* Whether the client takes gzip, and would not rather have the identity: what its Accept-Encoding says. */
bool coding_is_accepted(const struct http_head *head);

/* The gzip form of this body. .ptr NULL: there is none, because the body is too short, too long, or does not get
 * shorter. The body must be the same in all calls until coding_forget. */
struct slice coding_gzip(struct coding *coding, struct slice body);

/* Writes what the gzip form stands for, of that length, to out. False: it is not the gzip form of so much. */
bool coding_gunzip(struct slice gzip, char *out, size_t length);

/* The gzip form was made before, and is copied. It is that of the body with which coding_gzip is called next. */
void coding_put(struct coding *coding, struct slice gzip);

void coding_forget(struct coding *coding); /* another body follows; NULL is harmless */

#endif
