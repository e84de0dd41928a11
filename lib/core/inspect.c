#include "core/inspect.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/loop.h"
#include "core/sched.h"
#include "core/signal.h"
#include "core/snapshot.h"
#include "core/thread.h"

#include <proa/err.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIME (200 * PROA_MS)    /* then the loop is stuck */
#define INTERRUPT_TIME (200 * PROA_MS) /* for it to say what it does */
#define READ_TIME (500 * PROA_MS)      /* for a client to say what it wants */
#define WRITE_TIME (2 * PROA_SEC)      /* and to take its answer: others wait */
#define ACCEPT_PAUSE_MS 100            /* when the system lacks something */
#define ANSWER_MOST ((size_t)64 << 20)
#define TASKS_MOST 10000
#define QUESTION_MOST 64

enum question_state { IDLE, WAITING, ABANDONED };

struct inspect {
    struct loop_guest guest;
    struct proa_loop *loop;
    struct signal_watch dump; /* .loop is NULL: none */

    bool listens; /* the rest is in use */
    bool traced;  /* and the loop can be interrupted */
    struct inspect_socket socket;
    pthread_t helper;
    int stop; /* eventfds */
    int answered;
    atomic_int state; /* enum question_state */
    atomic_size_t limit;
    struct post post;
    struct snapshot *shot; /* the answer */
};

static const char inspect_key;

/* ---- on the loop: the question */

static void free_inspect(struct inspect *in)
{
    proa__free(in->shot);
    proa__free(in);
}

/* NULL: no memory, or nothing runs. */
static struct snapshot *take_shot(const struct inspect *in)
{
    struct look look;

    if (!in->loop->sched)
        return NULL;
    proa__look_begin_idle(&look, in->loop->sched);
    return proa__snapshot_take(&look, in->limit);
}

static void tell_answered(const struct inspect *in)
{
    uint64_t one = 1;

    if (write(in->answered, &one, sizeof one) < 0) {
        /* full: then it is readable */
    }
}

/* A question that was abandoned may be asked again at any moment: then it is answered here, too. */
static void answer(void *arg)
{
    struct inspect *in = arg;
    int abandoned;

    do {
        int waiting = WAITING;

        if (atomic_load(&in->state) == WAITING) {
            in->shot = take_shot(in);
            if (atomic_compare_exchange_strong(&in->state, &waiting, IDLE)) {
                tell_answered(in);
                return;
            }
            proa__free(in->shot);
            in->shot = NULL;
        }
        abandoned = ABANDONED;
    } while (!atomic_compare_exchange_strong(&in->state, &abandoned, IDLE));
}

/* The loop ends; the helper has ended before. */
static void drop(void *arg)
{
    free_inspect(arg);
}

/* ---- the helper: waiting */

static void drain(int fd)
{
    uint64_t n;

    if (read(fd, &n, sizeof n) < 0) {
        /* nothing was there */
    }
}

/* Wait until `fd` is ready. 0, PROA_ETIMEDOUT, or PROA_ECLOSED: the loop ends. */
static int await(const struct inspect *in, int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = in->stop, .events = POLLIN}, {.fd = fd, .events = events}};
        int64_t left = deadline - proa__clock_mono();
        int ms = deadline == PROA_FOREVER ? -1 : left <= 0 ? 0 : (int)(left / PROA_MS) + 1;
        int n = poll(p, 2, ms);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && p[0].revents)
            return PROA_ECLOSED;
        if (n > 0)
            return 0;
        if (n == 0 && left <= 0)
            return PROA_ETIMEDOUT;
    }
}

/* ---- the helper: asking */

/* The eventfd may tell of an earlier answer; the state is what counts, and orders what was written.
 */
static int await_answer(struct inspect *in)
{
    int64_t deadline = proa__clock_mono() + ANSWER_TIME;
    int waiting = WAITING;
    int rc;

    do {
        rc = await(in, in->answered, POLLIN, deadline);
        drain(in->answered);
    } while (rc == 0 && atomic_load(&in->state) != IDLE);
    if (rc < 0 && !atomic_compare_exchange_strong(&in->state, &waiting, ABANDONED))
        rc = 0;
    return rc;
}

/* in->shot is the answer; PROA_ETIMEDOUT: the loop is stuck. */
static int ask(struct inspect *in, size_t limit)
{
    int abandoned = ABANDONED;
    int rc;

    in->limit = limit;
    if (!atomic_compare_exchange_strong(&in->state, &abandoned, WAITING)) {
        atomic_store(&in->state, WAITING);
        rc = proa__loop_post(in->loop, &in->post);
        if (rc < 0) {
            atomic_store(&in->state, IDLE);
            return rc;
        }
    }
    return await_answer(in);
}

static void write_head(const struct inspect *in, struct proa_buf *out)
{
    proa_buf_appendf(out, "{\"proa\":1,\"pid\":%d,\"loop\":%d,\"program\":", (int)getpid(),
                     in->socket.number);
    proa__json_string(out, program_invocation_short_name);
}

static void write_stuck(const struct inspect *in, struct proa_buf *out)
{
    char name[TRACE_NAME_MAX];
    struct trace_held held;
    int rc = proa__trace_interrupt(in->loop, INTERRUPT_TIME, &held);

    proa_buf_appendf(out, ",\"stuck\":true");
    if (rc < 0) {
        proa_buf_appendf(out, ",\"unknown\":\"%s\"", proa_err_name(rc));
    } else {
        proa_buf_appendf(out, ",\"held_by\":");
        proa__json_string(out, proa__trace_held_name(&held, name));
        if (held.in_task)
            proa_buf_appendf(out, ",\"task\":%llu", (unsigned long long)held.number);
        proa_buf_appendf(out, ",\"calls\":");
        proa__json_trace(out, &held.trace);
    }
    proa_buf_appendf(out, "}\n");
}

static int make_answer(struct inspect *in, size_t limit, struct proa_buf *out)
{
    struct snapshot *shot;
    int rc = ask(in, limit);

    if (rc < 0 && rc != PROA_ETIMEDOUT)
        return rc;
    write_head(in, out);
    if (rc == PROA_ETIMEDOUT) {
        write_stuck(in, out);
        return proa_buf_error(out);
    }
    shot = in->shot;
    in->shot = NULL;
    if (!shot)
        return PROA_ENOMEM;
    proa_buf_appendf(out, ",\"stuck\":false,");
    rc = proa__snapshot_json(shot, out);
    proa_buf_appendf(out, "}\n");
    proa__free(shot);
    return rc < 0 ? rc : proa_buf_error(out);
}

/* ---- the helper: one client */

static bool may_ask(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* "tasks 1000\n". The limit, or a code. */
static int read_question(const struct inspect *in, int fd)
{
    int64_t deadline = proa__clock_mono() + READ_TIME;
    char text[QUESTION_MOST + 1];
    size_t n = 0;
    unsigned limit;

    while (n == 0 || text[n - 1] != '\n') {
        int rc = n == QUESTION_MOST ? PROA_EMSGSIZE : await(in, fd, POLLIN, deadline);
        ssize_t got = rc < 0 ? rc : recv(fd, text + n, QUESTION_MOST - n, 0);

        if (rc < 0)
            return rc;
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return PROA_EEOF;
        n += got > 0 ? (size_t)got : 0;
    }
    text[n] = '\0';
    if (sscanf(text, "tasks %6u", &limit) != 1 || limit == 0)
        return PROA_EINVAL;
    return limit < TASKS_MOST ? (int)limit : TASKS_MOST;
}

static void send_all(const struct inspect *in, int fd, struct proa_str text)
{
    int64_t deadline = proa__clock_mono() + WRITE_TIME;

    while (text.n) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            if (await(in, fd, POLLOUT, deadline) < 0)
                return;
        } else if (n < 0 && errno != EINTR)
            return;
        if (n > 0)
            text = proa_str_sub(text, (size_t)n, text.n);
    }
}

static void serve(struct inspect *in, int fd)
{
    int limit = may_ask(fd) ? read_question(in, fd) : PROA_EPERM;
    struct proa_buf out;
    int rc = limit;

    proa_buf_init(&out, ANSWER_MOST);
    if (limit > 0)
        rc = make_answer(in, (size_t)limit, &out);
    if (rc < 0) {
        proa_buf_fini(&out);
        proa_buf_init(&out, 256);
        proa_buf_appendf(&out, "{\"proa\":1,\"error\":\"%s\"}\n", proa_err_name(rc));
    }
    send_all(in, fd, proa_buf_str(&out));
    proa_buf_fini(&out);
}

/* A child that was forked meanwhile has the descriptor too: the client is told of the end for both.
 */
static void end_client(int fd)
{
    shutdown(fd, SHUT_RDWR);
    close(fd);
}

static bool is_gone(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

/* Without descriptors or memory a client stays in the queue, and the socket readable. */
static void *help(void *arg)
{
    struct inspect *in = arg;

    while (await(in, in->socket.fd, POLLIN, PROA_FOREVER) == 0) {
        int fd = accept4(in->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            serve(in, fd);
            end_client(fd);
        } else if (!is_gone(errno)) {
            poll(&(struct pollfd){.fd = in->stop, .events = POLLIN}, 1, ACCEPT_PAUSE_MS);
        }
    }
    return NULL;
}

/* ---- life */

static void close_fds(struct inspect *in)
{
    if (in->stop >= 0)
        close(in->stop);
    if (in->answered >= 0)
        close(in->answered);
}

static int open_fds(struct inspect *in)
{
    in->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    in->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return in->stop < 0 || in->answered < 0 ? -errno : 0;
}

static int listen_here(struct inspect *in)
{
    bool traced = proa__trace_open(in->loop) >= 0; /* else a stuck loop is only known for stuck */
    int rc = open_fds(in);

    if (rc >= 0)
        rc = proa__inspect_open(&in->socket);
    if (rc >= 0) {
        in->post = (struct post){.fn = answer, .drop = drop, .arg = in};
        rc = proa__thread_start(&in->helper, help, in);
        if (rc < 0)
            proa__inspect_close(&in->socket);
    }
    if (rc < 0) {
        close_fds(in);
        if (traced)
            proa__trace_close(in->loop);
        return rc;
    }
    in->listens = true;
    in->traced = traced;
    return 0;
}

static void stop_listening(struct inspect *in)
{
    uint64_t one = 1;

    if (write(in->stop, &one, sizeof one) < 0) {
        /* cannot be: nobody else writes to it */
    }
    pthread_join(in->helper, NULL);
    proa__inspect_close(&in->socket);
    close_fds(in);
    if (in->traced)
        proa__trace_close(in->loop);
}

static void leave(struct loop_guest *guest)
{
    struct inspect *in = CONTAINER_OF(guest, struct inspect, guest);

    if (in->dump.loop) {
        proa__loop_outside(in->loop, 1);
        proa__signal_unwatch(&in->dump);
    }
    if (in->listens)
        stop_listening(in);
    if (!in->listens || atomic_load(&in->state) == IDLE)
        free_inspect(in); /* else with the post, which the loop drops next */
}

static void on_dump(void *arg, int signo)
{
    (void)arg;
    (void)signo;
    proa_tasks_print(STDERR_FILENO, NULL);
}

/* "USR1", "SIGUSR1", "10"; 0: none. */
static int signal_by_name(const char *name)
{
    uint64_t number;

    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    if (proa_str_parse_uint(proa_str_from(name), &number) < 0)
        number = 0;
    for (int signo = 1; signo < 32; signo++) {
        const char *known = sigabbrev_np(signo);

        if ((known && strcasecmp(known, name) == 0) || number == (uint64_t)signo)
            return signo;
    }
    return 0;
}

static int dump_signal_of(int asked)
{
    const char *name = secure_getenv("PROA_DUMP_SIGNAL");

    if (asked || !name || !name[0])
        return asked;
    asked = signal_by_name(name);
    if (!asked)
        proa__log(PROA_LOG_WARNING, "PROA_DUMP_SIGNAL=%.20s is no signal", name);
    return asked;
}

static bool is_asked(bool asked)
{
    const char *value = secure_getenv("PROA_INSPECT");

    return asked || (value && value[0] && strcmp(value, "0") != 0);
}

static void begin(struct inspect *in, bool listens, int dump_signal)
{
    int rc = 0;

    if (dump_signal) {
        rc = proa__signal_watch(in->loop, &in->dump, dump_signal, on_dump, in);
        if (rc == 0)
            proa__loop_outside(in->loop, -1); /* nothing that a run waits for */
        else
            proa__log(PROA_LOG_WARNING, "no dump by signal %d: %s", dump_signal, proa_err_text(rc));
    }
    if (!listens)
        return;
    rc = listen_here(in);
    if (rc < 0)
        proa__log(PROA_LOG_WARNING, "this program cannot be inspected: %s", proa_err_detail(rc));
}

void proa__inspect_start(struct proa_loop *loop, bool inspect, int dump_signal)
{
    struct inspect *in;

    inspect = is_asked(inspect);
    dump_signal = dump_signal_of(dump_signal);
    if (!inspect && !dump_signal)
        return;
    in = proa__zalloc(sizeof *in);
    if (!in) {
        proa__log(PROA_LOG_WARNING, "no memory for inspecting this program");
        return;
    }
    in->loop = loop;
    in->stop = in->answered = -1;
    proa__loop_adopt(loop, &in->guest, &inspect_key, leave);
    begin(in, inspect, dump_signal);
}
