#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

/*
 * encode: bytes as text and back: percent (RFC 3986 and HTML forms), base64 (RFC 4648),
 * hexadecimal.
 *
 * Encoders that may grow without a small bound append to a proa_buf; decoders never grow, so they
 * write to the caller's memory, which may be the input itself. Decoders take one spelling only:
 * whatever is not exactly what an encoder writes is PROA_EENCODING.
 *
 * Floor: base.
 */

#include <proa/buf.h>
#include <proa/str.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What stays as it is besides letters and digits; everything else, '%' too, becomes %XX. */
enum percent_set {
    PERCENT_COMPONENT, /* "-._~" (unreserved bytes) only: safe in any place */
    PERCENT_SEGMENT,   /* one piece of a path: unreserved, sub-delims, ":" and "@"; not "/" */
    PERCENT_PATH,      /* a whole path: "/" as well */
    PERCENT_QUERY,     /* a whole query: the path's bytes and "?" */
    PERCENT_USERINFO,  /* a user or a password: unreserved and sub-delims; not ":" and "@" */
    PERCENT_FORM,      /* a name or a value of a form or a query: "*-._", and space is "+" */
};

/* Append `s`, encoded. Returns 0 or the buffer's failure. */
int proa__percent_encode(struct proa_buf *out, struct proa_str s, enum percent_set set);

/* The same, but what already is %XX stays: for text that may be encoded, as a person types a URL.
 */
int proa__percent_requote(struct proa_buf *out, struct proa_str s, enum percent_set set);

/* Write the bytes that `s` stands for to `dst` (room for s.n; may be s.p). Returns how many, or
 * PROA_EENCODING for a '%' without two digits. */
ssize_t proa__percent_decode(char *dst, struct proa_str s);

/* The same for forms, where "+" is a space. */
ssize_t proa__form_decode(char *dst, struct proa_str s);

enum base64_kind {
    BASE64_STD, /* "+/", padded with "=" */
    BASE64_URL, /* "-_", never padded */
};

/* Room for the text of n bytes, and its NUL. */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/* Room for the bytes of n characters. */
#define BASE64_BYTES(n) ((n) / 4 * 3 + 3)

/* Write the text and a NUL to `dst`. Returns its length. */
size_t proa__base64_encode(char *dst, const void *bytes, size_t n, enum base64_kind kind);

/* Write the bytes to `dst` (may be s.p). Returns how many, or PROA_EENCODING. */
ssize_t proa__base64_decode(void *dst, struct proa_str s, enum base64_kind kind);

/* Write 2 n lower case digits and a NUL to `dst`. Returns the length. */
size_t proa__hex_encode(char *dst, const void *bytes, size_t n);

/* Write the bytes of digits of either case to `dst` (may be s.p). Returns how many, or
 * PROA_EENCODING. */
ssize_t proa__hex_decode(void *dst, struct proa_str s);

#endif
