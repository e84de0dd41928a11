#include "base/fail.h"
#include "base/opts.h"
#include "core/wait.h"
#include "net/connect.h"

#include <proa/err.h>
#include <proa/resolve.h>
#include <proa/tcp.h>
#include <proa/unix.h>

#include <stdio.h>
#include <sys/socket.h>

static int get_opts(struct proa_tcp_opts *o, const struct proa_tcp_opts *opts)
{
    int rc = proa__opts_copy(o, sizeof *o, opts);

    if (rc < 0)
        return proa__fail(rc, "options of a connection: %s", proa_err_text(rc));
    if (o->ret_errors)
        *o->ret_errors = 0;
    if (o->local_port < 0 || o->local_port > 65535)
        return proa__fail(PROA_EINVAL, "local port %d is not within 0 to 65535", o->local_port);
    if (o->family != 0 && o->family != AF_INET && o->family != AF_INET6)
        return proa__fail(PROA_EINVAL, "address family %d is neither IPv4 nor IPv6", o->family);
    return 0;
}

int proa_tcp_connect(struct proa_stream **ret, const char *host, int port,
                     const struct proa_tcp_opts *opts)
{
    struct proa_tcp_opts o;
    struct proa_addrs addrs = {0};
    char name[120];
    int rc = get_opts(&o, opts);

    if (rc == 0)
        rc = proa__wait_enter("proa_tcp_connect");
    if (rc == 0)
        rc = proa_resolve(o.resolver, &addrs, host, port, o.family);
    if (rc == 0) {
        proa__connect_interleave(addrs.a, addrs.n);
        snprintf(name, sizeof name, "%.100s port %d", host, port);
        rc = proa__connect_race(ret, addrs.a, addrs.n, name, &o);
    }
    proa_addrs_fini(&addrs);
    return rc;
}

int proa_addr_connect(struct proa_stream **ret, const struct proa_addr *addr,
                      const struct proa_tcp_opts *opts)
{
    struct proa_tcp_opts o;
    int rc = get_opts(&o, opts);

    if (rc < 0)
        return rc;
    if (addr->len && addr->u.sa.sa_family == AF_UNIX)
        return proa__unix_connect(ret, addr);
    rc = proa__wait_enter("proa_addr_connect");
    if (rc == 0 && proa_addr_port(addr) < 0)
        rc = proa__fail(PROA_EINVAL, "proa_addr_connect: there is no address");
    return rc < 0 ? rc : proa__connect_race(ret, addr, 1, "", &o);
}
