#include "support/t_run.h"

#include <proa/group.h>
#include <proa/process.h>
#include <proa/scope.h>
#include <proa/stream.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)
#define ALL_PIPES                                                                                  \
    PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE, .output = PROA_STDIO_PIPE, .error = PROA_STDIO_PIPE)

static const char *const cat[] = {"cat", NULL};
static const char *const tee[] = {"tee", "/dev/stderr", NULL};

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(name##_body, NULL);                                                                  \
    }                                                                                              \
    END_TEST

/* More than any pipe holds, and no two parts alike. */
static char *big_text(size_t n)
{
    char *text = malloc(n + 1);

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i * i / 7 % 26);
    text[n] = '\0';
    return text;
}

BODY(aio_proc_02_much_goes_both_ways_without_standstill)
{
    const size_t n = 700000;
    char *text = big_text(n);
    PROA_AUTO(proa_buf) out = {.limit = LIMIT};
    PROA_AUTO(proa_buf) err = {.limit = LIMIT};
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_run(tee, proa_str_make(text, n), &out, &err, &e, NULL));
    ck_assert_int_eq(e.code, 0);
    ck_assert_uint_eq(out.n, n);
    ck_assert_int_eq(memcmp(out.p, text, n), 0);
    ck_assert_uint_eq(err.n, n);
    ck_assert_int_eq(memcmp(err.p, text, n), 0);
    free(text);
    return 0;
}
RUN(aio_proc_02_much_goes_both_ways_without_standstill)

BODY(aio_proc_03_a_child_that_reads_nothing_is_no_error)
{
    const char *argv[] = {"sh", "-c", "exec <&-; echo done; exit 6", NULL};
    const size_t n = 700000;
    char *text = big_text(n);
    PROA_AUTO(proa_buf) out = {.limit = LIMIT};
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_run(argv, proa_str_make(text, n), &out, NULL, &e, NULL));
    ck_assert_int_eq(e.code, 6);
    ck_str_eq(proa_buf_str(&out), "done\n");
    free(text);
    return 0;
}
RUN(aio_proc_03_a_child_that_reads_nothing_is_no_error)

BODY(aio_proc_03_a_plain_write_tells)
{
    PROA_AUTO(proa_process) *p = NULL;
    ssize_t rc = 0;

    (void)arg;
    ck_ok(proa_process_shell(&p, "exec <&-; exit 6", PROA_PROCESS_OPTS(.input = PROA_STDIO_PIPE)));
    ck_ok(proa_process_wait(p, NULL));
    rc = proa_write(proa_process_input(p), "x", 1, NULL);
    ck_assert_int_eq(rc, PROA_EPIPE);
    return 0;
}
RUN(aio_proc_03_a_plain_write_tells)

BODY(aio_proc_04_no_input_ends_the_input)
{
    PROA_AUTO(proa_buf) out = {.limit = LIMIT};
    PROA_AUTO(proa_process) *p = NULL;
    struct proa_exit e;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        const struct proa_str none = i ? PROA_STR("") : (struct proa_str){0};

        ck_ok(proa_process_start(&p, cat, ALL_PIPES));
        ck_ok(proa_process_communicate(p, none, &out, NULL, &e));
        ck_assert_int_eq(e.code, 0);
        ck_assert_uint_eq(out.n, 0);
        proa_process_free(p);
        p = NULL;
    }
    return 0;
}
RUN(aio_proc_04_no_input_ends_the_input)

/* It says ten bytes, and ends when told to. */
BODY(aio_proc_06_what_came_before_a_cancel_is_kept)
{
    PROA_AUTO(proa_buf) out = {.limit = LIMIT};
    PROA_AUTO(proa_process) *p = NULL;
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_shell(
        &p, "trap 'exit 3' USR1; printf 0123456789; while :; do sleep 0.01; done", ALL_PIPES));
    while (out.n == 0) {
        PROA_TIMEOUT(t, 10 * PROA_MS);
        ck_err(proa_process_communicate(p, PROA_STR(""), &out, NULL, &e), PROA_ECANCELED);
        ck_err(proa_timeout_result(&t, PROA_ECANCELED), PROA_ETIMEDOUT);
    }
    ck_ok(proa_process_signal(p, SIGUSR1));
    ck_ok(proa_process_communicate(p, PROA_STR(""), &out, NULL, &e));
    ck_assert_int_eq(e.code, 3);
    ck_str_eq(proa_buf_str(&out), "0123456789");
    return 0;
}
RUN(aio_proc_06_what_came_before_a_cancel_is_kept)

/* The input is larger than the pipe and the child reads it when told to: the first call is cut in
 * the middle of it. */
BODY(input_goes_on_where_it_stopped)
{
    const size_t n = 700000;
    char *text = big_text(n);
    PROA_AUTO(proa_buf) out = {.limit = LIMIT};
    PROA_AUTO(proa_process) *p = NULL;
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_shell(&p, "trap 'exec cat' USR1; echo ready; while :; do sleep 0.01; done",
                             ALL_PIPES));
    while (out.n == 0) { /* until it is ready */
        PROA_TIMEOUT(t, 10 * PROA_MS);
        ck_err(proa_process_communicate(p, proa_str_make(text, n), &out, NULL, &e), PROA_ECANCELED);
        ck_err(proa_timeout_result(&t, PROA_ECANCELED), PROA_ETIMEDOUT);
    }
    ck_ok(proa_process_signal(p, SIGUSR1));
    ck_ok(proa_process_communicate(p, proa_str_make(text, n), &out, NULL, &e));
    ck_assert_uint_eq(out.n, 6 + n);
    ck_assert_int_eq(memcmp(out.p, "ready\n", 6), 0);
    ck_assert_int_eq(memcmp(out.p + 6, text, n), 0);
    free(text);
    return 0;
}
RUN(input_goes_on_where_it_stopped)

static int with_limit(size_t limit)
{
    PROA_AUTO(proa_buf) out = {.limit = limit};
    struct proa_exit e;
    int rc = proa_process_run(cat, PROA_STR("0123456789"), &out, NULL, &e, NULL);

    ck_str_eq(proa_buf_str(&out), limit < 10 ? "012345678" : "0123456789");
    return rc;
}

BODY(output_at_its_limit_is_whole)
{
    (void)arg;
    ck_ok(with_limit(10));
    return 0;
}
RUN(output_at_its_limit_is_whole)

BODY(output_over_its_limit_is_refused)
{
    (void)arg;
    ck_err(with_limit(9), PROA_EMSGSIZE);
    return 0;
}
RUN(output_over_its_limit_is_refused)

BODY(with_a_larger_buffer_nothing_is_missing)
{
    PROA_AUTO(proa_buf) out = {.limit = 4};
    PROA_AUTO(proa_process) *p = NULL;

    (void)arg;
    ck_ok(proa_process_start(&p, cat, ALL_PIPES));
    ck_err(proa_process_communicate(p, PROA_STR("0123456789"), &out, NULL, NULL), PROA_EMSGSIZE);
    out.limit = 10;
    ck_ok(proa_process_communicate(p, PROA_STR("0123456789"), &out, NULL, NULL));
    ck_str_eq(proa_buf_str(&out), "0123456789");
    return 0;
}
RUN(with_a_larger_buffer_nothing_is_missing)

/* aio_proc_14: who reads nothing is not flooded; the pipe's room is all there is. Once it is read
 * the child goes on. */
BODY(aio_proc_14_output_nobody_reads_stops_the_child)
{
    PROA_AUTO(proa_process) *p = NULL;
    static char part[16384];
    size_t n = 0;
    ssize_t got;

    (void)arg;
    ck_ok(proa_process_shell(&p, "head -c 700000 /dev/zero; echo done >&2", ALL_PIPES));
    n = (size_t)ck_ok(proa_read(proa_process_output(p), part, 1));
    ck_err(PROA_WITHIN(100 * PROA_MS, proa_read(proa_process_error(p), part, 4)), PROA_ETIMEDOUT);
    while ((got = ck_ok(proa_read(proa_process_output(p), part, sizeof part))) > 0)
        n += (size_t)got;
    ck_assert_uint_eq(n, 700000);
    ck_ok(proa_read_exact(proa_process_error(p), part, 5, NULL));
    ck_assert_int_eq(memcmp(part, "done\n", 5), 0);
    return proa_process_wait(p, NULL);
}
RUN(aio_proc_14_output_nobody_reads_stops_the_child)

BODY(output_without_a_buffer_is_dropped)
{
    PROA_AUTO(proa_process) *p = NULL;
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_shell(&p, "head -c 700000 /dev/zero; head -c 700000 /dev/zero >&2",
                             ALL_PIPES));
    ck_ok(proa_process_communicate(p, PROA_STR(""), NULL, NULL, &e));
    ck_assert_int_eq(e.code, 0);
    return 0;
}
RUN(output_without_a_buffer_is_dropped)

BODY(input_without_a_pipe_is_refused)
{
    PROA_AUTO(proa_process) *p = NULL;
    struct proa_exit e;

    (void)arg;
    ck_ok(proa_process_shell(&p, "exit 0", PROA_PROCESS_OPTS(.input = PROA_STDIO_NULL)));
    ck_err(proa_process_communicate(p, PROA_STR("x"), NULL, NULL, &e), PROA_EINVAL);
    ck_ok(proa_process_communicate(p, PROA_STR(""), NULL, NULL, &e));
    return 0;
}
RUN(input_without_a_pipe_is_refused)

static int reader(void *arg)
{
    char c;

    return (int)proa_read(arg, &c, 1);
}

BODY(a_pipe_that_another_task_reads_is_busy)
{
    PROA_AUTO(proa_process) *p = NULL;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_process_start(&p, cat, ALL_PIPES));
    ck_ok(proa_create_task(&g, reader, proa_process_output(p)));
    ck_ok(proa_yield());
    ck_err(proa_process_communicate(p, PROA_STR(""), NULL, NULL, NULL), PROA_EBUSY);
    proa_group_cancel(&g);
    ck_ok(proa_group_join(&g));
    return 0;
}
RUN(a_pipe_that_another_task_reads_is_busy)

static int whole(void *arg)
{
    PROA_AUTO(proa_buf) out = {.limit = LIMIT};
    PROA_AUTO(proa_buf) err = {.limit = LIMIT};
    struct proa_exit e;
    int rc = proa_process_run(tee, PROA_STR("some words"), &out, &err, &e, NULL);

    (void)arg;
    if (rc == 0) {
        ck_str_eq(proa_buf_str(&out), "some words");
        ck_str_eq(proa_buf_str(&err), "some words");
    }
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
    return t_main("communicate", (const TTest *const[]){
                                     aio_proc_02_much_goes_both_ways_without_standstill,
                                     aio_proc_03_a_child_that_reads_nothing_is_no_error,
                                     aio_proc_03_a_plain_write_tells,
                                     aio_proc_04_no_input_ends_the_input,
                                     aio_proc_06_what_came_before_a_cancel_is_kept,
                                     input_goes_on_where_it_stopped,
                                     output_at_its_limit_is_whole,
                                     output_over_its_limit_is_refused,
                                     with_a_larger_buffer_nothing_is_missing,
                                     aio_proc_14_output_nobody_reads_stops_the_child,
                                     output_without_a_buffer_is_dropped,
                                     input_without_a_pipe_is_refused,
                                     a_pipe_that_another_task_reads_is_busy,
                                     each_allocation_may_fail,
                                     it_may_be_cancelled_wherever_it_waits,
                                     NULL,
                                 });
}
