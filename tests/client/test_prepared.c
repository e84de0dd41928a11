#include "client/connection.h"
#include "scripted.h"

/* What a prepared request says on the wire. */
static struct proa_str text_of(const struct proa_prepared *p)
{
    return proa_str_make(p->bytes, p->n);
}

START_TEST(a_request_is_rendered_once_and_whole)
{
    PROA_AUTO(proa_headers) headers = {0};
    PROA_AUTO(proa_prepared) *p = NULL;

    proa_headers_add(&headers, "Accept", "text/html");
    proa_headers_add(&headers, "User-Agent", "test");
    ck_ok(proa_prepared_new(&p, "POST", "http://User:pw@Example.org:8080/a/../b?c=d#top", &headers,
                            PROA_STR("hello")));
    ck_str_eq(text_of(p), "POST /b?c=d HTTP/1.1\r\nHost: example.org:8080\r\nAccept: text/html\r\n"
                          "User-Agent: test\r\nContent-Length: 5\r\n\r\nhello");
    ck_assert_uint_eq(proa_prepared_size(p), p->n);
}
END_TEST

START_TEST(a_request_has_accept_and_user_agent_unless_given)
{
    PROA_AUTO(proa_prepared) *p = NULL;

    ck_ok(proa_prepared_new(&p, "GET", "https://h", NULL, PROA_STR("")));
    ck_str_eq(text_of(p),
              "GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nUser-Agent: proa/0.1.0\r\n\r\n");
}
END_TEST

/* HTTP-FRAME-27 */
START_TEST(an_empty_body_is_announced_where_one_is_usual)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", "GET", "HEAD", "DELETE"};

    for (int i = 0; i < 6; i++) {
        PROA_AUTO(proa_prepared) *p = NULL;
        ck_ok(proa_prepared_new(&p, methods[i], "http://h/", NULL, PROA_STR("")));
        bool says = memmem(p->bytes, p->n, "Content-Length: 0", 17) != NULL;
        ck_assert_int_eq(says, i < 3);
    }
}
END_TEST

static int try_prepared(const char *method, const char *url, const char *name, const char *value)
{
    PROA_AUTO(proa_headers) headers = {0};
    PROA_AUTO(proa_prepared) *p = NULL;

    if (name)
        proa_headers_add(&headers, name, value);
    return proa_prepared_new(&p, method, url, &headers, PROA_STR(""));
}

START_TEST(what_cannot_be_sent_is_refused)
{
    ck_ok(try_prepared("GET", "http://h/", NULL, NULL));
    ck_err(try_prepared("GET", "h/", NULL, NULL), PROA_EURL);
    ck_err(try_prepared("GET", "ftp://h/", NULL, NULL), PROA_EURL);
    ck_err(try_prepared("G T", "http://h/", NULL, NULL), PROA_ESTARTLINE);
    ck_err(try_prepared("", "http://h/", NULL, NULL), PROA_ESTARTLINE);
    ck_err(try_prepared("CONNECT", "http://h/", NULL, NULL), PROA_ESTARTLINE);
    ck_err(try_prepared("GET", "http://h/", "X", "a\r\nB: c"), PROA_EHEADER);
    ck_err(try_prepared("GET", "http://h/", "X Y", "a"), PROA_EHEADER);
    ck_err(try_prepared("GET", "http://h/", "Content-Length", "3"), PROA_EHEADER);
    ck_err(try_prepared("GET", "http://h/", "Transfer-Encoding", "chunked"), PROA_EHEADER);
}
END_TEST

static int prepare(void *arg)
{
    (void)arg;
    return try_prepared("GET", "http://h/", "X", "y");
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(prepare, NULL);
    proa_prepared_free(NULL);
}
END_TEST

int main(void)
{
    return t_main("prepared", (const TTest *const[]){
                                  a_request_is_rendered_once_and_whole,
                                  a_request_has_accept_and_user_agent_unless_given,
                                  an_empty_body_is_announced_where_one_is_usual,
                                  what_cannot_be_sent_is_refused, each_allocation_may_fail, NULL});
}
