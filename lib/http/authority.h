#ifndef HTTP_AUTHORITY_H
#define HTTP_AUTHORITY_H

/*
 * authority: hosts and ports, the part of a URL that decides who is talked to.
 *
 * The same check serves URLs, the Host field and CONNECT, so all of them refuse the same things.
 * Floor: http.
 */

#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HOST_TEXT_MAX =
        256,       /* bytes of a canonical host with its NUL: DNS allows 253, and a final dot */
    ZONE_MAX = 15, /* bytes of a zone: what a Linux interface name can have */
};

/* A host in canonical form. */
struct host {
    char text[HOST_TEXT_MAX]; /* lower case; an IPv6 address without brackets and zone */
    size_t n;
    struct proa_str zone; /* a slice of what was parsed; p NULL: none */
    bool is_ip;
    bool is_ipv6;
};

/* Check and canonicalize a host as it stands in a URL, IPv6 in brackets. PROA_EURL with its reason
 * in the detail. */
int proa__host_parse(struct host *ret, struct proa_str text);

/* Split `host`, `host:port`, `[v6]:port` without looking at the host. ret_port.p is NULL if there
 * is no ':'. */
int proa__authority_split(struct proa_str text, struct proa_str *ret_host,
                          struct proa_str *ret_port);

/* A port of digits, 1 to 65535; an empty one is 0. */
int proa__port_parse(uint16_t *ret, struct proa_str text);

/* Check the value of a Host field or of CONNECT's target: host, maybe with a port; no user, no
 * zone. Never allocates. */
int proa__authority_check(struct proa_str text);

/* The IDNA form of a UTF-8 name, written to `out`; PROA_EURL if it has none or this build has no
 * libidn2. */
int proa__idna_to_ascii(char out[HOST_TEXT_MAX], size_t *ret_n, struct proa_str name);

#endif
