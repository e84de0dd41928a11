#include "scripted.h"

#include <proa/scope.h>
#include <proa/task.h>

#include <stdio.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define TO(status, location)                                                                       \
    "HTTP/1.1 " status " Moved\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"

static bool heard(size_t i, const char *text)
{
    ck_assert_uint_lt(i, peer.n_heard);
    return strstr(peer.heard[i].head, text) != NULL;
}

/* ---- method and body */

static const struct {
    const char *status, *method, *then;
    bool body;
} methods[] = {
    {"301", "GET", "GET", true},     {"302", "GET", "GET", true},
    {"303", "GET", "GET", false},    {"307", "GET", "GET", true},
    {"308", "GET", "GET", true},     {"301", "POST", "GET", false},
    {"302", "POST", "GET", false},   {"303", "POST", "GET", false},
    {"307", "POST", "POST", true},   {"308", "POST", "POST", true},
    {"301", "PUT", "PUT", true},     {"302", "PUT", "PUT", true},
    {"303", "PUT", "GET", false},    {"307", "PATCH", "PATCH", true},
    {"303", "DELETE", "GET", false}, {"302", "DELETE", "DELETE", true},
};

static int which;

static void method_body(void)
{
    static const char *const of_body[] = {"Content-Type",     "Content-Encoding",
                                          "Content-Language", "Content-Location",
                                          "Content-Digest",   "Content-Length"};
    PROA_AUTO(proa_headers) headers = {0};
    char redirect[100], line[40];

    for (int i = 1; i < 5; i++)
        proa_headers_add(&headers, of_body[i], "identity");
    proa_headers_add(&headers, "X-Other", "stays");
    snprintf(redirect, sizeof redirect, TO("%s", "/b"), methods[which].status);
    OPEN_SESSION(0);
    PLAY({.says = redirect}, {.says = OK});
    const struct got *got = fetch(methods[which].method, "http://h/a",
                                  PROA_FETCH_OPTS(.headers = &headers, .body = PROA_STR("hello"),
                                                  .content_type = "text/plain"));
    ck_got(got, 200, "ok");
    ck_assert_int_eq(got->redirects, 1);
    ck_assert_str_eq(got->url, "http://h/b");
    snprintf(line, sizeof line, "%s /b HTTP/1.1\r\n", methods[which].then);
    ck_assert(heard(1, line));
    ck_assert_uint_eq(peer.heard[1].body_n, methods[which].body ? 5 : 0);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(heard(1, of_body[i]), methods[which].body);
    ck_assert(heard(1, "X-Other: stays"));
}

/* HTTP-REDIR-01 .. 04, L22 */
START_TEST(a_redirect_keeps_or_changes_method_and_body)
{
    which = _i;
    t_run(scripted_frame, (void *)method_body);
}
END_TEST

SCRIPTED(a_head_stays_a_head)
{
    static const char *const says[] = {TO("301", "/b"), TO("302", "/b"), TO("303", "/b"),
                                       TO("307", "/b"), TO("308", "/b")};

    OPEN_SESSION(0);
    for (int i = 0; i < 5; i++) {
        PLAY({.says = says[i]}, {.says = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"});
        ck_got(fetch("HEAD", "http://h/a", NULL), 200, "");
        ck_assert(heard(1, "HEAD /b HTTP/1.1\r\n"));
    }
}

/* HTTP-REDIR-11 */
SCRIPTED(other_statuses_are_no_redirects)
{
    static const char *const says[] = {TO("300", "/b"),
                                       TO("305", "/b"),
                                       TO("306", "/b"),
                                       TO("201", "/b"),
                                       "HTTP/1.1 304 Not Modified\r\nLocation: /b\r\n\r\n",
                                       "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"};
    static const int statuses[] = {300, 305, 306, 201, 304, 302};

    OPEN_SESSION(0);
    for (int i = 0; i < 6; i++) {
        PLAY({.says = says[i]});
        ck_got(FETCH("http://h/a"), statuses[i], "");
    }
}

/* ---- where to */

static const struct {
    const char *location, *url; /* from http://h/a/b?c#top */
} places[] = {
    {"/x", "http://h/x#top"},
    {"x", "http://h/a/x#top"},
    {"../x?y#z", "http://h/x?y#z"},
    {"?q", "http://h/a/b?q#top"},
    {"//other/x", "http://other/x#top"},
    {"http://other:8080", "http://other:8080/#top"},
    {"http://other/#", "http://other/#"},
    {"/x%20y%2f", "http://h/x%20y%2f#top"}, /* U31 */
    {"http://user:secret@h/x", "http://h/x#top"},
};

static void place_body(void)
{
    char redirect[200];

    snprintf(redirect, sizeof redirect, TO("302", "%s"), places[which].location);
    OPEN_SESSION(0);
    PLAY({.says = redirect}, {.says = OK});
    const struct got *got = FETCH("http://h/a/b?c#top");
    ck_got(got, 200, "ok");
    ck_assert_str_eq(got->url, places[which].url);
    ck_assert(!heard(1, "Authorization")); /* HTTP-REDIR-10 */
    ck_assert(!heard(1, "Referer"));       /* HTTP-REDIR-12 */
    ck_assert(!heard(1, "#"));
}

/* HTTP-REDIR-07 */
START_TEST(a_location_is_resolved_and_takes_the_fragment_along)
{
    which = _i;
    t_run(scripted_frame, (void *)place_body);
}
END_TEST

/* HTTP-REDIR-07, 09 */
SCRIPTED(a_location_that_cannot_be_followed_is_refused)
{
    static const char *const says[] = {
        TO("302", "ftp://h/"),
        TO("302", "javascript:alert(1)"),
        TO("302", "file:///etc/passwd"),
        TO("302", "http://"),
        TO("302", "/a b"),
        TO("302", "http://h:99999/"),
        "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"};

    OPEN_SESSION(0);
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        PLAY({.says = says[i]});
        ck_err(FETCH("http://h/")->rc, PROA_EBADREDIRECT);
    }
    PLAY({.says = "HTTP/1.1 302 Found\r\nLocation: /a\001b\r\nContent-Length: 0\r\n\r\n"});
    ck_assert_int_lt(FETCH("http://h/")->rc, 0);
    settle();
    ck_assert_int_eq(peer.open, 0);
}

/* HTTP-REDIR-08 */
SCRIPTED(ten_redirects_are_followed_and_no_more)
{
    struct scene scenes[12];

    for (int i = 0; i < 12; i++)
        scenes[i] = (struct scene){.says = TO("302", "/again")};
    scenes[10].says = OK;
    OPEN_SESSION(0);
    play(scenes, 12);
    const struct got *got = FETCH("http://h/");
    ck_got(got, 200, "ok");
    ck_assert_int_eq(got->redirects, 10);
    ck_assert_int_eq(peer.opened, 1); /* over one connection */

    scenes[10].says = TO("302", "/again");
    play(scenes, 12);
    ck_err(FETCH("http://h/")->rc, PROA_ETOOMANYREDIRECTS);
    ck_assert_uint_eq(peer.n_heard, 11);
}

SCRIPTED(the_most_redirects_can_be_set)
{
    OPEN_SESSION(.max_redirects = 1);
    PLAY({.says = TO("302", "/a")}, {.says = TO("302", "/b")});
    ck_err(FETCH("http://h/")->rc, PROA_ETOOMANYREDIRECTS);
    PLAY({.says = TO("302", "/a")}, {.says = TO("302", "/b")}, {.says = OK});
    ck_got(FETCH("http://h/", .max_redirects = 2), 200, "ok");
    PLAY({.says = TO("302", "/a")});
    ck_got(FETCH("http://h/", .max_redirects = -1), 302, "");
    proa_session_free(session);
    OPEN_SESSION(.max_redirects = -1);
    PLAY({.says = TO("302", "/a")});
    ck_got(FETCH("http://h/"), 302, "");
}

/* ---- credentials: HTTP-REDIR-05, A33, A51, L14 */

static const struct {
    const char *location;
    bool same;
} origins[] = {
    {"/b", true},
    {"http://h/b", true},
    {"http://h:80/b", true},
    {"http://H/b", true},
    {"http://h:81/b", false},
    {"http://other/b", false},
    {"http://sub.h/b", false},
    {"//other", false},
};

static void credentials_body(void)
{
    PROA_AUTO(proa_headers) secret = {0};
    char redirect[200];

    proa_headers_add(&secret, "Authorization", "Bearer one");
    proa_headers_add(&secret, "AUTHORIZATION", "Bearer two");
    proa_headers_add(&secret, "Cookie", "three");
    proa_headers_add(&secret, "cookie", "four");
    proa_headers_add(&secret, "Proxy-Authorization", "five");
    proa_headers_add(&secret, "X-Public", "six");
    snprintf(redirect, sizeof redirect, TO("307", "%s"), origins[which].location);
    OPEN_SESSION(0);
    PLAY({.says = redirect}, {.says = TO("307", "http://h/home")}, {.says = OK});
    ck_got(FETCH("http://h/", .headers = &secret), 200, "ok");
    for (size_t i = 1; i < 3; i++) { /* they do not come back either */
        ck_assert_int_eq(heard(i, "Bearer one"), origins[which].same);
        ck_assert_int_eq(heard(i, "Bearer two"), origins[which].same);
        ck_assert_int_eq(heard(i, "three"), origins[which].same);
        ck_assert_int_eq(heard(i, "four"), origins[which].same);
        ck_assert_int_eq(heard(i, "five"), origins[which].same);
        ck_assert(heard(i, "six"));
    }
}

START_TEST(credentials_stay_with_their_origin)
{
    which = _i;
    t_run(scripted_frame, (void *)credentials_body);
}
END_TEST

SCRIPTED(basic_credentials_and_a_host_of_ones_own_stay_with_their_origin)
{
    PROA_AUTO(proa_headers) host = {0};

    proa_headers_add(&host, "Host", "virtual");
    OPEN_SESSION(0);
    for (int i = 0; i < 2; i++) {
        PLAY({.says = TO("302", "/b")}, {.says = TO("302", "http://other/")}, {.says = OK});
        ck_got(i ? FETCH("http://h/", .headers = &host, .basic_user = "u")
                 : FETCH("http://u@h/", .headers = &host),
               200, "ok");
        ck_assert(heard(1, "Authorization: Basic"));
        ck_assert(heard(1, "Host: virtual"));
        ck_assert(!heard(2, "Authorization"));
        ck_assert(heard(2, "Host: other"));
    }
}

/* Those of the session, too. */
SCRIPTED(credentials_of_the_session_stay_with_the_origin_asked_for)
{
    PROA_AUTO(proa_headers) secret = {0};

    proa_headers_add(&secret, "Authorization", "Bearer one");
    OPEN_SESSION(.headers = &secret);
    PLAY({.says = TO("302", "http://other/")}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert(heard(0, "Bearer one"));
    ck_assert(!heard(1, "Bearer one"));
}

/* ---- what becomes of the connection: HTTP-REDIR-08, A45 */

static char body_of_redirect[70000];

static const char *redirect_with(size_t n, size_t sent)
{
    int head = snprintf(body_of_redirect, sizeof body_of_redirect,
                        "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Encoding: gzip\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        n);
    memset(body_of_redirect + head, 'x', sent);
    body_of_redirect[(size_t)head + sent] = 0;
    return body_of_redirect;
}

SCRIPTED(a_small_body_of_a_redirect_is_read_undecoded_and_the_connection_kept)
{
    OPEN_SESSION(0);
    PLAY({.says = redirect_with(65536, 65536)}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
    PLAY({.says = redirect_with(65537, 0), .end = SCENE_SILENT}, {.says = OK});
    int64_t began = proa_now();
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
    ck_assert_int_eq(proa_now(), began);
}

SCRIPTED(a_body_of_a_redirect_that_does_not_end_costs_two_seconds)
{
    OPEN_SESSION(0);
    PLAY({.says = redirect_with(100, 50), .end = SCENE_SILENT}, {.says = OK});
    int64_t began = proa_now();
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(proa_now() - began, 2 * PROA_SEC);
    ck_assert_int_eq(peer.opened, 2);
}

SCRIPTED(an_endless_body_of_a_redirect_is_not_read_on)
{
    static char chunks[80000] = "HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n13880\r\n";

    memset(chunks + strlen(chunks), 'x', sizeof chunks - 1 - strlen(chunks));
    OPEN_SESSION(0);
    PLAY({.says = chunks, .end = SCENE_SILENT}, {.says = OK});
    int64_t began = proa_now();
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
    ck_assert_int_eq(proa_now(), began);
}

SCRIPTED(a_redirect_whose_body_is_short_is_followed_all_the_same)
{
    OPEN_SESSION(0);
    PLAY({.says = redirect_with(100, 50), .end = SCENE_FIN}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 2);
}

SCRIPTED(without_keep_alive_each_redirect_has_its_connection)
{
    OPEN_SESSION(.no_keepalive = true);
    PLAY({.says = TO("302", "/b")}, {.says = OK});
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert(heard(0, "Connection: close\r\n"));
    ck_assert_int_eq(peer.opened, 2);
}

int main(void)
{
    return t_main_tables(
        "redirect",
        (const TTest *const[]){a_head_stays_a_head, other_statuses_are_no_redirects,
                               a_location_that_cannot_be_followed_is_refused,
                               ten_redirects_are_followed_and_no_more,
                               the_most_redirects_can_be_set,
                               basic_credentials_and_a_host_of_ones_own_stay_with_their_origin,
                               credentials_of_the_session_stay_with_the_origin_asked_for,
                               a_small_body_of_a_redirect_is_read_undecoded_and_the_connection_kept,
                               a_body_of_a_redirect_that_does_not_end_costs_two_seconds,
                               an_endless_body_of_a_redirect_is_not_read_on,
                               a_redirect_whose_body_is_short_is_followed_all_the_same,
                               without_keep_alive_each_redirect_has_its_connection, NULL},
        (const struct t_table[]){
            {a_redirect_keeps_or_changes_method_and_body, sizeof methods / sizeof methods[0]},
            {a_location_is_resolved_and_takes_the_fragment_along, sizeof places / sizeof places[0]},
            {credentials_stay_with_their_origin, sizeof origins / sizeof origins[0]},
            {NULL, 0}});
}
