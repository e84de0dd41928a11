#include "support/t_run.h"

#include <proa/fd.h>
#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/task.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct waiter {
    int fd;
    unsigned dirs;
    int rc;
};

static int wait_fd(void *arg)
{
    struct waiter *w = arg;

    w->rc = proa_wait_fd(w->fd, w->dirs);
    return 0;
}

static int select_fd(void *arg)
{
    struct waiter *w = arg;
    struct proa_case c[] = {proa_case_fd(w->fd, w->dirs)};

    w->rc = proa_select(c, 1, NULL) < 0 ? 1 : c[0].rc;
    return 0;
}

static void give_way(void)
{
    for (int i = 0; i < 3; i++)
        ck_ok(proa_yield());
}

/* A pair of sockets, the first of which can be neither read nor written. */
static void open_pair(int fd[2])
{
    char bytes[1024] = {0};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    while (write(fd[0], bytes, sizeof bytes) > 0)
        ;
}

static int told_body(void *arg)
{
    struct waiter w[4];
    int fd[2], other[2];

    (void)arg;
    open_pair(fd);
    open_pair(other);
    w[0] = (struct waiter){fd[0], PROA_READABLE, 1};
    w[1] = (struct waiter){fd[0], PROA_WRITABLE, 1};
    w[2] = (struct waiter){fd[1], PROA_WRITABLE, 1};
    w[3] = (struct waiter){other[0], PROA_READABLE, 1};
    PROA_GROUP(g);
    for (int i = 0; i < 4; i++)
        ck_ok(proa_create_task(&g, i == 0 ? select_fd : wait_fd, &w[i]));
    give_way();
    ck_assert_int_eq(w[0].rc, 1);
    ck_assert_int_eq(w[1].rc, 1);

    proa_fd_closing(fd[0]);
    close(fd[0]);
    ck_assert_int_eq(fcntl(other[1], F_DUPFD_CLOEXEC, fd[0]), fd[0]); /* the number is used again */
    ck_ok(proa_wait_fd(fd[0], PROA_WRITABLE | PROA_READABLE));
    give_way();
    ck_assert_int_eq(w[0].rc, PROA_ECLOSED);
    ck_assert_int_eq(w[1].rc, PROA_ECLOSED);
    ck_assert_int_eq(w[3].rc, 1); /* another descriptor's */

    proa_fd_closing(other[0]);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w[3].rc, PROA_ECLOSED);
    close(fd[0]);
    close(fd[1]);
    close(other[0]);
    close(other[1]);
    return 0;
}
START_TEST(who_waits_for_a_descriptor_is_told_that_it_is_closed)
{
    t_run_in_order(told_body, NULL);
    t_run_as(told_body, NULL, true, 0);
}
END_TEST

/* Readable and closed in one turn: what came first counts. */
static int at_once_body(void *arg)
{
    struct waiter w = {.dirs = PROA_READABLE, .rc = 1};
    int fd[2];

    (void)arg;
    open_pair(fd);
    w.fd = fd[0];
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, wait_fd, &w));
        give_way();
        proa_fd_closing(w.fd);
        proa_fd_closing(w.fd);
        ck_assert_int_eq(write(fd[1], "x", 1), 1);
        ck_ok(proa_group_join(&g));
        ck_assert_int_eq(w.rc, PROA_ECLOSED);
    }
    ck_ok(proa_wait_fd(w.fd, PROA_READABLE)); /* it was not closed after all */
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, wait_fd, &w));
        ck_ok(proa_group_join(&g));
        proa_fd_closing(w.fd); /* nobody waits any more */
        ck_assert_int_eq(w.rc, PROA_READABLE);
    }
    close(fd[0]);
    close(fd[1]);
    return 0;
}
START_TEST(closing_concerns_those_who_wait_at_that_moment)
{
    t_run_in_order(at_once_body, NULL);
    t_run_as(at_once_body, NULL, true, 0);
}
END_TEST

static int cancelled_body(void *arg)
{
    struct waiter w = {.dirs = PROA_READABLE, .rc = 1};
    int fd[2];

    (void)arg;
    open_pair(fd);
    w.fd = fd[0];
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_fd, &w));
    give_way();
    proa_group_cancel(&g);
    proa_fd_closing(w.fd); /* between the cancel and the sleeper's turn */
    close(fd[0]);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(w.rc, PROA_ECANCELED);
    close(fd[1]);
    return 0;
}
START_TEST(a_cancelled_wait_leaves_nothing_registered)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

START_TEST(without_a_loop_nobody_waits)
{
    proa_fd_closing(0);
    proa_fd_closing(-1);
}
END_TEST

/* ---- who looks */

static int note_wait(void *arg, const struct proa_task_info *info)
{
    if (info->call && strcmp(info->call, "proa_wait_fd") == 0)
        snprintf(arg, 64, "%s", info->on);
    return 0;
}

static int look_body(void *arg)
{
    static const struct {
        unsigned dirs;
        const char *words;
    } cases[] = {
        {PROA_READABLE, ", to read"},
        {PROA_WRITABLE, ", to write"},
        {PROA_READABLE | PROA_WRITABLE, ", to read, to write"},
    };
    char seen[64], words[64];
    int fd[2];

    (void)arg;
    open_pair(fd);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct waiter w = {fd[0], cases[i].dirs, 1};
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, wait_fd, &w));
        for (seen[0] = '\0'; !seen[0]; ck_ok(proa_tasks_walk(note_wait, seen)))
            ck_ok(proa_yield()); /* in some orders it comes late to its wait */
        snprintf(words, sizeof words, "descriptor %d%s", fd[0], cases[i].words);
        ck_assert_str_eq(seen, words);
        proa_group_cancel(&g);
        proa_group_join(&g);
        ck_err(w.rc, PROA_ECANCELED);
    }
    close(fd[0]);
    close(fd[1]);
    return 0;
}
START_TEST(who_looks_sees_which_descriptor_and_what_for)
{
    t_run_modes(look_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("fd_closing", (const TTest *const[]){
                                    who_waits_for_a_descriptor_is_told_that_it_is_closed,
                                    closing_concerns_those_who_wait_at_that_moment,
                                    a_cancelled_wait_leaves_nothing_registered,
                                    who_looks_sees_which_descriptor_and_what_for,
                                    without_a_loop_nobody_waits,
                                    NULL,
                                });
}
