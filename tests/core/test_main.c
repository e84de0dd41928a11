#include "base/fail.h"
#include "core/main.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/loop.h>
#include <proa/run.h>
#include <proa/task.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the processes of a test see in common. */
struct shared {
    int runs;     /* calls of the main function, in all processes and threads */
    int cleanups; /* of those, left after a cancel */
    int ports[32];
    int fails;
};
static struct shared *shared;

static int add(int *counter, int n)
{
    return __atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST);
}

static int load(const int *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

struct program {
    pid_t pid;
    int out; /* its standard error */
    char *text;
};
static char written[2048]; /* by the latest program */

/* A program whose main is proa_main(fn, arg, opts). */
static struct program start(proa_task_fn *fn, void *arg, const struct proa_main_opts *opts)
{
    struct program p = {.text = written};
    int fds[2];

    share();
    ck_assert_int_eq(pipe(fds), 0);
    p.pid = fork();
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGTERM, SIG_DFL); /* Check's would end the test */
        signal(SIGINT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        _exit(proa_main(fn, arg, opts));
    }
    close(fds[1]);
    p.out = fds[0];
    return p;
}

/* Wait for the end of all its processes; the exit status, or 1000 and the signal. */
static int status_of(struct program *p)
{
    size_t n = 0;
    ssize_t got;
    int status;

    while (n < sizeof written - 1 && (got = read(p->out, p->text + n, sizeof written - 1 - n)) > 0)
        n += (size_t)got;
    p->text[n] = '\0';
    close(p->out);
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Real time passes here: processes start and end in no other. */
static void wait_until(const int *counter, int n)
{
    for (int i = 0; i < 5000 && load(counter) < n; i++)
        usleep(2000);
    ck_assert_int_ge(load(counter), n);
}

/* ---- one process */

static int return_it(void *arg)
{
    add(&shared->runs, 1);
    return *(int *)arg;
}

START_TEST(the_status_is_what_fn_returned)
{
    static const int results[] = {0, 3, 255, 256, 100000};

    for (int i = 0; i < 5; i++) {
        struct program p = start(return_it, &(int){results[i]}, NULL);

        ck_assert_int_eq(status_of(&p), results[i] < 255 ? results[i] : 255);
        ck_assert_str_eq(p.text, "");
    }
}
END_TEST

static int refuse(void *arg)
{
    (void)arg;
    return proa__fail(PROA_ECONNREFUSED, "connect to the moon: nobody there");
}

START_TEST(a_failure_is_printed_with_name_and_detail)
{
    struct program p = start(refuse, NULL, NULL);

    ck_assert_int_eq(status_of(&p), 1);
    ck_assert_str_eq(p.text,
                     "proa: error: connect to the moon: nobody there (PROA_ECONNREFUSED)\n");
}
END_TEST

static int sleep_on(void *arg)
{
    (void)arg;
    add(&shared->runs, 1);
    int rc = proa_sleep(PROA_HOUR);
    add(&shared->cleanups, 1);
    return rc;
}

START_TEST(a_signal_ends_it_orderly_and_is_the_status)
{
    struct program p = start(sleep_on, NULL, NULL);

    wait_until(&shared->runs, 1);
    kill(p.pid, SIGTERM);
    ck_assert_int_eq(status_of(&p), 128 + SIGTERM);
    ck_assert_int_eq(load(&shared->cleanups), 1);
    ck_assert_str_eq(p.text, "");
}
END_TEST

static int use_listener(void *arg)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};

    (void)arg;
    return proa__main_listener((struct sockaddr *)&addr, sizeof addr, 1) == PROA_ENOSYS ? 0 : 1;
}

START_TEST(alone_a_process_opens_its_own_sockets)
{
    struct program p = start(use_listener, NULL, NULL);

    ck_assert_int_eq(status_of(&p), 0);
}
END_TEST

START_TEST(options_of_a_newer_version_are_refused)
{
    struct {
        struct proa_main_opts opts;
        int more;
    } newer = {.opts = {.size = sizeof newer}, .more = 1};
    struct program p = start(return_it, &(int){0}, &newer.opts);

    ck_assert_int_eq(status_of(&p), 1);
    ck_assert_ptr_nonnull(strstr(p.text, "PROA_E2BIG"));
}
END_TEST

/* ---- threads */

START_TEST(each_thread_runs_fn_once)
{
    struct program p = start(return_it, &(int){4}, PROA_MAIN_OPTS(.threads = 3));

    ck_assert_int_eq(status_of(&p), 4);
    ck_assert_int_eq(load(&shared->runs), 3);
}
END_TEST

/* The last to come fails when all others sleep. */
static int one_fails(void *arg)
{
    if (add(&shared->fails, 1) < *(int *)arg)
        return sleep_on(NULL);
    while (load(&shared->runs) < *(int *)arg - 1)
        proa_sleep(PROA_MS);
    return refuse(NULL);
}

START_TEST(a_failure_in_one_thread_cancels_the_others)
{
    struct program p = start(one_fails, &(int){4}, PROA_MAIN_OPTS(.threads = 4));

    ck_assert_int_eq(status_of(&p), 1);
    ck_assert_int_eq(load(&shared->cleanups), 3);
    ck_assert_str_eq(p.text,
                     "proa: error: connect to the moon: nobody there (PROA_ECONNREFUSED)\n");
}
END_TEST

START_TEST(a_signal_ends_all_threads)
{
    struct program p = start(sleep_on, NULL, PROA_MAIN_OPTS(.threads = 3));

    wait_until(&shared->runs, 3);
    kill(p.pid, SIGINT);
    ck_assert_int_eq(status_of(&p), 128 + SIGINT);
    ck_assert_int_eq(load(&shared->cleanups), 3);
}
END_TEST

/* ---- workers */

START_TEST(each_worker_runs_fn_once)
{
    struct program p = start(return_it, &(int){0}, PROA_MAIN_OPTS(.workers = 3));

    ck_assert_int_eq(status_of(&p), 0);
    ck_assert_int_eq(load(&shared->runs), 3);

    p = start(return_it, &(int){5}, PROA_MAIN_OPTS(.workers = 2, .threads = 2));
    ck_assert_int_eq(status_of(&p), 5);
    ck_assert_int_ge(load(&shared->runs), 2); /* a status ends the others, before they ran even */
}
END_TEST

static int all_fail(void *arg)
{
    add(&shared->runs, 1);
    while (load(&shared->runs) < *(int *)arg)
        proa_sleep(PROA_MS);
    return refuse(NULL);
}

START_TEST(what_all_workers_fail_with_is_printed_once)
{
    struct program p = start(all_fail, &(int){3}, PROA_MAIN_OPTS(.workers = 3));

    ck_assert_int_eq(status_of(&p), 1);
    ck_assert_str_eq(p.text,
                     "proa: error: connect to the moon: nobody there (PROA_ECONNREFUSED)\n");
}
END_TEST

START_TEST(a_worker_that_fails_ends_the_others)
{
    struct program p = start(one_fails, &(int){3}, PROA_MAIN_OPTS(.workers = 3));

    ck_assert_int_eq(status_of(&p), 1);
    ck_assert_int_eq(load(&shared->cleanups), 2);
}
END_TEST

START_TEST(a_signal_to_the_parent_ends_all_workers)
{
    struct program p = start(sleep_on, NULL, PROA_MAIN_OPTS(.workers = 2, .threads = 2));

    wait_until(&shared->runs, 4);
    kill(p.pid, SIGTERM);
    ck_assert_int_eq(status_of(&p), 128 + SIGTERM);
    ck_assert_int_eq(load(&shared->cleanups), 4);
    ck_assert_str_eq(p.text, "");
}
END_TEST

static int crash_twice(void *arg)
{
    (void)arg;
    if (add(&shared->runs, 1) <= 2) {
        signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
    }
    return 0;
}

START_TEST(a_crashed_worker_has_a_successor)
{
    struct program p = start(crash_twice, NULL, PROA_MAIN_OPTS(.workers = 1));

    ck_assert_int_eq(status_of(&p), 0);
    ck_assert_int_eq(load(&shared->runs), 3);
    ck_assert_ptr_nonnull(strstr(p.text, "was killed by signal 6; another starts in 100 ms"));
    ck_assert_ptr_nonnull(strstr(p.text, "was killed by signal 6; another starts in 200 ms"));
}
END_TEST

START_TEST(workers_end_when_the_parent_is_gone)
{
    struct program p = start(sleep_on, NULL, PROA_MAIN_OPTS(.workers = 2));

    wait_until(&shared->runs, 2);
    kill(p.pid, SIGKILL);
    ck_assert_int_eq(status_of(&p), 1000 + SIGKILL); /* reads until the last has closed it */
    ck_assert_int_eq(load(&shared->cleanups), 2);
}
END_TEST

/* ---- listening sockets */

static int listen_on(int port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };

    return proa__main_listener((struct sockaddr *)&addr, sizeof addr, 8);
}

static int port_of(int fd)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static int ask_ports(void *arg)
{
    int me = add(&shared->fails, 1) - 1;
    int a = listen_on(0);
    int b = listen_on(0);

    ck_assert_int_ge(a, 0);
    ck_assert_int_ge(b, 0);
    shared->ports[2 * me] = port_of(a);
    shared->ports[2 * me + 1] = port_of(b);
    add(&shared->runs, 1);
    while (load(&shared->runs) < *(int *)arg)
        proa_sleep(PROA_MS);
    return 0;
}

static void check_ports(int n)
{
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(shared->ports[2 * i], shared->ports[0]);
        ck_assert_int_eq(shared->ports[2 * i + 1], shared->ports[1]);
    }
    ck_assert_int_ne(shared->ports[0], shared->ports[1]);
}

START_TEST(a_free_port_is_the_same_for_all)
{
    struct program p = start(ask_ports, &(int){3}, PROA_MAIN_OPTS(.workers = 3));

    ck_assert_int_eq(status_of(&p), 0);
    check_ports(3);
    p = start(ask_ports, &(int){3}, PROA_MAIN_OPTS(.threads = 3));
    ck_assert_int_eq(status_of(&p), 0);
    check_ports(3);
    p = start(ask_ports, &(int){4}, PROA_MAIN_OPTS(.workers = 2, .threads = 2));
    ck_assert_int_eq(status_of(&p), 0);
    check_ports(4);
}
END_TEST

static int connect_to(int port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    return connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 ? fd : -errno;
}

/* The first worker dies without having accepted; the second answers what waits. */
static int die_then_accept(void *arg)
{
    int fd = listen_on(0);

    (void)arg;
    shared->ports[0] = port_of(fd);
    if (add(&shared->runs, 1) == 1) {
        while (!load(&shared->fails))
            proa_sleep(PROA_MS);
        signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
    }
    for (int n = 0; n < 3;) {
        int conn = accept(fd, NULL, NULL);
        if (conn < 0) {
            proa_sleep(PROA_MS);
            continue;
        }
        ck_assert_int_eq(write(conn, "!", 1), 1);
        close(conn);
        n++;
    }
    return 0;
}

START_TEST(connections_that_wait_survive_a_crash)
{
    struct program p = start(die_then_accept, NULL, PROA_MAIN_OPTS(.workers = 1));
    int conns[3];
    char c;

    wait_until(&shared->runs, 1);
    for (int i = 0; i < 3; i++) {
        conns[i] = connect_to(shared->ports[0]);
        ck_assert_int_ge(conns[i], 0);
    }
    add(&shared->fails, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(read(conns[i], &c, 1), 1);
        close(conns[i]);
    }
    ck_assert_int_eq(status_of(&p), 0);
    ck_assert_int_eq(load(&shared->runs), 2);
}
END_TEST

static int ask_one(void *arg)
{
    int fd = listen_on(*(int *)arg);

    return fd < 0 ? proa__fail(fd, "port taken") : 0;
}

START_TEST(a_port_of_another_program_is_in_use)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* even if that one would share it */
    setsockopt(theirs, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    ck_assert_int_eq(bind(theirs, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(listen(theirs, 1), 0);
    struct program p = start(ask_one, &(int){port_of(theirs)}, PROA_MAIN_OPTS(.workers = 2));

    ck_assert_int_eq(status_of(&p), 1);
    ck_assert_str_eq(p.text, "proa: error: port taken (PROA_EADDRINUSE)\n");
    close(theirs);
}
END_TEST

/* ---- UNIX sockets */

static int listen_unix(void *arg)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd;

    strcpy(addr.sun_path, arg);
    fd = proa__main_listener((struct sockaddr *)&addr, sizeof addr, 8);
    add(&shared->runs, 1);
    while (fd >= 0 && load(&shared->runs) < 2)
        proa_sleep(PROA_MS);
    return fd < 0 ? fd : 0;
}

START_TEST(a_unix_socket_is_shared_and_removed_at_the_end)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/proa-test-XXXXXX";
    char path[64];

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    strcpy(addr.sun_path, path);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
                       0); /* of an earlier run, that crashed */
    ck_assert_int_eq(bind(stale, (struct sockaddr *)&addr, sizeof addr), 0);
    close(stale);

    struct program p = start(listen_unix, path, PROA_MAIN_OPTS(.workers = 2));
    ck_assert_int_eq(status_of(&p), 0);
    ck_assert_str_eq(p.text, "");
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
    return t_main("main", (const TTest *const[]){
                              the_status_is_what_fn_returned,
                              a_failure_is_printed_with_name_and_detail,
                              a_signal_ends_it_orderly_and_is_the_status,
                              alone_a_process_opens_its_own_sockets,
                              options_of_a_newer_version_are_refused,
                              each_thread_runs_fn_once,
                              a_failure_in_one_thread_cancels_the_others,
                              a_signal_ends_all_threads,
                              each_worker_runs_fn_once,
                              what_all_workers_fail_with_is_printed_once,
                              a_worker_that_fails_ends_the_others,
                              a_signal_to_the_parent_ends_all_workers,
                              a_crashed_worker_has_a_successor,
                              workers_end_when_the_parent_is_gone,
                              a_free_port_is_the_same_for_all,
                              connections_that_wait_survive_a_crash,
                              a_port_of_another_program_is_in_use,
                              a_unix_socket_is_shared_and_removed_at_the_end,
                              NULL,
                          });
}
