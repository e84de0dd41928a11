#ifndef BASE_ASCII_H
#define BASE_ASCII_H

/*
 * ascii: what a byte is, without asking the locale.
 *
 * Floor: base.
 */

#include <stdbool.h>

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The value of a hexadecimal digit of either case, -1 if it is none. */
static inline int ascii_hex(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Make every control byte of a C string a '?'. */
static inline void ascii_scrub(char *s)
{
    for (; *s; s++)
        if (ascii_is_control(*s))
            *s = '?';
}

#endif
