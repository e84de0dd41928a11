#include "net/serving.h"

#include <proa/fault.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>

struct scene scene;

static int on_fault(const struct proa_fault *fault, void *arg)
{
    (void)arg;
    scene.faults++;
    scene.fault_rc = fault->rc;
    snprintf(scene.fault, sizeof scene.fault, "%s: %s", fault->task, fault->detail);
    return 0;
}

void open_scene(proa_serve_fn *fn, const struct proa_stream_server_opts *opts)
{
    scene = (struct scene){0};
    proa_fault_set(on_fault, NULL);
    ck_ok(proa_start_server(&scene.server, "127.0.0.1", 0, fn, NULL, opts));
}

void open_scene_inside(proa_serve_fn *fn, const struct proa_stream_server_opts *opts)
{
    scene = (struct scene){0};
    proa_fault_set(on_fault, NULL);
    ck_ok(proa_stream_server_new(&scene.server, fn, NULL, opts));
}

void close_scene(void)
{
    proa_stream_server_free(scene.server);
    scene.server = NULL;
    for (int i = 0; i < 100 && scene.ended < scene.began; i++)
        t_turns(1);
    t_turns(2);
    ck_assert_int_eq(scene.ended, scene.began);
    proa_fault_set(NULL, NULL);
}

int new_peer(void)
{
    return t_peer_connect_port(proa_stream_server_port(scene.server));
}

struct proa_stream *new_client(const struct pair_opts *opts)
{
    struct proa_stream *near, *far;

    ck_ok(proa__pair_new(&near, &far, opts));
    ck_ok(proa_stream_server_add_stream_steal(scene.server, far));
    return near;
}

static int ended(ssize_t rc)
{
    scene.ended++;
    scene.rc = (int)rc;
    return (int)rc;
}

int echo(struct proa_stream *s, void *arg)
{
    char bytes[64];
    ssize_t rc;

    (void)arg;
    scene.began++;
    while ((rc = proa_read(s, bytes, sizeof bytes)) > 0) {
        rc = proa_write(s, bytes, (size_t)rc, NULL);
        if (rc < 0)
            break;
    }
    return ended(rc);
}

int flood(struct proa_stream *s, void *arg)
{
    const size_t n = 16 << 20;
    char *bytes = calloc(1, n);
    int rc;

    (void)arg;
    ck_assert_ptr_nonnull(bytes);
    scene.began++;
    rc = proa_write(s, bytes, n, NULL);
    free(bytes);
    return ended(rc);
}

int linger(struct proa_stream *s, void *arg)
{
    (void)s;
    (void)arg;
    scene.began++;
    return ended(proa_sleep(60 * PROA_SEC));
}

int stubborn(struct proa_stream *s, void *arg)
{
    char byte;
    int rc;

    (void)arg;
    scene.began++;
    rc = proa_sleep(60 * PROA_SEC);
    {
        PROA_SHIELD(shield, 20 * PROA_SEC);
        if (proa_read(s, &byte, 1) < 0) /* an abort ends it */
            rc = PROA_ECLOSED;
    }
    return ended(rc);
}
