/* A libFuzzer target: CSV files (RFC 4180), as the importer reads them. What is bad is said with its place; what is read, and written
 * again with quotes around every field, is read as the same. */
#include <config.h>

#include "fuzz.h"

#include "base/buf.h"
#include "base/csv.h"

#define TEXT_MAX ((size_t)1 << 20)

/* Records end with LF, and each field is quoted. False: it is bad. */
static bool rewrite(char *text, size_t size, struct buf *out)
{
    struct csv csv;
    enum csv_found found;
    csv_init(&csv, text, size);
    while ((found = csv_next(&csv)) == CSV_RECORD) {
        must(csv.count >= 1 && csv.count <= CSV_FIELDS_MAX);
        for (size_t i = 0; i < csv.count; i++) {
            must(csv.fields[i].line >= csv.line);
            buf_add_string(out, i > 0 ? ",\"" : "\"");
            for (size_t k = 0; k < csv.fields[i].text.len; k++) {
                char c = csv.fields[i].text.ptr[k];
                if (c == '"')
                    buf_add_char(out, c);
                buf_add_char(out, c);
            }
            buf_add_string(out, "\"");
        }
        buf_add_string(out, "\n");
    }
    if (found == CSV_BAD)
        must(csv.reason != NULL && csv.line >= 1);
    return found == CSV_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct buf once = BUF_INIT(TEXT_MAX), twice = BUF_INIT(TEXT_MAX);
    if (rewrite(text, size, &once)) {
        char *again = fuzz_text((const uint8_t *)buf_slice(&once).ptr, once.len);
        must(rewrite(again, once.len, &twice));
        must(slice_equal(buf_slice(&once), buf_slice(&twice)));
        free(again);
    }
    buf_fini(&once);
    buf_fini(&twice);
    free(text);
    return 0;
}
