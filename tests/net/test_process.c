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

/* ---- start */

BODY(its_exit_code_is_told)
{
    PROA_AUTO(proa_process) *p = shell("exit 7", NULL);
    struct proa_exit e;

    (void)arg;
    ck_assert_int_eq(wait_code(p), 7);
    ck_assert_int_eq(wait_code(p), 7); /* any number of times */
    ck_assert(proa_process_is_done(p, &e));
    ck_assert_int_eq(e.code, 7);
    ck_assert_int_eq(e.signal, 0);
    return 0;
}
RUN(its_exit_code_is_told)

BODY(a_signal_that_ended_it_is_told)
{
    PROA_AUTO(proa_process) *p = shell("kill -9 $$", NULL);
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_wait(p, &e));
    ck_assert_int_eq(e.code, -1);
    ck_assert_int_eq(e.signal, SIGKILL);
    return 0;
}
RUN(a_signal_that_ended_it_is_told)

BODY(aio_proc_01_a_missing_program_is_not_found)
{
    const char *argv[] = {"no-such-program-here", NULL};
    struct proa_process *p = NULL;

    (void)arg;
    ck_err(proa_process_start(&p, argv,
                              PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE, .output = PROA_STDIO_PIPE,
                                                .error = PROA_STDIO_PIPE)),
           PROA_ENOENT);
    ck_assert_ptr_null(p);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_ENOENT), "no-such-program-here"));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no zombie; pipes: t_run looks */
    ck_assert_int_eq(errno, ECHILD);
    return 0;
}
RUN(aio_proc_01_a_missing_program_is_not_found)

BODY(a_missing_directory_is_named)
{
    const char *argv[] = {"sh", "-c", "exit 0", NULL};
    struct proa_process *p = NULL;

    (void)arg;
    ck_err(proa_process_start(&p, argv, PROA_PROCESS_OPTS(.cwd = "/no/such/place")), PROA_ENOENT);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_ENOENT), "/no/such/place"));
    return 0;
}
RUN(a_missing_directory_is_named)

BODY(what_makes_no_sense_is_refused)
{
    const char *none[] = {NULL}, *empty[] = {"", NULL}, *sh[] = {"sh", NULL};
    struct proa_process *p = NULL;
    int fds[65] = {0};

    (void)arg;
    ck_err(proa_process_start(&p, NULL, NULL), PROA_EINVAL);
    ck_err(proa_process_start(&p, none, NULL), PROA_EINVAL);
    ck_err(proa_process_start(&p, empty, NULL), PROA_EINVAL);
    ck_err(proa_process_shell(&p, NULL, NULL), PROA_EINVAL);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.input = PROA_STDIO_OUTPUT)), PROA_EINVAL);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.output = PROA_STDIO_OUTPUT)), PROA_EINVAL);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.error = 15)), PROA_EINVAL);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.error = -1)), PROA_EINVAL);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.input = PROA_STDIO_FD(9999))), PROA_EBADF);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.fds = fds, .n_fds = 65)), PROA_EINVAL);
    ck_err(proa_process_start(&p, sh, PROA_PROCESS_OPTS(.n_fds = 1)), PROA_EINVAL);
    return 0;
}
RUN(what_makes_no_sense_is_refused)

BODY(as_many_descriptors_as_allowed_are_passed)
{
    const char *argv[] = {"sh", "-c", "test -e /proc/self/fd/66 && ! test -e /proc/self/fd/67",
                          NULL};
    PROA_AUTO(proa_process) *p = NULL;
    int fds[64] = {0};

    (void)arg;
    ck_ok(proa_process_start(&p, argv, PROA_PROCESS_OPTS(.fds = fds, .n_fds = 64)));
    ck_assert_int_eq(wait_code(p), 0);
    return 0;
}
RUN(as_many_descriptors_as_allowed_are_passed)

BODY(aio_proc_19_session_environment_and_directory_are_honoured)
{
    const char *env[] = {"COLOUR=blue", "PATH=/usr/bin:/bin", NULL};
    PROA_AUTO(proa_process) *p = shell(
        "test \"$COLOUR\" = blue && test -z \"$HOME\" && test \"$(pwd)\" = / && "
        "test \"$(cut -d ' ' -f 6 /proc/$$/stat)\" = $$",
        PROA_PROCESS_OPTS(.env = env, .cwd = "/", .new_session = true));

    (void)arg;
    setenv("HOME", "/somewhere", 1);
    ck_assert_int_eq(wait_code(p), 0);
    return 0;
}
RUN(aio_proc_19_session_environment_and_directory_are_honoured)

BODY(aio_proc_15_it_gets_no_descriptors_but_its_own)
{
    int leaky = fcntl(0, F_DUPFD, 40); /* one that a program forgot to mark */
    int ends[2], fds[2];
    char text[3] = "";

    (void)arg;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    fds[0] = leaky;
    fds[1] = ends[1];
    {
        PROA_AUTO(proa_process) *other = shell("read line",
                                               PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE));
        PROA_AUTO(proa_process) *p = shell(
            "echo ok >&4; exec ls /proc/self/fd",
            PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .fds = fds, .n_fds = 2));
        PROA_AUTO(proa_buf) out = {.limit = 1000};

        ck_ok(proa_process_communicate(p, PROA_STR(""), &out, NULL, NULL));
        ck_str_eq(proa_buf_str(&out), "0\n1\n2\n3\n4\n5\n"); /* 5 is that of ls itself */
        proa_process_signal(other, SIGTERM);
    }
    ck_assert_int_eq(read(ends[0], text, 2), 2);
    ck_assert_str_eq(text, "ok");
    close(ends[0]);
    close(ends[1]);
    close(leaky);
    return 0;
}
RUN(aio_proc_15_it_gets_no_descriptors_but_its_own)

/* The places of the child are numbers that stand for something else here. */
BODY(descriptors_change_places_without_loss)
{
    int a[2], b[2], fds[20];
    char text[11] = "";

    (void)arg;
    ck_assert_int_eq(pipe2(a, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(b, O_CLOEXEC), 0);
    ck_assert_int_lt(b[1], 3 + 20);
    for (int i = 0; i < 20; i++)
        fds[i] = i % 2 ? b[1] : a[1];
    {
        PROA_AUTO(proa_process) *p = shell(
            "for i in 3 5 7 9 11 13 15 17 19 21; do printf a >/proc/self/fd/$i; done;"
            "for i in 4 6 8 10 12 14 16 18 20 22; do printf b >/proc/self/fd/$i; done",
            PROA_PROCESS_OPTS(.fds = fds, .n_fds = 20));

        ck_assert_int_eq(wait_code(p), 0);
    }
    ck_assert_int_eq(read(a[0], text, 10), 10);
    ck_assert_str_eq(text, "aaaaaaaaaa");
    ck_assert_int_eq(read(b[0], text, 10), 10);
    ck_assert_str_eq(text, "bbbbbbbbbb");
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    return 0;
}
RUN(descriptors_change_places_without_loss)

/* A daemon's children: the lowest numbers are free here. */
BODY(a_program_without_standard_descriptors_starts_others)
{
    int ends[2], old[2];
    char text[6] = "";

    (void)arg;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < 2; i++) {
        old[i] = fcntl(i, F_DUPFD_CLOEXEC, 30);
        close(i);
    }
    {
        PROA_AUTO(proa_process) *p = shell(
            "read line; echo hello",
            PROA_PROCESS_OPTS(.input = PROA_STDIO_NULL, .output = PROA_STDIO_FD(ends[1])));

        ck_assert_int_eq(wait_code(p), 0);
    }
    for (int i = 0; i < 2; i++) {
        dup2(old[i], i);
        close(old[i]);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], text, 6), 6);
    close(ends[0]);
    ck_assert_int_eq(memcmp(text, "hello\n", 6), 0);
    return 0;
}
RUN(a_program_without_standard_descriptors_starts_others)

BODY(error_goes_where_output_goes)
{
    PROA_AUTO(proa_process) *p = shell(
        "echo one; echo two >&2",
        PROA_PROCESS_OPTS(.output = PROA_STDIO_PIPE, .error = PROA_STDIO_OUTPUT));

    (void)arg;
    ck_assert_ptr_null(proa_process_error(p));
    expect_line(p, "one");
    expect_line(p, "two");
    return 0;
}
RUN(error_goes_where_output_goes)

BODY(nowhere_is_dev_null)
{
    PROA_AUTO(proa_process) *p = shell(
        "for i in 0 1 2; do test /dev/null -ef /proc/self/fd/$i || exit 1; done",
        PROA_PROCESS_OPTS(.input = PROA_STDIO_NULL, .output = PROA_STDIO_NULL,
                          .error = PROA_STDIO_NULL));

    (void)arg;
    ck_assert_int_eq(wait_code(p), 0);
    return 0;
}
RUN(nowhere_is_dev_null)

/* The program's mask and handlers are not the child's business. */
BODY(it_starts_with_all_signals_as_usual)
{
    sigset_t set;

    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGUSR1, SIG_IGN);
    {
        PROA_AUTO(proa_process) *p = shell("kill -USR1 $$; exit 1", NULL);
        struct proa_exit e;

        ck_ok(proa_process_wait(p, &e));
        ck_assert_int_eq(e.signal, SIGUSR1);
    }
    return 0;
}
RUN(it_starts_with_all_signals_as_usual)

int main(void)
{
    return t_main("process", (const TTest *const[]){
                                 its_exit_code_is_told,
                                 a_signal_that_ended_it_is_told,
                                 aio_proc_01_a_missing_program_is_not_found,
                                 a_missing_directory_is_named,
                                 what_makes_no_sense_is_refused,
                                 as_many_descriptors_as_allowed_are_passed,
                                 aio_proc_19_session_environment_and_directory_are_honoured,
                                 aio_proc_15_it_gets_no_descriptors_but_its_own,
                                 descriptors_change_places_without_loss,
                                 a_program_without_standard_descriptors_starts_others,
                                 error_goes_where_output_goes,
                                 nowhere_is_dev_null,
                                 it_starts_with_all_signals_as_usual,
                                 NULL,
                             });
}
