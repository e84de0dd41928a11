#ifndef CLIENT_TLS_H
#define CLIENT_TLS_H

/*
 * tls: the context of those who bring none: it verifies against the system's authorities, and is
 * made once a thread, at its first use.
 * Floor: client.
 */

struct proa_tls_ctx;

/* Borrowed. Valid until: the thread ends. PROA_ENOMEM or a PROA_ETLS code. */
int proa__client_default_tls(struct proa_tls_ctx **ret);

#endif
