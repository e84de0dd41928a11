#include "net/serving.h"

#include <proa/group.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/test.h>
#include <proa/time.h>
#include <proa/unix.h>

#include <stdio.h>
#include <string.h>

/* ---- how many at once */

static int limit_body(void *arg)
{
    struct proa_stream *near, *far;
    int peer[4];

    (void)arg;
    open_scene(echo, PROA_STREAM_SERVER_OPTS(.limit = 2));
    for (int i = 0; i < 4; i++) {
        peer[i] = new_peer();
        t_peer_say(peer[i], "x");
    }
    t_turns(6);
    ck_assert_int_eq(scene.began, 2);
    ck_assert_uint_eq(proa_stream_server_clients(scene.server), 2);
    t_peer_expect(peer[0], "x");
    ck_assert_int_eq(t_peer_recv(peer[2], (char[1]){0}, 1), PROA_EAGAIN);
    ck_ok(proa__pair_new(&near, &far, NULL));
    ck_err(proa_stream_server_add_stream_steal(scene.server, far), PROA_EAGAIN);
    proa_stream_free(near);

    t_peer_close(peer[0]); /* one ends: one is let in */
    t_turns(6);
    ck_assert_int_eq(scene.began, 3);
    t_peer_expect(peer[2], "x");
    ck_assert_uint_eq(proa_stream_server_clients(scene.server), 2);
    t_peer_close(peer[1]);
    t_turns(6);
    t_peer_expect(peer[3], "x");
    t_peer_close(peer[2]);
    t_peer_close(peer[3]);
    close_scene();
    return 0;
}
START_TEST(at_the_limit_no_more_are_accepted_until_one_ends)
{
    t_run_modes(limit_body, NULL);
}
END_TEST

/* A listener that comes when the server is full is paused as the others are. */
static int late_listener_body(void *arg)
{
    struct proa_listener *l;
    int peer[2];

    (void)arg;
    open_scene(echo, PROA_STREAM_SERVER_OPTS(.limit = 1));
    peer[0] = new_peer();
    t_turns(5);
    ck_ok(proa_listen_tcp(&l, "127.0.0.2", 0, NULL));
    peer[1] = proa_listener_port(l);
    ck_ok(proa_stream_server_add_steal(scene.server, l));
    {
        struct proa_addr addr;
        ck_ok(proa_stream_server_address(scene.server, 1, &addr));
        ck_assert_int_eq(proa_addr_port(&addr), peer[1]);
        ck_err(proa_stream_server_address(scene.server, 2, &addr), PROA_ENOENT);
        ck_ok(proa_stream_server_address(scene.server, 1, &addr));
        peer[1] = t_peer_connect(&addr);
    }
    t_turns(5);
    ck_assert_int_eq(scene.began, 1);
    t_peer_close(peer[0]);
    t_turns(5);
    ck_assert_int_eq(scene.began, 2);
    t_peer_close(peer[1]);
    proa_stream_server_close(scene.server);
    ck_ok(proa_listen_tcp(&l, "127.0.0.2", 0, NULL));
    ck_err(proa_stream_server_add_steal(scene.server, l), PROA_ECLOSED);
    close_scene();
    return 0;
}
START_TEST(a_server_has_several_listeners_under_one_limit)
{
    t_run_modes(late_listener_body, NULL);
}
END_TEST

static int unix_body(void *arg)
{
    struct proa_stream *s;
    char byte;

    (void)arg;
    scene = (struct scene){0};
    ck_ok(proa_start_unix_server(&scene.server, t_peer_name("serve"), echo, NULL, NULL));
    ck_assert_int_eq(proa_stream_server_port(scene.server), -1);
    ck_ok(proa_unix_connect(&s, t_peer_name("serve")));
    ck_ok(proa_write(s, "u", 1, NULL));
    ck_assert_int_eq(proa_read(s, &byte, 1), 1);
    ck_ok(proa_close(s));
    close_scene();
    return 0;
}
START_TEST(unix_sockets_are_served)
{
    t_run_modes(unix_body, NULL);
}
END_TEST

/* ---- what a handler's end does to its stream */

static int say_and_leave(struct proa_stream *s, void *arg)
{
    (void)arg;
    scene.began++;
    scene.ended++;
    return proa_write(s, "bye", 3, NULL);
}

static int in_order_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(say_and_leave, NULL);
    peer = new_peer();
    t_peer_say(peer, "what nobody reads"); /* and makes no reset of the end */
    t_turns(6);
    t_peer_expect(peer, "bye");
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(after_a_success_the_stream_is_closed_in_order)
{
    t_run_modes(in_order_body, NULL);
}
END_TEST

static int gone_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(echo, NULL);
    peer = new_peer();
    t_peer_say(peer, "x");
    t_turns(5);
    t_peer_rst(peer);
    t_turns(5);
    ck_assert_int_eq(scene.ended, 1);
    ck_assert_int_eq(scene.rc, PROA_ECONNRESET);
    ck_assert_int_eq(scene.faults, 0);
    close_scene();
    return 0;
}
START_TEST(a_client_that_leaves_is_no_fault)
{
    t_run_modes(gone_body, NULL);
}
END_TEST

static int detach_one(struct proa_stream *s, void *arg)
{
    (void)arg;
    scene.began++;
    ck_ok(proa_stream_server_detach(scene.server, s));
    ck_err(proa_stream_server_detach(scene.server, s), PROA_ENOENT);
    ck_ok(proa_write(s, "mine", 4, NULL));
    proa_stream_free(s);
    scene.ended++;
    return 0;
}

static int detach_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(detach_one, NULL);
    peer = new_peer();
    t_turns(5);
    t_peer_expect(peer, "mine");
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(a_detached_stream_is_the_handlers)
{
    t_run_modes(detach_body, NULL);
}
END_TEST

/* It is the handler's to give from its first line to its return: not before it runs, and not while
 * the server closes it, which waits for room here. */
static int say_and_keep(struct proa_stream *s, void *arg)
{
    (void)arg;
    scene.began++;
    scene.ended++;
    return proa_write_buffered(s, "kept", 4, NULL);
}

static int detach_late_body(void *arg)
{
    struct proa_stream *near, *far;
    char bytes[5] = {0};

    (void)arg;
    open_scene_inside(say_and_keep, NULL);
    ck_ok(proa__pair_new(&near, &far, &(struct pair_opts){.ba.capacity = 1}));
    ck_ok(proa_stream_server_add_stream_steal(scene.server, far));
    ck_err(proa_stream_server_detach(scene.server, far), PROA_ENOENT);
    t_turns(2);
    ck_assert_int_eq(scene.ended, 1);
    ck_assert_uint_eq(proa_stream_server_clients(scene.server), 1); /* it is being closed */
    ck_err(proa_stream_server_detach(scene.server, far), PROA_ENOENT);
    ck_ok(proa_read_exact(near, bytes, 4, NULL));
    ck_assert_str_eq(bytes, "kept");
    ck_assert_int_eq(proa_read(near, bytes, 1), 0);
    proa_stream_free(near);
    close_scene();
    return 0;
}
START_TEST(only_what_a_handler_has_can_be_detached)
{
    t_run_modes(detach_late_body, NULL);
}
END_TEST

/* ---- a stream over the stream */

static struct proa_stream *wrapped_lower;
static int wrap_rc;

static int wrap(struct proa_stream **ret, struct proa_stream *lower, void *arg)
{
    ck_assert_ptr_eq(arg, &wrap_rc);
    wrapped_lower = lower;
    if (wrap_rc == 1)
        wrap_rc = proa_sleep(PROA_FOREVER);
    if (wrap_rc < 0) {
        proa_stream_free(lower);
        return wrap_rc;
    }
    *ret = lower;
    return 0;
}

static int wrap_body(void *arg)
{
    struct proa_stream *client;
    int64_t began;
    char byte;

    (void)arg;
    wrap_rc = 0;
    open_scene_inside(echo, PROA_STREAM_SERVER_OPTS(.wrap = wrap, .wrap_arg = &wrap_rc));
    client = new_client(NULL);
    ck_ok(proa_write(client, "x", 1, NULL));
    ck_assert_int_eq(proa_read(client, &byte, 1), 1);
    ck_ok(proa_close(client));

    wrap_rc = -20000; /* it fails: this client only, and no fault */
    client = new_client(NULL);
    ck_assert_int_eq(proa_read(client, &byte, 1), 0);
    ck_ok(proa_close(client));
    ck_assert_int_eq(scene.began, 1);

    wrap_rc = 1; /* it takes for ever: as long as it may */
    began = proa_now();
    client = new_client(NULL);
    ck_assert_int_eq(proa_read(client, &byte, 1), 0);
    ck_assert_int_eq(proa_now() - began, 60 * PROA_SEC);
    ck_ok(proa_close(client));
    ck_assert_int_eq(wrap_rc, PROA_ECANCELED);

    wrap_rc = 1; /* it is cancelled with the others */
    client = new_client(NULL);
    t_turns(2);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_CANCEL, PROA_SEC));
    ck_assert_int_eq(wrap_rc, PROA_ECANCELED);
    ck_assert_int_eq(scene.began, 1);
    ck_assert_int_eq(scene.faults, 0);
    proa_stream_free(client);
    close_scene();
    return 0;
}
START_TEST(a_wrap_comes_first_and_concerns_its_client_only)
{
    t_run_modes(wrap_body, NULL);
}
END_TEST

/* ---- bad arguments, lack of memory */

static int arguments_body(void *arg)
{
    struct proa_stream_server *server;

    (void)arg;
    open_scene_inside(echo, NULL);
    ck_err(
        proa_stream_server_new(&server, echo, NULL, PROA_STREAM_SERVER_OPTS(.stack_size = 16383)),
        PROA_EINVAL);
    ck_err(proa_stream_server_new(&server, echo, NULL, PROA_STREAM_SERVER_OPTS(.wrap_timeout = -1)),
           PROA_EINVAL);
    ck_err(proa_start_server(&server, "127.0.0.1", 0, echo, NULL,
                             PROA_STREAM_SERVER_OPTS(.wrap_timeout = -1)),
           PROA_EINVAL);
    ck_err(proa_start_server(&server, "127.0.0.1", 65536, echo, NULL, NULL), PROA_EINVAL);
    ck_err(proa_start_unix_server(&server, "", echo, NULL, NULL), PROA_EADDRESS);
    ck_err(proa_stream_server_stop(scene.server, (enum proa_stop_mode)3, 0), PROA_EINVAL);
    ck_assert(proa_stream_server_is_serving(scene.server)); /* nothing has changed */
    close_scene();
    proa_stream_server_free(NULL);
    return 0;
}
START_TEST(bad_arguments_are_told)
{
    t_run(arguments_body, NULL);
}
END_TEST

static int busy_body(void *arg)
{
    struct proa_stream_server *server = NULL;
    struct proa_listener *l;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_stream_server_new(&server, echo, NULL, NULL));
    ck_ok(proa_stream_server_add_steal(server, l));
    {
        struct proa_stream *s;
        ck_err(proa_accept(l, &s), PROA_EBUSY); /* the server takes the connections */
    }
    proa_stream_server_free(server);
    return 0;
}
static int accept_one(void *listener)
{
    struct proa_stream *s;
    int rc = proa_accept(listener, &s);

    if (rc == 0)
        proa_stream_free(s);
    return rc;
}

/* One of its listeners is in use: none is accepted on. */
static int half_body(void *arg)
{
    struct proa_listener *l[2];
    int peer;

    (void)arg;
    open_scene_inside(echo, PROA_STREAM_SERVER_OPTS(.start_later = true));
    for (int i = 0; i < 2; i++) {
        ck_ok(proa_listen_tcp(&l[i], "127.0.0.1", 0, NULL));
        ck_ok(proa_stream_server_add_steal(scene.server, l[i]));
    }
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, accept_one, l[1]));
    t_turns(1);
    ck_err(proa_stream_server_start(scene.server), PROA_EBUSY);
    ck_assert(!proa_stream_server_is_serving(scene.server));
    peer = new_peer();
    t_turns(5);
    ck_assert_int_eq(scene.began, 0);

    proa_group_cancel(&g);
    proa_group_join(&g);
    ck_ok(proa_stream_server_start(scene.server));
    t_turns(5);
    ck_assert_int_eq(scene.began, 1);
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(the_servers_listener_accepts_for_nobody_else)
{
    t_run(busy_body, NULL);
    t_run_modes(half_body, NULL);
}
END_TEST

static char turned_away[100]; /* what was logged last of that */
static int log_lines;

static void on_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)arg;
    if (level == PROA_LOG_ERROR && strstr(text, " was turned away: ")) {
        snprintf(turned_away, sizeof turned_away, "%s", strstr(text, " was "));
        log_lines++;
    }
}

/* A client comes, and the n-th allocation after that fails. */
static void come_without_memory(uint64_t n)
{
    int peer = new_peer();

    t_alloc_fail(n);
    t_turns(3);
    t_alloc_fail(0);
    t_peer_close(peer);
    t_turns(3);
}

static int full_log_body(void *arg)
{
    uint64_t n = 0; /* which allocation is the server's own */

    (void)arg;
    log_lines = 0;
    proa_log_set(on_log, NULL);
    open_scene(echo, NULL);
    while (!log_lines) {
        come_without_memory(++n);
        ck_ok(proa_test_advance(PROA_SEC)); /* the listener rests where the stream was */
    }
    ck_assert_str_eq(turned_away, " was turned away: out of memory; 1 so far");
    come_without_memory(n);
    ck_ok(proa_test_advance(58 * PROA_SEC));
    come_without_memory(n);
    ck_assert_int_eq(log_lines, 1);
    ck_ok(proa_test_advance(PROA_SEC));
    come_without_memory(n);
    ck_assert_int_eq(log_lines, 2);
    ck_assert_str_eq(turned_away, " was turned away: out of memory; 4 so far");
    come_without_memory(n);
    ck_assert_int_eq(log_lines, 2);
    proa_log_set(NULL, NULL);
    close_scene();
    return 0;
}
START_TEST(that_clients_are_turned_away_is_logged_once_a_minute)
{
    t_run(full_log_body, NULL);
}
END_TEST

static int whole_body(void *arg)
{
    PROA_AUTO(proa_stream_server) *server = NULL;
    PROA_AUTO(proa_stream) *client = NULL;
    char byte;
    int rc;

    (void)arg;
    rc = proa_start_server(&server, "127.0.0.1", 0, echo, NULL, NULL);
    if (rc == 0)
        rc = proa_tcp_connect(&client, "127.0.0.1", proa_stream_server_port(server), NULL);
    if (rc == 0)
        rc = proa_write(client, "x", 1, NULL);
    if (rc == 0)
        rc = (int)proa_read(client, &byte, 1);
    if (rc == 0 || rc == PROA_ECONNRESET)
        rc = PROA_ENOMEM; /* the server had no memory for a client */
    if (rc >= 0) {
        rc = proa_close(client);
        client = NULL;
    }
    if (rc == 0)
        rc = proa_stream_server_stop(server, PROA_STOP_DRAIN, PROA_SEC);
    return rc;
}

static int starved_body(void *arg)
{
    int rc = whole_body(arg);

    t_turns(3); /* a handler whose server was freed ends by itself */
    return rc;
}

static int cut_body(void *arg)
{
    int rc = starved_body(arg);

    return rc == PROA_ENOMEM ? 0 : rc; /* the handler was cancelled */
}
START_TEST(serving_survives_cancels_and_lack_of_memory)
{
    t_each_park(cut_body, NULL);
    t_run_each_alloc(starved_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("stream_server", (const TTest *const[]){
                                       at_the_limit_no_more_are_accepted_until_one_ends,
                                       a_server_has_several_listeners_under_one_limit,
                                       unix_sockets_are_served,
                                       after_a_success_the_stream_is_closed_in_order,
                                       a_client_that_leaves_is_no_fault,
                                       a_detached_stream_is_the_handlers,
                                       only_what_a_handler_has_can_be_detached,
                                       a_wrap_comes_first_and_concerns_its_client_only,
                                       bad_arguments_are_told,
                                       the_servers_listener_accepts_for_nobody_else,
                                       that_clients_are_turned_away_is_logged_once_a_minute,
                                       serving_survives_cancels_and_lack_of_memory,
                                       NULL,
                                   });
}
