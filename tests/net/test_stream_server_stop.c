#include "net/serving.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

/* All over pairs: nothing real is watched, so time is the loop's own. */

static struct proa_stream *client;
static int64_t began;

static void open_with(proa_serve_fn *fn)
{
    open_scene_inside(fn, NULL);
    client = new_client(NULL);
    t_turns(2);
    began = proa_now();
}

static void close_with(int rc)
{
    ck_assert_int_eq(scene.ended, 1); /* none runs when a stop returns */
    ck_assert_int_eq(scene.rc, rc);
    ck_assert_int_eq(scene.faults, 0);
    ck_assert_uint_eq(proa_stream_server_clients(scene.server), 0);
    proa_stream_free(client);
    close_scene();
}

static long rest_of_client(void)
{
    char bytes[100];
    ssize_t rc;

    do
        rc = proa_read(client, bytes, sizeof bytes);
    while (rc > 0);
    return rc;
}

static int hang_up(void *arg)
{
    (void)arg;
    proa_sleep(3 * PROA_SEC);
    return proa_shutdown(client);
}

static int drained_body(void *arg)
{
    (void)arg;
    open_with(echo);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, hang_up, NULL));
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, 10 * PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_ABORT, 0)); /* again: nothing to do */
    close_with(0);
    return 0;
}
START_TEST(draining_waits_for_the_handlers)
{
    t_run_modes(drained_body, NULL);
}
END_TEST

static int overdue_body(void *arg)
{
    (void)arg;
    open_with(echo);
    ck_err(proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, 10 * PROA_SEC), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 10 * PROA_SEC);
    ck_assert_int_eq(rest_of_client(), 0);
    close_with(PROA_ECANCELED);
    return 0;
}
START_TEST(after_the_grace_handlers_are_cancelled)
{
    t_run_modes(overdue_body, NULL);
}
END_TEST

static int overdue_stubborn_body(void *arg)
{
    (void)arg;
    open_with(stubborn);
    ck_err(proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, 10 * PROA_SEC), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 15 * PROA_SEC); /* 5 s for last words */
    ck_assert_int_eq(rest_of_client(), PROA_ECONNRESET);
    close_with(PROA_ECLOSED);
    return 0;
}
START_TEST(handlers_that_go_on_talking_are_aborted)
{
    t_run_modes(overdue_stubborn_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    (void)arg;
    open_with(linger);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_CANCEL, PROA_SEC));
    ck_assert_int_eq(proa_now() - began, 0);
    ck_assert_int_eq(rest_of_client(), 0);
    close_with(PROA_ECANCELED);
    open_with(stubborn);
    ck_err(proa_stream_server_stop(scene.server, PROA_STOP_CANCEL, 3 * PROA_SEC), PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    close_with(PROA_ECLOSED);
    return 0;
}
START_TEST(a_cancelling_stop_gives_its_grace_to_the_cancelled)
{
    t_run_modes(cancel_body, NULL);
}
END_TEST

static int abort_body(void *arg)
{
    (void)arg;
    open_with(stubborn);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_ABORT, PROA_FOREVER));
    ck_assert_int_eq(proa_now() - began, 0);
    ck_assert_int_eq(rest_of_client(), PROA_ECONNRESET);
    close_with(PROA_ECLOSED);
    return 0;
}
START_TEST(an_aborting_stop_waits_for_nothing)
{
    t_run_modes(abort_body, NULL);
}
END_TEST

/* It talks although it is told to end; nobody reads. */
static int flood_shielded(struct proa_stream *s, void *arg)
{
    PROA_SHIELD(shield, 20 * PROA_SEC);
    int rc;

    rc = flood(s, arg);
    ck_assert_str_eq(proa_err_detail(rc), "writing to pair: it was aborted");
    ck_assert_int_eq(proa_shutdown(s), PROA_EBROKEN);
    return rc;
}

static int abort_writer_body(void *arg)
{
    (void)arg;
    open_with(flood_shielded);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_ABORT, 0));
    ck_assert_int_eq(proa_now() - began, 0);
    ck_assert_int_eq(rest_of_client(), PROA_ECONNRESET);
    close_with(PROA_EBROKEN);
    return 0;
}
START_TEST(an_abort_ends_a_write_that_waits)
{
    t_run_modes(abort_writer_body, NULL);
}
END_TEST

/* The wrap is done in the turn in which its connection is aborted. */
static int wrap_late(struct proa_stream **ret, struct proa_stream *lower, void *arg)
{
    (void)arg;
    proa_stream_server_abort_clients(scene.server);
    *ret = lower;
    return 0;
}

static int say_shielded(struct proa_stream *s, void *arg)
{
    PROA_SHIELD(shield, PROA_SEC);

    (void)arg;
    scene.began++;
    scene.ended++;
    return scene.rc = proa_write(s, "too late", 8, NULL);
}

static int abort_wrapped_body(void *arg)
{
    (void)arg;
    open_scene_inside(say_shielded, PROA_STREAM_SERVER_OPTS(.wrap = wrap_late));
    client = new_client(NULL);
    t_turns(3);
    ck_assert_int_eq(rest_of_client(), PROA_ECONNRESET);
    close_with(PROA_EBROKEN);
    return 0;
}
START_TEST(an_abort_reaches_what_is_being_wrapped)
{
    t_run_modes(abort_wrapped_body, NULL);
}
END_TEST

/* Its bytes that no handler has read make no reset of the end. */
static int cancel_unread_body(void *arg)
{
    int peer;

    (void)arg;
    open_scene(linger, NULL);
    peer = new_peer();
    t_peer_say(peer, "what nobody reads");
    t_turns(6);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_CANCEL, PROA_SEC));
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);
    close_scene();
    return 0;
}
START_TEST(clients_of_cancelled_handlers_read_an_end)
{
    t_run_modes(cancel_unread_body, NULL);
}
END_TEST

/* Cancelled before its first turn: it runs, and its first call says so. */
static int unborn_body(void *arg)
{
    (void)arg;
    open_scene_inside(linger, NULL);
    client = new_client(NULL);
    began = proa_now();
    proa_stream_server_cancel_clients(scene.server);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, PROA_FOREVER));
    ck_assert_int_eq(proa_now() - began, 0);
    close_with(PROA_ECANCELED);
    return 0;
}
START_TEST(a_handler_that_has_not_begun_is_cancelled_too)
{
    t_run_modes(unborn_body, NULL);
}
END_TEST

/* The caller's own time is over while it drains: the rest is done, and quickly. */
static int caller_cut_body(void *arg)
{
    int rc;

    (void)arg;
    open_with(stubborn);
    {
        PROA_TIMEOUT(t, 2 * PROA_SEC);
        rc = proa_timeout_result(
            &t, proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, PROA_FOREVER));
    }
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    ck_assert_int_eq(proa_now() - began, 7 * PROA_SEC);
    close_with(PROA_ECLOSED);
    return 0;
}
START_TEST(a_cancelled_stop_leaves_no_handler)
{
    t_run_modes(caller_cut_body, NULL);
}
END_TEST

static int for_ever(void *arg)
{
    *(int *)arg = proa_stream_server_serve_forever(scene.server);
    return *(int *)arg;
}

static int forever_body(void *arg)
{
    int rc = 1;

    (void)arg;
    open_with(echo);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, for_ever, &rc));
        t_turns(3);
        ck_assert_int_eq(rc, 1);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(rc, PROA_ECANCELED);
    ck_assert(!proa_stream_server_is_serving(scene.server));
    ck_err(proa_stream_server_serve_forever(scene.server), PROA_ECLOSED);
    close_with(PROA_ECANCELED);

    open_with(echo);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, for_ever, &rc));
        t_turns(3);
        proa_stream_server_close(scene.server);
        ck_ok(proa_shutdown(client));
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(rc, 0); /* somebody else closed it */
    close_with(0);
    return 0;
}
START_TEST(serving_for_ever_ends_with_a_cancel_or_a_close)
{
    t_run_modes(forever_body, NULL);
}
END_TEST

static int stop_long(void *arg)
{
    *(int *)arg = proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, PROA_FOREVER);
    return 0;
}

static int freed_body(void *arg)
{
    int rc[2] = {1, 1};

    (void)arg;
    open_with(stubborn);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, for_ever, &rc[1]));
    ck_ok(proa_create_task(&g, stop_long, &rc[0]));
    t_turns(3);
    proa_stream_server_free(scene.server);
    scene.server = NULL;
    proa_group_join(&g);
    ck_assert_int_eq(rc[0], PROA_ECLOSED);
    ck_assert_int_eq(rc[1], PROA_ECLOSED);
    t_turns(3);
    ck_assert_int_eq(proa_now() - began, 0);
    ck_assert_int_eq(scene.ended, 1);
    ck_assert_int_eq(scene.faults, 0);
    proa_stream_free(client);
    return 0;
}
START_TEST(freeing_a_server_aborts_its_clients_and_tells_who_waits)
{
    t_run_in_order(freed_body, NULL);
}
END_TEST

/* Cancelled and freed in one turn: neither call touches what is gone. */
static int cut_and_freed_body(void *arg)
{
    int rc[2] = {1, 1};

    (void)arg;
    open_with(echo);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, for_ever, &rc[1]));
        ck_ok(proa_create_task(&g, stop_long, &rc[0]));
        t_turns(3);
        proa_group_cancel(&g);
        proa_stream_server_free(scene.server);
        scene.server = NULL;
        proa_group_join(&g);
    }
    ck_assert_int_eq(rc[0], PROA_ECLOSED);
    ck_assert_int_eq(rc[1], PROA_ECLOSED);
    t_turns(3);
    proa_stream_free(client);
    return 0;
}

/* The first who hears of the end frees it under the second. */
static int stop_and_free(void *arg)
{
    *(int *)arg = proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, PROA_FOREVER);
    proa_stream_server_free(scene.server);
    return 0;
}

static int freed_by_first_body(void *arg)
{
    int rc[2] = {1, 1};

    (void)arg;
    open_with(echo);
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, stop_and_free, &rc[0]));
        ck_ok(proa_create_task(&g, stop_long, &rc[1]));
        t_turns(3);
        ck_ok(proa_close(client));
        ck_ok(proa_group_join(&g));
    }
    ck_assert_int_eq(rc[0], 0);
    ck_assert_int_eq(rc[1], 0);
    return 0;
}
START_TEST(a_server_may_be_freed_under_those_who_wait)
{
    t_run_in_order(cut_and_freed_body, NULL);
    t_run_in_order(freed_by_first_body, NULL);
}
END_TEST

/* ---- misuse */

static int stop_from_inside(struct proa_stream *s, void *arg)
{
    (void)s;
    (void)arg;
    return proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, PROA_SEC);
}

static int inside_body(void *arg)
{
    (void)arg;
    open_with(stop_from_inside);
    return proa_sleep(PROA_SEC);
}
START_TEST(a_handler_must_not_wait_for_all_handlers)
{
    t_run_aborts(inside_body, NULL, "called by a handler of the server");
}
END_TEST

static int close_own(struct proa_stream *s, void *arg)
{
    (void)arg;
    return proa_close(s);
}
static int abort_own(struct proa_stream *s, void *arg)
{
    (void)arg;
    proa_abort(s);
    return 0;
}
static int free_own(struct proa_stream *s, void *arg)
{
    (void)arg;
    proa_stream_free(s);
    return 0;
}
static int end_own_body(void *fn)
{
    open_with(*(proa_serve_fn **)fn);
    return proa_sleep(PROA_SEC);
}
START_TEST(a_handler_must_not_end_the_stream_that_was_lent_to_it)
{
    proa_serve_fn *ways[] = {close_own, abort_own, free_own};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        t_run_aborts(end_own_body, &ways[i], ": the server closes the ");
}
END_TEST

static int take_out_and_close(struct proa_stream *s, void *arg)
{
    (void)arg;
    scene.began++;
    ck_ok(proa_stream_server_detach(scene.server, s));
    ck_ok(proa_close(s));
    scene.ended++;
    return 0;
}
static int taken_out_body(void *arg)
{
    (void)arg;
    open_with(take_out_and_close);
    ck_ok(proa_stream_server_stop(scene.server, PROA_STOP_DRAIN, PROA_SEC));
    close_with(0);
    return 0;
}
START_TEST(what_was_taken_out_is_the_handlers_to_end)
{
    t_run(taken_out_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("stream_server_stop", (const TTest *const[]){
                                            draining_waits_for_the_handlers,
                                            after_the_grace_handlers_are_cancelled,
                                            handlers_that_go_on_talking_are_aborted,
                                            a_cancelling_stop_gives_its_grace_to_the_cancelled,
                                            an_aborting_stop_waits_for_nothing,
                                            an_abort_ends_a_write_that_waits,
                                            an_abort_reaches_what_is_being_wrapped,
                                            clients_of_cancelled_handlers_read_an_end,
                                            a_handler_that_has_not_begun_is_cancelled_too,
                                            a_cancelled_stop_leaves_no_handler,
                                            a_handler_must_not_end_the_stream_that_was_lent_to_it,
                                            what_was_taken_out_is_the_handlers_to_end,
                                            serving_for_ever_ends_with_a_cancel_or_a_close,
                                            freeing_a_server_aborts_its_clients_and_tells_who_waits,
                                            a_server_may_be_freed_under_those_who_wait,
                                            a_handler_must_not_wait_for_all_handlers,
                                            NULL,
                                        });
}
