#ifndef APPS_LISTEN_H
#define APPS_LISTEN_H

/*
 * listen: the options of every program that serves.
 *
 *   -l, --listen [http://|https://]ADDR:PORT    may be given several times; unix:PATH too
 *   --tls-cert FILE, --tls-key FILE
 *
 * Without a scheme an address is HTTPS if a certificate was given, else HTTP.
 */

#include <proa/server.h>
#include <proa/tls.h>

enum { LISTEN_MAX = 16 };

struct listen_opts {
    struct proa_bind binds[LISTEN_MAX];
    char hosts[LISTEN_MAX][128]; /* what binds[].host or .unix_path point at */
    bool secure[LISTEN_MAX];
    bool has_scheme[LISTEN_MAX];
    size_t n;
    const char *cert;
    const char *key;
};

/* Take the argument of -l. 0, or -1 with a line on standard error. */
int listen_add(struct listen_opts *l, const char *text);

/* Complete the binds: a default address if there is none, the certificate where it is needed. 0, or
 * a code with its words. */
int listen_resolve(struct listen_opts *l, const char *fallback, struct proa_tls_ctx **ret_tls);

/* A proa_listening_fn: prints "listening on URL" on standard output. */
void listen_announce(void *arg, const char *url);

#endif
