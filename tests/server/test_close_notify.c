#include "served.h"
#include "support/t_peer.h"
#include "tls/ends.h"

#include <proa/err.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Every orderly end of a connection over TLS says so: a client that reads the end of TLS has not
 * been cut. */

#define ONE "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int breaks(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    ck_ok(proa_response_start(resp, 200, "text/plain"));
    ck_ok(proa_response_write(resp, "half", 4));
    return PROA_ENOENT;
}

static size_t size; /* of the body */

static int sized(struct proa_request *req, struct proa_response *resp, void *arg)
{
    static char bytes[8192];

    (void)req;
    (void)arg;
    return proa_response_static(resp, 200, "text/plain", bytes, size);
}

static struct proa_app *make_app(void)
{
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_get(app, "/breaks", breaks, NULL);
    proa_app_get(app, "/sized", sized, NULL);
    return app;
}

/* A client that has shaken hands, with the server at the other end of it. */
static void connect_over(struct ends *e, struct proa_server *server, const struct pair_opts *net)
{
    ck_ok(t_shake(e, net));
    struct proa_stream *s = e->s;
    e->s = NULL;
    ck_ok(proa_server_add_stream_steal(server, s, true));
}

static void connect_tls(struct ends *e, struct proa_server *server)
{
    connect_over(e, server, NULL);
}

SERVED_TEST(an_idle_tls_connection_is_closed_with_close_notify, make_app)
{
    struct ends e = {0};

    connect_tls(&e, server);
    say(e.c, ONE);
    ck_assert_int_eq(status_of(hear_some(e.c)), 200);
    int64_t began = proa_now();
    ck_assert_str_eq(hear_all(e.c), "");
    ck_assert_int_eq(heard_end(), 0);
    ck_assert_int_eq(proa_now() - began, 75 * PROA_SEC);
    t_leave(&e);
}

SERVED_TEST(a_silent_tls_connection_is_closed_with_close_notify, make_app)
{
    struct ends e = {0};

    connect_tls(&e, server);
    ck_assert_str_eq(hear_all(e.c), "");
    ck_assert_int_eq(heard_end(), 0);
    t_leave(&e);
}

SERVED_TEST(the_last_response_over_tls_is_followed_by_close_notify, make_app)
{
    struct ends e = {0};

    connect_tls(&e, server);
    say(e.c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(status_of(hear_all(e.c)), 200);
    ck_assert_int_eq(heard_end(), 0);
    t_leave(&e);
}

/* The response left no room for it: it follows as soon as there is some. Which size leaves none is
 * OpenSSL's to know. */
static int narrow_body(void *arg)
{
    const struct pair_opts narrow = {.ba.capacity = 4096};
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    size_t from = *(size_t *)arg;

    for (size = from; size < from + 100; size += 11) {
        struct ends e = {0};

        connect_over(&e, server, &narrow);
        say(e.c, "GET /sized HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        ck_ok(proa_sleep(PROA_SEC));
        int64_t began = proa_now();
        ck_assert_int_eq(status_of(hear_all(e.c)), 200);
        ck_assert_int_eq(heard_end(), 0);
        ck_assert_int_eq(proa_now() - began, 0);
        t_leave(&e);
    }
    served_end(server, app);
    return 0;
}

START_TEST(a_close_notify_waits_for_room)
{
    size_t from = 3000 + 100 * (size_t)_i;

    t_run(narrow_body, &from);
}
END_TEST

SERVED_TEST(a_refusal_over_tls_is_followed_by_close_notify, make_app)
{
    struct ends e = {0};

    connect_tls(&e, server);
    say(e.c, "BAD\r\n\r\n");
    ck_assert_int_eq(status_of(hear_all(e.c)), 400);
    ck_assert_int_eq(heard_end(), 0);
    t_leave(&e);
}

SERVED_TEST(a_response_cut_over_tls_is_not_followed_by_close_notify, make_app)
{
    struct ends e = {0};

    log_keep();
    connect_tls(&e, server);
    say(e.c, "GET /breaks HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert_int_eq(status_of(hear_all(e.c)), 200);
    ck_assert_int_lt(heard_end(), 0);
    t_leave(&e);
}

static int stop_body(void *arg)
{
    struct proa_app *app = make_app();
    struct proa_server *server = served_start(app, NULL);
    struct ends e = {0};

    (void)arg;
    connect_tls(&e, server);
    say(e.c, ONE);
    ck_assert_int_eq(status_of(hear_some(e.c)), 200);
    ck_ok(proa_server_stop(server, 5 * PROA_SEC));
    ck_assert_str_eq(hear_all(e.c), "");
    ck_assert_int_eq(heard_end(), 0);
    t_leave(&e);
    proa_server_free(server);
    proa_app_free(app);
    return 0;
}

START_TEST(a_stop_ends_idle_tls_connections_with_close_notify)
{
    t_run(stop_body, NULL);
}
END_TEST

int main(void)
{
    t_openssl_apart();
    return t_main_tables(
        "close_notify",
        (const TTest *const[]){an_idle_tls_connection_is_closed_with_close_notify,
                               a_silent_tls_connection_is_closed_with_close_notify,
                               the_last_response_over_tls_is_followed_by_close_notify,
                               a_refusal_over_tls_is_followed_by_close_notify,
                               a_response_cut_over_tls_is_not_followed_by_close_notify,
                               a_stop_ends_idle_tls_connections_with_close_notify, NULL},
        (const struct t_table[]){{a_close_notify_waits_for_room, 10}, {NULL, 0}});
}
