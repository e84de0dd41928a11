#include "fuzz/fuzz.h"
#include "fuzz/http_stream.h"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED(HEAD "Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n"),
    FUZZ_SEED(HEAD
              "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\n\r\n"),
    FUZZ_SEED(HEAD
              "Transfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\n0;x;y=z\r\nX-Sum: 1\r\n\r\n"),
    FUZZ_SEED("\r\nGET /a?b HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
    FUZZ_SEED(HEAD "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok" HEAD),
    {NULL, 0},
};

/* However a stream of requests is cut, the same comes of it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fuzz_http_stream((const char *)bytes, n, false, (struct http_asked){0});
    return 0;
}
