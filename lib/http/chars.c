#include "http/chars.h"

/* Each byte's classes are worked out by the compiler from the grammar as RFC 3986 writes it. */
#define ALNUM(c)                                                                                   \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z') || ((c) >= '0' && (c) <= '9'))
#define TARGET(c) ((c) > 0x20 && (c) < 0x7f && (c) != '#')
#define UNRESERVED(c) (ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define SUB_DELIM(c)                                                                               \
    ((c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' ||          \
     (c) == '*' || (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=')
#define USER(c) (UNRESERVED(c) || SUB_DELIM(c) || (c) == ':')
#define PCHAR(c) (USER(c) || (c) == '@')
#define HOST(c) (ALNUM(c) || (c) == '-' || (c) == '_' || (c) == '.')
#define SCHEME(c) (ALNUM(c) || (c) == '+' || (c) == '-' || (c) == '.')

#define CLASSES(c)                                                                                 \
    ((TARGET(c) ? CHAR_TARGET : 0) | (PCHAR(c) || (c) == '/' ? CHAR_PATH : 0) |                    \
     (PCHAR(c) || (c) == '/' || (c) == '?' ? CHAR_QUERY : 0) | (USER(c) ? CHAR_USER : 0) |         \
     (HOST(c) ? CHAR_HOST : 0) | (SCHEME(c) ? CHAR_SCHEME : 0))
#define FOUR(c) CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)

const uint8_t proa__http_chars[256] = {
    SIXTEEN(0x00), SIXTEEN(0x10), SIXTEEN(0x20), SIXTEEN(0x30), SIXTEEN(0x40), SIXTEEN(0x50),
    SIXTEEN(0x60), SIXTEEN(0x70), SIXTEEN(0x80), SIXTEEN(0x90), SIXTEEN(0xa0), SIXTEEN(0xb0),
    SIXTEEN(0xc0), SIXTEEN(0xd0), SIXTEEN(0xe0), SIXTEEN(0xf0),
};
