#include "fuzz/fuzz.h"
#include "fuzz/http_stream.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* The first byte says what was asked: 1 HEAD, 2 CONNECT, 4 an upgrade. */
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("\0" OK "Content-Length: 5\r\n\r\nhelloHTTP/1.1 204 x\r\n\r\n"),
    FUZZ_SEED("\0" OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    FUZZ_SEED("\0HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" OK "\r\nhello"),
    FUZZ_SEED("\0HTTP/1.0 404 Not Found\r\n\r\nhello"),
    FUZZ_SEED("\1" OK "Content-Length: 5\r\n\r\n" OK "Transfer-Encoding: chunked\r\n\r\n"),
    FUZZ_SEED("\2" OK "\r\n"),
    FUZZ_SEED("\4HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    {NULL, 0},
};

/* However a stream of responses is cut, the same comes of it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return 0;
    struct http_asked asked = {bytes[0] & 1, bytes[0] & 2, bytes[0] & 4};
    fuzz_http_stream((const char *)bytes + 1, n - 1, true, asked);
    return 0;
}
