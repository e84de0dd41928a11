#include "http/authority.h"

#include "base/ascii.h"
#include "base/fail.h"
#include "http/chars.h"

#include <proa/err.h>

#include <arpa/inet.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 253, /* DNS: 255 on the wire, which counts a length before and a root behind */
    LABEL_MAX = 63,
};

static int bad_host(struct proa_str text, const char *why)
{
    return proa__fail(PROA_EURL, "host \"%.*s\": %s", PROA_PRI(proa_str_sub(text, 0, 80)), why);
}

/* "fe80::1%25eth0", as RFC 6874 writes it. The zone is ours alone: no peer is told of it. */
static int take_zone(struct proa_str *address, struct proa_str *ret_zone)
{
    size_t percent = proa_str_find(*address, '%');
    if (percent == PROA_STR_NONE)
        return 0;

    struct proa_str escape = proa_str_sub(*address, percent, 3);
    struct proa_str zone = proa_str_sub(*address, percent + 3, PROA_UNLIMITED);
    if (!proa_str_eq(escape, PROA_STR("%25")) || zone.n == 0 || zone.n > ZONE_MAX ||
        chars_span(zone, CHAR_HOST) < zone.n)
        return PROA_EURL;

    *ret_zone = zone;
    address->n = percent;
    return 0;
}

static int parse_ipv6(struct host *ret, struct proa_str text)
{
    struct proa_str inside = proa_str_sub(text, 1, text.n - 2);
    char address[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (inside.n > 0 && ascii_lower(inside.p[0]) == 'v')
        return bad_host(text, "no addresses of the future are known yet");
    if (take_zone(&inside, &ret->zone) < 0)
        return bad_host(text, "not a zone that an interface could have");
    if (inside.n >= sizeof address || memchr(inside.p, '\0', inside.n))
        return bad_host(text, "not an IPv6 address");

    memcpy(address, inside.p, inside.n);
    address[inside.n] = '\0';
    if (inet_pton(AF_INET6, address, &bytes) != 1)
        return bad_host(text, "not an IPv6 address");

    inet_ntop(AF_INET6, &bytes, ret->text, sizeof ret->text);
    ret->n = strlen(ret->text);
    ret->is_ip = true;
    ret->is_ipv6 = true;
    return 0;
}

/* Some resolvers take a name whose last label is a number, decimal or hexadecimal, for an address.
 */
static bool ends_in_number(struct proa_str name)
{
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;

    size_t dot = proa_str_rfind(name, '.');
    struct proa_str last = dot == PROA_STR_NONE ? name
                                                : proa_str_sub(name, dot + 1, PROA_UNLIMITED);
    size_t i = 0;

    if (last.n >= 2 && last.p[0] == '0' && ascii_lower(last.p[1]) == 'x') {
        for (i = 2; i < last.n && ascii_hex(last.p[i]) >= 0;)
            i++;
        return i == last.n;
    }
    while (i < last.n && ascii_is_digit(last.p[i]))
        i++;
    return last.n > 0 && i == last.n;
}

/* Four numbers of 0 to 255, written in one way only. */
static bool is_ipv4(struct proa_str text)
{
    struct proa_str piece;
    uint64_t number;
    int pieces = 0;

    if (text.n == 0 || text.p[text.n - 1] == '.')
        return false;
    while (proa_str_next(&text, '.', &piece)) {
        if (piece.n > 3 || proa_str_parse_uint(piece, &number) < 0 || number > 255)
            return false;
        if (piece.n > 1 && piece.p[0] == '0')
            return false;
        pieces++;
    }
    return pieces == 4;
}

static int check_labels(struct proa_str text)
{
    struct proa_str rest = text;
    struct proa_str label;

    if (rest.n > 0 && rest.p[rest.n - 1] == '.')
        rest.n--; /* the root's, spelled out */
    if (rest.n == 0)
        return bad_host(text, "empty");
    if (rest.n > NAME_MAX_BYTES)
        return bad_host(text, "longer than 253 bytes");
    if (rest.p[rest.n - 1] == '.')
        return bad_host(text, "two dots in a row");
    while (proa_str_next(&rest, '.', &label)) {
        if (label.n == 0)
            return bad_host(text, "begins with a dot, or has two in a row");
        if (label.n > LABEL_MAX)
            return bad_host(text, "a label is longer than 63 bytes");
    }
    return 0;
}

static int parse_name(struct host *ret, struct proa_str text)
{
    size_t good = chars_span(text, CHAR_HOST);

    if (good < text.n && text.p[good] == '%')
        return bad_host(text, "percent-encoding has no place in a host");
    if (good < text.n)
        return bad_host(text, "a character that no host has");

    int rc = check_labels(text);
    if (rc < 0)
        return rc;

    if (ends_in_number(text)) {
        if (!is_ipv4(text))
            return bad_host(text, "not four decimal numbers from 0 to 255");
        ret->is_ip = true;
    }
    for (size_t i = 0; i < text.n; i++)
        ret->text[i] = ascii_lower(text.p[i]);
    ret->text[text.n] = '\0';
    ret->n = text.n;
    return 0;
}

int proa__host_parse(struct host *ret, struct proa_str text)
{
    ret->zone = (struct proa_str){0};
    ret->is_ip = false;
    ret->is_ipv6 = false;

    if (text.n > 0 && text.p[0] == '[') {
        if (text.n < 2 || text.p[text.n - 1] != ']')
            return bad_host(text, "'[' without ']' at its end");
        return parse_ipv6(ret, text);
    }
    return parse_name(ret, text);
}

int proa__authority_split(struct proa_str text, struct proa_str *ret_host,
                          struct proa_str *ret_port)
{
    size_t end = 0;

    if (text.n > 0 && text.p[0] == '[') {
        end = proa_str_find(text, ']');
        if (end == PROA_STR_NONE)
            return bad_host(text, "'[' without ']'");
        end++;
        if (end < text.n && text.p[end] != ':')
            return bad_host(text, "something else than a port behind ']'");
    } else {
        end = proa_str_find(text, ':');
        if (end == PROA_STR_NONE)
            end = text.n;
    }

    *ret_host = proa_str_make(text.p, end);
    *ret_port = end < text.n ? proa_str_make(text.p + end + 1, text.n - end - 1)
                             : (struct proa_str){0};
    return 0;
}

int proa__port_parse(uint16_t *ret, struct proa_str text)
{
    uint64_t number;

    if (text.n == 0) {
        *ret = 0;
        return 0;
    }
    if (proa_str_parse_uint(text, &number) < 0 || text.n > 5 || number == 0 || number > 65535)
        return proa__fail(PROA_EURL, "port \"%.*s\" is none of 1 to 65535",
                          PROA_PRI(proa_str_sub(text, 0, 40)));
    *ret = (uint16_t)number;
    return 0;
}

int proa__authority_check(struct proa_str text)
{
    struct proa_str name;
    struct proa_str port_text;
    struct host host;
    uint16_t port;

    int rc = proa__authority_split(text, &name, &port_text);
    if (rc == 0)
        rc = proa__host_parse(&host, name);
    if (rc == 0 && host.zone.p)
        rc = bad_host(text, "a zone means nothing to others");
    if (rc == 0)
        rc = proa__port_parse(&port, port_text);
    return rc;
}
