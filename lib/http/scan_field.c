#include "base/ascii.h"
#include "base/fail.h"
#include "http/authority.h"
#include "http/chars.h"
#include "http/octets.h"
#include "http/scan_line.h"

#include <proa/err.h>
#include <proa/http.h>

/*
 * Fields that mean something wrong, or something early, behind a body: what frames, routes,
 * authenticates, describes the content or controls its handling (RFC 9110 6.5.1).
 */
static const char *const not_in_trailers[] = {
    "Age",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Expires",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Location",
    "Max-Forwards",
    "Pragma",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Retry-After",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Vary",
    "Warning",
    "WWW-Authenticate",
};

/*
 * A name that is no framing field, but has the length and the first letter of one. Some servers
 * take '_' for '-': such a field frames the message for them, and not for us. llhttp is shown all
 * of them.
 */
static int take_doubtful(struct http_scanner *s, const char *bytes, size_t line,
                         struct proa_str name)
{
    s->said |= SAID_DOUBTFUL;
    if (!proa_str_caseeq(name, PROA_STR("Content_Length")) &&
        !proa_str_caseeq(name, PROA_STR("Transfer_Encoding")))
        return 0;
    return proa__http_refuse(PROA_EHTTPFRAMING, "looks like a framing field", bytes, line,
                             line + name.n);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where a name ends whose labels all begin with a letter, or 0. */
static size_t plain_name_end(struct proa_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alpha(s.p[i]))
            return 0;
        while (i < s.n && s.p[i] != '.' && char_is(s.p[i], CHAR_HOST))
            i++;
        if (i == s.n || s.p[i] != '.')
            return i;
    }
    return 0;
}

/* Where an IPv4 address ends, or 0. */
static size_t plain_address_end(struct proa_str s)
{
    size_t i = 0;

    for (int numbers = 1;; numbers++) {
        size_t from = i;
        unsigned value = 0;
        for (; i < s.n && i - from < 3 && ascii_is_digit(s.p[i]); i++)
            value = value * 10 + (unsigned)(s.p[i] - '0');
        if (i == from || value > 255 || (s.p[from] == '0' && i - from > 1))
            return 0;
        if (numbers == 4)
            return i;
        if (i == s.n || s.p[i++] != '.')
            return 0;
    }
}

/* The hosts of nearly all requests, told in one look: less than proa__authority_check takes, and
 * nothing else. */
static bool is_plain_host(struct proa_str s)
{
    if (s.n == 0 || s.n > 63)
        return false;
    size_t i = ascii_is_digit(s.p[0]) ? plain_address_end(s) : plain_name_end(s);
    if (i == 0 || i == s.n)
        return i > 0;
    if (s.p[i++] != ':' || s.n - i > 5 || i == s.n || s.p[i] == '0')
        return false;
    unsigned port = 0;
    for (; i < s.n && ascii_is_digit(s.p[i]); i++)
        port = port * 10 + (unsigned)(s.p[i] - '0');
    return i == s.n && port <= 65535;
}

static int field_host(struct http_scanner *s, const char *bytes, struct proa_str value)
{
    size_t at = (size_t)(value.p - bytes);

    if (s->side != HTTP_SIDE_REQUEST)
        return 0;
    if (s->said & SAID_HOST)
        return proa__http_refuse(PROA_EHTTPHOST, "second Host", bytes, at, at + value.n);
    if (value.n > 0 && !is_plain_host(value) && proa__authority_check(value) < 0)
        return proa__http_refuse(PROA_EHTTPHOST, "malformed Host", bytes, at, at + value.n);
    s->said |= SAID_HOST;
    s->head->host = scan_slice(at, at + value.n);
    return 0;
}

static int field_length(struct http_scanner *s, const char *bytes, struct proa_str value)
{
    size_t at = (size_t)(value.p - bytes);
    uint64_t length = 0;

    if (s->said & (SAID_LENGTH | SAID_CHUNKED))
        return proa__http_refuse(PROA_EHTTPFRAMING, "second word on the length", bytes, at,
                                 at + value.n);
    if (value.n == 0 || value.n > s->limits->length_digits)
        return proa__http_refuse(PROA_EHTTPFRAMING, "malformed Content-Length", bytes, at,
                                 at + value.n);
    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_is_digit(value.p[i]))
            return proa__http_refuse(PROA_EHTTPFRAMING, "malformed Content-Length", bytes, at,
                                     at + value.n);
        length = length * 10 + (uint64_t)(value.p[i] - '0'); /* 19 digits fit in 64 bits */
    }
    if (length > INT64_MAX)
        return proa__http_refuse(PROA_EHTTPBODYSIZE, "body too large", bytes, at, at + value.n);
    s->said |= SAID_LENGTH;
    s->head->length = (int64_t)length;
    return 0;
}

/* A list of codings, none of them empty, "chunked" at most once and last: refusing it is honest, it
 * has one meaning. */
static bool is_coding_list(struct proa_str value)
{
    struct proa_str rest = value;
    struct proa_str coding;
    bool chunked = false;

    while (proa_str_next(&rest, ',', &coding)) {
        coding = proa_str_trim(coding);
        size_t name = octets_span(coding.p, 0, coding.n, OCTET_TOKEN);
        if (name == 0 || chunked)
            return false;
        chunked = proa_str_caseeq(proa_str_sub(coding, 0, name), PROA_STR("chunked"));
        if (name < coding.n && (chunked || coding.p[name] != ';'))
            return false;
    }
    return true;
}

static int field_transfer_encoding(struct http_scanner *s, const char *bytes, struct proa_str value)
{
    size_t at = (size_t)(value.p - bytes);

    if (s->said & (SAID_LENGTH | SAID_CHUNKED))
        return proa__http_refuse(PROA_EHTTPFRAMING, "second word on the length", bytes, at,
                                 at + value.n);
    if (s->head->minor == 0)
        return proa__http_refuse(PROA_EHTTPFRAMING, "Transfer-Encoding in HTTP/1.0", bytes, at,
                                 at + value.n);
    if (proa_str_caseeq(value, PROA_STR("chunked"))) {
        s->said |= SAID_CHUNKED;
        return 0;
    }
    if (value.n == 0 || value.p[value.n - 1] == ',' || !is_coding_list(value))
        return proa__http_refuse(PROA_EHTTPFRAMING, "malformed Transfer-Encoding", bytes, at,
                                 at + value.n);
    return proa__http_refuse(PROA_EHTTPCODING, "transfer coding not known", bytes, at,
                             at + value.n);
}

static void field_connection(struct http_scanner *s, struct proa_str value)
{
    struct proa_str token;

    if (proa_str_caseeq(value, PROA_STR("keep-alive"))) {
        s->said |= SAID_KEEP_ALIVE;
        return;
    }
    while (proa_str_next(&value, ',', &token)) {
        token = proa_str_trim(token);
        if (proa_str_caseeq(token, PROA_STR("close")))
            s->said |= SAID_CLOSE;
        else if (proa_str_caseeq(token, PROA_STR("keep-alive")))
            s->said |= SAID_KEEP_ALIVE;
        else if (proa_str_caseeq(token, PROA_STR("upgrade")))
            s->said |= SAID_UPGRADE;
    }
}

/* Fields of which a request may have one: two would leave the choice to whoever reads them. */
static int field_once(const struct http_scanner *s, bool had, const char *bytes, size_t line,
                      size_t end)
{
    if (s->side == HTTP_SIDE_REQUEST && had)
        return proa__http_refuse(PROA_EHTTPFIELD, "second field of a name that comes once", bytes,
                                 line, end);
    return 0;
}

/* What the known names do to the message. `had`: there is an earlier field of this name. */
static int take_known(struct http_scanner *s, int id, bool had, const char *bytes, size_t line,
                      struct proa_str value, size_t end)
{
    switch (id) {
    case HTTP_KNOWN_HOST:
        return field_host(s, bytes, value);
    case HTTP_KNOWN_CONTENT_LENGTH:
        return field_length(s, bytes, value);
    case HTTP_KNOWN_TRANSFER_ENCODING:
        return field_transfer_encoding(s, bytes, value);
    case HTTP_KNOWN_CONNECTION:
        field_connection(s, value);
        return 0;
    case HTTP_KNOWN_UPGRADE:
        s->said |= SAID_UPGRADE_FIELD;
        return 0;
    case HTTP_KNOWN_EXPECT:
        if (s->side == HTTP_SIDE_REQUEST && s->head->minor > 0)
            s->head->expect = proa_str_caseeq(value, PROA_STR("100-continue")) &&
                                      s->head->expect != HTTP_EXPECT_OTHER
                                  ? HTTP_EXPECT_CONTINUE
                                  : HTTP_EXPECT_OTHER;
        return 0;
    case HTTP_KNOWN_AUTHORIZATION:
    case HTTP_KNOWN_CONTENT_TYPE:
    case HTTP_KNOWN_IF_MODIFIED_SINCE:
    case HTTP_KNOWN_IF_UNMODIFIED_SINCE:
    case HTTP_KNOWN_RANGE:
        return field_once(s, had, bytes, line, end);
    default:
        return 0;
    }
}

static int take_trailer(const char *bytes, size_t line, struct proa_str name)
{
    for (size_t i = 0; i < sizeof not_in_trailers / sizeof not_in_trailers[0]; i++)
        if (proa_str_caseeq(name, proa_str_from(not_in_trailers[i])))
            return proa__http_refuse(PROA_EHTTPTRAILER, "field not allowed in a trailer", bytes,
                                     line, line + name.n);
    return 0;
}

int proa__http_scan_field(struct http_scanner *s, const char *bytes, size_t line, size_t end,
                          size_t n)
{
    struct proa_headers *fields = s->fields;
    uint32_t known = fields->known;
    size_t colon = octets_token_end(bytes, line, end, n);
    size_t from = colon + 1;

    if (colon == end || bytes[colon] != ':' || colon == line)
        return is_blank(bytes[line])
                   ? proa__http_refuse(PROA_EHTTPLINE, "line goes on the one before", bytes, line,
                                       end)
                   : proa__http_refuse(PROA_EHTTPFIELD, "malformed field name", bytes, colon, end);
    if (s->n_fields++ >= s->limits->fields)
        return proa__http_refuse(PROA_EHTTPHEADSIZE, "too many fields", bytes, line, end);
    size_t stop = end;
    if (from < stop && bytes[from] == ' ')
        from++; /* nearly always all there is */
    while (from < stop && is_blank(bytes[from]))
        from++;
    while (stop > from && is_blank(bytes[stop - 1]))
        stop--;

    struct proa_str name = {bytes + line, colon - line};
    struct proa_str value = {bytes + from, stop - from};
    int id = proa__headers_add_at(fields, bytes, name, value);
    if (id < 0)
        return id;
    if (id == HTTP_KNOWN_NONE && scan_may_frame(name)) {
        int rc = take_doubtful(s, bytes, line, name);
        if (rc < 0)
            return rc;
    }
    if (s->part == SCAN_TRAILERS)
        return take_trailer(bytes, line, name);
    return id == HTTP_KNOWN_NONE ? 0 : take_known(s, id, known >> id & 1, bytes, line, value, end);
}

/* `text` without a port that every client may leave away. */
static struct proa_str without_port(struct proa_str text, struct proa_str port)
{
    if (proa_str_ends(text, port))
        text.n -= port.n;
    else if (text.n > 0 && text.p[text.n - 1] == ':')
        text.n--;
    return text;
}

/* An absolute target and Host must name the same place, or one server takes this and the next that.
 */
static int check_authority(const struct http_scanner *s, const char *bytes)
{
    struct proa_str authority = scan_settled(s->head->authority, bytes);
    struct proa_str host = scan_settled(s->head->host, bytes);
    struct proa_str target = scan_settled(s->head->target, bytes);
    struct proa_str port = ascii_lower(target.p[4]) == 's' ? PROA_STR(":443") : PROA_STR(":80");

    if (proa_str_caseeq(without_port(authority, port), without_port(host, port)))
        return 0;
    return proa__http_refuse(PROA_EHTTPHOST, "Host is not the target's", host.p, 0, host.n);
}

int proa__http_scan_head_end(struct http_scanner *s, const char *bytes)
{
    struct http_head *h = s->head;

    if (s->side == HTTP_SIDE_REQUEST) {
        if (!(s->said & SAID_HOST) && h->minor > 0)
            return proa__fail(PROA_EHTTPHOST, "no Host in an HTTP/1.1 request");
        if (h->form == HTTP_TARGET_ABSOLUTE && (s->said & SAID_HOST)) {
            int rc = check_authority(s, bytes);
            if (rc < 0)
                return rc;
        }
    }
    h->keep_alive = !(s->said & SAID_CLOSE) && (h->minor > 0 || (s->said & SAID_KEEP_ALIVE));
    h->upgrade = h->minor > 0 && (s->said & SAID_UPGRADE) && (s->said & SAID_UPGRADE_FIELD);
    return 0;
}
