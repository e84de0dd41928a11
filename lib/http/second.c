#include "http/second.h"

#include "base/fail.h"
#include "http/scan_line.h"

#include <proa/err.h>
#include <proa/http.h>

#include <llhttp.h>

#define FRAMING_FLAGS (F_CONTENT_LENGTH | F_CHUNKED | F_TRANSFER_ENCODING)

static int pause_here(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {.on_headers_complete = pause_here};

static const uint8_t methods[] = {
    [PROA_METHOD_GET] = HTTP_GET,         [PROA_METHOD_HEAD] = HTTP_HEAD,
    [PROA_METHOD_POST] = HTTP_POST,       [PROA_METHOD_PUT] = HTTP_PUT,
    [PROA_METHOD_DELETE] = HTTP_DELETE,   [PROA_METHOD_CONNECT] = HTTP_CONNECT,
    [PROA_METHOD_OPTIONS] = HTTP_OPTIONS, [PROA_METHOD_TRACE] = HTTP_TRACE,
    [PROA_METHOD_PATCH] = HTTP_PATCH,
};

/* Fields stand one behind the other, so each line ends where the next begins. */
static llhttp_errno_t read_head(llhttp_t *parser, const struct http_scanner *s,
                                struct proa_str head)
{
    const struct proa_headers *fields = s->fields;
    const char *from = s->side == HTTP_SIDE_REQUEST ? s->head->method.p : head.p;
    const char *last = head.p + head.n - 2; /* the empty line */
    const char *end = fields->count ? fields->fields[0].name.p : last;
    llhttp_errno_t err = llhttp_execute(parser, from, (size_t)(end - from));

    uint32_t n = s->said & (SAID_LENGTH | SAID_CHUNKED | SAID_DOUBTFUL) ? fields->count : 0;

    for (uint32_t i = 0; err == HPE_OK && i < n; i++) {
        if (!scan_may_frame(fields->fields[i].name))
            continue;
        from = fields->fields[i].name.p;
        end = i + 1 < fields->count ? fields->fields[i + 1].name.p : last;
        err = llhttp_execute(parser, from, (size_t)(end - from));
    }
    return err == HPE_OK ? llhttp_execute(parser, last, 2) : err;
}

/* Whether llhttp took the head as we did. */
static bool agrees(const llhttp_t *parser, const struct http_scanner *s)
{
    const struct http_head *h = s->head;
    unsigned framing = 0;

    if (s->said & SAID_LENGTH)
        framing = F_CONTENT_LENGTH;
    if (s->said & SAID_CHUNKED)
        framing = F_CHUNKED | F_TRANSFER_ENCODING;
    if ((parser->flags & FRAMING_FLAGS) != framing)
        return false;
    if (framing == F_CONTENT_LENGTH && parser->content_length != (uint64_t)h->length)
        return false;
    if (parser->http_major != 1 || parser->http_minor != h->minor)
        return false;
    return s->side == HTTP_SIDE_REQUEST ? parser->method == methods[h->method_id]
                                        : parser->status_code == h->status;
}

int proa__http_second_opinion(struct http_scanner *s, struct proa_str head)
{
    llhttp_t parser;

    llhttp_init(&parser, s->side == HTTP_SIDE_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    llhttp_errno_t err = read_head(&parser, s, head);
    if (err != HPE_PAUSED)
        return proa__fail(PROA_EHTTPFRAMING, "a second parser refuses the head: %s",
                          err == HPE_OK ? "it is not whole" : llhttp_errno_name(err));
    if (!agrees(&parser, s))
        return proa__fail(PROA_EHTTPFRAMING, "a second parser reads the head differently");
    return 0;
}
