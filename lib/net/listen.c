#include "base/fail.h"
#include "base/opts.h"
#include "core/loop.h"
#include "core/main.h"
#include "net/listener.h"
#include "net/resolve.h"

#include <proa/err.h>
#include <proa/resolve.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Connections that the kernel keeps ready; more than a loop accepts in one turn, by far. */
#define BACKLOG 1024

/* Free ports to try until one is free on all addresses of a host. */
#define PORT_TRIES 16

static int failed(const char *doing, const struct proa_addr *addr, int rc)
{
    char text[PROA_ADDR_TEXT];

    return proa__fail(rc, "%s %s: %s", doing, proa_addr_format(addr, text), proa_err_text(rc));
}

static void close_set(struct listen_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        close(set->fd[i]);
    set->n = 0;
}

static int make(struct proa_listener **ret, struct listen_set *set)
{
    int rc = proa__listener_new(ret, set);

    if (rc < 0)
        close_set(set);
    return rc;
}

/* ---- one socket ---- */

static void switch_on(int fd, int level, int option)
{
    const int on = 1;

    setsockopt(fd, level, option, &on, sizeof on);
}

/* Accepted sockets inherit TCP_NODELAY, which so costs nothing a connection. */
static void set_options(int fd, int family, const struct proa_listen_opts *o)
{
    if (family == AF_UNIX)
        return;
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (o->reuse_port)
        switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
    if (!o->nagle)
        switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
    if (family == AF_INET6)
        switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
}

static bool is_file(const struct proa_addr *addr)
{
    return addr->u.sa.sa_family == AF_UNIX && addr->u.un.sun_path[0];
}

/* What the socket is really bound to: the port is a number now. */
static void get_name(int fd, struct proa_addr *addr)
{
    addr->len = sizeof addr->u;
    getsockname(fd, &addr->u.sa, &addr->len);
}

static int set_mode(const struct proa_addr *addr, const struct proa_listen_opts *o)
{
    if (is_file(addr) && o->mode && chmod(addr->u.un.sun_path, (mode_t)o->mode) < 0)
        return failed("permissions of", addr, -errno);
    return 0;
}

static int start_listening(int fd, struct proa_addr *addr, const struct proa_listen_opts *o)
{
    int rc = set_mode(addr, o);

    if (rc == 0 && listen(fd, o->backlog) < 0)
        rc = failed("listen on", addr, -errno);
    if (rc == 0)
        get_name(fd, addr);
    return rc;
}

/* The socket of this worker or thread of proa_main, which outlives it; PROA_ENOSYS: there is none
 * such. */
static int open_shared(struct proa_addr *addr, const struct proa_listen_opts *o)
{
    const int off = 0;
    int fd = proa__main_listener(&addr->u.sa, addr->len, o->backlog);
    int rc;

    if (fd < 0)
        return fd == PROA_ENOSYS ? fd : failed("listen on", addr, fd);
    if (o->nagle && addr->u.sa.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off);
    rc = set_mode(addr, o);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    get_name(fd, addr);
    return fd;
}

/* Bind and listen; `addr` gets its real port. The descriptor, or a code. */
static int open_socket(struct proa_addr *addr, const struct proa_listen_opts *o)
{
    int family = addr->u.sa.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return failed("listen on", addr, -errno);
    set_options(fd, family, o);
    if (bind(fd, &addr->u.sa, addr->len) < 0) {
        rc = failed("listen on", addr, -errno);
    } else {
        rc = start_listening(fd, addr, o);
        if (rc == 0)
            return fd;
        if (is_file(addr))
            unlink(addr->u.un.sun_path);
    }
    close(fd);
    return rc;
}

static int add(struct listen_set *set, const struct proa_addr *want,
               const struct proa_listen_opts *o)
{
    struct proa_addr addr = *want;
    int fd = open_shared(&addr, o);

    set->shared = fd != PROA_ENOSYS;
    if (!set->shared)
        fd = open_socket(&addr, o);
    if (fd < 0)
        return fd;
    set->fd[set->n] = fd;
    set->addr[set->n] = addr;
    set->n++;
    return 0;
}

/* ---- TCP ---- */

static bool has(const struct listen_set *set, const struct proa_addr *addr)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->addr[i].u.sa.sa_family == addr->u.sa.sa_family &&
            proa_addr_same_host(&set->addr[i], addr))
            return true;
    }
    return false;
}

/* An address that this machine doesn't have (any more), or a family that it doesn't speak. */
static bool skippable(int rc)
{
    return rc == PROA_EADDRNOTAVAIL || rc == PROA_EAFNOSUPPORT;
}

/* All addresses, one port. Port 0: what the first one got, for the others too. */
static int open_all(struct listen_set *set, const struct proa_addrs *addrs, int port,
                    const struct proa_listen_opts *o)
{
    int skipped = 0;

    for (size_t i = 0; i < addrs->n && set->n < LISTEN_MAX; i++) {
        struct proa_addr addr = addrs->a[i];
        int rc;
        if (has(set, &addr))
            continue;
        proa_addr_set_port(&addr, set->n ? proa_addr_port(&set->addr[0]) : port);
        rc = add(set, &addr, o);
        if (rc < 0 && !skippable(rc)) {
            close_set(set);
            return rc;
        }
        if (rc < 0)
            skipped = rc;
    }
    return set->n ? 0 : skipped;
}

static int any_address(struct proa_addrs *addrs)
{
    struct proa_addr addr;
    int rc;

    rc = proa_addr_ip(&addr, "0.0.0.0", 0);
    if (rc == 0)
        rc = proa_addrs_add(addrs, &addr);
    if (rc == 0)
        rc = proa_addr_ip(&addr, "::", 0);
    if (rc == 0)
        rc = proa_addrs_add(addrs, &addr);
    return rc;
}

/* The addresses of one host are added to `ret`. */
static int look_up(struct proa_addrs *ret, struct proa_str host)
{
    struct proa_addrs found = {0};
    char name[HOST_MAX + 2];
    int rc;

    /* A longer one is cut to a length that the resolver refuses. */
    snprintf(name, sizeof name, "%.*s", PROA_PRI(host));
    rc = proa_resolve(NULL, &found, name, 0, 0);
    for (size_t i = 0; rc == 0 && i < found.n; i++)
        rc = proa_addrs_add(ret, &found.a[i]);
    proa_addrs_fini(&found);
    return rc;
}

static int look_up_all(struct proa_addrs *ret, struct proa_str hosts)
{
    int rc;

    for (;;) {
        size_t n = 0;
        while (n < hosts.n && hosts.p[n] != ',')
            n++;
        rc = look_up(ret, proa_str_make(hosts.p, n));
        if (rc < 0 || n == hosts.n)
            return rc;
        hosts = proa_str_make(hosts.p + n + 1, hosts.n - n - 1);
    }
}

static int listen_host(struct listen_set *set, const char *host, int port,
                       const struct proa_listen_opts *o)
{
    struct proa_addrs addrs = {0};
    int rc;

    if (host && *host)
        rc = look_up_all(&addrs, proa_str_from(host));
    else
        rc = any_address(&addrs);
    for (int tries = 0; rc == 0 && tries < PORT_TRIES; tries++) {
        rc = open_all(set, &addrs, port, o);
        if (rc != PROA_EADDRINUSE || port != 0)
            break;
        rc = tries < PORT_TRIES - 1 ? 0 : rc;
    }
    proa_addrs_fini(&addrs);
    return rc;
}

static int get_opts(struct proa_listen_opts *o, const struct proa_listen_opts *opts)
{
    int rc = proa__opts_copy(o, sizeof *o, opts);

    if (rc < 0)
        return proa__fail(rc, "options of a listener: %s", proa_err_text(rc));
    if (o->backlog < 0 || o->mode < 0 || o->mode > 07777)
        return proa__fail(PROA_EINVAL, "options of a listener: .backlog or .mode out of range");
    if (o->backlog == 0)
        o->backlog = BACKLOG;
    return 0;
}

int proa_listen_tcp(struct proa_listener **ret, const char *host, int port,
                    const struct proa_listen_opts *opts)
{
    struct proa_listen_opts o;
    struct listen_set set = {0};
    int rc;

    proa__loop_need("proa_listen_tcp");
    rc = get_opts(&o, opts);
    if (rc < 0)
        return rc;
    if (port < 0 || port > 65535)
        return proa__fail(PROA_EINVAL, "port %d is not within 0 to 65535", port);
    rc = listen_host(&set, host, port, &o);
    return rc < 0 ? rc : make(ret, &set);
}

/* ---- UNIX ---- */

/* A socket's file whose owner is gone: nobody answers there. */
static bool is_stale(const struct proa_addr *addr)
{
    struct stat st;
    bool refused;
    int fd;

    if (lstat(addr->u.un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, &addr->u.sa, addr->len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int listen_path(struct listen_set *set, const struct proa_addr *addr,
                       const struct proa_listen_opts *o)
{
    int rc = add(set, addr, o);

    if (rc == PROA_EADDRINUSE && !set->shared && is_file(addr) && is_stale(addr)) {
        unlink(addr->u.un.sun_path);
        rc = add(set, addr, o);
    }
    return rc;
}

int proa_listen_unix(struct proa_listener **ret, const char *path,
                     const struct proa_listen_opts *opts)
{
    struct proa_listen_opts o;
    struct listen_set set = {0};
    struct proa_addr addr;
    struct proa_listener *l = NULL;
    int rc;

    proa__loop_need("proa_listen_unix");
    rc = get_opts(&o, opts);
    if (rc == 0)
        rc = proa_addr_unix(&addr, path);
    if (rc == 0)
        rc = listen_path(&set, &addr, &o);
    if (rc < 0)
        return rc;
    rc = make(&l, &set);
    if (rc < 0) {
        if (is_file(&addr) && !set.shared)
            unlink(addr.u.un.sun_path);
        return rc;
    }
    if (is_file(&addr) && !set.shared && !o.keep_file)
        proa__listener_own_file(l);
    *ret = l;
    return 0;
}

/* ---- a socket that somebody else opened ---- */

int proa_listen_fd(struct proa_listener **ret, int fd, const struct proa_listen_opts *opts)
{
    struct proa_listen_opts o;
    struct listen_set set = {.n = 1, .fd = {fd}};
    int listens = 0;
    socklen_t n = sizeof listens;
    int rc;

    proa__loop_need("proa_listen_fd");
    rc = get_opts(&o, opts);
    if (rc < 0)
        return rc;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0)
        return proa__fail(-errno, "descriptor %d: %s", fd, proa_err_text(-errno));
    if (!listens)
        return proa__fail(PROA_EINVAL, "descriptor %d is not listening", fd);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return proa__fail(-errno, "descriptor %d: %s", fd, proa_err_text(-errno));
    set.addr[0].len = sizeof set.addr[0].u;
    getsockname(fd, &set.addr[0].u.sa, &set.addr[0].len);
    return proa__listener_new(ret, &set);
}
