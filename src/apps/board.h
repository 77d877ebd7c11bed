/* The page /board: the orders as a dispatcher sees them, and what he does with them; and a page for each order with
 * its history. Their rows are in the table of orders. */
#ifndef ROWLOCK_APPS_BOARD_H
#define ROWLOCK_APPS_BOARD_H

#include "core/answer.h"
#include "core/page.h"
#include "core/request.h"

enum {
    BOARD_PLACE,
    BOARD_CHANGE,
};

extern const struct field board_query[];
extern const struct page_form board_forms[];
extern const struct page board_page;
extern const struct page board_order_page;

/* What the page reads: the orders below an id, newest first, sorted by what they are, and which part of the world they
 * are in, as a plane: x is the longitude times "narrowing" (a degree of longitude is as much shorter than one of
 * latitude), y the latitude with its sign turned.
 *
 *   {"free": [order, ...], "free_count": 1, "taken": ..., "delivered": ..., "before": 7,
 *    "map": {"narrowing": 0.64, "x": -5, "y": -60, "width": 40, "height": 20,
 *            "free_ways": ["M12.7 50.4L24.7 59.4", ...], "taken_ways": ..., "delivered_ways": ...}}
 *
 * A way is a path of SVG in degrees, east and north. before is that of the next orders, and not there when there are
 * none. */
extern const struct field board_orders_query[];
void board_orders_start(struct request *request);
void board_orders_write(const struct answering *answering);

#endif
