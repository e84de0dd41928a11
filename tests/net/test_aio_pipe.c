/*
 * Pipes, FIFOs and terminals as streams, by the cases of asyncio's pipe transports.
 */

#include "net/carrier.h"
#include "net/fd_stream.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/fd.h>
#include <proa/group.h>
#include <proa/process.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/unix.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run_modes(name##_body, NULL);                                                            \
    }                                                                                              \
    END_TEST

static struct proa_stream *w, *r;

static void close_both(void)
{
    proa_stream_free(r);
    proa_stream_free(w);
    r = w = NULL;
}

struct call {
    int rc;
    size_t done;
    bool over;
};

static int write_more_than_fits(void *arg)
{
    static const char bytes[1 << 20];
    struct call *c = arg;

    c->rc = proa_write(w, bytes, sizeof bytes, &c->done);
    c->over = true;
    return 0;
}

static void until_parked(struct stream_turn *const *slot)
{
    while (!*slot)
        proa_yield();
    proa_yield();
}

BODY(aio_pipe_01_the_writers_end_is_the_readers_eof)
{
    (void)arg;
    ck_ok(proa_pipe(&r, &w));
    carrier_say(w, "last");
    ck_ok(proa_close(w));
    w = NULL;
    carrier_expect(r, "last");
    carrier_expect_end(r);
    ck_assert(proa_at_eof(r));
    close_both();
    return 0;
}
RUN(aio_pipe_01_the_writers_end_is_the_readers_eof)

BODY(aio_pipe_01_the_readers_end_is_told_to_a_waiting_writer)
{
    struct call c = {0};

    (void)arg;
    ck_ok(proa_pipe(&r, &w));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, write_more_than_fits, &c));
    until_parked(&w->writer);
    proa_stream_free(r);
    r = NULL;
    ck_ok(proa_group_join(&g));
    ck_err(c.rc, PROA_EPIPE);
    ck_assert_uint_gt(c.done, 0);
    close_both();
    return 0;
}
RUN(aio_pipe_01_the_readers_end_is_told_to_a_waiting_writer)

/* One that writes nothing may wait for the end too. */
static int wait_for_loss(void *arg)
{
    struct call *c = arg;

    c->rc = proa__stream_wait(w, STREAM_READ);
    c->over = true;
    return 0;
}

BODY(aio_pipe_01_the_readers_end_is_told_to_who_waits_for_it)
{
    struct call c = {.rc = 1};

    (void)arg;
    ck_ok(proa_pipe(&r, &w));
    ck_assert_uint_ne(proa__stream_bits(w) & STREAM_READ, 0);
    io_clear(&((struct fd_stream *)w)->io, IO_READ); /* as after an attempt */
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_loss, &c));
    until_parked(&w->reader);
    proa_stream_free(r);
    r = NULL;
    ck_ok(proa_group_join(&g));
    ck_ok(c.rc);
    ck_err(proa_write(w, "x", 1, NULL), PROA_EPIPE);
    close_both();
    return 0;
}
RUN(aio_pipe_01_the_readers_end_is_told_to_who_waits_for_it)

/* ---- terminals */

static int open_pty(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master) + unlockpt(master), 0);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(*slave, 0);
    ck_assert_int_eq(tcgetattr(*slave, &raw), 0);
    cfmakeraw(&raw);
    ck_assert_int_eq(tcsetattr(*slave, TCSANOW, &raw), 0);
    return master;
}

BODY(aio_pipe_02_a_terminals_other_side_closing_is_an_end)
{
    int slave, master = open_pty(&slave);

    (void)arg;
    ck_ok(proa_stream_from_fd(&r, master));
    ck_assert_int_eq(write(slave, "typed", 5), 5);
    carrier_expect(r, "typed");
    carrier_say(r, "shown");
    char shown[5];
    ck_assert_int_eq(read(slave, shown, 5), 5);
    ck_assert_int_eq(memcmp(shown, "shown", 5), 0);
    close(slave); /* reading the master is EIO from now on */
    carrier_expect_end(r);
    ck_assert(proa_at_eof(r));
    ck_err(proa_shutdown(r), PROA_EOPNOTSUPP);
    ck_ok(proa_close(r));
    r = NULL;
    return 0;
}
RUN(aio_pipe_02_a_terminals_other_side_closing_is_an_end)

static int read_line(void *arg)
{
    struct proa_str line;
    struct call *c = arg;

    c->rc = proa_read_line(r, &line, 100);
    c->over = true;
    return 0;
}

BODY(aio_pipe_02_a_waiting_reader_of_a_terminal_is_told)
{
    int slave, master = open_pty(&slave);
    struct call c = {.rc = 1};

    (void)arg;
    ck_ok(proa_stream_from_fd(&r, master));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, read_line, &c));
    until_parked(&r->reader);
    close(slave);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(c.rc, 0);
    close_both();
    return 0;
}
RUN(aio_pipe_02_a_waiting_reader_of_a_terminal_is_told)

/* ---- what has ended */

static void count(void *arg, unsigned dirs)
{
    (void)dirs;
    ++*(int *)arg;
}

/* asyncio drops writes after a loss, with a warning; here each fails. */
BODY(aio_pipe_03_interests_in_an_ended_pipe_have_no_effect)
{
    int told = 0;

    (void)arg;
    ck_ok(proa_pipe(&r, &w));
    ck_ok(proa_shutdown(w)); /* the descriptor is closed, the stream still there */
    carrier_expect_end(r);
    for (int i = 0; i < 2; i++) {
        proa__stream_notify(w, 0, NULL, NULL);
        proa__stream_notify(r, STREAM_READ, count, &told);
        proa__stream_notify(r, 0, NULL, NULL);
    }
    t_turns(2);
    ck_assert_int_eq(told, 0);
    carrier_expect_end(r);
    for (int i = 0; i < 7; i++)
        ck_err(proa_write(w, "x", 1, NULL), PROA_EPIPE);
    close_both();

    ck_ok(proa_pipe(&r, &w));
    proa_stream_free(r);
    r = NULL;
    for (int i = 0; i < 7; i++)
        ck_err(proa_write(w, "x", 1, NULL), PROA_EPIPE);
    close_both();
    return 0;
}
START_TEST(aio_pipe_03_interests_in_an_ended_pipe_have_no_effect)
{
    signal(SIGPIPE, SIG_DFL); /* it would end this process */
    t_run_modes(aio_pipe_03_interests_in_an_ended_pipe_have_no_effect_body, NULL);
}
END_TEST

/* ---- what is no pipe */

static void refused(const char *path, int flags, const char *why)
{
    struct proa_stream *s = NULL;
    int fd = open(path, flags | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_err(proa_stream_from_fd(&s, fd), PROA_EPERM);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EPERM), why));
    ck_assert_ptr_null(s);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0); /* and left as it was */
    ck_assert_int_eq(close(fd), 0);                       /* still the caller's */
}

BODY(aio_pipe_04_files_and_directories_are_refused)
{
    (void)arg;
    refused("/proc/self/exe", O_RDONLY, "is a file");
    refused("/", O_RDONLY | O_DIRECTORY, "is a directory");
    return 0;
}
RUN(aio_pipe_04_files_and_directories_are_refused)

/* A program whose input is nothing reads an end; what it writes goes nowhere. */
BODY(aio_pipe_04_the_null_device_is_a_stream)
{
    char c;

    (void)arg;
    ck_ok(proa_stream_from_fd(&r, open("/dev/null", O_RDWR | O_CLOEXEC)));
    ck_assert_int_ge(proa_stream_fd(r), 0);
    carrier_say(r, "to nobody");
    ck_ok(proa__stream_wait(r, STREAM_READ | STREAM_WRITE));
    carrier_expect_end(r);
    ck_ok(proa_close(r));

    ck_ok(proa_stream_from_fd(&r, open("/dev/zero", O_RDONLY | O_CLOEXEC)));
    ck_assert_int_eq(proa_read(r, &c, 1), 1);
    ck_assert_int_eq(c, 0);
    ck_ok(proa_close(r));
    ck_ok(proa_stream_from_fd(&w, open("/dev/full", O_WRONLY | O_CLOEXEC)));
    ck_err(proa_write(w, "x", 1, NULL), PROA_ENOSPC);
    ck_ok(proa_close(w));
    r = w = NULL;
    return 0;
}
RUN(aio_pipe_04_the_null_device_is_a_stream)

/* ---- what no case of asyncio's says */

/* As a program's own standard input and output are used. */
BODY(standard_input_and_output_are_streams)
{
    struct proa_stream *in, *out;
    int to[2], from[2];
    char got[6];

    (void)arg;
    int kept[2] = {fcntl(0, F_DUPFD_CLOEXEC, 10), fcntl(1, F_DUPFD_CLOEXEC, 10)};
    ck_assert_int_eq(pipe2(to, O_CLOEXEC) + pipe2(from, O_CLOEXEC), 0);
    ck_assert_int_eq(dup2(to[0], 0) + dup2(from[1], 1), 1);
    ck_ok(proa_stream_from_fd(&in, 0));
    ck_ok(proa_stream_from_fd(&out, 1));
    ck_assert_int_eq(write(to[1], "hello\n", 6), 6);
    struct proa_str line;
    ck_assert_int_eq(proa_read_line(in, &line, 10), 1);
    ck_ok(proa_write(out, line.p, line.n, NULL));
    ck_assert_int_eq(read(from[0], got, 6), 5);
    proa_stream_free(in);
    proa_stream_free(out);
    for (int i = 0; i < 2; i++) {
        close(to[i]);
        close(from[i]);
        dup2(kept[i], i);
        close(kept[i]);
    }
    return 0;
}
RUN(standard_input_and_output_are_streams)

/* ---- what is shared */

static bool blocks(int fd)
{
    return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* As the shell has it that started the program. */
BODY(a_terminal_goes_on_blocking_for_those_who_share_it)
{
    int slave, master = open_pty(&slave);
    int shells = dup(slave);
    char shown[5];

    (void)arg;
    ck_ok(proa_stream_from_fd(&r, slave));
    ck_assert_int_eq(proa_stream_fd(r), slave);
    ck_assert(blocks(shells) && !blocks(slave));
    ck_assert_int_eq(fcntl(slave, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(write(master, "typed", 5), 5);
    carrier_expect(r, "typed");
    carrier_say(r, "shown");
    ck_assert_int_eq(read(master, shown, 5), 5);
    ck_ok(proa_close(r));
    r = NULL;
    ck_assert(blocks(shells));
    close(shells);
    close(master);
    return 0;
}
RUN(a_terminal_goes_on_blocking_for_those_who_share_it)

BODY(a_pipe_goes_on_blocking_for_those_who_share_it)
{
    int ours[2], theirs[2];

    (void)arg;
    ck_assert_int_eq(pipe(ours), 0);
    for (int i = 0; i < 2; i++)
        theirs[i] = dup(ours[i]);
    ck_ok(proa_stream_from_fd(&r, ours[0]));
    ck_ok(proa_stream_from_fd(&w, ours[1]));
    for (int i = 0; i < 2; i++) {
        ck_assert(blocks(theirs[i]) && !blocks(ours[i]));
        ck_assert_int_eq(fcntl(ours[i], F_GETFD), 0);
        close(theirs[i]);
    }
    carrier_say(w, "there");
    carrier_expect(r, "there");
    ck_ok(proa_close(w));
    w = NULL;
    carrier_expect_end(r);
    close_both();
    return 0;
}
RUN(a_pipe_goes_on_blocking_for_those_who_share_it)

/* One end of a FIFO whose other side said `words` and left. */
static int open_left_fifo(int end, const char *words)
{
    char dir[] = "/tmp/proa-test-XXXXXX";
    char path[sizeof dir + 8];
    int n = (int)strlen(words);
    int both, fd;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/fifo", dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    both = open(path, O_RDWR | O_CLOEXEC);
    fd = open(path, end | O_CLOEXEC);
    ck_assert(both >= 0 && fd >= 0);
    ck_assert_int_eq(write(both, words, (size_t)n), n);
    close(both);
    unlink(path);
    rmdir(dir);
    return fd;
}

/* A FIFO that nobody reads cannot be opened for writing; what is said of it stays the same. */
BODY(a_pipe_that_cannot_be_opened_once_more_is_a_stream_all_the_same)
{
    int fd = open_left_fifo(O_WRONLY, "");

    (void)arg;
    ck_ok(proa_stream_from_fd(&w, fd));
    ck_assert(!blocks(fd));
    ck_err(proa_write(w, "x", 1, NULL), PROA_EPIPE);
    proa_stream_free(w);
    w = NULL;
    return 0;
}
RUN(a_pipe_that_cannot_be_opened_once_more_is_a_stream_all_the_same)

/* Who wrote has gone before it became a stream: the words are there, and the end. */
BODY(a_pipe_that_nobody_writes_any_more_keeps_its_end)
{
    int fd = open_left_fifo(O_RDONLY, "last");

    (void)arg;
    ck_ok(proa_stream_from_fd(&r, fd));
    ck_assert(!blocks(fd));
    carrier_expect(r, "last");
    carrier_expect_end(r);
    proa_stream_free(r);
    r = NULL;
    return 0;
}
RUN(a_pipe_that_nobody_writes_any_more_keeps_its_end)

static int wait_for_input(void *fd)
{
    return proa_wait_fd(*(int *)fd, PROA_READABLE);
}

BODY(a_descriptor_that_a_task_waits_for_is_left_as_it_is)
{
    int ends[2];

    (void)arg;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_for_input, &ends[0]));
    t_settle();
    ck_err(proa_stream_from_fd(&r, ends[0]), PROA_EBUSY);
    ck_assert(blocks(ends[0]));
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    ck_ok(proa_group_join(&g));
    close(ends[0]);
    close(ends[1]);
    return 0;
}
RUN(a_descriptor_that_a_task_waits_for_is_left_as_it_is)

BODY(a_pipe_needs_descriptors)
{
    struct proa_stream *x = NULL, *y = NULL;
    struct rlimit old, none;

    (void)arg;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_err(proa_pipe(&x, &y), PROA_EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert(!x && !y);
    return 0;
}
RUN(a_pipe_needs_descriptors)

BODY(round)
{
    struct proa_stream *in = NULL, *out = NULL;
    char buf[5];
    int rc = proa_pipe(&in, &out);

    (void)arg;
    if (rc == 0)
        rc = proa_write(out, "12345", 5, NULL);
    if (rc == 0)
        rc = proa_read_exact(in, buf, 5, NULL);
    if (rc == 0)
        rc = PROA_WITHIN(0, proa_read_exact(in, buf, 5, NULL));
    proa_stream_free(in);
    proa_stream_free(out);
    return rc == PROA_ETIMEDOUT ? 0 : rc;
}
START_TEST(a_pipe_survives_cancels_and_lack_of_memory)
{
    t_each_park(round_body, NULL);
    t_run_each_alloc(round_body, NULL);
}
END_TEST

/* Of the end that is read nothing can be closed but all of it; of the other, all is closed. */
BODY(only_the_end_that_is_written_has_a_half_close)
{
    struct proa_stream *in = NULL;
    struct proa_stream *out = NULL;
    char byte;

    (void)arg;
    ck_ok(proa_pipe(&in, &out));
    ck_err(proa_shutdown(in), PROA_EOPNOTSUPP);
    ck_ok(proa_write(out, "x", 1, NULL));
    ck_assert_int_eq(proa_read(in, &byte, 1), 1);
    ck_ok(proa_shutdown(out));
    ck_assert_int_eq(proa_stream_fd(out), -1);
    ck_assert_int_eq(proa_read(in, &byte, 1), 0);
    proa_stream_free(in);
    proa_stream_free(out);
    return 0;
}
RUN(only_the_end_that_is_written_has_a_half_close)

BODY(a_program_that_is_run_inherits_no_end_of_a_pipe)
{
    (void)arg;
    ck_ok(proa_pipe(&r, &w));
    ck_assert_int_eq(fcntl(proa_stream_fd(r), F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(proa_stream_fd(w), F_GETFD), FD_CLOEXEC);
    close_both();
    ck_ok(proa_unix_pair(&r, &w));
    ck_assert_int_eq(fcntl(proa_stream_fd(r), F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(proa_stream_fd(w), F_GETFD), FD_CLOEXEC);
    close_both();
    return 0;
}
RUN(a_program_that_is_run_inherits_no_end_of_a_pipe)

int main(void)
{
    const TTest *const tests[] = {
        aio_pipe_01_the_writers_end_is_the_readers_eof,
        aio_pipe_01_the_readers_end_is_told_to_a_waiting_writer,
        aio_pipe_01_the_readers_end_is_told_to_who_waits_for_it,
        aio_pipe_02_a_terminals_other_side_closing_is_an_end,
        aio_pipe_02_a_waiting_reader_of_a_terminal_is_told,
        aio_pipe_03_interests_in_an_ended_pipe_have_no_effect,
        aio_pipe_04_files_and_directories_are_refused,
        aio_pipe_04_the_null_device_is_a_stream,
        standard_input_and_output_are_streams,
        a_terminal_goes_on_blocking_for_those_who_share_it,
        a_pipe_goes_on_blocking_for_those_who_share_it,
        a_pipe_that_cannot_be_opened_once_more_is_a_stream_all_the_same,
        a_pipe_that_nobody_writes_any_more_keeps_its_end,
        a_descriptor_that_a_task_waits_for_is_left_as_it_is,
        only_the_end_that_is_written_has_a_half_close,
        a_program_that_is_run_inherits_no_end_of_a_pipe,
        a_pipe_needs_descriptors,
        a_pipe_survives_cancels_and_lack_of_memory,
        NULL,
    };

    return t_main("aio_pipe", tests);
}
