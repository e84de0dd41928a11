#include "client/session.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/buf.h>
#include <proa/group.h>
#include <proa/session.h>
#include <proa/task.h>

#include <stdio.h>
#include <string.h>

/* Kept connections over sockets, and what ends them. In edge-triggered mode what comes together
 * gives one edge, and a reset gives no sign of its own in it. */

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct kept {
    struct proa_session *session;
    char url[64];
    int rc;
    int status;
};

/* POST, which is never sent twice: on a dead connection it fails. */
static int post_task(void *arg)
{
    struct kept *k = arg;
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};

    proa_buf_init(&body, 100);
    k->rc = proa_session_post(k->session, &resp, k->url, NULL);
    k->status = k->rc < 0 ? 0 : proa_client_response_status(resp);
    if (k->rc == 0)
        k->rc = proa_client_response_read(resp, &body);
    return 0;
}

enum ending {
    WITH_THE_RESPONSE,
    IDLE_RST,
    IDLE_DATA_RST,
    IDLE_DATA_FIN,
    IDLE_FIN,
    IDLE_DATA,
    ENDINGS
};

static void finish(int fd, enum ending ending)
{
    if (ending == IDLE_DATA_RST || ending == IDLE_DATA_FIN || ending == IDLE_DATA)
        t_peer_say(fd, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    if (ending == IDLE_DATA_FIN || ending == IDLE_FIN)
        t_peer_fin(fd);
    if (ending == IDLE_DATA_RST || ending == IDLE_RST || ending == WITH_THE_RESPONSE)
        t_peer_rst(fd);
}

/* A request up to the response, after which the peer may do more before we have seen it. */
static int answer_one(struct kept *k, int listening, int port, const enum ending *ending)
{
    PROA_GROUP(g);
    *k = (struct kept){.session = k->session, .rc = 1};
    snprintf(k->url, sizeof k->url, "http://127.0.0.1:%d/", port);
    ck_ok(proa_create_task(&g, post_task, k));
    t_turns(8);
    int fd = t_peer_accept(listening);
    t_turns(8);
    ck_assert_int_gt((int)t_peer_drain(fd), 0);
    t_peer_say(fd, OK);
    if (ending)
        finish(fd, *ending);
    ck_ok(proa_group_join(&g));
    ck_ok(k->rc);
    ck_assert_int_eq(k->status, 200);
    return fd;
}

static int kept_body(void *arg)
{
    enum ending ending = *(enum ending *)arg;
    struct kept k = {0};
    int port;
    int listening = t_peer_listen(&port);

    ck_ok(proa_session_new(&k.session, NULL));
    int first = answer_one(&k, listening, port, ending == WITH_THE_RESPONSE ? &ending : NULL);
    if (ending != WITH_THE_RESPONSE) {
        t_turns(8); /* it is idle in the pool */
        finish(first, ending);
        t_turns(8);
    }
    ck_assert_uint_eq(k.session->pool.open, 0); /* thrown out, before anybody needs it */
    int second = answer_one(&k, listening, port, NULL);
    ck_assert_uint_eq(k.session->pool.open, 1);
    proa_session_close(k.session);
    if (ending == IDLE_DATA_FIN || ending == IDLE_FIN || ending == IDLE_DATA)
        t_peer_close(first);
    t_peer_close(second);
    t_peer_close(listening);
    t_turns(4);
    return 0;
}

START_TEST(a_kept_connection_that_ends_leaves_the_pool)
{
    enum ending ending = (enum ending)_i;

    t_run(kept_body, &ending);
}
END_TEST

int main(void)
{
    const TTest *const none[] = {NULL};
    const struct t_table tables[] = {
        {a_kept_connection_that_ends_leaves_the_pool, ENDINGS},
        {NULL, 0},
    };
    return t_main_tables("kept", none, tables);
}
