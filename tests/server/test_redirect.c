#include "served.h"

#include <stdio.h>
#include <string.h>

/* Redirects. HTTP-RESP-13 */

static int status;
static const char *location;
static int made_rc;

static int goes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    made_rc = proa_response_redirect(resp, status, location);
    return made_rc;
}

/* The path that was asked for, decoded, becomes the target: what programs do that add a slash. */
static int slashes(struct proa_request *req, struct proa_response *resp, void *arg)
{
    char *to = proa_request_alloc(req, 1024);

    (void)arg;
    snprintf(to, 1024, "/%.*s/", PROA_PRI(proa_request_param(req, "path")));
    return proa_response_redirect(resp, 301, to);
}

static int started(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, NULL));
    ck_err(proa_response_redirect(resp, 302, "/x"), PROA_EINVAL);
    return 0;
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/goes", goes, NULL);
    proa_app_get(app, "/dir/{path...}", slashes, NULL);
    proa_app_get(app, "/started", started, NULL);
    status = 302;
    return app;
}

#define SERVED(name) SERVED_TEST(name, make_app)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/* The Location that comes of `to`; it must be one line of a 302. */
static const char *leads(struct proa_server *server, const char *to)
{
    static char text[512];

    location = to;
    const char *answer = ask(server, GET("/goes"));
    ck_assert_msg(status_of(answer) == 302, "%s: %s", to, answer);
    ck_assert_int_eq(fields_of(answer, "Location"), 1);
    snprintf(text, sizeof text, "%.*s", PROA_PRI(field_of(answer, "Location")));
    return text;
}

SERVED(five_statuses_redirect)
{
    static const int good[] = {301, 302, 303, 307, 308};

    location = "/there";
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        status = good[i];
        const char *answer = ask(server, GET("/goes"));
        ck_assert_int_eq(status_of(answer), good[i]);
        ck_str_eq(field_of(answer, "Location"), "/there");
        ck_str_eq(field_of(answer, "Content-Length"), "0");
    }
}

SERVED(other_statuses_do_not)
{
    static const int bad[] = {200, 300, 304, 305, 306, 309, 400, 0, -301};

    log_keep();
    location = "/there";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        status = bad[i];
        ck_assert_int_eq(status_of(ask(server, GET("/goes"))), 500);
        ck_err(made_rc, PROA_EINVAL);
    }
    ck_assert_ptr_nonnull(strstr(log_kept(), "309 is no redirect"));
}

SERVED(a_line_end_is_encoded)
{
    ck_assert_str_eq(leads(server, "/a\r\nSet-Cookie: b=1\r\n\r\n<html>"),
                     "/a%0D%0ASet-Cookie:%20b=1%0D%0A%0D%0A%3Chtml%3E");
    ck_assert_str_eq(leads(server, "/a\tb\x7f\x01"), "/a%09b%7F%01");
}

SERVED(what_is_not_ascii_is_encoded)
{
    ck_assert_str_eq(leads(server, "/caf\xc3\xa9?q=\xc3\xa9#\xc3\xa9"),
                     "/caf%C3%A9?q=%C3%A9#%C3%A9");
    ck_assert_str_eq(leads(server, "/a b\"c\\d"), "/a%20b%22c%5Cd");
}

SERVED(what_is_encoded_stays_so)
{
    ck_assert_str_eq(leads(server, "/a%20b%2Fc?x=%26"), "/a%20b%2Fc?x=%26");
    ck_assert_str_eq(leads(server, "/100%"), "/100%25");
    ck_assert_str_eq(leads(server, "/a#b#c"), "/a#b%23c");
}

SERVED(an_absolute_url_stays_whole)
{
    ck_assert_str_eq(leads(server, "https://u@host.example:8443/p;a=1?x=y&z=1#top"),
                     "https://u@host.example:8443/p;a=1?x=y&z=1#top");
    ck_assert_str_eq(leads(server, "?page=2"), "?page=2");
    ck_assert_str_eq(leads(server, "next/page"), "next/page");
}

/* The brackets of an IPv6 address are its host's; elsewhere they are encoded. */
SERVED(an_ipv6_host_keeps_its_brackets)
{
    ck_assert_str_eq(leads(server, "http://[::1]:8080/a[0]?b[1]"),
                     "http://[::1]:8080/a%5B0%5D?b%5B1%5D");
    ck_assert_str_eq(leads(server, "http://[::1]"), "http://[::1]");
    ck_assert_str_eq(leads(server, "http://[::1]?[x]"), "http://[::1]?%5Bx%5D");
    ck_assert_str_eq(leads(server, "/a?to=http://[::1]/"), "/a?to=http://%5B::1%5D/");
}

SERVED(another_host_without_a_scheme_is_refused)
{
    static const char *const bad[] = {"//evil.example", "//evil.example/x", "/\\evil.example",
                                      "//"};

    log_keep();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        location = bad[i];
        ck_assert_int_eq(status_of(ask(server, GET("/goes"))), 500);
        ck_err(made_rc, PROA_EINVAL);
    }
    ck_assert_ptr_nonnull(strstr(log_kept(), "would leave this host"));
}

/* H02: "GET //evil.example" of a server that adds slashes. */
SERVED(a_path_of_the_client_s_cannot_lead_elsewhere)
{
    static const char *const paths[] = {GET("/dir//evil.example"), GET("/dir/%2Fevil.example"),
                                        GET("/dir/%5Cevil.example")};

    log_keep();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *answer = ask(server, paths[i]);
        ck_assert_int_eq(status_of(answer), 500);
        ck_assert_int_eq(fields_of(answer, "Location"), 0);
    }
    ck_str_eq(field_of(ask(server, GET("/dir/a%0d%0aX:%201")), "Location"), "/a%0D%0AX:%201/");
}

SERVED(a_streamed_response_cannot_redirect_any_more)
{
    log_keep();
    ask(server, GET("/started"));
    ck_err(heard_end(), PROA_ECONNRESET);
}

int main(void)
{
    return t_main("redirect",
                  (const TTest *const[]){five_statuses_redirect, other_statuses_do_not,
                                         a_line_end_is_encoded, what_is_not_ascii_is_encoded,
                                         what_is_encoded_stays_so, an_absolute_url_stays_whole,
                                         an_ipv6_host_keeps_its_brackets,
                                         another_host_without_a_scheme_is_refused,
                                         a_path_of_the_client_s_cannot_lead_elsewhere,
                                         a_streamed_response_cannot_redirect_any_more, NULL});
}
