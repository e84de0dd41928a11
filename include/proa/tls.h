#ifndef PROA_TLS_H
#define PROA_TLS_H

/*
 * tls: encryption over any stream, both sides.
 *
 * A context says once how connections are to be made: which certificate is shown, which are
 * believed, which versions and ciphers are allowed. Streams are made from it. What is safe is what
 * a zeroed option struct gives: a client verifies the server's certificate against the system's
 * authorities and its name against the one asked for; TLS 1.2 is the oldest version; there is no
 * compression, no renegotiation and no early data.
 *
 * A context belongs to the thread that made it, and is counted: the streams made from it keep it.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

PROA_BEGIN_DECLS

struct proa_stream;
struct proa_tls_ctx;

enum proa_tls_version {
    PROA_TLS_ANY = 0, /* as a lower bound TLS 1.2, as an upper bound the newest there is */
    PROA_TLS_1_2 = 12,
    PROA_TLS_1_3 = 13,
};

/* What a server does about certificates of its clients. */
enum proa_tls_client_cert {
    PROA_TLS_CLIENT_CERT_NONE = 0, /* does not ask */
    PROA_TLS_CLIENT_CERT_OPTIONAL, /* asks; one that is shown must be good */
    PROA_TLS_CLIENT_CERT_REQUIRED, /* asks; none is an error */
};

/*
 * Choose by the name that a client asks for. Put another server context into *ret, or leave it as
 * it is to go on with the listener's own. A negative code refuses the client (alert
 * "unrecognized name"). `name` is in lower case, and empty if the client named none.
 * The context is borrowed; it must live until the function returns and may be the same each time.
 */
typedef int proa_tls_sni_fn(void *arg, struct proa_str name, struct proa_tls_ctx **ret);

/* Where a certificate chain, a key or authorities can be given as file and as PEM text, give one.
 */
struct proa_tls_client_opts {
    size_t size;
    const char *ca_file;      /* PEM file of the authorities believed, in place of the system's */
    const char *ca_path;      /* directory of such files, named by hash (openssl rehash) */
    struct proa_str ca_pem;   /* the same as text */
    bool system_ca;           /* believe the system's authorities beside these */
    bool insecure;            /* believe every certificate for every name: for experiments only */
    const char *cert_file;    /* our certificate chain, for servers that ask */
    const char *key_file;     /* its key; NULL: in cert_file */
    struct proa_str cert_pem; /* the same as text */
    struct proa_str key_pem;  /* empty: in cert_pem */
    const char *key_password; /* if the key is encrypted; nobody is ever asked for it */
    const char *alpn;         /* protocols offered, best first: "h2,http/1.1"; NULL: none */
    enum proa_tls_version min_version;
    enum proa_tls_version max_version;
    const char *ciphers;      /* OpenSSL's list for TLS 1.2; NULL: its default */
    const char *ciphersuites; /* OpenSSL's list for TLS 1.3; NULL: its default */
    bool no_resumption;       /* a full handshake each time */
    size_t session_limit;     /* most servers whose sessions are kept; 0: 256 */
    const char
        *keylog_file; /* append the secrets of each connection, for Wireshark: undoes encryption */
    bool keylog_env;  /* the same, to the file that $SSLKEYLOGFILE names, if any */
};
#define PROA_TLS_CLIENT_OPTS(...) PROA_OPTS(proa_tls_client_opts, __VA_ARGS__)

struct proa_tls_server_opts {
    size_t size;
    const char *cert_file;    /* our certificate, then those between it and the authority */
    const char *key_file;     /* its key; NULL: in cert_file */
    struct proa_str cert_pem; /* the same as text */
    struct proa_str key_pem;  /* empty: in cert_pem */
    const char *key_password; /* if the key is encrypted; nobody is ever asked for it */
    const char *alpn;         /* protocols spoken, best first; NULL: the extension is ignored */
    enum proa_tls_version min_version;
    enum proa_tls_version max_version;
    const char *ciphers;      /* OpenSSL's list for TLS 1.2; NULL: its default */
    const char *ciphersuites; /* OpenSSL's list for TLS 1.3; NULL: its default */
    enum proa_tls_client_cert client_cert;
    const char *ca_file; /* authorities believed for certificates of clients; there is no default */
    const char *ca_path;
    struct proa_str ca_pem;
    proa_tls_sni_fn *sni; /* NULL: one certificate for every name */
    void *sni_arg;
    bool no_resumption;      /* no tickets: a full handshake each time */
    const char *keylog_file; /* as in the client's options */
    bool keylog_env;
};
#define PROA_TLS_SERVER_OPTS(...) PROA_OPTS(proa_tls_server_opts, __VA_ARGS__)

/* One connection of a client. */
struct proa_tls_opts {
    size_t size;
    const char *server_name; /* host name or IP address that the certificate must be for */
    int port;           /* with the name, the key under which sessions are kept for resumption */
    const char *via;    /* what else a resumed session must have in common: the proxy, say */
    const char *alpn;   /* in place of the context's; "": none */
    bool no_resumption; /* neither take nor keep a session */
};
#define PROA_TLS_OPTS(...) PROA_OPTS(proa_tls_opts, __VA_ARGS__)

/**
 * Make a context for clients.
 *
 * Files are read at once and blockingly; the system's authorities only as they are needed.
 *
 * Errors:       PROA_ETLSFILE (a certificate, key or authority cannot be read or parsed, or key and
 *               certificate do not belong together), PROA_ETLSOPTION (an option OpenSSL does not
 *               accept), PROA_EINVAL (options that contradict each other), PROA_E2BIG, PROA_ENOMEM;
 *               each with the file or option in its detail.
 * Ownership:    one reference, the caller's; the options are copied.
 */
PROA_API int proa_tls_client_ctx_new(struct proa_tls_ctx **ret,
                                     const struct proa_tls_client_opts *opts);

/**
 * Make a context for servers.
 *
 * A certificate and its key are needed. Tickets of one context resume no session of another.
 *
 * Errors:       as proa_tls_client_ctx_new.
 * Ownership:    one reference, the caller's; the options are copied, sni_arg is not.
 */
PROA_API int proa_tls_server_ctx_new(struct proa_tls_ctx **ret,
                                     const struct proa_tls_server_opts *opts);

/**
 * Read the files of a context again, for new connections; the ones that exist go on as they are.
 *
 * Sessions made before are not resumed any more. After an error the context is as it was before.
 *
 * Errors:       as proa_tls_client_ctx_new.
 */
PROA_API int proa_tls_ctx_reload(struct proa_tls_ctx *ctx);

/**
 * Count one more owner of a context, and return it.
 */
PROA_API struct proa_tls_ctx *proa_tls_ctx_ref(struct proa_tls_ctx *ctx);

/**
 * Count one owner less; the last one frees the context. NULL is nothing.
 */
PROA_API void proa_tls_ctx_unref(struct proa_tls_ctx *ctx);
PROA_DEFINE_AUTO(proa_tls_ctx, proa_tls_ctx_unref);

/**
 * Make an encrypted stream to a server over another stream, and shake hands.
 *
 * Without a server_name the context must be insecure. An IP address is compared with the
 * certificate's IP addresses and not sent to the server. It has no time limit of its own: put it
 * under one.
 *
 * The lower stream may have carried plain bytes before (start_tls). What it has read and nobody has
 * asked for is the beginning of TLS and nothing else: plain bytes that somebody put behind a
 * STARTTLS make the handshake fail, and never become bytes of the new stream. From the call on the
 * lower stream is the new one's: another call on it aborts.
 *
 * Suspends:     yes.
 * Errors:       PROA_ETLSVERIFY (the server's certificate is not believed, or for another name: the
 *               detail says which, why and at which depth), PROA_ETLSHANDSHAKE, PROA_ETLSALERT (the
 *               server refused), PROA_ETLSALPN, PROA_ENOTTLS (no TLS there at all), PROA_EINVAL (no
 *               server_name, or a server's context), PROA_EBUSY (a task still reads or writes the
 *               lower stream), the lower stream's, PROA_ENOMEM, PROA_ECANCELED.
 * Ownership:    the lower stream is the new stream's, or closed on failure; the context is counted.
 * Cancellation: the connection is reset.
 */
PROA_API PROA_SUSPENDS int proa_tls_client(struct proa_stream **ret,
                                           struct proa_stream *lower_steal,
                                           struct proa_tls_ctx *ctx,
                                           const struct proa_tls_opts *opts);

/**
 * Make an encrypted stream to a client over another stream, and shake hands.
 *
 * Suspends:     yes.
 * Errors:       as proa_tls_client; PROA_ETLSVERIFY is about the client's certificate.
 * Ownership:    the lower stream is the new stream's, or closed on failure; the context is counted.
 * Cancellation: the connection is reset.
 */
PROA_API PROA_SUSPENDS int proa_tls_server(struct proa_stream **ret,
                                           struct proa_stream *lower_steal,
                                           struct proa_tls_ctx *ctx);

/* What was agreed on. Valid until: the stream is closed. */
struct proa_tls_info {
    enum proa_tls_version version;
    bool resumed;           /* an earlier session was continued; certificates were checked then */
    bool verified;          /* the other end showed a certificate, and it was checked and good */
    struct proa_str cipher; /* OpenSSL's name: "TLS_AES_256_GCM_SHA384" */
    struct proa_str alpn;   /* empty: none agreed on */
    struct proa_str server_name; /* the name that the client asked for; empty: none */
};

/**
 * Tell what a TLS stream agreed on with its other end.
 *
 * Errors:       PROA_EOPNOTSUPP (not a TLS stream), PROA_EAGAIN (still shaking hands).
 */
PROA_API int proa_tls_info(struct proa_stream *stream, struct proa_tls_info *ret);

/* A certificate, told in words. */
struct proa_tls_cert {
    char *subject; /* "CN=example.org,O=Example" (RFC 2253) */
    char *issuer;
    char *names;        /* "DNS:example.org, IP Address:192.0.2.1"; empty: none */
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    uint8_t sha256[32]; /* fingerprint */
};

/**
 * Describe the certificate that the other end showed.
 *
 * Errors:       PROA_ENOENT (it showed none), PROA_EOPNOTSUPP (not a TLS stream), PROA_EAGAIN
 *               (still shaking hands), PROA_ENOMEM.
 * Ownership:    the caller ends it with proa_tls_cert_fini.
 */
PROA_API int proa_tls_peer_cert(struct proa_stream *stream, struct proa_tls_cert *ret);

/**
 * Free what a description of a certificate holds. A zeroed one is nothing.
 */
PROA_API void proa_tls_cert_fini(struct proa_tls_cert *cert);
PROA_DEFINE_AUTO_VALUE(proa_tls_cert, proa_tls_cert_fini);

/**
 * Make a key and a certificate signed by itself, for tests and demonstrations.
 *
 * `names` is a list of host names and IP addresses: "localhost,127.0.0.1,::1". The key is EC P-256;
 * the certificate is good from an hour ago for 30 days, and is its own authority: a client believes
 * it that is given it as ca_pem.
 *
 * Errors:       PROA_EINVAL (no name), PROA_ENOMEM, PROA_EMSGSIZE (a buffer's limit), PROA_ETLS.
 * Ownership:    PEM text is appended to the caller's buffers, to both or to none.
 */
PROA_API int proa_tls_self_signed(struct proa_buf *cert_pem, struct proa_buf *key_pem,
                                  const char *names);

PROA_END_DECLS

#endif
