#include "net/datagram.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/debug.h"
#include "core/loop.h"

#include <proa/err.h>
#include <proa/resolve.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- one address */

static int set(int fd, int option, int value)
{
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int configure(int fd, const struct proa_dgram_opts *o)
{
    int rc = 0;

    if (o->reuse_port)
        rc = set(fd, SO_REUSEPORT, 1);
    if (rc == 0 && o->broadcast)
        rc = set(fd, SO_BROADCAST, 1);
    if (rc == 0 && o->receive_buffer)
        rc = set(fd, SO_RCVBUF, o->receive_buffer);
    if (rc == 0 && o->send_buffer)
        rc = set(fd, SO_SNDBUF, o->send_buffer);
    return rc;
}

static int failed(int rc, const char *doing, const struct proa_addr *addr)
{
    char text[PROA_ADDR_TEXT];

    return proa__fail(rc, "%s %s: %s", doing, proa_addr_format(addr, text), proa_err_text(rc));
}

/* A path in the file system, which the bind made. */
static bool is_path(const struct proa_addr *a)
{
    return a && a->u.sa.sa_family == AF_UNIX && a->len > sizeof(sa_family_t) && a->u.un.sun_path[0];
}

/* The bind made a file: remove it. */
static void remove_path(const struct proa_addr *a)
{
    if (is_path(a))
        unlink(a->u.un.sun_path);
}

static int place(int fd, const struct proa_dgram_opts *o)
{
    int rc = configure(fd, o);

    if (rc < 0)
        return proa__fail(rc, "an option of a datagram socket: %s", proa_err_text(rc));
    if (o->local && bind(fd, &o->local->u.sa, o->local->len) < 0)
        return failed(-errno, "datagrams at", o->local);
    if (!o->remote || connect(fd, &o->remote->u.sa, o->remote->len) == 0)
        return 0;
    rc = failed(-errno, "datagrams to", o->remote);
    remove_path(o->local);
    return rc;
}

static int adopt(struct proa_dgram **ret, int fd)
{
    struct proa_dgram *d = proa__zalloc(sizeof *d);
    struct proa_addr peer = {.len = sizeof peer.u};
    int rc;

    if (!d)
        return proa__fail(PROA_ENOMEM, "no memory for a datagram socket");
    d->loop = proa__loop_need("proa_dgram_open");
    list_init(&d->in.waiters);
    list_init(&d->out.waiters);
    rc = proa__io_add(d->loop, &d->io, fd, proa__dgram_ready, d);
    if (rc < 0) {
        proa__free(d);
        return proa__fail(rc, "watching a datagram socket: %s", proa_err_text(rc));
    }
    d->connected = getpeername(fd, &peer.u.sa, &peer.len) == 0;
    d->magic = DGRAM_MAGIC;
    debug_opened(proa__dgram_describe, d);
    *ret = d;
    return 0;
}

static int open_one(struct proa_dgram **ret, const struct proa_dgram_opts *o)
{
    int family = o->local ? o->local->u.sa.sa_family : o->remote->u.sa.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (fd < 0)
        return proa__fail(-errno, "a datagram socket: %s", proa_err_text(-errno));
    rc = place(fd, o);
    if (rc == 0) {
        rc = adopt(ret, fd);
        if (rc < 0)
            remove_path(o->local);
    }
    if (rc < 0)
        close(fd);
    else if (is_path(o->local))
        (*ret)->made = *o->local;
    return rc;
}

int proa_dgram_open(struct proa_dgram **ret, const struct proa_dgram_opts *opts)
{
    struct proa_dgram_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.local && o.local->len == 0)
        o.local = NULL;
    if (o.remote && o.remote->len == 0)
        o.remote = NULL;
    if (!o.local && !o.remote)
        return proa__fail(PROA_EINVAL, "a datagram socket needs an address");
    if (o.local && o.remote && o.local->u.sa.sa_family != o.remote->u.sa.sa_family)
        return proa__fail(PROA_EINVAL, "the two addresses are of different families");
    proa__loop_need(__func__);
    return open_one(ret, &o);
}

/* ---- names */

/* Open at the first of the host's addresses where that works; the last failure otherwise. */
static int open_any(struct proa_dgram **ret, const char *host, int port, struct proa_dgram_opts *o,
                    const struct proa_addr **end)
{
    PROA_AUTO(proa_addrs) addrs = {0};
    int rc = proa_resolve(o->resolver, &addrs, host, port, o->family);

    for (size_t i = 0; i < addrs.n; i++) {
        *end = &addrs.a[i];
        rc = open_one(ret, o);
        if (rc == 0)
            break;
        if (i + 1 < addrs.n)
            rc = 0;
    }
    return rc;
}

int proa_udp_bind(struct proa_dgram **ret, const char *host, int port,
                  const struct proa_dgram_opts *opts)
{
    struct proa_dgram_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.local || o.remote)
        return proa__fail(PROA_EINVAL, "proa_udp_bind has its address as an argument");
    if (!host || !*host)
        host = o.family == AF_INET6 ? "::" : "0.0.0.0";
    return open_any(ret, host, port, &o, &o.local);
}

int proa_udp_connect(struct proa_dgram **ret, const char *host, int port,
                     const struct proa_dgram_opts *opts)
{
    struct proa_dgram_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.local || o.remote)
        return proa__fail(PROA_EINVAL, "proa_udp_connect has its address as an argument");
    return open_any(ret, host, port, &o, &o.remote);
}

int proa_dgram_from_fd(struct proa_dgram **ret, int fd)
{
    int flags = fcntl(fd, F_GETFL), type = 0;
    socklen_t n = sizeof type;

    proa__loop_need(__func__);
    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
        return proa__fail(-errno, "descriptor %d: %s", fd, proa_err_text(-errno));
    if (type != SOCK_DGRAM)
        return proa__fail(PROA_EINVAL, "descriptor %d is no datagram socket", fd);
    if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return proa__fail(-errno, "descriptor %d: %s", fd, proa_err_text(-errno));
    return adopt(ret, fd);
}

/* ---- what it is */

void proa_dgram_free(struct proa_dgram *d)
{
    int fd;

    if (!d)
        return;
    PROA_CHECK_OBJ(d, DGRAM_MAGIC);
    proa__loop_check(d->loop, __func__);
    PROA_CHECK(list_empty(&d->in.waiters) && list_empty(&d->out.waiters) && !d->in.woken &&
                   !d->out.woken,
               "proa_dgram_free: a task waits on it");
    fd = d->io.fd;
    proa__io_del(&d->io);
    close(fd);
    if (d->made.len)
        unlink(d->made.u.un.sun_path);
    d->magic = 0;
    debug_closed(d);
    proa__free(d);
}

static int address(const struct proa_dgram *d, struct proa_addr *ret,
                   int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct proa_addr addr = {.len = sizeof addr.u};

    PROA_CHECK_OBJ(d, DGRAM_MAGIC);
    if (ask(d->io.fd, &addr.u.sa, &addr.len) < 0)
        return proa__fail(-errno, "address of a datagram socket: %s", proa_err_text(-errno));
    *ret = addr;
    return 0;
}

int proa_dgram_local(const struct proa_dgram *d, struct proa_addr *ret)
{
    return address(d, ret, getsockname);
}

int proa_dgram_peer(const struct proa_dgram *d, struct proa_addr *ret)
{
    return address(d, ret, getpeername);
}

int proa_dgram_fd(const struct proa_dgram *d)
{
    PROA_CHECK_OBJ(d, DGRAM_MAGIC);
    return d->io.fd;
}
