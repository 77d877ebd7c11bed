/* What a worker says of itself: lengths of its lists, and what the kernel knows of it. Nothing of it is counted while
 * requests are served: it is looked at four times a second, and before it is printed. */
#ifndef ROWLOCK_CORE_GAUGES_H
#define ROWLOCK_CORE_GAUGES_H

struct gauges;
struct server;

struct gauges *gauges_new(struct server *server);
void gauges_free(struct gauges *gauges); /* NULL is harmless */

/* Looks now. */
void gauges_sample(const struct server *server);

#endif
