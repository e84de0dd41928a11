/* A web service of one route: hello [PORT], then curl http://127.0.0.1:8080/hello/world */
#include <proa/proa.h>

#include <stdio.h>
#include <stdlib.h>

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str name = proa_request_param(req, "name"); /* borrowed from req */

    (void)arg;
    if (proa_str_eq(name, PROA_STR("nobody")))
        return proa_http_error(req, 404, "no such person");
    return proa_response_textf(resp, 200, "hello, %.*s\n", PROA_PRI(name));
}

static void say(void *arg, const char *url)
{
    (void)arg;
    printf("listening on %s\n", url);
    fflush(stdout);
}

static int serve(void *arg)
{
    const int *port = arg;
    PROA_AUTO(proa_app) *app = NULL; /* freed at the brace */

    proa_app_new(&app, NULL);
    proa_app_get(app, "/hello/{name}", hello, NULL); /* serve returns what was wrong with it */
    return proa_app_serve(app, PROA_SERVER_OPTS(.port = *port, .listening = say));
} /* until SIGINT or SIGTERM, then drains */

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 8080; /* 0: a free one */

    return proa_main(serve, &port, PROA_MAIN_OPTS(.workers = 4)); /* prints what failed */
}
