/*
 * client_proa: N requests, C at a time, through a session: what a program that fetches does.
 *
 *     client_proa URL N C
 */

#include <proa/proa.h>

#include <stdio.h>
#include <stdlib.h>

struct run {
    const char *url;
    long left;
    long done;
    unsigned concurrency;
    struct proa_session *session;
};

static int fetch_one(struct run *run, struct proa_buf *body)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    int rc = proa_session_get(run->session, &resp, run->url, NULL);

    if (rc < 0)
        return rc;
    proa_buf_clear(body);
    rc = proa_client_response_read(resp, body);
    if (rc == 0 && proa_client_response_status(resp) == 200)
        run->done++;
    return rc;
}

static int fetch(void *arg)
{
    struct run *run = arg;
    PROA_AUTO(proa_buf) body = {0};
    int rc = 0;

    proa_buf_init(&body, 1 << 20);
    while (rc == 0 && run->left > 0) {
        run->left--;
        rc = fetch_one(run, &body);
    }
    return rc;
}

static int all(void *arg)
{
    struct run *run = arg;
    PROA_GROUP(g);

    proa_session_new(&run->session, NULL);
    for (unsigned i = 0; i < run->concurrency; i++)
        proa_create_task(&g, fetch, run);
    int rc = proa_group_join(&g);
    proa_session_close(run->session);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 1;
    struct run run = {
        .url = argv[1], .left = atol(argv[2]), .concurrency = (unsigned)atol(argv[3])};
    int rc = proa_main(all, &run, NULL);
    printf("%ld\n", run.done);
    return rc;
}
