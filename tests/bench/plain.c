/*
 * plain: the server that is measured: one route, 13 bytes of text, everything else as it is by
 * default.
 *
 *     plain [CERT KEY]     listens on a free port of 127.0.0.1 and prints its URL
 */

#include <proa/proa.h>

#include <stdio.h>

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "Hello, World!");
}

static void announce(void *arg, const char *url)
{
    (void)arg;
    printf("listening on %s\n", url);
    fflush(stdout);
}

static int serve(void *arg)
{
    char **argv = arg;
    PROA_AUTO(proa_app) *app = NULL;
    PROA_AUTO(proa_tls_ctx) *tls = NULL;
    int rc = 0;

    if (argv[1])
        rc = proa_tls_server_ctx_new(
            &tls, PROA_TLS_SERVER_OPTS(.cert_file = argv[1], .key_file = argv[2]));
    if (rc < 0)
        return rc;
    proa_app_new(&app, NULL);
    proa_app_get(app, "/", hello, NULL);
    return proa_app_serve(
        app, PROA_SERVER_OPTS(.tls = tls, .max_connections = 20000, .listening = announce));
}

int main(int argc, char **argv)
{
    (void)argc;
    return proa_main(serve, argv, NULL);
}
