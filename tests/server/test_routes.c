#include "served.h"

#include <stdio.h>
#include <string.h>

/* From a request line to a handler, through a whole server. test_router looks at the tree itself.
 */

/* Answer with the route's name and what {id} and {rest} are. */
static int tells(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str id = proa_request_param(req, "id");
    struct proa_str rest = proa_request_param(req, "rest");
    struct proa_str method = proa_request_method(req);

    return proa_response_textf(resp, 200, "%.*s %s id=%.*s rest=%.*s", PROA_PRI(method),
                               (char *)arg, PROA_PRI(id), PROA_PRI(rest));
}

static void add(struct proa_app *app, const char *method, const char *pattern)
{
    proa_app_route(app, method, pattern, tells, (void *)pattern, NULL);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", tells, (void *)"/");
    proa_app_get(app, "/items", tells, (void *)"/items");
    proa_app_post(app, "/items", tells, (void *)"/items");
    proa_app_get(app, "/items/new", tells, (void *)"/items/new");
    proa_app_get(app, "/items/{id}", tells, (void *)"/items/{id}");
    proa_app_put(app, "/items/{id}", tells, (void *)"/items/{id}");
    proa_app_patch(app, "/items/{id}", tells, (void *)"/items/{id}");
    proa_app_delete(app, "/items/{id}", tells, (void *)"/items/{id}");
    add(app, "GET", "/items/{id}/x");
    add(app, "GET", "/slash/");
    add(app, "GET", "/files/{rest...}");
    proa_app_route(app, "*", "/any", tells, (void *)"the star", NULL);
    add(app, "GET", "/any");
    add(app, "OPTIONS", "/own-options");
    add(app, "HEAD", "/own-head");
    add(app, "GET", "/own-head");
    add(app, "POST", "/post-only");
    add(app, "GET", "/a/b%20c");
    add(app, "GET", "/a/d e");
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)

static const char *asked(struct proa_server *server, const char *method, const char *target)
{
    char request[512];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
             method, target);
    return ask(server, request);
}

static void ck_routed(struct proa_server *server, const char *method, const char *target,
                      const char *answer)
{
    const char *text = asked(server, method, target);

    ck_assert_msg(status_of(text) == 200, "%s %s: %s", method, target, text);
    ck_assert_str_eq(body_of(text), answer);
}

static void ck_status(struct proa_server *server, const char *method, const char *target,
                      int status)
{
    const char *text = asked(server, method, target);

    ck_assert_msg(status_of(text) == status, "%s %s: %s", method, target, text);
}

/* ---- paths */

SERVED(a_literal_beats_a_parameter)
{
    ck_routed(server, "GET", "/items/new", "GET /items/new id= rest=");
    ck_routed(server, "GET", "/items/newer", "GET /items/{id} id=newer rest=");
    /* as far as it has the method */
    ck_routed(server, "PUT", "/items/new", "PUT /items/{id} id=new rest=");
    ck_routed(server, "GET", "/items/new/x", "GET /items/{id}/x id=new rest=");
}

SERVED(a_slash_at_the_end_makes_another_path)
{
    ck_routed(server, "GET", "/items", "GET /items id= rest=");
    ck_status(server, "GET", "/items/", 404);
    ck_status(server, "GET", "/items/7/", 404);
    ck_status(server, "GET", "//items", 404);
    ck_status(server, "GET", "/slash", 404);
    ck_routed(server, "GET", "/slash/", "GET /slash/ id= rest=");
}

/* HTTP-REQ-18: neither dots nor escapes change what the segments are. */
SERVED(segments_are_those_of_the_wire)
{
    ck_routed(server, "GET", "/items/a%2Fx", "GET /items/{id} id=a/x rest=");
    ck_routed(server, "GET", "/items/a%2fx/x", "GET /items/{id}/x id=a/x rest=");
    ck_routed(server, "GET", "/items/..", "GET /items/{id} id=.. rest=");
    ck_routed(server, "GET", "/items/%2e%2e", "GET /items/{id} id=.. rest=");
    ck_status(server, "GET", "/items/../items", 404);
    ck_status(server, "GET", "/items%2Fnew", 404);
    ck_routed(server, "GET", "/files/a/../b//c", "GET /files/{rest...} id= rest=a/../b//c");
    ck_routed(server, "GET", "/items/a%5Cb", "GET /items/{id} id=a\\b rest=");
}

/* A pattern is text, not a URL: its own escapes mean themselves. */
SERVED(a_literal_is_matched_decoded)
{
    ck_routed(server, "GET", "/%69tems/%6Eew", "GET /items/new id= rest=");
    ck_routed(server, "GET", "/a/d%20e", "GET /a/d e id= rest=");
    ck_status(server, "GET", "/a/b%20c", 404);
    ck_routed(server, "GET", "/a/b%2520c", "GET /a/b%20c id= rest=");
    ck_status(server, "GET", "/ITEMS", 404);
}

/* HTTP-REQ-18, HTTP-REQ-19 */
SERVED(what_does_not_decode_is_a_400)
{
    static const char *const bad[] = {
        "/items/%zz", "/items/%2",        "/items/%",     "/items/a%00b", "/items/%c0%af",
        "/items/%ff", "/items/%ed%a0%80", "/files/a/%zz", "/files/%00",   "/items/%f5%80%80%80"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_status(server, "GET", bad[i], 400);
}

SERVED(the_query_is_no_part_of_the_path)
{
    ck_routed(server, "GET", "/items?new", "GET /items id= rest=");
    ck_routed(server, "GET", "/items/7?a/b=%zz", "GET /items/{id} id=7 rest=");
    ck_routed(server, "GET", "/?", "GET / id= rest=");
}

/* HTTP-REQ-13 */
SERVED(an_absolute_target_is_routed_by_its_path)
{
    ck_routed(server, "GET", "http://h/items/7", "GET /items/{id} id=7 rest=");
    ck_routed(server, "GET", "http://h", "GET / id= rest=");
    ck_routed(server, "GET", "http://h?x", "GET / id= rest=");
}

/* ---- methods */

SERVED(each_method_finds_its_route)
{
    ck_routed(server, "POST", "/items", "POST /items id= rest=");
    ck_routed(server, "PUT", "/items/7", "PUT /items/{id} id=7 rest=");
    ck_routed(server, "PATCH", "/items/7", "PATCH /items/{id} id=7 rest=");
    ck_routed(server, "DELETE", "/items/7", "DELETE /items/{id} id=7 rest=");
}

/* HTTP-REQ-09 */
SERVED(another_method_is_405_and_told_which_there_are)
{
    const char *text = asked(server, "DELETE", "/items");
    ck_assert_int_eq(status_of(text), 405);
    ck_str_eq(field_of(text, "Allow"), "GET, HEAD, POST");
    ck_assert_str_eq(body_of(text), "Method Not Allowed\n");
    text = asked(server, "POST", "/items/7");
    ck_str_eq(field_of(text, "Allow"), "GET, HEAD, PUT, PATCH, DELETE");
    /* a path that two patterns match, each method once */
    text = asked(server, "POST", "/items/new");
    ck_assert_int_eq(status_of(text), 405);
    ck_str_eq(field_of(text, "Allow"), "GET, HEAD, PUT, PATCH, DELETE");
    text = asked(server, "GET", "/post-only");
    ck_str_eq(field_of(text, "Allow"), "POST");
    ck_str_eq(field_of(asked(server, "PUT", "/files/x"), "Allow"), "GET, HEAD");
}

SERVED(a_connection_goes_on_after_405)
{
    const char *text = ask(server,
                           "PUT /items HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                           "GET /items HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

    ck_assert_int_eq(responses_in(text), 2);
    ck_assert_ptr_nonnull(strstr(text, "GET /items id="));
}

/* HTTP-RESP-15 */
SERVED(head_goes_to_get_unless_it_has_a_route)
{
    const char *text = asked(server, "HEAD", "/items/7");

    ck_assert_int_eq(status_of(text), 200);
    ck_str_eq(field_of(text, "Content-Length"), "27"); /* "HEAD /items/{id} id=7 rest=" */
    ck_assert_str_eq(body_of(text), "");
    ck_status(server, "HEAD", "/own-head", 200);
    ck_status(server, "HEAD", "/post-only", 405);
    ck_status(server, "HEAD", "/none", 404);
}

/* HTTP-RESP-16 */
SERVED(options_tells_the_methods_unless_it_has_a_route)
{
    const char *text = asked(server, "OPTIONS", "/items");

    ck_assert_int_eq(status_of(text), 204);
    ck_str_eq(field_of(text, "Allow"), "GET, HEAD, POST");
    ck_assert_int_eq(fields_of(text, "Content-Length"), 0); /* HTTP-FRAME-25 */
    ck_assert_str_eq(body_of(text), "");
    ck_routed(server, "OPTIONS", "/own-options", "OPTIONS /own-options id= rest=");
    ck_status(server, "OPTIONS", "/none", 404);
    text = asked(server, "OPTIONS", "*");
    ck_assert_int_eq(status_of(text), 204);
    ck_assert_int_eq(fields_of(text, "Allow"), 1);
}

SERVED(a_star_route_takes_what_others_leave)
{
    ck_routed(server, "PUT", "/any", "PUT the star id= rest=");
    ck_routed(server, "OPTIONS", "/any", "OPTIONS the star id= rest=");
    ck_routed(server, "GET", "/any", "GET /any id= rest=");
    /* HEAD is GET's first: "HEAD /any id= rest=" */
    ck_str_eq(field_of(asked(server, "HEAD", "/any"), "Content-Length"), "19");
}

/* HTTP-REQ-08, HTTP-REQ-10, HTTP-REQ-15, HTTP-REQ-16, HTTP-REQ-20 */
SERVED(other_methods_have_their_statuses)
{
    ck_status(server, "FROB", "/items", 501);
    ck_status(server, "get", "/items", 501);
    ck_status(server, "TRACE", "/items", 405);
    ck_status(server, "GET", "*", 400);
    ck_status(server, "CONNECT", "h:443", 501);
    ck_status(server, "CONNECT", "/items", 400);
}

/* ---- building */

static int none(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)resp;
    (void)arg;
    return 0;
}

/* The first fault counts, whatever comes after it. */
static int conflicts_body(void *arg)
{
    static const struct {
        const char *method;
        const char *pattern;
        const char *words;
    } cases[] = {
        {"GET", "/items/{other}", "route GET /items/{other} was added before, as /items/{id}"},
        {"FROB", "/frob", "route \"/frob\": no request has the method \"FROB\""},
        {"get", "/lower", "route \"/lower\": no request has the method \"get\""},
        {"GET", "/{a}/{a}", "route /{a}/{a}: parameter a twice"},
        {"GET", "/{a...}/b", "route /{a...}/b: {...} must be the last segment"},
    };
    struct proa_server *server = NULL;

    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proa_app *app = make_app();
        ck_ok(proa_app_error(app));
        proa_app_route(app, cases[i].method, cases[i].pattern, none, NULL, NULL);
        ck_err(proa_app_error(app), PROA_EROUTE);
        proa_app_get(app, "no-slash", none, NULL);
        proa_app_get(app, "/fine", none, NULL);
        ck_err(proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true)), PROA_EROUTE);
        ck_assert_str_eq(proa_err_detail(PROA_EROUTE), cases[i].words);
        proa_app_free(app);
    }
    proa_app_get(NULL, "/", none, NULL); /* of an app that could not be made */
    ck_err(proa_app_error(NULL), PROA_ENOMEM);
    return 0;
}

START_TEST(a_bad_or_doubled_route_is_told_by_the_call_that_serves)
{
    t_run(conflicts_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("routes",
                  (const TTest *const[]){
                      a_literal_beats_a_parameter, a_slash_at_the_end_makes_another_path,
                      segments_are_those_of_the_wire, a_literal_is_matched_decoded,
                      what_does_not_decode_is_a_400, the_query_is_no_part_of_the_path,
                      an_absolute_target_is_routed_by_its_path, each_method_finds_its_route,
                      another_method_is_405_and_told_which_there_are,
                      a_connection_goes_on_after_405, head_goes_to_get_unless_it_has_a_route,
                      options_tells_the_methods_unless_it_has_a_route,
                      a_star_route_takes_what_others_leave, other_methods_have_their_statuses,
                      a_bad_or_doubled_route_is_told_by_the_call_that_serves, NULL});
}
