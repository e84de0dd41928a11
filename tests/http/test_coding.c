#include "http/coding.h"
#include "http/limits.h"
#include "support/test.h"

#include <zlib.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LIMITS &proa__http_limits_client
#define NO_LIMIT UINT64_MAX

enum { GZIP = 15 + 16, ZLIB = 15, RAW = -15 };

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

/* All of `text` packed in one of zlib's formats. */
static struct proa_str pack(struct proa_str text, int format)
{
    z_stream z = {0};
    size_t cap = text.n + text.n / 10 + 100;
    char *p = keep(cap);

    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)text.p;
    z.avail_in = (unsigned)text.n;
    z.next_out = (unsigned char *)p;
    z.avail_out = (unsigned)cap;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    cap -= z.avail_out;
    deflateEnd(&z);
    return proa_str_make(p, cap);
}

static struct proa_str join(struct proa_str a, struct proa_str b)
{
    char *p = keep(a.n + b.n + 1);

    memcpy(p, a.p, a.n);
    memcpy(p + a.n, b.p, b.n);
    return proa_str_make(p, a.n + b.n);
}

static struct proa_str repeat(char c, size_t n)
{
    char *p = keep(n);

    memset(p, c, n);
    return proa_str_make(p, n);
}

/* Text that packs neither well nor badly. */
static struct proa_str prose(size_t n)
{
    struct t_random r = {1};
    char *p = keep(n);

    for (size_t i = 0; i < n; i++)
        p[i] = "etaoin shrdlu"[t_random_below(&r, 13)];
    return proa_str_make(p, n);
}

/* How a body is handed over and taken. */
struct pace {
    size_t in;  /* bytes a call */
    size_t out; /* room a call */
};

static int make(struct decoder **ret, const char *coding, uint64_t max_out)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Content-Encoding", coding));
    int rc = proa__decoder_new(ret, &h, LIMITS, max_out);
    proa_headers_fini(&h);
    return rc;
}

/* Decode all of `packed`; returns the last code, and how many bytes came, all compared with
 * `expected`. */
static int decode(const char *coding, struct proa_str packed, struct pace pace, uint64_t max_out,
                  struct proa_str expected, size_t *ret_n)
{
    struct decoder *decoder = NULL;
    char *out = keep(pace.out);
    size_t got = 0;
    size_t idle = 0;

    int rc = make(&decoder, coding, max_out);
    ck_assert_int_eq(rc, 1);
    do {
        struct proa_str in = proa_str_sub(packed, 0, pace.in);
        size_t fed = in.n;
        size_t n = 0;
        rc = proa__decoder_run(decoder, &in, fed == packed.n, out, pace.out, &n);
        ck_assert_uint_le(n, pace.out);
        ck_assert_uint_le(n, CODING_STEP_MAX);
        ck_assert_uint_le(got + n, expected.n);
        ck_assert(memcmp(out, expected.p + got, n) == 0);
        got += n;
        packed = proa_str_sub(packed, fed - in.n, PROA_UNLIMITED);
        idle = n == 0 && in.n == fed ? idle + 1 : 0;
        ck_assert_uint_le(idle, 1);
    } while (rc == 0);
    *ret_n = got;
    proa__decoder_free(decoder);
    return rc;
}

static const struct pace paces[] = {
    {SIZE_MAX, 1 << 20}, {1, 1 << 20}, {SIZE_MAX, 1}, {1, 1}, {7, 100}};
enum { N_PACES = sizeof paces / sizeof paces[0] };

static void decodes(const char *coding, struct proa_str packed, struct proa_str expected)
{
    for (int i = 0; i < N_PACES; i++) {
        size_t n;
        ck_assert_int_eq(decode(coding, packed, paces[i], NO_LIMIT, expected, &n), 1);
        ck_assert_uint_eq(n, expected.n);
    }
}

static void fails(const char *coding, struct proa_str packed, struct proa_str expected, int code)
{
    for (int i = 0; i < N_PACES; i++) {
        size_t n;
        ck_assert_int_eq(decode(coding, packed, paces[i], NO_LIMIT, expected, &n), code);
    }
}

START_TEST(all_formats)
{
    struct proa_str text = prose(5000);

    decodes("gzip", pack(text, GZIP), text);
    decodes("X-GZip", pack(text, GZIP), text);
    decodes("deflate", pack(text, ZLIB), text);
    decodes("deflate", pack(text, RAW), text);
}
END_TEST

START_TEST(small_bodies_of_all_formats)
{
    for (size_t n = 0; n < 40; n++) {
        struct proa_str text = prose(n);
        decodes("gzip", pack(text, GZIP), text);
        decodes("deflate", pack(text, ZLIB), text);
        decodes("deflate", pack(text, RAW), text);
    }
}
END_TEST

START_TEST(an_empty_body_is_empty)
{
    decodes("gzip", PROA_STR(""), PROA_STR(""));
    decodes("deflate", PROA_STR(""), PROA_STR(""));
    decodes("gzip, gzip", PROA_STR(""), PROA_STR(""));
}
END_TEST

START_TEST(gzip_members_may_follow_each_other)
{
    struct proa_str a = prose(3000);
    struct proa_str b = prose(10);
    struct proa_str empty = {0};

    decodes("gzip", join(pack(a, GZIP), pack(b, GZIP)), join(a, b));
    decodes("gzip", join(pack(empty, GZIP), join(pack(b, GZIP), pack(empty, GZIP))), b);
}
END_TEST

START_TEST(what_follows_the_end_is_an_error)
{
    struct proa_str text = prose(100);

    fails("gzip", join(pack(text, GZIP), PROA_STR("x")), text, PROA_ECODING);
    fails("gzip", join(pack(text, GZIP), PROA_STR("\0")), text, PROA_ECODING);
    fails("gzip", join(pack(text, GZIP), PROA_STR("\x1f")), text, PROA_ECODING);
    fails("deflate", join(pack(text, ZLIB), PROA_STR("x")), text, PROA_ECODING);
    fails("deflate", join(pack(text, ZLIB), pack(text, ZLIB)), text, PROA_ECODING);
    fails("deflate", join(pack(text, RAW), PROA_STR("\0")), text, PROA_ECODING);
}
END_TEST

START_TEST(every_cut_is_an_error)
{
    struct proa_str text = prose(300);
    static const int formats[] = {GZIP, ZLIB, RAW};

    for (int i = 0; i < 3; i++) {
        struct proa_str packed = pack(text, formats[i]);
        for (size_t n = 1; n < packed.n; n++)
            fails(i == 0 ? "gzip" : "deflate", proa_str_sub(packed, 0, n), text, PROA_ECODING);
    }
}
END_TEST

START_TEST(broken_data_is_an_error)
{
    struct proa_str text = prose(300);
    struct proa_str packed = pack(text, GZIP);

    ((char *)packed.p)[packed.n - 6] ^= 1; /* the checksum */
    fails("gzip", packed, text, PROA_ECODING);
    fails("gzip", PROA_STR("no gzip at all"), text, PROA_ECODING);
    fails("gzip", pack(text, ZLIB), text, PROA_ECODING);
    fails("deflate", pack(text, GZIP), text, PROA_ECODING);
    fails("deflate", PROA_STR("\x78\xbb needs a dictionary"), text, PROA_ECODING);
}
END_TEST

START_TEST(codings_are_undone_from_the_last)
{
    struct proa_str text = prose(3000);

    decodes("gzip, deflate", pack(pack(text, GZIP), ZLIB), text);
    decodes("deflate, identity, gzip", pack(pack(text, RAW), GZIP), text);
    decodes("gzip,gzip", pack(pack(text, GZIP), GZIP), text);
    fails("deflate, gzip", pack(pack(text, GZIP), ZLIB), text, PROA_ECODING);
}
END_TEST

START_TEST(codings_in_each_other_are_cut_and_broken_too)
{
    struct proa_str text = prose(2000);
    struct proa_str packed = pack(pack(text, GZIP), GZIP);

    for (size_t n = 1; n < packed.n; n += 13)
        fails("gzip, gzip", proa_str_sub(packed, 0, n), text, PROA_ECODING);
    fails("gzip, gzip", pack(join(pack(text, GZIP), PROA_STR("x")), GZIP), text, PROA_ECODING);
    fails("gzip, gzip", join(packed, PROA_STR("x")), text, PROA_ECODING);
    struct proa_str inner = pack(text, GZIP);
    fails("gzip, gzip", pack(proa_str_sub(inner, 0, inner.n - 1), GZIP), text, PROA_ECODING);
}
END_TEST

START_TEST(codings_have_a_bound)
{
    struct decoder *decoder;
    struct proa_headers h = {0};

    ck_assert_int_eq(make(&decoder, "gzip, deflate", NO_LIMIT), 1);
    proa__decoder_free(decoder);
    ck_err(make(&decoder, "gzip, deflate, gzip", NO_LIMIT), PROA_EHTTPCODING);
    ck_err(make(&decoder, "br", NO_LIMIT), PROA_EHTTPCODING);
    ck_err(make(&decoder, "gzip, frob", NO_LIMIT), PROA_EHTTPCODING);
    ck_err(make(&decoder, "gzip;q=1", NO_LIMIT), PROA_EHTTPCODING);
    ck_err(make(&decoder, "\"", NO_LIMIT), PROA_EHTTPCODING);

    ck_ok(proa_headers_add(&h, "Content-Encoding", "gzip, gzip"));
    ck_ok(proa_headers_add(&h, "Content-Encoding", "gzip"));
    ck_err(proa__decoder_new(&decoder, &h, LIMITS, NO_LIMIT), PROA_EHTTPCODING);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(nothing_to_undo_needs_no_decoder)
{
    struct proa_headers h = {0};
    struct decoder *decoder = (struct decoder *)&h;

    ck_assert_int_eq(proa__decoder_new(&decoder, &h, LIMITS, NO_LIMIT), 0);
    ck_assert_ptr_null(decoder);
    decoder = (struct decoder *)&h;
    ck_assert_int_eq(make(&decoder, "identity, ,identity", NO_LIMIT), 0);
    ck_assert_ptr_null(decoder);
    proa__decoder_free(NULL);
}
END_TEST

START_TEST(the_absolute_limit_holds)
{
    struct proa_str text = prose(5000);
    struct proa_str packed = pack(text, GZIP);

    for (int i = 0; i < N_PACES; i++) {
        size_t n;
        ck_assert_int_eq(decode("gzip", packed, paces[i], 5000, text, &n), 1);
        ck_assert_int_eq(decode("gzip", packed, paces[i], 4999, text, &n), PROA_EHTTPBODYSIZE);
        ck_assert_uint_eq(n, 4999);
        ck_assert_int_eq(decode("gzip", packed, paces[i], 0, text, &n), PROA_EHTTPBODYSIZE);
        ck_assert_uint_eq(n, 0);
    }
}
END_TEST

/* Zeros pack 1 to 1028; a stored block of noise behind them brings the ratio where the test wants
 * it. */
START_TEST(the_ratio_holds_beyond_a_mebibyte)
{
    size_t n;
    struct pace pace = {SIZE_MAX, 1 << 20};

    struct proa_str text = repeat(0, 1 << 20);
    ck_assert_int_eq(decode("gzip", pack(text, GZIP), pace, NO_LIMIT, text, &n), 1);

    text = repeat(0, 20 << 20);
    ck_assert_int_eq(decode("gzip", pack(text, GZIP), pace, NO_LIMIT, text, &n),
                     PROA_EHTTPBODYSIZE);
    ck_assert_uint_lt(n, (2 << 20));

    struct proa_str mixed = join(prose(8192), text);
    struct proa_str packed = pack(mixed, GZIP);
    ck_assert_uint_lt(mixed.n / packed.n, 1000);
    ck_assert_int_eq(decode("gzip", packed, pace, NO_LIMIT, mixed, &n), 1);
}
END_TEST

/* A body of two codings may pack a million to one: it must stop at the same place. */
START_TEST(two_codings_do_not_hide_the_ratio)
{
    size_t n;
    struct proa_str text = repeat(0, 20 << 20);
    struct proa_str packed = pack(pack(text, GZIP), GZIP);

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(decode("gzip, gzip", packed, paces[i], NO_LIMIT, text, &n),
                         PROA_EHTTPBODYSIZE);
        ck_assert_uint_lt(n, (2 << 20));
    }
}
END_TEST

START_TEST(a_step_is_bounded)
{
    struct proa_str text = repeat('x', 1 << 20);
    struct proa_str packed = pack(text, GZIP);
    struct decoder *decoder;
    char *out = keep(1 << 20);
    size_t n;

    ck_assert_int_eq(make(&decoder, "gzip", NO_LIMIT), 1);
    ck_ok(proa__decoder_run(decoder, &packed, true, out, 1 << 20, &n));
    ck_assert_uint_eq(n, CODING_STEP_MAX);
    proa__decoder_free(decoder);
}
END_TEST

static const struct {
    const char *accept; /* NULL: no such field */
    enum coding coding;
} wishes[] = {
    {NULL, CODING_IDENTITY},
    {"", CODING_IDENTITY},
    {"gzip", CODING_GZIP},
    {"GZIP", CODING_GZIP},
    {"x-gzip", CODING_GZIP},
    {"br, deflate, gzip", CODING_GZIP},
    {"br", CODING_IDENTITY},
    {"deflate", CODING_IDENTITY},
    {"gzip;q=0", CODING_IDENTITY},
    {"gzip; q=0.000", CODING_IDENTITY},
    {"gzip;q=0.001", CODING_GZIP},
    {"gzip;Q=1.000", CODING_GZIP},
    {"*", CODING_GZIP},
    {"*;q=0", CODING_OTHER},
    {"*;q=0, gzip", CODING_GZIP},
    {"*, gzip;q=0", CODING_IDENTITY},
    {"identity;q=0", CODING_OTHER},
    {"identity;q=0, gzip;q=0", CODING_OTHER},
    {"identity;q=0, gzip;q=0.1", CODING_GZIP},
    {"*;q=0, identity", CODING_IDENTITY},
    {"gzip;q=0.5, identity", CODING_IDENTITY},
    {"gzip;q=0.5, identity;q=0.5", CODING_GZIP},
    {"gzip;q=0.5, identity;q=0.501", CODING_IDENTITY},
    {"gzip;q=1.001", CODING_IDENTITY},
    {"gzip;q=0.1234", CODING_IDENTITY},
    {"gzip;q=2", CODING_IDENTITY},
    {"gzip;q=-1", CODING_IDENTITY},
    {"gzip;q=", CODING_IDENTITY},
    {"gzip;q", CODING_IDENTITY},
    {"gzip;q=.5", CODING_IDENTITY},
    {"gzip;q=0,5", CODING_IDENTITY},
    {"gzip;q=a", CODING_IDENTITY},
    {"gzip;q=1.", CODING_GZIP},
    {"gzip;x=y", CODING_GZIP},
    {"gzipped", CODING_IDENTITY},
};

START_TEST(wish)
{
    struct proa_headers h = {0};

    if (wishes[_i].accept)
        ck_ok(proa_headers_add(&h, "Accept-Encoding", wishes[_i].accept));
    ck_assert_int_eq(proa__coding_choose(&h), wishes[_i].coding);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(wishes_may_stand_on_two_lines)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Accept-Encoding", "identity;q=0"));
    ck_ok(proa_headers_add(&h, "accept-encoding", "gzip;q=0.3"));
    ck_assert_int_eq(proa__coding_choose(&h), CODING_GZIP);
    proa_headers_fini(&h);
}
END_TEST

/* Pack `text` in steps; returns what came. */
static struct proa_str encode(struct proa_str text, enum encoder_step between, struct pace pace)
{
    struct encoder *encoder;
    size_t cap = text.n * 12 + 1000;
    char *p = keep(cap);
    size_t got = 0;
    int rc;

    ck_ok(proa__encoder_new(&encoder, 0));
    do {
        struct proa_str in = proa_str_sub(text, 0, pace.in);
        text = proa_str_sub(text, in.n, PROA_UNLIMITED);
        do {
            size_t n;
            size_t room = pace.out < cap - got ? pace.out : cap - got;
            rc = proa__encoder_run(encoder, &in, text.n ? between : ENCODER_END, p + got, room, &n);
            ck_assert_uint_le(n, room);
            got += n;
        } while (rc == 0);
        ck_assert_int_eq(rc, 1);
        ck_assert_uint_eq(in.n, 0);
    } while (text.n > 0);
    proa__encoder_free(encoder);
    return proa_str_make(p, got);
}

START_TEST(what_is_packed_unpacks)
{
    static const size_t sizes[] = {0, 1, 100, 70000};

    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < N_PACES; j++) {
            struct proa_str text = prose(sizes[i]);
            struct proa_str packed = encode(text, ENCODER_MORE, paces[j]);
            size_t n;
            ck_assert_int_eq(decode("gzip", packed, paces[0], NO_LIMIT, text, &n), 1);
            ck_assert_uint_eq(n, text.n);
        }
    }
}
END_TEST

START_TEST(what_is_flushed_can_be_read_at_once)
{
    struct encoder *encoder;
    struct decoder *decoder;
    struct proa_str in = PROA_STR("data: 1\n\n");
    char packed[200];
    char text[50];
    size_t n;
    size_t text_n;

    ck_ok(proa__encoder_new(&encoder, 6));
    ck_assert_int_eq(make(&decoder, "gzip", NO_LIMIT), 1);
    for (int i = 0; i < 3; i++) {
        in = PROA_STR("data: 1\n\n");
        ck_assert_int_eq(proa__encoder_run(encoder, &in, ENCODER_FLUSH, packed, sizeof packed, &n),
                         1);
        struct proa_str bytes = proa_str_make(packed, n);
        ck_ok(proa__decoder_run(decoder, &bytes, false, text, sizeof text, &text_n));
        ck_str_eq(proa_str_make(text, text_n), "data: 1\n\n");
        ck_assert_uint_eq(bytes.n, 0);
    }
    proa__encoder_free(encoder);
    proa__encoder_free(NULL);
    proa__decoder_free(decoder);

    struct proa_str body = prose(500);
    struct proa_str flushed = encode(body, ENCODER_FLUSH, paces[4]);
    decodes("gzip", flushed, body);
}
END_TEST

static struct proa_str one_packed;

static int use_both(void *arg)
{
    struct encoder *encoder = NULL;
    struct decoder *decoder = NULL;
    struct proa_headers h = {0};
    struct proa_str in = one_packed;
    char out[200];
    size_t n;

    (void)arg;
    int rc = proa_headers_add(&h, "Content-Encoding", "gzip, gzip");
    if (rc == 0)
        rc = proa__decoder_new(&decoder, &h, LIMITS, NO_LIMIT);
    while (rc > 0 || (rc == 0 && in.n))
        if ((rc = proa__decoder_run(decoder, &in, true, out, sizeof out, &n)) == 1)
            break;
    if (rc >= 0)
        rc = proa__encoder_new(&encoder, 1);
    in = PROA_STR("text");
    if (rc == 0)
        rc = proa__encoder_run(encoder, &in, ENCODER_END, out, sizeof out, &n) == 1 ? 0 : PROA_EEOF;
    proa__encoder_free(encoder);
    proa__decoder_free(decoder);
    proa_headers_fini(&h);
    return rc;
}

START_TEST(each_allocation_may_fail)
{
    one_packed = pack(pack(prose(1000), GZIP), GZIP);
    t_each_alloc(use_both, NULL);
}
END_TEST

/* ---- stack: painted, then looked at from its far end */

enum { STACK = 1024 * 1024, PAINT = 0xa5 }; /* what ThreadSanitizer wants for a thread */

#ifdef PROA_SANITIZED
enum { ENOUGH = 32 * 1024 }; /* of stacks four times as large */
#else
enum { ENOUGH = 4 * 1024 };
#endif

static void *run_nothing(void *arg)
{
    return arg;
}

static void *run_codecs(void *arg)
{
    size_t n;
    struct proa_str text = prose(200000);
    struct proa_str packed = encode(text, ENCODER_MORE, (struct pace){5000, 4000});

    ck_assert_int_eq(decode("gzip", packed, (struct pace){3000, 5000}, NO_LIMIT, text, &n), 1);
    return arg;
}

static size_t stack_of(void *(*fn)(void *))
{
    pthread_attr_t attr;
    pthread_t thread;
    void *stack;
    size_t n = 0;

    ck_assert_int_eq(posix_memalign(&stack, 4096, STACK), 0);
    memset(stack, PAINT, STACK);
    pthread_attr_init(&attr);
    ck_assert_int_eq(pthread_attr_setstack(&attr, stack, STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, fn, NULL), 0);
    pthread_join(thread, NULL);
    while (n < STACK && ((unsigned char *)stack)[n] == PAINT)
        n++;
    free(stack);
    return STACK - n;
}

/* lib/http/gzip.c calls zlib on the task's own stack. */
START_TEST(a_task_stack_is_enough)
{
    size_t nothing = stack_of(run_nothing);

    ck_assert_uint_lt(stack_of(run_codecs) - nothing, ENOUGH);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "coding",
        (const TTest *const[]){all_formats,
                               small_bodies_of_all_formats,
                               an_empty_body_is_empty,
                               gzip_members_may_follow_each_other,
                               what_follows_the_end_is_an_error,
                               every_cut_is_an_error,
                               broken_data_is_an_error,
                               codings_are_undone_from_the_last,
                               codings_in_each_other_are_cut_and_broken_too,
                               codings_have_a_bound,
                               nothing_to_undo_needs_no_decoder,
                               the_absolute_limit_holds,
                               the_ratio_holds_beyond_a_mebibyte,
                               two_codings_do_not_hide_the_ratio,
                               a_step_is_bounded,
                               wishes_may_stand_on_two_lines,
                               what_is_packed_unpacks,
                               what_is_flushed_can_be_read_at_once,
                               each_allocation_may_fail,
                               a_task_stack_is_enough,
                               NULL},
        (const struct t_table[]){{wish, sizeof wishes / sizeof wishes[0]}, {NULL, 0}});
}
