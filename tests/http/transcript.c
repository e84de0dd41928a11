#include "http/transcript.h"

#include "base/arena.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Input pieces end flush against a page that cannot be read. */
enum { PIECE_MAX = 1 << 20, PAGE = 4096 };

struct reader {
    struct proa_buf *out;
    const struct transcript_opts *opts;
    struct http_parser parser;
    struct arena arena;
    struct proa_buf body;
    bool begun;   /* a message is being read */
    bool stopped; /* nothing more can be read from this connection */
};

static char *guarded_end(void)
{
    static char *end;

    if (!end) {
        char *p = mmap(NULL, PIECE_MAX + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
        ck_assert_ptr_ne(p, MAP_FAILED);
        ck_assert_int_eq(mprotect(p + PIECE_MAX, PAGE, PROT_NONE), 0);
        end = p + PIECE_MAX;
    }
    return end;
}

void transcript_escape(struct proa_buf *out, struct proa_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '\r' || c == '\n' || c == '\t' || c == '\\')
            ck_ok(proa_buf_appendf(out, "\\%c",
                                   c == '\r'   ? 'r'
                                   : c == '\n' ? 'n'
                                   : c == '\t' ? 't'
                                               : '\\'));
        else if (c < 0x20 || c >= 0x7f)
            ck_ok(proa_buf_appendf(out, "\\x%02x", c));
        else
            ck_ok(proa_buf_append(out, &text.p[i], 1));
    }
}

static void tell_fields(struct reader *r, const char *word, const struct proa_headers *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct proa_header *field = proa_headers_at(fields, i);
        ck_ok(proa_buf_appendf(r->out, "%s ", word));
        transcript_escape(r->out, field->name);
        ck_ok(proa_buf_appendf(r->out, ": "));
        transcript_escape(r->out, field->value);
        ck_ok(proa_buf_appendf(r->out, "\n"));
    }
}

static void tell_head(struct reader *r, const char *word)
{
    const struct http_head *h = r->parser.head;

    ck_ok(proa_buf_appendf(r->out, "%s ", word));
    if (r->opts->response) {
        ck_ok(proa_buf_appendf(r->out, "%d", h->status));
    } else {
        transcript_escape(r->out, h->method);
        ck_ok(proa_buf_appendf(r->out, " "));
        transcript_escape(r->out, h->target);
    }
    ck_ok(proa_buf_appendf(r->out, " HTTP/1.%u", h->minor));
    if (h->framing == HTTP_FRAMING_LENGTH)
        ck_ok(proa_buf_appendf(r->out, " length=%lld", (long long)h->length));
    else if (h->framing == HTTP_FRAMING_CHUNKED)
        ck_ok(proa_buf_appendf(r->out, " chunked"));
    else if (h->framing == HTTP_FRAMING_EOF)
        ck_ok(proa_buf_appendf(r->out, " eof"));
    ck_ok(proa_buf_appendf(r->out, h->keep_alive ? " keep" : " close"));
    if (h->upgrade)
        ck_ok(proa_buf_appendf(r->out, " upgrade"));
    if (h->expect)
        ck_ok(proa_buf_appendf(r->out, " expect=%s",
                               h->expect == HTTP_EXPECT_CONTINUE ? "continue" : "other"));
    ck_ok(proa_buf_appendf(r->out, "\n"));
    if (r->opts->fields)
        tell_fields(r, "field", &h->headers);
}

static void tell_body(struct reader *r)
{
    if (proa_buf_str(&r->body).n == 0)
        return;
    ck_ok(proa_buf_appendf(r->out, "body "));
    transcript_escape(r->out, proa_buf_str(&r->body));
    ck_ok(proa_buf_appendf(r->out, "\n"));
    proa_buf_clear(&r->body);
}

static void end_message(struct reader *r)
{
    bool keep = r->parser.head->keep_alive;

    tell_fields(r, "trailer", &r->parser.head->trailers);
    ck_ok(proa_buf_appendf(r->out, "end\n"));
    proa__http_parser_fini(&r->parser);
    proa__arena_reset(&r->arena);
    r->begun = false;
    r->stopped = !keep;
}

static void begin_message(struct reader *r)
{
    const struct http_limits *limits = r->opts->limits;

    if (r->opts->response)
        ck_ok(proa__http_parser_begin_response(
            &r->parser, limits ? limits : &proa__http_limits_client, &r->arena, r->opts->asked));
    else
        ck_ok(proa__http_parser_begin_request(
            &r->parser, limits ? limits : &proa__http_limits_server, &r->arena));
    r->begun = true;
}

/* Say what happened. False: nothing more happens before more input comes. */
static bool tell(struct reader *r, int event, struct proa_str body)
{
    if (event < 0) {
        tell_body(r);
        ck_ok(proa_buf_appendf(r->out, "fail %s", proa_err_name(event)));
        if (proa__http_status_of(event) && !r->opts->response)
            ck_ok(proa_buf_appendf(r->out, " %d", proa__http_status_of(event)));
        ck_ok(proa_buf_appendf(r->out, "\n"));
        r->stopped = true;
        return false;
    }
    switch (event) {
    case HTTP_HEAD:
        tell_head(r, "head");
        return true;
    case HTTP_INTERIM:
        tell_head(r, "interim");
        return true;
    case HTTP_BODY:
        ck_assert_uint_gt(body.n, 0);
        ck_ok(proa_buf_append(&r->body, body.p, body.n));
        return true;
    case HTTP_END:
        tell_body(r);
        end_message(r);
        return !r->stopped;
    default:
        ck_assert_int_eq(event, HTTP_NEED_MORE);
        return false;
    }
}

/* One piece of input, to its end. */
static void feed(struct reader *r, const char *bytes, size_t n)
{
    char *piece = guarded_end() - n;
    size_t at = 0;

    ck_assert_uint_le(n, PIECE_MAX);
    memcpy(piece, bytes, n);
    while (!r->stopped) {
        size_t room = r->opts->cut == CUT_SMALL_ROOM ? 3 : SIZE_MAX;
        size_t used = SIZE_MAX;
        struct proa_str body;

        if (!r->begun && at == n)
            return;
        if (!r->begun)
            begin_message(r);
        int event = proa__http_parser_feed(&r->parser, piece + at, n - at, room, &used, &body);
        if (event >= 0) {
            ck_assert_uint_le(used, n - at);
            at += used;
        }
        if (!tell(r, event, body) && !r->stopped) {
            ck_assert_uint_eq(at, n);
            return;
        }
    }
}

static void end_input(struct reader *r)
{
    if (r->stopped || !r->begun)
        return;
    int event = proa__http_parser_finish(&r->parser);
    if (event == HTTP_NEED_MORE)
        ck_ok(proa_buf_appendf(r->out, "idle\n"));
    else
        tell(r, event, (struct proa_str){0});
}

void transcript(struct proa_buf *out, const char *bytes, size_t n,
                const struct transcript_opts *opts)
{
    struct reader r = {.out = out, .opts = opts};
    struct t_random random = {opts->seed};
    size_t at = 0;

    proa__arena_init(&r.arena, NULL, 0);
    proa_buf_init(&r.body, PROA_UNLIMITED);
    while (at < n && !r.stopped) {
        size_t k = opts->cut == CUT_BYTES    ? 1
                   : opts->cut == CUT_RANDOM ? 1 + t_random_below(&random, 40)
                                             : n - at;
        k = k < n - at ? k : n - at;
        feed(&r, bytes + at, k);
        at += k;
    }
    if (opts->eof)
        end_input(&r);
    if (r.begun && !r.stopped) {
        tell_body(&r);
        ck_ok(proa_buf_appendf(out, "more\n"));
    } else if (r.stopped && !r.begun) {
        ck_ok(proa_buf_appendf(out, "closed\n"));
    }
    proa__http_parser_fini(&r.parser);
    proa__arena_fini(&r.arena);
    proa_buf_fini(&r.body);
}
