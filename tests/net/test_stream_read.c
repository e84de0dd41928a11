#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static struct proa_stream *a; /* the far end, mostly worked by hand */
static struct proa_stream *b; /* whose calls are tested */

static void open_pair(const struct pair_opts *opts)
{
    ck_ok(proa__pair_new(&a, &b, opts));
}

static void close_pair(void)
{
    proa_stream_free(a);
    proa_stream_free(b);
    a = b = NULL;
}

static void say(struct proa_stream *s, const char *text)
{
    struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};

    ck_assert_int_eq(proa__stream_try_writev(s, &iov, 1), (long)strlen(text));
}

static void reads(struct proa_stream *s, const char *text)
{
    char buf[256];
    size_t done = 0;

    ck_ok(proa_read_exact(s, buf, strlen(text), &done));
    ck_str_eq(proa_str_make(buf, done), text);
}

/* ---- reading some and all */

static int some_body(void *arg)
{
    char buf[8];

    (void)arg;
    open_pair(NULL);
    say(a, "abc");
    ck_assert_int_eq(proa_read(b, buf, 2), 2);
    ck_assert_int_eq(proa_read(b, buf + 2, 6), 1);
    ck_assert_int_eq(memcmp(buf, "abc", 3), 0);
    ck_assert_int_eq(proa_read(b, buf, 0), 0);
    ck_ok(proa_shutdown(a));
    ck_assert_int_eq(proa_read(b, buf, 8), 0);
    ck_assert_int_eq(proa_read(b, buf, 8), 0);
    close_pair();
    return 0;
}
START_TEST(read_gives_what_is_there_then_the_end)
{
    t_run(some_body, NULL);
}
END_TEST

static int exact_body(void *arg)
{
    static char buf[700];
    static char big[1500];
    size_t done = 99;

    (void)arg;
    memset(big, 'x', sizeof big);
    open_pair(&(struct pair_opts){.ab.split = 3});
    ck_ok(proa_write(a, big, sizeof big, NULL));
    ck_ok(proa_read_exact(b, buf, 700, &done)); /* by direct reads */
    ck_assert_uint_eq(done, 700);
    ck_ok(proa_read_exact(b, buf, 10, NULL)); /* through the buffer */
    ck_ok(proa_read_exact(b, buf, 0, &done));
    ck_assert_uint_eq(done, 0);
    ck_ok(proa_shutdown(a));
    ck_ok(proa_read_exact(b, buf, 700, &done));
    ck_err(proa_read_exact(b, buf, 91, &done), PROA_EEOF);
    ck_assert_uint_eq(done, 90);
    close_pair();
    return 0;
}
START_TEST(read_exact_fills_or_says_how_far_it_came)
{
    t_run(exact_body, NULL);
}
END_TEST

struct call {
    int rc;
    size_t done;
    char buf[64];
    bool over;
};

static int exact_ten(void *arg)
{
    struct call *c = arg;

    c->rc = proa_read_exact(b, c->buf, 10, &c->done);
    c->over = true;
    return 0;
}

static int exact_cancel_body(void *arg)
{
    struct call c = {0};

    (void)arg;
    open_pair(NULL);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, exact_ten, &c));
    say(a, "abcd");
    t_turns(3);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    ck_assert_uint_eq(c.done, 4);
    ck_assert_int_eq(memcmp(c.buf, "abcd", 4), 0);
    say(a, "efgh");
    reads(b, "efgh");
    close_pair();
    return 0;
}
START_TEST(cancelled_read_exact_says_how_far_it_came)
{
    t_run(exact_cancel_body, NULL);
}
END_TEST

static int read_some(void *arg)
{
    struct call *c = arg;
    ssize_t got = proa_read(b, c->buf, sizeof c->buf);

    c->rc = got < 0 ? (int)got : 0;
    c->done = got > 0 ? (size_t)got : 0;
    c->over = true;
    return 0;
}

/* Data and a cancel in one turn: the data is returned, or it stays. */
static int cancel_keeps_body(void *arg)
{
    struct call c = {0};

    (void)arg;
    open_pair(NULL);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_some, &c));
    t_turns(2);
    proa_group_cancel(&g);
    say(a, "kept");
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, PROA_ECANCELED);
    reads(b, "kept");
    close_pair();
    return 0;
}
START_TEST(cancelled_read_consumes_nothing)
{
    t_run(cancel_keeps_body, NULL);
}
END_TEST

static int already_cancelled_body(void *arg)
{
    char buf[8];
    size_t done = 9;

    (void)arg;
    open_pair(NULL);
    say(a, "data");
    {
        PROA_SCOPE(scope);
        proa_scope_cancel(&scope);
        ck_assert_int_eq(proa_read(b, buf, 8), PROA_ECANCELED);
        ck_err(proa_read_exact(b, buf, 2, &done), PROA_ECANCELED);
        ck_assert_uint_eq(done, 0);
        ck_err(proa_write(b, "x", 1, &done), PROA_ECANCELED);
        ck_err(proa_shutdown(b), PROA_ECANCELED);
        ck_err(proa__stream_wait(b, STREAM_READ), PROA_ECANCELED);
    }
    reads(b, "data");
    close_pair();
    return 0;
}
START_TEST(in_a_cancelled_scope_every_call_fails_at_once)
{
    t_run(already_cancelled_body, NULL);
}
END_TEST

/* ---- separators */

struct until_case {
    const char *text;
    const char *seps[3];
    size_t max;
    int rc;
    const char *want; /* with its separator; PROA_EMSGSIZE and PROA_EEOF: what is still there */
    size_t which;
};

static const struct until_case until_cases[] = {
    {"ab;cd;", {";"}, 10, 0, "ab;", 0},
    {";x", {";"}, 0, 0, ";", 0},
    {"ab\r\ncd", {"\r\n"}, 2, 0, "ab\r\n", 0},                 /* exactly the limit */
    {"abc\r\ncd", {"\r\n"}, 2, PROA_EMSGSIZE, "abc\r\ncd", 0}, /* one more */
    {"ab\rc\r\n", {"\r\n"}, 9, 0, "ab\rc\r\n", 0},
    {"a\r\r\nb", {"\r\n"}, 9, 0, "a\r\r\n", 0},
    {"aaab", {"aab"}, 9, 0, "aaab", 0},
    {"x--y-z", {"-", "--"}, 9, 0, "x-", 0},        /* the earliest end wins */
    {"xabc", {"c", "bc", "abc"}, 9, 0, "xabc", 2}, /* of one end, the longest */
    {"xabc", {"abc", "bc", "c"}, 9, 0, "xabc", 0},
    {"xabc", {"zz", "bc"}, 9, 0, "xabc", 1},
    {"abcd", {";", "!"}, 3, PROA_EMSGSIZE, "abcd", 0},
    {"abc", {";", "!"}, 3, PROA_EEOF, "abc", 0},
    {"", {";"}, 3, PROA_EEOF, "", 0},
    {"abc;", {";", "!"}, 3, 0, "abc;", 0},
    {"abcd;", {";", "!"}, 3, PROA_EMSGSIZE, "abcd;", 0},
    {"a;", {";"}, SIZE_MAX, 0, "a;", 0},
};

static int until_body(void *arg)
{
    const struct until_case *c = arg;
    struct proa_str seps[3], got = {0};
    size_t n = 0, which = 9;

    while (n < 3 && c->seps[n]) {
        seps[n] = proa_str_from(c->seps[n]);
        n++;
    }
    if (*c->text)
        say(a, c->text);
    ck_ok(proa__stream_try_shutdown(a));
    if (c->rc == 0) {
        ck_ok(proa_read_until(b, &got, seps, n, c->max, &which));
        ck_str_eq(got, c->want);
        ck_assert_uint_eq(which, c->which);
        reads(b, c->text + strlen(c->want)); /* nothing more was taken */
    } else {
        ck_err(proa_read_until(b, &got, seps, n, c->max, &which), c->rc);
        reads(b, c->want);
    }
    close_pair();
    return 0;
}

static int until_whole_body(void *arg)
{
    open_pair(NULL);
    return until_body(arg);
}

static int until_bytes_body(void *arg)
{
    open_pair(&(struct pair_opts){.ab.split = 1});
    return until_body(arg);
}
START_TEST(read_until_finds_what_it_should)
{
    t_run(until_whole_body, (void *)&until_cases[_i]);
    t_run(until_bytes_body, (void *)&until_cases[_i]);
}
END_TEST

static int until_bad_body(void *arg)
{
    const struct proa_str seps[2] = {PROA_STR(";"), PROA_STR("")};
    struct proa_str got;

    (void)arg;
    open_pair(NULL);
    ck_err(proa_read_until(b, &got, seps, 0, 5, NULL), PROA_EINVAL);
    ck_err(proa_read_until(b, &got, seps, 2, 5, NULL), PROA_EINVAL);
    close_pair();
    return 0;
}
START_TEST(read_until_needs_separators)
{
    t_run(until_bad_body, NULL);
}
END_TEST

/* A message of many buffers' size, found only in its last bytes. */
static int until_long_body(void *arg)
{
    static char bytes[100001];
    const struct proa_str sep = PROA_STR("\n");
    struct proa_str got;
    struct call c = {0};

    (void)arg;
    (void)c;
    memset(bytes, 'x', sizeof bytes);
    bytes[100000] = '\n';
    open_pair(&(struct pair_opts){.ab.capacity = 200000, .ab.split = 999});
    ck_ok(proa_write(a, bytes, sizeof bytes, NULL));
    ck_err(proa_read_until(b, &got, &sep, 1, 99999, NULL), PROA_EMSGSIZE);
    ck_ok(proa_read_until(b, &got, &sep, 1, 100000, NULL));
    ck_assert_uint_eq(got.n, 100001);
    ck_assert_int_eq(memcmp(got.p, bytes, got.n), 0);
    close_pair();
    return 0;
}
START_TEST(the_buffer_grows_to_the_limit_and_no_further)
{
    t_run(until_long_body, NULL);
}
END_TEST

static int lines_body(void *arg)
{
    struct proa_str line;

    (void)arg;
    open_pair(NULL);
    say(a, "one\ntwo\r\n\n\r\na\rb\nfive5\r\nsixsix\nlast");
    ck_ok(proa__stream_try_shutdown(a));
    ck_assert_int_eq(proa_read_line(b, &line, 5), 1);
    ck_str_eq(line, "one");
    ck_assert_int_eq(proa_read_line(b, &line, 5), 1);
    ck_str_eq(line, "two");
    ck_assert_int_eq(proa_read_line(b, &line, 0), 1);
    ck_str_eq(line, "");
    ck_assert_int_eq(proa_read_line(b, &line, 0), 1);
    ck_str_eq(line, "");
    ck_assert_int_eq(proa_read_line(b, &line, 5), 1);
    ck_str_eq(line, "a\rb");
    ck_assert_int_eq(proa_read_line(b, &line, 5), 1); /* exactly the limit, and two bytes of end */
    ck_str_eq(line, "five5");
    ck_err(proa_read_line(b, &line, 5), PROA_EMSGSIZE); /* one more, and it stays */
    ck_assert_int_eq(proa_read_line(b, &line, 6), 1);
    ck_str_eq(line, "sixsix");
    ck_err(proa_read_line(b, &line, 3), PROA_EMSGSIZE);
    ck_assert_int_eq(proa_read_line(b, &line, 4), 1); /* a last line without its end */
    ck_str_eq(line, "last");
    ck_assert_int_eq(proa_read_line(b, &line, 4), 0);
    ck_assert_int_eq(proa_read_line(b, &line, 4), 0);
    close_pair();
    return 0;
}
START_TEST(lines_come_without_their_ends)
{
    t_run(lines_body, NULL);
}
END_TEST

static int mixed_body(void *arg)
{
    struct proa_str line;
    char buf[8];

    (void)arg;
    open_pair(NULL);
    say(a, "head\nbody more\n");
    ck_assert_int_eq(proa_read_line(b, &line, 99), 1);
    ck_str_eq(line, "head");
    ck_assert_int_eq(proa_read(b, buf, 4),
                     4); /* the view ends here; its bytes are gone, no others */
    ck_assert_int_eq(memcmp(buf, "body", 4), 0);
    ck_assert_int_eq(proa_read_line(b, &line, 99), 1);
    ck_str_eq(line, " more");
    close_pair();
    return 0;
}
START_TEST(all_ways_of_reading_share_one_place)
{
    t_run(mixed_body, NULL);
}
END_TEST

static int release_body(void *arg)
{
    struct proa_str line;
    char buf[4];
    size_t before;
    struct call c = {0};

    (void)arg;
    open_pair(NULL);
    before = t_alloc_bytes();
    say(a, "abcd");
    ck_assert_int_eq(proa_read(b, buf, 1), 1);
    ck_assert_uint_gt(t_alloc_bytes(), before);
    ck_assert_int_eq(proa_read(b, buf, 3), 3);
    ck_assert_uint_eq(t_alloc_bytes(), before); /* empty: given back */
    say(a, "line\n");
    ck_assert_int_eq(proa_read_line(b, &line, 9), 1);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, read_some, &c));
        t_turns(2);
        ck_assert(b->in == NULL); /* a parked reader holds no buffer */
        proa_group_cancel(&g);
    }
    close_pair();
    return 0;
}
START_TEST(an_empty_buffer_is_given_back)
{
    t_run(release_body, NULL);
}
END_TEST

static int data_then_reset_body(void *arg)
{
    struct proa_str line;
    char buf[8];

    (void)arg;
    open_pair(&(struct pair_opts){.ab = {.cut = PROA_PAIR_RST, .cut_at = 7}});
    say(a, "one\ntwo\n");
    ck_assert_int_eq(proa_read_line(b, &line, 9), 1);
    ck_str_eq(line, "one");
    ck_err(proa_read_line(b, &line, 9), PROA_ECONNRESET);
    ck_assert_int_eq(proa_read(b, buf, 8), 3); /* what came is still there, then the error again */
    ck_assert_int_eq(memcmp(buf, "two", 3), 0);
    ck_assert_int_eq(proa_read(b, buf, 8), PROA_ECONNRESET);
    close_pair();
    return 0;
}
START_TEST(buffered_bytes_come_before_the_error)
{
    t_run(data_then_reset_body, NULL);
}
END_TEST

static int unread_body(void *arg)
{
    (void)arg;
    open_pair(NULL);
    ck_ok(proa__stream_unread(b, "cd", 2));
    ck_ok(proa__stream_unread(b, "ab", 2));
    say(a, "ef");
    ck_assert_int_eq(proa__stream_fill(b, 6), 2);
    ck_str_eq(proa__stream_buffered(b), "abcdef");
    ck_assert_int_eq(proa__stream_fill(b, 6), PROA_EMSGSIZE);
    ck_assert_int_eq(proa__stream_fill(b, 7), PROA_EAGAIN);
    proa__stream_consume(b, 3);
    ck_ok(proa__stream_unread(b, "c", 1));
    reads(b, "cdef");
    ck_assert(b->in == NULL);
    close_pair();
    return 0;
}
START_TEST(bytes_can_be_put_back)
{
    t_run(unread_body, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        read_gives_what_is_there_then_the_end,
        read_exact_fills_or_says_how_far_it_came,
        cancelled_read_exact_says_how_far_it_came,
        cancelled_read_consumes_nothing,
        in_a_cancelled_scope_every_call_fails_at_once,
        read_until_needs_separators,
        the_buffer_grows_to_the_limit_and_no_further,
        lines_come_without_their_ends,
        all_ways_of_reading_share_one_place,
        an_empty_buffer_is_given_back,
        buffered_bytes_come_before_the_error,
        bytes_can_be_put_back,
        NULL,
    };
    const struct t_table tables[] = {
        {read_until_finds_what_it_should, sizeof until_cases / sizeof until_cases[0]},
        {NULL, 0},
    };

    return t_main_tables("stream_read", tests, tables);
}
