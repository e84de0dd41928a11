#ifndef TLS_LOAD_H
#define TLS_LOAD_H

/*
 * load: certificates, keys and authorities from PEM, whether a file's or the program's own text.
 *
 * Each failure names the file, or says "certificate text" where there is none. An encrypted key
 * never asks a person: without key_password it is an error. Floor: tls. To be called on the big
 * stack.
 */

#include <openssl/types.h>

struct tls_settings;

/* Our certificate, those above it, and the key; nothing if the settings have none. */
int proa__tls_load_identity(SSL_CTX *ctx, const struct tls_settings *s);

/* Whose certificates are believed. A server tells its clients their names. */
int proa__tls_load_authorities(SSL_CTX *ctx, const struct tls_settings *s);

#endif
