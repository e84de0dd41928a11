#ifndef PROA_URL_H
#define PROA_URL_H

/*
 * URLs: parsed once, checked, and made canonical where that changes no meaning.
 *
 * Scheme and host are in lower case, an IPv6 address in its short form, dot segments are gone, an
 * http path is never empty, bytes that may not stand in a URL bare are percent-encoded. Escapes
 * that were there stay as they were, and `?` with nothing behind it is not the same as no `?`.
 *
 * Refused, since two programs could read them differently: control characters, spaces, backslashes,
 * escapes without two hex digits, hosts with escapes or with characters no DNS name has, IPv4
 * addresses that are not four decimal numbers (127.1, 0x7f.0.0.1), IPvFuture, a second '@', ports
 * beyond 65535 or 0.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

PROA_BEGIN_DECLS

#define PROA_URL_MAX 65536  /* bytes of a URL: what no real one reaches */
#define PROA_QUERY_MAX 1000 /* pairs of a query or form */

/* Slices of one block that the URL owns. An absent part has p == NULL; a present but empty one has
 * not. */
struct proa_url {
    struct proa_str text;      /* the whole URL, without user, password and zone: fit for logs */
    struct proa_str scheme;    /* "https" */
    struct proa_str authority; /* "example.org:8080", "[::1]": the Host field; no default port */
    struct proa_str host;      /* "example.org", "192.0.2.1", "::1": without brackets and zone */
    struct proa_str path;      /* "/a/b%20c" */
    struct proa_str query;     /* "x=1", without '?' */
    struct proa_str fragment;  /* "top", without '#' */
    struct proa_str target;    /* "/a/b%20c?x=1": what a request line says */
    struct proa_str user;      /* percent-encoded, as it came */
    struct proa_str password;  /* percent-encoded, as it came */
    struct proa_str zone;      /* "eth0" of [fe80::1%25eth0] */
    uint16_t port;             /* the effective one: given, or the scheme's own; 0: none known */
    bool is_ip;                /* host is an IPv4 or IPv6 address */
    bool secure;               /* https or wss */
    char *block;               /* the library's */
};

/**
 * Parse an absolute URL of any scheme; http, https, ws and wss need a host.
 *
 * A host with bytes beyond ASCII is turned into its IDNA form, if proa was built with libidn2.
 *
 * Errors:       PROA_EURL, PROA_EMSGSIZE (more than PROA_URL_MAX bytes), PROA_ENOMEM.
 * Ownership:    nothing of text is kept; proa_url_fini frees. `ret` is written on success only.
 */
PROA_API int proa_url_parse(struct proa_url *ret, struct proa_str text);

/**
 * Resolve a reference ("../b?x", "//host/", "#top", or a whole URL) against a base, as RFC 3986
 * part 5.2 says.
 *
 * The result has the user and password of the base only where it has its authority too.
 *
 * Errors:       like proa_url_parse.
 * Ownership:    the result shares nothing with the base; proa_url_fini frees.
 */
PROA_API int proa_url_resolve(struct proa_url *ret, const struct proa_url *base,
                              struct proa_str reference);

/** Free a URL and leave it {0}. */
PROA_API void proa_url_fini(struct proa_url *url);

/** Say whether two URLs have the same origin: scheme, host and effective port (and zone). */
PROA_API bool proa_url_same_origin(const struct proa_url *a, const struct proa_url *b);

/* A walk over the pairs of a query or an urlencoded form. */
struct proa_query {
    struct proa_str rest;
    size_t count; /* pairs so far */
};

/**
 * Take the next name=value pair off a query (`{.rest = url.query}`), decoded: '+' is a space, %41
 * an 'A'.
 *
 * The texts are appended to `text`. A pair without '=' has an empty value; empty pairs are skipped.
 *
 * Errors:       returns 1, 0 at the end, PROA_EQUERY (an escape without two hex digits),
 *               PROA_EMSGSIZE (more than PROA_QUERY_MAX pairs), or the buffer's failure.
 * Ownership:    name and value are slices of `text`.
 * Valid until:  its next change.
 */
PROA_API int proa_query_next(struct proa_query *query, struct proa_buf *text,
                             struct proa_str *ret_name, struct proa_str *ret_value);

/**
 * Append `name=value`, urlencoded, to a query or form in `buf`, with a '&' before it unless `buf`
 * is empty or ends in '?'.
 *
 * Errors:       the buffer's.
 */
PROA_API int proa_query_append(struct proa_buf *buf, struct proa_str name, struct proa_str value);

PROA_DEFINE_AUTO_VALUE(proa_url, proa_url_fini);

PROA_END_DECLS

#endif
