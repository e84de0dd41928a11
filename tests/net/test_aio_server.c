#include "net/serving.h"

#include <proa/group.h>
#include <proa/log.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- waiting for the end, in a task of its own */

static int waited; /* 1 when the wait is over */

static int wait_closed(void *arg)
{
    (void)arg;
    waited = 0;
    ck_ok(proa_stream_server_wait_closed(scene.server));
    waited = 1;
    return 0;
}

static int close_body(void *arg)
{
    struct proa_stream *s;
    struct proa_addr addr;
    int peer, port;

    (void)arg;
    open_scene(echo, NULL);
    ck_assert(proa_stream_server_is_serving(scene.server));
    port = proa_stream_server_port(scene.server);
    peer = new_peer();
    t_peer_say(peer, "a");
    t_turns(5);
    t_peer_expect(peer, "a");

    proa_stream_server_close(scene.server);
    proa_stream_server_close(scene.server);
    ck_assert(!proa_stream_server_is_serving(scene.server));
    ck_err(proa_stream_server_address(scene.server, 0, &addr), PROA_ENOENT);
    ck_assert_int_eq(proa_stream_server_port(scene.server), -1);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", port, NULL), PROA_ECONNREFUSED);

    ck_assert_uint_eq(proa_stream_server_clients(scene.server), 1);
    t_peer_say(peer, "b");
    t_turns(5);
    t_peer_expect(peer, "b");
    t_peer_fin(peer);
    ck_ok(proa_stream_server_wait_closed(scene.server));
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(aio_srv_01_close_stops_accepting_and_clients_live_on)
{
    t_run_modes(close_body, NULL);
}
END_TEST

static int wait_closed_body(void *arg)
{
    struct proa_stream *client;

    (void)arg;
    open_scene_inside(echo, NULL);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, wait_closed, NULL));
        t_turns(3);
        ck_assert(!waited); /* open, though nobody is there */
        client = new_client(NULL);
        t_turns(3);
        proa_stream_server_close(scene.server);
        t_turns(3);
        ck_assert(!waited); /* closed, and a client is there */
        ck_ok(proa_close(client));
        ck_ok(proa_group_join(&g));
        ck_assert(waited);
    }
    ck_ok(proa_stream_server_wait_closed(scene.server)); /* both: at once */
    close_scene();
    return 0;
}
START_TEST(aio_srv_02_wait_closed_waits_for_both_the_close_and_the_clients)
{
    t_run_modes(wait_closed_body, NULL);
}
END_TEST

static struct proa_event *go;

static int until_told(struct proa_stream *s, void *arg)
{
    (void)s;
    (void)arg;
    scene.began++;
    ck_ok(proa_event_wait(go));
    scene.ended++;
    return 0;
}

/* By turns: the close before the last handler ends, after it, and by that handler. */
static int close_and_end(void *arg)
{
    int how = *(int *)arg;
    struct proa_stream *client;

    open_scene_inside(until_told, NULL);
    ck_ok(proa_event_new(&go));
    client = new_client(NULL);
    t_turns(3);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_closed, NULL));
    t_turns(3);
    if (how == 0)
        proa_stream_server_close(scene.server);
    proa_event_set(go);
    if (how == 1)
        proa_stream_server_close(scene.server);
    if (how == 2) {
        proa_yield(); /* the handler has ended, nobody has waited since */
        proa_stream_server_close(scene.server);
    }
    ck_ok(proa_group_join(&g));
    ck_assert(waited);
    proa_stream_free(client);
    proa_event_free(go);
    close_scene();
    return 0;
}
START_TEST(aio_srv_03_close_and_last_client_in_one_turn_wake_the_waiter)
{
    for (int how = 0; how < 3; how++)
        t_run_modes(close_and_end, &how);
}
END_TEST

static int cancel_clients_body(void *arg)
{
    int peer[2];

    (void)arg;
    open_scene(echo, NULL);
    peer[0] = new_peer();
    peer[1] = new_peer();
    t_turns(5);
    proa_stream_server_close(scene.server);
    proa_stream_server_cancel_clients(scene.server);
    ck_ok(proa_stream_server_wait_closed(scene.server));
    for (int i = 0; i < 2; i++) {
        ck_assert(t_peer_at_end(peer[i]));
        t_peer_close(peer[i]);
    }
    ck_assert_int_eq(scene.rc, PROA_ECANCELED);
    ck_assert_int_eq(scene.faults, 0);
    close_scene();
    return 0;
}
START_TEST(aio_srv_04_cancelled_clients_read_an_end)
{
    t_run_modes(cancel_clients_body, NULL);
}
END_TEST

static int abort_clients_body(void *arg)
{
    static char bytes[1 << 16];
    long took = 0;
    long got;
    int peer;

    (void)arg;
    open_scene(flood, NULL);
    peer = new_peer();
    t_turns(5);
    ck_assert_int_eq(scene.began, 1);
    ck_assert_int_eq(scene.ended, 0); /* the client does not read */
    proa_stream_server_close(scene.server);
    proa_stream_server_abort_clients(scene.server);
    ck_ok(proa_stream_server_wait_closed(scene.server));
    while ((got = t_peer_recv(peer, bytes, sizeof bytes)) > 0)
        took += got;
    ck_assert_int_lt(took, 16 << 20);
    ck_assert_int_eq(got, PROA_ECONNRESET);
    t_peer_close(peer);
    ck_assert_int_eq(scene.faults, 0);
    close_scene();
    return 0;
}
START_TEST(aio_srv_05_aborted_clients_get_a_reset_and_no_more_bytes)
{
    t_run_modes(abort_clients_body, NULL);
}
END_TEST

static int start_later_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(echo, PROA_STREAM_SERVER_OPTS(.start_later = true));
    ck_assert(!proa_stream_server_is_serving(scene.server));
    peer = new_peer(); /* bound: the system takes it */
    t_peer_say(peer, "a");
    t_turns(5);
    ck_assert_int_eq(scene.began, 0);
    ck_ok(proa_stream_server_start(scene.server));
    ck_ok(proa_stream_server_start(scene.server));
    ck_assert(proa_stream_server_is_serving(scene.server));
    t_turns(5);
    t_peer_expect(peer, "a");
    ck_assert_int_eq(scene.began, 1);
    proa_stream_server_close(scene.server);
    ck_err(proa_stream_server_start(scene.server), PROA_ECLOSED);
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(aio_srv_07_a_server_may_listen_first_and_accept_later)
{
    t_run_modes(start_later_body, NULL);
}
END_TEST

/* More clients than one batch, and a limit that is passed in the middle of one. */
static int burst_body(void *arg)
{
    static int peer[100];

    (void)arg;
    open_scene(echo, PROA_STREAM_SERVER_OPTS(.limit = 90));
    for (int i = 0; i < 100; i++)
        peer[i] = new_peer();
    t_turns(8);
    ck_assert_int_eq(scene.began, 90);
    for (int i = 0; i < 100; i++)
        t_peer_close(peer[i]);
    for (int i = 0; i < 200 && scene.ended < 100; i++)
        t_turns(1);
    ck_assert_int_eq(scene.began, 100);
    ck_assert_int_eq(scene.ended, 100);
    close_scene();
    return 0;
}
START_TEST(aio_srv_12_a_burst_is_accepted_in_few_turns)
{
    t_run_modes(burst_body, NULL);
}
END_TEST

static void be_quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

/* Out of descriptors, the listener rests; closed meanwhile, its timer must not bring it back. */
static int closed_at_rest_body(void *arg)
{
    struct rlimit old, few;
    int peer;

    (void)arg;
    proa_log_set(be_quiet, NULL);
    open_scene(echo, NULL);
    peer = new_peer();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)peer + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    t_turns(5);
    ck_assert_int_eq(scene.began, 0);
    ck_assert(t_peer_at_end(peer)); /* refused, and now it rests */
    proa_stream_server_close(scene.server);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_ok(proa_sleep(5 * PROA_SEC)); /* nothing is watched: no real time */
    ck_assert_int_eq(scene.began, 0);
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(aio_srv_14_a_server_closed_while_it_rests_does_not_restart)
{
    if (!getenv("PROA_TEST_VALGRIND"))
        t_run(closed_at_rest_body, NULL);
}
END_TEST

static int break_down(struct proa_stream *s, void *arg)
{
    (void)s;
    (void)arg;
    scene.began++;
    scene.ended++;
    return -20000;
}

static int failing_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(break_down, NULL);
    peer = new_peer();
    t_turns(5);
    ck_assert(t_peer_at_end(peer));
    ck_assert_int_eq(scene.faults, 1);
    ck_assert_int_eq(scene.fault_rc, -20000);
    ck_assert_msg(strncmp(scene.fault, "client 127.0.0.1:", 17) == 0, "%s", scene.fault);
    t_peer_close(peer);
    peer = new_peer(); /* the others are served */
    t_turns(5);
    ck_assert_int_eq(scene.began, 2);
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(aio_write_17_a_failed_handler_is_reported_and_its_client_reads_an_end)
{
    t_run_modes(failing_body, NULL);
}
END_TEST

static int cancelled_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(linger, NULL);
    peer = new_peer();
    t_turns(5);
    proa_stream_server_cancel_clients(scene.server);
    t_turns(5);
    ck_assert(t_peer_at_end(peer));
    ck_assert_int_eq(scene.rc, PROA_ECANCELED);
    ck_assert_int_eq(scene.faults, 0);
    ck_assert(proa_stream_server_is_serving(scene.server)); /* it goes on */
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(aio_write_17_a_cancelled_handler_is_no_failure)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_server",
                  (const TTest *const[]){
                      aio_srv_01_close_stops_accepting_and_clients_live_on,
                      aio_srv_02_wait_closed_waits_for_both_the_close_and_the_clients,
                      aio_srv_03_close_and_last_client_in_one_turn_wake_the_waiter,
                      aio_srv_04_cancelled_clients_read_an_end,
                      aio_srv_05_aborted_clients_get_a_reset_and_no_more_bytes,
                      aio_srv_07_a_server_may_listen_first_and_accept_later,
                      aio_srv_12_a_burst_is_accepted_in_few_turns,
                      aio_srv_14_a_server_closed_while_it_rests_does_not_restart,
                      aio_write_17_a_failed_handler_is_reported_and_its_client_reads_an_end,
                      aio_write_17_a_cancelled_handler_is_no_failure,
                      NULL,
                  });
}
