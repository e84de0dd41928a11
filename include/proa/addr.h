#ifndef PROA_ADDR_H
#define PROA_ADDR_H

/*
 * addr: socket addresses by value: IPv4, IPv6 and UNIX.
 */

#include <proa/defs.h>
#include <proa/str.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

PROA_BEGIN_DECLS

/* A socket address. The empty value ({0}) is no address. */
struct proa_addr {
    socklen_t len; /* bytes of `u` in use; 0: no address */
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } u;
};

/* Room for the longest text of an address and its NUL: "unix:" and a path whose every byte is
 * escaped. */
#define PROA_ADDR_TEXT 440

/**
 * Make an address of a numeric IP text ("127.0.0.1", "::1", "fe80::1%eth0") and a port.
 *
 * No name is ever looked up. IPv4 takes exactly four decimal parts without leading zeros.
 *
 * Errors:       PROA_EADDRESS (no IP address), PROA_EINVAL (a port outside 0 to 65535).
 */
PROA_API int proa_addr_ip(struct proa_addr *ret, const char *ip, int port);

/**
 * Make a UNIX socket address of a path; one that begins with '@' is abstract and not in the file
 * system.
 *
 * Errors:       PROA_EADDRESS (empty), PROA_ENAMETOOLONG (more than 107 bytes).
 */
PROA_API int proa_addr_unix(struct proa_addr *ret, const char *path);

/**
 * Parse "1.2.3.4:80", "[::1]:80", "1.2.3.4", "[::1]", "::1", ":80" (any IPv4 address), "unix:/path"
 * or "unix:@name".
 *
 * Where the text has no port, `port` is taken.
 *
 * Errors:       PROA_EADDRESS (none of these), PROA_EINVAL (`port`), PROA_ENAMETOOLONG.
 */
PROA_API int proa_addr_parse(struct proa_addr *ret, struct proa_str text, int port);

/**
 * Write an address as text into `text`, in the form that proa_addr_parse reads, and return `text`.
 *
 * No address is written as "-", an unnamed UNIX socket as "unix:".
 */
PROA_API const char *proa_addr_format(const struct proa_addr *addr, char text[PROA_ADDR_TEXT]);

/**
 * Write only the IP address, without brackets and port, and return `text`. Other addresses as
 * proa_addr_format.
 */
PROA_API const char *proa_addr_format_ip(const struct proa_addr *addr, char text[PROA_ADDR_TEXT]);

/** The port of an IP address; -1 for others. */
PROA_API int proa_addr_port(const struct proa_addr *addr);

/** Give an IP address another port. Others are left alone. */
PROA_API void proa_addr_set_port(struct proa_addr *addr, int port);

/** Whether two addresses are the same, port included. */
PROA_API bool proa_addr_eq(const struct proa_addr *a, const struct proa_addr *b);

/** Whether two addresses name the same host: the same IP (IPv4 and its IPv6-mapped form are the
 * same), or both UNIX. */
PROA_API bool proa_addr_same_host(const struct proa_addr *a, const struct proa_addr *b);

/** Whether an address can only be this machine: 127.0.0.0/8, ::1, UNIX. */
PROA_API bool proa_addr_is_loopback(const struct proa_addr *addr);

PROA_END_DECLS

#endif
