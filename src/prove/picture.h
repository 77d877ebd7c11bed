/* A finding as a small picture (SVG 1.1): a row a call, from its begin to its end, with what was asked and
 * what was told. The moments stand beside one another in their order, not to scale, because calls are short
 * and the time between them is not. */
#ifndef ROWLOCK_PROVE_PICTURE_H
#define ROWLOCK_PROVE_PICTURE_H

#include "base/buf.h"
#include "prove/judge.h"

#define PICTURE_MAX ((size_t)1 << 20)

void picture_write(struct buf *out, const struct history *history, const struct finding *finding);

#endif
