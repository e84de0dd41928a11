#include "base/fail.h"
#include "core/wait.h"
#include "net/resolve.h"

#include <proa/err.h>

#include <stdio.h>

_Static_assert(PROA_HOST_TEXT > HOST_MAX, "every name has room");

int proa_resolve_name(struct proa_resolver *r, char ret[PROA_HOST_TEXT],
                      const struct proa_addr *addr)
{
    char ip[PROA_ADDR_TEXT];
    char key[HOST_MAX + 1];
    struct answer *a;
    int rc = proa__wait_enter("proa_resolve_name");

    if (rc < 0)
        return rc;
    proa_addr_format_ip(addr, ip);
    if (proa_addr_port(addr) < 0)
        return proa__fail(PROA_EINVAL, "the name of %.120s: it is no IP address", ip);
    snprintf(key, sizeof key, "%c%.120s", NAME_MARK, ip);
    rc = proa__resolver_ask(r, &a, proa_str_from(key));
    if (rc == 0) {
        rc = a->rc;
        if (rc == 0)
            snprintf(ret, PROA_HOST_TEXT, "%s", a->host);
        proa__answer_unref(a);
    }
    return rc < 0 ? proa__fail(rc, "the name of %.120s: %s", ip, proa_err_text(rc)) : 0;
}
