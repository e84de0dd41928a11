#include "core/loop.h"
#include "core/sched.h"
#include "served.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>
#include <sys/resource.h>

/* Options and routes that are checked before anything is served. */

#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int names_itself(struct proa_request *req, struct proa_response *resp, void *arg)
{
    proa_response_set_header(resp, "Server", "other/2");
    return hello(req, resp, arg);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_get(app, "/named", names_itself, NULL);
    return app;
}

/* ---- server_name */

static int name_is_copied_body(void *arg)
{
    struct proa_app *app = make_app();
    char name[] = "proa/1 (test)";
    struct proa_server *server = served_start(app, PROA_SERVER_OPTS(.server_name = name));

    (void)arg;
    memset(name, '\n', sizeof name - 1);
    ck_str_eq(field_of(ask(server, LAST("/")), "Server"), "proa/1 (test)");
    ck_str_eq(field_of(ask(server, LAST("/none")), "Server"), "proa/1 (test)");
    ck_str_eq(field_of(ask(server, "BAD\r\n\r\n"), "Server"), "proa/1 (test)");
    const char *text = ask(server, LAST("/named"));
    ck_str_eq(field_of(text, "Server"), "other/2");
    ck_assert_int_eq(fields_of(text, "Server"), 1);
    served_end(server, app);
    return 0;
}

START_TEST(a_server_name_is_copied_and_sent_unless_the_handler_says_another)
{
    t_run(name_is_copied_body, NULL);
}
END_TEST

SERVED_TEST(no_server_name_is_sent_unasked, make_app)
{
    ck_assert_int_eq(fields_of(ask(server, LAST("/")), "Server"), 0);
}

static int bad_name_body(void *arg)
{
    static const char *const bad[] = {"", "a\rb", "a\nb", "proa\r\nX: 1", "a\x01z", "a\x7f"};
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;

    (void)arg;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_err(proa_server_start(&server, app,
                                 PROA_SERVER_OPTS(.no_listen = true, .server_name = bad[i])),
               PROA_EINVAL);
        ck_assert_str_eq(proa_err_detail(PROA_EINVAL),
                         "server_name may not be a header field's value");
        ck_err(proa_app_serve(app, PROA_SERVER_OPTS(.no_listen = true, .server_name = bad[i])),
               PROA_EINVAL);
    }
    ck_assert_ptr_null(server);
    proa_app_free(app); /* no failed start counts as using it */
    return 0;
}

START_TEST(a_server_name_that_may_not_be_sent_is_einval)
{
    t_run(bad_name_body, NULL);
}
END_TEST

/* ---- times */

static size_t timers(void)
{
    const struct proa_loop *loop = proa__loop_current();

    return proa__timers_count(loop) - timer_running(&loop->sched->tidy.timer);
}

/* Not a time that is far away: none. */
static int forever_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(
        app, PROA_SERVER_OPTS(.head_timeout = PROA_FOREVER, .idle_timeout = PROA_FOREVER));
    struct proa_stream *s = served_connect(server, NULL);

    (void)arg;
    ck_assert_uint_eq(timers(), 0);
    ck_ok(proa_sleep(PROA_HOUR));
    say(s, "GET / HTTP/1.1\r\n");
    ck_ok(proa_sleep(PROA_HOUR));
    say(s, "Host: h\r\n\r\n");
    ck_assert_int_eq(status_of(hear_some(s)), 200);
    ck_assert_uint_eq(timers(), 0);
    ck_ok(proa_sleep(PROA_HOUR));
    say(s, LAST("/"));
    ck_assert_int_eq(status_of(hear_all(s)), 200);
    proa_abort(s);
    served_end(server, app);
    return 0;
}

START_TEST(forever_lifts_the_times_of_a_connection)
{
    t_run(forever_body, NULL);
}
END_TEST

/* ---- connections */

/* How many connections a server takes that was told nothing, where a process may have so many
 * files. */
static size_t default_with(rlim_t files)
{
    struct rlimit limit;
    struct proa_app *app = make_app();

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = files;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct proa_server *server = served_start(app, NULL);
    size_t n = server->opts.max_connections;
    served_end(server, app);
    return n;
}

static int default_body(void *arg)
{
    struct rlimit limit;

    (void)arg;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(default_with(100), 64); /* none would be too few */
    ck_assert_uint_eq(default_with(128), 64);
    ck_assert_uint_eq(default_with(129), 65);
    ck_assert_uint_eq(default_with(1000), 936);
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= 20000) {
        ck_assert_uint_eq(default_with(10063), 9999);
        ck_assert_uint_eq(default_with(10064), 10000);
        ck_assert_uint_eq(default_with(20000), 10000);
    }
    return 0;
}

START_TEST(connections_leave_64_files_to_the_program)
{
    t_run(default_body, NULL);
}
END_TEST

/* ---- routes */

static void refused_method(const char *method, const char *words)
{
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;

    proa_app_route(app, method, "/x", hello, NULL, NULL);
    ck_err(proa_app_error(app), PROA_EROUTE);
    ck_assert_str_eq(proa_err_detail(PROA_EROUTE), words);
    ck_err(proa_server_start(&server, app, PROA_SERVER_OPTS(.no_listen = true)), PROA_EROUTE);
    ck_assert_str_eq(proa_err_detail(PROA_EROUTE), words);
    proa_app_free(app);
}

static int unknown_method_body(void *arg)
{
    (void)arg;
    refused_method("FROB", "route \"/x\": no request has the method \"FROB\"");
    refused_method("get", "route \"/x\": no request has the method \"get\"");
    refused_method("", "route \"/x\": no request has the method \"\"");
    return 0;
}

START_TEST(a_route_of_an_unknown_method_is_eroute)
{
    t_run(unknown_method_body, NULL);
}
END_TEST

static struct proa_app *make_methods(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_route(app, "PATCH", "/x", hello, NULL, NULL);
    proa_app_route(app, "*", "/y", hello, NULL, NULL);
    ck_ok(proa_app_error(app));
    return app;
}

SERVED_TEST(a_route_may_have_any_known_method, make_methods)
{
    ck_assert_int_eq(status_of(ask(server, "PATCH /x HTTP/1.1\r\nHost: h\r\n\r\n")), 200);
    ck_assert_int_eq(status_of(ask(server, "PATCH /y HTTP/1.1\r\nHost: h\r\n\r\n")), 200);
    ck_assert_int_eq(status_of(ask(server, LAST("/x"))), 405);
}

/* ---- options of a newer library */

static int newer_body(void *arg)
{
    struct {
        struct proa_server_opts known;
        int unknown;
    } opts = {.known = {.size = sizeof opts, .no_listen = true}, .unknown = 1};
    struct proa_app *app = make_app();
    struct proa_server *server = NULL;

    (void)arg;
    ck_err(proa_server_start(&server, app, &opts.known), PROA_E2BIG);
    opts.unknown = 0;
    ck_ok(proa_server_start(&server, app, &opts.known));
    ck_ok(proa_yield());
    served_end(server, app);
    return 0;
}

START_TEST(options_of_a_newer_library_are_e2big_unless_unset)
{
    t_run(newer_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("settings",
                  (const TTest *const[]){
                      a_server_name_is_copied_and_sent_unless_the_handler_says_another,
                      no_server_name_is_sent_unasked, a_server_name_that_may_not_be_sent_is_einval,
                      forever_lifts_the_times_of_a_connection,
                      connections_leave_64_files_to_the_program,
                      a_route_of_an_unknown_method_is_eroute, a_route_may_have_any_known_method,
                      options_of_a_newer_library_are_e2big_unless_unset, NULL});
}
