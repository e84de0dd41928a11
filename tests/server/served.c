#include "served.h"

#include <proa/buf.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

static char heard[1 << 20];

struct proa_server *served_start(struct proa_app *app, const struct proa_server_opts *opts)
{
    struct proa_server_opts o = opts ? *opts : (struct proa_server_opts){.size = sizeof o};
    struct proa_server *server = NULL;

    o.no_listen = true;
    ck_ok(proa_server_start(&server, app, &o));
    proa_yield(); /* its task runs now */
    return server;
}

void served_end(struct proa_server *server, struct proa_app *app)
{
    ck_ok(proa_server_stop(server, 5 * PROA_SEC));
    proa_server_free(server);
    proa_yield();
    proa_app_free(app);
}

struct proa_stream *served_connect(struct proa_server *server, const struct pair_opts *network)
{
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;

    ck_ok(proa__pair_new(&mine, &its, network));
    ck_ok(proa_server_add_stream_steal(server, its, false));
    return mine;
}

void say_all(struct proa_stream *s, const char *bytes, size_t n)
{
    size_t done;

    /* A server that has heard enough closes: what it does not take is no failure of the test. */
    if (proa_write(s, bytes, n, &done) == 0)
        proa_shutdown(s);
}

const char *hear_all(struct proa_stream *s)
{
    size_t n = 0;
    ssize_t got;

    while ((got = proa_read(s, heard + n, sizeof heard - 1 - n)) > 0)
        n += (size_t)got;
    heard[n] = 0;
    return heard;
}

const char *ask(struct proa_server *server, const char *request)
{
    struct proa_stream *s = served_connect(server, NULL);

    say_all(s, request, strlen(request));
    hear_all(s);
    proa_abort(s);
    return heard;
}

int status_of(const char *text)
{
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0;
}

int responses_in(const char *text)
{
    int n = 0;

    for (; (text = strstr(text, "HTTP/1.1 ")); text += 9)
        n++;
    return n;
}

const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    ck_assert_ptr_nonnull(end);
    return end + 4;
}
