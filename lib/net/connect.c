#include "net/connect.h"

#include "base/fail.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/view.h"
#include "core/wait.h"
#include "net/fd_stream.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/time.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct attempt {
    struct race *race;
    struct proa_stream *s; /* while it is under way, and of the winner */
    struct proa_addr addr;
    int rc; /* how it failed; 0: not (yet) */
};

struct race {
    struct proa_loop *loop;
    const struct proa_tcp_opts *o;
    int64_t delay;
    struct proa_addr local;   /* to connect from; len 0: any */
    struct timer timer;       /* the next attempt */
    struct soon soon;         /* the same, from a task: were it cancelled, it could create none */
    struct proa_group *group; /* of the attempts that are tasks; NULL: they are sockets */
    struct list asleep;       /* the task, until it is decided */
    struct attempt *winner;
    bool over;   /* decided, or cut */
    size_t open; /* under way */
    size_t next; /* not begun: this one and those behind it */
    size_t n;
    struct attempt a[];
};

void proa__connect_interleave(struct proa_addr *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        size_t j = i;
        struct proa_addr other;
        /* The next one whose family is not the one just placed; its elders move down by one. */
        while (j < n && a[j].u.sa.sa_family == a[i - 1].u.sa.sa_family)
            j++;
        if (j == n)
            return;
        other = a[j];
        memmove(&a[i + 1], &a[i], (j - i) * sizeof *a);
        a[i] = other;
    }
}

int64_t proa__connect_delay(int64_t option)
{
    if (option <= 0)
        return CONNECT_DELAY;
    if (option < CONNECT_DELAY_MIN)
        return CONNECT_DELAY_MIN;
    return option < CONNECT_DELAY_MAX ? option : CONNECT_DELAY_MAX;
}

/* ---- one attempt ---- */

static int bind_local(const struct race *r, int fd, int family)
{
    const int on = 1;
    struct proa_addr local = r->local;

    if (local.len == 0 && r->o->local_port == 0)
        return 0;
    if (local.len == 0) /* which cannot fail: the port was checked */
        proa_addr_ip(&local, family == AF_INET ? "0.0.0.0" : "::", r->o->local_port);
    if (local.u.sa.sa_family != family)
        return PROA_EAFNOSUPPORT;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (r->o->local_port == 0)
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, &local.u.sa, local.len) < 0 ? -errno : 0;
}

/* A socket on its way to the address, or there already; or a code. */
static int set_out(const struct race *r, const struct proa_addr *addr)
{
    const int on = 1;
    int family = addr->u.sa.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    if (!r->o->nagle)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    rc = bind_local(r, fd, family);
    if (rc == 0 && connect(fd, &addr->u.sa, addr->len) < 0)
        rc = -errno;
    if (rc == 0 || rc == PROA_EINPROGRESS || rc == PROA_EINTR)
        return fd;
    close(fd);
    return rc;
}

static void on_ready(void *arg, unsigned dirs);

static void begin_next(void *arg);

static void win(struct attempt *a)
{
    a->race->winner = a;
    proa__wait_wake(&a->race->asleep, NULL, 0);
}

/* One attempt less is under way. */
static void lose(struct attempt *a, int rc)
{
    struct race *r = a->race;

    a->rc = rc;
    r->open--;
    if (!r->group)
        begin_next(r);
    else
        proa__loop_soon(r->loop, &r->soon, begin_next, r);
}

/* An attempt that the program makes. Too late, its success is of no use. */
static int attempt(void *arg)
{
    struct attempt *a = arg;
    struct race *r = a->race;
    struct proa_stream *s = NULL;
    int rc = r->o->connector(r->o->connector_arg, &s, &a->addr);

    if (r->winner || r->over) {
        proa__stream_abort(s);
    } else if (rc < 0) {
        lose(a, rc == PROA_ECANCELED ? PROA_ETASKCANCELED : rc); /* the caller was not cancelled */
    } else {
        a->s = s;
        win(a);
    }
    return 0;
}

static int begin_task(struct attempt *a)
{
    struct race *r = a->race;
    int rc = proa__task_create(r->group, (struct task_spec){.fn = attempt, .arg = a, .plain = true},
                               NULL);

    if (rc == 0)
        r->open++;
    return rc;
}

/* 0: under way. */
static int begin(struct attempt *a)
{
    struct race *r = a->race;
    int fd = set_out(r, &a->addr);
    int rc;

    if (fd < 0)
        return fd;
    rc = proa__sock_stream(&a->s, fd, a->addr.u.sa.sa_family);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    proa__sock_connecting(a->s);
    proa__stream_notify(a->s, STREAM_WRITE, on_ready, a);
    r->open++;
    return 0;
}

/* ---- the race ---- */

static void begin_next(void *arg)
{
    struct race *r = arg;

    while (r->next < r->n) {
        struct attempt *a = &r->a[r->next++];
        a->rc = r->group ? begin_task(a) : begin(a);
        if (a->rc == 0)
            break;
    }
    if (!r->winner && r->open && r->next < r->n)
        proa__timer_start_after(r->loop, &r->timer, r->delay, begin_next, r);
    if (r->winner || !r->open)
        proa__wait_wake(&r->asleep, NULL, 0);
}

static void on_ready(void *arg, unsigned dirs)
{
    struct attempt *a = arg;
    struct race *r = a->race;
    int rc = proa__sock_connected(a->s);

    (void)dirs;
    if (rc == PROA_EINPROGRESS || r->winner)
        return;
    if (rc == 0) {
        win(a);
        return;
    }
    proa__stream_close(a->s);
    a->s = NULL;
    lose(a, rc);
}

/* The detail names each attempt; the code is the last one's. */
static int explain(const struct race *r, const char *name)
{
    char text[200];
    char ip[PROA_ADDR_TEXT];
    size_t used = 0;
    int rc = PROA_EADDRNOTAVAIL;

    text[0] = '\0';
    for (size_t i = 0; i < r->n; i++) {
        const struct attempt *a = &r->a[i];
        int n = snprintf(text + used, sizeof text - used, "%s%s: %s", i ? "; " : "",
                         proa_addr_format(&a->addr, ip), proa_err_text(a->rc));
        rc = a->rc;
        used += n > 0 ? (size_t)n : 0;
        if (used >= sizeof text)
            used = sizeof text - 1;
    }
    if (r->n == 1)
        return proa__fail(rc, "connect %s", text);
    return proa__fail(rc, "connect %s: %s", name, text);
}

static void end(struct race *r, struct proa_stream **ret)
{
    for (size_t i = 0; i < r->n; i++) {
        struct attempt *a = &r->a[i];
        if (ret && a == r->winner) {
            proa__stream_notify(a->s, 0, NULL, NULL);
            *ret = a->s;
        } else {
            proa__stream_abort(a->s);
        }
    }
    proa__free(r);
}

static void describe(const void *name, struct view *v)
{
    proa__view_say(v, "%s", (const char *)name);
}

static const struct wait_kind connects = {.call = "proa_connect", .describe = describe};

/* Until one has won, or none can. */
static int decide(struct race *r, const char *name)
{
    struct wait w;
    int rc = 0;

    begin_next(r);
    if (!r->winner && r->open) {
        proa__wait_link(&r->asleep, &w);
        rc = proa__wait_park(&w, 1, &connects, name);
    }
    proa__timer_stop(&r->timer);
    proa__loop_soon_cancel(&r->soon);
    r->over = true;
    if (rc >= 0 && !r->winner)
        rc = explain(r, name);
    return rc;
}

/* The same with tasks, all of which have ended when it returns. */
static int decide_by_tasks(struct race *r, const char *name)
{
    PROA_GROUP(group, .kind = PROA_GROUP_SUPERVISE); /* one that cannot begin ends no other */
    int rc;

    r->group = &group;
    rc = decide(r, name);
    proa_group_cancel(&group);
    proa_group_join(&group);
    return rc;
}

/* Those that failed; in a race that was cut, not those that were cut with it. */
static void tell_errors(const struct race *r, bool cut)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        const struct attempt *a = &r->a[i];
        if (a->rc == 0 || (cut && a->rc == PROA_ETASKCANCELED))
            continue;
        if (r->o->errors && n < r->o->max_errors)
            r->o->errors[n] = (struct proa_connect_error){.addr = a->addr, .rc = a->rc};
        n++;
    }
    if (r->o->ret_errors)
        *r->o->ret_errors = n;
}

static int run(struct race *r, struct proa_stream **ret, const char *name)
{
    int rc = r->o->connector ? decide_by_tasks(r, name) : decide(r, name);

    tell_errors(r, rc == PROA_ECANCELED);
    end(r, rc < 0 ? NULL : ret);
    return rc < 0 ? rc : 0;
}

int proa__connect_race(struct proa_stream **ret, const struct proa_addr *a, size_t n,
                       const char *name, const struct proa_tcp_opts *o)
{
    struct race *r = proa__zalloc(sizeof *r + n * sizeof r->a[0]);
    int rc = 0;

    if (!r)
        return proa__fail(PROA_ENOMEM, "connect %s: no memory", name);
    r->loop = proa__loop_need("connecting");
    r->o = o;
    r->delay = proa__connect_delay(o->attempt_delay);
    r->n = n;
    list_init(&r->asleep);
    for (size_t i = 0; i < n; i++) {
        r->a[i].race = r;
        r->a[i].addr = a[i];
    }
    if (o->local_ip)
        rc = proa_addr_ip(&r->local, o->local_ip, o->local_port);
    if (rc < 0) {
        proa__free(r);
        return rc;
    }
    return run(r, ret, name);
}
