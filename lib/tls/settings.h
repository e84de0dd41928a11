#ifndef TLS_SETTINGS_H
#define TLS_SETTINGS_H

/*
 * settings: the options of either side, checked, and copied to where they stay.
 *
 * A context keeps them to be able to read its files again.
 * Floor: tls. Knows nothing of OpenSSL.
 */

#include "base/arena.h"

#include <proa/tls.h>

#include <stdint.h>

struct tls_settings {
    bool server;
    bool insecure;
    bool system_ca; /* believe the system's authorities */
    bool no_resumption;
    enum proa_tls_client_cert client_cert;
    enum proa_tls_version min_version;
    enum proa_tls_version max_version;
    const char *cert_file;
    const char *key_file;
    const char *key_password;
    const char *ca_file;
    const char *ca_path;
    const char *ciphers;
    const char *ciphersuites;
    const char *keylog_file; /* NULL: none, whatever the environment says */
    struct proa_str cert_pem;
    struct proa_str key_pem;
    struct proa_str ca_pem;
    struct proa_str alpn; /* as sent: each name behind a byte with its length */
    proa_tls_sni_fn *sni;
    void *sni_arg;
    size_t session_limit;
};

/* 0, PROA_EINVAL, PROA_E2BIG, PROA_ETLSOPTION, PROA_ENOMEM; the strings live in `a`. */
int proa__tls_client_settings(struct tls_settings *ret, struct arena *a,
                              const struct proa_tls_client_opts *opts);
int proa__tls_server_settings(struct tls_settings *ret, struct arena *a,
                              const struct proa_tls_server_opts *opts);

/* "h2,http/1.1" as it is sent; the empty list for NULL and "". */
int proa__tls_alpn_wire(struct proa_str *ret, struct arena *a, const char *list);

#endif
