#include "tls/settings.h"

#include "base/fail.h"
#include "base/opts.h"

#include <stdlib.h>

#define SESSION_LIMIT 256 /* servers; a session is some 4 KB with its certificates */

int proa__tls_alpn_wire(struct proa_str *ret, struct arena *a, const char *list)
{
    struct proa_str rest = proa_str_from(list);
    struct proa_str name;
    char *wire = arena_alloc(a, rest.n + 1);
    size_t n = 0;

    if (!wire)
        return PROA_ENOMEM;
    while (proa_str_next(&rest, ',', &name)) {
        name = proa_str_trim(name);
        if (name.n == 0 || name.n > 255)
            return proa__fail(PROA_ETLSOPTION, "alpn \"%s\": a protocol has 1 to 255 bytes", list);
        wire[n++] = (char)name.n;
        memcpy(wire + n, name.p, name.n);
        n += name.n;
    }
    if (n > 0xffff)
        return proa__fail(PROA_ETLSOPTION, "alpn: the list is too long");
    *ret = proa_str_make(wire, n);
    return 0;
}

/* Give each string a home in the arena; NULL and empty ones stay what they are. */
static int keep_strings(struct tls_settings *s, struct arena *a)
{
    const char **const texts[] = {&s->cert_file, &s->key_file, &s->key_password, &s->ca_file,
                                  &s->ca_path,   &s->ciphers,  &s->ciphersuites, &s->keylog_file};
    struct proa_str *const pems[] = {&s->cert_pem, &s->key_pem, &s->ca_pem};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!*texts[i])
            continue;
        *texts[i] = proa__arena_strndup(a, *texts[i], strlen(*texts[i]));
        if (!*texts[i])
            return PROA_ENOMEM;
    }
    for (size_t i = 0; i < sizeof pems / sizeof *pems; i++) {
        if (!pems[i]->n)
            continue;
        *pems[i] = proa__arena_str(a, *pems[i]);
        if (!pems[i]->p)
            return PROA_ENOMEM;
    }
    return 0;
}

static bool is_version(enum proa_tls_version v)
{
    return v == PROA_TLS_ANY || v == PROA_TLS_1_2 || v == PROA_TLS_1_3;
}

static int check_common(const struct tls_settings *s)
{
    if (s->cert_file && s->cert_pem.n)
        return proa__fail(PROA_EINVAL, "certificate given both as file %s and as text",
                          s->cert_file);
    if (s->key_file && s->key_pem.n)
        return proa__fail(PROA_EINVAL, "key given both as file %s and as text", s->key_file);
    if ((s->key_file || s->key_pem.n) && !s->cert_file && !s->cert_pem.n)
        return proa__fail(PROA_EINVAL, "key given without a certificate");
    if (!is_version(s->min_version) || !is_version(s->max_version))
        return proa__fail(PROA_EINVAL, "TLS version: only PROA_TLS_1_2 and PROA_TLS_1_3");
    if (s->max_version && s->min_version > s->max_version)
        return proa__fail(PROA_EINVAL, "TLS version: the lower bound is above the upper one");
    return 0;
}

static const char *keylog(const char *file, bool env)
{
    const char *name = file ? file : env ? secure_getenv("SSLKEYLOGFILE") : NULL;

    return name && *name ? name : NULL;
}

static int finish(struct tls_settings *s, struct arena *a, const char *alpn)
{
    int rc = check_common(s);

    if (rc < 0)
        return rc;
    rc = keep_strings(s, a);
    if (rc < 0)
        return rc;
    return proa__tls_alpn_wire(&s->alpn, a, alpn);
}

int proa__tls_client_settings(struct tls_settings *ret, struct arena *a,
                              const struct proa_tls_client_opts *opts)
{
    struct proa_tls_client_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    bool own_ca = o.ca_file || o.ca_path || o.ca_pem.n;
    if (o.insecure && (own_ca || o.system_ca))
        return proa__fail(PROA_EINVAL, "insecure, yet with authorities to believe");
    *ret = (struct tls_settings){
        .insecure = o.insecure,
        .system_ca = o.system_ca || (!own_ca && !o.insecure),
        .no_resumption = o.no_resumption,
        .min_version = o.min_version,
        .max_version = o.max_version,
        .cert_file = o.cert_file,
        .key_file = o.key_file,
        .key_password = o.key_password,
        .ca_file = o.ca_file,
        .ca_path = o.ca_path,
        .ciphers = o.ciphers,
        .ciphersuites = o.ciphersuites,
        .keylog_file = keylog(o.keylog_file, o.keylog_env),
        .cert_pem = o.cert_pem,
        .key_pem = o.key_pem,
        .ca_pem = o.ca_pem,
        .session_limit = o.session_limit ? o.session_limit : SESSION_LIMIT,
    };
    return finish(ret, a, o.alpn);
}

int proa__tls_server_settings(struct tls_settings *ret, struct arena *a,
                              const struct proa_tls_server_opts *opts)
{
    struct proa_tls_server_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    bool ca = o.ca_file || o.ca_path || o.ca_pem.n;
    if (!o.cert_file && !o.cert_pem.n)
        return proa__fail(PROA_EINVAL, "a server needs a certificate");
    if (o.client_cert > PROA_TLS_CLIENT_CERT_REQUIRED)
        return proa__fail(PROA_EINVAL, "client_cert: no such choice");
    if (ca != (o.client_cert != PROA_TLS_CLIENT_CERT_NONE))
        return proa__fail(PROA_EINVAL,
                          ca ? "authorities for certificates of clients, none asked for"
                             : "certificates of clients need an authority");
    *ret = (struct tls_settings){
        .server = true,
        .no_resumption = o.no_resumption,
        .client_cert = o.client_cert,
        .min_version = o.min_version,
        .max_version = o.max_version,
        .cert_file = o.cert_file,
        .key_file = o.key_file,
        .key_password = o.key_password,
        .ca_file = o.ca_file,
        .ca_path = o.ca_path,
        .ciphers = o.ciphers,
        .ciphersuites = o.ciphersuites,
        .keylog_file = keylog(o.keylog_file, o.keylog_env),
        .cert_pem = o.cert_pem,
        .key_pem = o.key_pem,
        .ca_pem = o.ca_pem,
        .sni = o.sni,
        .sni_arg = o.sni_arg,
    };
    return finish(ret, a, o.alpn);
}
