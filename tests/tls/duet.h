#ifndef TESTS_TLS_DUET_H
#define TESTS_TLS_DUET_H

/*
 * duet: a client and a server of TLS, two tasks over a pair, and what became of each.
 */

#include "net/pair.h"
#include "tls/certs.h"

#include <proa/tls.h>

struct duet;
typedef int duet_fn(struct proa_stream *s, struct duet *d);

struct duet {
    struct proa_tls_ctx *client_ctx; /* NULL: made for the test, believing `ca` */
    struct proa_tls_ctx *server_ctx;
    const struct proa_tls_opts *opts; /* NULL: server_name "a.example" */
    struct pair_opts pair;            /* a is the client */
    duet_fn *client;                  /* what each does then; NULL: closes in order */
    duet_fn *server;
    void *arg;

    int client_rc, server_rc;                      /* of the handshake, then of what each did */
    bool client_up, server_up;                     /* the handshake succeeded */
    struct proa_tls_info client_info, server_info; /* without the strings */
    char alpn[16];
    char client_detail[200], server_detail[200]; /* the words of a failed rc */
};

/* Play it to its end, on the running loop. Returns 0, or the first of client_rc, server_rc that
 * failed. */
int t_duet(struct duet *d);

/* The same on a loop of its own, under a virtual clock. */
int t_duet_run(struct duet *d);

/* For either side: send a word, read the answer, close; and read a word, answer, wait for the end,
 * close. */
int t_ask(struct proa_stream *s, struct duet *d);
int t_answer(struct proa_stream *s, struct duet *d);

/* A context of either side with the usual certificate: "a.example", "*.w.example", 127.0.0.1, ::1.
 */
struct proa_tls_ctx *t_client_ctx(const struct proa_tls_client_opts *more);
struct proa_tls_ctx *t_server_ctx(const struct proa_tls_server_opts *more);
extern struct t_cert t_ca, t_leaf;
void t_certs(void);

#define T_CLIENT(...) t_client_ctx(PROA_TLS_CLIENT_OPTS(__VA_ARGS__))
#define T_SERVER(...) t_server_ctx(PROA_TLS_SERVER_OPTS(__VA_ARGS__))

/* The words of a failure say this. */
void t_says(const char *detail, const char *words);

#endif
