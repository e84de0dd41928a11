#include "base/list.h"
#include "base/mem.h"
#include "core/main.h"

#include <proa/err.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* One socket that is kept. */
struct listen_entry {
    struct listen_entry *next;
    unsigned slot;
    unsigned nth;            /* of those of this slot that were asked for with the same address */
    bool taken;              /* by the slot's present worker */
    struct listen_want want; /* as asked for */
    struct sockaddr_storage real; /* as bound: port 0 is a number here */
    int fd;
};

static bool same_addr(const struct listen_want *a, const struct listen_want *b)
{
    return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
}

static in_port_t *port_of(struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return &((struct sockaddr_in *)addr)->sin_port;
    return addr->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)addr)->sin6_port : NULL;
}

static bool any_port(const struct listen_want *want)
{
    struct sockaddr_storage addr = want->addr;
    in_port_t *port = port_of(&addr);

    return port && *port == 0;
}

static const char *path_of(const struct sockaddr_storage *addr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)addr;

    return addr->ss_family == AF_UNIX && un->sun_path[0] ? un->sun_path : NULL;
}

static void switch_on(int fd, int level, int option)
{
    const int on = 1;

    setsockopt(fd, level, option, &on, sizeof on);
}

static int new_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (family == AF_INET || family == AF_INET6) {
        switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
        switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
        switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
    }
    if (family == AF_INET6)
        switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    return fd;
}

/* A file of a socket that nobody listens on any more. */
static bool is_stale(const struct sockaddr_storage *addr, socklen_t len)
{
    int fd = path_of(addr) ? new_socket(AF_UNIX) : -1;
    bool stale;

    if (fd < 0)
        return false;
    stale = connect(fd, (const struct sockaddr *)addr, len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_socket(int fd, const struct sockaddr_storage *addr, socklen_t len)
{
    const struct sockaddr *sa = (const struct sockaddr *)addr;

    if (bind(fd, sa, len) == 0)
        return 0;
    if (errno != EADDRINUSE || !is_stale(addr, len))
        return -errno;
    unlink(path_of(addr));
    return bind(fd, sa, len) == 0 ? 0 : -errno;
}

/* SO_REUSEPORT would let a foreign process's listener in beside ours; only our slots may share. */
static int check_free(const struct sockaddr_storage *addr, socklen_t len)
{
    int fd;
    int rc = 0;

    if (addr->ss_family == AF_UNIX)
        return 0;
    fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (addr->ss_family == AF_INET6)
        switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (bind(fd, (const struct sockaddr *)addr, len) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

static int open_entry(struct listen_entry *e, bool first)
{
    socklen_t len = sizeof e->real;
    int rc = first && !any_port(&e->want) ? check_free(&e->real, e->want.len) : 0;

    if (rc < 0)
        return rc;
    e->fd = new_socket(e->real.ss_family);
    if (e->fd < 0)
        return e->fd;
    rc = bind_socket(e->fd, &e->real, e->want.len);
    if (rc == 0 && listen(e->fd, e->want.backlog) < 0)
        rc = -errno;
    if (rc == 0 && getsockname(e->fd, (struct sockaddr *)&e->real, &len) < 0)
        rc = -errno;
    if (rc < 0)
        close(e->fd);
    return rc;
}

/* The socket that this slot has already, or NULL and in *ret_model another slot's for the same. */
static struct listen_entry *find(struct listen_table *table, unsigned slot,
                                 const struct listen_want *want, unsigned *ret_nth,
                                 struct listen_entry **ret_model)
{
    bool shared = path_of(&want->addr) != NULL || want->addr.ss_family == AF_UNIX;
    unsigned nth = 0;

    *ret_model = NULL;
    for (struct listen_entry *e = table->first; e; e = e->next) {
        if (!same_addr(&e->want, want))
            continue;
        if (shared || (e->slot == slot && !(any_port(want) && e->taken)))
            return e;
        if (e->slot == slot)
            nth++;
    }
    for (struct listen_entry *e = table->first; e && !*ret_model; e = e->next)
        if (same_addr(&e->want, want) && e->nth == nth)
            *ret_model = e;
    *ret_nth = nth;
    return NULL;
}

/* Oldest first: a successor that asks in its predecessor's order gets the same ports. */
static void append(struct listen_table *table, struct listen_entry *e)
{
    struct listen_entry **at = &table->first;

    while (*at)
        at = &(*at)->next;
    *at = e;
}

int proa__listen_table_get(struct listen_table *table, unsigned slot,
                           const struct listen_want *want)
{
    struct listen_entry *model;
    unsigned nth;
    struct listen_entry *e = find(table, slot, want, &nth, &model);
    int rc;

    if (e) {
        e->taken = true;
        return e->fd;
    }
    e = proa__zalloc(sizeof *e);
    if (!e)
        return PROA_ENOMEM;
    e->slot = slot;
    e->nth = nth;
    e->taken = true;
    e->want = *want;
    e->real = model ? model->real : want->addr;
    rc = open_entry(e, !model);
    if (rc < 0) {
        proa__free(e);
        return rc;
    }
    append(table, e);
    return e->fd;
}

void proa__listen_table_renew(struct listen_table *table, unsigned slot)
{
    for (struct listen_entry *e = table->first; e; e = e->next)
        if (e->slot == slot)
            e->taken = false;
}

void proa__listen_table_fini(struct listen_table *table, bool holder)
{
    struct listen_entry *e = table->first;

    while (e) {
        struct listen_entry *next = e->next;

        if (holder && path_of(&e->real))
            unlink(path_of(&e->real));
        close(e->fd);
        proa__free(e);
        e = next;
    }
    table->first = NULL;
}
