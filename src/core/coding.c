/* Accept-Encoding (coding_is_accepted -> take_list -> take_element), and the gzip form of a body by libdeflate
 * (coding_gzip -> compress_body). */
#include <config.h>

#include "core/coding.h"

#include <libdeflate.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/weight.h"

/* Level 1 needs half the time of zlib's, and its results are smaller (docs/architecture.md). */
#define LEVEL 1
#define KEPT ((size_t)256 << 10) /* memory of results that stays between two bodies */

struct coding {
    struct libdeflate_compressor *compressor;
    struct buf gzip;
    bool tried; /* gzip is what became of the body; empty: it has no gzip form */
};

/* ---- Accept-Encoding ---- */

/* In thousandths. */
#define NOT_NAMED (-1)

struct accepted {
    int gzip, identity, any;
};

/* Of what is named twice the lower weight counts, so that no client gets what it refuses. x-gzip is gzip (section
 * 8.4.1.3). A malformed element counts as if it were not there. */
static void take_element(struct slice element, struct accepted *accepted)
{
    struct slice rest = element, name = text_take(&rest, ';');
    int *of = slice_equal(name, SLICE("*")) ? &accepted->any
              : slice_equal_nocase(name, SLICE("gzip")) || slice_equal_nocase(name, SLICE("x-gzip"))
                  ? &accepted->gzip
              : slice_equal_nocase(name, SLICE("identity")) ? &accepted->identity
                                                            : NULL;
    int weight = memchr(element.ptr, ';', element.len) != NULL ? weight_read(rest) : WEIGHT_MAX;
    if (of != NULL && weight != WEIGHT_MALFORMED && (*of == NOT_NAMED || weight < *of))
        *of = weight;
}

static void take_list(struct slice list, struct accepted *accepted)
{
    while (list.len > 0) {
        struct slice element = text_take(&list, ',');
        if (element.len > 0)
            take_element(element, accepted);
    }
}

/* Section 12.5.3. The identity has a weight only where it is named: every client takes it, but would rather have what
 * it names. A client that takes neither (identity;q=0 without gzip) gets the identity, because nothing better could
 * be sent. */
bool coding_is_accepted(const struct http_head *head)
{
    struct accepted accepted = {NOT_NAMED, NOT_NAMED, NOT_NAMED};
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, SLICE("Accept-Encoding")))
            take_list(head->fields[i].value, &accepted);
    int gzip = accepted.gzip != NOT_NAMED ? accepted.gzip : accepted.any;
    return gzip > 0 && gzip >= accepted.identity;
}

/* ---- the gzip form ---- */

struct coding *coding_new(void)
{
    struct coding *coding = mem_new(sizeof *coding);
    coding->gzip = BUF_INIT(CODING_MAX);
    coding->compressor = libdeflate_alloc_compressor(LEVEL);
    if (coding->compressor == NULL) {
        free(coding);
        return NULL;
    }
    return coding;
}

void coding_free(struct coding *coding)
{
    if (coding == NULL)
        return;
    libdeflate_free_compressor(coding->compressor);
    buf_fini(&coding->gzip);
    free(coding);
}

/* There is room for less than the body has, so that what does not get shorter fails. */
static void compress_body(struct coding *coding, struct slice body)
{
    char *room = buf_room(&coding->gzip, body.len - 1);
    if (room != NULL)
        coding->gzip.len =
            libdeflate_gzip_compress(coding->compressor, body.ptr, body.len, room, body.len - 1);
    log_debug("compressed", LOG_I("bytes", (int64_t)body.len), LOG_I("gzip", (int64_t)coding->gzip.len));
}

struct slice coding_gzip(struct coding *coding, struct slice body)
{
    if (!coding->tried && body.len >= CODING_MIN && body.len <= CODING_MAX)
        compress_body(coding, body);
    coding->tried = true;
    return coding->gzip.len > 0 ? buf_slice(&coding->gzip) : (struct slice){NULL, 0};
}

bool coding_gunzip(struct slice gzip, char *out, size_t length)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    bool ok = decompressor != NULL && libdeflate_gzip_decompress(decompressor, gzip.ptr, gzip.len, out,
                                                                 length, NULL) == LIBDEFLATE_SUCCESS;
    libdeflate_free_decompressor(decompressor);
    return ok;
}

void coding_put(struct coding *coding, struct slice gzip)
{
    coding_forget(coding);
    buf_add_slice(&coding->gzip, gzip);
    coding->tried = true;
}

void coding_forget(struct coding *coding)
{
    if (coding == NULL)
        return;
    buf_clear(&coding->gzip);
    buf_trim(&coding->gzip, KEPT);
    coding->tried = false;
}
