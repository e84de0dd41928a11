#include "http/authority.h"
#include "support/test.h"

#include <proa/url.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A URL and its canonical text. */
static const struct {
    const char *text;
    const char *canonical;
} good[] = {
    {"http://a", "http://a/"},
    {"HTTP://EXAMPLE.org/", "http://example.org/"},
    {"http://a?x", "http://a/?x"},
    {"http://a#x", "http://a/#x"},
    {"http://a:80/", "http://a/"},
    {"http://a:/", "http://a/"},
    {"https://a:443/", "https://a/"},
    {"https://a:80/", "https://a:80/"},
    {"ws://a:80", "ws://a/"},
    {"wss://a:443", "wss://a/"},
    {"http://a:1/", "http://a:1/"},
    {"http://a:65535/", "http://a:65535/"},
    {"http://a:00080/", "http://a/"},
    {"http://u:p@a/b", "http://a/b"},
    {"http://[::1]:8080/", "http://[::1]:8080/"},
    {"http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"},
    {"http://[2001:DB8::0:1]/", "http://[2001:db8::1]/"},
    {"http://[::FFFF:1.2.3.4]/", "http://[::ffff:1.2.3.4]/"},
    {"http://[fe80::1%25eth0]/", "http://[fe80::1]/"},
    {"http://[fe80::1%25abcdefghijklmno]:81/", "http://[fe80::1]:81/"},
    {"http://192.0.2.1/", "http://192.0.2.1/"},
    {"http://0.0.0.0/", "http://0.0.0.0/"},
    {"http://255.255.255.255/", "http://255.255.255.255/"},
    {"http://a.b.c./", "http://a.b.c./"},
    {"http://a_b-c.1a/", "http://a_b-c.1a/"},
    {"http://1.2.3.4.example/", "http://1.2.3.4.example/"},
    {"http://0x7f.example/", "http://0x7f.example/"},
    {"http://0xg/", "http://0xg/"},
    {"http://a/%7Efoo/%7efoo", "http://a/%7Efoo/%7efoo"},
    {"http://a/%2e%2e/%2F", "http://a/%2e%2e/%2F"},
    {"http://a/b/../c/./d/..", "http://a/c/"},
    {"http://a/../../x", "http://a/x"},
    {"http://a/.", "http://a/"},
    {"http://a/..", "http://a/"},
    {"http://a//b///c", "http://a//b///c"},
    {"http://a//..//b", "http://a//b"},
    {"http://a/...", "http://a/..."},
    {"http://a/.b/..c/d.", "http://a/.b/..c/d."},
    {"http://a/?", "http://a/?"},
    {"http://a/#", "http://a/#"},
    {"http://a/?#", "http://a/?#"},
    {"http://a/?b?c/../d", "http://a/?b?c/../d"},
    {"http://a/#b?c#d", "http://a/#b?c%23d"},
    {"http://a/b;c=d,e!f$g&h'i(j)k*l+m", "http://a/b;c=d,e!f$g&h'i(j)k*l+m"},
    {"http://a/\xc3\xa9?\xc3\xa9#\xff", "http://a/%C3%A9?%C3%A9#%FF"},
    {"http://a/\"<>^`{|}?[]\"", "http://a/%22%3C%3E%5E%60%7B%7C%7D?%5B%5D%22"},
    {"mailto:a@b.c?subject=x", "mailto:a@b.c?subject=x"},
    {"urn:a:b/../c", "urn:a:b/../c"},
    {"file:///etc/../x", "file:///x"},
    {"ftp://a", "ftp://a"},
    {"ftp://a:21/x", "ftp://a:21/x"},
    {"a+b-c.1://h/p", "a+b-c.1://h/p"},
};

START_TEST(good_url)
{
    struct proa_url url;

    ck_ok(proa_url_parse(&url, t_unreadable_str(good[_i].text)));
    ck_str_eq(url.text, good[_i].canonical);
    ck_assert_int_eq(url.text.p[url.text.n], '\0');

    struct proa_url again;
    ck_ok(proa_url_parse(&again, url.text));
    ck_str_eq(again.text, good[_i].canonical);
    proa_url_fini(&again);
    proa_url_fini(&url);
}
END_TEST

static const char *const bad[] = {
    "",
    "http",
    "http:",
    "http:/",
    "http://",
    "http:///",
    "http:///x",
    "http:a",
    "http://:80/",
    "http://u@/",
    "//a/b",
    "/a",
    "a",
    "1http://a/",
    "ht tp://a/",
    ":",
    "://a",
    " http://a/",
    "http://a/ ",
    "http://a/ b",
    "http://a/\tb",
    "http://a/\nb",
    "http://a/\rb",
    "http://a/\x01",
    "http://a/\x7f",
    "http://a/b\\c",
    "http:\\\\a\\b",
    "http://a\\@b/",
    "http://a b/",
    "http://a/%",
    "http://a/%4",
    "http://a/%zz",
    "http://a/?%g0",
    "http://a/#%0g",
    "http://u%@a/",
    "http://a%2fb/",
    "http://a%40b/",
    "http://%61/",
    "http://a%00/",
    "http://a,b/",
    "http://a;b/",
    "http://a!b/",
    "http://a|b/",
    "http://a<b/",
    "http://a\"b/",
    "http://a{b}/",
    "http://a^b/",
    "http://a`b/",
    "http://a~b/",
    "http://a@b@c/",
    "http://u[@a/",
    "http://u\xc3\xa9@a/",
    "http://a..b/",
    "http://.a/",
    "http://a../",
    "http://./",
    "http://../",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0X7F/",
    "http://0x/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.1./",
    "http://1.2.3.256/",
    "http://1.2.3.4.5/",
    "http://1.2.3/",
    "http://1.2.3.0x4/",
    "http://1..2.3/",
    "http://a.1/",
    "http://a:0/",
    "http://a:65536/",
    "http://a:100000/",
    "http://a:000080/",
    "http://a:+80/",
    "http://a:-1/",
    "http://a:8o/",
    "http://a:80:80/",
    "http://a:\xd9\xa5/",
    "http://::1/",
    "http://[::1/",
    "http://::1]/",
    "http://[]/",
    "http://[",
    "http://]",
    "http://[::1]x/",
    "http://[::1]x:80/",
    "http://[::1]80/",
    "http://[[::1]]/",
    "http://[::1]]/",
    "http://[1.2.3.4]/",
    "http://[a]/",
    "http://[v1.x]/",
    "http://[V1.x]/",
    "http://[:::]/",
    "http://[1:2:3:4:5:6:7]/",
    "http://[1:2:3:4:5:6:7:8:9]/",
    "http://[::12345]/",
    "http://[::1%]/",
    "http://[::1%25]/",
    "http://[::1%2f]/",
    "http://[::1%eth0]/",
    "http://[::1%ab]/",
    "http://[::1%25a%2fb]/",
    "http://[%25a]/",
    "http://[::1%a%b]/",
    "http://[::1%25abcdefghijklmnop]/",
    "http://[ ::1]/",
    "a:/..//b",
    "a:/.//b",
    "http://\xc0\xaf/",
};

START_TEST(bad_url)
{
    struct proa_url url = {.port = 4711};

    ck_err(proa_url_parse(&url, t_unreadable_str(bad[_i])), PROA_EURL);
    ck_assert_uint_eq(url.port, 4711);
}
END_TEST

START_TEST(a_url_has_all_its_parts)
{
    struct proa_url url;

    ck_ok(proa_url_parse(
        &url, PROA_STR("HTTPS://us%65r:p%40ss@[FE80::1%25eth0]:8443/a/b%20c?x=1&y#top")));
    ck_str_eq(url.scheme, "https");
    ck_str_eq(url.user, "us%65r");
    ck_str_eq(url.password, "p%40ss");
    ck_str_eq(url.host, "fe80::1");
    ck_str_eq(url.zone, "eth0");
    ck_str_eq(url.authority, "[fe80::1]:8443");
    ck_str_eq(url.path, "/a/b%20c");
    ck_str_eq(url.query, "x=1&y");
    ck_str_eq(url.fragment, "top");
    ck_str_eq(url.target, "/a/b%20c?x=1&y");
    ck_str_eq(url.text, "https://[fe80::1]:8443/a/b%20c?x=1&y#top");
    ck_assert_uint_eq(url.port, 8443);
    ck_assert(url.is_ip);
    ck_assert(url.secure);
    proa_url_fini(&url);
    ck_assert_ptr_null(url.text.p);
}
END_TEST

START_TEST(absent_parts_are_not_empty_ones)
{
    struct proa_url url;

    ck_ok(proa_url_parse(&url, PROA_STR("http://a")));
    ck_assert_ptr_null(url.query.p);
    ck_assert_ptr_null(url.fragment.p);
    ck_assert_ptr_null(url.user.p);
    ck_assert_ptr_null(url.password.p);
    ck_assert_ptr_null(url.zone.p);
    ck_assert_uint_eq(url.port, 80);
    ck_assert(!url.is_ip);
    ck_assert(!url.secure);
    ck_str_eq(url.target, "/");
    proa_url_fini(&url);

    ck_ok(proa_url_parse(&url, PROA_STR("http://:@a?#")));
    ck_assert_ptr_nonnull(url.query.p);
    ck_assert_ptr_nonnull(url.fragment.p);
    ck_assert_ptr_nonnull(url.user.p);
    ck_assert_ptr_nonnull(url.password.p);
    ck_str_eq(url.target, "/?");
    proa_url_fini(&url);

    ck_ok(proa_url_parse(&url, PROA_STR("http://u@a")));
    ck_str_eq(url.user, "u");
    ck_assert_ptr_null(url.password.p);
    proa_url_fini(&url);

    ck_ok(proa_url_parse(&url, PROA_STR("mailto:x")));
    ck_assert_ptr_null(url.authority.p);
    ck_assert_uint_eq(url.port, 0);
    proa_url_fini(&url);
}
END_TEST

/* RFC 3986, 5.4.1 and 5.4.2, whole; base http://a/b/c/d;p?q */
static const struct {
    const char *reference;
    const char *target; /* NULL: refused, since http has no URL without a host */
} references[] = {
    {"g:h", "g:h"},
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g/"}, /* http's empty path is '/' */
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {"#s", "http://a/b/c/d;p?q#s"},
    {"g#s", "http://a/b/c/g#s"},
    {"g?y#s", "http://a/b/c/g?y#s"},
    {";x", "http://a/b/c/;x"},
    {"g;x", "http://a/b/c/g;x"},
    {"g;x?y#s", "http://a/b/c/g;x?y#s"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"./", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../", "http://a/"},
    {"../../g", "http://a/g"},
    {"../../../g", "http://a/g"},
    {"../../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"/../g", "http://a/g"},
    {"g.", "http://a/b/c/g."},
    {".g", "http://a/b/c/.g"},
    {"g..", "http://a/b/c/g.."},
    {"..g", "http://a/b/c/..g"},
    {"./../g", "http://a/b/g"},
    {"./g/.", "http://a/b/c/g/"},
    {"g/./h", "http://a/b/c/g/h"},
    {"g/../h", "http://a/b/c/h"},
    {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
    {"g;x=1/../y", "http://a/b/c/y"},
    {"g?y/./x", "http://a/b/c/g?y/./x"},
    {"g?y/../x", "http://a/b/c/g?y/../x"},
    {"g#s/./x", "http://a/b/c/g#s/./x"},
    {"g#s/../x", "http://a/b/c/g#s/../x"},
    {"http:g", NULL},
    /* and some of our own */
    {"?", "http://a/b/c/d;p?"},
    {"g?", "http://a/b/c/g?"},
    {"//u:p@G:81/x", "http://g:81/x"},
    {"https://h", "https://h/"},
    {"/\xc3\xa9", "http://a/%C3%A9"},
    {"a:b", "a:b"},
    {"./a:b", "http://a/b/c/a:b"},
    {"//", NULL},
    {"///x", NULL},
    {"/a b", NULL},
    {"/\r\nSet-Cookie: x", NULL},
    {"\\\\h\\x", NULL},
    {"/%", NULL},
};

START_TEST(reference)
{
    struct proa_url base;
    struct proa_url url = {0};

    ck_ok(proa_url_parse(&base, PROA_STR("http://a/b/c/d;p?q")));
    int rc = proa_url_resolve(&url, &base, t_unreadable_str(references[_i].reference));
    if (references[_i].target) {
        ck_assert_int_eq(rc, 0);
        ck_str_eq(url.text, references[_i].target);
    } else {
        ck_assert_int_eq(rc, PROA_EURL);
    }
    proa_url_fini(&url);
    proa_url_fini(&base);
}
END_TEST

START_TEST(credentials_stay_with_their_authority)
{
    struct proa_url base;
    struct proa_url url;

    ck_ok(proa_url_parse(&base, PROA_STR("https://u:p@[fe80::1%25eth0]:81/x")));
    ck_ok(proa_url_resolve(&url, &base, PROA_STR("/y")));
    ck_str_eq(url.text, "https://[fe80::1]:81/y");
    ck_str_eq(url.user, "u");
    ck_str_eq(url.password, "p");
    ck_str_eq(url.zone, "eth0");
    ck_assert(url.is_ip);
    ck_assert(proa_url_same_origin(&base, &url));
    proa_url_fini(&url);

    ck_ok(proa_url_resolve(&url, &base, PROA_STR("//other/y")));
    ck_assert_ptr_null(url.user.p);
    ck_assert_ptr_null(url.password.p);
    ck_assert_ptr_null(url.zone.p);
    proa_url_fini(&url);
    proa_url_fini(&base);
}
END_TEST

static const struct {
    const char *a;
    const char *b;
    bool same;
} origins[] = {
    {"http://a/x", "HTTP://A:80/y?z", true},
    {"http://u@a/", "http://v@a/", true},
    {"http://a/", "https://a/", false},
    {"http://a/", "http://a:81/", false},
    {"http://a/", "https://a:80/", false},
    {"http://a/", "http://b/", false},
    {"http://a/", "http://a./", false},
    {"http://[::1]/", "http://[0::1]/", true},
    {"http://[fe80::1%251]/", "http://[fe80::1%252]/", false},
};

START_TEST(origin)
{
    struct proa_url a;
    struct proa_url b;

    ck_ok(proa_url_parse(&a, proa_str_from(origins[_i].a)));
    ck_ok(proa_url_parse(&b, proa_str_from(origins[_i].b)));
    ck_assert_int_eq(proa_url_same_origin(&a, &b), origins[_i].same);
    proa_url_fini(&a);
    proa_url_fini(&b);
}
END_TEST

/* Memory that lasts to the end of the test, which is a process of its own. */
static char *keep(size_t n)
{
    static struct kept {
        struct kept *next;
    } * all;
    struct kept *kept = malloc(sizeof *kept + n);

    ck_assert_ptr_nonnull(kept);
    kept->next = all;
    all = kept;
    return (char *)(kept + 1);
}

/* "http://a/xxx..." of n bytes. */
static struct proa_str long_url(size_t n, char fill)
{
    char *p = keep(n);

    memset(p, fill, n);
    memcpy(p, "http://a/", 9);
    return proa_str_make(p, n);
}

START_TEST(length_is_bounded)
{
    struct proa_url url;
    struct proa_url base;

    ck_ok(proa_url_parse(&url, long_url(PROA_URL_MAX, 'x')));
    ck_assert_uint_eq(url.text.n, PROA_URL_MAX);
    proa_url_fini(&url);
    ck_err(proa_url_parse(&url, long_url(PROA_URL_MAX + 1, 'x')), PROA_EMSGSIZE);

    /* what grows by encoding counts as it came out */
    ck_ok(proa_url_parse(&url, long_url(9 + (PROA_URL_MAX - 9) / 3, '|')));
    proa_url_fini(&url);
    ck_err(proa_url_parse(&url, long_url(10 + (PROA_URL_MAX - 9) / 3, '|')), PROA_EMSGSIZE);

    struct proa_str longest = long_url(PROA_URL_MAX, 'x');
    ((char *)longest.p)[longest.n - 1] = '/';
    ck_ok(proa_url_parse(&base, longest));
    ck_err(proa_url_resolve(&url, &base, PROA_STR("y")), PROA_EMSGSIZE);
    ck_ok(proa_url_resolve(&url, &base, PROA_STR("../y")));
    proa_url_fini(&url);
    proa_url_fini(&base);
}
END_TEST

static void check_host(size_t label, size_t labels, size_t more, bool ok)
{
    char text[400];
    size_t n = 0;

    for (size_t i = 0; i < labels; i++) {
        memset(text + n, 'a', label);
        n += label;
        text[n++] = '.';
    }
    memset(text + n, 'b', more);
    n += more;

    struct host host;
    int rc = proa__host_parse(&host, proa_str_make(text, n));
    ck_assert_int_eq(rc, ok ? 0 : PROA_EURL);
}

START_TEST(hosts_and_labels_are_bounded)
{
    check_host(63, 1, 3, true);
    check_host(64, 1, 3, false);
    check_host(63, 3, 61, true); /* 253 bytes */
    check_host(63, 3, 62, false);
    check_host(62, 4, 1, true);
    check_host(62, 4, 2, false);
}
END_TEST

/* Ten thousand ".." after ten thousand names: quadratic work would show as seconds. */
START_TEST(dots_are_removed_in_linear_time)
{
    size_t names = 20000;
    struct proa_str text = long_url(9 + names * 3, 'x');
    struct proa_url url;

    for (size_t i = 0; i < names; i++)
        memcpy((char *)text.p + 9 + i * 3, i < names / 2 ? "/x/" : "../", 3);
    clock_t began = clock();
    for (int i = 0; i < 20; i++) {
        ck_ok(proa_url_parse(&url, text));
        proa_url_fini(&url);
    }
    ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 2);
}
END_TEST

static const struct {
    const char *text;
    bool ok;
} authorities[] = {
    {"a", true},      {"a:80", true},     {"a:", true},
    {"[::1]", true},  {"[::1]:80", true}, {"1.2.3.4:1", true},
    {"", false},      {":80", false},     {"a b", false},
    {"a/b", false},   {"u@a", false},     {"a,b", false},
    {"a\x01", false}, {"a:0", false},     {"a:65536", false},
    {"a:b", false},   {"::1", false},     {"[fe80::1%25eth0]", false},
    {"127.1", false}, {"a%2f", false},    {"caf\xc3\xa9", false},
    {"a#b", false},   {"a?b", false},
};

START_TEST(authority)
{
    int rc = proa__authority_check(t_unreadable_str(authorities[_i].text));
    ck_assert_int_eq(rc, authorities[_i].ok ? 0 : PROA_EURL);
}
END_TEST

START_TEST(international_hosts)
{
    struct proa_url url;
    int rc = proa_url_parse(&url, PROA_STR("http://B\xc3\xbc"
                                           "cher.example/"));

#ifdef HAVE_LIBIDN2
    ck_assert_int_eq(rc, 0);
    ck_str_eq(url.host, "xn--bcher-kva.example");
    proa_url_fini(&url);

    /* full-width digits and dots, a slash, a percent sign: what they map to is checked once more */
    ck_err(proa_url_parse(&url, PROA_STR("http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1/")),
           PROA_EURL);
    ck_err(proa_url_parse(&url, PROA_STR("http://a\xef\xbc\x8f"
                                         "b/")),
           PROA_EURL);
    ck_err(proa_url_parse(&url, PROA_STR("http://a\xef\xbc\x85"
                                         "41/")),
           PROA_EURL);
    ck_ok(proa_url_parse(&url, PROA_STR("http://a\xe3\x80\x82"
                                        "b/"))); /* ideographic full stop */
    ck_str_eq(url.host, "a.b");
    proa_url_fini(&url);
#else
    ck_assert_int_eq(rc, PROA_EURL);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EURL), "libidn2"));
#endif
}
END_TEST

static int make_urls(void *arg)
{
    struct proa_url base = {0};
    struct proa_url url = {0};

    (void)arg;
    int rc = proa_url_parse(&base, PROA_STR("http://u:p@a/b?c=d&e"));
    if (rc == 0)
        rc = proa_url_resolve(&url, &base, PROA_STR("../x?y=z"));
    proa_url_fini(&url);
    proa_url_fini(&base);
    return rc;
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(make_urls, NULL);
}
END_TEST

#define N(table) (int)(sizeof table / sizeof table[0])

int main(void)
{
    return t_main_tables(
        "url",
        (const TTest *const[]){a_url_has_all_its_parts, absent_parts_are_not_empty_ones,
                               credentials_stay_with_their_authority, length_is_bounded,
                               hosts_and_labels_are_bounded, dots_are_removed_in_linear_time,
                               international_hosts, each_allocation_may_fail, NULL},
        (const struct t_table[]){{good_url, N(good)},
                                 {bad_url, N(bad)},
                                 {reference, N(references)},
                                 {origin, N(origins)},
                                 {authority, N(authorities)},
                                 {NULL, 0}});
}
