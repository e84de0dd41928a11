/*
 * Each limit of the table holds at its value and breaks one beyond it, with the code of its row, in
 * one read and byte by byte.
 */

#include "http/transcript.h"
#include "support/test.h"

#include <string.h>

struct probe {
    struct http_limits limits;
    struct proa_buf in;
    bool response;
};

static void begin(struct probe *p, bool response)
{
    p->limits = response ? proa__http_limits_client : proa__http_limits_server;
    p->response = response;
    proa_buf_fini(&p->in);
    proa_buf_init(&p->in, PROA_UNLIMITED);
}

static void text(struct probe *p, const char *words)
{
    ck_ok(proa_buf_append(&p->in, words, strlen(words)));
}

static void times(struct probe *p, size_t n, const char *words)
{
    while (n-- > 0)
        text(p, words);
}

static void check_cut(const struct probe *p, enum cut cut, int code)
{
    struct transcript_opts opts = {.limits = &p->limits, .response = p->response, .cut = cut};
    struct proa_str in = proa_buf_str(&p->in);
    struct proa_buf out;

    proa_buf_init(&out, PROA_UNLIMITED);
    transcript(&out, in.p, in.n, &opts);
    size_t failed = proa_str_search(proa_buf_str(&out), PROA_STR("fail "));
    if (code == 0)
        ck_assert_msg(failed == PROA_STR_NONE, "at the limit:\n%.*s", PROA_PRI(proa_buf_str(&out)));
    else
        ck_assert_msg(failed != PROA_STR_NONE &&
                          proa_str_search(proa_buf_str(&out), proa_str_from(proa_err_name(code))) !=
                              PROA_STR_NONE,
                      "wanted %s:\n%.*s", proa_err_name(code), PROA_PRI(proa_buf_str(&out)));
    proa_buf_fini(&out);
}

/* The input built so far gives `code` (0: no failure), however it is cut. */
static void check(struct probe *p, int code)
{
    check_cut(p, CUT_WHOLE, code);
    check_cut(p, CUT_BYTES, code);
    proa_buf_clear(&p->in);
}

static int code_of(const char *name)
{
    unsigned n;
    const struct http_limit_row *rows = proa__http_limit_rows(&n);

    for (unsigned i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].code;
    ck_abort_msg("no limit %s", name);
}

START_TEST(every_row_says_unit_reason_and_code)
{
    unsigned n;
    const struct http_limit_row *rows = proa__http_limit_rows(&n);

    ck_assert_uint_eq(n, sizeof(struct http_limits) / sizeof(uint64_t));
    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_gt(strlen(rows[i].unit), 1);
        ck_assert_uint_gt(strlen(rows[i].reason), 20);
        ck_assert_str_ne(proa_err_name(rows[i].code), "PROA_E?");
        ck_assert_uint_gt(rows[i].server + rows[i].client, 0);
    }
}
END_TEST

START_TEST(codes_have_their_status)
{
    static const struct {
        int code;
        int status;
    } rows[] = {
        {PROA_EHTTP, 400},         {PROA_EHTTPLINE, 400},     {PROA_EHTTPTARGET, 400},
        {PROA_EHTTPFIELD, 400},    {PROA_EHTTPHOST, 400},     {PROA_EHTTPFRAMING, 400},
        {PROA_EHTTPCHUNK, 400},    {PROA_EHTTPTRAILER, 400},  {PROA_EHTTPSHORT, 400},
        {PROA_EHTTPTLS, 400},      {PROA_EHTTPBODYSIZE, 413}, {PROA_EHTTPTARGETSIZE, 414},
        {PROA_EHTTPHEADSIZE, 431}, {PROA_EHTTPMETHOD, 501},   {PROA_EHTTPCODING, 501},
        {PROA_EHTTPVERSION, 505},  {PROA_ENOMEM, 0},          {0, 0},
        {PROA_EHTTPSTATUSLINE, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_int_eq(proa__http_status_of(rows[i].code), rows[i].status);
}
END_TEST

START_TEST(leading_lines)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, false);
        times(&p, p.limits.leading_lines + more, "\r\n");
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        check(&p, more ? code_of("leading_lines") : 0);
        begin(&p, true);
        times(&p, p.limits.leading_lines + more, "\r\n");
        text(&p, "HTTP/1.1 204 x\r\n\r\n");
        check(&p, more ? code_of("leading_lines") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(start_line_bytes)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, false);
        text(&p, "GET /");
        times(&p, p.limits.start_line_bytes + more - strlen("GET / HTTP/1.1"), "a");
        text(&p, " HTTP/1.1\r\nHost: a\r\n\r\n");
        check(&p, more ? code_of("start_line_bytes") : 0);
        times(&p, p.limits.start_line_bytes + more, "G"); /* no end in sight */
        check(&p, more ? code_of("start_line_bytes") : 0);
        begin(&p, true);
        text(&p, "HTTP/1.1 200 ");
        times(&p, p.limits.start_line_bytes + more - strlen("HTTP/1.1 200 "), "r");
        text(&p, "\r\n\r\n");
        check(&p, more ? code_of("start_line_bytes") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

static void head_with_field(struct probe *p, size_t n)
{
    text(p, p->response ? "HTTP/1.1 204 x\r\nX: " : "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    times(p, n - strlen("X: "), "y");
    text(p, "\r\n\r\n");
}

START_TEST(field_bytes)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        for (int response = 0; response < 2; response++) {
            begin(&p, response);
            head_with_field(&p, p.limits.field_bytes + more);
            check(&p, more ? code_of("field_bytes") : 0);
            proa_buf_fini(&p.in);
        }
        begin(&p, false);
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\n");
        times(&p, p.limits.field_bytes + more, "X"); /* no end in sight */
        check(&p, more ? code_of("field_bytes") : 0);
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ");
        times(&p, p.limits.field_bytes + more - strlen("X: "), "y");
        text(&p, "\r\n\r\n");
        check(&p, more ? code_of("field_bytes") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(fields)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, false);
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\n");
        times(&p, p.limits.fields - 1 + more, "X: y\r\n");
        text(&p, "\r\n");
        check(&p, more ? code_of("fields") : 0);
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
        times(&p, p.limits.fields - 2 + more, "X: y\r\n"); /* trailers count */
        text(&p, "\r\n");
        check(&p, more ? code_of("fields") : 0);
        begin(&p, true);
        times(&p, p.limits.fields / 16,
              "HTTP/1.1 103 x\r\nA: b\r\nA: b\r\n\r\n"); /* so do interim ones */
        text(&p, "HTTP/1.1 204 x\r\n");
        times(&p, p.limits.fields - p.limits.fields / 16 * 2 + more, "X: y\r\n");
        text(&p, "\r\n");
        check(&p, more ? code_of("fields") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

/* `p` holds a head without its end: fill it up to `n` bytes with fields that are short enough. */
static void fill_head(struct probe *p, size_t n)
{
    size_t left = n - proa_buf_str(&p->in).n - strlen("\r\n");

    while (left > 0) {
        size_t line = left > 4000 + 10 ? 4000 : left;
        text(p, "X: ");
        times(p, line - strlen("X: \r\n"), "y");
        text(p, "\r\n");
        left -= line;
    }
    text(p, "\r\n");
}

START_TEST(head_bytes)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, false);
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\n");
        fill_head(&p, p.limits.head_bytes + more);
        check(&p, more ? code_of("head_bytes") : 0);
        p.limits.head_bytes = 1000; /* trailers count */
        text(&p, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        size_t head = proa_buf_str(&p.in).n;
        text(&p, "0\r\n");
        fill_head(&p, p.limits.head_bytes + strlen("0\r\n") + more);
        ck_assert_uint_gt(p.limits.head_bytes, head);
        check(&p, more ? code_of("head_bytes") : 0);
        begin(&p, true);
        text(&p, "HTTP/1.1 204 x\r\n");
        fill_head(&p, p.limits.head_bytes + more);
        check(&p, more ? code_of("head_bytes") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(length_digits)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, false);
        text(&p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ");
        times(&p, p.limits.length_digits - 1 + more, "0");
        text(&p, "1\r\n\r\nx");
        check(&p, more ? code_of("length_digits") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(body_bytes)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, false);
        p.limits.body_bytes = 100;
        ck_ok(proa_buf_appendf(&p.in, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n",
                               100 + more));
        times(&p, 100 + more, "x");
        check(&p, more ? code_of("body_bytes") : 0);
        text(&p, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        times(&p, 10, "A\r\n0123456789\r\n");
        times(&p, more, "1\r\nx\r\n");
        text(&p, "0\r\n\r\n");
        check(&p, more ? code_of("body_bytes") : 0);
        p.response = true;
        text(&p, "HTTP/1.1 200 OK\r\n\r\n");
        times(&p, 100 + more, "x");
        check(&p, more ? code_of("body_bytes") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

static void begin_chunks(struct probe *p)
{
    begin(p, true);
    text(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

START_TEST(chunk_size_digits)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin_chunks(&p);
        p.limits.chunk_size_digits = 4;
        text(&p, "0001");
        times(&p, more, "0");
        text(&p, "\r\nx"); /* zeros in front do not count */
        check(&p, 0);
        begin_chunks(&p);
        text(&p, "1");
        times(&p, p.limits.chunk_size_digits - 2 + more, "0");
        text(&p, "\r\nx");
        check(&p, 0);
        begin_chunks(&p);
        text(&p, "1");
        times(&p, p.limits.chunk_size_digits - 1 + more, "0");
        text(&p, "\r\n");
        check(&p, more ? code_of("chunk_size_digits") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(chunk_line_bytes)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin_chunks(&p);
        text(&p, "1;");
        times(&p, p.limits.chunk_line_bytes - 2 + more, "a");
        text(&p, "\r\nx\r\n0\r\n\r\n");
        check(&p, more ? code_of("chunk_line_bytes") : 0);
        begin_chunks(&p);
        times(&p, p.limits.chunk_line_bytes + more, "0");
        check(&p, more ? code_of("chunk_line_bytes") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(chunk_overhead_bytes)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin_chunks(&p);
        p.limits.chunk_overhead_bytes = 200;
        for (int i = 0; i < 2; i++) { /* 98 bytes beyond 16 and twice the data each */
            text(&p, "1;");
            times(&p, 18 + 98 - 2 - strlen("1;"), "a");
            text(&p, "\r\nz\r\n");
        }
        text(&p, "1;");
        times(&p, 18 + 4 - 2 - strlen("1;") + more, "a");
        text(&p, "\r\nz\r\n");
        check(&p, more ? code_of("chunk_overhead_bytes") : 0);
        begin_chunks(&p);
        times(&p, 5000 + more, "1\r\nx\r\n"); /* small chunks are paid for */
        check(&p, 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

START_TEST(interim)
{
    struct probe p = {0};

    for (unsigned more = 0; more < 2; more++) {
        begin(&p, true);
        times(&p, p.limits.interim + more, "HTTP/1.1 102 x\r\n\r\n");
        text(&p, "HTTP/1.1 204 x\r\n\r\n");
        check(&p, more ? code_of("interim") : 0);
        proa_buf_fini(&p.in);
    }
}
END_TEST

int main(void)
{
    return t_main("limits",
                  (const TTest *const[]){
                      every_row_says_unit_reason_and_code, codes_have_their_status, leading_lines,
                      start_line_bytes, field_bytes, fields, head_bytes, length_digits, body_bytes,
                      chunk_size_digits, chunk_line_bytes, chunk_overhead_bytes, interim, NULL});
}
