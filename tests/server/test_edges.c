/*
 * What a client can do at once, met by a whole server on real sockets: data and an end, data and a
 * reset, an end, a reset, data; each on a connection that is idle, in a head, in a body, in a
 * handler, in a long response, or lingers. Edge-triggered, what comes together gives one edge: each
 * of these hangs if a bit is cleared too early, and spins if one is never cleared. Nothing is lost,
 * nothing is left.
 */

#include "core/group.h"
#include "served.h"
#include "server/server.h"
#include "support/t_peer.h"

#include <proa/sync.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those that TCP alone has are last. */
enum happening { DATA_FIN, FIN, DATA, DATA_RST, RST, EVENTS, UNIX_EVENTS = DATA + 1 };

enum {
    BIG = 16 << 20 /* bytes of a response that no socket takes at once: Linux may give a sender 4
                      MiB */
};

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- how often the loop asks the kernel */

static unsigned waits;

PROA_API int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    waits++;
    return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, (size_t)8);
}

/* For a moment nothing happens: the loop sleeps, however many connections are in whatever state. */
static void ck_quiet(void)
{
    t_turns(3);
    unsigned before = waits;
    ck_ok(proa_sleep(5 * PROA_MS));
    ck_assert_msg(waits - before <= 20, "the loop turned %u times for nothing", waits - before);
}

/* ---- the server */

static struct proa_server *server;
static struct proa_event *go; /* what /wait waits for */
static int peer;              /* the client's socket */
static int calls, body_rc, write_rc;
static char bytes[16384];

static int hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    calls++;
    return proa_response_text(resp, 200, "hello");
}

static int echo(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;

    (void)arg;
    calls++;
    body_rc = proa_request_read_body(req, &body);
    return body_rc < 0 ? body_rc : proa_response_bytes(resp, 200, "text/plain", body.p, body.n);
}

static int waits_go(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    calls++;
    int rc = proa_event_wait(go);
    return rc < 0 ? rc : proa_response_text(resp, 200, "waited");
}

static int floods(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    calls++;
    memset(bytes, 'x', sizeof bytes);
    proa_response_set_length(resp, BIG);
    write_rc = proa_response_start(resp, 200, "text/plain");
    for (size_t n = 0; n < BIG && write_rc == 0; n += sizeof bytes)
        write_rc = proa_response_write(resp, bytes, sizeof bytes);
    return write_rc;
}

struct scene {
    void (*body)(enum happening event);
    int i; /* an event over TCP; then over a UNIX socket */
};

static int connect_peer(const struct scene *scene)
{
    struct proa_addr addr;

    if (scene->i < EVENTS)
        return t_peer_connect_port(proa_server_port(server, 0));
    ck_ok(proa_addr_unix(&addr, t_peer_name("edges")));
    return t_peer_connect(&addr);
}

static int scene_body(void *arg)
{
    const struct scene *scene = arg;
    struct proa_app *app = NULL;
    struct proa_bind binds[] = {{.host = "127.0.0.1"}, {.unix_path = t_peer_name("edges")}};

    calls = 0;
    body_rc = write_rc = 1;
    ck_ok(proa_event_new(&go));
    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", hello, NULL);
    proa_app_post(app, "/", echo, NULL);
    proa_app_get(app, "/wait", waits_go, NULL);
    proa_app_get(app, "/flood", floods, NULL);
    ck_ok(proa_server_start(&server, app, PROA_SERVER_OPTS(.binds = binds, .n_binds = 2)));
    proa_yield();
    peer = connect_peer(scene);
    t_turns(4);
    ck_assert_uint_eq(proa_server_connections(server), 1);
    scene->body((enum happening)(scene->i % EVENTS));
    t_turns(8);
    ck_assert_uint_eq(proa_server_connections(server), 0);
    ck_assert_uint_eq(group_of(server->group)->running, 0);
    ck_quiet();
    served_end(server, app);
    proa_event_free(go);
    return 0;
}

/* ---- the client */

static bool has_data(enum happening event)
{
    return event == DATA_FIN || event == DATA_RST || event == DATA;
}

static bool is_reset(enum happening event)
{
    return event == DATA_RST || event == RST;
}

static bool is_fin(enum happening event)
{
    return event == DATA_FIN || event == FIN;
}

static void happen(enum happening event, const char *data)
{
    if (has_data(event))
        t_peer_say(peer, data);
    if (is_fin(event))
        t_peer_fin(peer);
    if (is_reset(event))
        t_peer_rst(peer);
    t_turns(8);
}

static char got[BIG + 4096];

/* All that has come and comes until the end, or nothing more. */
static const char *hear(void)
{
    size_t n = 0;
    long some;

    for (int silent = 0; silent < 10; silent++) {
        while ((some = t_peer_recv(peer, got + n, sizeof got - 1 - n)) > 0) {
            n += (size_t)some;
            silent = 0;
        }
        if (some == 0)
            break;
        t_turns(1);
    }
    got[n] = 0;
    return got;
}

/* The client hears `n` responses, the last with that body; a reset one hears nothing. Then it
 * leaves. */
static void ck_heard(enum happening event, int n, const char *body)
{
    ck_quiet();
    if (is_reset(event))
        return;
    const char *text = hear();
    ck_assert_int_eq(responses_in(text), n);
    if (n)
        ck_assert_str_eq(text + strlen(text) - strlen(body), body);
    if (is_fin(event))
        ck_assert(t_peer_at_end(peer)); /* closed by the server too */
    else
        ck_assert_int_lt(t_peer_recv(peer, got, 1), 0);
    t_peer_close(peer);
}

#define EDGES(name)                                                                                \
    static void name##_body(enum happening event);                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(scene_body, &(struct scene){name##_body, _i});                                       \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(enum happening event)

/* ---- idle */

EDGES(on_a_fresh_connection)
{
    happen(event, GET);
    ck_assert_int_eq(calls, has_data(event));
    ck_heard(event, has_data(event), "hello");
}

EDGES(on_a_kept_connection)
{
    for (int i = 0; i < 3; i++) {
        t_peer_say(peer, GET);
        t_turns(8);
        ck_assert_int_eq(responses_in(hear()), 1);
    }
    ck_quiet();
    happen(event, GET);
    ck_assert_int_eq(calls, 3 + has_data(event));
    ck_heard(event, has_data(event), "hello");
}

/* ---- in a message */

EDGES(in_a_head)
{
    t_peer_say(peer, "GET / HTTP/1.1\r\nHo");
    ck_quiet();
    happen(event, "st: h\r\n\r\n");
    ck_assert_int_eq(calls, has_data(event));
    ck_heard(event, has_data(event), "hello");
}

EDGES(in_a_body)
{
    t_peer_say(peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nfirst");
    ck_quiet();
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(body_rc, 1);
    happen(event, "later");
    if (has_data(event)) /* complete, whatever came behind it */
        ck_ok(body_rc);
    else
        ck_err(body_rc, is_reset(event) ? PROA_ECONNRESET : PROA_EEOF);
    ck_heard(event, has_data(event), "firstlater");
}

EDGES(in_a_chunk)
{
    t_peer_say(peer, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfi");
    ck_quiet();
    happen(event, "rst\r\n0\r\n\r\n");
    if (has_data(event))
        ck_ok(body_rc);
    else
        ck_err(body_rc, is_reset(event) ? PROA_ECONNRESET : PROA_EEOF);
    ck_heard(event, has_data(event), "first");
}

/* ---- while a task has the connection */

EDGES(in_a_handler)
{
    t_peer_say(peer, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_quiet();
    happen(event, GET); /* pipelined: none of the handler's business */
    ck_quiet();
    ck_assert_int_eq(calls, 1);
    proa_event_set(go);
    t_turns(8);
    if (is_reset(event)) /* his answer meets nobody, and nothing behind it is served */
        ck_assert_int_eq(calls, 1);
    else
        ck_assert_int_eq(calls, 1 + has_data(event));
    ck_heard(event, 1 + has_data(event), has_data(event) ? "hello" : "waited");
}

EDGES(in_a_long_response)
{
    t_peer_say(peer, "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_quiet();
    ck_assert_int_eq(write_rc, 0);
    ck_assert_uint_eq(group_of(server->group)->running, 1); /* it waits for room */
    happen(event, GET);
    ck_quiet();
    if (is_reset(event)) {
        ck_assert_msg(write_rc == PROA_ECONNRESET || write_rc == PROA_EPIPE, "got %s",
                      proa_err_name(write_rc));
        return;
    }
    ck_assert_uint_eq(group_of(server->group)->running, 1); /* an end stops no response */
    const char *text = hear();
    ck_ok(write_rc);
    ck_assert_int_eq(status_of(text), 200);
    ck_assert_uint_eq(strspn(body_of(text), "x"), BIG); /* whole */
    ck_assert_int_eq(calls, 1 + has_data(event));
    ck_assert_int_eq(responses_in(body_of(text) + BIG), has_data(event));
    ck_assert(t_peer_at_end(peer) == is_fin(event));
    t_peer_close(peer);
}

/* ---- after the last response */

EDGES(on_a_connection_that_lingers)
{
    t_peer_say(peer, "BAD\r\n\r\nmore");
    ck_quiet();
    ck_assert_uint_eq(proa_server_connections(server), 1);
    happen(event, GET);
    ck_assert_int_eq(calls, 0);
    ck_assert_uint_eq(proa_server_connections(server), event == DATA);
    if (is_reset(event))
        return;
    ck_assert_int_eq(status_of(hear()), 400);
    ck_assert(t_peer_at_end(peer));
    t_peer_close(peer);
}

int main(void)
{
    return t_main_tables("edges", (const TTest *const[]){NULL},
                         (const struct t_table[]){
                             {on_a_fresh_connection, EVENTS + UNIX_EVENTS},
                             {on_a_kept_connection, EVENTS + UNIX_EVENTS},
                             {in_a_head, EVENTS + UNIX_EVENTS},
                             {in_a_body, EVENTS + UNIX_EVENTS},
                             {in_a_chunk, EVENTS + UNIX_EVENTS},
                             {in_a_handler, EVENTS + UNIX_EVENTS},
                             {in_a_long_response, EVENTS + UNIX_EVENTS},
                             {on_a_connection_that_lingers, EVENTS + UNIX_EVENTS},
                             {NULL, 0},
                         });
}
