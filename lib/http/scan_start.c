#include "base/ascii.h"
#include "http/authority.h"
#include "http/octets.h"
#include "http/scan_line.h"

#include <proa/err.h>
#include <proa/http.h>

#include <string.h>

enum { VERSION_N = 8 }; /* "HTTP/1.1" */

/* `p` holds at least eight bytes. The minor version, or a code. */
static int read_version(const char *bytes, size_t at, size_t end)
{
    const char *p = bytes + at;

    if (memcmp(p, "HTTP/", 5) != 0 || !ascii_is_digit(p[5]) || p[6] != '.' || !ascii_is_digit(p[7]))
        return proa__http_refuse(PROA_EHTTP, "no HTTP version", bytes, at, end);
    if (p[5] != '1' || p[7] > '1')
        return proa__http_refuse(PROA_EHTTPVERSION, "HTTP version not spoken here", bytes, at, end);
    return p[7] - '0';
}

/* path[?query] from `at` on; a path may be empty in absolute form only. */
static int read_path(struct http_head *h, const char *bytes, size_t at, size_t end)
{
    size_t mark = octets_span(bytes, at, end, OCTET_PATH);
    size_t stop = mark;

    h->path = scan_slice(at, mark);
    if (mark < end && bytes[mark] == '?') {
        stop = octets_span(bytes, mark + 1, end, OCTET_QUERY);
        h->query = scan_slice(mark + 1, stop);
    }
    if (stop < end)
        return proa__http_refuse(PROA_EHTTPTARGET, "byte not allowed in a target", bytes, stop,
                                 end);
    return 0;
}

static int read_authority(struct http_head *h, const char *bytes, size_t at, size_t end)
{
    struct proa_str text = {bytes + at, end - at};

    if (text.n == 0 || proa__authority_check(text) < 0)
        return proa__http_refuse(PROA_EHTTPTARGET, "malformed host in the target", bytes, at, end);
    h->authority = scan_slice(at, end);
    return 0;
}

static int read_absolute(struct http_head *h, const char *bytes, size_t at, size_t end)
{
    struct proa_str rest = {bytes + at, end - at};
    size_t host;
    size_t path;
    int rc;

    if (proa_str_casestarts(rest, PROA_STR("http://")))
        host = at + 7;
    else if (proa_str_casestarts(rest, PROA_STR("https://")))
        host = at + 8;
    else
        return proa__http_refuse(PROA_EHTTPTARGET, "target is neither a path nor http", bytes, at,
                                 end);
    path = host;
    while (path < end && bytes[path] != '/' && bytes[path] != '?')
        path++;
    h->form = HTTP_TARGET_ABSOLUTE;
    rc = read_authority(h, bytes, host, path);
    return rc < 0 ? rc : read_path(h, bytes, path, end);
}

/* host:port, and the port is not optional. */
static int read_connect(struct http_head *h, const char *bytes, size_t at, size_t end)
{
    size_t colon = end;

    while (colon > at && ascii_is_digit(bytes[colon - 1]))
        colon--;
    if (colon == end || colon == at || bytes[colon - 1] != ':')
        return proa__http_refuse(PROA_EHTTPTARGET, "CONNECT wants host:port", bytes, at, end);
    h->form = HTTP_TARGET_AUTHORITY;
    return read_authority(h, bytes, at, end);
}

static int read_target(struct http_head *h, const char *bytes, size_t at, size_t end)
{
    if (h->method_id == PROA_METHOD_CONNECT)
        return read_connect(h, bytes, at, end);
    if (bytes[at] == '/') {
        h->form = HTTP_TARGET_ORIGIN;
        return read_path(h, bytes, at, end);
    }
    if (bytes[at] != '*')
        return read_absolute(h, bytes, at, end);
    if (end != at + 1 || h->method_id != PROA_METHOD_OPTIONS)
        return proa__http_refuse(PROA_EHTTPTARGET, "'*' is a target of OPTIONS alone", bytes, at,
                                 end);
    h->form = HTTP_TARGET_ASTERISK;
    h->path = scan_slice(at, end);
    return 0;
}

/*
 * What is malformed is 400 before a version that is only too new is 505, and that before a method
 * that is only unknown is 501: so "PRI * HTTP/2.0" is told the version.
 */
int proa__http_scan_request_line(struct http_scanner *s, const char *bytes, size_t line, size_t end)
{
    struct http_head *h = s->head;
    size_t method_end = octets_span(bytes, line, end, OCTET_TOKEN);
    size_t target = method_end + 1;

    if (method_end == line || method_end == end || bytes[method_end] != ' ')
        return proa__http_refuse(PROA_EHTTP, "malformed method", bytes, method_end, end);
    if (end - method_end < sizeof " / HTTP/1.1" - 1 || bytes[end - VERSION_N - 1] != ' ')
        return proa__http_refuse(PROA_EHTTP, "malformed request line", bytes, line, end);

    size_t target_end = end - VERSION_N - 1;
    int minor = read_version(bytes, end - VERSION_N, end);
    if (minor < 0)
        return minor;
    if (bytes[target] == ' ' || bytes[target_end - 1] == ' ')
        return proa__http_refuse(PROA_EHTTP, "more than one space", bytes, line, end);

    h->minor = (uint8_t)minor;
    h->method = scan_slice(line, method_end);
    h->target = scan_slice(target, target_end);
    h->method_id = (uint8_t)proa_method_from((struct proa_str){bytes + line, method_end - line});
    if (h->method_id == PROA_METHOD_OTHER)
        return proa__http_refuse(PROA_EHTTPMETHOD, "method not known", bytes, line, method_end);
    return read_target(h, bytes, target, target_end);
}

int proa__http_scan_status_line(struct http_scanner *s, const char *bytes, size_t line, size_t end)
{
    struct http_head *h = s->head;
    const char *p = bytes + line;
    size_t n = end - line;

    if (n < sizeof "HTTP/1.1 200" - 1 || p[VERSION_N] != ' ' || (n > 12 && p[12] != ' '))
        return proa__http_refuse(PROA_EHTTPSTATUSLINE, "malformed status line", bytes, line, end);
    int minor = read_version(bytes, line, end);
    if (minor < 0)
        return minor;
    if (p[9] < '1' || p[9] > '5' || !ascii_is_digit(p[10]) || !ascii_is_digit(p[11]))
        return proa__http_refuse(PROA_EHTTPSTATUSLINE, "status is none of 100 to 599", bytes,
                                 line + 9, end);
    h->minor = (uint8_t)minor;
    h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    h->reason = n > 13 ? scan_slice(line + 13, end) : scan_slice(end, end);
    return 0;
}
