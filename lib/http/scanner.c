#include "http/scanner.h"

#include "base/fail.h"
#include "http/octets.h"
#include "http/scan_line.h"

#include <string.h>

enum { QUOTE_MAX = 64, USUAL_FIELDS = 12, TLS_HANDSHAKE = 0x16 };

int proa__http_refuse(int rc, const char *words, const char *p, size_t at, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char quote[4 * QUOTE_MAX + 1];
    size_t k = 0;

    for (size_t i = at; i < n && i - at < QUOTE_MAX; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"') {
            quote[k++] = (char)c;
            continue;
        }
        quote[k++] = '\\';
        quote[k++] = 'x';
        quote[k++] = hex[c >> 4];
        quote[k++] = hex[c & 15];
    }
    quote[k] = '\0';
    return proa__fail(rc, "%s at byte %zu: \"%s\"", words, at, quote);
}

static void begin_section(struct http_scanner *s, struct proa_headers *fields, unsigned part)
{
    s->fields = fields;
    s->at = 0;
    s->line = 0;
    s->part = (uint8_t)part;
}

int proa__http_scan_begin(struct http_scanner *s, enum http_side side,
                          const struct http_limits *limits, struct arena *arena,
                          struct http_head *head)
{
    memset(s, 0, sizeof *s);
    memset(head, 0, sizeof *head);
    head->length = -1;
    s->limits = limits;
    s->head = head;
    s->side = (uint8_t)side;
    begin_section(s, &head->headers, SCAN_START);
    return proa__headers_init(&head->headers, arena, USUAL_FIELDS);
}

int proa__http_scan_again(struct http_scanner *s, struct arena *arena)
{
    memset(s->head, 0, sizeof *s->head);
    s->head->length = -1;
    s->said = 0;
    begin_section(s, &s->head->headers, SCAN_START);
    return proa__headers_init(&s->head->headers, arena, USUAL_FIELDS);
}

int proa__http_scan_trailers(struct http_scanner *s, struct arena *arena)
{
    begin_section(s, &s->head->trailers, SCAN_TRAILERS);
    return proa__headers_init(&s->head->trailers, arena, 0);
}

bool proa__http_scan_idle(const struct http_scanner *s)
{
    return s->part == SCAN_START && s->at == s->line;
}

static int refuse_size(const struct http_scanner *s, const char *bytes, size_t line, size_t end)
{
    bool start = s->part == SCAN_START;

    if (end - line <= (start ? s->limits->start_line_bytes : s->limits->field_bytes))
        return proa__http_refuse(PROA_EHTTPHEADSIZE, "head too large", bytes, line, end);
    return proa__http_refuse(start ? PROA_EHTTPTARGETSIZE : PROA_EHTTPHEADSIZE,
                             start ? "start line too long" : "field too long", bytes, line, end);
}

/* What stands at `at` is neither text nor a proper line end. */
static int refuse_byte(const struct http_scanner *s, const char *bytes, size_t at, size_t n)
{
    if (bytes[at] == '\n')
        return proa__http_refuse(PROA_EHTTPLINE, "LF without CR", bytes, at, n);
    if (bytes[at] == '\r')
        return proa__http_refuse(PROA_EHTTPLINE, "CR without LF", bytes, at, n);
    if (s->part != SCAN_START)
        return proa__http_refuse(PROA_EHTTPFIELD, "control byte", bytes, at, n);
    if (at == 0 && bytes[0] == TLS_HANDSHAKE)
        return proa__fail(PROA_EHTTPTLS, "TLS handshake on a port that speaks plain HTTP");
    return proa__http_refuse(PROA_EHTTP, "control byte in the start line", bytes, at, n);
}

/* The line bytes[line .. end) is whole, and no field. 1: it ends the section. */
static int take_line(struct http_scanner *s, const char *bytes, size_t line, size_t end)
{
    if (s->part == SCAN_TRAILERS)
        return 1;
    if (s->part == SCAN_FIELDS) {
        int rc = proa__http_scan_head_end(s, bytes);
        return rc < 0 ? rc : 1;
    }
    if (end == line) {
        if (s->empty++ < s->limits->leading_lines)
            return 0;
        return proa__http_refuse(PROA_EHTTPLINE, "empty line before the start line", bytes, line,
                                 end);
    }
    s->part = SCAN_FIELDS;
    return s->side == HTTP_SIDE_REQUEST ? proa__http_scan_request_line(s, bytes, line, end)
                                        : proa__http_scan_status_line(s, bytes, line, end);
}

int proa__http_scan(struct http_scanner *s, const char *bytes, size_t n, size_t *ret_n)
{
    const struct http_limits *limits = s->limits;
    size_t line = s->line;
    size_t at = s->at;
    int rc;

    for (;;) {
        at = octets_text_end(bytes, at, n);
        size_t len = at - line;
        bool whole = at + 1 < n && bytes[at] == '\r' && bytes[at + 1] == '\n';

        if (len > (s->part == SCAN_START ? limits->start_line_bytes : limits->field_bytes) ||
            s->bytes + len + (whole ? 2 : 0) > limits->head_bytes)
            return refuse_size(s, bytes, line, at);
        if (!whole) {
            s->line = (uint32_t)line;
            s->at = (uint32_t)at;
            if (at == n || (bytes[at] == '\r' && at + 1 == n))
                return 0;
            return refuse_byte(s, bytes, at, n);
        }
        rc = len > 0 && s->part != SCAN_START ? proa__http_scan_field(s, bytes, line, at, n)
                                              : take_line(s, bytes, line, at);
        if (rc < 0)
            return rc;
        s->bytes += (uint32_t)(len + 2);
        at += 2;
        line = at;
        if (rc > 0) {
            s->at = (uint32_t)at;
            s->line = (uint32_t)at;
            *ret_n = at;
            return 1;
        }
    }
}

void proa__http_scan_settle(struct http_scanner *s, const char *to)
{
    struct http_head *h = s->head;

    proa__headers_settle(s->fields, to);
    if (s->part == SCAN_TRAILERS)
        return;
    if (s->side == HTTP_SIDE_RESPONSE) {
        h->reason = scan_settled(h->reason, to);
        return;
    }
    h->method = scan_settled(h->method, to);
    h->target = scan_settled(h->target, to);
    h->query = scan_settled(h->query, to);
    h->path = h->path.n ? scan_settled(h->path, to) : PROA_STR("/");
    if (h->form == HTTP_TARGET_AUTHORITY)
        h->path = (struct proa_str){0};
    if (h->authority.n) {
        h->authority = scan_settled(h->authority, to);
        h->host = h->authority;
    } else if (s->said & SAID_HOST) {
        h->host = scan_settled(h->host, to);
    }
}
