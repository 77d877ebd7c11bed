/* Files that pages load, by name; their bytes are in what build-aux/embed-assets makes. */
#include <config.h>

#include "web/asset.h"

const struct asset *asset_find(struct slice name)
{
    for (const struct asset *asset = assets; asset->name != NULL; asset++)
        if (slice_equal(slice_of(asset->name), name))
            return asset;
    return NULL;
}

const struct asset *asset_of(struct slice file)
{
    for (const struct asset *asset = assets; asset->name != NULL; asset++)
        if (slice_equal(slice_of(asset->file), file))
            return asset;
    return NULL;
}
