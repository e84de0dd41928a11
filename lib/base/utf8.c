#include "base/utf8.h"

#include <stdint.h>

/* Bytes of the sequence that `lead` begins, 0 for none; the second byte must lie in [*lo, *hi]. */
static unsigned sequence(unsigned char lead, unsigned char *lo, unsigned char *hi)
{
    *lo = 0x80;
    *hi = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *lo = 0xa0; /* shorter forms exist */
        if (lead == 0xed)
            *hi = 0x9f; /* surrogates */
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *lo = 0x90;
        if (lead == 0xf4)
            *hi = 0x8f; /* beyond U+10FFFF */
        return 4;
    }
    return 0;
}

bool proa__utf8_valid(struct proa_str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t i = 0;

    while (i < text.n) {
        unsigned char lo;
        unsigned char hi;
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        unsigned n = sequence(p[i], &lo, &hi);
        if (n == 0 || n > text.n - i || p[i + 1] < lo || p[i + 1] > hi)
            return false;
        for (unsigned k = 2; k < n; k++)
            if (p[i + k] < 0x80 || p[i + k] > 0xbf)
                return false;
        i += n;
    }
    return true;
}
