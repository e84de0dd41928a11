#include "base/fail.h"
#include "core/inspect.h"

#include <proa/err.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOPS_MOST 64 /* of one process, that answer */
#define BACKLOG 8

static atomic_uint_fast64_t numbers;   /* a bit a loop */
static atomic_int sockets[LOOPS_MOST]; /* listening descriptor + 1, for a child to close; 0: none */

/* ---- which loop of the process */

static int take_number(void)
{
    uint_fast64_t taken = atomic_load(&numbers);
    int number;

    do {
        if (taken == UINT64_MAX)
            return PROA_EAGAIN;
        number = __builtin_ctzll(~(unsigned long long)taken);
    } while (!atomic_compare_exchange_weak(&numbers, &taken, taken | UINT64_C(1) << number));
    return number;
}

static void give_number(int number)
{
    atomic_fetch_and(&numbers, ~(UINT64_C(1) << number));
}

void proa__inspect_after_fork(void)
{
    for (int i = 0; i < LOOPS_MOST; i++) {
        int fd = atomic_exchange(&sockets[i], 0);

        if (fd)
            close(fd - 1);
    }
    atomic_store(&numbers, 0);
}

/* ---- the directory */

static void dir_path(char *buf, size_t n)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

    if (runtime && runtime[0] == '/' && strlen(runtime) + 8 < n)
        snprintf(buf, n, "%s/proa", runtime);
    else
        snprintf(buf, n, "/tmp/proa-%u", (unsigned)geteuid());
}

/* A directory that nobody else could have made, or can look into. */
static int open_dir(void)
{
    char path[512];
    struct stat st;
    int fd;

    dir_path(path, sizeof path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return proa__fail(-errno, "%s: %s", path, proa_err_text(-errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return proa__fail(-errno, "%s: %s", path, proa_err_text(-errno));
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 077) {
        close(fd);
        return proa__fail(PROA_EPERM, "%s is not a directory of this user's alone (mode 0700)",
                          path);
    }
    return fd;
}

/* ---- the socket */

/* By way of the directory's descriptor: nobody can put another in its place, and it is short. */
static void address_of(const struct inspect_socket *s, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", s->dir, s->name);
}

/* Does a process listen there? One of another PID namespace may have our number. */
static bool is_alive(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 &&
                   errno == ECONNREFUSED;

    if (fd >= 0)
        close(fd);
    return !refused;
}

static int bind_to(const struct inspect_socket *s)
{
    struct sockaddr_un addr;

    address_of(s, &addr);
    if (bind(s->fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return 0;
    if (errno != EADDRINUSE || is_alive(&addr))
        return -errno;
    unlinkat(s->dir, s->name, 0);
    return bind(s->fd, (struct sockaddr *)&addr, sizeof addr) < 0 ? -errno : 0;
}

static int listen_on(struct inspect_socket *s)
{
    int rc;

    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return -errno;
    rc = bind_to(s);
    if (rc < 0) {
        s->name[0] = '\0'; /* not ours to remove */
        return rc;
    }
    if (fchmodat(s->dir, s->name, 0600, 0) < 0 || listen(s->fd, BACKLOG) < 0)
        return -errno;
    atomic_store(&sockets[s->number], s->fd + 1);
    return 0;
}

int proa__inspect_open(struct inspect_socket *s)
{
    int rc;

    *s = (struct inspect_socket){.dir = -1, .fd = -1, .number = take_number()};
    if (s->number < 0)
        return proa__fail(PROA_EAGAIN, "%d loops of this process answer already", LOOPS_MOST);
    s->dir = open_dir();
    rc = s->dir < 0 ? s->dir : 0;
    if (rc == 0) {
        snprintf(s->name, sizeof s->name, s->number ? "%d-%d" : "%d", (int)getpid(), s->number);
        rc = listen_on(s);
        if (rc < 0)
            rc = proa__fail(rc, "no socket for proa-ps: %s", proa_err_text(rc));
    }
    if (rc < 0)
        proa__inspect_close(s);
    return rc;
}

void proa__inspect_close(struct inspect_socket *s)
{
    if (s->fd >= 0) {
        if (s->name[0])
            unlinkat(s->dir, s->name, 0);
        atomic_store(&sockets[s->number], 0);
        close(s->fd);
    }
    if (s->dir >= 0)
        close(s->dir);
    give_number(s->number);
    s->fd = s->dir = -1;
}
