#include "net/listener.h"

#include "base/check.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/debug.h"
#include "core/io.h"
#include "core/loop.h"
#include "core/main.h"
#include "core/timer.h"
#include "core/view.h"
#include "core/wait.h"
#include "net/fd_stream.h"

#include <proa/err.h>
#include <proa/log.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_LISTENER 0x6c73746eu /* "lstn" */

/* Connections taken in one go, before others have a turn. */
#define ACCEPT_BATCH 64

/* Rest after the process ran out of descriptors or memory. */
#define REST (100 * PROA_MS)

/* Between two log lines about that. */
#define LOG_EVERY (60 * PROA_SEC)

struct listen_sock {
    struct io io;
    struct proa_listener *l;
    struct proa_addr addr;
};

struct proa_listener {
    unsigned magic;
    bool paused;
    bool resting;   /* out of descriptors: `rest` runs */
    bool owns_file; /* UNIX: remove the file if it is still dev, ino */
    int reserve;    /* given up to take one connection when there are no other descriptors; or -1 */
    struct proa_loop *loop;
    listener_accept_fn *fn;
    void *arg;
    struct list takers; /* struct wait, oldest first; none while fn is set */
    struct soon soon;   /* more connections may be there */
    struct timer rest;
    bool *gone; /* set when freed inside `pump` */
    uint64_t refused;
    int64_t logged; /* when; 0: never */
    dev_t dev;
    ino_t ino;
    size_t turn; /* the socket that is asked first next time */
    size_t n;
    struct listen_sock sock[];
};

static void pump(void *arg);

/* ---- taking one connection ---- */

/* Errors that belong to the connection, not to the listener (accept(2), "Error handling"). */
static bool is_the_connections(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static int accept_fd(struct listen_sock *sock, struct proa_addr *peer)
{
    int fd;

    if (!(sock->io.bits & IO_READ))
        return PROA_EAGAIN;
    do {
        *peer = (struct proa_addr){.len = sizeof peer->u};
        proa__net_counts.accepts++;
        fd = accept4(sock->io.fd, &peer->u.sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && is_the_connections(errno));
    if (fd >= 0)
        return fd;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        io_clear(&sock->io, IO_READ);
        return PROA_EAGAIN;
    }
    return -errno;
}

static void end_rest(void *arg)
{
    struct proa_listener *l = arg;

    l->resting = false;
    pump(l);
}

/* Short of something: say so now and then, and try again a little later. */
static void take_rest(struct proa_listener *l, int rc)
{
    int64_t now = proa__loop_now(l->loop);

    if (l->logged == 0 || now - l->logged >= LOG_EVERY) {
        char text[PROA_ADDR_TEXT];
        l->logged = now;
        proa__log(PROA_LOG_WARNING, "accepting on %s: %s; %llu connections refused so far",
                  proa_addr_format(&l->sock[0].addr, text), proa_err_text(rc),
                  (unsigned long long)l->refused);
    }
    l->resting = true;
    proa__timer_start_after(l->loop, &l->rest, REST, end_rest, l);
}

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor left: with the one in reserve, take a connection and close it, so that its client
 * knows. */
static void refuse_one(struct proa_listener *l, struct listen_sock *sock)
{
    struct proa_addr peer;
    int fd;

    if (l->reserve < 0)
        return;
    close(l->reserve);
    fd = accept_fd(sock, &peer);
    if (fd >= 0) {
        close(fd);
        l->refused++;
    }
    l->reserve = open_reserve();
}

static int take_from(struct proa_listener *l, struct listen_sock *sock, struct proa_stream **ret,
                     struct proa_addr *peer)
{
    int fd = accept_fd(sock, peer);
    int rc;

    if (fd == PROA_EAGAIN)
        return fd;
    if (fd >= 0) {
        rc = proa__sock_stream(ret, fd, sock->addr.u.sa.sa_family);
        if (rc == 0) {
            proa__sock_expect_edge(*ret);
            return 0;
        }
        close(fd);
        l->refused++;
    } else {
        rc = fd;
        if (rc == PROA_EMFILE || rc == PROA_ENFILE)
            refuse_one(l, sock);
    }
    take_rest(l, rc);
    return rc;
}

/* The next connection of any socket. 0; PROA_EAGAIN: none now, an edge or the rest's end will tell.
 */
static int take(struct proa_listener *l, struct proa_stream **ret, struct proa_addr *peer)
{
    for (size_t i = 0; i < l->n && !l->resting; i++) {
        struct listen_sock *sock = &l->sock[l->turn];
        int rc = take_from(l, sock, ret, peer);
        l->turn = (l->turn + 1) % l->n;
        if (rc == 0)
            return 0;
    }
    if (l->reserve < 0)
        l->reserve = open_reserve();
    return PROA_EAGAIN;
}

/* ---- handing over ---- */

static bool wanted(const struct proa_listener *l)
{
    return !l->paused && !l->resting && (l->fn || !list_empty(&l->takers));
}

static bool maybe_more(const struct proa_listener *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->sock[i].io.bits & IO_READ)
            return true;
    }
    return false;
}

/* Give connections to who waits for them: a batch, the rest in the next turn. */
static void pump(void *arg)
{
    struct proa_listener *l = arg;
    struct proa_stream *s;
    struct proa_addr peer;
    bool gone = false;

    l->gone = &gone;
    for (int i = 0; i < ACCEPT_BATCH && wanted(l); i++) {
        if (take(l, &s, &peer) < 0)
            break;
        if (!l->fn) {
            proa__wait_wake(&l->takers, s, 0);
            continue;
        }
        l->fn(l->arg, s, &peer);
        if (gone)
            return;
    }
    l->gone = NULL;
    if (wanted(l) && maybe_more(l) && !l->soon.fn)
        proa__loop_soon(l->loop, &l->soon, pump, l);
}

static void on_io(void *arg, unsigned dirs)
{
    struct listen_sock *sock = arg;

    (void)dirs;
    if (wanted(sock->l))
        pump(sock->l);
}

static void pump_soon(struct proa_listener *l)
{
    if (wanted(l) && maybe_more(l) && !l->soon.fn)
        proa__loop_soon(l->loop, &l->soon, pump, l);
}

static void check(const struct proa_listener *l, const char *call)
{
    PROA_CHECK(l && l->magic == MAGIC_LISTENER, "%s: %s", call,
               l ? "the listener was freed, or never made" : "the listener is NULL");
    proa__loop_check(l->loop, call);
}

void proa__listener_say_addresses(const struct proa_listener *l, struct view *v)
{
    char text[PROA_ADDR_TEXT];

    for (size_t i = 0; i < l->n; i++)
        proa__view_say(v, " %s", proa_addr_format(&l->sock[i].addr, text));
}

bool proa__listener_is_resting(const struct proa_listener *l)
{
    return l->resting;
}

void proa__listener_describe(const void *listener, struct view *v)
{
    const struct proa_listener *l = listener;

    proa__view_object(v, "listener", l);
    proa__listener_say_addresses(l, v);
    proa__view_list(v, &l->takers, "accept");
    proa__view_say(v, "%s%s", l->paused ? ", paused" : "",
                   l->resting ? ", out of descriptors" : "");
}

int proa_listener_describe(const struct proa_listener *listener, char *buf, size_t n)
{
    check(listener, __func__);
    return proa__view_write(proa__listener_describe, listener, buf, n);
}

static const struct wait_kind accepts = {
    .call = "proa_accept",
    .describe = proa__listener_describe,
};

int proa_accept(struct proa_listener *l, struct proa_stream **ret)
{
    struct proa_addr peer;
    struct wait w;
    int rc;

    check(l, "proa_accept");
    rc = proa__wait_enter("proa_accept");
    if (rc < 0)
        return rc;
    if (l->fn)
        return proa__fail(PROA_EBUSY, "proa_accept: a callback takes the connections");
    proa__main_accepts();
    if (list_empty(&l->takers) && !l->paused && take(l, ret, &peer) == 0)
        return 0;

    proa__wait_link(&l->takers, &w);
    pump_soon(l);
    rc = proa__wait_park(&w, 1, &accepts, l);
    if (rc < 0)
        return rc;
    if (w.code < 0)
        return proa__fail(w.code, "proa_accept: the listener was freed meanwhile");
    *ret = w.slot;
    return 0;
}

int proa__listener_on_accept(struct proa_listener *l, listener_accept_fn *fn, void *arg)
{
    check(l, "proa__listener_on_accept");
    if (!list_empty(&l->takers))
        return proa__fail(PROA_EBUSY, "a task waits in proa_accept");
    if (fn)
        proa__main_accepts();
    l->fn = fn;
    l->arg = arg;
    pump_soon(l);
    return 0;
}

void proa__listener_pause(struct proa_listener *l)
{
    check(l, "proa__listener_pause");
    l->paused = true;
}

void proa__listener_resume(struct proa_listener *l)
{
    check(l, "proa__listener_resume");
    l->paused = false;
    pump_soon(l);
}

uint64_t proa__listener_refused(const struct proa_listener *l)
{
    check(l, "proa__listener_refused");
    return l->refused;
}

/* ---- life ---- */

static void unwatch(struct proa_listener *l)
{
    for (size_t i = 0; i < l->n; i++)
        proa__io_del(&l->sock[i].io);
}

int proa__listener_new(struct proa_listener **ret, const struct listen_set *set)
{
    struct proa_listener *l = proa__zalloc(sizeof *l + set->n * sizeof l->sock[0]);

    if (!l)
        return proa__fail(PROA_ENOMEM, "no memory for a listener");
    l->magic = MAGIC_LISTENER;
    l->loop = proa__loop_need("a listener");
    list_init(&l->takers);
    for (l->n = 0; l->n < set->n; l->n++) {
        struct listen_sock *sock = &l->sock[l->n];
        int rc = proa__io_add(l->loop, &sock->io, set->fd[l->n], on_io, sock);
        if (rc < 0) {
            unwatch(l);
            proa__free(l);
            return proa__fail(rc, "watching a listening socket: %s", proa_err_text(rc));
        }
        sock->l = l;
        sock->addr = set->addr[l->n];
    }
    l->reserve = open_reserve();
    debug_opened(proa__listener_describe, l);
    *ret = l;
    return 0;
}

void proa__listener_own_file(struct proa_listener *l)
{
    struct stat st;

    if (lstat(l->sock[0].addr.u.un.sun_path, &st) < 0)
        return;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    l->owns_file = true;
}

static void remove_file(const struct proa_listener *l)
{
    const char *path = l->sock[0].addr.u.un.sun_path;
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(path);
}

void proa_listener_free(struct proa_listener *l)
{
    if (!l)
        return;
    check(l, "proa_listener_free");
    if (l->gone)
        *l->gone = true;
    proa__wait_wake_all(&l->takers, PROA_ECLOSED);
    proa__loop_soon_cancel(&l->soon);
    proa__timer_stop(&l->rest);
    if (l->owns_file)
        remove_file(l);
    unwatch(l);
    for (size_t i = 0; i < l->n; i++)
        close(l->sock[i].io.fd);
    if (l->reserve >= 0)
        close(l->reserve);
    l->magic = 0;
    debug_closed(l);
    proa__free(l);
}

size_t proa__listener_count(const struct proa_listener *l)
{
    return l->n;
}

int proa_listener_address(struct proa_listener *l, size_t i, struct proa_addr *ret)
{
    check(l, "proa_listener_address");
    if (i >= l->n)
        return proa__fail(PROA_ENOENT, "the listener has %zu addresses", l->n);
    *ret = l->sock[i].addr;
    return 0;
}

int proa_listener_port(struct proa_listener *l)
{
    check(l, "proa_listener_port");
    return proa_addr_port(&l->sock[0].addr);
}
