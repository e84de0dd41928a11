#include "http/writer.h"

#include "base/date.h"
#include "base/fail.h"
#include "http/authority.h"
#include "http/chars.h"
#include "http/headers.h"

#include <proa/err.h>
#include <proa/http.h>

#include <string.h>

enum { NUMBER_ROOM = 20 }; /* digits of 64 bits */

/* The lines that the writer adds by itself, in front of the list's. */
struct frame {
    const struct proa_headers *headers; /* never NULL */
    struct proa_str date;               /* {0}: no such line */
    struct proa_str connection;         /* "close", "keep-alive"; {0}: no such line */
    struct proa_str host;               /* {0}: no such line */
    char digits[NUMBER_ROOM];           /* of Content-Length, at the end */
    size_t digits_n;                    /* 0: no such line */
    bool chunked;
};

static const struct proa_headers no_headers;

static char *put(char *at, struct proa_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

/* Write a number's digits so that they end at `end`; returns how many. */
static size_t put_digits(char *end, uint64_t number)
{
    char *p = end;

    do {
        *--p = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return (size_t)(end - p);
}

static void set_length(struct frame *frame, uint64_t length)
{
    frame->digits_n = put_digits(frame->digits + sizeof frame->digits, length);
}

static size_t list_size(const struct proa_headers *headers)
{
    size_t n = 0;

    for (uint32_t i = 0; i < headers->count; i++)
        n += headers->fields[i].name.n + headers->fields[i].value.n + 4;
    return n;
}

/* Bytes of all lines behind the start line, and the empty one; a little more is no harm. */
static size_t frame_size(const struct frame *frame)
{
    return list_size(frame->headers) + frame->date.n + frame->connection.n + frame->host.n +
           frame->digits_n +
           sizeof "Date: \r\nConnection: \r\nHost: \r\nContent-Length: \r\nTransfer-Encoding: "
                  "chunked\r\n\r\n";
}

static char *put_list(char *at, const struct proa_headers *headers)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        const struct proa_header *field = &headers->fields[i];
        at = put(at, field->name);
        at = put(at, PROA_STR(": "));
        if (field->value.n)
            at = put(at, field->value);
        at = put(at, PROA_STR("\r\n"));
    }
    return at;
}

static char *put_frame(char *at, const struct frame *frame)
{
    if (frame->host.p)
        at = put(put(put(at, PROA_STR("Host: ")), frame->host), PROA_STR("\r\n"));
    if (frame->date.p)
        at = put(put(put(at, PROA_STR("Date: ")), frame->date), PROA_STR("\r\n"));
    at = put_list(at, frame->headers);
    if (frame->connection.p)
        at = put(put(put(at, PROA_STR("Connection: ")), frame->connection), PROA_STR("\r\n"));
    if (frame->digits_n) {
        const char *digits = frame->digits + sizeof frame->digits - frame->digits_n;
        at = put(at, PROA_STR("Content-Length: "));
        at = put(put(at, proa_str_make(digits, frame->digits_n)), PROA_STR("\r\n"));
    } else if (frame->chunked) {
        at = put(at, PROA_STR("Transfer-Encoding: chunked\r\n"));
    }
    return put(at, PROA_STR("\r\n"));
}

/* Nobody but the writer says how long a body is: two words on that are one too many. */
static int check_list(const struct proa_headers *headers)
{
    if (headers->error)
        return proa_headers_error(headers);
    if (proa__headers_has(headers, HTTP_KNOWN_CONTENT_LENGTH) ||
        proa__headers_has(headers, HTTP_KNOWN_TRANSFER_ENCODING))
        return proa__fail(PROA_EHEADER,
                          "Content-Length and Transfer-Encoding are the writer's; give "
                          "it the length");
    return 0;
}

bool proa__is_reason(struct proa_str text)
{
    return proa__is_field_value(text);
}

bool proa__is_target(struct proa_str text)
{
    return text.n > 0 && chars_span(text, CHAR_TARGET) == text.n;
}

/* "HTTP/1.1 200 OK\r\n" of the known statuses, ready made. */
static struct proa_str status_line(int status)
{
    switch (status) {
#define X(name, number, reason)                                                                    \
    case number:                                                                                   \
        return PROA_STR("HTTP/1.1 " #number " " reason "\r\n");
        PROA_STATUS_MAP(X)
#undef X
    default:
        return (struct proa_str){0};
    }
}

static char *put_status(char *at, struct proa_str line, int status, struct proa_str reason)
{
    char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10)};

    if (line.p)
        return put(at, line);
    at = put(put(at, PROA_STR("HTTP/1.1 ")), proa_str_make(digits, sizeof digits));
    at = put(at, PROA_STR(" "));
    if (reason.n)
        at = put(at, reason);
    return put(at, PROA_STR("\r\n"));
}

/* How the body of a final response goes: RFC 9112, part 6. */
static void frame_response(struct frame *frame, struct body_out *body,
                           const struct response_head *head)
{
    bool may_have_body = proa_status_has_body(head->status) &&
                         !(head->to_connect && head->status / 100 == 2);

    body->kind = BODY_NONE;
    if (head->status == PROA_STATUS_RESET_CONTENT) {
        set_length(frame, 0);
    } else if (may_have_body && head->length != BODY_UNKNOWN) {
        set_length(frame, head->length);
        if (!head->to_head)
            body->kind = BODY_LENGTH;
    } else if (may_have_body && !head->to_http10) {
        frame->chunked = true;
        if (!head->to_head)
            body->kind = BODY_CHUNKED;
    } else if (may_have_body && !head->to_head) {
        body->kind = BODY_CLOSE;
        body->close = true;
    }
    body->left = body->kind == BODY_LENGTH ? head->length : 0;
}

/* A handler may say `Connection: close` itself, or `Connection: upgrade`. */
static void say_connection(struct frame *frame, struct body_out *body, bool keep_alive_too)
{
    static const struct proa_str close = PROA_STR("close");
    const struct proa_headers *headers = frame->headers;
    bool said = proa__headers_has(headers, HTTP_KNOWN_CONNECTION) &&
                proa__headers_find_token(headers, HTTP_KNOWN_CONNECTION, close);

    if (said)
        body->close = true;
    else if (body->close)
        frame->connection = close;
    else if (keep_alive_too)
        frame->connection = PROA_STR("keep-alive");
}

static int check_response(const struct response_head *head)
{
    if (head->status < 100 || head->status > 599)
        return proa__fail(PROA_ESTARTLINE, "%d is no status", head->status);
    if (head->status < 200 && head->to_http10)
        return proa__fail(PROA_ESTARTLINE, "an HTTP/1.0 client knows no interim status %d",
                          head->status);
    if (!proa__is_reason(head->reason))
        return proa__fail(PROA_ESTARTLINE, "the reason phrase has a control character");
    return head->headers ? check_list(head->headers) : 0;
}

int proa__response_head(struct proa_buf *buf, struct body_out *ret,
                        const struct response_head *head)
{
    struct frame frame;
    struct body_out body = {.close = head->close};

    int rc = check_response(head);
    if (rc < 0)
        return rc;

    frame.headers = head->headers ? head->headers : &no_headers;
    frame.date = frame.connection = frame.host = (struct proa_str){0};
    frame.digits_n = 0;
    frame.chunked = false;
    if (head->status >= 200) {
        frame_response(&frame, &body, head);
        say_connection(&frame, &body, head->to_http10);
        if (!proa__headers_has(frame.headers, HTTP_KNOWN_DATE))
            frame.date = head->date;
    }

    struct proa_str line = head->reason.n ? (struct proa_str){0} : status_line(head->status);
    size_t line_size = line.p ? line.n : head->reason.n + sizeof "HTTP/1.1 200 \r\n";
    char *start = proa_buf_reserve(buf, line_size + frame_size(&frame));
    if (!start)
        return proa_buf_error(buf);

    char *end = put_frame(put_status(start, line, head->status, head->reason), &frame);
    proa_buf_commit(buf, (size_t)(end - start));
    *ret = body;
    return 0;
}

static int check_request(const struct request_head *head)
{
    if (!proa__is_token(head->method))
        return proa__fail(PROA_ESTARTLINE, "\"%.*s\" is no method",
                          PROA_PRI(proa_str_sub(head->method, 0, 40)));
    if (!proa__is_target(head->target))
        return proa__fail(PROA_ESTARTLINE, "\"%.*s\" is no request target",
                          PROA_PRI(proa_str_sub(head->target, 0, 80)));
    if (head->length == BODY_UNKNOWN && head->to_http10)
        return proa__fail(PROA_EBODYLENGTH, "an HTTP/1.0 server takes no body of unknown length");
    return head->headers ? check_list(head->headers) : 0;
}

/* Methods whose requests usually have a body say so when theirs is empty: RFC 9110, part 8.6. */
static bool expects_body(struct proa_str method)
{
    enum proa_method known = proa_method_from(method);

    return known == PROA_METHOD_POST || known == PROA_METHOD_PUT || known == PROA_METHOD_PATCH;
}

/* One Host line, ours or the list's, that is a host. */
static int frame_host(struct frame *frame, const struct request_head *head)
{
    const struct proa_header *own = proa__headers_find(frame->headers, HTTP_KNOWN_HOST);

    if (own && proa__headers_find_next(frame->headers, own))
        return proa__fail(PROA_EHEADER, "two Host fields");
    if (!own && !head->host.p)
        return proa__fail(PROA_EHEADER, "a request needs a Host");
    if (!own)
        frame->host = head->host;

    struct proa_str host = own ? own->value : head->host;
    if (host.n && proa__authority_check(host) < 0)
        return proa__fail(PROA_EHEADER, "Host: \"%.*s\" is no host",
                          PROA_PRI(proa_str_sub(host, 0, 80)));
    return 0;
}

int proa__request_head(struct proa_buf *buf, struct body_out *ret, const struct request_head *head)
{
    static const struct proa_str version = PROA_STR(" HTTP/1.1\r\n");
    struct frame frame = {.headers = head->headers ? head->headers : &no_headers};
    struct body_out body = {.close = head->close};

    int rc = check_request(head);
    if (rc == 0)
        rc = frame_host(&frame, head);
    if (rc < 0)
        return rc;

    if (head->length == BODY_UNKNOWN) {
        body.kind = BODY_CHUNKED;
        frame.chunked = true;
    } else if (head->length > 0 || expects_body(head->method)) {
        body.kind = BODY_LENGTH;
        body.left = head->length;
        set_length(&frame, head->length);
    }
    say_connection(&frame, &body, head->to_http10);

    size_t size = head->method.n + 1 + head->target.n + version.n + frame_size(&frame);
    char *start = proa_buf_reserve(buf, size);
    if (!start)
        return proa_buf_error(buf);

    char *end = put(put(put(start, head->method), PROA_STR(" ")), head->target);
    end = put_frame(put(end, version), &frame);
    proa_buf_commit(buf, (size_t)(end - start));
    *ret = body;
    return 0;
}

struct proa_str proa__date_at(struct date_cache *cache, int64_t second)
{
    if (cache->second != second || !cache->text[0]) {
        proa__date_write(cache->text, second);
        cache->second = second;
    }
    return proa_str_make(cache->text, DATE_ROOM - 1);
}
