#include "scripted.h"

#include <proa/task.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Basic credentials: RFC 7617. */

static bool heard(const char *text)
{
    ck_assert_uint_ge(peer.n_heard, 1);
    return strstr(peer.heard[peer.n_heard - 1].head, text) != NULL;
}

static void ask(const char *url, const struct proa_fetch_opts *opts)
{
    PLAY({.says = OK});
    ck_got(fetch("GET", url, opts), 200, "ok");
}

/* HTTP-AUTH-01 */
SCRIPTED(credentials_are_sent_as_the_rfc_shows)
{
    OPEN_SESSION(0);
    ask("http://h/", PROA_FETCH_OPTS(.basic_user = "Aladdin", .basic_password = "open sesame"));
    ck_assert(heard("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    ask("http://h/", PROA_FETCH_OPTS(.basic_user = "test", .basic_password = "123\xc2\xa3"));
    ck_assert(heard("\r\nAuthorization: Basic dGVzdDoxMjPCow==\r\n"));
    ask("http://h/", PROA_FETCH_OPTS(.basic_user = "u"));
    ck_assert(heard("\r\nAuthorization: Basic dTo=\r\n"));
    ask("http://h/", PROA_FETCH_OPTS(.basic_user = "", .basic_password = "a:b"));
    ck_assert(heard("\r\nAuthorization: Basic OmE6Yg==\r\n"));
    ask("http://h/", NULL);
    ck_assert(!heard("Authorization"));
}

/* HTTP-AUTH-07 */
SCRIPTED(credentials_of_the_url_are_decoded_and_stay_out_of_it)
{
    OPEN_SESSION(0);
    ask("http://Alad%64in:open%20sesame@h/x", NULL);
    ck_assert(heard("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    ck_assert(heard("\r\nHost: h\r\n"));
    ck_assert(heard("GET /x HTTP/1.1\r\n"));
    ask("http://u@h/", NULL);
    ck_assert(heard("\r\nAuthorization: Basic dTo=\r\n"));
    ask("http://u:@h/", NULL);
    ck_assert(heard("\r\nAuthorization: Basic dTo=\r\n"));
}

SCRIPTED(credentials_of_the_base_go_to_its_origin_alone)
{
    OPEN_SESSION(.base_url = "http://u:p@h/api/");
    ask("x", NULL);
    ck_assert(heard("\r\nAuthorization: Basic dTpw\r\n"));
    ask("http://other/x", NULL);
    ck_assert(!heard("Authorization"));
}

SCRIPTED(what_cannot_be_credentials_is_refused)
{
    static const char *const urls[] = {"http://a%3Ab@h/", "http://a%0Ab@h/", "http://a:b%00c@h/",
                                       "http://a%7f@h/"};

    OPEN_SESSION(0);
    ck_err(FETCH("http://h/", .basic_user = "a:b")->rc, PROA_EINVAL);
    ck_err(FETCH("http://h/", .basic_user = "a\nb")->rc, PROA_EINVAL);
    ck_err(FETCH("http://h/", .basic_user = "a", .basic_password = "b\001")->rc, PROA_EINVAL);
    for (int i = 0; i < 4; i++)
        ck_err(FETCH(urls[i])->rc, PROA_EINVAL);
    ck_assert_int_eq(peer.opened, 0);
}

SCRIPTED(the_more_particular_word_counts)
{
    PROA_AUTO(proa_headers) session_says = {0};
    PROA_AUTO(proa_headers) call_says = {0};

    proa_headers_add(&session_says, "Authorization", "Bearer session");
    proa_headers_add(&call_says, "authorization", "Bearer call");
    OPEN_SESSION(.headers = &session_says);
    ask("http://h/", NULL);
    ck_assert(heard("Bearer session"));
    ask("http://u:p@h/", NULL);
    ck_assert(heard("Basic dTpw") && !heard("Bearer"));
    ask("http://u:p@h/", PROA_FETCH_OPTS(.headers = &call_says));
    ck_assert(heard("Bearer call") && !heard("Basic") && !heard("session"));
    ask("http://u:p@h/", PROA_FETCH_OPTS(.headers = &call_says, .basic_user = "v"));
    ck_assert(heard("Basic djo=") && !heard("Bearer") && !heard("dTpw"));
}

int main(void)
{
    return t_main("auth",
                  (const TTest *const[]){credentials_are_sent_as_the_rfc_shows,
                                         credentials_of_the_url_are_decoded_and_stay_out_of_it,
                                         credentials_of_the_base_go_to_its_origin_alone,
                                         what_cannot_be_credentials_is_refused,
                                         the_more_particular_word_counts, NULL});
}
