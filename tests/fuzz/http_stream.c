#include "fuzz/http_stream.h"

#include "base/arena.h"
#include "fuzz/fuzz.h"

#include <proa/err.h>

#include <string.h>

/* What became of the stream, as numbers that do not depend on the cuts. */
struct outcome {
    uint64_t hash; /* of events and body bytes, in order */
    uint64_t body_n;
    unsigned messages;
    int rc; /* the failure, or 0 */
};

struct stream {
    struct arena arena;
    struct http_parser parser;
    struct outcome out;
    struct http_asked asked;
    bool response;
    bool begun;
    bool closed;
};

static void mix(struct outcome *out, uint64_t value)
{
    out->hash = (out->hash ^ value) * 0x100000001b3u;
}

static void mix_text(struct outcome *out, struct proa_str text)
{
    for (size_t i = 0; i < text.n; i++)
        mix(out, (unsigned char)text.p[i]);
}

static void mix_fields(struct outcome *out, const struct proa_headers *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        mix_text(out, fields->fields[i].name);
        mix_text(out, fields->fields[i].value);
    }
}

static void take_head(struct stream *s)
{
    const struct http_head *h = s->parser.head;

    FUZZ_CHECK(h->framing != HTTP_FRAMING_EOF || (s->response && !h->keep_alive));
    FUZZ_CHECK(h->framing != HTTP_FRAMING_LENGTH || h->length >= 0);
    FUZZ_CHECK(h->minor <= 1);
    mix(&s->out, h->framing * 1000u + (unsigned)h->status);
    mix(&s->out, (uint64_t)h->length);
    mix_text(&s->out, h->target);
    mix_fields(&s->out, &h->headers);
}

static void begin_message(struct stream *s)
{
    int rc = s->response ? proa__http_parser_begin_response(&s->parser, &proa__http_limits_client,
                                                            &s->arena, s->asked)
                         : proa__http_parser_begin_request(&s->parser, &proa__http_limits_server,
                                                           &s->arena);

    FUZZ_CHECK(rc == 0);
    s->begun = true;
}

static void end_message(struct stream *s)
{
    const struct http_head *h = s->parser.head;

    if (h->framing == HTTP_FRAMING_LENGTH)
        FUZZ_CHECK(s->parser.body_n == (uint64_t)h->length);
    mix_fields(&s->out, &h->trailers);
    s->out.messages++;
    s->closed = !h->keep_alive;
    proa__http_parser_fini(&s->parser);
    proa__arena_reset(&s->arena);
    s->begun = false;
}

/* One event; false when there is nothing more to do with this piece. */
static bool take(struct stream *s, int event, struct proa_str body)
{
    if (event < 0) {
        s->out.rc = event;
        s->closed = true;
        return false;
    }
    if (event == HTTP_BODY) {
        FUZZ_CHECK(body.n > 0);
        mix_text(&s->out, body);
        s->out.body_n += body.n;
    } else if (event == HTTP_END) {
        end_message(s);
    } else if (event != HTTP_NEED_MORE) {
        mix(&s->out, (uint64_t)event);
        take_head(s);
    }
    return event != HTTP_NEED_MORE && !s->closed;
}

static void feed(struct stream *s, const char *bytes, size_t n, size_t room)
{
    size_t at = 0;
    size_t used;
    struct proa_str body;
    int event;

    do {
        if (!s->begun && at == n)
            return;
        if (!s->begun)
            begin_message(s);
        event = proa__http_parser_feed(&s->parser, bytes + at, n - at, room, &used, &body);
        FUZZ_CHECK(event < 0 || used <= n - at);
        at += event < 0 ? 0 : used;
    } while (take(s, event, body));
}

static struct outcome run(const char *bytes, size_t n, bool response, struct http_asked asked,
                          size_t step, size_t room)
{
    struct stream s = {.response = response, .asked = asked};

    for (size_t at = 0; at < n && !s.closed; at += step)
        feed(&s, bytes + at, step < n - at ? step : n - at, room);
    if (s.begun && !s.closed)
        mix(&s.out, (uint64_t)proa__http_parser_finish(&s.parser));
    proa__http_parser_fini(&s.parser);
    proa__arena_fini(&s.arena);
    return s.out;
}

static void same(struct outcome a, struct outcome b)
{
    FUZZ_CHECK(a.rc == b.rc);
    FUZZ_CHECK(a.messages == b.messages && a.body_n == b.body_n);
    FUZZ_CHECK(a.hash == b.hash);
}

void fuzz_http_stream(const char *bytes, size_t n, bool response, struct http_asked asked)
{
    struct outcome whole = run(bytes, n, response, asked, n ? n : 1, SIZE_MAX);

    same(whole, run(bytes, n, response, asked, 1, SIZE_MAX));
    same(whole, run(bytes, n, response, asked, 1 + n % 13, 1 + n % 3));
}
