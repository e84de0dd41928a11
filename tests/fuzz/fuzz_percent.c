#include "base/encode.h"
#include "fuzz/fuzz.h"

#include <proa/err.h>

#include <string.h>

/* The first byte chooses the set. */
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("\0/a path/%2e%2E/b?c=d&e=f+g"),
    FUZZ_SEED("\1%00%ff%zz%"),
    FUZZ_SEED("\2\xc3\xa9t\xc3\xa9/%41%4"),
    FUZZ_SEED("\3a=b&c=%26&d=+"),
    FUZZ_SEED("\4user:pass@host"),
    FUZZ_SEED("\5a b+c%2Bd%0D%0A"),
    {NULL, 0},
};

enum { ROOM = 3 * 4096 };

static char there[ROOM], again[ROOM];

static size_t encode(char *dst, struct proa_str s, enum percent_set set, bool requote)
{
    struct proa_buf b;

    proa_buf_init(&b, ROOM);
    FUZZ_CHECK((requote ? proa__percent_requote : proa__percent_encode)(&b, s, set) == 0);
    size_t n = b.n;
    memcpy(dst, proa_buf_str(&b).p, n);
    proa_buf_fini(&b);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(dst[i] > ' ' && dst[i] < 0x7f && !strchr("\"<>\\^`{|}#", dst[i]));
    return n;
}

/* Encoding is undone by decoding; requoting twice is requoting once and keeps what decoding gives;
 * decoding in place is decoding. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    enum percent_set set = n ? (enum percent_set)(bytes[0] % (PERCENT_FORM + 1)) : PERCENT_PATH;
    struct proa_str s = proa_str_make((const char *)bytes + (n > 0), n - (n > 0));
    size_t len, len2;
    ssize_t plain;

    if (s.n > ROOM / 3)
        return 0;
    len = encode(there, s, set, false);
    plain = (set == PERCENT_FORM ? proa__form_decode
                                 : proa__percent_decode)(again, proa_str_make(there, len));
    FUZZ_CHECK(plain == (ssize_t)s.n && (s.n == 0 || memcmp(again, s.p, s.n) == 0));

    len = encode(there, s, set, true);
    len2 = encode(again, proa_str_make(there, len), set, true);
    FUZZ_CHECK(set == PERCENT_FORM || (len == len2 && memcmp(there, again, len) == 0));

    plain = proa__percent_decode(again, s);
    memcpy(there, s.n ? s.p : "", s.n);
    FUZZ_CHECK(proa__percent_decode(there, proa_str_make(there, s.n)) == plain);
    FUZZ_CHECK(plain <= (ssize_t)s.n && (plain <= 0 || memcmp(there, again, (size_t)plain) == 0));
    FUZZ_CHECK(plain >= 0 || plain == PROA_EENCODING);
    return 0;
}
