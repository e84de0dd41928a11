#include "support/test.h"

#include <proa/addr.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static char text[PROA_ADDR_TEXT];

static int parse(const char *from, struct proa_addr *ret)
{
    size_t n = strlen(from);

    return proa_addr_parse(ret, proa_str_make(t_unreadable(from, n), n), 80);
}

START_TEST(texts_are_read_and_written)
{
    static const char *const cases[][2] = {
        {"127.0.0.1:8080", "127.0.0.1:8080"},
        {"127.0.0.1", "127.0.0.1:80"},
        {":9", "0.0.0.0:9"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"1.2.3.4:65535", "1.2.3.4:65535"},
        {"[::1]:443", "[::1]:443"},
        {"[::1]", "[::1]:80"},
        {"::1", "[::1]:80"},
        {"2001:DB8::0:1", "[2001:db8::1]:80"},
        {"[::ffff:1.2.3.4]:5", "[::ffff:1.2.3.4]:5"},
        {"unix:/run/x.sock", "unix:/run/x.sock"},
        {"unix:@name", "unix:@name"},
        {"unix:a b\n", "unix:a\\x20b\\x0a"},
        {"[fe80::1%1]:7", "[fe80::1%lo]:7"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proa_addr addr;
        ck_ok(parse(cases[i][0], &addr));
        ck_assert_str_eq(proa_addr_format(&addr, text), cases[i][1]);
    }
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    static const char *const cases[] = {
        "",
        "localhost",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:000080",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[127.0.0.1]:1",
        "[]:1",
        "::g",
        "[fe80::1%]:1",
        "[fe80::1%nosuch0]:1",
        "unix:",
        "unix:@",
        ":",
        "1::2::3",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proa_addr addr = {.len = 7};
        ck_err(parse(cases[i], &addr), PROA_EADDRESS);
        ck_assert_uint_eq(addr.len, 7); /* untouched */
    }
}
END_TEST

START_TEST(a_zero_byte_is_refused_everywhere)
{
    struct proa_addr addr;

    ck_err(proa_addr_parse(&addr, PROA_STR("1.2.3.4\0:1"), 80), PROA_EADDRESS);
    ck_err(proa_addr_parse(&addr, PROA_STR("unix:/a\0b"), 80), PROA_EADDRESS);
}
END_TEST

START_TEST(ports_have_bounds)
{
    struct proa_addr addr;

    ck_ok(proa_addr_ip(&addr, "1.2.3.4", 65535));
    ck_assert_int_eq(proa_addr_port(&addr), 65535);
    ck_err(proa_addr_ip(&addr, "1.2.3.4", 65536), PROA_EINVAL);
    ck_err(proa_addr_ip(&addr, "1.2.3.4", -1), PROA_EINVAL);
    ck_err(proa_addr_parse(&addr, PROA_STR("1.2.3.4"), 65536), PROA_EINVAL);
    proa_addr_set_port(&addr, 81);
    ck_assert_int_eq(proa_addr_port(&addr), 81);
    ck_ok(proa_addr_unix(&addr, "/x"));
    proa_addr_set_port(&addr, 81);
    ck_assert_int_eq(proa_addr_port(&addr), -1);
}
END_TEST

START_TEST(a_unix_path_has_107_bytes_at_most)
{
    char path[109];
    struct proa_addr addr;

    memset(path, 'p', sizeof path);
    path[107] = '\0';
    ck_ok(proa_addr_unix(&addr, path));
    ck_assert_uint_eq(addr.len, sizeof(struct sockaddr_un));
    path[107] = 'p';
    path[108] = '\0';
    ck_err(proa_addr_unix(&addr, path), PROA_ENAMETOOLONG);
}
END_TEST

START_TEST(the_longest_text_fits)
{
    char path[108];
    struct proa_addr addr;

    memset(path, '\n', 107);
    path[107] = '\0';
    ck_ok(proa_addr_unix(&addr, path));
    ck_assert_uint_eq(strlen(proa_addr_format(&addr, text)), 5 + 4 * 107);
    ck_assert_uint_lt(5 + 4 * 107, PROA_ADDR_TEXT);
}
END_TEST

START_TEST(no_address_is_written_as_a_dash)
{
    struct proa_addr none = {0};
    struct proa_addr unnamed = {.len = sizeof(sa_family_t), .u.sa.sa_family = AF_UNIX};

    ck_assert_str_eq(proa_addr_format(&none, text), "-");
    ck_assert_str_eq(proa_addr_format(&unnamed, text), "unix:");
}
END_TEST

static struct proa_addr of(const char *from)
{
    struct proa_addr addr;

    ck_ok(parse(from, &addr));
    return addr;
}

static bool same(const char *a, const char *b)
{
    return proa_addr_same_host(&(struct proa_addr){of(a).len, of(a).u},
                               &(struct proa_addr){of(b).len, of(b).u});
}

static bool equal(const char *a, const char *b)
{
    struct proa_addr x = of(a), y = of(b);

    return proa_addr_eq(&x, &y);
}

START_TEST(hosts_and_addresses_are_compared)
{
    ck_assert(same("1.2.3.4:1", "1.2.3.4:2"));
    ck_assert(!same("1.2.3.4:1", "1.2.3.5:1"));
    ck_assert(same("1.2.3.4", "::ffff:1.2.3.4"));
    ck_assert(!same("1.2.3.4", "::1.2.3.4"));
    ck_assert(same("::1", "[::1]:5"));
    ck_assert(!same("::1", "unix:/x"));
    ck_assert(!same("[fe80::1%1]:7", "[fe80::1%2]:7"));
    ck_assert(equal("1.2.3.4:1", "1.2.3.4:1"));
    ck_assert(!equal("1.2.3.4:1", "1.2.3.4:2"));
    ck_assert(!equal("1.2.3.4:1", "[::ffff:1.2.3.4]:1"));
    ck_assert(equal("unix:/x", "unix:/x"));
    ck_assert(!equal("unix:/x", "unix:/y"));
    ck_assert(!equal("unix:/x", "unix:@x"));
}
END_TEST

START_TEST(this_machine_is_recognised)
{
    static const char *const here[] = {"127.0.0.1", "127.255.1.2", "::1", "::ffff:127.0.0.1",
                                       "unix:/x"};
    static const char *const not_here[] = {"126.0.0.1", "128.0.0.1", "::2", "0.0.0.0"};

    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
        struct proa_addr addr = of(here[i]);
        ck_assert_msg(proa_addr_is_loopback(&addr), "%s", here[i]);
    }
    for (size_t i = 0; i < sizeof not_here / sizeof not_here[0]; i++) {
        struct proa_addr addr = of(not_here[i]);
        ck_assert_msg(!proa_addr_is_loopback(&addr), "%s", not_here[i]);
    }
    ck_assert(!proa_addr_is_loopback(&(struct proa_addr){0}));
}
END_TEST

START_TEST(the_ip_alone_has_no_brackets)
{
    struct proa_addr addr = of("[::1]:5");

    ck_assert_str_eq(proa_addr_format_ip(&addr, text), "::1");
    addr = of("1.2.3.4:5");
    ck_assert_str_eq(proa_addr_format_ip(&addr, text), "1.2.3.4");
}
END_TEST

int main(void)
{
    return t_main("addr", (const TTest *const[]){
                              texts_are_read_and_written,
                              what_is_no_address_is_refused,
                              a_zero_byte_is_refused_everywhere,
                              ports_have_bounds,
                              a_unix_path_has_107_bytes_at_most,
                              the_longest_text_fits,
                              no_address_is_written_as_a_dash,
                              hosts_and_addresses_are_compared,
                              this_machine_is_recognised,
                              the_ip_alone_has_no_brackets,
                              NULL,
                          });
}
