/* Pages: HTML for people, made of what the API answers. A page is a template (web/pages), and the reads that feed it:
 * GETs of the API, each under a name of its own in what the template sees. So a page is validated, limited and
 * answered as the API is, by the same statements, and says the same names as the document of the API.
 *
 * A form of a page leads to a route of the API, too: its inputs are called as the fields of that route. What was sent
 * goes to that route; when it was done, the browser is led on (303); when not, the page comes again, with what was
 * typed and with what is wrong beside each input.
 *
 * What a template sees is one object: version, host, title, kind, pages (the menu), given (the page's own parameters),
 * choices (of those that have some, each with value and chosen), sign_in, refused (reads that are not there),
 * form_token, each read by its name, links.READ.next and the like (of a read's Link), and each form by its name
 * (core/form.h). core/visit.h answers with it. */
#ifndef ROWLOCK_CORE_PAGE_H
#define ROWLOCK_CORE_PAGE_H

#include "base/buf.h"
#include "core/route.h"
#include "web/templates.h"

struct request;

#define PAGE_READS_MAX 8

struct page_read {
    const char *name;
    /* "/orders?limit=20&before={before}": {NAME} is a parameter of the page, {NAME:20} has a value for when it is not
     * given; without one, a pair of the query is left out. */
    const char *target;
    bool optional; /* refused with 4xx it is not there, and refused.NAME says why; else that is the page */
};

struct page_form {
    const char *name;
    enum http_method method; /* of the route of the API, with its path as it stands in the table */
    const char *path;
    /* Where it leads: "/labs/{id}"; {NAME} is a member of the answer, an input, or a parameter of the page. */
    const char *next;
    /* A read, an object: what stands in the inputs at first. The form has its tag (if_match), so that a record that
     * others have changed meanwhile is not changed (If-Match). NULL: nothing. */
    const char *fill;
    bool fresh; /* the record must not be there yet (If-None-Match: *) */
};

struct page {
    const char *title; /* in the menu; NULL: it is not there */
    const struct web_template *template;
    const char *kind;              /* of what it shows, a word for templates of several pages; NULL: none */
    const struct page_read *reads; /* ends with name NULL; NULL: none */
    const struct page_form *forms; /* the same */
    bool has_token;                /* it has forms that lead to routes with a start of their own */
    const char *pictures;          /* other hosts that its pictures may come from; NULL: none */
    const char *policy;            /* what is added to the Content-Security-Policy; NULL: nothing */
    bool sole;                     /* where one app alone is served, its own page is shown here instead */
    /* Adds further members, by base/jsonout.h. NULL: there are none. */
    void (*add)(const struct request *request, struct buf *data);
};

/* Whether the route has a page that stands in the menu, under its title. */
bool page_is_in_menu(const struct route *route);

#endif
