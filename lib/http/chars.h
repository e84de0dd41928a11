#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

/*
 * chars: which bytes may stand where in a URL; octets.h is the same for the rest of a message.
 *
 * '%' is in none of the URL classes: whoever allows escapes looks at the digits behind it.
 * Floor: http.
 */

#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHAR_TARGET = 1, /* request targets: visible ASCII but '#' */
    CHAR_PATH = 2,   /* paths: pchar and '/' */
    CHAR_QUERY = 4,  /* queries and fragments: pchar, '/' and '?' */
    CHAR_USER = 8,   /* user and password, with the ':' between them */
    CHAR_HOST = 16,  /* DNS names as they are in use: letters, digits, '-', '_', '.' */
    CHAR_SCHEME = 32 /* letters, digits, '+', '-', '.' */
};

extern const uint8_t proa__http_chars[256];

static inline bool char_is(char c, unsigned classes)
{
    return proa__http_chars[(unsigned char)c] & classes;
}

/* How many bytes at the front of `s` are all of one of `classes`. */
static inline size_t chars_span(struct proa_str s, unsigned classes)
{
    size_t i = 0;

    while (i < s.n && char_is(s.p[i], classes))
        i++;
    return i;
}

#endif
