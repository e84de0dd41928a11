#include "served.h"
#include "support/t_peer.h"

#include <proa/err.h>
#include <proa/group.h>
#include <proa/run.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* proa_app_serve as one call among others of a run; its signals are test_signals'. */

#define ONE "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static char url[128];
static int n_urls;

static void keep_url(void *arg, const char *text)
{
    (void)arg;
    n_urls++;
    snprintf(url, sizeof url, "%s", text);
}

static int port_of_url(void)
{
    const char *colon = strrchr(url, ':');

    ck_assert_ptr_nonnull(colon);
    return atoi(colon + 1);
}

/* The status of a GET on a new connection to the port. */
static int get(int port)
{
    char text[1024] = "";
    int fd = t_peer_connect_port(port);

    t_peer_say(fd, ONE);
    t_turns(12);
    long n = t_peer_recv(fd, text, sizeof text - 1);
    t_peer_close(fd);
    return n > 0 ? status_of(text) : 0;
}

static int serve(void *app)
{
    return proa_app_serve(app, PROA_SERVER_OPTS(.listening = keep_url, .drain = PROA_SEC));
}

/* A run that no signal ends, as most of a test's are. */
static int without_signals_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_task_ref ref;

    (void)arg;
    ck_ok(proa_create_task_opts(NULL, &ref, serve, app, NULL));
    t_turns(4);
    ck_assert_int_eq(n_urls, 1);
    int port = port_of_url();
    ck_assert_int_eq(get(port), 200);
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    proa_app_free(app);
    return 0;
}

START_TEST(app_serve_serves_in_a_run_without_signals_until_cancelled)
{
    t_run(without_signals_body, NULL);
}
END_TEST

static int second_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_app *other = hello_app();
    struct proa_task_ref ref;

    (void)arg;
    ck_ok(proa_create_task_opts(NULL, &ref, serve, app, NULL));
    t_turns(4);
    int port = port_of_url();
    ck_err(proa_app_serve(other, PROA_SERVER_OPTS(.listening = keep_url)), PROA_EBUSY);
    ck_assert_str_eq(proa_err_detail(PROA_EBUSY),
                     "this loop serves another app already; proa_server_start serves more");
    proa_app_free(other);
    t_turns(4);
    ck_assert_int_eq(n_urls, 1);
    ck_assert_int_eq(get(port), 200); /* the first one goes on */

    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    n_urls = 0;
    ck_ok(proa_create_task_opts(NULL, &ref, serve, app, NULL)); /* its place is free again */
    t_turns(4);
    ck_assert_int_eq(n_urls, 1);
    ck_assert_int_eq(get(port_of_url()), 200);
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    proa_app_free(app);
    return 0;
}

START_TEST(a_second_app_serve_in_one_loop_is_ebusy_and_the_first_goes_on)
{
    ck_ok(proa_run(second_body, NULL, PROA_RUN_OPTS(.signals = true, .virtual_clock = true)));
}
END_TEST

/* Cancelled, it gives the handlers their time, then cancels them; cancelled again, it is not waited
 * for. */
static int drains_body(void *arg)
{
    struct proa_app *app = hello_app();
    struct proa_task_ref ref;

    (void)arg;
    ck_ok(proa_create_task_opts(NULL, &ref, serve, app, NULL));
    t_turns(4);
    int fd = t_peer_connect_port(port_of_url());
    t_peer_say(fd, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    t_turns(8);
    int64_t began = proa_now();
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_task_join(ref), PROA_ETASKCANCELED);
    ck_assert_int_eq(slept_rc, PROA_ECANCELED);
    ck_assert_int_ge(proa_now() - began, PROA_SEC);
    t_peer_close(fd);
    proa_app_free(app);
    return 0;
}

START_TEST(a_cancelled_app_serve_drains_and_leaves_no_handler)
{
    t_run(drains_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("serve", (const TTest *const[]){
                               app_serve_serves_in_a_run_without_signals_until_cancelled,
                               a_second_app_serve_in_one_loop_is_ebusy_and_the_first_goes_on,
                               a_cancelled_app_serve_drains_and_leaves_no_handler, NULL});
}
