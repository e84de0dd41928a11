#include "scripted.h"

#include "client/session.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <stdio.h>
#include <stdlib.h>

struct peer peer;
struct proa_session *session;
static struct proa_group *servers;
static struct got last;

/* ---- servers */

struct visit {
    struct proa_stream *s;
    int connection;
    bool secure;
    char origin[120];
};

static size_t length_of(const char *head)
{
    const char *field = strstr(head, "Content-Length: ");

    return field ? strtoul(field + 16, NULL, 10) : 0;
}

static void note_head(const struct visit *v, struct heard *h, struct proa_str head)
{
    size_t n = head.n < sizeof h->head ? head.n : sizeof h->head - 1;

    memcpy(h->head, head.p, n);
    h->head[n] = 0;
    h->body_n = 0;
    h->connection = v->connection;
    strcpy(h->origin, v->origin);
}

static int hear_body(struct visit *v, struct heard *h)
{
    size_t length = length_of(h->head);
    char piece[256];

    while (h->body_n < length) {
        size_t left = length - h->body_n;
        ssize_t n = proa_read(v->s, piece, left < sizeof piece ? left : sizeof piece);
        if (n <= 0)
            return n < 0 ? (int)n : PROA_EEOF;
        if (h->body_n < sizeof h->body)
            memcpy(h->body + h->body_n, piece,
                   (size_t)n < sizeof h->body - h->body_n ? (size_t)n : sizeof h->body - h->body_n);
        h->body_n += (size_t)n;
    }
    return 0;
}

static int say(struct visit *v, const struct scene *scene)
{
    size_t done; /* a client that has heard enough closes: that is no failure of the test */
    int rc = scene->after ? proa_sleep(scene->after) : 0;

    if (rc < 0 || !scene->says)
        return rc;
    return proa_write(v->s, scene->says, scene->n ? scene->n : strlen(scene->says), &done);
}

static int answer(struct visit *v, struct heard *h, const struct scene *scene)
{
    int rc = 0;

    if (!scene->early && !scene->deaf)
        rc = hear_body(v, h);
    if (rc == 0)
        rc = say(v, scene);
    if (rc == 0 && scene->early && !scene->deaf)
        rc = hear_body(v, h);
    return rc;
}

static void sit(struct visit *v)
{
    while (proa_sleep(PROA_SEC) == 0 && !proa__stream_is_closed(v->s))
        ;
}

static int visit(struct visit *v)
{
    for (;;) {
        ck_assert_uint_lt(peer.n_heard, sizeof peer.heard / sizeof peer.heard[0]);
        static const struct proa_str end = {"\r\n\r\n", 4};
        struct proa_str head;
        int rc = proa_read_until(v->s, &head, &end, 1, 1 << 16, NULL);
        if (rc < 0)
            return rc;
        ck_assert_msg(peer.n_heard < peer.n_scenes, "no scene %zu for %.*s", peer.n_heard,
                      PROA_PRI(head));
        const struct scene *scene = &peer.scenes[peer.n_heard];
        struct heard *h = &peer.heard[peer.n_heard++];
        note_head(v, h, head);
        rc = answer(v, h, scene);
        if (rc < 0 || scene->end == SCENE_FIN)
            return rc;
        if (scene->end == SCENE_CUT) {
            proa_stream_free(v->s);
            v->s = NULL;
            return 0;
        }
        if (scene->end == SCENE_SILENT)
            sit(v);
        if (scene->end == SCENE_SILENT)
            return 0;
        if (scene->end == SCENE_RST) {
            proa_abort(v->s);
            v->s = NULL;
            return 0;
        }
    }
}

static int serve(void *arg)
{
    struct visit v = *(struct visit *)arg;
    int rc = 0;

    free(arg);
    peer.open++;
    if (v.secure && !peer.tls) {
        sit(&v);
        rc = PROA_ECLOSED;
    } else if (v.secure) {
        struct proa_stream *lower = v.s;
        v.s = NULL;
        struct proa_tls_info info;
        rc = proa_tls_server(&v.s, lower, peer.tls);
        if (rc == 0 && proa_tls_info(v.s, &info) == 0 && info.resumed)
            peer.resumed++;
    }
    if (rc == 0)
        peer.last_end = rc = visit(&v);
    if (servers && rc == PROA_ENOMEM)
        peer.failed = PROA_ENOMEM;
    if (servers && rc == PROA_ECANCELED)
        peer.failed = PROA_ETASKCANCELED;
    if (v.secure && v.s && peer.tls)
        proa_shutdown(v.s);
    proa_stream_free(v.s);
    peer.open--;
    return 0;
}

static int connect_peer(void *arg, struct proa_stream **ret, const struct proa_url *to)
{
    struct proa_stream *mine, *its;
    int rc = peer.connect_time ? proa_sleep(peer.connect_time) : 0;

    (void)arg;
    if (rc == 0)
        rc = peer.refuse;
    if (rc == 0)
        rc = proa__pair_new(&mine, &its, &peer.network);
    if (rc < 0)
        return rc;
    struct visit *v = calloc(1, sizeof *v);
    *v = (struct visit){.s = its, .connection = peer.opened++, .secure = to->secure};
    snprintf(v->origin, sizeof v->origin, "%.*s://%.*s", PROA_PRI(to->scheme),
             PROA_PRI(to->authority));
    rc = proa_create_task(servers, serve, v);
    if (rc < 0) {
        proa_abort(its);
        proa_abort(mine);
        free(v);
        return rc;
    }
    *ret = mine;
    return 0;
}

void play(const struct scene *scenes, size_t n)
{
    ck_assert_uint_le(n, sizeof peer.scenes / sizeof peer.scenes[0]);
    memcpy(peer.scenes, scenes, n * sizeof *scenes);
    peer.n_scenes = n;
    peer.n_heard = 0;
}

/* ---- sessions */

int try_session(struct proa_session **ret, const struct proa_session_opts *opts)
{
    int rc = proa_session_new(ret, opts);

    if (rc == 0)
        (*ret)->connect = connect_peer;
    return rc;
}

void open_session(const struct proa_session_opts *opts)
{
    ck_ok(try_session(&session, opts));
}

static int read_all(struct proa_client_response *resp, struct got *got)
{
    ssize_t n;

    while ((n = proa_client_response_read_some(resp, got->body + got->n,
                                               sizeof got->body - 1 - got->n)) > 0)
        got->n += (size_t)n;
    got->body[got->n] = 0;
    return (int)n;
}

const struct got *fetch(const char *method, const char *url, const struct proa_fetch_opts *opts)
{
    struct proa_client_response *resp = NULL;

    last = (struct got){.rc = proa_session_request(session, &resp, method, url, opts)};
    if (last.rc == 0) {
        last.status = proa_client_response_status(resp);
        last.redirects = proa_client_response_redirects(resp);
        strcpy(last.url, proa_client_response_url(resp));
        last.body_rc = read_all(resp, &last);
        proa_client_response_free(resp);
    }
    return &last;
}

void ck_got(const struct got *got, int status, const char *body)
{
    ck_ok(got->rc);
    ck_ok(got->body_rc);
    ck_assert_int_eq(got->status, status);
    ck_assert_str_eq(got->body, body);
}

/* The clock moves when nobody has anything left to do. */
void settle(void)
{
    ck_ok(proa_sleep(PROA_MS));
}

int scripted_run(t_body_fn *body, void *arg)
{
    int rc, joined;

    memset(&peer, 0, sizeof peer);
    session = NULL;
    {
        PROA_GROUP(group);
        servers = &group;
        rc = body(arg);
        proa_session_free(session);
        session = NULL;
        servers = NULL;
        proa_group_cancel(&group);
        joined = proa_group_join(&group);
    }
    return rc < 0 ? rc : joined;
}

static int call_body(void *body)
{
    ((scripted_fn *)body)();
    return 0;
}

int scripted_frame(void *body)
{
    return scripted_run(call_body, body);
}

/* ---- wires */

void wire_open(struct wire *w, const struct pair_opts *network,
               const struct proa_connection_opts *opts)
{
    struct proa_stream *mine;

    ck_ok(proa__pair_new(&mine, &w->server, network));
    ck_ok(proa_connection_from_stream_steal(&w->c, mine, "http://h/", opts));
}

void wire_close(struct wire *w)
{
    proa_connection_free(w->c);
    proa_stream_free(w->server);
    *w = (struct wire){0};
}

void wire_ask(struct wire *w, const char *method)
{
    PROA_AUTO(proa_prepared) *p = NULL;

    ck_ok(proa_prepared_new(&p, method, "http://h/", NULL, PROA_STR("")));
    ck_ok(proa_connection_send(w->c, p));
}

void wire_say(struct wire *w, const char *text)
{
    ck_ok(proa_write(w->server, text, strlen(text), NULL));
}

void wire_end(struct wire *w)
{
    ck_ok(proa_shutdown(w->server));
}

int wire_body(struct wire *w, char *buf, size_t size, size_t *ret_n)
{
    ssize_t n;

    *ret_n = 0;
    while ((n = proa_connection_read(w->c, buf + *ret_n, size - 1 - *ret_n)) > 0)
        *ret_n += (size_t)n;
    buf[*ret_n] = 0;
    return (int)n;
}
