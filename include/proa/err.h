#ifndef PROA_ERR_H
#define PROA_ERR_H

/*
 * err: what failed, as a number, a name and a sentence.
 *
 * Functions return 0 or a count on success and a negative code of this table otherwise. A program
 * branches on codes; the words are for people (docs/errors.md).
 *
 *      -1 .. -4095     the system's: -errno, under the same name
 *  -10000 .. -10099    base         -10400 .. -10499    http
 *  -10100 .. -10199    core         -10500 .. -10599    WebSocket
 *  -10200 .. -10299    net          -10600 .. -10699    client
 *  -10300 .. -10399    tls          -10700 .. -10799    server
 *  -20000 and below    the program's own
 *
 * PROA_ECANCELED and PROA_ETIMEDOUT are ours, so that only scopes make them; what the kernel calls
 * ETIMEDOUT is PROA_ECONNTIMEDOUT here. A number is never used again for something else.
 */

#include <proa/defs.h>

#include <errno.h>

/* X(code, number, sentence) */
#define PROA_ERR_SYSTEM_MAP(X)                                                                     \
    X(PROA_EPERM, -EPERM, "operation not permitted")                                               \
    X(PROA_ENOENT, -ENOENT, "no such file or directory")                                           \
    X(PROA_ESRCH, -ESRCH, "no such process")                                                       \
    X(PROA_EINTR, -EINTR, "interrupted by a signal")                                               \
    X(PROA_EIO, -EIO, "input/output error")                                                        \
    X(PROA_ENXIO, -ENXIO, "no such device or address")                                             \
    X(PROA_E2BIG, -E2BIG, "argument list or options too large")                                    \
    X(PROA_ENOEXEC, -ENOEXEC, "not an executable format")                                          \
    X(PROA_EBADF, -EBADF, "bad file descriptor")                                                   \
    X(PROA_ECHILD, -ECHILD, "no child process")                                                    \
    X(PROA_EAGAIN, -EAGAIN, "not possible without waiting")                                        \
    X(PROA_ENOMEM, -ENOMEM, "out of memory")                                                       \
    X(PROA_EACCES, -EACCES, "permission denied")                                                   \
    X(PROA_EFAULT, -EFAULT, "bad address")                                                         \
    X(PROA_EBUSY, -EBUSY, "busy, or in use by another task")                                       \
    X(PROA_EEXIST, -EEXIST, "already exists")                                                      \
    X(PROA_EXDEV, -EXDEV, "link across devices")                                                   \
    X(PROA_ENODEV, -ENODEV, "no such device")                                                      \
    X(PROA_ENOTDIR, -ENOTDIR, "not a directory")                                                   \
    X(PROA_EISDIR, -EISDIR, "is a directory")                                                      \
    X(PROA_EINVAL, -EINVAL, "invalid argument")                                                    \
    X(PROA_ENFILE, -ENFILE, "too many open files in the system")                                   \
    X(PROA_EMFILE, -EMFILE, "too many open files in this process")                                 \
    X(PROA_ENOTTY, -ENOTTY, "not possible on this kind of descriptor")                             \
    X(PROA_ETXTBSY, -ETXTBSY, "program file is being written")                                     \
    X(PROA_EFBIG, -EFBIG, "file too large")                                                        \
    X(PROA_ENOSPC, -ENOSPC, "no space left on device")                                             \
    X(PROA_ESPIPE, -ESPIPE, "not seekable")                                                        \
    X(PROA_EROFS, -EROFS, "read-only file system")                                                 \
    X(PROA_EMLINK, -EMLINK, "too many links")                                                      \
    X(PROA_EPIPE, -EPIPE, "the other side no longer reads")                                        \
    X(PROA_EDOM, -EDOM, "argument outside the domain of the function")                             \
    X(PROA_ERANGE, -ERANGE, "number out of range")                                                 \
    X(PROA_EDEADLK, -EDEADLK, "would wait for itself")                                             \
    X(PROA_ENAMETOOLONG, -ENAMETOOLONG, "name too long")                                           \
    X(PROA_ENOSYS, -ENOSYS, "not offered by this system")                                          \
    X(PROA_ENOTEMPTY, -ENOTEMPTY, "directory not empty")                                           \
    X(PROA_ELOOP, -ELOOP, "too many symbolic links")                                               \
    X(PROA_EPROTO, -EPROTO, "protocol error")                                                      \
    X(PROA_EBADMSG, -EBADMSG, "bad message")                                                       \
    X(PROA_EOVERFLOW, -EOVERFLOW, "value too large for its type")                                  \
    X(PROA_EILSEQ, -EILSEQ, "invalid byte sequence")                                               \
    X(PROA_ENOTSOCK, -ENOTSOCK, "not a socket")                                                    \
    X(PROA_EDESTADDRREQ, -EDESTADDRREQ, "destination address required")                            \
    X(PROA_EMSGSIZE, -EMSGSIZE, "larger than its limit")                                           \
    X(PROA_EPROTOTYPE, -EPROTOTYPE, "wrong protocol for this kind of socket")                      \
    X(PROA_ENOPROTOOPT, -ENOPROTOOPT, "socket option not offered")                                 \
    X(PROA_EPROTONOSUPPORT, -EPROTONOSUPPORT, "protocol not supported")                            \
    X(PROA_ESOCKTNOSUPPORT, -ESOCKTNOSUPPORT, "kind of socket not supported")                      \
    X(PROA_EOPNOTSUPP, -EOPNOTSUPP, "operation not supported")                                     \
    X(PROA_EAFNOSUPPORT, -EAFNOSUPPORT, "address family not supported")                            \
    X(PROA_EADDRINUSE, -EADDRINUSE, "address already in use")                                      \
    X(PROA_EADDRNOTAVAIL, -EADDRNOTAVAIL, "address not available on this machine")                 \
    X(PROA_ENETDOWN, -ENETDOWN, "network is down")                                                 \
    X(PROA_ENETUNREACH, -ENETUNREACH, "network unreachable")                                       \
    X(PROA_ENETRESET, -ENETRESET, "connection dropped by the network")                             \
    X(PROA_ECONNABORTED, -ECONNABORTED, "connection aborted")                                      \
    X(PROA_ECONNRESET, -ECONNRESET, "connection reset by the other side")                          \
    X(PROA_ENOBUFS, -ENOBUFS, "no buffer space in the system")                                     \
    X(PROA_EISCONN, -EISCONN, "already connected")                                                 \
    X(PROA_ENOTCONN, -ENOTCONN, "not connected")                                                   \
    X(PROA_ESHUTDOWN, -ESHUTDOWN, "already shut down")                                             \
    X(PROA_ECONNTIMEDOUT, -ETIMEDOUT, "the other side did not answer (the system gave up)")        \
    X(PROA_ECONNREFUSED, -ECONNREFUSED, "connection refused")                                      \
    X(PROA_EHOSTDOWN, -EHOSTDOWN, "host is down")                                                  \
    X(PROA_EHOSTUNREACH, -EHOSTUNREACH, "no route to host")                                        \
    X(PROA_EALREADY, -EALREADY, "already under way")                                               \
    X(PROA_EINPROGRESS, -EINPROGRESS, "under way")                                                 \
    X(PROA_ESTALEFILE, -ESTALE, "stale file handle")                                               \
    X(PROA_EDQUOT, -EDQUOT, "disk quota exceeded")                                                 \
    X(PROA_EOWNERDEAD, -EOWNERDEAD, "the task that held it has ended")

#define PROA_ERR_BASE_MAP(X)                                                                       \
    X(PROA_EEOF, -10000, "the data ended early")                                                   \
    X(PROA_EENCODING, -10001, "text is not properly encoded")                                      \
    X(PROA_EDATE, -10002, "not a date")                                                            \
    X(PROA_ETEST, -10010, "a test failed")

#define PROA_ERR_CORE_MAP(X)                                                                       \
    X(PROA_ECANCELED, -10100, "cancelled")                                                         \
    X(PROA_ETIMEDOUT, -10101, "timed out")                                                         \
    X(PROA_ECLOSED, -10102, "closed")                                                              \
    X(PROA_ESTALE, -10103, "the task's group is closed; its result is gone")                       \
    X(PROA_EBADCANCEL, -10104, "a task ended as cancelled though nobody cancelled it")             \
    X(PROA_ETASKCANCELED, -10105, "the task that was joined was cancelled")                        \
    X(PROA_EABANDONED, -10106, "whoever should have set the result gave it up")                    \
    X(PROA_EBARRIER, -10107, "the barrier was reset or aborted")                                   \
    X(PROA_ENOTREADY, -10110, "the task ended without saying that it is ready")                    \
    X(PROA_ESTOPPED, -10111, "the run was stopped before its main task ended")

#define PROA_ERR_NET_MAP(X)                                                                        \
    X(PROA_ERESOLVE, -10200, "host name cannot be resolved")                                       \
    X(PROA_ENOHOST, -10201, "no such host")                                                        \
    X(PROA_EADDRESS, -10202, "not an address")                                                     \
    X(PROA_ERESOLVEAGAIN, -10203, "host name cannot be resolved just now")                         \
    X(PROA_EBROKEN, -10204, "an earlier write was cut short; nothing can follow it")

#define PROA_ERR_TLS_MAP(X)                                                                        \
    X(PROA_ETLS, -10300, "TLS failed")                                                             \
    X(PROA_ETLSVERIFY, -10301, "certificate not believed")                                         \
    X(PROA_ETLSHANDSHAKE, -10302, "the TLS handshake failed")                                      \
    X(PROA_ETLSALERT, -10303, "the other side refused TLS")                                        \
    X(PROA_ETLSALPN, -10304, "no protocol in common")                                              \
    X(PROA_ETLSPROTOCOL, -10305, "the other side broke the rules of TLS")                          \
    X(PROA_ETLSTRUNCATED, -10306, "the connection ended without the end of TLS")                   \
    X(PROA_ENOTTLS, -10307, "the other side does not speak TLS")                                   \
    X(PROA_ETLSFILE, -10308, "a certificate or key cannot be loaded")                              \
    X(PROA_ETLSOPTION, -10309, "a TLS option is not usable")

#define PROA_ERR_HTTP_MAP(X)                                                                       \
    X(PROA_EHTTP, -10400, "malformed HTTP message")                                                \
    X(PROA_EURL, -10401, "malformed URL")                                                          \
    X(PROA_EHTTPSTATUS, -10402, "answered with the status of an error")                            \
    X(PROA_EMEDIATYPE, -10403, "a body of this media type is not expected")                        \
    X(PROA_EHEADER, -10440, "a header name or value that may not be sent")                         \
    X(PROA_EPARAM, -10441, "malformed parameters in a header value")                               \
    X(PROA_EQUERY, -10442, "malformed query or form")                                              \
    X(PROA_ESTARTLINE, -10443, "a method, target, status or reason that may not be sent")          \
    X(PROA_EBODYLENGTH, -10444, "the body is not as long as was declared")                         \
    X(PROA_ECODING, -10445, "the compressed body is broken or cut short")                          \
    X(PROA_EJSON, -10446, "not JSON")

/* What makes a message that came in unusable; proa answers the client's with a status of its own.
 */
#define PROA_ERR_HTTP_READ_MAP(X)                                                                  \
    X(PROA_EHTTPLINE, -10410, "a line does not end in CR LF, or goes on in the next")              \
    X(PROA_EHTTPMETHOD, -10411, "method not known")                                                \
    X(PROA_EHTTPTARGET, -10412, "malformed request target")                                        \
    X(PROA_EHTTPVERSION, -10413, "HTTP version not spoken here")                                   \
    X(PROA_EHTTPFIELD, -10414, "malformed or doubled header field")                                \
    X(PROA_EHTTPHOST, -10415, "Host is missing, doubled or malformed")                             \
    X(PROA_EHTTPFRAMING, -10416, "the length of the body is not said in one clear way")            \
    X(PROA_EHTTPCODING, -10417, "coding not known")                                                \
    X(PROA_EHTTPCHUNK, -10418, "malformed chunk")                                                  \
    X(PROA_EHTTPTRAILER, -10419, "field not allowed in a trailer")                                 \
    X(PROA_EHTTPTARGETSIZE, -10420, "start line too long")                                         \
    X(PROA_EHTTPHEADSIZE, -10421, "header fields too large or too many")                           \
    X(PROA_EHTTPBODYSIZE, -10422, "body too large")                                                \
    X(PROA_EHTTPSHORT, -10423, "the message was cut off")                                          \
    X(PROA_EHTTPTLS, -10424, "TLS where plain HTTP is spoken")                                     \
    X(PROA_EHTTPSTATUSLINE, -10425, "malformed or unasked status")                                 \
    X(PROA_EHTTPINTERIM, -10426, "too many interim responses")

/* Every code of this block is a timeout: proa_err_is_timeout reads it from here. */
#define PROA_ERR_CLIENT_TIMEOUT_MAP(X)                                                             \
    X(PROA_EPOOLTIMEDOUT, -10600, "timed out waiting for a free connection")                       \
    X(PROA_ECONNECTTIMEDOUT, -10601, "timed out connecting")                                       \
    X(PROA_ETLSTIMEDOUT, -10602, "timed out in the TLS handshake")                                 \
    X(PROA_EWRITETIMEDOUT, -10603, "timed out sending the request")                                \
    X(PROA_EFIRSTBYTETIMEDOUT, -10604, "timed out waiting for the response")                       \
    X(PROA_EREADTIMEDOUT, -10605, "timed out reading the response")                                \
    X(PROA_ETOTALTIMEDOUT, -10606, "timed out: the whole request took too long")

#define PROA_ERR_CLIENT_MAP(X)                                                                     \
    X(PROA_ETOOMANYREDIRECTS, -10620, "too many redirects")                                        \
    X(PROA_EBADREDIRECT, -10621, "redirect to a place that cannot be followed")

#define PROA_ERR_SERVER_MAP(X)                                                                     \
    X(PROA_EROUTE, -10700, "route not usable")                                                     \
    X(PROA_ECLIENTTIMEDOUT, -10701, "the client was too slow")

#define PROA_ERR_MAP(X)                                                                            \
    PROA_ERR_SYSTEM_MAP(X)                                                                         \
    PROA_ERR_BASE_MAP(X)                                                                           \
    PROA_ERR_CORE_MAP(X)                                                                           \
    PROA_ERR_NET_MAP(X)                                                                            \
    PROA_ERR_TLS_MAP(X)                                                                            \
    PROA_ERR_HTTP_MAP(X)                                                                           \
    PROA_ERR_HTTP_READ_MAP(X)                                                                      \
    PROA_ERR_CLIENT_TIMEOUT_MAP(X)                                                                 \
    PROA_ERR_CLIENT_MAP(X)                                                                         \
    PROA_ERR_SERVER_MAP(X)

PROA_BEGIN_DECLS

#define PROA_ERR_ENUM(code, number, sentence) code = number,
/* clang-format off */
enum proa_err {
    PROA_OK = 0,
    PROA_ERR_PROGRAM = -20000, /* the first of the program's own codes; count downwards from it */
    PROA_ERR_MAP(PROA_ERR_ENUM)
};
/* clang-format on */
#undef PROA_ERR_ENUM

/**
 * Name a code as it is written in source: "PROA_ECANCELED".
 *
 * A number that is in no block is named "PROA_E?", one of the program's own "program error",
 * anything that is not negative "PROA_OK".
 *
 * Valid until: for ever.
 */
PROA_API const char *proa_err_name(int rc);

/**
 * Say in a sentence what a code means: "connection refused".
 *
 * A system code that the table does not know gets the system's words.
 *
 * Valid until: for ever.
 */
PROA_API const char *proa_err_text(int rc);

/**
 * Say what went wrong, with the particulars: "connect 127.0.0.1:81: connection refused".
 *
 * These are the words of the running task's most recent failure if its code was `rc`, else the
 * sentence of the code. They are for people; a program that reads them is wrong.
 *
 * Valid until: the task's next failure.
 */
PROA_API const char *proa_err_detail(int rc);

/**
 * Fail with words of the program's own.
 *
 *     return proa_fail(PROA_EINVAL, "%s: no such colour", name);
 *
 * Returns `rc`, which is negative: a code of the table, or one of the program's own. The words, up
 * to 199 bytes of them, are what proa_err_detail then answers and proa_main prints; a control byte
 * becomes a question mark. A value may be proa_err_detail(rc) itself, to say what a failure was
 * part of.
 */
PROA_API int proa_fail(int rc, const char *fmt, ...) PROA_PRINTF(2, 3);

/**
 * Tell whether a code means that time ran out, whoever measured it.
 *
 * True for PROA_ETIMEDOUT, for PROA_ECONNTIMEDOUT (the system's), for the client's own timeouts and
 * for PROA_ECLIENTTIMEDOUT, the server's word for a slow client.
 */
PROA_API bool proa_err_is_timeout(int rc);

PROA_END_DECLS

#endif
