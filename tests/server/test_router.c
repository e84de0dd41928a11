#include "base/arena.h"
#include "server/router.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;

static int handler(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)resp;
    (void)arg;
    return 0;
}

static int add(struct router *r, const char *method, const char *pattern)
{
    return proa__router_add(r, method, pattern, handler, NULL, &(struct proa_route_opts){0});
}

static int find(struct router *r, const char *method, const char *path, struct router_match *m)
{
    return proa__router_find(r, proa_str_from(method), proa_str_from(path), &arena, m);
}

/* The pattern that a GET of the path leads to; "404" and so on if none. */
static const char *led_to(struct router *r, const char *path)
{
    static char text[256];
    struct router_match m;
    int status = find(r, "GET", path, &m);

    if (status == 200)
        snprintf(text, sizeof text, "%.*s", PROA_PRI(m.route->pattern));
    else
        snprintf(text, sizeof text, "%d", status);
    return text;
}

START_TEST(literal_beats_parameter_beats_rest)
{
    struct router *r = proa__router_new();

    ck_ok(add(r, "GET", "/"));
    ck_ok(add(r, "GET", "/a/{x}"));
    ck_ok(add(r, "GET", "/a/b"));
    ck_ok(add(r, "GET", "/{y}/b/c"));
    ck_ok(add(r, "GET", "/{all...}"));
    ck_assert_str_eq(led_to(r, "/"), "/");
    ck_assert_str_eq(led_to(r, "/a/b"), "/a/b");
    ck_assert_str_eq(led_to(r, "/a/z"), "/a/{x}");
    ck_assert_str_eq(led_to(r, "/a/b/c"), "/{y}/b/c");
    ck_assert_str_eq(led_to(r, "/a/b/d"), "/{all...}");
    ck_assert_str_eq(led_to(r, "/a/"), "/{all...}");
    proa__router_free(r);
}
END_TEST

START_TEST(parameters_have_their_route_s_names)
{
    struct router *r = proa__router_new();
    struct router_match m;

    ck_ok(add(r, "GET", "/{user}/x/{id}"));
    ck_ok(add(r, "POST", "/{name}/x/{thing}"));
    ck_assert_int_eq(find(r, "POST", "/ann/x/7", &m), 200);
    ck_str_eq(m.route->params[0], "name");
    ck_str_eq(m.values[0], "ann");
    ck_str_eq(m.route->params[1], "thing");
    ck_str_eq(m.values[1], "7");
    proa__router_free(r);
}
END_TEST

/* HTTP-REQ-18: an escaped slash makes no segment, and a segment is decoded once. */
START_TEST(escapes_are_decoded_within_segments)
{
    struct router *r = proa__router_new();
    struct router_match m;

    ck_ok(add(r, "GET", "/f/{name}"));
    ck_ok(add(r, "GET", "/caf\xc3\xa9"));
    ck_assert_int_eq(find(r, "GET", "/f/a%2Fb%252F", &m), 200);
    ck_str_eq(m.values[0], "a/b%2F");
    ck_assert_str_eq(led_to(r, "/caf%C3%A9"), "/caf\xc3\xa9");
    ck_assert_str_eq(led_to(r, "/%66/x"), "/f/{name}");
    proa__router_free(r);
}
END_TEST

/* HTTP-REQ-18, HTTP-REQ-19 */
START_TEST(bad_escapes_nul_and_bad_utf8_are_400)
{
    struct router *r = proa__router_new();

    ck_ok(add(r, "GET", "/f/{name...}"));
    ck_assert_str_eq(led_to(r, "/f/%zz"), "400");
    ck_assert_str_eq(led_to(r, "/f/%2"), "400");
    ck_assert_str_eq(led_to(r, "/f/%00"), "400");
    ck_assert_str_eq(led_to(r, "/f/%c0%af"), "400");
    ck_assert_str_eq(led_to(r, "/f/%ed%a0%80"), "400");
    ck_assert_str_eq(led_to(r, "/f/ok"), "/f/{name...}");
    proa__router_free(r);
}
END_TEST

START_TEST(rest_takes_slashes_and_may_be_empty)
{
    struct router *r = proa__router_new();
    struct router_match m;

    ck_ok(add(r, "GET", "/static/{path...}"));
    ck_assert_int_eq(find(r, "GET", "/static/a/b%20c", &m), 200);
    ck_str_eq(m.values[0], "a/b c");
    ck_assert_int_eq(find(r, "GET", "/static/", &m), 200);
    ck_assert_uint_eq(m.values[0].n, 0);
    ck_assert_int_eq(find(r, "GET", "/static", &m), 404);
    proa__router_free(r);
}
END_TEST

START_TEST(a_parameter_is_never_empty)
{
    struct router *r = proa__router_new();

    ck_ok(add(r, "GET", "/a/{x}/b"));
    ck_assert_str_eq(led_to(r, "/a//b"), "404");
    ck_assert_str_eq(led_to(r, "/a/1/b"), "/a/{x}/b");
    proa__router_free(r);
}
END_TEST

/* HTTP-REQ-09, HTTP-RESP-15 */
START_TEST(another_method_is_405_with_what_is_allowed)
{
    struct router *r = proa__router_new();
    struct router_match m;

    ck_ok(add(r, "GET", "/x"));
    ck_ok(add(r, "POST", "/x"));
    ck_ok(add(r, "DELETE", "/{any}"));
    ck_assert_int_eq(find(r, "PUT", "/x", &m), 405);
    ck_str_eq(m.allow, "GET, HEAD, POST, DELETE");
    ck_assert_int_eq(find(r, "HEAD", "/x", &m), 200);
    ck_str_eq(m.route->method, "GET");
    ck_assert_int_eq(find(r, "DELETE", "/x", &m), 200);
    ck_str_eq(m.route->pattern, "/{any}");
    proa__router_free(r);
}
END_TEST

START_TEST(a_path_begins_with_a_slash)
{
    struct router *r = proa__router_new();

    ck_ok(add(r, "GET", "/"));
    ck_ok(add(r, "GET", "/x"));
    ck_assert_str_eq(led_to(r, "/x"), "/x");
    ck_assert_str_eq(led_to(r, ""), "404");
    ck_assert_str_eq(led_to(r, "xx"), "404");
    ck_assert_str_eq(led_to(r, "*"), "404");
    proa__router_free(r);
}
END_TEST

START_TEST(star_takes_what_no_other_route_takes)
{
    struct router *r = proa__router_new();
    struct router_match m;

    ck_ok(add(r, "*", "/x"));
    ck_ok(add(r, "GET", "/x"));
    ck_assert_int_eq(find(r, "PATCH", "/x", &m), 200);
    ck_str_eq(m.route->method, "*");
    ck_assert_int_eq(find(r, "GET", "/x", &m), 200);
    ck_str_eq(m.route->method, "GET");
    proa__router_free(r);
}
END_TEST

START_TEST(bad_patterns_are_told)
{
    struct router *r = proa__router_new();
    static const char *const bad[] = {"",      "x",         "/a{x}",    "/{x}b", "/{}",
                                      "/{1x}", "/{x...}/y", "/{a}/{a}", "/{a-b}"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_err(add(r, "GET", bad[i]), PROA_EROUTE);
    ck_ok(add(r, "GET", "/{a}"));
    ck_err(add(r, "GET", "/{b}"), PROA_EROUTE);
    ck_assert_str_eq(proa_err_detail(PROA_EROUTE), "route GET /{b} was added before, as /{a}");
    proa__router_free(r);
}
END_TEST

START_TEST(sixteen_parameters_and_no_more)
{
    struct router *r = proa__router_new();
    char pattern[256] = "";

    for (int i = 0; i < ROUTE_PARAMS_MAX; i++)
        snprintf(pattern + strlen(pattern), sizeof pattern - strlen(pattern), "/{p%d}", i);
    ck_ok(add(r, "GET", pattern));
    snprintf(pattern + strlen(pattern), sizeof pattern - strlen(pattern), "/{q}");
    ck_err(add(r, "GET", pattern), PROA_EROUTE);
    proa__router_free(r);
}
END_TEST

/* HTTP-ROUTE-01: the path of deepest back-tracking costs no more than the tree has nodes. */
START_TEST(matching_is_linear_in_the_tree)
{
    struct router *r = proa__router_new();
    char path[64] = "";

    for (unsigned mask = 0; mask < 1024; mask++) {
        char pattern[128] = "";
        for (int bit = 0; bit < 10; bit++)
            snprintf(pattern + strlen(pattern), sizeof pattern - strlen(pattern),
                     mask >> bit & 1 ? "/a" : "/{p%d}", bit);
        ck_ok(add(r, "GET", strcat(pattern, "/end")));
    }
    for (int i = 0; i < 10; i++)
        strcat(path, "/a");
    strcat(path, "/no");
    for (int i = 0; i < 1000; i++)
        ck_assert_str_eq(led_to(r, path), "404");
    proa__router_free(r);
}
END_TEST

static int build_and_find(void *arg)
{
    struct router *r = proa__router_new();
    struct router_match m;
    struct arena own;
    int rc = r ? 0 : PROA_ENOMEM;

    (void)arg;
    proa__arena_init(&own, NULL, 0);
    if (rc == 0)
        rc = add(r, "GET", "/a/{b}/{c...}");
    if (rc == 0)
        rc = proa__router_find(r, PROA_STR("PUT"), PROA_STR("/a/%20/x%20/y"), &own, &m);
    proa__arena_fini(&own);
    proa__router_free(r);
    return rc == 405 ? 0 : rc;
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(build_and_find, NULL);
}
END_TEST

int main(void)
{
    static char room[65536];

    proa__arena_init(&arena, room, sizeof room);
    return t_main("router",
                  (const TTest *const[]){
                      literal_beats_parameter_beats_rest, parameters_have_their_route_s_names,
                      escapes_are_decoded_within_segments, bad_escapes_nul_and_bad_utf8_are_400,
                      rest_takes_slashes_and_may_be_empty, a_parameter_is_never_empty,
                      another_method_is_405_with_what_is_allowed, a_path_begins_with_a_slash,
                      star_takes_what_no_other_route_takes, bad_patterns_are_told,
                      sixteen_parameters_and_no_more, matching_is_linear_in_the_tree,
                      each_allocation_may_fail, NULL});
}
