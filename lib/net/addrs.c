#include "base/fail.h"
#include "base/mem.h"

#include <proa/err.h>
#include <proa/resolve.h>

void proa_addrs_fini(struct proa_addrs *addrs)
{
    proa__free(addrs->a);
    *addrs = (struct proa_addrs){0};
}

int proa_addrs_add(struct proa_addrs *addrs, const struct proa_addr *addr)
{
    struct proa_addr *a = addrs->a;

    /* Full at 0, 4, 8, 16 ...: no capacity is kept, for lists are short. */
    if (addrs->n == 0 || (addrs->n >= 4 && (addrs->n & (addrs->n - 1)) == 0)) {
        a = proa__realloc_array(a, addrs->n ? 2 * addrs->n : 4, sizeof *a);
        if (!a)
            return proa__fail(PROA_ENOMEM, "no memory for a list of addresses");
        addrs->a = a;
    }
    a[addrs->n++] = *addr;
    return 0;
}
