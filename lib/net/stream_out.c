#include "net/stream_out.h"

#include "base/fail.h"
#include "base/mem.h"

#include <proa/err.h>

#include <string.h>

ssize_t proa__stream_keep(struct proa_stream *s, const char *bytes, size_t n)
{
    struct stream_out *out = s->out;

    if (!out) {
        out = proa__alloc(STREAM_OUT_SIZE);
        if (!out)
            return proa__fail(PROA_ENOMEM, "no memory to buffer what a stream writes");
        out->head = out->tail = 0;
        s->out = out;
    }
    if (n > STREAM_OUT_ROOM - out->tail)
        n = STREAM_OUT_ROOM - out->tail;
    memcpy(out->bytes + out->tail, bytes, n);
    out->tail += n;
    return (ssize_t)n;
}

int proa__stream_push(struct proa_stream *s)
{
    struct stream_out *out = s->out;

    while (out && out->head < out->tail) {
        struct iovec iov = {out->bytes + out->head, out->tail - out->head};
        ssize_t took = proa__stream_offer(s, &iov, 1);
        if (took == PROA_EAGAIN || took == PROA_ENOMEM)
            return (int)took;
        if (took < 0) {
            proa__stream_drop(s);
            return (int)took;
        }
        out->head += (size_t)took;
    }
    proa__stream_drop(s);
    return 0;
}

void proa__stream_drop(struct proa_stream *s)
{
    proa__free(s->out);
    s->out = NULL;
}
