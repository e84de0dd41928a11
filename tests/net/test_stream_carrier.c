/* What the calls above make of what a carrier says, and of a stream that is none. */

#include "net/stream.h"
#include "net/stream_buf.h"
#include "support/t_run.h"

#include <proa/addr.h>
#include <proa/err.h>
#include <proa/file.h>
#include <proa/scope.h>
#include <proa/time.h>

#include <string.h>

/* It answers by a list: a number of bytes, the end, or a code. */
struct carrier {
    struct proa_stream s;
    const ssize_t *says;
    int calls;
    size_t asked; /* bytes, by the last call */
};

static ssize_t answer(struct proa_stream *s, size_t n)
{
    struct carrier *c = (struct carrier *)s;
    ssize_t says = c->says[c->calls++];

    ck_assert_uint_gt(n, 0);
    ck_assert_int_le(says, (long)n);
    c->asked = n;
    return says;
}

static ssize_t carrier_read(struct proa_stream *s, void *buf, size_t n)
{
    ssize_t says = answer(s, n);

    if (says > 0)
        memcpy(buf, "one\ntwo\n", (size_t)says);
    return says;
}

static ssize_t carrier_writev(struct proa_stream *s, const struct iovec *iov, int n)
{
    size_t all = 0;

    for (int i = 0; i < n; i++)
        all += iov[i].iov_len;
    return answer(s, all);
}

static ssize_t carrier_sendfile(struct proa_stream *s, int file, int64_t at, size_t n)
{
    (void)file;
    (void)at;
    return answer(s, n);
}

static void carrier_want(struct proa_stream *s, unsigned dirs, unsigned fresh)
{
    (void)s;
    (void)dirs;
    (void)fresh;
}

static void carrier_close(struct proa_stream *s)
{
    (void)s; /* it is not allocated */
}

static const struct stream_ops ops = {.kind = "list",
                                      .try_read = carrier_read,
                                      .try_writev = carrier_writev,
                                      .try_sendfile = carrier_sendfile,
                                      .want = carrier_want,
                                      .close = carrier_close};

static struct proa_stream *says(struct carrier *c, const ssize_t *list)
{
    *c = (struct carrier){.says = list};
    proa__stream_init(&c->s, &ops);
    return &c->s;
}

/* ---- codes */

/* Every other code is the answer to whatever comes after it, which reaches no carrier. */
static int sticky_body(void *arg)
{
    const bool sticks = *(int *)arg;
    const ssize_t code = sticks ? PROA_ECONNRESET : PROA_ENOMEM;
    const ssize_t list[] = {code, 1, code, 1, code, 1};
    struct carrier c;
    char byte;
    struct iovec iov = {&byte, 1};
    struct proa_stream *s = says(&c, list);

    ck_assert_int_eq(proa__stream_try_read(s, &byte, 1), code);
    ck_assert_int_eq(proa__stream_try_read(s, &byte, 1), sticks ? code : 1);
    proa_stream_free(s);
    s = says(&c, list);
    ck_assert_int_eq(proa__stream_try_writev(s, &iov, 1), code);
    ck_assert_int_eq(proa__stream_try_writev(s, &iov, 1), sticks ? code : 1);
    ck_assert_int_eq(c.calls, sticks ? 1 : 2);
    proa_stream_free(s);
    s = says(&c, list);
    ck_assert_int_eq(proa__stream_try_sendfile(s, 0, 0, 1), code);
    ck_assert_int_eq(proa__stream_try_sendfile(s, 0, 0, 1), sticks ? code : 1);
    ck_assert_int_eq(c.calls, sticks ? 1 : 2);
    proa_stream_free(s);
    return 0;
}
START_TEST(every_error_stays_but_lack_of_memory)
{
    t_run(sticky_body, &_i);
}
END_TEST

/* What was kept goes first; while it cannot go, nothing else does. */
static int kept_body(void *arg)
{
    const ssize_t list[] = {PROA_EAGAIN, 3, 2, 1};
    struct carrier c;
    struct proa_stream *s = says(&c, list);
    struct iovec iov = {(void *)"1", 1};
    bool file = *(int *)arg;

    ck_ok(proa_write_buffered(s, "12345", 5, NULL));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(file ? proa__stream_try_sendfile(s, 0, 0, 1)
                              : proa__stream_try_writev(s, &iov, 1),
                         i ? 1 : PROA_EAGAIN);
        ck_assert_uint_eq(c.asked, i ? 1 : 5);
    }
    ck_assert_int_eq(c.calls, 4);
    proa_stream_free(s);
    return 0;
}
START_TEST(what_is_kept_goes_before_what_is_written)
{
    t_run(kept_body, &_i);
}
END_TEST

/* Not even what was kept. */
static int broken_body(void *arg)
{
    struct carrier c;
    struct proa_stream *s = says(&c, NULL);
    struct iovec some = {(void *)"1", 1}, none = {NULL, 0};

    (void)arg;
    ck_ok(proa_write_buffered(s, "kept", 4, NULL));
    proa__stream_break(s);
    ck_err(proa__stream_try_writev(s, &some, 1), PROA_EBROKEN);
    ck_err(proa__stream_try_writev(s, &none, 1), PROA_EBROKEN);
    ck_err(proa__stream_try_sendfile(s, 0, 0, 1), PROA_EBROKEN);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EBROKEN), "an earlier write was cut short"));
    proa__stream_kill(s);
    ck_err(proa__stream_try_sendfile(s, 0, 0, 1), PROA_EBROKEN);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EBROKEN), "it was aborted"));
    proa_stream_free(s);
    return 0;
}
START_TEST(a_broken_stream_gives_nothing_to_its_carrier)
{
    t_run(broken_body, NULL);
}
END_TEST

static int no_file_body(void *arg)
{
    const struct stream_ops *const without = &(const struct stream_ops){
        .kind = "list", .try_writev = carrier_writev, .close = carrier_close};
    const ssize_t list[] = {PROA_EOPNOTSUPP, 1};
    struct carrier c;
    struct proa_stream *s = says(&c, list);
    struct iovec some = {(void *)"1", 1};

    (void)arg;
    ck_err(proa__stream_try_sendfile(s, 0, 0, 1), PROA_EOPNOTSUPP);
    ck_assert_int_eq(proa__stream_try_writev(s, &some, 1), 1);
    c.s.ops = without;
    ck_err(proa__stream_try_sendfile(s, 0, 0, 1), PROA_EOPNOTSUPP);
    proa_stream_free(s);
    return 0;
}
START_TEST(who_cannot_send_files_can_write)
{
    t_run(no_file_body, NULL);
}
END_TEST

static int end_body(void *arg)
{
    const ssize_t list[] = {0, 1};
    struct carrier c;
    struct proa_stream *s = says(&c, list);
    char byte;

    (void)arg;
    ck_assert_int_eq(proa__stream_try_read(s, &byte, 1), 0);
    ck_assert_int_eq(proa__stream_try_read(s, &byte, 1), 0);
    ck_assert_int_eq(c.calls, 1);
    proa_stream_free(s);
    return 0;
}
START_TEST(the_end_stays)
{
    t_run(end_body, NULL);
}
END_TEST

static int nothing_body(void *arg)
{
    struct carrier c;
    struct proa_stream *s = says(&c, NULL);
    struct iovec none[2] = {{NULL, 0}, {NULL, 0}};

    (void)arg;
    ck_assert_int_eq(proa__stream_try_read(s, NULL, 0), 0);
    ck_assert_int_eq(proa__stream_try_writev(s, none, 2), 0);
    ck_assert_int_eq(proa__stream_try_writev(s, none, 0), 0);
    ck_assert_int_eq(proa_read(s, NULL, 0), 0);
    proa_stream_free(s);
    return 0;
}
START_TEST(nothing_reaches_no_carrier)
{
    t_run(nothing_body, NULL);
}
END_TEST

/* ---- small reads */

static int small_body(void *arg)
{
    const ssize_t list[] = {1, 1, 1, 1, PROA_ENOMEM, 1, PROA_EAGAIN};
    struct carrier c;
    struct proa_stream *s = says(&c, list);
    struct proa_str view;
    char buf[512];

    (void)arg;
    ck_assert_int_eq(proa_read(s, buf, 511), 1);
    ck_assert_uint_eq(c.asked, STREAM_BUF_LEAST);
    ck_assert_int_eq(proa_read(s, buf, 512), 1);
    ck_assert_uint_eq(c.asked, 512);
    ck_ok(proa_peek(s, &view, 1));
    proa__stream_lend(s, 1); /* all of it */
    ck_assert_int_eq(proa_read(s, buf, 1), 1);
    ck_assert_uint_eq(c.asked, STREAM_BUF_LEAST);
    ck_assert_int_eq(proa_read(s, buf, 1), 1); /* not through the buffer then */
    ck_assert_uint_eq(c.asked, 1);
    ck_err(PROA_WITHIN(PROA_SEC, (int)proa_read(s, buf, 1)), PROA_ETIMEDOUT);
    ck_assert_int_eq(c.calls, 7);
    proa_stream_free(s);
    return 0;
}
START_TEST(small_reads_go_through_the_buffer)
{
    t_run(small_body, NULL);
}
END_TEST

/* An error waits behind what came before it, and is told even to who asks for nothing. */
static int zero_body(void *arg)
{
    const ssize_t list[] = {8, PROA_ECONNRESET};
    struct carrier c;
    struct proa_stream *s = says(&c, list);
    const struct proa_str none = PROA_STR("none"), end = PROA_STR("two\n");
    struct proa_str view;

    (void)arg;
    ck_err(proa_read_until(s, &view, &none, 1, 100, NULL), PROA_ECONNRESET);
    ck_assert_int_eq(proa_read(s, NULL, 0), 0);
    ck_ok(proa_read_until(s, &view, &end, 1, 100, NULL));
    ck_assert_uint_eq(view.n, 8);
    ck_assert_int_eq(proa_read(s, NULL, 0), PROA_ECONNRESET);
    ck_assert_int_eq(c.calls, 2);
    proa_stream_free(s);
    return 0;
}
START_TEST(a_read_of_nothing_tells_the_error_when_its_turn_has_come)
{
    t_run(zero_body, NULL);
}
END_TEST

/* ---- room */

/* Fill a first buffer, of which `taken` bytes are then taken. */
static struct proa_stream *filled(struct carrier *c, const ssize_t *list, size_t taken)
{
    struct proa_stream *s = says(c, list);
    static char bytes[STREAM_BUF_LEAST];

    ck_ok(proa__stream_unread(s, bytes, (size_t)list[0]));
    ck_assert_uint_eq(s->in->cap, STREAM_BUF_LEAST);
    proa__stream_consume(s, taken);
    c->calls = 1;
    return s;
}

/* In a buffer that has room enough, if need be once its bytes have moved, no other is made. */
static int room_body(void *arg)
{
    const size_t all = STREAM_BUF_LEAST;
    const ssize_t full[] = {(ssize_t)all, 1}, most[] = {(ssize_t)(all - all / 4), 1};
    struct carrier c;
    struct proa_stream *s = filled(&c, full, all - all / 2);

    (void)arg;
    t_alloc_fail(1);
    ck_assert_int_eq(proa__stream_fill(s, 2 * all), 1);
    ck_assert_uint_eq(c.asked, all - all / 2);
    proa_stream_free(s);
    t_alloc_fail(0);
    s = filled(&c, full, all - all / 2 - 1);
    t_alloc_fail(1);
    ck_err(proa__stream_fill(s, 2 * all), PROA_ENOMEM);
    t_alloc_fail(0);
    proa_stream_free(s);
    s = filled(&c, most, 0);
    t_alloc_fail(1);
    ck_assert_int_eq(proa__stream_fill(s, 2 * all), 1);
    ck_assert_uint_eq(c.asked, all / 4);
    t_alloc_fail(0);
    proa_stream_free(s);
    s = filled(&c, most, 10);
    t_alloc_fail(1);
    ck_ok(proa__stream_unread(s, "0123456789", 10)); /* in the place where they were */
    t_alloc_fail(0);
    proa_stream_free(s);
    return 0;
}
START_TEST(room_that_is_there_is_used)
{
    t_run(room_body, NULL);
}
END_TEST

/* ---- misuse */

static struct carrier gone;

#define CALLS(X)                                                                                   \
    X(proa__stream_try_read(s, byte, 1))                                                           \
    X(proa__stream_try_writev(s, &iov, 1))                                                         \
    X(proa__stream_try_sendfile(s, 0, 0, 1))                                                       \
    X(proa__stream_try_flush(s))                                                                   \
    X(proa__stream_try_shutdown(s))                                                                \
    X(proa__stream_notify(s, 0, NULL, NULL))                                                       \
    X(proa__stream_close(s))                                                                       \
    X(proa__stream_kill(s))                                                                        \
    X(proa__stream_break(s))                                                                       \
    X(proa__stream_read_done(s))                                                                   \
    X(proa__stream_bits(s))                                                                        \
    X(proa__stream_query(s, 1))                                                                    \
    X(proa__stream_wait(s, STREAM_READ))                                                           \
    X(proa__stream_wait(s, STREAM_READ | STREAM_WRITE))                                            \
    X(proa__stream_give(s))                                                                        \
    X(proa_read(s, byte, 1))                                                                       \
    X(proa_read_exact(s, byte, 1, NULL))                                                           \
    X(proa_read_until(s, &view, &view, 1, 1, NULL))                                                \
    X(proa_read_line(s, &view, 1))                                                                 \
    X(proa_read_all(s, &buf))                                                                      \
    X(proa_peek(s, &view, 1))                                                                      \
    X(proa_consume(s, 0))                                                                          \
    X(proa_at_eof(s))                                                                              \
    X(proa_write(s, byte, 1, NULL))                                                                \
    X(proa_writev(s, &iov, 1, NULL))                                                               \
    X(proa_write_buffered(s, byte, 1, NULL))                                                       \
    X(proa_flush(s))                                                                               \
    X(proa_shutdown(s))                                                                            \
    X(proa_close(s))                                                                               \
    X(proa_abort(s))                                                                               \
    X(proa_stream_free(s))                                                                         \
    X(proa_stream_fd(s))                                                                           \
    X(proa_stream_peer(s, &addr))                                                                  \
    X(proa_stream_local(s, &addr))                                                                 \
    X(proa_stream_describe(s, byte, 1))

#define ONE(call) +1
enum { CALL_COUNT = 0 CALLS(ONE) };

static int misuse_body(void *which)
{
    static const ssize_t list[] = {1};
    struct proa_stream *s = says(&gone, list);
    struct proa_str view = PROA_STR("x");
    struct proa_addr addr;
    struct proa_buf buf;
    char byte[1] = {0};
    struct iovec iov = {byte, 1};
    int i = *(int *)which;

    proa_buf_init(&buf, 1);
    proa_stream_free(s);
#define NTH(call)                                                                                  \
    if (i-- == 0)                                                                                  \
        (void)(call);
    CALLS(NTH)
    return 0;
}
START_TEST(a_freed_stream_stops_the_program)
{
    t_run_aborts(misuse_body, &_i, "the stream was freed, or never made");
}
END_TEST

int main(void)
{
    return t_main_tables("stream_carrier",
                         (const TTest *const[]){
                             a_broken_stream_gives_nothing_to_its_carrier,
                             who_cannot_send_files_can_write,
                             the_end_stays,
                             nothing_reaches_no_carrier,
                             small_reads_go_through_the_buffer,
                             a_read_of_nothing_tells_the_error_when_its_turn_has_come,
                             room_that_is_there_is_used,
                             NULL,
                         },
                         (const struct t_table[]){
                             {every_error_stays_but_lack_of_memory, 2},
                             {what_is_kept_goes_before_what_is_written, 2},
                             {a_freed_stream_stops_the_program, CALL_COUNT},
                             {NULL, 0},
                         });
}
