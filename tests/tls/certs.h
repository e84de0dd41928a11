#ifndef TESTS_TLS_CERTS_H
#define TESTS_TLS_CERTS_H

/*
 * certs: certificates made on the spot, good ones and bad ones.
 */

#include <proa/str.h>

#include <stdbool.h>

/* PEM texts; a chain has its issuers behind it. */
struct t_cert {
    char cert[8192];
    char key[512];
};

struct t_cert_opts {
    const char *cn;              /* common name; NULL: "test" */
    const char *san;             /* as OpenSSL writes it: "DNS:a.example,IP:10.0.0.1"; NULL: none */
    int from, to;                /* days from now; both 0: yesterday and tomorrow */
    bool ca;                     /* may sign others */
    const struct t_cert *issuer; /* NULL: itself */
    bool chain;                  /* put the issuer's text behind */
};

/* A failure fails the test. */
void t_cert_make(struct t_cert *ret, const struct t_cert_opts *opts);
#define T_CERT(ret, ...) t_cert_make((ret), &(const struct t_cert_opts){__VA_ARGS__})

/* The key again, encrypted with a password. */
void t_cert_lock(struct t_cert *cert, const char *password);

static inline struct proa_str t_pem(const char *text)
{
    return proa_str_from(text);
}

/* First in main: OpenSSL keeps its own allocator, for it holds on to memory until the process ends.
 * What it leaks is AddressSanitizer's to find. */
void t_openssl_apart(void);

/* A file with this text in a directory of the test's own; the path, until the next call but seven.
 */
const char *t_file(const char *name, const char *text);

/* A directory that holds this certificate under its hash. */
const char *t_hashed_directory(const char *cert);

#endif
