#include "http/octets.h"

#define WORD (OCTET_TOKEN | OCTET_PATH | OCTET_QUERY | OCTET_TEXT | OCTET_QUOTED)
#define MARK (OCTET_PATH | OCTET_QUERY | OCTET_TEXT | OCTET_QUOTED)
#define RAW (OCTET_QUERY | OCTET_TEXT | OCTET_QUOTED)
#define TEXT (OCTET_TEXT | OCTET_QUOTED)

const uint8_t proa__http_octets[256] = {
    ['\t'] = TEXT,
    [' '] = TEXT,
    ['!'] = WORD,
    ['"'] = OCTET_TEXT,
    ['#'] = OCTET_TOKEN | TEXT,
    ['$' ... '\''] = WORD, /* $ % & ' */
    ['(' ... ')'] = MARK,
    ['*' ... '+'] = WORD,
    [','] = MARK,
    ['-' ... '.'] = WORD,
    ['/'] = MARK,
    ['0' ... '9'] = WORD,
    [':' ... ';'] = MARK,
    ['<'] = TEXT,
    ['='] = MARK,
    ['>'] = TEXT,
    ['?'] = RAW,
    ['@'] = MARK,
    ['A' ... 'Z'] = WORD,
    ['['] = RAW,
    ['\\'] = OCTET_TEXT,
    [']'] = RAW,
    ['^'] = OCTET_TOKEN | RAW,
    ['_'] = WORD,
    ['`'] = OCTET_TOKEN | RAW,
    ['a' ... 'z'] = WORD,
    ['{'] = RAW,
    ['|'] = OCTET_TOKEN | RAW,
    ['}'] = RAW,
    ['~'] = WORD,
    [0x80 ... 0xff] = TEXT,
};
