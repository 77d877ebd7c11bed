/* Files that pages load: style, scripts, pictures, compressed at build time (build-aux/embed-assets). The name of one
 * has the checksum of its content in it, so a name stands for one content for ever. */
#ifndef ROWLOCK_WEB_ASSET_H
#define ROWLOCK_WEB_ASSET_H

#include "base/slice.h"

#define ASSET_NAME_MAX 100

struct asset {
    const char *file; /* "style.css", in web/ */
    const char *name; /* "style.3735928559.css" */
    const char *type; /* Content-Type */
    size_t length;    /* uncompressed */
    struct slice gzip;
};

extern const struct asset assets[]; /* ends with name NULL */

/* NULL: there is none of that name. */
const struct asset *asset_find(struct slice name);

/* The content that a file of web/ has now. NULL: there is no such file. */
const struct asset *asset_of(struct slice file);

#endif
