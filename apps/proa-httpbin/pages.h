#ifndef HTTPBIN_PAGES_H
#define HTTPBIN_PAGES_H

struct proa_app;

/* Add all routes of the service. */
void add_pages(struct proa_app *app);

#endif
