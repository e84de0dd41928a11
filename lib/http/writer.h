#ifndef HTTP_WRITER_H
#define HTTP_WRITER_H

/*
 * writer: heads as bytes, and the frame of the body that follows.
 *
 * A head is rendered once into a buffer; how its body is framed is decided in the same step, from
 * what the caller knows (length, method, status, the peer's version), and kept in a struct body_out
 * through which the body's bytes then go. So Content-Length and Transfer-Encoding cannot contradict
 * each other or the body: nobody else writes them, a header list that holds them is refused. All
 * that leaves is checked: names and values when they are set, method, target and reason here.
 *
 *   head rendered -> proa__body_iov, any number of times -> proa__body_end -> message complete
 * Floor: http. No I/O: the caller writes.
 */

#include <proa/buf.h>
#include <proa/headers.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define BODY_UNKNOWN UINT64_MAX /* a length that only the end of the body will tell */

enum body_kind {
    BODY_NONE,    /* no bytes follow the head, whatever is written */
    BODY_LENGTH,  /* exactly as many as Content-Length says */
    BODY_CHUNKED, /* chunks */
    BODY_CLOSE,   /* all until the connection is closed */
};

struct body_out {
    enum body_kind kind;
    bool close;       /* after this message the connection cannot be used again */
    bool ended;       /* proa__body_end was called */
    uint64_t left;    /* BODY_LENGTH: bytes still owed */
    uint64_t dropped; /* BODY_NONE: bytes that were written all the same */
    char size[20];    /* the last chunk's size line; must stay until it is written */
};

struct response_head {
    int status;
    struct proa_str reason;             /* {0}: the usual one */
    const struct proa_headers *headers; /* NULL: none */
    struct proa_str date;               /* proa__date_at; {0}: no Date field */
    uint64_t length;                    /* of the body, or BODY_UNKNOWN */
    bool to_head;                       /* the request was HEAD */
    bool to_connect;                    /* the request was CONNECT */
    bool to_http10;                     /* the client speaks HTTP/1.0 */
    bool close;                         /* this is the connection's last response */
};

/*
 * Append a response head to `buf` and say in `ret` how its body goes. A 1xx head has no body; its
 * final head follows. PROA_EHEADER (a list with its first failure, or with Content-Length or
 * Transfer-Encoding), PROA_ESTARTLINE (status or reason that may not be sent, 1xx to HTTP/1.0), or
 * the buffer's failure; nothing is appended then.
 */
int proa__response_head(struct proa_buf *buf, struct body_out *ret,
                        const struct response_head *head);

struct request_head {
    struct proa_str method;
    struct proa_str target; /* origin, absolute, authority or asterisk form */
    struct proa_str host;   /* url.authority, maybe empty; ignored if the list has a Host */
    const struct proa_headers *headers; /* NULL: none */
    uint64_t length;                    /* of the body, or BODY_UNKNOWN */
    bool to_http10; /* the server is known to speak HTTP/1.0: a length is needed */
    bool close;     /* ask the server to close afterwards */
};

/* Append a request head. Errors as above; PROA_EBODYLENGTH if an HTTP/1.0 server would need a
 * length. */
int proa__request_head(struct proa_buf *buf, struct body_out *ret, const struct request_head *head);

/*
 * Frame `n` more bytes of the body: what to write is in iov[0..returned), at most three entries,
 * none for no bytes. The bytes of `data` and `out` must stay until they are written.
 * PROA_EBODYLENGTH when it is more than was declared.
 */
int proa__body_iov(struct body_out *out, const void *data, size_t n, struct iovec iov[3]);

/* The same without the bytes: what goes before and behind them. For callers with iovecs of their
 * own. */
int proa__body_frame(struct body_out *out, size_t n, struct proa_str *ret_before,
                     struct proa_str *ret_after);

/* End the body: `ret_tail` is what is still to be written (maybe nothing). PROA_EBODYLENGTH when
 * less came than was declared; then abort the connection. */
int proa__body_end(struct body_out *out, struct proa_str *ret_tail);

/* The text of the Date field, made anew once a second. */
struct date_cache {
    int64_t second; /* since 1970; the text is right for this one */
    char text[32];
};

struct proa_str proa__date_at(struct date_cache *cache, int64_t second);

/* Whether a request target, a reason phrase may be sent. */
bool proa__is_target(struct proa_str text);
bool proa__is_reason(struct proa_str text);

#endif
