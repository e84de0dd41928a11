#include "base/encode.h"
#include "fuzz/fuzz.h"

#include <proa/err.h>

#include <string.h>

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("Zm9vYmFy"),
    FUZZ_SEED("Zm9vYg=="),
    FUZZ_SEED("Zm9vYmE="),
    FUZZ_SEED("--___g"),
    FUZZ_SEED("++///g=="),
    FUZZ_SEED("Zm9vYg"),
    FUZZ_SEED(""),
    FUZZ_SEED("00ff7F"),
    FUZZ_SEED("\x80\xff\0\1"),
    {NULL, 0},
};

enum { ROOM = 4096 };

static char decoded[BASE64_BYTES(2 * ROOM)], text[2 * ROOM + 1];

/* What can be decoded has one spelling, which encoding gives back; and any bytes go there and back.
 */
static void check(struct proa_str s, enum base64_kind kind)
{
    ssize_t n = proa__base64_decode(decoded, s, kind);

    if (n >= 0) {
        FUZZ_CHECK((size_t)n <= BASE64_BYTES(s.n));
        size_t len = proa__base64_encode(text, decoded, (size_t)n, kind);
        FUZZ_CHECK(len == s.n && memcmp(text, s.n ? s.p : "", len) == 0);
    } else {
        FUZZ_CHECK(n == PROA_EENCODING);
    }

    size_t len = proa__base64_encode(text, s.p, s.n, kind);
    FUZZ_CHECK(len < BASE64_ROOM(s.n) && text[len] == '\0');
    n = proa__base64_decode(decoded, proa_str_make(text, len), kind);
    FUZZ_CHECK(n == (ssize_t)s.n && memcmp(decoded, s.n ? s.p : "", s.n) == 0);
}

static void check_hex(struct proa_str s)
{
    ssize_t n = proa__hex_decode(decoded, s);

    FUZZ_CHECK(n == PROA_EENCODING || (size_t)n * 2 == s.n);
    size_t len = proa__hex_encode(text, s.p, s.n);
    FUZZ_CHECK(proa__hex_decode(decoded, proa_str_make(text, len)) == (ssize_t)s.n);
    FUZZ_CHECK(memcmp(decoded, s.n ? s.p : "", s.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct proa_str s = proa_str_make((const char *)bytes, n);

    if (n > ROOM)
        return 0;
    check(s, BASE64_STD);
    check(s, BASE64_URL);
    check_hex(s);
    return 0;
}
