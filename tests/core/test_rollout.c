/* SIGHUP to the parent: all workers are replaced, one after another, and none before its successor
 * accepts. */

#include "base/fail.h"
#include "core/main_parent.h"
#include "core/signal.h"
#include "support/test.h"

#include <proa/err.h>
#include <proa/loop.h>
#include <proa/run.h>
#include <proa/task.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum manner {
    SERVES,
    NEVER_ACCEPTS,
    RETURNS_ERROR,
    RETURNS_THREE,
    RETURNS_ZERO,
    IS_KILLED,
    ASKS_LATE,
    LINGERS,
};

/* What the processes of a test see in common. */
struct shared {
    int numbered;
    int started;
    int permits; /* the i-th that started may accept when this is above i */
    int accepting;
    int drained;
    int quitter; /* the pid of one that shall end by itself, */
    int status;  /* with this */
    int lingering;
    int may_leave; /* those that linger */
    int cancelled;
    int signalled; /* SIGUSR1 came to one */
    int late_answer;
    int manner; /* of those that start from now on */
    int pids[32];
    int ports[32];
    int64_t started_at[32];
    int64_t drained_at[32];
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

/* Real time passes here: processes start and end in no other. */
static void wait_until(const int *counter, int n)
{
    for (int i = 0; i < 10000 && load(counter) < n; i++)
        usleep(2000);
    ck_assert_int_ge(load(counter), n);
}

/* Nothing shows that something will not happen; it had the time. */
static void stays(const int *counter, int n)
{
    usleep(30000);
    ck_assert_int_eq(load(counter), n);
}

static void keep_on(void *arg, int signo)
{
    (void)signo;
    *(bool *)arg = true;
}

static void on_usr1(int signo)
{
    (void)signo;
    add(&shared->signalled, 1);
}

/* What is left to do while it drains; that may be cancelled. */
static void linger(void)
{
    int rc = 0;

    add(&shared->lingering, 1);
    while (rc == 0 && !load(&shared->may_leave))
        rc = proa_sleep(PROA_MS);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = proa_sleep(PROA_MS); /* whatever signal came before, the loop has seen it */
    if (rc == PROA_ECANCELED)
        add(&shared->cancelled, 1);
}

static int listen_somewhere(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = proa__main_listener((struct sockaddr *)&addr, sizeof addr, 8);

    if (fd < 0)
        return fd;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    close(fd);
    return ntohs(addr.sin_port);
}

static int64_t real_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void nap(bool *ending)
{
    if (proa_sleep(PROA_MS) < 0)
        *ending = true; /* cancelled: told to end before it had claimed signals */
}

static int fail_early(int manner)
{
    if (manner == IS_KILLED)
        raise(SIGKILL);
    if (manner == RETURNS_ERROR)
        return proa__fail(PROA_ECONNREFUSED, "connect to the moon: nobody there");
    return manner == RETURNS_THREE ? 3 : 0;
}

/* The main function of each worker. */
static int serve(void *arg)
{
    int manner = load(&shared->manner);
    bool ending = false;

    (void)arg;
    signal(SIGUSR1, on_usr1);
    ck_ok(proa__signals_claim(proa_loop_current(), keep_on, &ending));
    int port = manner == ASKS_LATE ? 0 : listen_somewhere();
    int me = add(&shared->numbered, 1) - 1;
    shared->ports[me] = port;
    shared->pids[me] = getpid();
    shared->started_at[me] = real_now();
    add(&shared->started, 1);
    if (manner >= RETURNS_ERROR && manner <= IS_KILLED)
        return fail_early(manner);

    while (load(&shared->permits) <= me && !ending)
        nap(&ending);
    if (manner != NEVER_ACCEPTS && !ending) {
        add(&shared->accepting, 1);
        proa__main_accepts();
        if (me >= 2)
            proa__main_accepts(); /* saying it twice counts once */
    }
    while (!ending && load(&shared->quitter) != getpid())
        nap(&ending);
    if (manner == LINGERS && ending)
        linger();
    shared->drained_at[me] = real_now();
    if (manner == ASKS_LATE)
        shared->late_answer = listen_somewhere();
    add(&shared->drained, 1);
    return ending ? 0 : load(&shared->status);
}

struct program {
    pid_t pid;
    int out; /* its standard error */
    char text[1024];
};

/* So many workers, that all accept; more may not yet. */
static struct program start(const struct proa_main_opts *opts, int n, int manner)
{
    struct program p = {0};
    int fds[2];

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    shared->permits = n;
    shared->manner = manner;
    ck_assert_int_eq(pipe(fds), 0);
    p.pid = fork();
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGTERM, SIG_DFL); /* Check's would end the test */
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        _exit(proa_main(serve, NULL, opts));
    }
    close(fds[1]);
    p.out = fds[0];
    wait_until(&shared->started, n);
    if (manner == SERVES || manner == LINGERS)
        wait_until(&shared->accepting, n);
    usleep(20000); /* and the parent has heard it */
    return p;
}

/* Its exit status, or 1000 and the signal, when it ends. All its processes are gone then. */
static int ended(struct program *p)
{
    size_t n = 0;
    ssize_t got;
    int status;

    while (n < sizeof p->text - 1 && (got = read(p->out, p->text + n, sizeof p->text - 1 - n)) > 0)
        n += (size_t)got;
    p->text[n] = '\0';
    close(p->out);
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* End it. */
static int end(struct program *p)
{
    kill(p->pid, SIGTERM);
    return ended(p);
}

START_TEST(a_worker_drains_when_its_successor_accepts)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 3), 3, SERVES);

    kill(p.pid, SIGHUP);
    for (int i = 0; i < 3; i++) {
        wait_until(&shared->started, 4 + i); /* one is made, */
        stays(&shared->drained, i);
        ck_assert_int_eq(load(&shared->started), 4 + i); /* but one, */
        add(&shared->permits, 1);                        /* it accepts, */
        wait_until(&shared->drained, i + 1);             /* and one is drained */
    }
    stays(&shared->started, 6);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 6);
    for (int i = 1; i < 6; i++)
        ck_assert_int_eq(shared->ports[i], shared->ports[0]);
    ck_assert_str_eq(p.text, "");
}
END_TEST

START_TEST(all_threads_of_the_successor_must_accept)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1, .threads = 2), 2, SERVES);

    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 4);
    add(&shared->permits, 1);
    wait_until(&shared->accepting, 3);
    stays(&shared->drained, 0);
    add(&shared->permits, 1);
    wait_until(&shared->drained, 2);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_str_eq(p.text, "");
}
END_TEST

START_TEST(one_that_never_accepts_is_replaced_after_a_second)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, NEVER_ACCEPTS);

    kill(p.pid, SIGHUP);
    wait_until(&shared->drained, 1);
    /* from the fork on, which is before it could look at the clock */
    ck_assert_int_ge(shared->drained_at[0] - shared->started_at[1], 500 * PROA_MS);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 2);
}
END_TEST

/* ---- a new one that fails */

struct failure {
    enum manner manner;
    const char *line;
};
static const struct failure failures[] = {
    {RETURNS_ERROR, "connect to the moon: nobody there (PROA_ECONNREFUSED)"},
    {RETURNS_THREE, "the new one ended with status 3"},
    {RETURNS_ZERO, "the new one ended with status 0"},
    {IS_KILLED, "the new one was killed by signal 9"},
};

static void wait_reaped(pid_t pid)
{
    for (int i = 0; i < 10000 && kill(pid, 0) == 0; i++)
        usleep(2000);
    ck_assert_int_eq(errno, ESRCH);
}

START_TEST(a_successor_that_fails_stops_the_rollout)
{
    const struct failure *f = &failures[_i];
    struct program p = start(PROA_MAIN_OPTS(.workers = 2), 2, SERVES);
    char line[200];

    shared->permits = 32;
    shared->manner = f->manner;
    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 3);
    wait_reaped(shared->pids[2]);
    stays(&shared->started, 3);
    ck_assert_int_eq(load(&shared->drained), 0);

    shared->manner = SERVES; /* what was wrong is mended */
    kill(p.pid, SIGHUP);
    wait_until(&shared->drained, 2);
    ck_assert_int_eq(load(&shared->started), 5);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 4);
    snprintf(line, sizeof line, "proa: error: no more workers are replaced: %s\n", f->line);
    ck_assert_str_eq(p.text, line);
}
END_TEST

START_TEST(each_failure_has_its_own_reason)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, SERVES);

    shared->manner = RETURNS_ERROR;
    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 2);
    wait_reaped(shared->pids[1]);
    shared->manner = RETURNS_THREE;
    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 3);
    wait_reaped(shared->pids[2]);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_str_eq(p.text,
                     "proa: error: no more workers are replaced: connect to the moon: nobody "
                     "there (PROA_ECONNREFUSED)\n"
                     "proa: error: no more workers are replaced: the new one ended with "
                     "status 3\n");
}
END_TEST

START_TEST(a_successor_that_does_not_accept_in_time_is_given_up)
{
    static const char line[] =
        "proa: error: no more workers are replaced: the new one does not accept connections\n";
    char text[sizeof line] = "";
    size_t n = 0;

    ck_assert_int_eq(proa__rollout_patience, 60 * PROA_SEC);
    proa__rollout_patience = 50 * PROA_MS;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* whom the parent forgot is ours */
    struct program p = start(PROA_MAIN_OPTS(.workers = 2), 2, SERVES);
    int64_t before = real_now();

    kill(p.pid, SIGHUP);
    while (n < sizeof line - 1 && read(p.out, text + n, 1) == 1)
        n++;
    ck_assert_str_eq(text, line);
    ck_assert_int_ge(real_now() - before, 50 * PROA_MS);
    ck_assert_int_eq(shared->drained_at[0] + shared->drained_at[1], 0); /* the old ones stay, */
    kill(p.pid, SIGHUP);                                                /* and one may try again */
    while (n > 0 && read(p.out, text + sizeof line - 1 - n, 1) == 1)
        n--;
    ck_assert_str_eq(text, line);
    ck_assert_int_eq(shared->drained_at[0] + shared->drained_at[1], 0);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_ne(shared->drained_at[0], 0);
    ck_assert_int_ne(shared->drained_at[1], 0);
    ck_assert_str_eq(p.text, "");
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}
END_TEST

/* ---- what may come between */

/* At once: its successor by crash, which waits a tenth of a second, is not needed any more. */
START_TEST(one_that_crashed_meanwhile_has_nobody_to_drain)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, SERVES);

    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 2);
    kill(shared->pids[0], SIGKILL);
    wait_reaped(shared->pids[0]);
    shared->permits = 32;
    wait_until(&shared->accepting, 2);
    usleep(200000); /* on a slow machine the other one may come all the same */
    ck_assert_int_eq(kill(shared->pids[1], 0), 0);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), load(&shared->started) - 1);
}
END_TEST

START_TEST(one_that_ended_meanwhile_leaves_its_place_to_the_new_one)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, SERVES);

    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 2);
    shared->quitter = shared->pids[0];
    wait_until(&shared->drained, 1);
    wait_reaped(shared->pids[0]);
    stays(&shared->drained, 1);
    shared->permits = 32;
    wait_until(&shared->accepting, 2);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 2);
}
END_TEST

START_TEST(after_a_crash_they_are_replaced_as_ever)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, SERVES);

    shared->permits = 32;
    kill(shared->pids[0], SIGKILL);
    wait_until(&shared->accepting, 2);
    usleep(20000); /* the parent has heard it */
    kill(p.pid, SIGHUP);
    wait_until(&shared->drained, 1);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->started), 3);
}
END_TEST

START_TEST(a_second_hangup_begins_anew)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 2), 2, SERVES);

    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 3);
    add(&shared->permits, 1);
    wait_until(&shared->started, 4); /* one was replaced, the second hangs while it starts */
    wait_until(&shared->drained, 1);
    kill(p.pid, SIGHUP);
    wait_until(&shared->drained, 2); /* that one */
    shared->permits = 32;
    wait_until(&shared->started, 6); /* and both again */
    wait_until(&shared->drained, 4);
    stays(&shared->started, 6);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 6);
    ck_assert_str_eq(p.text, "");
}
END_TEST

START_TEST(the_end_ends_the_new_one_too)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 2), 2, SERVES);

    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 3);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 3);
    ck_assert_int_eq(load(&shared->started), 3);
    ck_assert_str_eq(p.text, "");
}
END_TEST

START_TEST(a_crash_of_the_old_one_is_no_obstacle)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, SERVES);

    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 2);
    kill(shared->pids[0], SIGKILL);
    wait_until(&shared->started, 3); /* a successor by crash beside the one by hang-up */
    shared->permits = 32;
    wait_until(&shared->drained, 1);
    stays(&shared->started, 3);
    ck_assert_int_eq(kill(shared->pids[1], 0), 0);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 2);
    ck_assert_ptr_nonnull(strstr(p.text, "was killed by signal 9; another starts in 100 ms"));
}
END_TEST

/* One that was let go while it starts and asks for a socket then is told, and ends. */
START_TEST(who_was_let_go_gets_no_socket)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 1), 1, SERVES);

    shared->manner = ASKS_LATE;
    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 2);
    kill(p.pid, SIGHUP);
    wait_until(&shared->drained, 1);
    ck_assert_int_eq(shared->late_answer, PROA_ECLOSED);
    ck_assert_int_eq(end(&p), 0);
}
END_TEST

START_TEST(a_worker_that_ended_is_not_replaced)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 2), 2, SERVES);

    shared->permits = 32;
    shared->quitter = shared->pids[0];
    wait_until(&shared->drained, 1);
    wait_reaped(shared->pids[0]);
    kill(p.pid, SIGHUP);
    wait_until(&shared->drained, 2);
    stays(&shared->started, 3);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->drained), 3);
}
END_TEST

/* ---- the retired, and signals to all */

/* So many workers were replaced, and linger. */
static struct program start_replaced(int n)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = (unsigned)n), n, LINGERS);

    shared->permits = 32;
    kill(p.pid, SIGHUP);
    wait_until(&shared->accepting, 2 * n);
    wait_until(&shared->lingering, n);
    return p;
}

/* The parent passes this on after whatever it has sent before. */
static void wait_for_signals(const struct program *p, int n)
{
    kill(p->pid, SIGUSR1);
    wait_until(&shared->signalled, n);
}

START_TEST(the_end_does_not_press_the_retired)
{
    struct program p = start_replaced(1);

    kill(p.pid, SIGTERM);
    wait_until(&shared->lingering, 2);
    wait_for_signals(&p, 2);
    shared->may_leave = 1;
    wait_until(&shared->drained, 2);
    ck_assert_int_eq(load(&shared->cancelled), 0);
    ck_assert_int_eq(ended(&p), 0); /* a second end might come after its handler has gone */
}
END_TEST

START_TEST(a_second_end_presses_the_retired_too)
{
    proa__signals_burst = 0;
    struct program p = start_replaced(1);

    kill(p.pid, SIGTERM);
    wait_until(&shared->lingering, 2);
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->cancelled), 2);
}
END_TEST

START_TEST(a_worker_that_fails_does_not_press_the_retired)
{
    struct program p = start_replaced(2);

    shared->status = 3;
    shared->quitter = shared->pids[2];
    wait_until(&shared->lingering, 3);
    wait_for_signals(&p, 3);
    shared->may_leave = 1;
    wait_until(&shared->drained, 4);
    ck_assert_int_eq(load(&shared->cancelled), 0);
    ck_assert_int_eq(ended(&p), 3); /* by itself */
}
END_TEST

START_TEST(a_signal_is_passed_on_to_all_once)
{
    struct program p = start(PROA_MAIN_OPTS(.workers = 2), 2, LINGERS);

    add(&shared->permits, 1);
    kill(p.pid, SIGHUP);
    wait_until(&shared->started, 4); /* one is retired, two are in place, one starts */
    wait_for_signals(&p, 4);
    shared->may_leave = 1;
    ck_assert_int_eq(end(&p), 0);
    ck_assert_int_eq(load(&shared->signalled), 4);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_worker_drains_when_its_successor_accepts,
        all_threads_of_the_successor_must_accept,
        one_that_never_accepts_is_replaced_after_a_second,
        each_failure_has_its_own_reason,
        a_successor_that_does_not_accept_in_time_is_given_up,
        one_that_crashed_meanwhile_has_nobody_to_drain,
        one_that_ended_meanwhile_leaves_its_place_to_the_new_one,
        after_a_crash_they_are_replaced_as_ever,
        a_second_hangup_begins_anew,
        the_end_ends_the_new_one_too,
        a_crash_of_the_old_one_is_no_obstacle,
        who_was_let_go_gets_no_socket,
        a_worker_that_ended_is_not_replaced,
        the_end_does_not_press_the_retired,
        a_second_end_presses_the_retired_too,
        a_worker_that_fails_does_not_press_the_retired,
        a_signal_is_passed_on_to_all_once,
        NULL,
    };
    const struct t_table tables[] = {
        {a_successor_that_fails_stops_the_rollout, sizeof failures / sizeof failures[0]},
        {NULL, 0},
    };
    return t_main_tables("rollout", tests, tables);
}
