#include "support/t_run.h"

#include <proa/group.h>
#include <proa/process.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/sync.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What programs say with their exit codes; `sh` is the only one that is needed. */

static struct proa_process *shell(const char *command, const struct proa_process_opts *opts)
{
    struct proa_process *p = NULL;

    ck_ok(proa_process_shell(&p, command, opts));
    ck_assert_ptr_nonnull(p);
    return p;
}

static bool gone(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Read a line that the child says when it is so far. */
static void expect_line(struct proa_process *p, const char *line)
{
    struct proa_str got;

    ck_assert_int_eq(ck_ok(proa_read_line(proa_process_output(p), &got, 1000)), 1);
    ck_str_eq(got, line);
}

static int wait_code(struct proa_process *p)
{
    struct proa_exit e = {-2, -2};

    ck_ok(proa_process_wait(p, &e));
    ck_assert_int_eq(e.signal, 0);
    return e.code;
}

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(name##_body, NULL);                                                                  \
    }                                                                                              \
    END_TEST

/* ---- wait */

static int waiter(void *arg)
{
    return wait_code(arg);
}

BODY(aio_proc_08_all_who_wait_get_the_code)
{
    PROA_AUTO(proa_process) *p = shell("read line; exit 3",
                                       PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE));
    struct proa_task_ref t[3];
    PROA_GROUP(g);

    (void)arg;
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task_opts(&g, &t[i], waiter, p, NULL));
    ck_ok(proa_yield());
    ck_assert(!proa_process_is_done(p, NULL));
    ck_ok(proa_shutdown(proa_process_input(p)));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(proa_task_join(t[i]), 3);
    return 0;
}
RUN(aio_proc_08_all_who_wait_get_the_code)

static int cut_waiter(void *arg)
{
    ck_err(proa_process_wait(arg, NULL), PROA_ECANCELED);
    return 0;
}

BODY(aio_proc_08_a_cancelled_wait_leaves_it_alone)
{
    PROA_AUTO(proa_process) *p = shell("read line; exit 3",
                                       PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE));
    struct proa_task_ref t;

    (void)arg;
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, &t, cut_waiter, p, NULL));
        ck_ok(proa_yield());
        ck_ok(proa_task_cancel(t));
        ck_ok(proa_group_join(&g));
    }
    ck_assert(!proa_process_is_done(p, NULL));
    ck_ok(proa_shutdown(proa_process_input(p)));
    ck_assert_int_eq(wait_code(p), 3);
    return 0;
}
RUN(aio_proc_08_a_cancelled_wait_leaves_it_alone)

BODY(aio_proc_12_wait_is_about_the_process_alone)
{
    PROA_AUTO(proa_process) *p = shell("(trap '' HUP; exec sleep 1000) & exit 4",
                                       PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .group = true));
    char c;

    (void)arg;
    ck_assert_int_eq(wait_code(p), 4); /* though its child ... */
    ck_err(PROA_WITHIN(50 * PROA_MS, proa_read(proa_process_output(p), &c, 1)),
           PROA_ETIMEDOUT); /* ... holds the pipe */
    return 0;
}
RUN(aio_proc_12_wait_is_about_the_process_alone)

BODY(one_that_others_reaped_is_unknown)
{
    PROA_AUTO(proa_process) *p = shell("read line", PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE));
    struct proa_exit e = {-2, -2};

    (void)arg;
    ck_ok(proa_shutdown(proa_process_input(p)));
    ck_assert_int_eq(waitpid(proa_process_pid(p), NULL, 0), proa_process_pid(p));
    ck_err(proa_process_wait(p, &e), PROA_ECHILD);
    ck_err(proa_process_wait(p, &e), PROA_ECHILD);
    ck_assert(proa_process_is_done(p, &e));
    ck_assert_int_eq(e.code, -2); /* not written */
    return 0;
}
RUN(one_that_others_reaped_is_unknown)

/* The system reaps them itself then: before we could look at it, or while we wait. */
BODY(without_sigchld_an_end_is_unknown)
{
    (void)arg;
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 50; i++) {
        PROA_AUTO(proa_process) *p = shell("exit 3", NULL);

        ck_err(proa_process_wait(p, NULL), PROA_ECHILD);
        ck_err(proa_process_signal(p, SIGTERM), PROA_ESRCH);
    }
    return 0;
}
RUN(without_sigchld_an_end_is_unknown)

/* ---- signals */

BODY(signals_arrive)
{
    PROA_AUTO(proa_process) *p = shell(
        "trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done",
        PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE));

    (void)arg;
    expect_line(p, "ready");
    ck_ok(proa_process_signal(p, 0)); /* only looks */
    ck_err(proa_process_signal(p, 999), PROA_EINVAL);
    ck_ok(proa_process_signal(p, SIGUSR1));
    ck_assert_int_eq(wait_code(p), 9);
    return 0;
}
RUN(signals_arrive)

BODY(aio_proc_09_a_signal_after_the_end_is_refused)
{
    PROA_AUTO(proa_process) *p = shell("exit 0", NULL);

    (void)arg;
    ck_assert_int_eq(wait_code(p), 0);
    ck_err(proa_process_signal(p, SIGTERM), PROA_ESRCH);
    return 0;
}
RUN(aio_proc_09_a_signal_after_the_end_is_refused)

BODY(a_signal_for_a_group_is_for_its_children_too)
{
    PROA_AUTO(proa_process) *p = shell(
        "sh -c 'trap \"echo child; exit 0\" USR1; echo ready; while :; do sleep 0.01; done' & "
        "trap : USR1; wait; wait",
        PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .group = true));

    (void)arg;
    expect_line(p, "ready");
    ck_ok(proa_process_signal(p, SIGUSR1));
    expect_line(p, "child");
    return 0;
}
RUN(a_signal_for_a_group_is_for_its_children_too)

/* ---- free */

BODY(aio_proc_11_free_ends_what_runs)
{
    pid_t pid;

    (void)arg;
    {
        PROA_AUTO(proa_process) *p = shell("exec sleep 1000", NULL);
        pid = proa_process_pid(p);
        ck_assert(!gone(pid));
    }
    ck_assert(gone(pid));
    proa_process_free(NULL);
    return 0;
}
RUN(aio_proc_11_free_ends_what_runs)

BODY(one_that_ignores_sigterm_is_killed)
{
    pid_t pid;

    (void)arg;
    {
        PROA_AUTO(proa_process) *p = shell(
            "trap '' TERM; echo ready; while :; do sleep 0.01; done",
            PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .grace = 20 * PROA_MS));

        expect_line(p, "ready");
        pid = proa_process_pid(p);
    }
    ck_assert(gone(pid));
    return 0;
}
RUN(one_that_ignores_sigterm_is_killed)

/* What it does on SIGTERM is seen in a file that outlives it. */
static bool saw_sigterm(int64_t grace, bool cancelled)
{
    int ends[2];
    char c;
    ssize_t n;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    {
        PROA_SCOPE(scope);
        PROA_AUTO(proa_process) *p = shell(
            "trap 'echo >&3; exit 0' TERM; echo ready; while :; do sleep 0.01; done",
            PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .grace = grace, .fds = &ends[1],
                              .n_fds = 1));

        expect_line(p, "ready");
        if (cancelled)
            proa_scope_cancel(&scope);
    }
    n = read(ends[0], &c, 1);
    close(ends[0]);
    close(ends[1]);
    return n == 1;
}

BODY(it_may_end_in_its_own_way)
{
    (void)arg;
    ck_assert(saw_sigterm(0, false));
    ck_assert(saw_sigterm(0, true));
    return 0;
}
RUN(it_may_end_in_its_own_way)

BODY(negative_grace_kills_at_once)
{
    (void)arg;
    ck_assert(!saw_sigterm(-1, false));
    return 0;
}
RUN(negative_grace_kills_at_once)

static pid_t cancelled_pid;

static int owner(void *arg)
{
    PROA_AUTO(proa_process) *p = shell(
        "trap '' TERM; echo ready; while :; do sleep 0.01; done",
        PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .grace = 20 * PROA_MS));

    (void)arg;
    expect_line(p, "ready");
    cancelled_pid = proa_process_pid(p);
    return proa_process_wait(p, NULL);
}

BODY(aio_proc_05_a_cancelled_owner_leaves_no_child)
{
    (void)arg;
    {
        struct proa_task_ref t;
        PROA_GROUP(g);

        ck_ok(proa_create_task_opts(&g, &t, owner, NULL, NULL));
        while (!cancelled_pid)
            ck_ok(proa_sleep(PROA_MS));
        ck_ok(proa_task_cancel(t));
        ck_err(proa_task_join(t), PROA_ETASKCANCELED);
    }
    ck_assert(gone(cancelled_pid));
    return 0;
}
RUN(aio_proc_05_a_cancelled_owner_leaves_no_child)

BODY(aio_proc_18_a_run_that_ends_ends_them_too)
{
    (void)arg;
    ck_ok(proa_create_task(NULL, owner, NULL));
    while (!cancelled_pid)
        ck_ok(proa_sleep(PROA_MS));
    return 0;
}
START_TEST(aio_proc_18_a_run_that_ends_ends_them_too)
{
    ck_ok(proa_run(aio_proc_18_a_run_that_ends_ends_them_too_body, NULL, NULL));
    ck_assert(gone(cancelled_pid));
}
END_TEST

BODY(a_group_takes_its_children_along)
{
    struct proa_str line;
    pid_t child, leader;

    (void)arg;
    {
        PROA_AUTO(proa_process) *p = shell(
            "sleep 1000 >/dev/null & echo $!; exit 0",
            PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .group = true));
        char text[20] = "";

        ck_assert_int_eq(ck_ok(proa_read_line(proa_process_output(p), &line, 19)), 1);
        memcpy(text, line.p, line.n);
        child = (pid_t)atoi(text);
        ck_assert_int_eq(wait_code(p), 0);
        ck_assert(!gone(child));
        leader = proa_process_pid(p);
        ck_assert(!gone(leader)); /* the number of its group is not given away */
    }
    ck_assert(gone(leader));
    for (int i = 0; !gone(child) && i < 2000; i++) { /* its new parent must reap it first */
        char path[40], state[60] = "";
        int fd;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
        fd = open(path, O_RDONLY);
        if (fd < 0 || read(fd, state, sizeof state - 1) < 0 || strstr(state, ") Z"))
            i = 2000;
        if (fd >= 0)
            close(fd);
        proa_sleep(PROA_MS);
    }
    return 0;
}
RUN(a_group_takes_its_children_along)

static void leave_one(bool group)
{
    PROA_AUTO(proa_stream) *s = NULL;
    struct proa_str line;
    pid_t pid = 0;
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_ok(proa_stream_from_fd(&s, ends[0]));
    {
        PROA_AUTO(proa_process) *p = shell("read line; echo still here",
                                           PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE,
                                                             .output = PROA_STDIO_FD(ends[1]),
                                                             .leave = true, .group = group));
        pid = proa_process_pid(p);
        close(ends[1]);
        ck_assert(!gone(pid));
    }
    ck_assert_int_eq(ck_ok(proa_read_line(s, &line, 100)), 1);
    ck_str_eq(line, "still here");
    while (!gone(pid)) /* a zombie would not be */
        ck_ok(proa_sleep(PROA_MS));
}

BODY(one_that_is_left_runs_on_and_is_reaped)
{
    (void)arg;
    leave_one(false);
    leave_one(true);
    return 0;
}
RUN(one_that_is_left_runs_on_and_is_reaped)

BODY(one_that_is_left_may_outlive_the_loop)
{
    pid_t *pid = arg;
    PROA_AUTO(proa_process) *p = shell("exec sleep 1000",
                                       PROA_PROCESS_OPTS(.leave = true, .output = PROA_STDIO_NULL));

    *pid = proa_process_pid(p);
    return 0;
}
START_TEST(one_that_is_left_may_outlive_the_loop)
{
    pid_t pid;

    t_run(one_that_is_left_may_outlive_the_loop_body, &pid);
    ck_assert(!gone(pid));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

BODY(free_under_a_waiter)
{
    struct proa_process *p = shell("exec sleep 1000", NULL);
    pid_t pid = proa_process_pid(p);
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_create_task(&g, waiter, p));
    ck_ok(proa_yield());
    kill(pid, SIGKILL); /* the abort leaves nothing behind */
    proa_process_free(p);
    return 0;
}
START_TEST(free_under_a_waiter_is_a_mistake)
{
    t_run_aborts(free_under_a_waiter_body, NULL, "a task still waits for process");
}
END_TEST

/* ---- faults */

static int whole(void *arg)
{
    PROA_AUTO(proa_process) *p = NULL;
    int rc = proa_process_shell(&p, "exit 5",
                                PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE,
                                                  .output = PROA_STDIO_PIPE,
                                                  .error = PROA_STDIO_PIPE));
    struct proa_exit e;

    (void)arg;
    if (rc < 0)
        return rc;
    rc = proa_process_wait(p, &e);
    if (rc == 0)
        ck_assert_int_eq(e.code, 5);
    return rc;
}
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(whole, NULL);
}
END_TEST
START_TEST(it_may_be_cancelled_wherever_it_waits)
{
    t_each_park(whole, NULL);
}
END_TEST

int main(void)
{
    return t_main("process_end", (const TTest *const[]){
                                     aio_proc_08_all_who_wait_get_the_code,
                                     aio_proc_08_a_cancelled_wait_leaves_it_alone,
                                     aio_proc_12_wait_is_about_the_process_alone,
                                     one_that_others_reaped_is_unknown,
                                     without_sigchld_an_end_is_unknown,
                                     signals_arrive,
                                     aio_proc_09_a_signal_after_the_end_is_refused,
                                     a_signal_for_a_group_is_for_its_children_too,
                                     aio_proc_11_free_ends_what_runs,
                                     one_that_ignores_sigterm_is_killed,
                                     it_may_end_in_its_own_way,
                                     negative_grace_kills_at_once,
                                     aio_proc_05_a_cancelled_owner_leaves_no_child,
                                     aio_proc_18_a_run_that_ends_ends_them_too,
                                     a_group_takes_its_children_along,
                                     one_that_is_left_runs_on_and_is_reaped,
                                     one_that_is_left_may_outlive_the_loop,
                                     free_under_a_waiter_is_a_mistake,
                                     each_allocation_may_fail,
                                     it_may_be_cancelled_wherever_it_waits,
                                     NULL,
                                 });
}
