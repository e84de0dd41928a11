#include "fuzz/fuzz.h"
#include "http/coding.h"
#include "http/limits.h"

#include <proa/err.h>

#include <string.h>

/* The first byte chooses the codings and how the rest is cut. */
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("\0\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"),
    FUZZ_SEED("\1\x78\x9c\xcbH\xcd\xc9\xc9\x07\0\x06,\x02\x15"),
    FUZZ_SEED("\1\xcbH\xcd\xc9\xc9\x07\0"),
    FUZZ_SEED(
        "\4\x1f\x8b\x08\0\0\0\0\0\x02\x03\x03\0\0\0\0\0\0\0\0\0\x1f\x8b\x08\0\0\0\0\0\x02\x03"),
    FUZZ_SEED("\7plain text, long enough to be packed: packed: packed: packed"),
    {NULL, 0},
};

enum { ROOM = 1 << 16 };

static const char *const codings[] = {"gzip", "deflate", "gzip, deflate", "gzip, gzip"};
static char whole[ROOM], pieces[ROOM], packed[ROOM];

/* Decode to `out`, `in_n` and `out_n` bytes at a time; returns the last code. */
static int decode(const char *coding, struct proa_str in, size_t in_n, size_t out_n, char *out,
                  size_t *ret_n)
{
    struct proa_headers h = {0};
    struct decoder *decoder;
    size_t got = 0;
    int rc;

    proa_headers_add(&h, "Content-Encoding", coding);
    FUZZ_CHECK(proa__decoder_new(&decoder, &h, &proa__http_limits_client, ROOM) == 1);
    do {
        struct proa_str piece = proa_str_sub(in, 0, in_n);
        size_t fed = piece.n;
        size_t n;
        size_t room = out_n < ROOM - got ? out_n : ROOM - got;
        char beyond;
        rc = proa__decoder_run(decoder, &piece, fed == in.n, room ? out + got : &beyond,
                               room ? room : 1, &n);
        FUZZ_CHECK(n <= room);
        FUZZ_CHECK(rc != 0 || n > 0 || piece.n < fed); /* it gets on */
        got += n;
        in = proa_str_sub(in, fed - piece.n, PROA_UNLIMITED);
    } while (rc == 0);
    FUZZ_CHECK(rc == 1 || rc == PROA_ECODING || rc == PROA_EHTTPBODYSIZE);
    proa__decoder_free(decoder);
    proa_headers_fini(&h);
    *ret_n = got;
    return rc;
}

static size_t encode(struct proa_str in)
{
    struct encoder *encoder;
    size_t n;

    FUZZ_CHECK(proa__encoder_new(&encoder, 1) == 0);
    FUZZ_CHECK(proa__encoder_run(encoder, &in, ENCODER_END, packed, ROOM, &n) == 1);
    proa__encoder_free(encoder);
    return n;
}

/* However a body is cut, the same comes out and it ends alike; and what was packed unpacks. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    unsigned choice = n ? bytes[0] : 0;
    struct proa_str in = proa_str_make((const char *)bytes + (n > 0), n - (n > 0));
    size_t whole_n;
    size_t pieces_n;

    if (n > 4096)
        return 0;
    int rc = decode(codings[choice & 3], in, SIZE_MAX, ROOM, whole, &whole_n);
    int rc2 = decode(codings[choice & 3], in, 1 + (choice >> 2 & 7), 1 + (choice >> 5) * 30, pieces,
                     &pieces_n);
    FUZZ_CHECK(rc == rc2);
    FUZZ_CHECK(rc != 1 || (whole_n == pieces_n && memcmp(whole, pieces, whole_n) == 0));

    if (choice & 4) {
        size_t packed_n = encode(in);
        FUZZ_CHECK(
            decode("gzip", proa_str_make(packed, packed_n), SIZE_MAX, ROOM, whole, &whole_n) == 1);
        FUZZ_CHECK(whole_n == in.n && (in.n == 0 || memcmp(whole, in.p, in.n) == 0));
    }
    return 0;
}
