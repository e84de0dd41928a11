#include "base/clock.h"
#include "core/inspect.h"
#include "core/stack.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/log.h>
#include <proa/run.h>
#include <proa/runner.h>
#include <proa/thread.h>
#include <proa/time.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Runs have the real clock here: a helper thread and a client take part. Each test is a process of
 * its own, with a runtime directory of its own.
 */
static char runtime[64];
static int self;
static char logged[512];

static void keep_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    (void)level;
    snprintf(logged, sizeof logged, "%s", text);
}

static void make_runtime(void)
{
    snprintf(runtime, sizeof runtime, "/tmp/proa-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(runtime));
    self = getpid();
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    unsetenv("PROA_INSPECT");
    proa_log_set(keep_log, NULL);
}

static void path_of(char path[108], int loop)
{
    snprintf(path, 108, loop ? "%s/proa/%d-%d" : "%s/proa/%d", runtime, self, loop);
}

static void drop_runtime(void)
{
    char path[108];

    snprintf(path, sizeof path, "%s/proa", runtime);
    ck_assert_msg(rmdir(path) == 0 || errno == ENOENT, "something was left in %s", path);
    ck_ok(rmdir(runtime));
}

/* ---- a client */

static int connect_to(int loop)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    path_of(addr.sun_path, loop);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

struct client {
    const char *question;
    const char *again; /* an answer with these words may be due to a busy machine: ask again */
    int loop;
    char text[65536];
    atomic_bool answered;
};

static int ask_once(struct client *c)
{
    size_t n = 0;
    ssize_t got = 1;
    int fd = connect_to(c->loop);

    c->text[0] = '\0';
    if (fd < 0)
        return fd;
    send(fd, c->question, strlen(c->question), MSG_NOSIGNAL); /* it may have answered already */
    while (got > 0 && n < sizeof c->text - 1) {
        got = read(fd, c->text + n, sizeof c->text - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    c->text[n] = '\0';
    close(fd);
    return 0;
}

static int ask(void *arg)
{
    struct client *c = arg;
    int rc;

    do
        rc = ask_once(c);
    while (rc == 0 && (strstr(c->text, c->again) || strstr(c->text, "PROA_ETIMEDOUT")));
    atomic_store(&c->answered, true);
    return rc;
}

static struct client client = {.again = "\"stuck\":true"};

static int ask_body(void *arg)
{
    (void)arg;
    client.question = "tasks 1000\n";
    return proa_to_thread(ask, &client, NULL);
}

static int ask_as_it_is(void *arg)
{
    (void)arg;
    return proa_to_thread(ask, &client, NULL);
}

/* In a run of its own. */
static void ask_for(const char *question)
{
    client.question = question;
    ck_ok(proa_run(ask_as_it_is, NULL, PROA_RUN_OPTS(.inspect = true)));
}

/* ---- the system: an accept4 that lacks something */

#define REFUSALS 3

static int refusal; /* its errno */
static atomic_int refused;
static int64_t refused_at[REFUSALS];
static atomic_bool accepted;

int accept_or_refuse(int fd, void *addr, void *n, int flags) __asm__("accept4");

int accept_or_refuse(int fd, void *addr, void *n, int flags)
{
    int nth = atomic_load(&refused);
    int got;

    if (refusal && nth < REFUSALS) {
        refused_at[nth] = proa__clock_mono();
        atomic_store(&refused, nth + 1);
        errno = refusal;
        return -1;
    }
    got = (int)syscall(SYS_accept4, fd, addr, n, flags);
    if (got >= 0)
        atomic_store(&accepted, true);
    return got;
}

/* ---- answers */

START_TEST(a_run_that_is_inspected_answers)
{
    make_runtime();
    ck_ok(proa_run(ask_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    ck_assert_ptr_nonnull(strstr(client.text, "\"stuck\":false,\"total\":1,"));
    ck_assert_ptr_nonnull(strstr(client.text, "\"call\":\"proa_to_thread\""));
    ck_assert_ptr_nonnull(strstr(client.text, "\"calls\":[\""));
    ck_err(connect_to(0), -ENOENT); /* removed at the end */
    drop_runtime();
}
END_TEST

START_TEST(the_environment_switches_it_on)
{
    make_runtime();
    ck_err(proa_run(ask_body, NULL, NULL), -ENOENT);
    setenv("PROA_INSPECT", "0", 1);
    ck_err(proa_run(ask_body, NULL, NULL), -ENOENT);
    setenv("PROA_INSPECT", "1", 1);
    ck_ok(proa_run(ask_body, NULL, NULL));
    drop_runtime();
}
END_TEST

START_TEST(a_question_is_checked)
{
    char longest[128];

    make_runtime();
    ask_for("tasks 0\n");
    ck_assert_str_eq(client.text, "{\"proa\":1,\"error\":\"PROA_EINVAL\"}\n");
    ask_for("hello\n");
    ck_assert_str_eq(client.text, "{\"proa\":1,\"error\":\"PROA_EINVAL\"}\n");
    memset(longest, 'x', sizeof longest);
    longest[64] = '\0';
    ask_for(longest);
    ck_assert_str_eq(client.text, "{\"proa\":1,\"error\":\"PROA_EMSGSIZE\"}\n");
    ask_for("tasks 999999\n");
    ck_assert_ptr_nonnull(strstr(client.text, "\"total\":1"));
    drop_runtime();
}
END_TEST

static int stand_there(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_FOREVER);
}

/* The main task and 9,999 others, then one more. */
static int crowd_body(void *arg)
{
    (void)arg;
    client.question = "tasks 999999\n";
    PROA_GROUP(g);
    for (int i = 1; i < 10000; i++)
        ck_ok(proa_create_task(&g, stand_there, NULL));
    ck_ok(proa_to_thread(ask, &client, NULL));
    ck_assert_ptr_nonnull(strstr(client.text, "\"total\":10000,\"more\":0,"));
    ck_ok(proa_create_task(&g, stand_there, NULL));
    ck_ok(proa_to_thread(ask, &client, NULL));
    ck_assert_ptr_nonnull(strstr(client.text, "\"total\":10001,\"more\":1,"));
    proa_group_cancel(&g);
    proa_group_join(&g);
    return 0;
}
/* Not where so many tasks are too many (ThreadSanitizer), or too slow for an answer in its time. */
START_TEST(no_more_than_ten_thousand_tasks_are_told_of)
{
#ifdef PROA_SANITIZED
    return;
#endif
    if (getenv("PROA_TEST_VALGRIND"))
        return;
    make_runtime();
    ck_ok(proa_run(crowd_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    drop_runtime();
}
END_TEST

/* One that says nothing has half a second, then it is the next one's turn. */
static int behind_a_silent_one(void *arg)
{
    int silent = connect_to(0);
    int rc;

    (void)arg;
    ck_assert_int_ge(silent, 0);
    rc = ask_body(NULL);
    close(silent);
    return rc;
}
START_TEST(a_silent_client_does_not_block_others_for_long)
{
    make_runtime();
    ck_ok(proa_run(behind_a_silent_one, NULL, PROA_RUN_OPTS(.inspect = true)));
    ck_assert_ptr_nonnull(strstr(client.text, "\"total\":1"));
    drop_runtime();
}
END_TEST

/* The client stays in the queue; asking for it again and again would take a whole processor. */
START_TEST(what_the_system_lacks_is_waited_for)
{
    static const int lacks[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

    make_runtime();
    for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++) {
        atomic_store(&refused, 0);
        refusal = lacks[i];
        ck_ok(proa_run(ask_body, NULL, PROA_RUN_OPTS(.inspect = true)));
        ck_assert_int_eq(atomic_load(&refused), REFUSALS);
        for (int nth = 1; nth < REFUSALS; nth++)
            ck_assert_int_ge(refused_at[nth] - refused_at[nth - 1], 50 * PROA_MS);
        ck_assert_ptr_nonnull(strstr(client.text, "\"total\":1"));
    }
    drop_runtime();
}
END_TEST

/* ---- stuck */

static int hog(void *arg)
{
    (void)arg;
    while (!atomic_load(&client.answered))
        ; /* holds the loop until the client has heard so */
    return 0;
}

static int stuck_body(void *arg)
{
    (void)arg;
    client.question = "tasks 10\n";
    client.again = "\"stuck\":false"; /* the hog does not run yet */
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, ask_as_it_is, NULL));
    ck_ok(proa_create_task_opts(&g, NULL, hog, NULL, PROA_TASK_OPTS(.name = "hog")));
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_nonnull(
        strstr(client.text, "\"stuck\":true,\"held_by\":\"task hog\",\"task\":3,"));
    ck_assert_ptr_null(strstr(client.text, "\"calls\":[]"));
    client.again = "\"stuck\":true";
    ck_ok(ask_body(NULL)); /* and it answers again */
    ck_assert_ptr_nonnull(strstr(client.text, "\"stuck\":false"));
    return 0;
}
START_TEST(a_stuck_loop_is_told_with_the_task_that_holds_it)
{
    make_runtime();
    ck_ok(proa_run(stuck_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    drop_runtime();
}
END_TEST

/* Two who ask in vain leave one question, which is dropped with the loop. */
static void *ask_twice(void *arg)
{
    ask(arg);
    ask(arg);
    return NULL;
}
START_TEST(a_runner_at_rest_is_stuck_and_ends_all_the_same)
{
    struct proa_runner *runner = NULL;
    pthread_t thread;

    make_runtime();
    client.question = "tasks 10\n";
    client.again = "\"stuck\":false"; /* there is none */
    ck_ok(proa_runner_new(&runner, PROA_RUNNER_OPTS(.run = {.inspect = true})));
    ck_ok(pthread_create(&thread, NULL, ask_twice, &client));
    ck_ok(pthread_join(thread, NULL));
    ck_assert_ptr_nonnull(
        strstr(client.text, "\"stuck\":true,\"held_by\":\"the program outside of the loop\""));
    proa_runner_free(runner);
    drop_runtime();
}
END_TEST

/* ---- several loops */

static void *run_other(void *arg)
{
    struct client *c = arg;

    c->question = "tasks 10\n";
    c->loop = 1;
    proa_run(ask_as_it_is, NULL, PROA_RUN_OPTS(.inspect = true));
    return NULL;
}

static int two_loops_body(void *arg)
{
    pthread_t thread;

    (void)arg;
    ck_ok(pthread_create(&thread, NULL, run_other, &client));
    ck_ok(pthread_join(thread, NULL));
    ck_assert_ptr_nonnull(strstr(client.text, "\"loop\":1,"));
    ck_assert_ptr_nonnull(strstr(client.text, "\"stuck\":false"));
    client.loop = 0;
    return ask_body(NULL);
}
START_TEST(each_loop_of_a_process_answers_for_itself)
{
    make_runtime();
    ck_ok(proa_run(two_loops_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    ck_assert_ptr_nonnull(strstr(client.text, "\"loop\":0,"));
    drop_runtime();
}
END_TEST

/* ---- the directory */

static void is_refused(const char *words)
{
    logged[0] = '\0';
    ck_assert_int_lt(proa_run(ask_body, NULL, PROA_RUN_OPTS(.inspect = true)), 0);
    ck_assert_msg(strstr(logged, words) != NULL, "logged: %s", logged);
}
START_TEST(a_directory_that_others_can_read_is_not_used)
{
    char dir[80];
    char other[80];

    make_runtime();
    snprintf(dir, sizeof dir, "%s/proa", runtime);
    snprintf(other, sizeof other, "%s/other", runtime);
    ck_ok(mkdir(dir, 0750));
    is_refused("is not a directory of this user's alone");
    ck_ok(rmdir(dir));
    ck_ok(mkdir(other, 0700));
    ck_ok(symlink(other, dir));
    is_refused("this program cannot be inspected");
    ck_ok(unlink(dir));
    ck_ok(rmdir(other));
    drop_runtime();
}
END_TEST

/* What is wrong with inspecting it is not said of a run that does not begin, nor instead of why. */
START_TEST(a_run_that_is_refused_is_not_inspected)
{
    char dir[80];

    make_runtime();
    snprintf(dir, sizeof dir, "%s/proa", runtime);
    ck_ok(mkdir(dir, 0750));
    ck_err(proa_run(ask_body, NULL, PROA_RUN_OPTS(.inspect = true, .stack_size = 1)), PROA_EINVAL);
    ck_assert_str_eq(logged, "");
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EINVAL), "stack"));
    ck_ok(rmdir(dir));
    drop_runtime();
}
END_TEST

START_TEST(the_socket_is_this_users_alone)
{
    struct inspect_socket s;
    struct stat st;
    char path[108];

    make_runtime();
    ck_ok(proa__inspect_open(&s));
    path_of(path, 0);
    ck_ok(stat(path, &st));
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/proa", runtime);
    ck_ok(stat(path, &st));
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    proa__inspect_close(&s);
    drop_runtime();
}
END_TEST

/* A process that had our number was killed, and left this. */
START_TEST(what_a_dead_process_left_is_replaced)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char dir[80];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    make_runtime();
    snprintf(dir, sizeof dir, "%s/proa", runtime);
    ck_ok(mkdir(dir, 0700));
    path_of(addr.sun_path, 0);
    ck_ok(bind(fd, (struct sockaddr *)&addr, sizeof addr));
    close(fd);
    ck_ok(proa_run(ask_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    ck_assert_ptr_nonnull(strstr(client.text, "\"total\":1"));
    drop_runtime();
}
END_TEST

/* One that lives is left alone: it may be of another PID namespace. */
START_TEST(what_a_living_process_listens_at_is_left_alone)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char dir[80];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    make_runtime();
    snprintf(dir, sizeof dir, "%s/proa", runtime);
    ck_ok(mkdir(dir, 0700));
    path_of(addr.sun_path, 0);
    ck_ok(bind(fd, (struct sockaddr *)&addr, sizeof addr));
    ck_ok(listen(fd, 4));
    struct inspect_socket s;
    ck_err(proa__inspect_open(&s), -EADDRINUSE);
    ck_ok(unlink(addr.sun_path));
    close(fd);
    drop_runtime();
}
END_TEST

/* ---- others */

/* The directory would keep them out already; here it is opened for the socket to do so. */
static int another_user_body(void *arg)
{
    char path[108];
    int status = 0;

    (void)arg;
    path_of(path, 0);
    ck_ok(chmod(path, 0666));
    snprintf(path, sizeof path, "%s/proa", runtime);
    ck_ok(chmod(path, 0755));
    ck_ok(chmod(runtime, 0755));
    int pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(2);
        client.question = "tasks 10\n";
        ask(&client);
        _exit(strcmp(client.text, "{\"proa\":1,\"error\":\"PROA_EPERM\"}\n") != 0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    return 0;
}
START_TEST(another_user_is_refused)
{
    if (geteuid() != 0)
        return; /* cannot become another */
    make_runtime();
    ck_ok(proa_run(another_user_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    drop_runtime();
}
END_TEST

/* The child has the parent's descriptors, and keeps none that somebody could wait at. */
static int fork_body(void *arg)
{
    int status = 0;
    int pid = fork();

    (void)arg;
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int n = 0;

        for (int fd = 3; fd < 64; fd++) {
            int listens = 0;
            socklen_t size = sizeof listens;

            if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0)
                n += listens;
        }
        _exit(n);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    return ask_body(NULL);
}
START_TEST(a_forked_child_does_not_answer_for_its_parent)
{
    make_runtime();
    ck_ok(proa_run(fork_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    ck_assert_ptr_nonnull(strstr(client.text, "\"total\":1"));
    drop_runtime();
}
END_TEST

/* What the child has of a client that is being served does not keep that waiting for the end. */
static int fork_while_served_body(void *arg)
{
    int fd = connect_to(0);
    int hold[2];
    ssize_t n;

    (void)arg;
    ck_assert_int_ge(fd, 0);
    ck_ok(pipe2(hold, O_CLOEXEC));
    ck_assert_int_eq(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
    while (!atomic_load(&accepted))
        sched_yield();
    int pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(hold[1]);
        _exit(read(hold[0], client.text, 1) != 0);
    }
    send(fd, "\n", 1, MSG_NOSIGNAL); /* it may have given us up by now */
    do
        n = read(fd, client.text, sizeof client.text);
    while (n > 0);
    ck_assert_int_eq(n, 0);
    close(fd);
    close(hold[0]);
    close(hold[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return 0;
}
START_TEST(a_forked_child_does_not_keep_a_client)
{
    make_runtime();
    ck_ok(proa_run(fork_while_served_body, NULL, PROA_RUN_OPTS(.inspect = true)));
    drop_runtime();
}
END_TEST

int main(void)
{
    return t_main("inspect_socket", (const TTest *const[]){
                                        a_run_that_is_inspected_answers,
                                        the_environment_switches_it_on,
                                        a_question_is_checked,
                                        no_more_than_ten_thousand_tasks_are_told_of,
                                        a_silent_client_does_not_block_others_for_long,
                                        what_the_system_lacks_is_waited_for,
                                        a_stuck_loop_is_told_with_the_task_that_holds_it,
                                        a_runner_at_rest_is_stuck_and_ends_all_the_same,
                                        each_loop_of_a_process_answers_for_itself,
                                        a_directory_that_others_can_read_is_not_used,
                                        a_run_that_is_refused_is_not_inspected,
                                        the_socket_is_this_users_alone,
                                        what_a_dead_process_left_is_replaced,
                                        what_a_living_process_listens_at_is_left_alone,
                                        another_user_is_refused,
                                        a_forked_child_does_not_answer_for_its_parent,
                                        a_forked_child_does_not_keep_a_client,
                                        NULL,
                                    });
}
