/* A web service of one route. curl http://127.0.0.1:8080/hello/world */
#include <proa/proa.h>

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str name = proa_request_param(req, "name"); /* borrowed from req */

    (void)arg;
    if (proa_str_eq(name, PROA_STR("nobody")))
        return proa_http_error(req, 404, "no such person");
    return proa_response_textf(resp, 200, "hello, %.*s\n", PROA_PRI(name));
}

static int serve(void *arg)
{
    PROA_AUTO(proa_app) *app = NULL; /* freed at the brace */

    (void)arg;
    proa_app_new(&app, NULL);
    proa_app_get(app, "/hello/{name}", hello, NULL);
    return proa_app_serve(
        app, PROA_SERVER_OPTS(.port = 8080)); /* until SIGINT or SIGTERM, then drains */
}

int main(void)
{
    return proa_main(serve, NULL, NULL); /* prints what failed; exit status */
}
