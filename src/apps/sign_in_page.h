/* The page /sign-in, where people give a key, and what its forms are answered with. */
#ifndef ROWLOCK_APPS_SIGN_IN_PAGE_H
#define ROWLOCK_APPS_SIGN_IN_PAGE_H

#include "core/page.h"

extern const struct page sign_in_page;
extern const struct field sign_in_query[];

void sign_in_start(struct request *request);  /* POST /sign-in */
void sign_out_start(struct request *request); /* POST /sign-out */

#endif
