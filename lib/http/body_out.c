#include "base/check.h"
#include "base/fail.h"
#include "http/writer.h"

#include <proa/err.h>

static const struct proa_str line_end = PROA_STR("\r\n");

/* Write "1f\r\n" into out->size. */
static struct proa_str size_line(struct body_out *out, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char *end = out->size + sizeof out->size;
    char *p = end;

    *--p = '\n';
    *--p = '\r';
    for (; n; n >>= 4)
        *--p = hex[n & 15];
    return proa_str_make(p, (size_t)(end - p));
}

int proa__body_frame(struct body_out *out, size_t n, struct proa_str *ret_before,
                     struct proa_str *ret_after)
{
    PROA_CHECK(!out->ended, "body bytes after the end of the body");
    *ret_before = *ret_after = (struct proa_str){0};
    if (n == 0)
        return 0; /* a chunk of no bytes would be the last one */

    switch (out->kind) {
    case BODY_NONE:
        out->dropped += n;
        return 0;
    case BODY_LENGTH:
        if (n > out->left)
            return proa__fail(PROA_EBODYLENGTH,
                              "%zu bytes of body where %llu are left of those declared", n,
                              (unsigned long long)out->left);
        out->left -= n;
        return 1;
    case BODY_CHUNKED:
        *ret_before = size_line(out, n);
        *ret_after = line_end;
        return 1;
    case BODY_CLOSE:
        return 1;
    }
    return 0;
}

static struct iovec iov_of(const void *p, size_t n)
{
    return (struct iovec){.iov_base = (void *)p, .iov_len = n};
}

int proa__body_iov(struct body_out *out, const void *data, size_t n, struct iovec iov[3])
{
    struct proa_str before;
    struct proa_str after;
    int count = 0;

    int rc = proa__body_frame(out, n, &before, &after);
    if (rc <= 0)
        return rc;
    if (before.n)
        iov[count++] = iov_of(before.p, before.n);
    iov[count++] = iov_of(data, n);
    if (after.n)
        iov[count++] = iov_of(after.p, after.n);
    return count;
}

int proa__body_end(struct body_out *out, struct proa_str *ret_tail)
{
    PROA_CHECK(!out->ended, "the body was ended already");
    *ret_tail = (struct proa_str){0};
    if (out->kind == BODY_LENGTH && out->left > 0)
        return proa__fail(PROA_EBODYLENGTH, "the body ended %llu bytes before its declared length",
                          (unsigned long long)out->left);
    out->ended = true;
    if (out->kind == BODY_CHUNKED)
        *ret_tail = PROA_STR("0\r\n\r\n");
    return 0;
}
