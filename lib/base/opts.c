#include "base/opts.h"

#include <proa/err.h>

#include <string.h>

int proa__opts_copy(void *dst, size_t n, const void *opts)
{
    const unsigned char *bytes = opts;
    size_t size = n;

    if (opts)
        memcpy(&size, opts, sizeof size);
    if (size < sizeof size)
        return PROA_EINVAL;
    if (opts)
        for (size_t i = n; i < size; i++)
            if (bytes[i])
                return PROA_E2BIG;

    memset(dst, 0, n);
    if (opts)
        memcpy(dst, opts, size < n ? size : n);
    memcpy(dst, &n, sizeof n);
    return 0;
}
