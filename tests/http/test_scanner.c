/* What the wire cases cannot see: words of errors, state between looks, the byte table, where
 * slices point. */

#include "base/arena.h"
#include "base/fail.h"
#include "http/authority.h"
#include "http/octets.h"
#include "http/scanner.h"
#include "support/test.h"

#include <string.h>

struct scene {
    struct arena arena;
    struct http_head head;
    struct http_scanner scan;
    size_t size;
};

static void begin(struct scene *s)
{
    memset(s, 0, sizeof *s);
    ck_ok(proa__http_scan_begin(&s->scan, HTTP_SIDE_REQUEST, &proa__http_limits_server, &s->arena,
                                &s->head));
}

static int scan(struct scene *s, const char *text)
{
    return proa__http_scan(&s->scan, text, strlen(text), &s->size);
}

/* The head is refused with `code`, and its detail is `words`. */
static void refuses(const char *text, int code, const char *words)
{
    struct scene s;

    begin(&s);
    ck_err(scan(&s, text), code);
    ck_assert_str_eq(proa_err_detail(code), words);
    proa__arena_fini(&s.arena);
}

START_TEST(errors_say_where_and_what)
{
    refuses("GET / HTTP/1.1\r\nHost: a\nX: y\r\n", PROA_EHTTPLINE,
            "LF without CR at byte 23: \"\\x0aX: y\\x0d\\x0a\"");
    refuses("GET / HTTP/3.0\r\n", PROA_EHTTPVERSION,
            "HTTP version not spoken here at byte 6: \"HTTP/3.0\"");
    refuses("GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n", PROA_EHTTPFIELD,
            "malformed field name at byte 26: \" Y: z\"");
    refuses("\x16\x03\x01", PROA_EHTTPTLS, "TLS handshake on a port that speaks plain HTTP");
    refuses("GET / HTTP/1.1\r\n\r\n", PROA_EHTTPHOST, "no Host in an HTTP/1.1 request");
}
END_TEST

START_TEST(errors_never_quote_raw_bytes)
{
    refuses("GET /\x80\x1b[31m\" HTTP/1.1\r\n", PROA_EHTTP,
            "control byte in the start line at byte 6: \"\\x1b[31m\\x22 HTTP/1.1\\x0d\\x0a\"");
    refuses("GET /\xff\\\" HTTP/1.1\r\n", PROA_EHTTPTARGET,
            "byte not allowed in a target at byte 5: \"\\xff\\x5c\\x22\"");
}
END_TEST

START_TEST(errors_quote_at_most_64_bytes)
{
    char text[300] = "GET / HTTP/1.1\r\nHost: ";

    memset(text + strlen(text), ',', 200);
    struct scene s;
    begin(&s);
    ck_err(scan(&s, strcat(text, "\r\n")), PROA_EHTTPHOST);
    const char *quote = strchr(proa_err_detail(PROA_EHTTPHOST), '"');
    ck_assert_uint_eq(strlen(quote), 64 + 2);
    ck_assert_str_eq(strrchr(quote, ','), ",\"");
    proa__arena_fini(&s.arena);
}
END_TEST

START_TEST(bad_bytes_are_refused_before_the_line_ends)
{
    struct scene s;

    begin(&s);
    ck_assert_int_eq(scan(&s, "GET / HTTP/1.1\r\nHost: a\r\nX: "), 0);
    ck_err(scan(&s, "GET / HTTP/1.1\r\nHost: a\r\nX: \x01"), PROA_EHTTPFIELD);
    proa__arena_fini(&s.arena);
}
END_TEST

START_TEST(bad_start_line_is_refused_before_the_head_ends)
{
    struct scene s;

    begin(&s);
    ck_assert_int_eq(scan(&s, "FROB / HTTP/1.1\r"), 0);
    ck_err(scan(&s, "FROB / HTTP/1.1\r\n"), PROA_EHTTPMETHOD);
    proa__arena_fini(&s.arena);
}
END_TEST

/* The section may move between two looks, and settles somewhere else again. */
START_TEST(slices_point_into_the_settled_head)
{
    static const char text[] =
        "\r\nGET http://a:8/p?q=1 HTTP/1.1\r\nHost: a:8\r\nX-Y:\t z \r\n\r\nrest";
    char first[sizeof text];
    char last[sizeof text];
    struct scene s;

    begin(&s);
    memcpy(first, text, 50);
    ck_assert_int_eq(proa__http_scan(&s.scan, first, 50, &s.size), 0);
    memset(first, '!', sizeof first);
    ck_assert_int_eq(scan(&s, text), 1);
    ck_assert_uint_eq(s.size, strlen(text) - strlen("rest"));
    memcpy(last, text, s.size);
    proa__http_scan_settle(&s.scan, last);

    ck_str_eq(s.head.method, "GET");
    ck_str_eq(s.head.target, "http://a:8/p?q=1");
    ck_str_eq(s.head.authority, "a:8");
    ck_str_eq(s.head.path, "/p");
    ck_str_eq(s.head.query, "q=1");
    ck_str_eq(s.head.host, "a:8");
    ck_assert_ptr_eq(s.head.method.p, last + 2);
    ck_assert_uint_eq(s.head.headers.count, 2);
    ck_str_eq(s.head.headers.fields[1].name, "X-Y");
    ck_str_eq(s.head.headers.fields[1].value, "z");
    ck_str_eq(proa_headers_get(&s.head.headers, "x-y"), "z");
    ck_assert_ptr_eq(s.head.headers.fields[1].name.p, strstr(last, "X-Y"));
    proa__arena_fini(&s.arena);
}
END_TEST

static void target_is(const char *head, unsigned form, const char *authority, const char *path,
                      const char *query, const char *host)
{
    struct scene s;

    begin(&s);
    ck_assert_int_eq(scan(&s, head), 1);
    proa__http_scan_settle(&s.scan, head);
    ck_assert_uint_eq(s.head.form, form);
    ck_str_eq(s.head.authority, authority);
    ck_str_eq(s.head.path, path);
    ck_str_eq(s.head.query, query);
    ck_str_eq(s.head.host, host);
    proa__arena_fini(&s.arena);
}

START_TEST(targets_are_taken_apart)
{
    target_is("GET /a?b?c HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_TARGET_ORIGIN, "", "/a", "b?c", "h");
    target_is("GET /a? HTTP/1.0\r\n\r\n", HTTP_TARGET_ORIGIN, "", "/a", "", "");
    target_is("GET HTTP://h?q HTTP/1.1\r\nHost: H\r\n\r\n", HTTP_TARGET_ABSOLUTE, "h", "/", "q",
              "h");
    target_is("GET https://h HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_TARGET_ABSOLUTE, "h", "/", "", "h");
    target_is("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_TARGET_ASTERISK, "", "*", "", "h");
    target_is("CONNECT h:1 HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_TARGET_AUTHORITY, "h:1", "", "",
              "h:1");
}
END_TEST

/* Any place of any byte, at every alignment to the wide loop. */
START_TEST(wide_loop_agrees_with_the_table)
{
    char text[80];

    for (unsigned b = 0; b < 256; b++)
        for (size_t at = 0; at < 64; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)b;
            size_t want = octet_is((char)b, OCTET_TEXT) ? 64 : at;
            ck_assert_uint_eq(octets_text_end(text, 0, 64), want);
            ck_assert_uint_eq(octets_text_end(text, at, 64), want);
            ck_assert_uint_eq(octets_text_end(text, 0, at), at);
        }
}
END_TEST

START_TEST(text_end_reads_nothing_beyond_the_end)
{
    for (size_t n = 1; n < 100; n++) {
        char bytes[100];
        memset(bytes, 'x', n);
        ck_assert_uint_eq(octets_text_end(t_unreadable(bytes, n), 0, n), n);
    }
}
END_TEST

/* The quick look at a host takes nothing that the thorough one does not. */
START_TEST(quick_look_at_hosts_is_a_part_of_the_thorough_one)
{
    static const char letters[] = "ab10256.:x3n-_[]%@/,A0";
    struct t_random random = {7};

    for (int i = 0; i < 200000; i++) {
        char head[100] = "GET / HTTP/1.1\r\nHost: ";
        char host[20];
        size_t n = 1 + t_random_below(&random, sizeof host - 1);
        for (size_t k = 0; k < n; k++)
            host[k] = letters[t_random_below(&random, i % 2 ? sizeof letters - 1 : 12)];
        int rc = proa__authority_check(proa_str_make(host, n));
        size_t at = strlen(head);
        memcpy(head + at, host, n);
        memcpy(head + at + n, "\r\n\r\n", 5);
        struct scene s;
        begin(&s);
        ck_assert_msg((scan(&s, head) == 1) == (rc == 0), "%.*s", (int)n, host);
        proa__arena_fini(&s.arena);
    }
}
END_TEST

/* Work that grows with the square of the input would take minutes here. */
START_TEST(a_head_byte_by_byte_is_looked_at_once)
{
    static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\n";
    static char text[60000];
    struct scene s;

    memset(text, 'a', sizeof text);
    memcpy(text, start, strlen(start));
    for (size_t at = strlen(start); at + 512 < sizeof text; at += 512) {
        memcpy(text + at, "X: ", 3);
        memcpy(text + at + 510, "\r\n", 2);
    }
    begin(&s);
    for (size_t n = 1; n < 59000; n++) {
        ck_assert_int_eq(proa__http_scan(&s.scan, text, n, &s.size), 0);
        ck_assert_uint_le(n - s.scan.at, 1); /* a CR may wait for its LF */
    }
    proa__arena_fini(&s.arena);
}
END_TEST

int main(void)
{
    return t_main("scanner",
                  (const TTest *const[]){
                      errors_say_where_and_what, errors_never_quote_raw_bytes,
                      errors_quote_at_most_64_bytes, bad_bytes_are_refused_before_the_line_ends,
                      bad_start_line_is_refused_before_the_head_ends,
                      slices_point_into_the_settled_head, targets_are_taken_apart,
                      wide_loop_agrees_with_the_table, text_end_reads_nothing_beyond_the_end,
                      quick_look_at_hosts_is_a_part_of_the_thorough_one,
                      a_head_byte_by_byte_is_looked_at_once, NULL});
}
