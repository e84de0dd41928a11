#include "net/described.h"
#include "net/serving.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/log.h>
#include <proa/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int of_server(const void *object, char *buf, size_t n)
{
    return proa_stream_server_describe(object, buf, n);
}

/* ---- stream servers */

/* "stream server 0x..., STATE, at 127.0.0.1:8080" */
static void is_serving_as(const char *state)
{
    char words[200];

    snprintf(words, sizeof words, ", %s, at 127.0.0.1:%d", state,
             proa_stream_server_port(scene.server));
    is_described(of_server, scene.server, "stream server", words);
}

static int wait_closed(void *server)
{
    return proa_stream_server_wait_closed(server);
}

static int server_body(void *arg)
{
    int peer[2];

    (void)arg;
    open_scene(echo, PROA_STREAM_SERVER_OPTS(.limit = 2, .start_later = true));
    is_serving_as("not started, 0 of 2 connections");
    ck_ok(proa_stream_server_start(scene.server));
    is_serving_as("serving, 0 of 2 connections");
    for (int i = 0; i < 2; i++) {
        peer[i] = new_peer();
        t_turns(5);
        is_serving_as(i ? "full, 2 of 2 connections" : "serving, 1 of 2 connections");
    }
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, wait_closed, scene.server));
    t_settle();
    is_serving_as("full, 2 of 2 connections, 1 wait");
    t_peer_close(peer[0]);
    t_turns(5);
    is_serving_as("serving, 1 of 2 connections, 1 wait");
    is_waited_for("proa_stream_server_stop", scene.server, ", 1 wait, at 127.0.0.1:");
    proa_stream_server_close(scene.server);
    is_described(of_server, scene.server, "stream server", ", closing, 1 of 2 connections, 1 wait");
    t_peer_close(peer[1]);
    ck_ok(proa_group_join(&g));
    is_described(of_server, scene.server, "stream server", ", closed, 0 of 2 connections");
    close_scene();
    return 0;
}
START_TEST(aio_dbg_03_a_stream_server_shows_state_connections_and_address)
{
    t_run_modes(server_body, NULL);
}
END_TEST

static int unlimited_body(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    open_scene_inside(linger, PROA_STREAM_SERVER_OPTS(.limit = PROA_UNLIMITED));
    is_described(of_server, scene.server, "stream server", ", serving, 0 connections");
    s = new_client(NULL);
    is_described(of_server, scene.server, "stream server", ", serving, 1 connections");
    proa_abort(s);
    close_scene();
    return 0;
}
START_TEST(a_stream_server_without_limit_and_address_shows_none)
{
    t_run_modes(unlimited_body, NULL);
}
END_TEST

/* More than there is room for: the addresses are cut, not the state. */
static int many_body(void *arg)
{
    static const char *const hosts[] = {
        "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,127.0.0.7,127.0.0.8",
        "127.0.1.1,127.0.1.2,127.0.1.3,127.0.1.4,127.0.1.5,127.0.1.6,127.0.1.7,127.0.1.8",
    };
    struct proa_listener *l;
    char text[300], words[300];

    (void)arg;
    open_scene_inside(echo, NULL);
    size_t n = (size_t)snprintf(words, sizeof words,
                                "stream server %p, serving, 0 of 10000 "
                                "connections, at",
                                (void *)scene.server);
    for (int i = 0; i < 2; i++) {
        ck_ok(proa_listen_tcp(&l, hosts[i], 0, NULL));
        ck_ok(proa_stream_server_add_steal(scene.server, l));
        for (int j = 1; j <= 8 && n < sizeof words; j++)
            n += (size_t)snprintf(words + n, sizeof words - n, " 127.0.%d.%d:%d", i, j,
                                  proa_listener_port(l));
    }
    ck_assert_int_eq(proa_stream_server_describe(scene.server, text, sizeof text), 239);
    ck_assert_uint_eq(strlen(text), 239);
    ck_assert_int_eq(strncmp(text, words, 239), 0);
    close_scene();
    return 0;
}
START_TEST(a_stream_server_of_many_addresses_shows_its_state_first)
{
    t_run_modes(many_body, NULL);
}
END_TEST

static void be_quiet(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

/* It says so as long as its listener rests, which ends in a turn of the loop. */
static int resting_body(void *arg)
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
    for (int i = 0; i < 20 && !t_peer_at_end(peer); i++)
        t_turns(1);
    is_serving_as("out of descriptors, 0 of 10000 connections");
    proa_stream_server_close(scene.server);
    is_described(of_server, scene.server, "stream server", ", closed, 0 of 10000 connections");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(aio_dbg_03_a_stream_server_shows_that_descriptors_are_out)
{
    if (!getenv("PROA_TEST_VALGRIND"))
        t_run(resting_body, NULL);
}
END_TEST

/* ---- misuse */

static int describe_freed_server(void *arg)
{
    struct proa_stream_server *server;

    (void)arg;
    open_scene(linger, NULL);
    new_peer();
    t_turns(5);
    server = scene.server; /* lives on for its handler */
    proa_stream_server_free(server);
    return proa_stream_server_describe(server, NULL, 0);
}

static int describe_elsewhere_body(void *arg)
{
    (void)arg;
    open_scene(linger, NULL);
    return describe_elsewhere(of_server, scene.server);
}

START_TEST(a_look_at_a_stream_server_that_is_not_there_stops_the_program)
{
    stops_of_misuse(of_server, "proa_stream_server_describe: the server was freed",
                    "the server is NULL");
    t_run_aborts(describe_freed_server, NULL, "the server was freed");
    t_run_aborts(describe_elsewhere_body, NULL,
                 "proa_stream_server_describe: called from a thread that is not");
}
END_TEST

int main(void)
{
    return t_main("describe_server",
                  (const TTest *const[]){
                      aio_dbg_03_a_stream_server_shows_state_connections_and_address,
                      a_stream_server_without_limit_and_address_shows_none,
                      a_stream_server_of_many_addresses_shows_its_state_first,
                      aio_dbg_03_a_stream_server_shows_that_descriptors_are_out,
                      a_look_at_a_stream_server_that_is_not_there_stops_the_program,
                      NULL,
                  });
}
