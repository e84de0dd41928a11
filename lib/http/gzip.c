#include "base/fail.h"
#include "base/mem.h"
#include "http/coding.h"
#include "http/headers.h"
#include "http/limits.h"

#include <proa/err.h>
#include <proa/params.h>

#include <zlib.h>

#include <string.h>

/*
 * zlib runs on the task's own stack: its windows, tables and buffers are on the heap, and packing
 * and unpacking 200 KB was measured to take 3.6 KiB of stack in all, the dynamic linker's look-ups
 * included (test_coding: a_task_stack_is_enough). Two switches to the big stack would buy nothing.
 */

enum {
    CODINGS_MAX = 4,       /* the most that limits->codings can ask for */
    BETWEEN = 16 * 1024,   /* bytes handed from one coding to the next at a time */
    GZIP_WINDOW = 15 + 16, /* zlib's way to say: 32 KiB, in gzip's format */
    ZLIB_WINDOW = 15,
    RAW_WINDOW = -15,
};

static void *zlib_alloc(void *arg, unsigned count, unsigned size)
{
    (void)arg;
    return proa__alloc((size_t)count * size);
}

static void zlib_free(void *arg, void *p)
{
    (void)arg;
    proa__free(p);
}

/* ---- one coding undone */

enum stage_state {
    STAGE_START,  /* nothing came yet */
    STAGE_INSIDE, /* in the middle of the data */
    STAGE_ENDED,  /* at a proper end; of gzip, another member may follow */
};

struct stage {
    enum coding coding;
    enum stage_state state;
    bool open; /* z is to be closed */
    z_stream z;
};

static int broken(const struct stage *stage, const char *how)
{
    return proa__fail(PROA_ECODING, "%s body: %s", proa__coding_name(stage->coding), how);
}

/* Servers disagree on what "deflate" is. The first byte tells: of zlib's format it says method 8
 * and a window; a raw block that began like that would have bits set where there is only padding.
 */
static int window_of(const struct stage *stage, unsigned char first)
{
    if (stage->coding == CODING_GZIP)
        return GZIP_WINDOW;
    return (first & 15) == 8 && first >> 4 <= 7 ? ZLIB_WINDOW : RAW_WINDOW;
}

static int stage_begin(struct stage *stage, unsigned char first)
{
    stage->z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&stage->z, window_of(stage, first)) != Z_OK)
        return PROA_ENOMEM;
    stage->open = true;
    stage->state = STAGE_INSIDE;
    return 0;
}

/* Before the first byte, or behind an end: what may come now? */
static int stage_enter(struct stage *stage, const struct proa_str *in)
{
    if (stage->state == STAGE_START)
        return stage_begin(stage, (unsigned char)in->p[0]);
    if (stage->coding != CODING_GZIP)
        return broken(stage, "something follows its end");
    inflateReset(&stage->z); /* the next member; what is none has no gzip header */
    stage->state = STAGE_INSIDE;
    return 0;
}

static int stage_inflate(struct stage *stage, struct proa_str *in, char *out, size_t cap, size_t *n)
{
    z_stream *z = &stage->z;
    size_t n_in = in->n < UINT32_MAX ? in->n : UINT32_MAX;

    z->next_in = (unsigned char *)in->p;
    z->avail_in = (unsigned)n_in;
    z->next_out = (unsigned char *)out + *n;
    z->avail_out = (unsigned)(cap - *n);
    int status = inflate(z, Z_NO_FLUSH);
    *in = proa_str_sub(*in, n_in - z->avail_in, PROA_UNLIMITED);
    *n = cap - z->avail_out;

    switch (status) {
    case Z_STREAM_END:
        stage->state = STAGE_ENDED;
        return 0;
    case Z_OK:
    case Z_BUF_ERROR: /* nothing to do without more input or room */
        return 0;
    case Z_MEM_ERROR:
        return PROA_ENOMEM;
    default:
        return broken(stage, z->msg ? z->msg : "needs a dictionary");
    }
}

/* Fill `out`. Returns 1 when the data is complete, 0 when input or room is used up. */
static int stage_run(struct stage *stage, struct proa_str *in, bool last, char *out, size_t cap,
                     size_t *ret_n)
{
    size_t n = 0;
    int rc = 0;

    while (rc == 0 && n < cap) {
        if (stage->state != STAGE_INSIDE && in->n == 0)
            break;
        if (stage->state != STAGE_INSIDE)
            rc = stage_enter(stage, in);
        if (rc == 0)
            rc = stage_inflate(stage, in, out, cap, &n);
        if (stage->state == STAGE_INSIDE && in->n == 0)
            break;
    }
    *ret_n = n;
    if (rc < 0 || !last || in->n > 0)
        return rc;
    if (stage->state == STAGE_INSIDE && n < cap)
        return broken(stage, "cut short");
    return stage->state != STAGE_INSIDE; /* no byte at all is an empty body */
}

/* ---- all codings of a message */

/* What one stage has made and the next has not taken yet. */
struct pipe {
    char *room; /* BETWEEN bytes */
    struct proa_str waiting;
    bool complete; /* nothing more comes behind what waits */
};

/*
 *   input -> stages[0] -> pipes[0] -> stages[1] -> output
 */
struct decoder {
    struct stage stages[CODINGS_MAX]; /* in the order in which they are undone */
    struct pipe pipes[CODINGS_MAX - 1];
    size_t count;
    const struct http_limits *limits;
    uint64_t max_out;
    uint64_t in;  /* bytes so far */
    uint64_t out; /* bytes so far */
};

/* Stage `i` with all before it. */
static int pull(struct decoder *decoder, size_t i, struct proa_str *in, bool last, char *out,
                size_t cap, size_t *ret_n)
{
    if (i == 0)
        return stage_run(&decoder->stages[0], in, last, out, cap, ret_n);

    struct pipe *pipe = &decoder->pipes[i - 1];
    for (;;) {
        bool dry = pipe->waiting.n == 0 && !pipe->complete;
        *ret_n = 0;
        if (dry) {
            size_t n;
            int rc = pull(decoder, i - 1, in, last, pipe->room, BETWEEN, &n);
            if (rc < 0)
                return rc;
            pipe->complete = rc;
            pipe->waiting = proa_str_make(pipe->room, n);
            dry = n == 0 && !pipe->complete;
        }
        if (dry)
            return 0; /* no input left */
        int rc = stage_run(&decoder->stages[i], &pipe->waiting, pipe->complete, out, cap, ret_n);
        if (rc != 0 || *ret_n > 0)
            return rc;
    }
}

static int too_much(const struct decoder *decoder)
{
    return proa__fail(PROA_EHTTPBODYSIZE, "a body of %llu bytes unpacks to more than %llu",
                      (unsigned long long)decoder->in, (unsigned long long)decoder->out);
}

int proa__decoder_run(struct decoder *decoder, struct proa_str *in, bool last, void *out,
                      size_t cap, size_t *ret_n)
{
    const struct http_limits *limits = decoder->limits;
    uint64_t left = decoder->max_out - decoder->out;
    size_t in_n = in->n;
    char beyond; /* where a byte over the limit shows itself */
    char *room = left > 0 ? out : &beyond;

    if (cap > CODING_STEP_MAX)
        cap = CODING_STEP_MAX;
    if (cap > left)
        cap = left > 0 ? (size_t)left : 1;

    int rc = pull(decoder, decoder->count - 1, in, last, room, cap, ret_n);
    decoder->in += in_n - in->n;
    if (left == 0 && *ret_n > 0) {
        *ret_n = 0;
        return too_much(decoder);
    }
    decoder->out += *ret_n;
    if (rc >= 0 && decoder->out > limits->inflate_free_bytes &&
        decoder->out / limits->inflate_ratio > decoder->in)
        return too_much(decoder);
    return rc;
}

static int add_stage(struct decoder *decoder, struct proa_str token)
{
    enum coding coding = proa__coding_from(token);

    if (coding == CODING_IDENTITY)
        return 0;
    if (coding == CODING_OTHER)
        return proa__fail(PROA_EHTTPCODING, "content coding %.*s is not known",
                          PROA_PRI(proa_str_sub(token, 0, 40)));
    if (decoder->count >= CODINGS_MAX || decoder->count >= decoder->limits->codings)
        return proa__fail(PROA_EHTTPCODING, "more than %zu content codings in each other",
                          decoder->count);
    decoder->stages[decoder->count++].coding = coding;
    return 0;
}

/* The header names the codings in the order in which they were done. */
static int add_stages(struct decoder *decoder, const struct proa_headers *headers)
{
    const struct proa_header *field = proa__headers_find(headers, HTTP_KNOWN_CONTENT_ENCODING);
    int rc = 0;

    for (; field && rc >= 0; field = proa__headers_find_next(headers, field)) {
        struct proa_str rest = field->value;
        struct proa_str token;
        while ((rc = proa_list_next(&rest, &token)) > 0) {
            rc = add_stage(decoder, token);
            if (rc < 0)
                return rc;
        }
    }
    for (size_t i = 0; i < decoder->count / 2; i++) {
        struct stage swap = decoder->stages[i];
        decoder->stages[i] = decoder->stages[decoder->count - 1 - i];
        decoder->stages[decoder->count - 1 - i] = swap;
    }
    return rc < 0 ? PROA_EHTTPCODING : 0;
}

static int add_pipes(struct decoder *decoder)
{
    for (size_t i = 0; i + 1 < decoder->count; i++) {
        decoder->pipes[i].room = proa__alloc(BETWEEN);
        if (!decoder->pipes[i].room)
            return PROA_ENOMEM;
    }
    return 0;
}

int proa__decoder_new(struct decoder **ret, const struct proa_headers *headers,
                      const struct http_limits *limits, uint64_t max_out)
{
    if (!proa__headers_has(headers, HTTP_KNOWN_CONTENT_ENCODING)) {
        *ret = NULL;
        return 0;
    }

    struct decoder *decoder = proa__zalloc(sizeof *decoder);
    if (!decoder)
        return PROA_ENOMEM;

    decoder->limits = limits;
    decoder->max_out = max_out;
    int rc = add_stages(decoder, headers);
    if (rc == 0)
        rc = add_pipes(decoder);
    if (rc < 0 || decoder->count == 0) {
        proa__decoder_free(decoder);
        decoder = NULL;
    }
    if (rc == 0)
        *ret = decoder;
    return rc < 0 ? rc : decoder != NULL;
}

void proa__decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t i = 0; i < decoder->count; i++)
        if (decoder->stages[i].open)
            inflateEnd(&decoder->stages[i].z);
    for (size_t i = 0; i + 1 < decoder->count; i++)
        proa__free(decoder->pipes[i].room);
    proa__free(decoder);
}

/* ---- gzip done */

struct encoder {
    z_stream z;
};

int proa__encoder_new(struct encoder **ret, int level)
{
    struct encoder *encoder = proa__zalloc(sizeof *encoder);
    if (!encoder)
        return PROA_ENOMEM;

    encoder->z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (deflateInit2(&encoder->z, level ? level : Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        proa__free(encoder);
        return PROA_ENOMEM;
    }
    *ret = encoder;
    return 0;
}

void proa__encoder_free(struct encoder *encoder)
{
    if (!encoder)
        return;
    deflateEnd(&encoder->z);
    proa__free(encoder);
}

static int flush_of(enum encoder_step step)
{
    return step == ENCODER_END ? Z_FINISH : step == ENCODER_FLUSH ? Z_SYNC_FLUSH : Z_NO_FLUSH;
}

int proa__encoder_run(struct encoder *encoder, struct proa_str *in, enum encoder_step step,
                      void *out, size_t cap, size_t *ret_n)
{
    z_stream *z = &encoder->z;
    size_t n_in = in->n < UINT32_MAX ? in->n : UINT32_MAX;

    if (cap > CODING_STEP_MAX)
        cap = CODING_STEP_MAX;
    z->next_in = (unsigned char *)in->p;
    z->avail_in = (unsigned)n_in;
    z->next_out = out;
    z->avail_out = (unsigned)cap;
    int status = deflate(z, n_in == in->n ? flush_of(step) : Z_NO_FLUSH);

    *in = proa_str_sub(*in, n_in - z->avail_in, PROA_UNLIMITED);
    *ret_n = cap - z->avail_out;
    if (step == ENCODER_END)
        return status == Z_STREAM_END;
    return in->n == 0 && z->avail_out > 0;
}
