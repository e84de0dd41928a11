/* Fetch pages, ten at a time, thirty seconds in all: crawl URL... */
#include <proa/proa.h>

#include <stdio.h>
#include <stdlib.h>

struct page {
    struct proa_session *session;
    const char *url;
    struct proa_buf body;
};

struct crawl {
    struct page *pages;
    size_t n;
};

static int fetch(void *arg) /* one page; reads like blocking code */
{
    struct page *page = arg;
    PROA_AUTO(proa_client_response) *resp = NULL;

    int rc = proa_session_get(page->session, &resp, page->url, NULL);
    if (rc < 0)
        return rc;
    return proa_client_response_read(resp, &page->body);
}

static int crawl(struct crawl *c)
{
    PROA_TIMEOUT(t, 30 * PROA_SEC);
    PROA_GROUP(g, .limit = 10); /* left by any path: cancels and joins what still runs */
    for (size_t i = 0; i < c->n; i++)
        proa_create_task(&g, fetch, &c->pages[i]); /* waits for a place; a failure waits in g */
    return proa_timeout_result(&t, proa_group_join(&g)); /* the first failure cancels the rest */
}

static int run(void *arg)
{
    struct crawl *c = arg;
    PROA_AUTO(proa_session) *session = NULL;

    int rc = proa_session_new(&session, NULL);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < c->n; i++) {
        c->pages[i].session = session;
        proa_buf_init(&c->pages[i].body, (size_t)64 << 20);
    }
    rc = crawl(c);
    for (size_t i = 0; i < c->n; i++) {
        if (rc == 0)
            printf("%8zu bytes  %s\n", proa_buf_str(&c->pages[i].body).n, c->pages[i].url);
        proa_buf_fini(&c->pages[i].body);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct crawl c = {.n = (size_t)(argc - 1)};

    c.pages = calloc(c.n + 1, sizeof *c.pages);
    if (!c.pages)
        return 1;
    for (size_t i = 0; i < c.n; i++)
        c.pages[i].url = argv[i + 1];
    int status = proa_main(run, &c, NULL);
    free(c.pages);
    return status;
}
