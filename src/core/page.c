/* What follows from the rows of pages: whether one is in the menu. */
#include <config.h>

#include "core/page.h"

bool page_is_in_menu(const struct route *route)
{
    return route->method == HTTP_GET && route->path_fields == NULL && route->page != NULL &&
           route->page->title != NULL;
}
