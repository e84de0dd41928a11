#include "net/fd_stream.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/time.h>
#include <proa/unix.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char path[100];
static struct proa_listener *listener;

static void enter_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/proa-unix-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sock", dir);
}

static void leave_dir(void)
{
    ck_assert_msg(rmdir(dir) == 0, "%s is not empty", dir);
}

static bool there(void)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void talk(const char *where)
{
    struct proa_stream *client, *server;
    struct proa_addr addr;
    char text[PROA_ADDR_TEXT];
    char want[PROA_ADDR_TEXT];
    char c;

    ck_ok(proa_unix_connect(&client, where));
    ck_ok(proa_accept(listener, &server));
    ck_ok(proa_write(client, "x", 1, NULL));
    ck_assert_int_eq(proa_read(server, &c, 1), 1);
    ck_ok(proa_stream_peer(client, &addr));
    snprintf(want, sizeof want, "unix:%s", where);
    ck_assert_str_eq(proa_addr_format(&addr, text), want);
    ck_ok(proa_close(client));
    ck_assert_int_eq(proa_read(server, &c, 1), 0);
    ck_ok(proa_close(server));
}

static int file_body(void *arg)
{
    (void)arg;
    enter_dir();
    ck_ok(proa_listen_unix(&listener, path, NULL));
    ck_assert_int_eq(proa_listener_port(listener), -1);
    talk(path);
    proa_listener_free(listener);
    ck_assert(!there());
    leave_dir();
    return 0;
}
START_TEST(a_socket_in_the_file_system_talks_and_is_removed)
{
    t_run(file_body, NULL);
}
END_TEST

static int abstract_body(void *arg)
{
    char name[64];
    struct proa_listener *second;

    (void)arg;
    snprintf(name, sizeof name, "@proa-test-%d", (int)getpid());
    ck_ok(proa_listen_unix(&listener, name, NULL));
    ck_err(proa_listen_unix(&second, name, NULL), PROA_EADDRINUSE);
    talk(name);
    proa_listener_free(listener);
    return 0;
}
START_TEST(an_abstract_socket_needs_no_file)
{
    t_run(abstract_body, NULL);
}
END_TEST

static int stale_body(void *arg)
{
    (void)arg;
    enter_dir();
    ck_ok(proa_listen_unix(&listener, path, PROA_LISTEN_OPTS(.keep_file = true)));
    proa_listener_free(listener);
    ck_assert(there());
    ck_err(proa_unix_connect(&(struct proa_stream *){NULL}, path), PROA_ECONNREFUSED);
    ck_ok(proa_listen_unix(&listener, path, NULL)); /* nobody listens there: replaced */
    talk(path);
    proa_listener_free(listener);
    leave_dir();
    return 0;
}
START_TEST(a_stale_file_is_replaced)
{
    t_run(stale_body, NULL);
}
END_TEST

/* The probe for staleness is a connection of its own, which is taken first. */
static int taken_body(void *arg)
{
    struct proa_listener *second;
    struct proa_stream *probe;
    char c;

    (void)arg;
    enter_dir();
    ck_ok(proa_listen_unix(&listener, path, NULL));
    ck_err(proa_listen_unix(&second, path, NULL), PROA_EADDRINUSE);
    ck_ok(proa_accept(listener, &probe));
    ck_assert_int_eq(proa_read(probe, &c, 1), 0);
    proa_stream_free(probe);
    proa_listener_free(listener);
    leave_dir();
    return 0;
}
START_TEST(a_used_path_is_refused)
{
    t_run(taken_body, NULL);
}
END_TEST

static int foreign_file_body(void *arg)
{
    (void)arg;
    enter_dir();
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ck_err(proa_listen_unix(&listener, path, NULL), PROA_EADDRINUSE);
    ck_assert(there()); /* never touched */
    ck_assert_int_eq(unlink(path), 0);

    ck_ok(proa_listen_unix(&listener, path, NULL));
    ck_assert_int_eq(unlink(path), 0); /* somebody else's file takes the place */
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    proa_listener_free(listener);
    ck_assert(there());
    ck_assert_int_eq(unlink(path), 0);

    ck_ok(proa_listen_unix(&listener, path, NULL));
    ck_assert_int_eq(unlink(path), 0);
    proa_listener_free(listener); /* gone already: no matter */
    leave_dir();
    return 0;
}
START_TEST(files_of_others_are_left_alone)
{
    t_run(foreign_file_body, NULL);
}
END_TEST

static int mode_body(void *arg)
{
    struct stat st;

    (void)arg;
    enter_dir();
    ck_ok(proa_listen_unix(&listener, path, PROA_LISTEN_OPTS(.mode = 0600)));
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0600);
    proa_listener_free(listener);
    leave_dir();
    return 0;
}
START_TEST(the_file_has_the_wanted_mode)
{
    t_run(mode_body, NULL);
}
END_TEST

static int errors_body(void *arg)
{
    struct proa_stream *s;
    char want[200];

    (void)arg;
    enter_dir();
    ck_err(proa_unix_connect(&s, path), PROA_ENOENT);
    snprintf(want, sizeof want, "connect unix:%s: no such file or directory", path);
    ck_assert_str_eq(proa_err_detail(PROA_ENOENT), want);
    ck_err(proa_unix_connect(&s, ""), PROA_EADDRESS);
    ck_err(proa_listen_unix(&listener, "/nowhere/sock", NULL), PROA_ENOENT);
    leave_dir();
    return 0;
}
START_TEST(failures_name_the_path)
{
    t_run(errors_body, NULL);
}
END_TEST

static struct proa_stream *late;

static int connect_late(void *arg)
{
    (void)arg;
    return proa_unix_connect(&late, path);
}

/* A listener whose queue is full: connecting waits for room instead of failing. */
static int full_body(void *arg)
{
    struct proa_listener *second;
    struct proa_addr addr;
    struct proa_stream *s;
    int peer[2];

    (void)arg;
    enter_dir();
    ck_ok(proa_listen_unix(&listener, path, PROA_LISTEN_OPTS(.backlog = 1)));
    ck_ok(proa_addr_unix(&addr, path));
    for (int i = 0; i < 2; i++)
        peer[i] = t_peer_connect(&addr);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, connect_late, NULL));
    t_turns(3);
    ck_assert_ptr_null(late);
    ck_err(proa_listen_unix(&second, path, NULL), PROA_EADDRINUSE); /* busy is not stale */
    for (int i = 0; i < 2; i++) {
        ck_ok(proa_accept(listener, &s));
        proa_stream_free(s);
        t_peer_close(peer[i]);
    }
    ck_ok(proa_group_join(&g));
    ck_assert_ptr_nonnull(late);
    proa_stream_free(late);
    proa_listener_free(listener);
    leave_dir();
    return 0;
}
START_TEST(connecting_waits_for_room_in_the_queue)
{
    t_run(full_body, NULL);
}
END_TEST

static int pair_body(void *arg)
{
    struct proa_stream *a = NULL, *b = NULL;
    char buf[4];
    int rc = proa_unix_pair(&a, &b);

    (void)arg;
    if (rc == 0)
        rc = proa_write(a, "ping", 4, NULL);
    if (rc == 0)
        rc = proa_read_exact(b, buf, 4, NULL);
    if (rc == 0)
        rc = proa_close(a);
    else
        proa_stream_free(a);
    proa_stream_free(b);
    return rc;
}
START_TEST(a_pair_of_sockets_talks)
{
    t_run(pair_body, NULL);
    t_each_park(pair_body, NULL);
    t_run_each_alloc(pair_body, NULL);
}
END_TEST

static int round_body(void *arg)
{
    struct proa_listener *l = NULL;
    struct proa_stream *s = NULL;
    struct proa_addr addr;
    int rc = proa_listen_unix(&l, path, NULL);

    (void)arg;
    if (rc == 0)
        rc = proa_addr_unix(&addr, path);
    if (rc == 0)
        rc = proa_addr_connect(&s, &addr, NULL);
    proa_stream_free(s);
    proa_listener_free(l);
    return rc;
}
START_TEST(every_call_survives_cancels_and_lack_of_memory)
{
    enter_dir();
    t_each_park(round_body, NULL);
    t_run_each_alloc(round_body, NULL);
    leave_dir();
}
END_TEST

int main(void)
{
    return t_main("unix", (const TTest *const[]){
                              a_socket_in_the_file_system_talks_and_is_removed,
                              an_abstract_socket_needs_no_file,
                              a_stale_file_is_replaced,
                              a_used_path_is_refused,
                              files_of_others_are_left_alone,
                              the_file_has_the_wanted_mode,
                              failures_name_the_path,
                              connecting_waits_for_room_in_the_queue,
                              a_pair_of_sockets_talks,
                              every_call_survives_cancels_and_lack_of_memory,
                              NULL,
                          });
}
