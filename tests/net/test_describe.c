#include "support/t_run.h"

#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/listener.h>
#include <proa/scope.h>
#include <proa/stream.h>
#include <proa/tcp.h>

#include <stdio.h>
#include <string.h>

static int accept_one(void *listener)
{
    struct proa_stream *s = NULL;
    int rc = proa_accept(listener, &s);

    if (rc == 0)
        proa_abort(s);
    return rc;
}

static int read_one(void *stream)
{
    char byte;
    ssize_t rc = proa_read(stream, &byte, 1);

    return rc < 0 ? (int)rc : 0;
}

static void yield_some(void)
{
    for (int i = 0; i < 4; i++)
        proa_yield();
}

/* ---- listeners */

static int listener_body(void *arg)
{
    struct proa_listener *l = NULL;
    char text[240];
    char words[240];

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    {
        PROA_GROUP(g);
        snprintf(words, sizeof words, "listener %p 127.0.0.1:%d", (void *)l, proa_listener_port(l));
        ck_assert_int_eq(proa_listener_describe(l, text, sizeof text), (int)strlen(words));
        ck_assert_str_eq(text, words);
        ck_ok(proa_create_task(&g, accept_one, l));
        yield_some();
        snprintf(words + strlen(words), 32, ", 1 accept");
        ck_ok(proa_listener_describe(l, text, sizeof text));
        ck_assert_str_eq(text, words);
        proa_group_cancel(&g);
    }
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_dbg_03_a_listener_shows_addresses_and_waiters)
{
    t_run(listener_body, NULL);
}
END_TEST

/* ---- streams */

struct reading {
    struct proa_stream *stream;
    bool seen;
};

static int is_reading(void *arg, const struct proa_task_info *info)
{
    struct reading *r = arg;

    if (strcmp(info->name, "reader") != 0)
        return 0;
    r->seen = true;
    ck_assert_str_eq(info->call, "proa_read");
    ck_assert_ptr_eq(info->object, r->stream);
    ck_assert_ptr_nonnull(strstr(info->on, ", tcp 127.0.0.1:"));
    return 0;
}

static int stream_body(void *arg)
{
    struct proa_listener *l = NULL;
    struct reading r = {0};
    struct proa_stream *other = NULL;
    char text[240];
    char words[240];

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_tcp_connect(&r.stream, "127.0.0.1", proa_listener_port(l), NULL));
    ck_ok(proa_accept(l, &other));
    snprintf(words, sizeof words, "stream %p, tcp 127.0.0.1:%d, descriptor %d", (void *)r.stream,
             proa_listener_port(l), proa_stream_fd(r.stream));
    ck_ok(proa_stream_describe(r.stream, text, sizeof text));
    ck_assert_str_eq(text, words);
    {
        PROA_GROUP(g);
        ck_ok(
            proa_create_task_opts(&g, NULL, read_one, r.stream, PROA_TASK_OPTS(.name = "reader")));
        yield_some();
        ck_ok(proa_tasks_walk(is_reading, &r));
        ck_assert(r.seen);
        proa_group_cancel(&g);
    }
    proa_abort(r.stream);
    proa_abort(other);
    proa_listener_free(l);
    return 0;
}
START_TEST(aio_dbg_03_a_stream_shows_kind_peer_and_descriptor)
{
    t_run(stream_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("net_describe", (const TTest *const[]){
                                      aio_dbg_03_a_listener_shows_addresses_and_waiters,
                                      aio_dbg_03_a_stream_shows_kind_peer_and_descriptor,
                                      NULL,
                                  });
}
