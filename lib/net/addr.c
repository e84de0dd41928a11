#include "base/fail.h"

#include <proa/addr.h>
#include <proa/err.h>

#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* An IPv6 text with its zone: "ffff:...:255.255.255.255%" and an interface name. */
enum { IP_TEXT = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE };

static bool port_ok(int port)
{
    return port >= 0 && port <= 65535;
}

static bool set_v4(struct proa_addr *addr, const char *ip, int port)
{
    *addr = (struct proa_addr){.len = sizeof addr->u.in};
    addr->u.in.sin_family = AF_INET;
    addr->u.in.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, ip, &addr->u.in.sin_addr) == 1;
}

/* A zone is an interface's name or number; the kernel wants the number. */
static bool zone_number(uint32_t *ret, const char *zone)
{
    unsigned long number = 0;

    *ret = if_nametoindex(zone);
    if (*ret)
        return true;
    for (const char *p = zone; *p; p++) {
        if (*p < '0' || *p > '9' || number > UINT32_MAX / 10)
            return false;
        number = number * 10 + (unsigned long)(*p - '0');
    }
    *ret = (uint32_t)number;
    return *zone && number <= UINT32_MAX;
}

static bool set_v6(struct proa_addr *addr, const char *ip, int port)
{
    char host[INET6_ADDRSTRLEN];
    const char *zone = strchr(ip, '%');
    size_t n = zone ? (size_t)(zone - ip) : strlen(ip);

    if (n >= sizeof host)
        return false;
    memcpy(host, ip, n);
    host[n] = '\0';

    *addr = (struct proa_addr){.len = sizeof addr->u.in6};
    addr->u.in6.sin6_family = AF_INET6;
    addr->u.in6.sin6_port = htons((uint16_t)port);
    if (inet_pton(AF_INET6, host, &addr->u.in6.sin6_addr) != 1)
        return false;
    return !zone || zone_number(&addr->u.in6.sin6_scope_id, zone + 1);
}

int proa_addr_ip(struct proa_addr *ret, const char *ip, int port)
{
    struct proa_addr addr;

    if (!port_ok(port))
        return proa__fail(PROA_EINVAL, "port %d is not within 0 to 65535", port);
    if (!set_v4(&addr, ip, port) && !set_v6(&addr, ip, port))
        return proa__fail(PROA_EADDRESS, "\"%.80s\" is no IP address", ip);
    *ret = addr;
    return 0;
}

static int unix_address(struct proa_addr *ret, struct proa_str path)
{
    struct proa_addr addr = {0};

    if (path.n == 0 || (path.n == 1 && path.p[0] == '@'))
        return proa__fail(PROA_EADDRESS, "an empty path is no UNIX socket address");
    if (memchr(path.p, '\0', path.n))
        return proa__fail(PROA_EADDRESS, "the path of a UNIX socket contains a zero byte");
    if (path.n >= sizeof addr.u.un.sun_path)
        return proa__fail(PROA_ENAMETOOLONG, "UNIX socket path of %zu bytes; at most %zu", path.n,
                          sizeof addr.u.un.sun_path - 1);

    addr.u.un.sun_family = AF_UNIX;
    memcpy(addr.u.un.sun_path, path.p, path.n);
    addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n);
    if (path.p[0] == '@')
        addr.u.un.sun_path[0] = '\0'; /* abstract: the length counts, no end mark */
    else
        addr.len++;
    *ret = addr;
    return 0;
}

int proa_addr_unix(struct proa_addr *ret, const char *path)
{
    return unix_address(ret, proa_str_from(path));
}

/* The decimal port after a colon. Nothing else: no sign, no blank, at most 65535. */
static bool read_port(int *ret, struct proa_str digits)
{
    int port = 0;

    if (digits.n == 0 || digits.n > 5)
        return false;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
        port = port * 10 + (digits.p[i] - '0');
    }
    *ret = port;
    return port_ok(port);
}

/* Cut "host:port" in two; a bare IPv6 address has several colons and no port. */
static bool split_port(struct proa_str text, struct proa_str *host, int *port)
{
    const char *end = text.p + text.n;
    const char *colon;

    *host = text;
    if (text.n && text.p[0] == '[') {
        const char *close = memchr(text.p, ']', text.n);
        if (!close)
            return false;
        *host = (struct proa_str){text.p + 1, (size_t)(close - text.p - 1)};
        if (close + 1 == end)
            return true;
        return close[1] == ':' &&
               read_port(port, (struct proa_str){close + 2, (size_t)(end - close - 2)});
    }
    colon = memchr(text.p, ':', text.n);
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
        return true;
    host->n = (size_t)(colon - text.p);
    return read_port(port, (struct proa_str){colon + 1, (size_t)(end - colon - 1)});
}

static int not_an_address(struct proa_str text)
{
    return proa__fail(PROA_EADDRESS, "\"%.*s\" is no address", (int)(text.n < 80 ? text.n : 80),
                      text.p ? text.p : "");
}

int proa_addr_parse(struct proa_addr *ret, struct proa_str text, int port)
{
    char host[IP_TEXT];
    struct proa_addr addr;
    struct proa_str name;
    bool is_v6;

    if (!port_ok(port))
        return proa__fail(PROA_EINVAL, "port %d is not within 0 to 65535", port);
    if (proa_str_starts(text, PROA_STR("unix:")))
        return unix_address(ret, (struct proa_str){text.p + 5, text.n - 5});
    if (text.n == 0 || !split_port(text, &name, &port))
        return not_an_address(text);
    if (name.n >= sizeof host || memchr(name.p, '\0', name.n))
        return not_an_address(text);

    memcpy(host, name.p, name.n);
    host[name.n] = '\0';
    is_v6 = text.p[0] == '[';
    if (!is_v6 && name.n == 0)
        memcpy(host, "0.0.0.0", sizeof "0.0.0.0");
    if (is_v6 || !set_v4(&addr, host, port)) {
        if (!set_v6(&addr, host, port))
            return not_an_address(text);
    }
    *ret = addr;
    return 0;
}

/* A path is arbitrary bytes: what is not plain ASCII is written \xHH, so that a log line stays one
 * line. */
static const char *format_unix(const struct proa_addr *addr, char text[PROA_ADDR_TEXT])
{
    const char *path = addr->u.un.sun_path;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t n = addr->len > head ? addr->len - head : 0;
    char *out = text + snprintf(text, PROA_ADDR_TEXT, "unix:");

    if (n > sizeof addr->u.un.sun_path)
        n = sizeof addr->u.un.sun_path;
    if (n && path[0])
        n = strnlen(path, n);
    else if (n)
        *out++ = '@';
    for (size_t i = n && !path[0]; i < n; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c > ' ' && c < 0x7f && c != '\\')
            *out++ = (char)c;
        else
            out += snprintf(out, 5, "\\x%02x", c);
    }
    *out = '\0';
    return text;
}

static void ip_text(const struct proa_addr *addr, char text[IP_TEXT])
{
    if (addr->u.sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &addr->u.in.sin_addr, text, IP_TEXT);
        return;
    }
    inet_ntop(AF_INET6, &addr->u.in6.sin6_addr, text, IP_TEXT);
    if (addr->u.in6.sin6_scope_id) {
        char name[IF_NAMESIZE];
        size_t n = strlen(text);
        if (if_indextoname(addr->u.in6.sin6_scope_id, name))
            snprintf(text + n, IP_TEXT - n, "%%%s", name);
        else
            snprintf(text + n, IP_TEXT - n, "%%%u", (unsigned)addr->u.in6.sin6_scope_id);
    }
}

static bool is_ip(const struct proa_addr *addr)
{
    return addr->len && (addr->u.sa.sa_family == AF_INET || addr->u.sa.sa_family == AF_INET6);
}

const char *proa_addr_format_ip(const struct proa_addr *addr, char text[PROA_ADDR_TEXT])
{
    if (is_ip(addr))
        ip_text(addr, text);
    else if (addr->len && addr->u.sa.sa_family == AF_UNIX)
        format_unix(addr, text);
    else
        memcpy(text, "-", 2);
    return text;
}

const char *proa_addr_format(const struct proa_addr *addr, char text[PROA_ADDR_TEXT])
{
    char ip[IP_TEXT];

    if (!is_ip(addr))
        return proa_addr_format_ip(addr, text);
    ip_text(addr, ip);
    snprintf(text, PROA_ADDR_TEXT, addr->u.sa.sa_family == AF_INET ? "%s:%d" : "[%s]:%d", ip,
             proa_addr_port(addr));
    return text;
}

int proa_addr_port(const struct proa_addr *addr)
{
    if (!is_ip(addr))
        return -1;
    return ntohs(addr->u.sa.sa_family == AF_INET ? addr->u.in.sin_port : addr->u.in6.sin6_port);
}

void proa_addr_set_port(struct proa_addr *addr, int port)
{
    if (!is_ip(addr))
        return;
    if (addr->u.sa.sa_family == AF_INET)
        addr->u.in.sin_port = htons((uint16_t)port);
    else
        addr->u.in6.sin6_port = htons((uint16_t)port);
}

/* The IPv4 address of an IPv4 or mapped IPv6 address. */
static bool as_v4(const struct proa_addr *addr, uint32_t *ret)
{
    if (addr->u.sa.sa_family == AF_INET) {
        *ret = ntohl(addr->u.in.sin_addr.s_addr);
        return true;
    }
    if (!IN6_IS_ADDR_V4MAPPED(&addr->u.in6.sin6_addr))
        return false;
    memcpy(ret, &addr->u.in6.sin6_addr.s6_addr[12], sizeof *ret);
    *ret = ntohl(*ret);
    return true;
}

bool proa_addr_same_host(const struct proa_addr *a, const struct proa_addr *b)
{
    uint32_t v4a = 0, v4b = 0;
    bool is_v4a, is_v4b;

    if (!is_ip(a) || !is_ip(b))
        return a->len && b->len && a->u.sa.sa_family == b->u.sa.sa_family;
    is_v4a = as_v4(a, &v4a);
    is_v4b = as_v4(b, &v4b);
    if (is_v4a || is_v4b)
        return is_v4a && is_v4b && v4a == v4b;
    return a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id &&
           memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof a->u.in6.sin6_addr) == 0;
}

bool proa_addr_eq(const struct proa_addr *a, const struct proa_addr *b)
{
    if (a->len != b->len)
        return false;
    if (is_ip(a))
        return is_ip(b) && a->u.sa.sa_family == b->u.sa.sa_family &&
               proa_addr_port(a) == proa_addr_port(b) && proa_addr_same_host(a, b);
    return memcmp(&a->u, &b->u, a->len) == 0;
}

bool proa_addr_is_loopback(const struct proa_addr *addr)
{
    uint32_t v4;

    if (!is_ip(addr))
        return addr->len && addr->u.sa.sa_family == AF_UNIX;
    if (as_v4(addr, &v4))
        return v4 >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&addr->u.in6.sin6_addr);
}
